//! A value for each identity of a pool, shared with snapshots until it changes.

use std::ops::Index;
use std::sync::Arc;

use super::changes::Changes;
use super::record::Record;
use crate::job::IdentityIndex;
use crate::limits::Listing;

/// Number of values that are copied together when one changes while a snapshot exists: 8 KiB of
/// records.
pub const CHUNK: usize = 128;

/// The record of each identity of a pool.
pub type Records = Chunked<Record>;
/// What is kept of the last list of datasets of each identity of a pool.
pub type Listings = Chunked<Listing>;
/// How often each identity of a pool changes.
pub(super) type ChangesOfEach = Chunked<Changes>;

/// A value for each identity of a pool, in their order. A clone is a cheap, immutable snapshot:
/// both share their chunks. The first change of a chunk after a clone copies that chunk; later
/// changes do not. The memory of a snapshot grows with the number of polls that finish while it
/// exists. Chunks of default values take no memory.
#[derive(Clone, Debug)]
pub struct Chunked<T> {
    chunks: Arc<[Arc<[T]>]>,
    len: usize,
}

impl<T: Clone + Default> Chunked<T> {
    /// Default values for `len` identities.
    pub(super) fn new(len: usize) -> Self {
        let full: Arc<[T]> = Arc::from(vec![T::default(); CHUNK.min(len)]);
        let chunk = |start: usize| match len - start {
            rest @ 0..CHUNK => Arc::from(vec![T::default(); rest]),
            _ => Arc::clone(&full),
        };
        Self {
            chunks: (0..len).step_by(CHUNK).map(chunk).collect(),
            len,
        }
    }

    pub(super) fn get_mut(&mut self, IdentityIndex(index): IdentityIndex) -> &mut T {
        let chunk = &mut Arc::make_mut(&mut self.chunks)[index / CHUNK];
        &mut Arc::make_mut(chunk)[index % CHUNK]
    }
}

impl<T> Chunked<T> {
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All values in order, in slices of [`CHUNK`] except for the last.
    pub fn chunks(&self) -> impl Iterator<Item = &[T]> {
        self.chunks.iter().map(|chunk| &**chunk)
    }

    /// The values from `number * CHUNK`, at most [`CHUNK`]. Empty past the last chunk.
    #[must_use]
    pub fn chunk(&self, number: usize) -> &[T] {
        self.chunks.get(number).map_or(&[], |chunk| chunk)
    }
}

impl<T> Index<IdentityIndex> for Chunked<T> {
    type Output = T;

    fn index(&self, IdentityIndex(index): IdentityIndex) -> &T {
        &self.chunks[index / CHUNK][index % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Failure;
    use crate::clock::{Mono, Timestamp};

    #[test]
    fn a_snapshot_is_immutable_and_shares_unchanged_chunks() {
        let mut records = Records::new(3 * CHUNK - 1);
        let snapshot = records.clone();
        let requested_at = Timestamp {
            mono: Mono::START,
            unix: 0.0,
        };
        records
            .get_mut(IdentityIndex(CHUNK))
            .apply(Err(Failure::Timeout), requested_at);
        records
            .get_mut(IdentityIndex(CHUNK + 1))
            .apply(Err(Failure::Timeout), requested_at);
        assert_eq!(snapshot[IdentityIndex(CHUNK)], Record::default());
        assert_eq!(
            records[IdentityIndex(CHUNK)].failure(),
            Some(Failure::Timeout)
        );
        let shared = |number: usize| Arc::ptr_eq(&records.chunks[number], &snapshot.chunks[number]);
        assert_eq!([0, 1, 2].map(shared), [true, false, true]);
        assert_eq!(
            snapshot.chunks().map(<[Record]>::len).sum::<usize>(),
            snapshot.len()
        );
        assert_eq!(snapshot.chunk(2).len(), CHUNK - 1);
        assert!(snapshot.chunk(3).is_empty());
    }

    #[test]
    fn without_a_snapshot_nothing_is_copied() {
        let mut records = Records::new(2 * CHUNK);
        let mut fail = |identity| {
            let at = Timestamp {
                mono: Mono::START,
                unix: 0.0,
            };
            let record = records.get_mut(IdentityIndex(identity));
            record.apply(Err(Failure::Timeout), at);
            records.chunk(1).as_ptr()
        };
        assert_eq!(fail(CHUNK), fail(CHUNK + 1));
    }

    #[test]
    fn chunks_of_defaults_are_one() {
        let records = Records::new(3 * CHUNK + 1);
        let chunks: Vec<_> = records.chunks().map(<[Record]>::as_ptr).collect();
        assert!(chunks[0] == chunks[1] && chunks[1] == chunks[2]);
        assert_eq!(records.chunk(3).len(), 1);
    }

    #[test]
    fn an_empty_pool_has_no_records() {
        assert!(Records::new(0).is_empty());
        assert_eq!(Records::new(0).chunks().count(), 0);
    }
}
