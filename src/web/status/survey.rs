//! What a status looks for among the identities: one pass over each pool, a few at a time.

use super::attention::Examples;
use super::best::{Best, number, ordered};
use crate::api::Failure;
use crate::clock::Timestamp;
use crate::config::{Limits, PoolSettings};
use crate::exposition::{FULL_WITHIN, Seen, Summary, Summing};
use crate::job::{IdentityIndex, PoolIndex};
use crate::limits::{Level, Limit, Listing, Standing};
#[cfg(test)]
use crate::store::PoolView;
use crate::store::{Forecast, Reasons, Record, Snapshot, State};

/// The identities of each reason that are shown.
pub(super) const LATEST: usize = 3;

/// Who has not written for so long is no writer: 30 days.
const WRITER_SECONDS: f64 = 30.0 * 86_400.0;

/// So that a product that is rounded differently than a quotient leaves nobody out.
const ALMOST: f64 = 0.999_999;

/// A pass over pools.
pub(super) struct Survey<'a> {
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
    /// In seconds since 1970.
    now: f64,
    /// Who has not written since is not among the writers.
    writers_since: f64,
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
            pools: pools.collect(),
            pool: 0,
        }
    }

    /// Looks at some more identities. Returns what was found of each pool once all were seen.
    pub(super) fn step(&mut self) -> Option<Vec<Surveyed>> {
        let Some((summing, found)) = self.pools.get_mut(self.pool) else {
            let pools = std::mem::take(&mut self.pools).into_iter();
            let pools = pools.map(|(summing, found)| Surveyed {
                summary: summing.end(),
                found,
            });
            return Some(pools.collect());
        };
        if !summing.step(|seen| found.add(&seen)) {
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
        Self { pools, pool: 0 }.all().remove(0)
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
            now: now.unix,
            writers_since: now.unix - WRITER_SECONDS,
            limits: settings.limits,
            least: [0; Limit::ALL.len()],
        }
    }

    // What it calls takes single facts of `seen`, so that this is nowhere written to memory.
    #[inline]
    fn add(&mut self, seen: &Seen<'_>) {
        if let Some(failure) = seen.record.failure() {
            self.add_failed(failure, seen.identity, seen.state, seen.record);
        }
        let usage = seen.current.map(|(usage, _)| usage);
        self.examples.offer(seen.identity, seen.state, usage);
        let Some((usage, standing)) = seen.current else {
            if seen.state == State::Stale {
                self.add_stale(seen.identity, seen.record, seen.listing);
            }
            return;
        };
        if seen.levels.iter().any(|level| *level >= Level::Near) {
            self.examples.offer_near(seen.identity, usage, seen.levels);
        }
        let modified = usage.last_modified;
        if modified.is_some_and(|date| date >= self.writers_since) {
            self.add_writer(seen.identity, modified);
        }
        let used = standing.at_least().into_iter().zip(self.least);
        if used.fold(false, |any, (used, least)| any | (used >= least)) {
            self.add_full(seen.identity, standing, modified);
        }
        if let Some(forecast) = seen.forecast {
            self.add_growing(seen.identity, forecast, modified);
        }
    }

    /// A date of last modification, the later the greater; 0 if there is none. A clock that is
    /// behind AWS's makes nobody a later writer than those that write now.
    fn by_last_write(&self, modified: Option<f64>) -> u64 {
        modified.map_or(0, |date| ordered(date.min(self.now)))
    }

    #[inline(never)]
    fn add_writer(&mut self, identity: IdentityIndex, modified: Option<f64>) {
        let by = [self.by_last_write(modified), 0];
        self.writers.offer(by, (self.pool, identity));
        self.writers_since = self.writers_since.max(number(self.writers.least()));
    }

    #[inline(never)]
    fn add_full(&mut self, identity: IdentityIndex, standing: &Standing, modified: Option<f64>) {
        if let Some((_, used)) = standing.nearest() {
            let place = (self.pool, identity);
            let by = [ordered(used), self.by_last_write(modified)];
            self.fullest.offer(by, place);
            let least = number(self.fullest.least()) * ALMOST;
            self.least = Limit::ALL.map(|limit| (least * limit.of(self.limits) as f64) as u64);
        }
    }

    #[inline(never)]
    fn add_stale(&mut self, identity: IdentityIndex, record: &Record, listing: Listing) {
        if let Some(usage) = record.last_usage() {
            let standing = Standing::of(usage, listing, self.limits);
            self.examples.offer_stale(identity, usage, &standing);
        }
    }

    #[inline]
    fn add_growing(&mut self, identity: IdentityIndex, forecast: Forecast, modified: Option<f64>) {
        self.examples.offer_growing(identity, &forecast);
        let seconds_left = forecast.full_at - self.now;
        for (count, (_, seconds)) in self.full_within.iter_mut().zip(FULL_WITHIN) {
            *count += u64::from(seconds_left <= seconds);
        }
        let [.., (_, longest)] = FULL_WITHIN;
        if seconds_left <= longest {
            let soonest_first = !ordered(forecast.full_at);
            let by = [soonest_first, self.by_last_write(modified)];
            self.soonest_full.offer(by, (self.pool, identity));
        }
    }

    #[inline(never)]
    fn add_failed(
        &mut self,
        failure: Failure,
        identity: IdentityIndex,
        state: State,
        record: &Record,
    ) {
        match state {
            State::Failing => self.failing.add(failure),
            State::Stale => self.stale.add(failure),
            State::Pending | State::Fresh | State::Missing => {}
        }
        if let Some((_, last)) = record.failures() {
            let place = (self.pool, identity);
            self.failed[failure as usize].offer([ordered(last), 0], place);
        }
    }
}
