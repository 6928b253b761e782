//! What a change of targets keeps.

mod lives;
mod two_witnesses;

use std::time::Duration;

use super::departed::MIN_DEPARTED;
use super::*;
use crate::api::{Dataset, Operation, Usage};
use crate::clock::Timestamp;
use crate::identity::IdentityId;
use crate::job::Job;

const POOL: &str = "r:0";
/// The default `stale_after` in seconds.
const STALE_AFTER: u64 = 900;

/// A store, and how its targets change.
struct Changing {
    store: Store,
    targets: Arc<Targets>,
}

impl Changing {
    fn start(ids: &[&str]) -> Self {
        let targets = targets(&[(POOL, ids)]);
        Self {
            store: Store::new(Arc::clone(&targets)),
            targets,
        }
    }

    fn change(&mut self, pools: &[(&str, &[&str])]) {
        let new = targets(pools);
        let diff = TargetDiff::new(&self.targets, &new);
        self.store.apply_targets(&new, &diff);
        self.targets = new;
    }

    fn describe(&self, id: &str, seconds: u64, usage: Usage) {
        self.poll(id, seconds, Ok(Answer::Identity(usage)));
    }

    /// Polls an identity of the first pool at a time in seconds.
    fn poll(&self, id: &str, seconds: u64, result: Result<Answer, Failure>) {
        let id = IdentityId::parse(id).unwrap();
        let identity = self.targets.pools[0].identities.position(id).unwrap();
        let job = Job {
            operation: Operation::ListDatasets,
            target: Target::identity(PoolIndex(0), identity.0),
        };
        self.store.record(&Observation {
            job,
            requested_at: Timestamp {
                mono: Mono::START + Duration::from_secs(seconds),
                unix: seconds as f64,
            },
            took: Duration::ZERO,
            calls: 1,
            is_reported: false,
            result,
        });
    }

    /// Changes the targets to so many others, and polls each.
    fn change_to(&mut self, round: usize, identities: usize) {
        let ids: Vec<_> = (0..identities)
            .map(|n| format!("r:{round}-{n:x}"))
            .collect();
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        self.change(&[(POOL, &ids)]);
        ids.iter().for_each(|id| self.poll(id, 1, usage()));
    }

    /// For each identity of the first pool when its last success was, and whether there is a list.
    fn known(&self) -> Vec<(Option<f64>, bool)> {
        let snapshot = self.store.snapshot();
        let pool = snapshot.pool(PoolIndex(0));
        let known = |index: usize| {
            let identity = IdentityIndex(index);
            let success = pool.records[identity].last_success();
            (success, pool.listings[identity].exists())
        };
        (0..pool.records.len()).map(known).collect()
    }
}

fn targets(pools: &[(&str, &[&str])]) -> Arc<Targets> {
    Arc::new(Targets::for_tests_with_ids(pools.iter().copied()))
}

fn datasets() -> Result<Answer, Failure> {
    Ok(Answer::Datasets(vec![Dataset::default()]))
}

fn usage() -> Result<Answer, Failure> {
    Ok(Answer::Identity(Usage::default()))
}

#[test]
fn who_comes_back_before_its_usage_is_stale_keeps_what_is_known() {
    let mut changing = Changing::start(&["r:a", "r:b", "r:c"]);
    changing.poll("r:a", 10, datasets());
    changing.poll("r:b", 20, usage());
    changing.poll("r:b", 30, Err(Failure::Timeout));
    changing.change(&[(POOL, &[])]);
    changing.change(&[(POOL, &["r:b"])]);
    assert_eq!(changing.known(), [(Some(20.0), false)]);
    changing.change(&[]);
    changing.change(&[(POOL, &["r:a", "r:aa", "r:b", "r:c"])]);
    let nothing = (None, false);
    assert_eq!(
        changing.known(),
        [(Some(10.0), true), nothing, (Some(20.0), false), nothing]
    );
    let counts = PoolCounts {
        identities: 4,
        pending: 2,
        failing: 1,
        missing: 0,
    };
    assert_eq!(changing.store.counts().1, [counts]);
    assert_eq!(changing.store.contents().departed.departures(), 0);
}

#[test]
fn another_pools_identity_is_another_one() {
    let mut changing = Changing::start(&["r:a"]);
    changing.poll("r:a", 10, usage());
    changing.change(&[("r:1", &["r:a"])]);
    assert_eq!(changing.known(), [(None, false)]);
}

#[test]
fn what_is_stale_is_forgotten() {
    for (seconds, expected) in [(STALE_AFTER, Some(0.0)), (STALE_AFTER + 1, None)] {
        let mut changing = Changing::start(&["r:a", "r:b"]);
        changing.poll("r:a", 0, usage());
        changing.poll("r:b", seconds, usage());
        changing.change(&[(POOL, &["r:b"])]);
        let now = Mono::START + Duration::from_secs(seconds);
        changing.store.forget_departed(now);
        changing.change(&[(POOL, &["r:a", "r:b"])]);
        assert_eq!(changing.known()[0].0, expected, "after {seconds} s");
    }
}

#[test]
fn what_is_kept_has_a_bound() {
    const EACH: usize = MIN_DEPARTED / 4;
    let mut changing = Changing::start(&[]);
    for round in 0..9 {
        changing.change_to(round, EACH);
        let kept = changing.store.contents().departed.len();
        assert_eq!(kept, EACH * round.min(4), "the latest");
    }
}

#[test]
fn as_many_are_kept_as_were_ever_polled() {
    let mut changing = Changing::start(&[]);
    changing.change_to(0, 2 * MIN_DEPARTED);
    changing.change_to(1, 1);
    changing.change_to(2, 1);
    let kept = changing.store.contents().departed.len();
    assert_eq!(kept, 2 * MIN_DEPARTED + 1);
}
