//! Immutable contents of the store, to read at leisure.

use std::sync::Arc;

use super::changes::Changes;
use super::chunked::{ChangesOfEach, Listings, Records};
use super::pool_health::{PoolHealth, PoolTrouble, Reasons};
use super::record::{AsOf, Record, State};
use crate::api::{Failure, PoolUsage, Usage};
use crate::clock::Mono;
use crate::job::{IdentityIndex, PoolIndex};
use crate::limits::{Listing, Standing};
use crate::targets::{self, Targets};

/// The contents of the store at one time.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub targets: Arc<Targets>,
    pub(super) pools: Vec<PoolSnapshot>,
}

#[derive(Clone, Debug)]
pub(super) struct PoolSnapshot {
    pub(super) records: Records,
    pub(super) listings: Listings,
    pub(super) changes: ChangesOfEach,
    pub(super) usage: Option<AsOf<PoolUsage>>,
    pub(super) health: PoolHealth,
}

/// The results for one pool at one time.
#[derive(Clone, Copy, Debug)]
pub struct PoolView<'a> {
    pub target: &'a targets::Pool,
    /// The record of each identity, in the order of `target.identities`.
    pub records: &'a Records,
    /// What is kept of the last list of datasets of each identity, in the same order.
    pub listings: &'a Listings,
    /// How each changes, in the same order.
    pub(super) changes: &'a ChangesOfEach,
    usage: Option<&'a AsOf<PoolUsage>>,
    health: &'a PoolHealth,
}

impl Snapshot {
    /// All pools, in the configuration's order.
    pub fn pools(&self) -> impl Iterator<Item = PoolView<'_>> {
        (0..self.pools.len()).map(|index| self.pool(PoolIndex(index)))
    }

    #[must_use]
    pub fn pool(&self, index: PoolIndex) -> PoolView<'_> {
        let PoolSnapshot {
            records,
            listings,
            changes,
            usage,
            health,
        } = &self.pools[index.0];
        PoolView {
            target: &self.targets[index],
            records,
            listings,
            changes,
            usage: usage.as_ref(),
            health,
        }
    }
}

impl PoolView<'_> {
    /// Usage that was requested before this time is stale and not shown.
    #[must_use]
    pub fn oldest_shown(&self, now: Mono) -> Mono {
        now.before(self.target.stale_after)
    }

    /// What is wrong with the pool as a whole, as far as the answers show.
    #[must_use]
    pub fn trouble(&self) -> Option<PoolTrouble> {
        self.health.trouble(self.target)
    }

    /// The number of identities whose last poll failed. It takes no pass over them.
    #[must_use]
    pub fn failed(&self) -> Reasons {
        self.health.failed
    }

    /// Why the last poll of the pool's own usage failed.
    #[must_use]
    pub fn own_failure(&self) -> Option<Failure> {
        self.health.pool_failure
    }

    /// The number of identities in each state, in the order of [`State::ALL`].
    #[must_use]
    pub fn states(&self, now: Mono) -> [u64; State::ALL.len()] {
        let oldest_shown = self.oldest_shown(now);
        let mut states = [0; State::ALL.len()];
        for record in self.records.chunks().flatten() {
            states[record.state(oldest_shown) as usize] += 1;
        }
        states
    }

    /// The record of each identity of a chunk, what is kept of its last list, and how it changes,
    /// in their order: of the [`CHUNK`](super::CHUNK) identities from `number * CHUNK`. None past
    /// the last chunk.
    #[inline]
    pub fn chunk(&self, number: usize) -> impl Iterator<Item = (&Record, &Listing, &Changes)> {
        let listings = self.listings.chunk(number).iter();
        let facts = self.records.chunk(number).iter().zip(listings);
        let facts = facts.zip(self.changes.chunk(number));
        facts.map(|((record, listing), changes)| (record, listing, changes))
    }

    /// The time between two changes of an identity, by all that was seen, in seconds; `None` before
    /// two were seen: a date alone is no rhythm.
    #[must_use]
    pub fn seconds_between_changes(&self, identity: IdentityIndex) -> Option<f64> {
        let changes = self.changes[identity];
        let is_known = changes.is_growth_known() && changes.per_second() > 0.0;
        is_known.then(|| changes.per_second().recip())
    }

    /// What is known of an identity with this usage, compared with its limits.
    #[must_use]
    pub fn standing(&self, identity: IdentityIndex, usage: &Usage) -> Standing {
        Standing::of(usage, self.listings[identity], self.target.settings.limits)
    }

    /// The pool's own usage, unless it is stale.
    #[must_use]
    pub fn usage(&self, now: Mono) -> Option<&PoolUsage> {
        self.usage
            .filter(|usage| usage.is_current(self.oldest_shown(now)))
            .map(|usage| &usage.value)
    }
}
