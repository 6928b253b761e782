//! What is known of all identities and pools: one door to write, snapshots to read.

mod history;
mod record;
mod records;
mod side_table;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::{debug, info, warn};

pub use history::{History, Poll};
pub use record::{AsOf, Record, State};
pub use records::{CHUNK, Records};
pub use side_table::SideTable;

use crate::api::{Answer, Dataset, Failure, FailureClass, PoolUsage, Usage};
use crate::clock::Mono;
use crate::job::{IdentityIndex, PoolIndex, Target};
use crate::observation::Observation;
use crate::targets::{self, TargetDiff, Targets};

/// What is known, behind a lock that is held for as long as one record takes to write, or a
/// snapshot to take.
#[derive(Debug)]
pub struct Store {
    known: Mutex<Known>,
    any_answer: AtomicBool,
}

/// What is known, and of whom.
#[derive(Debug)]
struct Known {
    targets: Arc<Targets>,
    /// In the order of `targets`.
    pools: Vec<Pool>,
    history: History,
}

#[derive(Debug)]
struct Pool {
    records: Records,
    /// Of those whose datasets were listed, the last list.
    datasets: Datasets,
    health: Health,
    usage: Option<AsOf<PoolUsage>>,
}

impl Pool {
    fn new(pool: &targets::Pool) -> Self {
        Self {
            records: Records::new(pool.identities.len()),
            datasets: SideTable::new(pool.identities.len()),
            health: Health::default(),
            usage: None,
        }
    }
}

/// The last list of datasets of each identity that was asked for one.
pub type Datasets = SideTable<AsOf<Arc<[Dataset]>>>;

/// What is told of a pool in the log: only its changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Health {
    /// Identities whose last poll failed, though they may exist.
    failing: usize,
    /// Identities that do not exist.
    missing: usize,
    /// Why the pool's own usage could not be had the last time.
    own: Option<Failure>,
}

impl Health {
    fn count(&mut self, failure: Option<Failure>, change: fn(usize) -> usize) {
        match failure {
            Some(Failure::NotFound) => self.missing = change(self.missing),
            Some(_) => self.failing = change(self.failing),
            None => {}
        }
    }
}

impl Store {
    /// A store that knows nothing yet of these targets.
    #[must_use]
    pub fn new(targets: Arc<Targets>) -> Self {
        let pools = targets.pools.iter().map(Pool::new).collect();
        Self {
            known: Mutex::new(Known {
                targets,
                pools,
                history: History::default(),
            }),
            any_answer: AtomicBool::new(false),
        }
    }

    /// Goes on with other targets, and keeps what is known about those that stay.
    pub fn apply_targets(&self, targets: &Arc<Targets>, diff: &TargetDiff) {
        let mut pools: Vec<_> = targets.pools.iter().map(Pool::new).collect();
        let mut known = self.known();
        for (old_index, old) in known.pools.iter().enumerate() {
            let old_index = PoolIndex(old_index);
            let Some(index) = diff.pool(old_index) else {
                continue;
            };
            let pool = &mut pools[index.0];
            pool.usage.clone_from(&old.usage);
            pool.health.own = old.health.own;
            for (old_identity, record) in old.records.chunks().flatten().enumerate() {
                let old_target = Target::identity(old_index, old_identity);
                if let Some(Target::Identity { identity, .. }) = diff.target(old_target) {
                    let old_identity = IdentityIndex(old_identity);
                    *pool.records.get_mut(identity.0) = *record;
                    let datasets = old.datasets.get(old_identity);
                    pool.datasets.set(identity, datasets.cloned());
                    pool.health.count(record.failure(), |count| count + 1);
                }
            }
        }
        let mut history = std::mem::take(&mut known.history);
        history.apply_targets(diff);
        *known = Known {
            targets: Arc::clone(targets),
            pools,
            history,
        };
    }

    /// Takes in the result of a poll. The only way in.
    pub fn record(&self, observation: &Observation) {
        match (observation.job.target, &observation.result) {
            (Target::Identity { pool, identity }, Ok(Answer::Identity(usage))) => {
                self.record_identity(pool, identity, Ok(*usage), observation);
            }
            (Target::Identity { pool, identity }, Ok(Answer::Datasets(datasets))) => {
                let usage = Usage::of_datasets(datasets);
                self.record_identity(pool, identity, Ok(usage), observation);
            }
            (Target::Identity { pool, identity }, Err(failure)) => {
                self.record_identity(pool, identity, Err(*failure), observation);
            }
            (Target::Pool { pool }, Ok(Answer::Pool(usage))) => {
                self.record_pool(pool, Ok(*usage), observation);
            }
            (Target::Pool { pool }, Err(failure)) => {
                self.record_pool(pool, Err(*failure), observation);
            }
            (Target::Identity { .. }, Ok(Answer::Pool(_)))
            | (Target::Pool { .. }, Ok(Answer::Identity(_) | Answer::Datasets(_))) => {
                debug_assert!(false, "the poller refuses answers to another operation");
            }
        }
    }

