//! The records of one pool, shared with snapshots until they change.

use std::ops::Index;
use std::sync::Arc;

use super::record::Record;
use crate::job::IdentityIndex;

/// Number of records that are copied together when one changes while a snapshot exists: 8 KiB.
pub const CHUNK: usize = 128;

/// The records of one pool, in the order of its identities. A clone is a cheap, immutable snapshot:
/// both share their chunks. The first change of a chunk after a clone copies that chunk; later
/// changes do not. The memory of a snapshot grows with the number of polls that finish while it
/// exists.
#[derive(Clone, Debug)]
pub struct Records {
    chunks: Arc<[Arc<[Record]>]>,
    len: usize,
}

impl Records {
    /// Records of `len` identities that were never polled.
    pub(super) fn new(len: usize) -> Self {
        let chunk = |start: usize| Arc::from(vec![Record::default(); CHUNK.min(len - start)]);
        Self {
            chunks: (0..len).step_by(CHUNK).map(chunk).collect(),
            len,
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All records in order, in slices of [`CHUNK`] except for the last.
    pub fn chunks(&self) -> impl Iterator<Item = &[Record]> {
        self.chunks.iter().map(|chunk| &**chunk)
    }

    /// The records from `number * CHUNK`, at most [`CHUNK`]. Empty past the last chunk.
    #[must_use]
    pub fn chunk(&self, number: usize) -> &[Record] {
        self.chunks.get(number).map_or(&[], |chunk| chunk)
    }

    pub(super) fn get_mut(&mut self, IdentityIndex(index): IdentityIndex) -> &mut Record {
        let chunk = &mut Arc::make_mut(&mut self.chunks)[index / CHUNK];
        &mut Arc::make_mut(chunk)[index % CHUNK]
    }
}

impl Index<IdentityIndex> for Records {
    type Output = Record;

    fn index(&self, IdentityIndex(index): IdentityIndex) -> &Record {
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
        let before = records.chunk(1).as_ptr();
        records.get_mut(IdentityIndex(CHUNK)).apply(
            Err(Failure::Timeout),
            Timestamp {
                mono: Mono::START,
                unix: 0.0,
            },
        );
        assert_eq!(records.chunk(1).as_ptr(), before);
    }

    #[test]
    fn an_empty_pool_has_no_records() {
        assert!(Records::new(0).is_empty());
        assert_eq!(Records::new(0).chunks().count(), 0);
    }
}
