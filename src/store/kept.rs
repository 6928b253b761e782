//! What outlives the process: all that is known of an identity or a pool, given out for saving and
//! taken back.

use std::sync::Arc;

use super::changes::Changes;
use super::departed::Departure;
use super::pool::{Facts, Pool};
use super::record::{AsOf, Failures, Record};
use super::{Contents, DatasetList, Store};
use crate::api::{Failure, PoolUsage, Usage};
use crate::clock::Mono;
use crate::identity::{IdentityId, PoolId};
use crate::job::{IdentityIndex, PoolIndex};
use crate::limits::{Listing, Standing};
use crate::schedule::LastPoll;
use crate::targets::Targets;

/// All that is kept of one identity.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The last usage, and when it was requested.
    pub success: Option<AsOf<Usage>>,
    /// The failed polls since.
    pub failures: Option<Failures>,
    /// Whether AWS said that it does not exist.
    pub is_missing: bool,
    /// What is kept of the last list of its datasets.
    pub listing: Listing,
    /// How often it changes.
    pub changes: Changes,
    /// The last list itself, of those nearest a limit.
    pub datasets: Option<DatasetList>,
}

/// All that is kept of a pool itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeptPool {
    /// Its own usage, and when it was requested.
    pub usage: Option<AsOf<PoolUsage>>,
    /// Why the last poll of that failed.
    pub failure: Option<Failure>,
}

/// What has changed since it was last taken.
#[derive(Debug)]
pub struct ChangedRows {
    /// The targets that positions are of.
    pub targets: Arc<Targets>,
    pub identities: Vec<(PoolIndex, IdentityIndex, Kept)>,
    /// All pools.
    pub pools: Vec<KeptPool>,
    /// Those that have changed and are no targets any more.
    pub leavers: Vec<Leaver>,
    /// Identities that have changed and were not taken.
    pub left: usize,
}

/// An identity that is no target any more and had changed before.
#[derive(Debug)]
pub struct Leaver {
    pub pool: PoolId,
    /// The whole id.
    pub id: Box<str>,
    pub kept: Kept,
}

impl ChangedRows {
    /// Whether nobody has changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.identities.is_empty() && self.leavers.is_empty()
    }
}

/// What is known of an identity that may be a target.
#[derive(Debug)]
pub struct RestoredRow {
    pub pool: PoolId,
    /// The whole id.
    pub id: String,
    pub kept: Kept,
    /// When its usage is stale; in the past if there is none.
    pub stale_at: Mono,
}

impl Kept {
    pub(super) fn new(facts: Facts, datasets: Option<DatasetList>) -> Self {
        let Facts {
            record,
            listing,
            changes,
        } = facts;
        Self {
            success: record.success(),
            failures: record.failed_polls(),
            is_missing: record.is_missing(),
            listing,
            changes,
            datasets,
        }
    }

    fn facts(&self) -> Facts {
        Facts {
            record: Record::restored(self.success, self.failures, self.is_missing),
            listing: self.listing,
            changes: self.changes,
        }
    }
}

impl Store {
    /// From now on, notes which identities change.
    pub fn note_changes(&self) {
        self.contents().notes_changes = true;
    }

    /// Takes at most so many of the identities that have changed, with what is known of them.
    #[must_use]
    pub fn take_changed(&self, most: usize) -> ChangedRows {
        let mut contents = self.contents();
        let Contents {
            targets,
            pools,
            dataset_rows,
            leavers,
            ..
        } = &mut *contents;
        let mut identities = Vec::new();
        for (index, pool) in pools.iter_mut().enumerate() {
            for identity in pool.changed.take(most - identities.len()) {
                let datasets = dataset_rows.get((PoolIndex(index), identity));
                let kept = Kept::new(pool.facts(identity), datasets);
                identities.push((PoolIndex(index), identity, kept));
            }
        }
        let kept_pool = |pool: &Pool| KeptPool {
            usage: pool.usage,
            failure: pool.health.pool_failure,
        };
        ChangedRows {
            targets: Arc::clone(targets),
            identities,
            pools: pools.iter().map(kept_pool).collect(),
            leavers: std::mem::take(leavers),
            left: pools.iter().map(|pool| pool.changed.len()).sum(),
        }
    }

    /// How many identities have changed and were not taken since.
    #[must_use]
    pub fn changed(&self) -> usize {
        let contents = self.contents();
        contents.pools.iter().map(|pool| pool.changed.len()).sum()
    }

