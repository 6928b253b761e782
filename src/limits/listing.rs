//! What is kept of an identity's last answer of `ListDatasets`, and whether it still holds.

use serde::{Deserialize, Serialize};

use super::Bounds;
use crate::api::{Dataset, Usage};

/// Facts of the last list, in 16 bytes, since most identities have one. The default is that of an
/// identity that was never listed.
///
/// A list is exact until a description after it shows another count or sum, or a date that differs
/// from the date of the first description after it. The dates of lists and descriptions are not
/// compared with each other: AWS keeps an identity's usage by something that lags behind its
/// datasets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Of the dataset with the most bytes, or [`ABSENT_BYTES`].
    storage_bytes: u32,
    /// Of the dataset with the most records, or [`ABSENT_RECORDS`]; the bits above it hold a
    /// [`Phase`] and [`DESCRIBE_NEXT`].
    records_and_phase: u32,
    /// By phase: nothing, the first description's date, or the sum of bytes in the list.
    date_or_sum: u32,
    /// Hours since 1970, modulo 2^16.
    hour: u16,
    /// The fewest of any dataset with many records, rounded down, at least 1.
    bytes_per_record: u16,
}

const _: () = assert!(size_of::<Listing>() == 16, "most identities have one");

/// A dataset has many records if it has at least this part of the most.
const MANY_RECORDS_PART: u64 = 4;
const ABSENT_BYTES: u32 = u32::MAX;
const RECORDS_BITS: u32 = 29;
const ABSENT_RECORDS: u32 = (1 << RECORDS_BITS) - 1;
/// A list was empty, which may mean that the identity does not exist.
const DESCRIBE_NEXT: u32 = 1 << 31;

/// What came after the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
enum Phase {
    /// There is no list.
    Never = 0,
    /// No description yet.
    Listed = 1,
    /// Only descriptions that show the same.
    Confirmed = 2,
    /// A description that shows a change.
    Outdated = 3,
}

impl Listing {
    /// Facts of a complete list that was requested at this time, in seconds since 1970. A number
    /// that AWS did not return for each dataset is absent.
    #[must_use]
    pub fn of(datasets: &[Dataset], requested_at: f64) -> Self {
        let most = |number: fn(&Dataset) -> Option<u64>| {
            let numbers: Option<Vec<_>> = datasets.iter().map(number).collect();
            numbers.map(|numbers| numbers.into_iter().max().unwrap_or(0))
        };
        let storage = most(|dataset| dataset.storage_bytes);
        let records = most(|dataset| dataset.records);
        // Any of those with many may fill up next, not only the one with the most.
        let many = records.unwrap_or(0).div_ceil(MANY_RECORDS_PART).max(1);
        let bytes_per_record = datasets
            .iter()
            .filter_map(|dataset| Some((dataset.storage_bytes, dataset.records?)))
            .filter(|(_, records)| *records >= many)
            .map(|(bytes, records)| bytes.unwrap_or(0) / records)
            .min()
            .unwrap_or(0);
        let fits = |number: &u32| *number < ABSENT_RECORDS;
        let records = records.and_then(|records| u32::try_from(records).ok().filter(fits));
        let listing = Self {
            storage_bytes: saturating(storage),
            records_and_phase: records.unwrap_or(ABSENT_RECORDS),
            date_or_sum: 0,
            hour: hour(requested_at) as u16,
            bytes_per_record: u16::try_from(bytes_per_record).unwrap_or(u16::MAX).max(1),
        };
        listing.in_phase(Phase::Listed)
    }

    /// After an empty list: what was known before stands until a description.
    #[must_use]
    pub fn after_empty_list(mut self) -> Self {
        self.records_and_phase |= DESCRIBE_NEXT;
        self
    }

    /// After a description. `before` is the usage that was known before, from a list or a
    /// description.
    #[must_use]
    pub fn after_description(mut self, before: &Usage, described: &Usage) -> Self {
        self.records_and_phase &= !DESCRIBE_NEXT;
        let same_counts = (before.datasets, before.storage_bytes)
            == (described.datasets, described.storage_bytes);
        let date = date(described);
        match self.phase() {
            Phase::Never | Phase::Outdated => self,
            Phase::Listed if same_counts => {
                self.date_or_sum = date;
                self.in_phase(Phase::Confirmed)
            }
            Phase::Confirmed if same_counts && date == self.date_or_sum => self,
            Phase::Listed | Phase::Confirmed => {
                self.date_or_sum = saturating(before.storage_bytes);
                self.in_phase(Phase::Outdated)
            }
        }
    }

    /// Whether there was a list.
    #[must_use]
    pub fn exists(self) -> bool {
        self.phase() != Phase::Never
    }

