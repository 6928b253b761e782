//! The latest results for all identities and pools. [`Store::record`] writes, snapshots read.

mod changed;
mod changes;
mod chunked;
mod counts;
mod dataset_rows;
mod departed;
mod forecast;
mod history;
mod kept;
mod known;
mod pool;
mod pool_health;
mod pool_log;
mod record;
mod snapshot;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::debug;

pub use changes::Changes;
pub use chunked::{CHUNK, Chunked, Listings, Records};
pub use counts::PoolCounts;
pub use dataset_rows::DatasetList;
use dataset_rows::DatasetRows;
use departed::{Departed, Departure};
pub use forecast::Forecast;
pub use history::{History, Poll};
pub use kept::{ChangedRows, Kept, KeptPool, Leaver, RestoredRow};
pub use known::{Known, KnownTarget};
use pool::Pool;
pub use pool_health::{PoolTrouble, Reasons};
use pool_log::reason;
pub use record::{AsOf, Failures, Record, State};
use snapshot::PoolSnapshot;
pub use snapshot::{PoolView, Snapshot};

use crate::api::{Answer, Failure, FailureClass, PoolUsage};
use crate::clock::{Mono, Timestamp};
use crate::job::{IdentityIndex, PoolIndex, Target};
use crate::limits::{ListNeed, Standing, list_need, weekly_hour};
use crate::observation::Observation;
use crate::schedule::Demand;
use crate::targets::{TargetDiff, Targets};

/// The results, behind a lock that is held while one record is written or a snapshot is taken.
#[derive(Debug)]
pub struct Store {
    contents: Mutex<Contents>,
    any_answer: AtomicBool,
}

#[derive(Debug)]
struct Contents {
    targets: Arc<Targets>,
    /// In the order of `targets`.
    pools: Vec<Pool>,
    dataset_rows: DatasetRows,
    departed: Departed,
    history: History,
    /// Whether it is noted which identities change, since they are saved.
    notes_changes: bool,
    /// Those that had changed when they ceased to be targets, and were not saved since.
    leavers: Vec<Leaver>,
}

impl Store {
    /// A store of these targets without results.
    #[must_use]
    pub fn new(targets: Arc<Targets>) -> Self {
        let pools = targets.pools.iter().map(Pool::new).collect();
        Self {
            contents: Mutex::new(Contents {
                targets,
                pools,
                dataset_rows: DatasetRows::default(),
                departed: Departed::default(),
                history: History::default(),
                notes_changes: false,
                leavers: Vec::new(),
            }),
            any_answer: AtomicBool::new(false),
        }
    }

    /// Replaces the targets, and keeps the results of those that stay, and of identities that come
    /// back before they are stale.
    pub fn apply_targets(&self, targets: &Arc<Targets>, diff: &TargetDiff) {
        let mut pools: Vec<_> = targets.pools.iter().map(Pool::new).collect();
        let mut departure = Departure::new();
        let mut contents = self.contents();
        let Contents {
            targets: old_targets,
            pools: old_pools,
            dataset_rows,
            departed,
            history,
            notes_changes,
            leavers,
        } = &mut *contents;
        for (old_index, old) in old_pools.iter().enumerate() {
            let old_index = PoolIndex(old_index);
            if let Some(index) = diff.pool(old_index) {
                let pool = &mut pools[index.0];
                pool.usage.clone_from(&old.usage);
                pool.health.keep_own(&old.health);
                pool.logged.clone_from(&old.logged);
            }
            for old_identity in 0..old.records.len() {
                let old_target = Target::identity(old_index, old_identity);
                let old_identity = IdentityIndex(old_identity);
                match diff.target(old_target) {
                    Some(Target::Identity { pool, identity }) => {
                        let pool = &mut pools[pool.0];
                        pool.put(identity, old.facts(old_identity));
                        if old.changed.contains(old_identity) {
                            pool.changed.mark(identity);
                        }
                    }
                    _ => {
                        let target = &old_targets[old_index];
                        departure.keep(target, old, old_identity);
                        if old.changed.contains(old_identity) {
                            let datasets = dataset_rows.get((old_index, old_identity));
                            leavers.push(Leaver {
                                pool: target.id.clone(),
                                id: target.identities.id(old_identity).as_str().into(),
                                kept: Kept::new(old.facts(old_identity), datasets),
                            });
                        }
                    }
                }
            }
        }
        for (target, pool) in targets.pools.iter().zip(&mut pools) {
            departed.restore(target, pool, *notes_changes);
        }
        departed.add(departure, old_targets.identities());
        dataset_rows.apply_targets(diff);
        history.apply_targets(diff);
        (*old_targets, *old_pools) = (Arc::clone(targets), pools);
    }

    /// Forgets the identities without a target whose usage is stale by now.
    pub fn forget_departed(&self, now: Mono) {
        let stale = self.contents().departed.take_stale(now);
        drop(stale);
    }

