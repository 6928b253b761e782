//! How far an identity is from the next level of a limit, in writes of its own.

use super::{FULL_PERCENT, Limit, Listing, NEAR_PERCENT};
use crate::api::Usage;
use crate::config::Limits;

/// The part of a dataset that a write makes, at most.
const MAX_DATASETS_OF_A_WRITE: f64 = 1.0 / 20.0;

/// How many writes are left until an identity is near a limit, or full: the fewest of all limits.
/// A write adds `write_bytes`, more than 0, all of it to the fullest dataset. `None` if there is no
/// level ahead of it, or nothing is known.
///
/// What the fullest dataset has is exact where the last list is; after it, all that was written is
/// taken to be in that dataset. Without a list it is what the counts prove.
#[must_use]
pub fn writes_left(
    usage: &Usage,
    listing: Listing,
    limits: Limits,
    write_bytes: f64,
) -> Option<f64> {
    let (datasets, storage) = (f64::from(usage.datasets?), usage.storage_bytes? as f64);
    if datasets == 0.0 {
        return None;
    }
    let fullest = listing.estimated_storage(usage.storage_bytes?);
    let fullest = fullest.unwrap_or(storage / datasets);
    let records = listing.records_bounds(usage.storage_bytes);
    let records = records.map(|records| records.at_most as f64);
    let used = [
        (Limit::DatasetStorage, Some(fullest), write_bytes),
        (
            Limit::DatasetRecords,
            records,
            write_bytes / listing.bytes_per_record(),
        ),
        // A new dataset comes when the usual one is written, but not with each write of little.
        (
            Limit::Datasets,
            Some(datasets),
            (write_bytes * datasets / storage.max(1.0)).min(MAX_DATASETS_OF_A_WRITE),
        ),
    ];
    let left = used.into_iter().filter_map(|(limit, used, write)| {
        let (used, limit) = (used?, limit.of(limits) as f64);
        let levels = [NEAR_PERCENT, FULL_PERCENT].map(|percent| limit * percent as f64 / 100.0);
        let next = levels.into_iter().find(|level| used < *level)?;
        Some((next - used) / write)
    });
    left.reduce(f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Dataset;

    const LIMITS: Limits = Limits {
        datasets: 20,
        dataset_storage_bytes: 1_000_000,
        dataset_records: 1_000,
    };

    fn left(datasets: u32, storage_bytes: u64, listing: Listing) -> Option<f64> {
        let usage = Usage {
            datasets: Some(datasets),
            storage_bytes: Some(storage_bytes),
            last_modified: Some(1.0),
        };
        writes_left(&usage, listing, LIMITS, 2_000.0)
    }

    fn listed(bytes: u64, records: u64) -> Listing {
        let dataset = Dataset {
            storage_bytes: Some(bytes),
            records: Some(records),
            ..Dataset::default()
        };
        Listing::of(&[dataset], 0.0)
    }

    #[test]
    fn the_next_level_is_near_then_full_then_none() {
        let none = Listing::default();
        assert_eq!(left(1, 780_000, none), Some(10.0));
        assert_eq!(left(1, 800_000, none), Some(95.0));
        assert_eq!(left(1, 1_000_000, none), Some((16.0 - 1.0) / 0.002));
        assert_eq!(left(0, 0, none), None);
        // Of four datasets, no more is known than that one has a quarter.
        assert_eq!(left(4, 780_000, none), Some(302.5));
        // A write adds bytes for a fiftieth of a dataset, then for more than one.
        assert_eq!(left(15, 1_500_000, none), Some(50.0));
        assert_eq!(left(15, 15_000, none), Some(20.0));
    }

    #[test]
    fn a_list_shows_the_fullest_dataset_and_its_records() {
        assert_eq!(left(4, 1_500_000, listed(780_000, 10)), Some(10.0));
        // 250 bytes a record, so that a write is eight.
        assert_eq!(left(4, 1_500_000, listed(197_500, 790)), Some(10.0 / 8.0));
    }
}