    /// Notes identities as changed that were taken and could not be saved.
    pub fn put_back(&self, rows: ChangedRows) {
        let mut contents = self.contents();
        contents.leavers.extend(rows.leavers);
        let is_same = Arc::ptr_eq(&contents.targets, &rows.targets);
        for (pool, identity, _) in &rows.identities {
            let (mut pool, mut identity) = (*pool, *identity);
            if !is_same {
                let old = &rows.targets[pool];
                let id = old.identities.id(identity);
                let mut new = contents.targets.pools.iter();
                let Some(at) = new.position(|pool| pool.id == old.id) else {
                    continue;
                };
                let Some(position) = contents.targets.pools[at].identities.position(id) else {
                    continue;
                };
                (pool, identity) = (PoolIndex(at), position);
            }
            contents.pools[pool.0].changed.mark(identity);
        }
    }

    /// Notes all identities as changed of which anything is known.
    pub fn mark_all_changed(&self) {
        for pool in &mut self.contents().pools {
            for identity in (0..pool.records.len()).map(IdentityIndex) {
                if pool.records[identity] != Record::default() {
                    pool.changed.mark(identity);
                }
            }
        }
    }

    /// Takes back what is known of identities, before any is polled. Who is no target may come back
    /// until its usage is stale. Returns how many are targets.
    pub fn restore(&self, rows: impl Iterator<Item = RestoredRow>, now: Mono) -> usize {
        let mut contents = self.contents();
        let Contents {
            targets,
            pools,
            dataset_rows,
            departed,
            ..
        } = &mut *contents;
        let mut departure = Departure::new();
        // Rows come in the order of the identities, nearly.
        let (mut pool_at, mut next) = (0, 0);
        let (mut is_ready, mut restored) = (false, 0);
        for RestoredRow {
            pool: pool_id,
            id,
            kept,
            stale_at,
        } in rows
        {
            let id = IdentityId::new_unchecked(&id);
            if targets
                .pools
                .get(pool_at)
                .is_none_or(|pool| pool.id != pool_id)
            {
                let mut all = targets.pools.iter();
                pool_at = all
                    .position(|pool| pool.id == pool_id)
                    .unwrap_or(usize::MAX);
                next = 0;
            }
            let identity = targets.pools.get(pool_at).and_then(|pool| {
                let expected = IdentityIndex(next);
                let is_expected =
                    next < pool.identities.len() && pool.identities.id(expected) == id;
                match is_expected {
                    true => Some(expected),
                    false => pool.identities.position(id),
                }
            });
            let Some(identity) = identity else {
                if stale_at < now || departed.knows(&pool_id, id) {
                    continue;
                }
                departure.keep_until(&pool_id, id, kept.facts(), stale_at);
                continue;
            };
            next = identity.0 + 1;
            is_ready |= kept.is_missing || stale_at >= now;
            let pool = &mut pools[pool_at];
            if !pool.put_older(identity, kept.facts()) {
                continue;
            }
            restored += 1;
            if let Some(list) = kept.datasets {
                let limits = targets[PoolIndex(pool_at)].settings.limits;
                let key = (PoolIndex(pool_at), identity);
                let listing = kept.listing;
                let usage = kept.success.map(|success| success.value);
                dataset_rows.restore(key, list, usage, |usage| {
                    Standing::of(usage, listing, limits)
                });
            }
        }
        departed.add(departure, targets.identities());
        drop(contents);
        self.note_answer(is_ready);
        restored
    }

    /// Takes back what is known of a pool itself, before it is polled.
    pub fn restore_pool(&self, id: &PoolId, kept: KeptPool) {
        let mut contents = self.contents();
        let mut targets = contents.targets.pools.iter();
        if let Some(position) = targets.position(|pool| pool.id == *id) {
            let pool = &mut contents.pools[position];
            // A slow disk may give back what was polled meanwhile.
            if pool.usage.is_none() && pool.health.pool_failure.is_none() {
                pool.usage = kept.usage;
                if kept.usage.is_some() || kept.failure.is_some() {
                    pool.health.own_polled(kept.failure);
                }
            }
        }
    }

    /// What is known of the last poll of each identity.
    #[must_use]
    pub fn last_poll(&self, pool: PoolIndex, identity: IdentityIndex) -> LastPoll {
        self.contents().pools[pool.0].records[identity].last_poll()
    }
}
