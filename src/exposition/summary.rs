//! What one pass over a pool's identities sums up: totals, counts by state, histograms, and the
//! identities with series.

use super::selection::Selection;
use super::text::Buckets;
use crate::api::Usage;
use crate::clock::Timestamp;
use crate::config::Limits;
use crate::limits::{Limit, Listing, Standing};
use crate::store::{Forecast, Record, State};

const MINUTE: f64 = 60.0;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;
/// An identity is active that wrote within so many seconds, or of whose writes nothing is known.
/// Active ones count for the severity of full identities, on the status page and in alerts.
pub const ACTIVE_SECONDS: f64 = 30.0 * DAY;

/// Bounds of the histograms of the fullest dataset, in fractions of a limit.
const FRACTIONS: [f64; 9] = [0.1, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 0.99, 1.0];
/// Bounds of the histogram of datasets, in fractions of the limit.
const DATASET_FRACTIONS: [f64; 8] = [0.1, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 1.0];

/// The windows in which identities that will almost surely be full are counted: their names in the
/// metric's label, and their seconds.
pub const FULL_WITHIN: [(&str, f64); 2] = [("7d", 7.0 * DAY), ("30d", 30.0 * DAY)];

/// The bounds of the histogram of idle identities: their names, and their seconds.
pub const IDLE: [(&str, f64); 7] = [
    ("1h", HOUR),
    ("1d", DAY),
    ("7d", 7.0 * DAY),
    ("30d", 30.0 * DAY),
    ("90d", 90.0 * DAY),
    ("180d", 180.0 * DAY),
    ("365d", 365.0 * DAY),
];

/// The identities of a pool, summed up. All but `states` is about those with current usage. Counts
/// by limit are in the order of [`Limit::ALL`].
#[derive(Clone, Debug)]
pub struct Summary {
    /// The number of identities in each state, in the order of [`State::ALL`].
    pub states: [u64; State::ALL.len()],
    /// The number of identities with current usage.
    pub watched: u64,
    /// The sum of storage; `None` if AWS returned none.
    pub storage_bytes: Option<u64>,
    /// The sum of datasets; `None` if AWS returned none.
    pub datasets: Option<u64>,
    /// The number of identities of which it is known what they use of a limit at least; of records,
    /// of those with an exact list.
    pub known: [u64; Limit::ALL.len()],
    /// The number of identities that use a half of a limit or more, near ones included.
    pub half: [u64; Limit::ALL.len()],
    /// The number of identities that use [`NEAR_PERCENT`](crate::limits::NEAR_PERCENT) of a limit
    /// or more, full ones included.
    pub near_certain: [u64; Limit::ALL.len()],
    /// The number of those that may use as much: only `ListDatasets` can tell.
    pub near_possible: [u64; Limit::ALL.len()],
    /// The number of identities of which AWS refuses writes, or may refuse the next one.
    pub full: [u64; Limit::ALL.len()],
    /// The number of those that are active, see [`ACTIVE_SECONDS`].
    pub full_active: [u64; Limit::ALL.len()],
    /// The number of identities that use more than a limit, so that AWS must have raised it.
    pub above: [u64; Limit::ALL.len()],
    /// The number of identities of which it is known, not only bounded, what the fullest dataset
    /// holds.
    pub exact: u64,
    /// Of these, the number of those whose growth is known, be it none.
    pub growth_known: u64,
    /// Of these, the number of those that will almost surely be full within each window of
    /// [`FULL_WITHIN`].
    pub full_within: [u64; FULL_WITHIN.len()],
    /// Fractions of the limit of bytes that the fullest dataset uses at least.
    pub dataset_storage_used: GaugeHistogram<9>,
    /// Fractions of the limit of records that one dataset uses, of those with an exact list.
    pub dataset_records_used: GaugeHistogram<9>,
    /// Fractions of the limit of datasets.
    pub datasets_used: GaugeHistogram<8>,
    /// Seconds since identities were last modified.
    pub idle: GaugeHistogram<7>,
    /// Seconds since AWS answered.
    pub usage_age: GaugeHistogram<7>,
    /// The number of identities with an exact list.
    pub(super) listed: usize,
    pub(super) selection: Selection,
}

/// A histogram of what there is now.
#[derive(Clone, Debug)]
pub struct GaugeHistogram<const N: usize> {
    bounds: [f64; N],
    /// The number of observations up to each bound.
    cumulative: [u64; N],
    count: u64,
    sum: f64,
}

