//! Rows that were saved and are not in their place yet.
//!
//! A table by id has some forty rows on a page, and each commit writes whole pages. So rows are
//! appended to a journal first, and go to their places later, in the order of their keys, when so
//! many have gathered that several go to a page at once. That writes, and costs, a tenth.
//!
//! This is the journal as it is in memory: what is to be moved, and which entries of the file's
//! journal are needed no longer.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

/// A row: its key and its value.
pub(super) type Row = (Vec<u8>, Vec<u8>);

/// The journal. Each of its entries holds several rows.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// The latest value of each row that is to be moved, and the number of its entry.
    rows: BTreeMap<Vec<u8>, (u64, Vec<u8>)>,
    /// The number of the first entry that is needed.
    first: u64,
    /// How many rows of each entry from there on are to be moved.
    needed: VecDeque<u32>,
    /// The last key that was moved. The next one after it is moved next.
    cursor: Vec<u8>,
}

impl Journal {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// All rows that are to be moved, in the order of their keys.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.rows
            .iter()
            .map(|(key, (_, value))| (&key[..], &value[..]))
    }

    /// The number of the next entry.
    pub(super) fn next_entry(&self) -> u64 {
        self.first + self.needed.len() as u64
    }

    /// Entries before this one are needed no longer.
    pub(super) fn first_entry(&self) -> u64 {
        self.first
    }

    /// Begins with an entry of this number, when there is none yet.
    pub(super) fn begin_at(&mut self, entry: u64) {
        if self.needed.is_empty() {
            self.first = entry;
        }
    }

    /// Adds the next entry, which was written.
    pub(super) fn add_entry(&mut self, rows: Vec<Row>) {
        let entry = self.next_entry();
        self.needed.push_back(0);
        for (key, value) in rows {
            if let Some((old, _)) = self.rows.insert(key, (entry, value)) {
                self.no_longer_needs(old);
            }
            self.needed[(entry - self.first) as usize] += 1;
        }
        self.forget_entries();
    }

    /// The rows that are moved next, so many, in the order of their keys from where the last time
    /// ended.
    pub(super) fn next(&self, rows: usize) -> impl Iterator<Item = (&[u8], &[u8])> {
        let after = (Bound::Excluded(&self.cursor[..]), Bound::Unbounded);
        let before = (Bound::Unbounded, Bound::Included(&self.cursor[..]));
        let next = self.rows.range::<[u8], _>(after);
        let next = next.chain(self.rows.range::<[u8], _>(before));
        next.map(|(key, (_, value))| (&key[..], &value[..]))
            .take(rows)
    }

    /// The first so many of [`Self::next`] are in their places.
    pub(super) fn moved(&mut self, rows: usize) {
        let keys: Vec<_> = self.next(rows).map(|(key, _)| key.to_vec()).collect();
        for key in &keys {
            if let Some((entry, _)) = self.rows.remove(key) {
                self.no_longer_needs(entry);
            }
        }
        if let Some(last) = keys.into_iter().next_back() {
            self.cursor = last;
        }
        self.forget_entries();
    }

    fn no_longer_needs(&mut self, entry: u64) {
        self.needed[(entry - self.first) as usize] -= 1;
    }

    fn forget_entries(&mut self) {
        while self.needed.front() == Some(&0) {
            self.needed.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: u8, value: u8) -> Row {
        (vec![key], vec![value])
    }

    fn keys(journal: &Journal, rows: usize) -> Vec<u8> {
        journal.next(rows).map(|(key, _)| key[0]).collect()
    }

    #[test]
    fn rows_are_moved_in_the_order_of_their_keys_round_and_round() {
        let mut journal = Journal::default();
        journal.add_entry(vec![row(5, 1), row(1, 1), row(3, 1)]);
        assert_eq!(keys(&journal, 2), [1, 3]);
        journal.moved(2);
        journal.add_entry(vec![row(2, 1), row(9, 1)]);
        assert_eq!(keys(&journal, 9), [5, 9, 2]);
        journal.moved(9);
        assert_eq!((journal.len(), keys(&journal, 9).len()), (0, 0));
    }

    #[test]
    fn an_entry_is_needed_until_the_last_of_its_rows_is_moved_or_written_anew() {
        let mut journal = Journal::default();
        journal.begin_at(7);
        journal.add_entry(vec![row(1, 1), row(2, 1)]);
        journal.add_entry(vec![row(2, 2), row(3, 2)]);
        assert_eq!((journal.first_entry(), journal.next_entry()), (7, 9));
        let latest = journal.rows().find(|(key, _)| *key == [2]);
        assert_eq!(latest, Some((&[2][..], &[2][..])));
        journal.moved(1);
        assert_eq!(journal.first_entry(), 8, "the second row is written anew");
        journal.moved(1);
        assert_eq!(journal.first_entry(), 8);
        journal.moved(1);
        assert_eq!((journal.first_entry(), journal.next_entry()), (9, 9));
    }
}
