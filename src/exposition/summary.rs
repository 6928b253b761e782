//! The result of one pass over a pool's identities: sums, counts by state, histograms, and the
//! identities with series.

use super::selection::{Nearest, Selection};
use super::text::Buckets;
use crate::api::Usage;
use crate::clock::Timestamp;
use crate::config::{Limits, Series};
use crate::job::IdentityIndex;
use crate::store::{PoolView, State};

const HOUR: f64 = 3_600.0;
const DAY: f64 = 24.0 * HOUR;

/// Bounds of the histograms of utilization, in fractions of a limit.
const FRACTIONS: [f64; 8] = [0.1, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 1.0];

/// The identities of a pool, summed up.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The number of identities in each state, in the order of [`State::ALL`].
    pub states: [u64; State::ALL.len()],
    /// The sum of storage over the identities with current usage; `None` if there are none.
    pub storage_bytes: Option<u64>,
    /// The sum of datasets over the identities with current usage; `None` if there are none.
    pub datasets: Option<u64>,
    /// Fractions of the storage limit.
    pub storage_used: GaugeHistogram<8>,
    /// Fractions of the limit of datasets.
    pub datasets_used: GaugeHistogram<8>,
    /// Seconds since identities were last modified.
    pub idle: GaugeHistogram<7>,
    pub(super) selection: Selection,
}

/// A histogram of what there is now.
#[derive(Clone, Debug)]
pub struct GaugeHistogram<const N: usize> {
    bounds: [f64; N],
    /// The number of observations up to each bound and above the previous one.
    counts: [u64; N],
    /// The number of observations above the last bound.
    above: u64,
    sum: f64,
}

impl<const N: usize> GaugeHistogram<N> {
    fn new(bounds: [f64; N]) -> Self {
        Self {
            bounds,
            counts: [0; N],
            above: 0,
            sum: 0.0,
        }
    }

    #[inline]
    fn add(&mut self, size: f64) {
        // Compares with all bounds: the branch of an early exit is unpredictable.
        let enough = self.bounds.iter().filter(|bound| size <= **bound).count();
        *self.counts.get_mut(N - enough).unwrap_or(&mut self.above) += 1;
        self.sum += size;
    }

    /// The histogram as it is written.
    #[must_use]
    pub fn buckets(&self) -> Buckets {
        let running = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        let count = self.counts.iter().sum::<u64>() + self.above;
        Buckets {
            cumulative: self.bounds.into_iter().zip(running).collect(),
            count,
            sum: self.sum,
        }
    }
}

impl Summary {
    /// Sums up a pool. `had_series` holds the positions of the identities that had series before,
    /// in ascending order.
    #[must_use]
    pub fn of(pool: &PoolView<'_>, now: Timestamp, had_series: &[u32]) -> Self {
        let limits = pool.target.settings.limits;
        let mut summary = Self {
            states: [0; State::ALL.len()],
            storage_bytes: None,
            datasets: None,
            storage_used: GaugeHistogram::new(FRACTIONS),
            datasets_used: GaugeHistogram::new(FRACTIONS),
            idle: GaugeHistogram::new([
                HOUR,
                DAY,
                7.0 * DAY,
                30.0 * DAY,
                90.0 * DAY,
                180.0 * DAY,
                365.0 * DAY,
            ]),
            selection: Selection::All,
        };
        let mut nearest = match pool.target.settings.series {
            Series::Top(max) if max < pool.records.len() => Some(Nearest::new(max, had_series)),
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
                nearest.offer(
                    index,
                    usage.map(|usage| Utilization::of(usage, limits).larger()),
                );
            }
        }
        if let Some(nearest) = nearest {
            summary.selection = Selection::Some(nearest.chosen());
        }
        summary
    }

    fn add(&mut self, usage: &Usage, limits: Limits, now: Timestamp) {
        add(&mut self.datasets, usage.datasets.map(u64::from));
        add(&mut self.storage_bytes, usage.storage_bytes);
        let used = Utilization::of(usage, limits);
        if let Some(fraction) = used.storage {
            self.storage_used.add(fraction);
        }
        if let Some(fraction) = used.datasets {
            self.datasets_used.add(fraction);
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

/// The fractions of its limits that an identity uses; above 1 if it is over a limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Utilization {
    /// Of the storage limit; `None` if AWS returned no storage.
    pub storage: Option<f64>,
    /// Of the limit of datasets; `None` if AWS returned no datasets.
    pub datasets: Option<f64>,
}

impl Utilization {
    /// The fractions of `limits` that `usage` is.
    #[must_use]
    pub fn of(usage: &Usage, limits: Limits) -> Self {
        Self {
            storage: usage
                .storage_bytes
                .map(|bytes| bytes as f64 / limits.dataset_storage_bytes as f64),
            datasets: usage
                .datasets
                .map(|datasets| f64::from(datasets) / f64::from(limits.datasets)),
        }
    }

    /// The larger of the two: how near the identity is to a limit.
    #[must_use]
    pub fn larger(self) -> f64 {
        self.storage
            .unwrap_or(0.0)
            .max(self.datasets.unwrap_or(0.0))
    }
}

/// The identities of a pool nearest a limit, at most `max`: their positions, in ascending order,
/// and their usage.
#[must_use]
pub fn nearest_limits(
    pool: &PoolView<'_>,
    now: Timestamp,
    max: usize,
) -> Vec<(IdentityIndex, Usage)> {
    let (limits, oldest_shown) = (pool.target.settings.limits, pool.oldest_shown(now.mono));
    let mut nearest = Nearest::new(max, &[]);
    for (index, record) in pool.records.chunks().flatten().enumerate() {
        nearest.offer(
            index,
            record
                .usage(oldest_shown)
                .map(|usage| Utilization::of(usage, limits).larger()),
        );
    }
    let chosen = nearest.chosen().into_iter();
    let chosen = chosen.map(|index| IdentityIndex(index as usize));
    chosen
        .filter_map(|index| Some((index, *pool.records[index].usage(oldest_shown)?)))
        .collect()
}