impl<const N: usize> GaugeHistogram<N> {
    fn new(bounds: [f64; N]) -> Self {
        Self {
            bounds,
            cumulative: [0; N],
            count: 0,
            sum: 0.0,
        }
    }

    #[inline]
    fn add(&mut self, size: f64) {
        // Adds to all buckets at once: which one it is would be an unpredictable branch.
        for (count, bound) in self.cumulative.iter_mut().zip(&self.bounds) {
            *count += u64::from(size <= *bound);
        }
        self.count += 1;
        self.sum += size;
    }

    /// The histogram as it is written.
    #[must_use]
    pub fn buckets(&self) -> Buckets {
        Buckets {
            cumulative: self.bounds.into_iter().zip(self.cumulative).collect(),
            count: self.count,
            sum: self.sum,
        }
    }
}

impl Summary {
    /// That of no identities.
    pub(super) fn new() -> Self {
        Self {
            states: [0; State::ALL.len()],
            watched: 0,
            storage_bytes: None,
            datasets: None,
            known: [0; Limit::ALL.len()],
            half: [0; Limit::ALL.len()],
            near_certain: [0; Limit::ALL.len()],
            near_possible: [0; Limit::ALL.len()],
            full: [0; Limit::ALL.len()],
            full_active: [0; Limit::ALL.len()],
            above: [0; Limit::ALL.len()],
            exact: 0,
            growth_known: 0,
            full_within: [0; FULL_WITHIN.len()],
            dataset_storage_used: GaugeHistogram::new(FRACTIONS),
            dataset_records_used: GaugeHistogram::new(FRACTIONS),
            datasets_used: GaugeHistogram::new(DATASET_FRACTIONS),
            idle: GaugeHistogram::new(IDLE.map(|(_, seconds)| seconds)),
            usage_age: GaugeHistogram::new([
                MINUTE,
                5.0 * MINUTE,
                15.0 * MINUTE,
                HOUR,
                6.0 * HOUR,
                DAY,
                7.0 * DAY,
            ]),
            listed: 0,
            selection: Selection::All,
        }
    }

    /// Adds how long ago AWS answered.
    #[inline]
    pub(super) fn add_age(&mut self, record: &Record, now: Timestamp) {
        if let Some(answered) = record.answered_at() {
            self.usage_age.add(now.mono.since(answered).as_secs_f64());
        }
    }

    /// Adds by when an identity will almost surely be full.
    #[inline]
    pub(super) fn add_forecast(&mut self, forecast: Option<Forecast>, now: Timestamp) {
        let Some(full_at) = forecast.and_then(|forecast| forecast.surely_full_at) else {
            return;
        };
        for (count, (_, seconds)) in self.full_within.iter_mut().zip(FULL_WITHIN) {
            *count += u64::from(full_at - now.unix <= seconds);
        }
    }

    /// Adds what an identity uses of its limits.
    #[inline]
    pub(super) fn add_used(&mut self, listing: Listing, standing: &Standing, limits: Limits) {
        if let Some(fraction) = standing.used(Limit::DatasetStorage) {
            self.dataset_storage_used.add(fraction);
        }
        if let Some(records) = listing.exact_records() {
            let limit = Limit::DatasetRecords.of(limits);
            self.dataset_records_used.add(records as f64 / limit as f64);
        }
        if let Some(fraction) = standing.used(Limit::Datasets) {
            self.datasets_used.add(fraction);
        }
    }

    /// Adds an identity with current usage to the sums. Returns for how many seconds it is idle, as
    /// far as is known.
    #[inline]
    pub(super) fn add(
        &mut self,
        usage: &Usage,
        listing: Listing,
        standing: &Standing,
        now: Timestamp,
    ) -> Option<f64> {
        self.watched += 1;
        self.listed += usize::from(listing.is_exact());
        add(&mut self.datasets, usage.datasets.map(u64::from));
        add(&mut self.storage_bytes, usage.storage_bytes);
        let [storage, _, datasets] = standing.bounds_of_each();
        let known = [
            storage.is_some(),
            listing.exact_records().is_some(),
            datasets.is_some(),
        ];
        for (count, is_known) in self.known.iter_mut().zip(known) {
            *count += u64::from(is_known);
        }
        let idle = usage.last_modified.map(|then| (now.unix - then).max(0.0));
        if let Some(idle) = idle {
            self.idle.add(idle);
        }
        idle
    }
}

fn add(sum: &mut Option<u64>, number: Option<u64>) {
    if let Some(number) = number {
        *sum = Some(sum.unwrap_or(0).saturating_add(number));
    }
}
