//! What a status looks for among the identities: one pass over each pool, a few at a time.

use super::attention::Examples;
use super::best::{Best, number, ordered};
use crate::api::Failure;
use crate::clock::Timestamp;
use crate::config::{Limits, PoolSettings};
use crate::exposition::{FULL_WITHIN, Seen, Summary, Summing};
use crate::job::PoolIndex;
use crate::limits::{Bounds, Limit, Standing};
#[cfg(test)]
use crate::store::PoolView;
use crate::store::{Reasons, Snapshot, State};

/// The identities of each reason that are shown.
pub(super) const LATEST: usize = 3;

/// Who has not written for so long is no writer: 30 days.
const WRITER_SECONDS: f64 = 30.0 * 86_400.0;

/// So that a product that is rounded differently than a quotient leaves nobody out.
const ALMOST: f64 = 0.999_999;

/// A pass over pools.
pub(super) struct Survey<'a> {
    now: Timestamp,
    pools: Vec<(Summing<'a>, Found)>,
    /// The present one.
    pool: usize,
}

/// What is found of one pool.
#[derive(Debug)]
pub(super) struct Surveyed {
    pub(super) summary: Summary,
    pub(super) found: Found,
}

/// What a pass looks for beside the sums.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) pool: PoolIndex,
    /// By the share of a limit that they use for certain, and of equals those that wrote last.
    pub(super) fullest: Best,
    /// Those that will be full within the longest window of [`FULL_WITHIN`], the soonest first.
    pub(super) soonest_full: Best,
    /// How many will be full within each of these windows.
    pub(super) full_within: [u64; FULL_WITHIN.len()],
    /// Those that wrote within [`WRITER_SECONDS`], by the last write.
    pub(super) writers: Best,
    /// Those whose last poll failed, by reason, the last one first.
    pub(super) failed: [Best; Failure::ALL.len()],
    /// Some of each kind that needs attention.
    pub(super) examples: Examples,
    /// Why polls of those that are failing, and of those that are stale, have failed.
    pub(super) failing: Reasons,
    pub(super) stale: Reasons,
    /// A date of last modification, [`ordered`].
    writers_since: u64,
    limits: Limits,
    /// In the order of [`Limit::ALL`]: who uses less of each limit is not among the fullest.
    least: [u64; Limit::ALL.len()],
}

impl<'a> Survey<'a> {
    /// A pass over these pools for tables of `top` rows.
    pub(super) fn new(
        snapshot: &'a Snapshot,
        pools: impl Iterator<Item = PoolIndex>,
        top: usize,
        now: Timestamp,
    ) -> Self {
        let pools = pools.map(|pool| {
            let settings = &snapshot.targets[pool].settings;
            let summing = Summing::new(snapshot.pool(pool), now);
            (summing, Found::new(pool, settings, top, now))
        });
        Self {
            now,
            pools: pools.collect(),
            pool: 0,
        }
    }

    /// Looks at some more identities. Returns what was found of each pool once all were seen.
    pub(super) fn step(&mut self) -> Option<Vec<Surveyed>> {
        let now = self.now;
        let Some((summing, found)) = self.pools.get_mut(self.pool) else {
            let pools = std::mem::take(&mut self.pools).into_iter();
            let pools = pools.map(|(summing, found)| Surveyed {
                summary: summing.end(),
                found,
            });
            return Some(pools.collect());
        };
        if !summing.step(|seen| found.add(&seen, now)) {
            self.pool += 1;
        }
        None
    }

    /// All of it in one go.
    #[cfg(test)]
    pub(super) fn all(mut self) -> Vec<Surveyed> {
        loop {
            if let Some(found) = self.step() {
                return found;
            }
        }
    }

    /// What is found in one pool, for tables of one row.
    #[cfg(test)]
    pub(super) fn of_pool(pool: PoolView<'a>, now: Timestamp) -> Surveyed {
        let found = Found::new(PoolIndex(0), &pool.target.settings, 1, now);
        let pools = vec![(Summing::new(pool, now), found)];
        let survey = Self {
            now,
            pools,
            pool: 0,
        };
        survey.all().remove(0)
    }
}

