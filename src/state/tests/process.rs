//! What one process leaves to the next.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::api::{Answer, Dataset, Failure, Operation, PoolUsage, Usage};
use crate::clock::{Clock, Mono, Timestamp};
use crate::discovery::Catalog;
use crate::identity::IdentityId;
use crate::job::{IdentityIndex, Job, PoolIndex, Target};
use crate::observation::Observation;
use crate::schedule::{BudgetStanding, DialStanding, HandStanding, LastPoll, Standing};
use crate::state::{Known, Opened, Saves, open};
use crate::store::{State, Store};
use crate::targets::{TargetDiff, Targets};

pub(super) const POOL: &str = "r:0";
pub(super) const BEGAN: f64 = 1_763_903_374.0;
/// The default `stale_after`, in seconds.
const STALE_AFTER: f64 = 900.0;

/// A process with a store, some of whose identities are polled by hand.
pub(super) struct Process {
    pub(super) targets: Arc<Targets>,
    pub(super) store: Arc<Store>,
    pub(super) catalog: Catalog,
    pub(super) saves: Arc<Saves>,
    opened: Opened,
    /// Its start, in seconds since 1970.
    began: f64,
}

impl Process {
    /// A process that starts at a time in seconds since 1970.
    pub(super) fn start(path: &Path, ids: &[&str], began: f64) -> Self {
        let targets = Arc::new(Targets::for_tests_with_ids([(POOL, ids)]));
        Self::start_with(path, targets, began)
    }

    pub(super) fn start_with(path: &Path, targets: Arc<Targets>, began: f64) -> Self {
        let store = Arc::new(Store::new(Arc::clone(&targets)));
        let saves = Arc::new(Saves::default());
        let clock = Clock::anchored(began);
        let known = Known::of_store(Arc::clone(&store));
        let catalog = known.catalog.clone();
        let opened = open(path, known, &saves, &clock).unwrap();
        Self {
            targets,
            store,
            catalog,
            saves,
            opened,
            began,
        }
    }

    /// A time in this process, so many seconds after its start.
    fn at(&self, seconds: f64) -> Timestamp {
        let running = Duration::from_secs_f64(seconds.abs());
        Timestamp {
            mono: if seconds < 0.0 {
                Mono::START.before(running)
            } else {
                Mono::START + running
            },
            unix: self.began + seconds,
        }
    }

    fn index(&self, id: &str) -> IdentityIndex {
        let id = IdentityId::parse(id).unwrap();
        self.targets.pools[0].identities.position(id).unwrap()
    }

    /// A poll of an identity has ended, which was requested a second before the start.
    pub(super) fn poll(&self, id: &str, result: Result<Answer, Failure>) {
        self.poll_at(id, -1.0, result);
    }

    pub(super) fn poll_at(&self, id: &str, seconds: f64, result: Result<Answer, Failure>) {
        let operation = match &result {
            Ok(Answer::Datasets(_)) => Operation::ListDatasets,
            _ => Operation::DescribeIdentityUsage,
        };
        let target = Target::identity(PoolIndex(0), self.index(id).0);
        self.observe(Job { operation, target }, seconds, result);
    }

    fn observe(&self, job: Job, seconds: f64, result: Result<Answer, Failure>) {
        self.store.record(&Observation {
            job,
            requested_at: self.at(seconds),
            took: Duration::ZERO,
            calls: 1,
            is_reported: false,
            result,
        });
    }

    pub(super) fn save(&mut self) {
        self.opened.save(None);
    }

    /// The state at the start, the usage and the last success of an identity.
    pub(super) fn known(&self, id: &str) -> (State, Option<Usage>, Option<f64>) {
        let snapshot = self.store.snapshot();
        let pool = snapshot.pool(PoolIndex(0));
        let record = &pool.records[self.index(id)];
        let shown = pool.oldest_shown(Mono::START);
        (
            record.state(shown),
            record.usage(shown).copied(),
            record.last_success(),
        )
    }
}

pub(super) fn usage(bytes: u64) -> Usage {
    Usage {
        datasets: Some(2),
        storage_bytes: Some(bytes),
        last_modified: Some(BEGAN - 12.345),
    }
}

