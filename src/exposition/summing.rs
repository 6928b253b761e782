//! A pass over the identities of a pool, which sums them up and shows each one to others that look
//! for something.

use super::nearest::{Nearest, Nearness};
use super::selection::Selection;
use super::summary::{ACTIVE_SECONDS, Summary};
use crate::api::Usage;
use crate::clock::{Mono, Timestamp};
use crate::config::Series;
use crate::job::IdentityIndex;
use crate::limits::{Level, Limit, Listing, Standing, Thresholds};
use crate::store::{CHUNK, Forecast, PoolView, Record, State};

/// A pass over a pool that sums it up, a chunk of identities at a time, and shows each one to
/// others that look for something.
pub struct Summing<'a> {
    pool: PoolView<'a>,
    now: Timestamp,
    oldest_shown: Mono,
    thresholds: Thresholds,
    /// The next one.
    chunk: usize,
    summary: Summary,
    on_levels: OnLevels,
}

/// An identity that such a pass comes by.
pub struct Seen<'a> {
    pub identity: IdentityIndex,
    pub record: &'a Record,
    pub listing: Listing,
    pub state: State,
    /// Its usage, if that is current, compared with its limits.
    pub current: Option<(&'a Usage, &'a Standing)>,
    /// By current usage, in the order of [`Limit::ALL`].
    pub levels: [Level; Limit::ALL.len()],
    /// By current usage.
    pub forecast: Option<Forecast>,
}

impl<'a> Summing<'a> {
    /// Before the first chunk.
    #[must_use]
    pub fn new(pool: PoolView<'a>, now: Timestamp) -> Self {
        Self {
            oldest_shown: pool.oldest_shown(now.mono),
            thresholds: Thresholds::of(pool.target.settings.limits),
            pool,
            now,
            chunk: 0,
            summary: Summary::new(),
            on_levels: OnLevels::default(),
        }
    }

    /// Adds the identities of the next chunk and shows each. Returns whether there are more.
    #[inline]
    pub fn step(&mut self, mut visit: impl FnMut(Seen<'_>)) -> bool {
        let limits = self.pool.target.settings.limits;
        let (summary, now, oldest_shown) = (&mut self.summary, self.now, self.oldest_shown);
        let (thresholds, on_levels) = (&self.thresholds, &mut self.on_levels);
        let first = self.chunk * CHUNK;
        let facts = self.pool.chunk(self.chunk).enumerate();
        facts.for_each(|(index, (record, listing, changes))| {
            let state = record.state(oldest_shown);
            summary.states[state as usize] += 1;
            let usage = record.usage(oldest_shown);
            // A reference, because a copy of what was written just now has to wait for it.
            let standing = usage.map(|usage| Standing::of(usage, *listing, limits));
            let current = usage.zip(standing.as_ref());
            let (mut levels, mut forecast) = ([Level::Low; Limit::ALL.len()], None);
            if let Some((usage, standing)) = current {
                let idle = summary.add(usage, *listing, standing, now);
                let is_active = idle.is_none_or(|idle| idle <= ACTIVE_SECONDS);
                levels = thresholds.levels(standing);
                on_levels.add(levels, standing, thresholds, is_active);
                let is_exact = standing.is_exact();
                summary.exact += u64::from(is_exact);
                summary.growth_known += u64::from(is_exact & changes.is_growth_known());
                if is_exact {
                    forecast = changes.forecast(record, standing, now);
                    summary.add_forecast(forecast, now);
                }
            }
            visit(Seen {
                identity: IdentityIndex(first + index),
                record,
                listing: *listing,
                state,
                current,
                levels,
                forecast,
            });
        });
        self.chunk += 1;
        self.chunk * CHUNK < self.pool.records.len()
    }

    /// The sums of the identities that were added. Of the histograms it has `idle` only, and all
    /// identities have series.
    #[must_use]
    pub fn end(mut self) -> Summary {
        self.on_levels.add_to(&mut self.summary);
        self.summary
    }
}

impl Summary {
    /// Sums up a pool. `had_series` holds the positions of the identities that had series before,
    /// in ascending order.
    #[must_use]
    pub fn of(pool: &PoolView<'_>, now: Timestamp, had_series: &[u32]) -> Self {
        let (mut nearest, selection) = match pool.target.settings.series {
            Series::Top(max) if max < pool.records.len() => {
                (Some(Nearest::new(max, had_series)), Selection::All)
            }
            Series::None => (None, Selection::Some(Vec::new())),
            Series::Top(_) | Series::Each => (None, Selection::All),
        };
        let limits = pool.target.settings.limits;
        let (mut summing, mut histograms) = (Summing::new(*pool, now), Self::new());
        while summing.step(|seen| {
            if let Some((_, standing)) = seen.current {
                histograms.add_age(seen.record, now);
                histograms.add_used(seen.listing, standing, limits);
            }
            if let Some(nearest) = &mut nearest {
                let nearness = seen
                    .current
                    .map(|(usage, standing)| Nearness::of(usage, standing));
                nearest.offer(seen.identity.0, nearness);
            }
        }) {}
        Self {
            dataset_storage_used: histograms.dataset_storage_used,
            dataset_records_used: histograms.dataset_records_used,
            datasets_used: histograms.datasets_used,
            usage_age: histograms.usage_age,
            selection: nearest.map_or(selection, |found| Selection::Some(found.chosen())),
            ..summing.end()
        }
    }
}

/// How many identities are on each level of each limit, in the order of [`Limit::ALL`].
#[derive(Default)]
struct OnLevels {
    /// Of each level those that are not active, and those that are.
    counts: [[[u64; 2]; Level::ALL.len()]; Limit::ALL.len()],
    /// Those that are below [`Level::Near`] for certain, and may be there.
    may_be_near: [u64; Limit::ALL.len()],
}

impl OnLevels {
    #[inline]
    fn add(
        &mut self,
        levels: [Level; Limit::ALL.len()],
        standing: &Standing,
        thresholds: &Thresholds,
        is_active: bool,
    ) {
        let at_most = standing.at_most();
        for (index, level) in levels.into_iter().enumerate() {
            // Without branches, because those on what identities use are unpredictable.
            self.counts[index][level as usize][usize::from(is_active)] += 1;
            let may_be_near = (at_most[index] >= thresholds.near[index]) & (level < Level::Near);
            self.may_be_near[index] += u64::from(may_be_near);
        }
    }

    fn add_to(&self, summary: &mut Summary) {
        for (index, counts) in self.counts.iter().enumerate() {
            let on = |level: Level| counts[level as usize];
            let from = |least: Level| -> u64 {
                let levels = Level::ALL.into_iter().filter(|level| *level >= least);
                levels.flat_map(on).sum()
            };
            let [full, full_active] = on(Level::Full);
            summary.half[index] = from(Level::Half);
            summary.near_certain[index] = from(Level::Near);
            summary.near_possible[index] = self.may_be_near[index];
            summary.full[index] = full + full_active;
            summary.full_active[index] = full_active;
            summary.above[index] = from(Level::Above);
        }
    }
}