impl Found {
    fn new(pool: PoolIndex, settings: &PoolSettings, top: usize, now: Timestamp) -> Self {
        Self {
            pool,
            fullest: Best::new(top),
            soonest_full: Best::new(top),
            full_within: [0; FULL_WITHIN.len()],
            writers: Best::new(top),
            failed: Failure::ALL.map(|_| Best::new(LATEST)),
            examples: Examples::new(settings.name.as_deref(), now.unix),
            failing: Reasons::default(),
            stale: Reasons::default(),
            writers_since: ordered(now.unix - WRITER_SECONDS),
            limits: settings.limits,
            least: [0; Limit::ALL.len()],
        }
    }

    #[inline]
    fn add(&mut self, seen: &Seen<'_>, now: Timestamp) {
        if let Some(failure) = seen.record.failure() {
            self.add_failed(failure, seen);
        }
        let usage = seen.current.as_ref().map(|(usage, _)| *usage);
        self.examples.offer(seen.identity, seen.state, usage);
        let Some((usage, standing)) = &seen.current else {
            if seen.state == State::Stale {
                self.add_stale(seen);
            }
            return;
        };
        if seen.is_near {
            self.examples.offer_near(seen.identity, usage, standing);
        }
        let place = (self.pool, seen.identity);
        // A clock that is behind AWS's makes nobody a later writer than those that write now.
        let modified = usage.last_modified.map(|date| ordered(date.min(now.unix)));
        if let Some(modified) = modified.filter(|modified| *modified >= self.writers_since) {
            self.writers.offer([modified, 0], place);
        }
        let modified = modified.unwrap_or(0);
        let used = standing.bounds_of_each().into_iter().zip(self.least);
        let is_full = |(bounds, least): (Option<Bounds>, u64)| {
            bounds.is_some_and(|bounds| bounds.at_least >= least)
        };
        if used.map(is_full).fold(false, |any, is| any | is) {
            self.add_full(seen, standing, modified);
        }
        if seen.changes.is_growth_known() && standing.is_exact() {
            self.add_growing(seen, standing, modified, now);
        }
    }

    #[inline(never)]
    fn add_full(&mut self, seen: &Seen<'_>, standing: &Standing, modified: u64) {
        if let Some((_, used)) = standing.nearest() {
            let place = (self.pool, seen.identity);
            self.fullest.offer([ordered(used), modified], place);
            let least = number(self.fullest.least()) * ALMOST;
            self.least = Limit::ALL.map(|limit| (least * limit.of(self.limits) as f64) as u64);
        }
    }

    #[inline(never)]
    fn add_stale(&mut self, seen: &Seen<'_>) {
        if let Some(usage) = seen.record.last_usage() {
            let standing = Standing::of(usage, seen.listing, self.limits);
            self.examples.offer_stale(seen.identity, usage, &standing);
        }
    }

    fn add_growing(&mut self, seen: &Seen<'_>, standing: &Standing, modified: u64, now: Timestamp) {
        let Some(full_at) = seen.changes.full_at(seen.record, standing, now) else {
            return;
        };
        let seconds_left = full_at - now.unix;
        for (count, (_, seconds)) in self.full_within.iter_mut().zip(FULL_WITHIN) {
            *count += u64::from(seconds_left <= seconds);
        }
        let [.., (_, longest)] = FULL_WITHIN;
        if seconds_left <= longest {
            let soonest_first = !ordered(full_at);
            let place = (self.pool, seen.identity);
            self.soonest_full.offer([soonest_first, modified], place);
        }
    }

    #[inline(never)]
    fn add_failed(&mut self, failure: Failure, seen: &Seen<'_>) {
        match seen.state {
            State::Failing => self.failing.add(failure),
            State::Stale => self.stale.add(failure),
            State::Pending | State::Fresh | State::Missing => {}
        }
        if let Some((_, last)) = seen.record.failures() {
            let place = (self.pool, seen.identity);
            self.failed[failure as usize].offer([ordered(last), 0], place);
        }
    }
}
