//! Values that few identities have, shared with snapshots until they change.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::records::CHUNK;
use crate::job::IdentityIndex;

/// A value for some of a pool's identities. It is chunked like [`super::Records`], and clones share
/// chunks in the same way. A chunk without values takes 8 bytes, for [`CHUNK`] identities.
#[derive(Clone, Debug)]
pub struct SideTable<T> {
    chunks: Arc<[Chunk<T>]>,
}

/// The values of one chunk by position in it; `None` while it has none.
type Chunk<T> = Option<Arc<BTreeMap<u8, T>>>;

const _: () = assert!(CHUNK <= 1 << u8::BITS, "a position in a chunk fits a byte");

impl<T: Clone> SideTable<T> {
    /// A table without values for this many identities.
    pub(super) fn new(identities: usize) -> Self {
        Self {
            chunks: (0..identities.div_ceil(CHUNK)).map(|_| None).collect(),
        }
    }

    #[must_use]
    pub fn get(&self, identity: IdentityIndex) -> Option<&T> {
        let chunk = self.chunks[identity.0 / CHUNK].as_ref()?;
        chunk.get(&position_in_chunk(identity))
    }

    /// All values, in the order of the identities.
    pub fn iter(&self) -> impl Iterator<Item = (IdentityIndex, &T)> {
        let chunks = self.chunks.iter().enumerate();
        chunks
            .filter_map(|(number, chunk)| Some((number, chunk.as_ref()?)))
            .flat_map(|(number, chunk)| {
                let index =
                    move |position: u8| IdentityIndex(number * CHUNK + usize::from(position));
                chunk
                    .iter()
                    .map(move |(position, value)| (index(*position), value))
            })
    }

    /// Sets the value of an identity, or removes it.
    pub(super) fn set(&mut self, identity: IdentityIndex, value: Option<T>) {
        if value.is_none() && self.get(identity).is_none() {
            return;
        }
        let chunk = &mut Arc::make_mut(&mut self.chunks)[identity.0 / CHUNK];
        let values = Arc::make_mut(chunk.get_or_insert_default());
        match value {
            Some(value) => {
                values.insert(position_in_chunk(identity), value);
            }
            None => {
                values.remove(&position_in_chunk(identity));
            }
        }
        if values.is_empty() {
            *chunk = None;
        }
    }
}

fn position_in_chunk(identity: IdentityIndex) -> u8 {
    (identity.0 % CHUNK) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(values: &[(usize, &'static str)]) -> SideTable<&'static str> {
        let mut table = SideTable::new(3 * CHUNK - 1);
        for (identity, value) in values {
            table.set(IdentityIndex(*identity), Some(*value));
        }
        table
    }

    #[test]
    fn values_are_set_and_removed_in_order() {
        let mut table = filled(&[(2 * CHUNK, "c"), (1, "b"), (0, "a"), (1, "B")]);
        let values = |table: &SideTable<&'static str>| -> Vec<_> {
            table
                .iter()
                .map(|(identity, value)| (identity.0, *value))
                .collect()
        };
        assert_eq!(values(&table), [(0, "a"), (1, "B"), (2 * CHUNK, "c")]);
        table.set(IdentityIndex(0), None);
        table.set(IdentityIndex(2), None);
        table.set(IdentityIndex(2 * CHUNK), None);
        assert_eq!(values(&table), [(1, "B")]);
        assert_eq!(table.get(IdentityIndex(1)), Some(&"B"));
        assert_eq!(table.get(IdentityIndex(3 * CHUNK - 2)), None);
        assert!(table.chunks[2].is_none(), "an empty chunk is freed");
    }

    #[test]
    fn a_snapshot_is_immutable_and_shares_unchanged_chunks() {
        let mut table = filled(&[(0, "a"), (CHUNK, "b")]);
        let snapshot = table.clone();
        table.set(IdentityIndex(CHUNK), Some("c"));
        assert_eq!(snapshot.get(IdentityIndex(CHUNK)), Some(&"b"));
        assert_eq!(table.get(IdentityIndex(CHUNK)), Some(&"c"));
        let shared = |number: usize| match (&table.chunks[number], &snapshot.chunks[number]) {
            (Some(current), Some(old)) => Arc::ptr_eq(current, old),
            (current, old) => current.is_none() && old.is_none(),
        };
        assert_eq!([0, 1, 2].map(shared), [true, false, true]);
    }
}
