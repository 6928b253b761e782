//! What is known of all identities and pools: one door to write, a view to read.

mod record;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use tracing::{debug, info, warn};

pub use record::{Answer, Record, State};

use crate::clock::{Moment, Mono};
use crate::targets::{self, Targets};
use crate::usage::{Failure, Observation, Outcome, PoolUsage, Usage};

/// What is known, behind a lock that is held for as long as one look takes.
#[derive(Debug)]
pub struct Store {
    targets: Arc<Targets>,
    pools: RwLock<Vec<Pool>>,
    any_answer: AtomicBool,
}

#[derive(Debug)]
struct Pool {
    records: Vec<Record>,
    health: Health,
    usage: Option<Answer<PoolUsage>>,
}

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
        let pool = |pool: &targets::Pool| Pool {
            records: vec![Record::default(); pool.identities.len()],
            health: Health::default(),
            usage: None,
        };
        let pools = RwLock::new(targets.pools.iter().map(pool).collect());
        Self { targets, pools, any_answer: AtomicBool::new(false) }
    }

    /// Takes in what a poll brought. The only way in.
    pub fn record(&self, observation: &Observation) {
        match observation.outcome {
            Outcome::Identity { pool, identity, result } => {
                self.record_identity(pool, identity, result, observation.asked);
            }
            Outcome::Pool { pool, result } => self.record_pool(pool, result, observation.asked),
        }
    }

    fn record_identity(&self, pool: usize, identity: usize, result: Result<Usage, Failure>, asked: Moment) {
        if matches!(result, Ok(_) | Err(Failure::NotFound)) {
            self.any_answer.store(true, Ordering::Relaxed);
        }
        let target = &self.targets.pools[pool];
        let (before, after, healths) = {
            let mut pools = self.pools.write().unwrap_or_else(PoisonError::into_inner);
            let Pool { records, health, .. } = &mut pools[pool];
            let record = &mut records[identity];
            let (before, health_before) = (record.failure(), *health);
            record.apply(result, asked);
            health.count(before, |count| count - 1);
            health.count(record.failure(), |count| count + 1);
            (before, record.failure(), (health_before, *health))
        };
        if before != after {
            let (id, reason) = (target.identities.id(identity).as_str(), reason(after));
            debug!(pool = %target.id, identity = id, reason, "identity changed");
        }
        log_change(target, healths, after);
    }

    fn record_pool(&self, pool: usize, result: Result<PoolUsage, Failure>, asked: Moment) {
        let healths = {
            let mut pools = self.pools.write().unwrap_or_else(PoisonError::into_inner);
            let Pool { health, usage, .. } = &mut pools[pool];
            let before = *health;
            health.own = result.err();
            match result {
                Ok(answer) => *usage = Some(Answer { usage: answer, asked }),
                // Refused, for good as far as AWS can tell: what was once allowed to be seen is not shown on.
                Err(failure) if !failure.is_transient() => *usage = None,
                Err(_) => {}
            }
            (before, *health)
        };
        log_change(&self.targets.pools[pool], healths, result.err());
    }

    /// Whether AWS has answered about any identity yet, be it that there is no such one.
    #[must_use]
    pub fn any_answer(&self) -> bool {
        self.any_answer.load(Ordering::Relaxed)
    }

    /// Everything as it is now. Writers wait while the view lives.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View { targets: &self.targets, pools: self.pools.read().unwrap_or_else(PoisonError::into_inner) }
    }
}

/// One line for each change of a pool: when polls begin to fail, when all do, when none does any more; the same for missing
/// identities, and for its own usage.
fn log_change(pool: &targets::Pool, (before, after): (Health, Health), failure: Option<Failure>) {
    let (id, identities, reason) = (&pool.id, pool.identities.len(), reason(failure));
    match (before.failing, after.failing) {
        (before, after) if before == after => {}
        (_, 0) => info!(pool = %id, identities, "polls succeed again"),
        (0, _) if identities > 1 => warn!(pool = %id, identities, reason, "polls begin to fail"),
        (_, failing) if failing == identities => warn!(pool = %id, identities, reason, "all polls fail"),
        _ => {}
    }
    match (before.missing, after.missing) {
        (0, 1..) => warn!(pool = %id, identities, "identities are missing"),
        (1.., 0) => info!(pool = %id, identities, "no identity is missing any more"),
        _ => {}
    }
    match (before.own, after.own) {
        (None, Some(_)) => warn!(pool = %id, reason, "the pool's own usage cannot be had"),
        (Some(_), None) => info!(pool = %id, "the pool's own usage can be had again"),
        _ => {}
    }
}

fn reason(failure: Option<Failure>) -> &'static str {
    failure.map_or("none", Failure::as_str)
}

/// Everything that is known at one moment.
pub struct View<'a> {
    targets: &'a Targets,
    pools: RwLockReadGuard<'a, Vec<Pool>>,
}

/// What is known of one pool at one moment.
#[derive(Clone, Copy)]
pub struct PoolView<'a> {
    /// The pool itself and its identities.
    pub target: &'a targets::Pool,
    /// What is known of each identity, in the order of `target.identities`.
    pub records: &'a [Record],
    usage: Option<&'a Answer<PoolUsage>>,
}

impl View<'_> {
    /// All pools, in the configuration's order.
    pub fn pools(&self) -> impl Iterator<Item = PoolView<'_>> {
        let pools = self.targets.pools.iter().zip(self.pools.iter());
        pools.map(|(target, pool)| PoolView { target, records: &pool.records, usage: pool.usage.as_ref() })
    }
}

impl PoolView<'_> {
    /// Usage older than this is not shown.
    #[must_use]
    pub fn stale_after(&self) -> Duration {
        self.target.settings.stale_after
    }

    /// The pool's own usage, while it may be shown.
    #[must_use]
    pub fn usage(&self, now: Mono) -> Option<&PoolUsage> {
        self.usage.filter(|answer| answer.is_current(now, self.stale_after())).map(|answer| &answer.usage)
    }
}
