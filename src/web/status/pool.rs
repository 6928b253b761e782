//! What the status page shows of a pool.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::clock::Timestamp;
use crate::config::{Limits, Series, show_duration};
use crate::exposition::{GaugeHistogram, Summary};
use crate::store::{PoolView, Record, State};

/// Ratios of a limit between which identities are counted: the thresholds of the alert rules.
const THRESHOLDS: [f64; 3] = [0.5, 0.8, 0.95];

#[derive(Clone, Debug, Serialize)]
pub(super) struct Pool {
    pub(super) identity_pool_id: String,
    pub(super) name: Option<String>,
    pub(super) interval_seconds: f64,
    pub(super) stale_after_seconds: f64,
    /// `each`, `top N` or `none`.
    pub(super) series: String,
    pub(super) identities: usize,
    pub(super) states: Counts,
    /// Number of identities whose last poll failed, by reason.
    pub(super) reasons: BTreeMap<&'static str, usize>,
    pub(super) limits: Limits,
    pub(super) watched_storage_bytes: Option<u64>,
    pub(super) watched_datasets: Option<u64>,
    /// Number of identities by the used ratio of the storage limit.
    pub(super) storage_used: Counts,
    pub(super) datasets_used: Counts,
    /// Number of identities that were modified within a day, and not within 90 days.
    pub(super) modified_within_day: u64,
    pub(super) idle_for_90_days: u64,
}

/// The number of identities of each kind, in the order of the kinds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Counts(pub(super) Vec<(&'static str, u64)>);

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

impl Pool {
    pub(super) fn of(pool: &PoolView<'_>, now: Timestamp) -> Self {
        let settings = &pool.target.settings;
        let summary = Summary::of(pool, now, &[]);
        let mut reasons = BTreeMap::new();
        for failure in pool.records.chunks().flatten().filter_map(Record::failure) {
            *reasons.entry(failure.as_str()).or_default() += 1;
        }
        let states = State::ALL.into_iter().zip(summary.states);
        let idle = summary.idle.buckets();
        Self {
            identity_pool_id: pool.target.id.as_str().to_owned(),
            name: settings.name.clone(),
            interval_seconds: settings.interval.as_secs_f64(),
            stale_after_seconds: settings.stale_after.as_secs_f64(),
            series: match settings.series {
                Series::Each => "each".to_owned(),
                Series::Top(most) => format!("top {most}"),
                Series::None => "none".to_owned(),
            },
            identities: pool.records.len(),
            states: Counts(
                states
                    .map(|(state, identities)| (state.as_str(), identities))
                    .collect(),
            ),
            reasons,
            limits: settings.limits,
            watched_storage_bytes: summary.storage_bytes,
            watched_datasets: summary.datasets,
            storage_used: by_threshold(&summary.dataset_storage_used),
            datasets_used: by_threshold(&summary.datasets_used),
            modified_within_day: idle.cumulative[1].1,
            idle_for_90_days: idle.count - idle.cumulative[4].1,
        }
    }

    pub(super) fn interval(&self) -> String {
        show_duration(Duration::from_secs_f64(self.interval_seconds))
    }
}

/// The number of identities between the [`THRESHOLDS`] of a limit.
fn by_threshold<const N: usize>(used: &GaugeHistogram<N>) -> Counts {
    let buckets = used.buckets();
    let up_to = |threshold: f64| {
        buckets
            .cumulative
            .iter()
            .find(|(bound, _)| *bound == threshold)
            .map_or(0, |(_, count)| *count)
    };
    let [half, high, near] = THRESHOLDS.map(up_to);
    let counts = [half, high - half, near - high, buckets.count - near];
    let names = [
        "up_to_50_percent",
        "to_80_percent",
        "to_95_percent",
        "above_95_percent",
    ];
    Counts(names.into_iter().zip(counts).collect())
}