    /// Whether the datasets are, as far as AWS has shown since, as the list had them.
    #[inline]
    #[must_use]
    pub fn is_exact(self) -> bool {
        matches!(self.phase(), Phase::Listed | Phase::Confirmed)
    }

    /// Whether there was a list that no description has followed.
    #[must_use]
    pub fn is_undescribed(self) -> bool {
        self.phase() == Phase::Listed
    }

    /// Whether it was exact and a description after it, which left `after`, shows a change.
    #[must_use]
    pub fn was_ended_by(self, after: Self) -> bool {
        self.is_exact() && after.phase() == Phase::Outdated
    }

    /// Whether the last list was empty and no description has followed.
    #[must_use]
    pub fn needs_description(self) -> bool {
        self.records_and_phase & DESCRIBE_NEXT != 0
    }

    /// Bytes in the fullest dataset, if the list is exact.
    #[inline]
    #[must_use]
    pub fn exact_storage(self) -> Option<u64> {
        self.last_storage().filter(|_| self.is_exact())
    }

    /// Bytes in the fullest dataset, by the last list.
    #[inline]
    #[must_use]
    pub fn last_storage(self) -> Option<u64> {
        let is_known = self.exists() && self.storage_bytes != ABSENT_BYTES;
        is_known.then_some(self.storage_bytes.into())
    }

    /// Bytes in the fullest dataset: exactly, or, if all that was written since the list is in it.
    /// `storage_bytes` is the sum at present.
    #[must_use]
    pub(super) fn estimated_storage(self, storage_bytes: u64) -> Option<f64> {
        let listed = self.last_storage()?;
        let written = match self.phase() {
            Phase::Outdated if self.date_or_sum == u32::MAX => return None,
            Phase::Outdated => storage_bytes.saturating_sub(self.date_or_sum.into()),
            Phase::Never | Phase::Listed | Phase::Confirmed => 0,
        };
        Some((listed + written) as f64)
    }

    /// The usual bytes of a record, at least 1.
    pub(super) fn bytes_per_record(self) -> f64 {
        f64::from(self.bytes_per_record.max(1))
    }

    /// The most records in one dataset, if the list is exact.
    #[inline]
    #[must_use]
    pub fn exact_records(self) -> Option<u64> {
        self.records().filter(|_| self.is_exact())
    }

    /// The most records in one dataset: exactly, or, from what was written since the list, at most.
    /// That assumes records of the usual size. `storage_bytes` is the sum at present.
    #[inline]
    #[must_use]
    pub fn records_bounds(self, storage_bytes: Option<u64>) -> Option<Bounds> {
        let records = self.records()?;
        match self.phase() {
            Phase::Never => None,
            Phase::Listed | Phase::Confirmed => Some(Bounds::exactly(records)),
            Phase::Outdated if self.date_or_sum == u32::MAX => None,
            Phase::Outdated => {
                let written = storage_bytes?.saturating_sub(self.date_or_sum.into());
                Some(Bounds {
                    at_least: 0,
                    at_most: records.saturating_add(written.div_ceil(self.bytes_per_record.into())),
                })
            }
        }
    }

    /// Hours from the list to a time in seconds since 1970, modulo 2^16.
    pub(super) fn age_hours(self, now: f64) -> u16 {
        (hour(now) as u16).wrapping_sub(self.hour)
    }

    fn records(self) -> Option<u64> {
        let records = self.records_and_phase & ABSENT_RECORDS;
        (records != ABSENT_RECORDS).then_some(records.into())
    }

    fn phase(self) -> Phase {
        match (self.records_and_phase & !DESCRIBE_NEXT) >> RECORDS_BITS {
            0 => Phase::Never,
            1 => Phase::Listed,
            2 => Phase::Confirmed,
            _ => Phase::Outdated,
        }
    }

    fn in_phase(mut self, phase: Phase) -> Self {
        self.records_and_phase &= ABSENT_RECORDS | DESCRIBE_NEXT;
        self.records_and_phase |= (phase as u32) << RECORDS_BITS;
        self
    }
}

/// Hours since 1970.
pub(super) fn hour(unix: f64) -> u64 {
    (unix / 3_600.0) as u64
}

/// An absent number, or one that does not fit, is the largest.
fn saturating(number: Option<u64>) -> u32 {
    number.map_or(u32::MAX, |number| u32::try_from(number).unwrap_or(u32::MAX))
}