    /// Records the result of a poll.
    pub fn record(&self, observation: &Observation) {
        match (observation.job.target, &observation.result) {
            (
                Target::Identity { pool, identity },
                Ok(Answer::Identity(_) | Answer::Datasets(_)) | Err(_),
            ) => self.record_identity(pool, identity, observation),
            (Target::Pool { pool }, Ok(Answer::Pool(usage))) => {
                self.record_pool(pool, Ok(*usage), observation);
            }
            (Target::Pool { pool }, Err(failure)) => {
                self.record_pool(pool, Err(*failure), observation);
            }
            (Target::Identity { .. }, Ok(Answer::Pool(_)))
            | (Target::Pool { .. }, Ok(Answer::Identity(_) | Answer::Datasets(_))) => {
                debug_assert!(false, "the poller rejects answers to another operation");
            }
        }
    }

    fn record_identity(
        &self,
        pool_index: PoolIndex,
        identity: IdentityIndex,
        observation: &Observation,
    ) {
        let failure = observation.failure();
        self.note_answer(matches!(failure, None | Some(Failure::NotFound)));
        let (targets, before, after, lines) = {
            let mut contents = self.contents();
            contents.history.record(observation);
            let Contents {
                targets,
                pools,
                dataset_rows,
                notes_changes,
                ..
            } = &mut *contents;
            let pool = &mut pools[pool_index.0];
            let before = pool.records[identity];
            let signer = targets[pool_index].settings.signer;
            if pool.apply(identity, signer, observation) {
                if *notes_changes {
                    pool.changed.mark(identity);
                }
                let limits = targets[pool_index].settings.limits;
                let key = (pool_index, identity);
                dataset_rows.apply(key, signer, observation, |usage| {
                    Standing::of(usage, pool.listings[identity], limits)
                });
            }
            let after = pool.records[identity];
            pool.health.changed(&before, &after);
            if failure.is_none() && after.last_usage().is_some() {
                pool.health.identity_found();
            }
            let lines = pool
                .logged
                .lines(&targets[pool_index], pool.health, observation);
            (
                Arc::clone(targets),
                before.failure(),
                after.failure(),
                lines,
            )
        };
        let target = &targets[pool_index];
        if before != after {
            // Logs hold no identity id. This is its position in the pool, from 1.
            let identity = identity.0 + 1;
            debug!(pool = %target.id, identity, reason = reason(after), "identity changed");
        }
        lines.log(target);
    }

    fn record_pool(
        &self,
        pool: PoolIndex,
        result: Result<PoolUsage, Failure>,
        observation: &Observation,
    ) {
        self.note_answer(result.is_ok());
        let (targets, lines) = {
            let mut contents = self.contents();
            contents.history.record(observation);
            let targets = Arc::clone(&contents.targets);
            let stored = &mut contents.pools[pool.0];
            stored.health.own_polled(result.err());
            match result.map_err(Failure::class) {
                Ok(value) => {
                    stored.usage = Some(AsOf {
                        value,
                        requested_at: observation.requested_at,
                    });
                }
                // Usage is not exported once access to it is denied.
                Err(FailureClass::Permanent | FailureClass::Budget) => stored.usage = None,
                Err(FailureClass::Throttled | FailureClass::Transient | FailureClass::NoAnswer) => {
                }
            }
            let lines = stored
                .logged
                .lines(&targets[pool], stored.health, observation);
            (targets, lines)
        };
        lines.log(&targets[pool]);
    }

    /// What a list of an identity's datasets would tell.
    #[must_use]
    pub fn list_need(&self, pool: PoolIndex, identity: IdentityIndex, now: Timestamp) -> ListNeed {
        let contents = self.contents();
        let (target, stored) = (&contents.targets[pool], &contents.pools[pool.0]);
        let record = &stored.records[identity];
        list_need(
            record.last_usage(),
            stored.listings[identity],
            target.settings.limits,
            target.settings.datasets,
            weekly_hour(&target.id, target.identities.id(identity)),
            now.unix,
        )
    }

    /// What asking an identity is worth.
    #[must_use]
    pub fn demand(&self, pool: PoolIndex, identity: IdentityIndex, now: Timestamp) -> Demand {
        let contents = self.contents();
        let limits = contents.targets[pool].settings.limits;
        contents.pools[pool.0].demand(identity, limits, now.unix)
    }

    fn note_answer(&self, is_answer: bool) {
        if is_answer {
            self.any_answer.store(true, Ordering::Relaxed);
        }
    }

    /// Whether there is anything to show: any poll has returned usage or "not found", or there is
    /// no identity to poll, and none to be discovered.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.any_answer.load(Ordering::Relaxed) || !self.contents().targets.expects_identities()
    }

    /// A copy of the present contents. It blocks no writer while it is read; [`Records`] describes
    /// its cost.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Self::snapshot_of(&self.contents())
    }

    /// A snapshot, and the history at the same time.
    #[must_use]
    pub fn snapshot_and_history(&self) -> (Snapshot, History) {
        let contents = self.contents();
        (Self::snapshot_of(&contents), contents.history.clone())
    }

    fn snapshot_of(contents: &Contents) -> Snapshot {
        let pool = |pool: &Pool| PoolSnapshot {
            records: pool.records.clone(),
            listings: pool.listings.clone(),
            changes: pool.changes.clone(),
            usage: pool.usage,
            health: pool.health,
        };
        Snapshot {
            targets: Arc::clone(&contents.targets),
            pools: contents.pools.iter().map(pool).collect(),
        }
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
