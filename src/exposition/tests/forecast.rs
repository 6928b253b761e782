//! Identities that will be full.

use super::super::Summary;
use super::{ago, never_polled, now, written};
use crate::api::{Failure, Usage};
use crate::job::PoolIndex;
use crate::observation::Observation;

const DAY: u64 = 86_400;

/// Numbers of datasets, bytes now, and bytes added a day in the last ten days.
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
    for day in (0..=10).rev() {
        for (identity, (datasets, bytes, a_day)) in IDENTITIES.into_iter().enumerate() {
            let usage = Usage {
                datasets: Some(datasets),
                storage_bytes: Some(bytes - day * a_day),
                last_modified: Some(ago(day * DAY + 60).unix),
            };
            poll(identity, day * DAY, Ok(usage));
        }
    }
    poll(IDENTITIES.len() - 1, 0, Err(Failure::NotFound));
    let summary = Summary::of(&store.snapshot().pool(PoolIndex(0)), now(), &[]);
    assert_eq!((summary.exact, summary.full_within), (4, [1, 2]));
    let text = written(store);
    for (window, identities) in [("7d", 1), ("30d", 2)] {
        let series = "cognitosync_pool_identities_full_within{identity_pool_id=\"us-east-1:0\"";
        let line = format!("{series},window=\"{window}\"}} {identities}\n");
        assert!(text.contains(&line), "{line}");
    }
}
