//! Limits, usage and lists for the tests of this module.

use super::Listing;
use crate::api::{Dataset, Usage};
use crate::config::Limits;

pub(super) const LIMITS: Limits = Limits {
    datasets: 20,
    dataset_storage_bytes: 1_000,
    dataset_records: 100,
};

pub(super) fn usage(datasets: u32, storage_bytes: u64) -> Usage {
    Usage {
        datasets: Some(datasets),
        storage_bytes: Some(storage_bytes),
        last_modified: Some(1.0),
    }
}

/// A list of datasets with so many bytes and records each.
pub(super) fn listed(datasets: &[(u64, u64)]) -> Listing {
    let dataset = |&(bytes, records): &(u64, u64)| Dataset {
        storage_bytes: Some(bytes),
        records: Some(records),
        ..Dataset::default()
    };
    let datasets: Vec<_> = datasets.iter().map(dataset).collect();
    Listing::of(&datasets, 0.0)
}
