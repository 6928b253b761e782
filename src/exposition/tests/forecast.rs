//! Identities that will be full.

use super::super::Summary;
use super::{ago, never_polled, now, written};
use crate::api::{Failure, Usage};
use crate::job::PoolIndex;
use crate::observation::Observation;

const QUARTER: u64 = 86_400 / 4;
/// Fifteen days.
const QUARTERS: u64 = 60;

/// Numbers of datasets, bytes now, and bytes added a day in the last fifteen days.
const IDENTITIES: [(u32, u64, u64); 6] = [
    (1, 900_000, 50_000),
    (1, 900_000, 9_000),
    (1, 900_000, 100),
    (2, 900_000, 50_000),
    (1, 1_040_000, 50_000),
    (1, 900_000, 50_000),
];

#[test]
fn those_whose_fullest_dataset_is_exact_are_counted_by_window() {
    let store = never_polled(IDENTITIES.len() + 1);
    let poll = |identity, seconds, result| {
        let asked = ago(seconds);
        store.record(&Observation::of_identity(
            PoolIndex(0),
            identity,
            asked,
            result,
        ));
    };
    for quarter in (0..=QUARTERS).rev() {
        for (identity, (datasets, bytes, a_day)) in IDENTITIES.into_iter().enumerate() {
            let usage = Usage {
                datasets: Some(datasets),
                storage_bytes: Some(bytes - quarter * a_day / 4),
                last_modified: Some(ago(quarter * QUARTER + 60).unix),
            };
            poll(identity, quarter * QUARTER, Ok(usage));
        }
    }
    poll(IDENTITIES.len() - 1, 0, Err(Failure::NotFound));
    let summary = Summary::of(&store.snapshot().pool(PoolIndex(0)), now(), &[]);
    assert_eq!((summary.exact, summary.growth_known), (4, 4));
    assert_eq!(summary.full_within, [1, 2]);
    let text = written(store);
    for (window, identities) in [("7d", 1), ("30d", 2)] {
        let series = "cognitosync_pool_identities_full_within{identity_pool_id=\"us-east-1:0\"";
        let line = format!("{series},window=\"{window}\"}} {identities}\n");
        assert!(text.contains(&line), "{line}");
    }
}