/// The date of a usage in milliseconds, AWS's resolution, modulo 2^32.
fn date(usage: &Usage) -> u32 {
    let milliseconds = |seconds: f64| (seconds * 1e3).round() as u64 as u32;
    usage.last_modified.map_or(u32::MAX, milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset(bytes: u64, records: u64) -> Dataset {
        Dataset {
            storage_bytes: Some(bytes),
            records: Some(records),
            ..Dataset::default()
        }
    }

    fn usage(storage_bytes: u64, last_modified: f64) -> Usage {
        Usage {
            datasets: Some(2),
            storage_bytes: Some(storage_bytes),
            last_modified: Some(last_modified),
        }
    }

    fn listing() -> Listing {
        Listing::of(&[dataset(700, 3), dataset(300, 30)], 7_200.0)
    }

    #[test]
    fn the_most_bytes_and_the_most_records_may_be_of_two_datasets() {
        let listing = listing();
        assert_eq!(listing.exact_storage(), Some(700));
        assert_eq!(listing.exact_records(), Some(30));
        assert_eq!(listing.bytes_per_record, 10);
        assert_eq!(listing.age_hours(7_200.0 + 3_600.0), 1);
    }

    #[test]
    fn the_same_description_confirms_a_list_and_any_other_ends_it() {
        // The list's own date differs from the descriptions', which are later.
        let listed = usage(1_000, 50.0);
        let first = usage(1_000, 74.0);
        let confirmed = listing().after_description(&listed, &first);
        assert!(confirmed.is_exact());
        assert!(confirmed.after_description(&first, &first).is_exact());
        let other_count = Usage {
            datasets: Some(3),
            ..first
        };
        for other in [other_count, usage(1_001, 74.0), usage(1_000, 73.999)] {
            let outdated = confirmed.after_description(&first, &other);
            assert!(outdated.exists() && !outdated.is_exact(), "{other:?}");
            assert_eq!(outdated.exact_storage(), None);
            assert_eq!(outdated.exact_records(), None);
            let still = outdated.after_description(&other, &first);
            assert!(!still.is_exact(), "only a list is exact again");
        }
        let at_once = listing().after_description(&listed, &usage(999, 50.0));
        assert!(!at_once.is_exact());
    }

    #[test]
    fn what_was_written_since_bounds_the_records() {
        let listed = usage(1_000, 50.0);
        let outdated = listing().after_description(&listed, &usage(1_005, 60.0));
        let at_most = |storage| {
            outdated
                .records_bounds(storage)
                .map(|bounds| bounds.at_most)
        };
        assert_eq!(at_most(Some(1_005)), Some(31));
        assert_eq!(at_most(Some(1_200)), Some(50));
        assert_eq!(at_most(Some(400)), Some(30), "the records may all be left");
        assert_eq!(at_most(None), None);
    }

    #[test]
    fn any_dataset_with_many_records_may_fill_up() {
        let listing = Listing::of(&[dataset(500_000, 500), dataset(9_980, 499)], 0.0);
        let listed = usage(509_980, 50.0);
        let written = usage(519_980, 60.0);
        let outdated = listing.after_description(&listed, &written);
        let bounds = outdated.records_bounds(Some(519_980)).unwrap();
        assert!(bounds.at_most >= 999, "{bounds:?}");
        let few = Listing::of(&[dataset(500_000, 500), dataset(1, 1)], 0.0);
        assert_eq!(few.bytes_per_record, 1_000, "one record says little");
    }

    #[test]
    fn without_a_sum_nothing_bounds_the_records() {
        let outdated = listing().after_description(&Usage::default(), &usage(1_005, 60.0));
        assert!(!outdated.is_exact());
        assert_eq!(outdated.records_bounds(Some(2_000)), None);
    }

    #[test]
    fn an_empty_list_asks_for_a_description_and_changes_nothing_else() {
        let emptied = listing().after_empty_list();
        assert!(emptied.needs_description() && emptied.is_exact());
        assert_eq!(emptied.exact_records(), Some(30));
        let described = emptied.after_description(&usage(1_000, 1.0), &usage(1_000, 1.0));
        assert!(!described.needs_description() && described.is_exact());
        let never = Listing::default().after_empty_list();
        assert!(never.needs_description() && !never.exists());
    }

    #[test]
    fn what_aws_leaves_out_or_does_not_fit_is_absent() {
        let without = |bytes, records| {
            let other = Dataset {
                storage_bytes: bytes,
                records,
                ..Dataset::default()
            };
            Listing::of(&[dataset(700, 3), other], 0.0)
        };
        assert_eq!(without(None, Some(1)).exact_storage(), None);
        assert_eq!(without(None, Some(1)).exact_records(), Some(3));
        assert_eq!(without(Some(1), None).exact_records(), None);
        assert_eq!(without(Some(1), None).records_bounds(Some(9)), None);
        let huge = without(Some(1 << 40), Some(1 << 40));
        assert_eq!((huge.exact_storage(), huge.exact_records()), (None, None));
        assert!(huge.is_exact(), "the facts do not run into the phase");
        assert_eq!(Listing::of(&[], 0.0).exact_storage(), Some(0));
    }
}
