//! What is known of identities that are polled no longer, in case they come back: lists are
//! rewritten, and files go and return.

use std::collections::{HashMap, VecDeque};

use super::pool::{Facts, Pool};
use crate::clock::Mono;
use crate::identity::{IdentityId, PoolId};
use crate::job::IdentityIndex;
use crate::targets;

/// Identities that may be kept, however few were ever polled.
pub(super) const MIN_DEPARTED: usize = 10_000;

/// Usage of identities without a target, until it would be stale.
#[derive(Debug, Default)]
pub(super) struct Departed {
    /// The latest last. An identity is in one of them at most.
    departures: VecDeque<Departure>,
    /// The most identities that were targets at one time: enough to keep.
    most_targets: usize,
}

/// Identities that have left at the same time.
#[derive(Debug)]
pub(super) struct Departure {
    pools: HashMap<PoolId, HashMap<Box<str>, Facts>>,
    /// When all of their usage is stale.
    until: Mono,
}

impl Departed {
    /// Those of which all usage is stale by now. To be dropped without the lock, since that takes
    /// time.
    pub(super) fn take_stale(&mut self, now: Mono) -> VecDeque<Departure> {
        let departures = std::mem::take(&mut self.departures).into_iter();
        let (stale, kept) = departures.partition(|departure: &Departure| departure.until < now);
        self.departures = kept;
        stale
    }

    /// Adds those that leave, of so many who were targets. Forgets the earliest where there are
    /// enough without them, so that at most twice as many are kept.
    pub(super) fn add(&mut self, departure: Departure, targets: usize) {
        self.most_targets = self.most_targets.max(targets);
        if departure.len() > 0 {
            self.departures.push_back(departure);
        }
        let enough = self.most_targets.max(MIN_DEPARTED);
        while let Some(first) = self.departures.front()
            && self.len() - first.len() >= enough
        {
            self.departures.pop_front();
        }
    }

    /// Whether an identity is among them.
    pub(super) fn knows(&self, pool: &PoolId, id: IdentityId<'_>) -> bool {
        let mut pools = self
            .departures
            .iter()
            .filter_map(|left| left.pools.get(pool));
        pools.any(|identities| identities.contains_key(id.as_str()))
    }

    pub(super) fn len(&self) -> usize {
        self.departures.iter().map(Departure::len).sum()
    }

    /// How often identities have left that are not back.
    #[cfg(test)]
    pub(super) fn departures(&self) -> usize {
        self.departures.len()
    }

    /// Gives back what is known of the identities that a pool has again.
    /// `notes_changes` says whether they count as changed.
    pub(super) fn restore(&mut self, target: &targets::Pool, pool: &mut Pool, notes_changes: bool) {
        for departure in &mut self.departures {
            departure.restore(target, pool, notes_changes);
        }
        self.departures.retain(|departure| departure.len() > 0);
    }
}

impl Departure {
    /// Of nobody yet.
    pub(super) fn new() -> Self {
        Self {
            pools: HashMap::new(),
            until: Mono::START,
        }
    }

    fn len(&self) -> usize {
        self.pools.values().map(HashMap::len).sum()
    }

    /// Keeps what is known of an identity that leaves, if a poll of it has ever succeeded.
    pub(super) fn keep(&mut self, target: &targets::Pool, pool: &Pool, identity: IdentityIndex) {
        let facts = pool.facts(identity);
        if let Some(requested_at) = facts.record.answered_at() {
            let id = target.identities.id(identity);
            self.keep_until(&target.id, id, facts, requested_at + target.stale_after);
        }
    }

    /// Keeps what is known of an identity until its usage is stale.
    pub(super) fn keep_until(
        &mut self,
        pool: &PoolId,
        id: IdentityId<'_>,
        facts: Facts,
        stale_at: Mono,
    ) {
        self.until = self.until.max(stale_at);
        let identities = self.pools.entry(pool.clone()).or_default();
        identities.insert(id.as_str().into(), facts);
    }

    fn restore(&mut self, target: &targets::Pool, pool: &mut Pool, notes_changes: bool) {
        let Some(identities) = self.pools.get_mut(&target.id) else {
            return;
        };
        identities.retain(|id, facts| {
            let position = target.identities.position(IdentityId::new_unchecked(id));
            if let Some(identity) = position {
                pool.put(identity, *facts);
                if notes_changes {
                    pool.changed.mark(identity);
                }
            }
            position.is_none()
        });
        identities.shrink_to_fit();
    }
}
