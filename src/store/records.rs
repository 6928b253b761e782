//! The records of one pool, shared with whoever looks at them until they change.

use std::ops::Index;
use std::sync::Arc;

use super::record::Record;

/// Records that are copied together when one of them changes under a snapshot: 8 KiB of them.
pub const CHUNK: usize = 128;

/// The records of one pool, in the order of its identities. A clone is a snapshot: it costs next to
/// nothing, and stays as it is while the original goes on. The first change of a chunk after a
/// clone copies that chunk, later ones do not, so a snapshot costs memory by the number of polls
/// that end while it lives.
#[derive(Clone, Debug)]
pub struct Records {
    chunks: Arc<[Arc<[Record]>]>,
    len: usize,
}

impl Records {
    /// That many records of identities that were never polled.
    pub(super) fn new(len: usize) -> Self {
        let chunk = |start: usize| Arc::from(vec![Record::default(); CHUNK.min(len - start)]);
        Self {
            chunks: (0..len).step_by(CHUNK).map(chunk).collect(),
            len,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of them, in order, [`CHUNK`] at a time but for the last.
    pub fn chunks(&self) -> impl Iterator<Item = &[Record]> {
        self.chunks.iter().map(|chunk| &**chunk)
    }

    /// The records at `number * CHUNK` and behind, at most [`CHUNK`] of them; none behind the last.
    #[must_use]
    pub fn chunk(&self, number: usize) -> &[Record] {
        self.chunks.get(number).map_or(&[], |chunk| chunk)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> &mut Record {
        let chunk = &mut Arc::make_mut(&mut self.chunks)[index / CHUNK];
        &mut Arc::make_mut(chunk)[index % CHUNK]
    }
}

impl Index<usize> for Records {
    type Output = Record;

    fn index(&self, index: usize) -> &Record {
        &self.chunks[index / CHUNK][index % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Failure;
    use crate::clock::{Moment, Mono};

    #[test]
    fn a_snapshot_stays_and_shares_what_did_not_change() {
        let mut records = Records::new(3 * CHUNK - 1);
        let snapshot = records.clone();
        let asked = Moment {
            mono: Mono::START,
            unix: 0.0,
        };
        records.get_mut(CHUNK).apply(Err(Failure::Timeout), asked);
        records
            .get_mut(CHUNK + 1)
            .apply(Err(Failure::Timeout), asked);
        assert_eq!(snapshot[CHUNK], Record::default());
        assert_eq!(records[CHUNK].failure(), Some(Failure::Timeout));
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
        records.get_mut(CHUNK).apply(
            Err(Failure::Timeout),
            Moment {
                mono: Mono::START,
                unix: 0.0,
            },
        );
        assert_eq!(records.chunk(1).as_ptr(), before);
    }

    #[test]
    fn none_is_fine() {
        assert!(Records::new(0).is_empty());
        assert_eq!(Records::new(0).chunks().count(), 0);
    }
}
