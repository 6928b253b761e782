use std::sync::Arc;
use std::time::Duration;

use super::super::super::pool::Pool;
use super::*;
use crate::clock::{Mono, Timestamp};
use crate::config::Limits;
use crate::job::PoolIndex;
use crate::limits::Listing;
use crate::observation::Observation;
use crate::store::Store;
use crate::targets::Targets;

const NOW: f64 = 1_700_000_000.0;

fn positions(few: &Few) -> Vec<usize> {
    few.positions().map(|identity| identity.0).collect()
}

#[test]
fn the_first_five_by_number_and_of_equal_ones_the_first() {
    let mut few = Few::default();
    for (identity, number) in [3.0, 1.0, 3.0, 2.0, 3.0, 3.0, 0.0, 1.0].iter().enumerate() {
        few.offer(*number, IdentityIndex(identity));
    }
    assert_eq!(positions(&few), [6, 1, 7, 3, 0]);
}

fn levels(standing: &Standing) -> [Level; Limit::ALL.len()] {
    Limit::ALL.map(|limit| standing.level(limit))
}

/// Identities with one dataset of so many bytes, written to so many seconds ago.
fn found(identities: &[(u64, Option<f64>)]) -> PerKind<Few> {
    let mut examples = Examples::new(None, NOW);
    for (identity, (storage_bytes, ago)) in identities.iter().enumerate() {
        let usage = Usage {
            datasets: Some(1),
            storage_bytes: Some(*storage_bytes),
            last_modified: ago.map(|ago| NOW - ago),
        };
        let standing = Standing::of(&usage, Listing::default(), Limits::default());
        examples.offer(IdentityIndex(identity), State::Fresh, Some(&usage));
        examples.offer_near(IdentityIndex(identity), &usage, levels(&standing));
    }
    examples.found
}

#[test]
fn those_that_wrote_last_come_first_and_those_that_have_gone_are_not_counted() {
    let (near, full, above) = (900_000, 1 << 20, 2 << 20);
    let gone = Some(ACTIVE_SECONDS + 1.0);
    let found = found(&[
        (near, Some(9.0)),
        (full, None),
        (full, gone),
        (full, Some(ACTIVE_SECONDS)),
        (full, Some(5.0)),
        (near - 100_000, Some(0.0)),
        (above, Some(0.0)),
        (near, gone),
    ]);
    let storage = &found.limits[Limit::DatasetStorage as usize];
    assert_eq!(positions(&storage.full), [4, 3, 2, 1]);
    assert_eq!(positions(&storage.near), [0, 7]);
    assert_eq!((storage.active_full, storage.active_near), (3, 1));
    let datasets = &found.limits[Limit::Datasets as usize];
    assert_eq!(
        (positions(&datasets.full), datasets.active_full),
        (vec![], 0)
    );
}

#[test]
fn full_ones_that_are_stale_are_counted_by_what_was_known_last() {
    let mut examples = Examples::new(None, NOW);
    let gone = ACTIVE_SECONDS + 1.0;
    let stale = [(1, 1 << 20, gone), (1, 1 << 20, 5.0), (20, 9, 5.0)];
    for (identity, (datasets, storage_bytes, ago)) in stale.into_iter().enumerate() {
        let usage = Usage {
            datasets: Some(datasets),
            storage_bytes: Some(storage_bytes),
            last_modified: Some(NOW - ago),
        };
        let standing = Standing::of(&usage, Listing::default(), Limits::default());
        examples.offer_stale(IdentityIndex(identity), &usage, &standing);
    }
    let found = examples.found;
    assert_eq!(found.active_stale, 2);
    let lost = found
        .limits
        .each_ref()
        .map(|it| (it.all_lost, it.active_lost));
    assert_eq!(lost, [(2, 1), (0, 0), (0, 0)]);
    let storage = &found.limits[Limit::DatasetStorage as usize];
    assert_eq!(positions(&storage.lost), [1, 0]);
}

#[test]
fn one_that_is_near_several_limits_counts_once() {
    let mut examples = Examples::new(None, NOW);
    let limits = Limits {
        dataset_storage_bytes: 1_000,
        datasets: 2,
        ..Limits::default()
    };
    for (datasets, storage_bytes) in [(2, 2_000), (2, 10), (1, 990), (1, 800), (1, 2_000), (1, 9)] {
        let usage = Usage {
            datasets: Some(datasets),
            storage_bytes: Some(storage_bytes),
            last_modified: None,
        };
        let standing = Standing::of(&usage, Listing::default(), limits);
        examples.offer_near(IdentityIndex(0), &usage, levels(&standing));
    }
    let counts = (examples.full_identities, examples.near_identities);
    assert_eq!(counts, (3, 1), "above the limit is neither");
}

#[test]
fn states_are_gathered_in_the_order_of_ids() {
    let mut examples = Examples::new(None, NOW);
    for identity in 0..30 {
        let state = State::ALL[identity % 5];
        examples.offer(IdentityIndex(identity), state, None);
    }
    let found = examples.found;
    assert_eq!(positions(&found.failing), [2, 7, 12, 17, 22]);
    assert_eq!(positions(&found.stale), [3, 8, 13, 18, 23]);
    assert_eq!(positions(&found.missing), [4, 9, 14, 19, 24]);
}

#[test]
fn those_that_will_be_full_are_named_the_soonest_first() {
    let targets = Targets::for_tests(&[("us-east-1:0", 9)]);
    let store = Store::new(Arc::new(targets));
    let at = |poll: u64| Timestamp {
        mono: Mono::START + Duration::from_secs(43_200 * poll),
        unix: NOW + 43_200.0 * poll as f64,
    };
    for poll in 0..=30 {
        for identity in 0..9 {
            let grows = [0, 9_900, 0, 0, 0, 10_000, 0, 0, 0][identity];
            let grown = grows * poll;
            let usage = Usage {
                datasets: Some(1),
                storage_bytes: Some(700_000 + grown),
                last_modified: Some(at(poll * grown.min(1)).unix),
            };
            let pool = PoolIndex(0);
            let observation = Observation::of_identity(pool, identity, at(poll), Ok(usage));
            store.record(&observation);
        }
    }
    let pool = Pool::of(&store.snapshot().pool(PoolIndex(0)), at(30));
    assert_eq!(pool.full_within.0[0], ("7d", 2));
    let soon = pool.examples.full_soon.iter();
    let soon: Vec<_> = soon.map(Named::label).collect();
    assert_eq!(soon, ["5", "1"], "the soonest first");
}