    fn record_identity(
        &self,
        pool: PoolIndex,
        identity: IdentityIndex,
        result: Result<Usage, Failure>,
        observation: &Observation,
    ) {
        if matches!(result, Ok(_) | Err(Failure::NotFound)) {
            self.any_answer.store(true, Ordering::Relaxed);
        }
        let (targets, before, after, healths) = {
            let mut known = self.known();
            known.history.record(observation);
            let targets = Arc::clone(&known.targets);
            let Pool {
                records,
                datasets,
                health,
                ..
            } = &mut known.pools[pool.0];
            let record = records.get_mut(identity.0);
            let (before, health_before) = (record.failure(), *health);
            if record.apply(result, observation.asked) {
                match &observation.result {
                    Ok(Answer::Datasets(list)) => {
                        let (value, asked) = (Arc::from(&list[..]), observation.asked);
                        datasets.set(identity, Some(AsOf { value, asked }));
                    }
                    Err(Failure::NotFound) => datasets.set(identity, None),
                    Ok(_) | Err(_) => {}
                }
            }
            health.count(before, |count| count - 1);
            health.count(record.failure(), |count| count + 1);
            (targets, before, record.failure(), (health_before, *health))
        };
        let target = &targets.pools[pool.0];
        if before != after {
            // Logs hold no identity id: this is its place among the pool's, from 1.
            let identity = identity.0 + 1;
            debug!(pool = %target.id, identity, reason = reason(after), "identity changed");
        }
        log_change(target, healths, after);
    }

    fn record_pool(
        &self,
        pool: PoolIndex,
        result: Result<PoolUsage, Failure>,
        observation: &Observation,
    ) {
        let (targets, healths) = {
            let mut known = self.known();
            known.history.record(observation);
            let targets = Arc::clone(&known.targets);
            let Pool { health, usage, .. } = &mut known.pools[pool.0];
            let before = *health;
            health.own = result.err();
            match result.map_err(Failure::class) {
                Ok(value) => {
                    *usage = Some(AsOf {
                        value,
                        asked: observation.asked,
                    });
                }
                // Usage that was once readable is not exported after access has been refused.
                Err(FailureClass::Permanent | FailureClass::Credentials) => *usage = None,
                Err(FailureClass::Transient | FailureClass::NoAnswer) => {}
            }
            (targets, (before, *health))
        };
        log_change(&targets.pools[pool.0], healths, result.err());
    }

    /// Whether AWS has answered about any identity yet, be it that there is no such one.
    #[must_use]
    pub fn any_answer(&self) -> bool {
        self.any_answer.load(Ordering::Relaxed)
    }

    /// Everything as it is now, for as long as the snapshot lives. It delays nobody; see
    /// [`Records`] for what it costs.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Self::snapshot_of(&self.known())
    }

    /// The same, and the last polls, of the same moment.
    #[must_use]
    pub fn snapshot_and_history(&self) -> (Snapshot, History) {
        let known = self.known();
        (Self::snapshot_of(&known), known.history.clone())
    }

    fn snapshot_of(known: &Known) -> Snapshot {
        let pool = |pool: &Pool| PoolSnapshot {
            records: pool.records.clone(),
            datasets: pool.datasets.clone(),
            usage: pool.usage,
        };
        Snapshot {
            targets: Arc::clone(&known.targets),
            pools: known.pools.iter().map(pool).collect(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One line for each change of a pool: when polls begin to fail, when all do, when none does any
/// more; the same for missing identities, and for its own usage.
fn log_change(pool: &targets::Pool, (before, after): (Health, Health), failure: Option<Failure>) {
    let (id, identities, reason) = (&pool.id, pool.identities.len(), reason(failure));
    match (before.failing, after.failing) {
        (before, after) if before == after => {}
        (_, 0) => info!(pool = %id, identities, "polls succeeding again"),
        (0, _) if identities > 1 => warn!(pool = %id, identities, reason, "polls failing"),
        (_, failing) if failing == identities => {
            warn!(pool = %id, identities, reason, "all polls failing");
        }
        _ => {}
    }
    match (before.missing, after.missing) {
        (0, 1..) => warn!(pool = %id, identities, "identities missing"),
        (1.., 0) => info!(pool = %id, identities, "no identities missing"),
        _ => {}
    }
    match (before.own, after.own) {
        (None, Some(_)) => warn!(pool = %id, reason, "pool usage unavailable"),
        (Some(_), None) => info!(pool = %id, "pool usage available again"),
        _ => {}
    }
}

fn reason(failure: Option<Failure>) -> &'static str {
    failure.map_or("none", Failure::as_str)
}

/// Everything that was known at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Who was polled then.
    pub targets: Arc<Targets>,
    pools: Vec<PoolSnapshot>,
}

#[derive(Clone, Debug)]
struct PoolSnapshot {
    records: Records,
    datasets: Datasets,
    usage: Option<AsOf<PoolUsage>>,
}

/// What was known of one pool at one moment.
#[derive(Clone, Copy, Debug)]
pub struct PoolView<'a> {
    /// The pool itself and its identities.
    pub target: &'a targets::Pool,
    /// What was known of each identity, in the order of `target.identities`.
    pub records: &'a Records,
    /// The last list of datasets of each identity that was asked for one.
    pub datasets: &'a Datasets,
    usage: Option<&'a AsOf<PoolUsage>>,
}

impl Snapshot {
    /// All pools, in the configuration's order.
    pub fn pools(&self) -> impl Iterator<Item = PoolView<'_>> {
        (0..self.pools.len()).map(|index| self.pool(PoolIndex(index)))
    }

    /// One pool.
    #[must_use]
    pub fn pool(&self, index: PoolIndex) -> PoolView<'_> {
        let PoolSnapshot {
            records,
            datasets,
            usage,
        } = &self.pools[index.0];
        PoolView {
            target: &self.targets.pools[index.0],
            records,
            datasets,
            usage: usage.as_ref(),
        }
    }
}

impl PoolView<'_> {
    /// Usage from before this is stale and not shown.
    #[must_use]
    pub fn oldest_shown(&self, now: Mono) -> Mono {
        now.before(self.target.settings.stale_after)
    }

    /// The pool's own usage, while it may be shown.
    #[must_use]
    pub fn usage(&self, now: Mono) -> Option<&PoolUsage> {
        self.usage
            .filter(|answer| answer.is_current(self.oldest_shown(now)))
            .map(|usage| &usage.value)
    }
}
