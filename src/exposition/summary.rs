//! What one pass over a pool's identities tells: sums, counts by state, spreads, and who gets series.

use super::selection::{Nearest, Selection};
use super::text::Buckets;
use crate::clock::Moment;
use crate::config::{Limits, Series};
use crate::store::{PoolView, State};
use crate::usage::Usage;

const HOUR: f64 = 3_600.0;
const DAY: f64 = 24.0 * HOUR;

/// What is told of a pool's identities together.
#[derive(Clone, Debug)]
pub(super) struct Summary {
    /// In the order of [`State::ALL`].
    pub(super) states: [u64; State::ALL.len()],
    /// Over those whose usage is current; `None` while there is none.
    pub(super) storage_bytes: Option<u64>,
    pub(super) datasets: Option<u64>,
    /// Of the storage limit.
    pub(super) storage_used: Spread<8>,
    /// Seconds since identities were last modified.
    pub(super) idle: Spread<7>,
    pub(super) selection: Selection,
}

/// How many there are of each size.
#[derive(Clone, Debug)]
pub(super) struct Spread<const N: usize> {
    bounds: [f64; N],
    /// Up to each bound but not to the one before.
    counts: [u64; N],
    /// Above the last bound.
    above: u64,
    sum: f64,
}

impl<const N: usize> Spread<N> {
    fn new(bounds: [f64; N]) -> Self {
        Self { bounds, counts: [0; N], above: 0, sum: 0.0 }
    }

    #[inline]
    fn add(&mut self, size: f64) {
        // All bounds are asked, because where to stop early is what no processor can guess.
        let enough = self.bounds.iter().filter(|bound| size <= **bound).count();
        *self.counts.get_mut(N - enough).unwrap_or(&mut self.above) += 1;
        self.sum += size;
    }

    pub(super) fn buckets(&self) -> Buckets {
        let running = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        let count = self.counts.iter().sum::<u64>() + self.above;
        Buckets { cumulative: self.bounds.into_iter().zip(running).collect(), count, sum: self.sum }
    }
}

impl Summary {
    /// Of a pool whose identities `had_series` before, in order.
    pub(super) fn of(pool: &PoolView<'_>, now: Moment, had_series: &[u32]) -> Self {
        let limits = pool.target.settings.limits;
        let mut summary = Self {
            states: [0; State::ALL.len()],
            storage_bytes: None,
            datasets: None,
            storage_used: Spread::new([0.1, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 1.0]),
            idle: Spread::new([HOUR, DAY, 7.0 * DAY, 30.0 * DAY, 90.0 * DAY, 180.0 * DAY, 365.0 * DAY]),
            selection: Selection::All,
        };
        let mut nearest = match pool.target.settings.series {
            Series::Top(most) if most < pool.records.len() => Some(Nearest::new(most, had_series)),
            Series::None => Some(Nearest::new(0, &[])),
            Series::Top(_) | Series::Each => None,
        };
        let oldest_shown = pool.oldest_shown(now.mono);
        for (index, record) in pool.records.chunks().flatten().enumerate() {
            summary.states[record.state(oldest_shown) as usize] += 1;
            let usage = record.usage(oldest_shown);
            if let Some(usage) = usage {
                summary.add(usage, limits, now);
            }
            if let Some(nearest) = &mut nearest {
                nearest.offer(index, usage.map(|usage| part_used(usage, limits)));
            }
        }
        if let Some(nearest) = nearest {
            summary.selection = Selection::Some(nearest.chosen());
        }
        summary
    }

    fn add(&mut self, usage: &Usage, limits: Limits, now: Moment) {
        add(&mut self.datasets, usage.datasets.map(u64::from));
        add(&mut self.storage_bytes, usage.storage_bytes);
        if let Some(bytes) = usage.storage_bytes {
            self.storage_used.add(bytes as f64 / limits.storage_bytes as f64);
        }
        if let Some(then) = usage.last_modified {
            self.idle.add((now.unix - then).max(0.0));
        }
    }
}

fn add(sum: &mut Option<u64>, number: Option<u64>) {
    if let Some(number) = number {
        *sum = Some(sum.unwrap_or(0).saturating_add(number));
    }
}

/// The larger of the used parts of storage and datasets.
fn part_used(usage: &Usage, limits: Limits) -> f64 {
    let storage = usage.storage_bytes.unwrap_or(0) as f64 / limits.storage_bytes as f64;
    let datasets = f64::from(usage.datasets.unwrap_or(0)) / f64::from(limits.datasets);
    storage.max(datasets)
}