pub(super) fn described(bytes: u64) -> Result<Answer, Failure> {
    Ok(Answer::Identity(usage(bytes)))
}

pub(super) fn directory() -> (TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("below").join("state");
    (parent, path)
}

#[tokio::test(start_paused = true)]
async fn everything_is_known_again_and_as_old_as_it_was() {
    let (_parent, path) = directory();
    let ids = ["r:1", "r:2", "r:3", "r:4", "r:5"];
    let mut first = Process::start(&path, &ids, BEGAN);
    first.poll("r:1", described(100));
    first.poll("r:2", described(200));
    first.poll_at("r:2", -0.5, Err(Failure::Throttled));
    first.poll("r:3", Err(Failure::NotFound));
    first.poll("r:4", Err(Failure::AccessDenied));
    let pool = Job {
        operation: Operation::DescribeIdentityPoolUsage,
        target: Target::Pool { pool: PoolIndex(0) },
    };
    let pool_usage = PoolUsage {
        storage_bytes: Some(77),
        ..PoolUsage::default()
    };
    first.observe(pool, -1.0, Ok(Answer::Pool(pool_usage)));
    first.save();
    assert_eq!(first.store.changed(), 0);
    drop(first);
    let second = Process::start(&path, &ids, BEGAN + 60.0);
    assert_eq!(second.saves.restored_identities(), 4);
    assert!(second.store.is_ready());
    let asked = Some(BEGAN - 1.0);
    assert_eq!(second.known("r:1"), (State::Fresh, Some(usage(100)), asked));
    assert_eq!(
        second.known("r:2"),
        (State::Failing, Some(usage(200)), asked)
    );
    assert_eq!(second.known("r:3"), (State::Missing, None, None));
    assert_eq!(second.known("r:4"), (State::Failing, None, None));
    assert_eq!(second.known("r:5"), (State::Pending, None, None));
    let last_polls = ids.map(|id| second.store.last_poll(PoolIndex(0), second.index(id)));
    assert_eq!(
        last_polls,
        [
            LastPoll::Ended(Some(second.at(-61.0).mono)),
            LastPoll::Ended(Some(second.at(-61.0).mono)),
            LastPoll::Missing,
            LastPoll::Denied,
            LastPoll::Never
        ]
    );
    let snapshot = second.store.snapshot();
    let pool = snapshot.pool(PoolIndex(0));
    assert_eq!(pool.usage(Mono::START), Some(&pool_usage));
    let answered_at = pool.records[second.index("r:1")].answered_at();
    assert_eq!(answered_at, Some(second.at(-61.0).mono));
    drop(second);
    let late = Process::start(&path, &ids, BEGAN + STALE_AFTER);
    assert_eq!(late.known("r:1"), (State::Stale, None, asked));
    assert!(late.store.is_ready(), "one is missing, which does not age");
}

#[tokio::test(start_paused = true)]
async fn without_anything_current_it_is_not_ready() {
    let (_parent, path) = directory();
    let mut first = Process::start(&path, &["r:1"], BEGAN);
    assert!(!first.store.is_ready());
    first.poll("r:1", described(100));
    first.save();
    drop(first);
    let late = Process::start(&path, &["r:1"], BEGAN + STALE_AFTER);
    assert!(!late.store.is_ready());
}

#[tokio::test(start_paused = true)]
async fn what_was_learned_and_listed_is_known_again() {
    let (_parent, path) = directory();
    let mut first = Process::start(&path, &["r:1", "r:2"], BEGAN);
    let datasets = [700_000, 50].map(|bytes| Dataset {
        name: Some(format!("of {bytes}")),
        storage_bytes: Some(bytes),
        records: Some(3),
        last_modified: Some(BEGAN - 5.0),
    });
    first.poll("r:1", Ok(Answer::Datasets(datasets.to_vec())));
    first.poll("r:2", described(10));
    let known = |process: &Process, id| {
        let id = IdentityId::parse(id).unwrap();
        let now = Timestamp {
            mono: Mono::START,
            unix: BEGAN,
        };
        let known = process.store.known_of(id);
        let target = &known.targets[0];
        let listed = target.listed.as_ref().map(|list| list.value.to_vec());
        let Target::Identity { pool, identity } = target.target else {
            unreachable!("it is an identity")
        };
        (listed, process.store.demand(pool, identity, now))
    };
    first.save();
    let before = ["r:1", "r:2"].map(|id| known(&first, id));
    assert_eq!(before[0].0, Some(datasets.to_vec()));
    drop(first);
    let second = Process::start(&path, &["r:1", "r:2"], BEGAN);
    assert_eq!(["r:1", "r:2"].map(|id| known(&second, id)), before);
    let snapshot = second.store.snapshot();
    let listing = snapshot.pool(PoolIndex(0)).listings[IdentityIndex(0)];
    assert_eq!(listing.exact_storage(), Some(700_000));
}

#[tokio::test(start_paused = true)]
async fn who_leaves_the_list_comes_back_over_a_restart_until_its_usage_is_stale() {
    let (_parent, path) = directory();
    let mut first = Process::start(&path, &["r:1", "r:2"], BEGAN);
    first.poll("r:1", described(100));
    first.poll("r:2", described(200));
    first.save();
    drop(first);
    // Two restarts without it, of which the second begins to forget.
    for began in [BEGAN + 60.0, BEGAN + 120.0] {
        let mut without = Process::start(&path, &["r:1"], began);
        assert_eq!(without.saves.restored_identities(), 1);
        without.save();
        let back = Arc::new(Targets::for_tests_with_ids([(POOL, ["r:1", "r:2"])]));
        let diff = TargetDiff::new(&without.targets, &back);
        without.store.apply_targets(&back, &diff);
        without.targets = back;
        assert_eq!(without.known("r:2").1, Some(usage(200)));
    }
    let mut late = Process::start(&path, &["r:1"], BEGAN + STALE_AFTER);
    late.poll("r:1", described(100));
    late.save();
    drop(late);
    let back = Process::start(&path, &["r:1", "r:2"], BEGAN + STALE_AFTER + 1.0);
    assert_eq!(back.known("r:2"), (State::Pending, None, None));
    assert_eq!(back.known("r:1").0, State::Fresh);
}

#[tokio::test(start_paused = true)]
async fn the_schedule_goes_on_where_it_stood() {
    let (_parent, path) = directory();
    let mut first = Process::start(&path, &["r:1"], BEGAN);
    let hand = |phase, seconds| HandStanding {
        phase,
        at: Mono::START + Duration::from_secs(seconds),
    };
    let standing = Standing {
        budgets: vec![BudgetStanding {
            label: "r".to_owned(),
            rate: 3.25,
            dials: vec![DialStanding {
                interval: Duration::from_secs(300),
                max_age: Some(Duration::from_secs(86_400)),
                turns: hand(7, 20),
                deadlines: Some(hand(9, 40)),
                pass: (Mono::START, Duration::from_secs(11)),
            }],
        }],
    };
    first.opened.save(Some(standing.clone()));
    drop(first);
    let second = Process::start(&path, &["r:1"], BEGAN + 60.0);
    let mut expected = standing;
    let dial = &mut expected.budgets[0].dials[0];
    let earlier = |mono: Mono| mono.before(Duration::from_secs(60));
    dial.turns.at = earlier(dial.turns.at);
    dial.pass.0 = earlier(dial.pass.0);
    dial.deadlines = Some(hand(9, 40)).map(|hand| HandStanding {
        at: earlier(hand.at),
        ..hand
    });
    let near = |a: Mono, b: Mono| a.since(b).max(b.since(a)) < Duration::from_millis(500);
    let found = &second.opened.standing.budgets[0].dials[0];
    assert!(near(found.turns.at, expected.budgets[0].dials[0].turns.at));
    assert_eq!(second.opened.standing.budgets[0].rate, 3.25);
    assert_eq!(found.turns.phase, 7);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_went_back_makes_nothing_newer() {
    let (_parent, path) = directory();
    let mut first = Process::start(&path, &["r:1"], BEGAN);
    first.poll_at("r:1", -100.0, described(100));
    first.save();
    drop(first);
    let second = Process::start(&path, &["r:1"], BEGAN - 5_000.0);
    let (state, _, success) = second.known("r:1");
    assert_eq!(state, State::Fresh);
    let success = success.unwrap();
    assert!((success - (BEGAN - 5_100.0)).abs() < 0.5, "{success}");
}
