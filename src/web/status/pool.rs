//! What the status page shows of a pool.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::attention::{Examples, Named, PerKind};
use super::discovery::Discovery;
use super::humanize::group_digits;
use super::near_limit::NearLimit;
use super::turns::Turns;
use crate::clock::Timestamp;
use crate::config::{Limits, Series, show_duration};
use crate::exposition::{FULL_WITHIN, GaugeHistogram, Summary};
use crate::job::IdentityIndex;
use crate::limits::{Certainty, FULL_PERCENT, Limit, NEAR_PERCENT, Standing};
use crate::store::{PoolTrouble, PoolView, Reasons, State};

/// From these percentages of a limit on, identities are counted. The last two are the thresholds of
/// the alert rules.
const LEVELS: [u64; 3] = [50, NEAR_PERCENT, FULL_PERCENT];
/// The names of the counts below, between and from the [`LEVELS`].
const LEVEL_NAMES: [&str; 4] = [
    "below_50_percent",
    "from_50_to_80_percent",
    "from_80_to_99_percent",
    "from_99_percent",
];

#[derive(Clone, Debug, Serialize)]
pub(super) struct Pool {
    pub(super) identity_pool_id: String,
    pub(super) name: Option<String>,
    pub(super) interval_seconds: f64,
    pub(super) stale_after_seconds: f64,
    #[serde(skip)]
    pub(super) max_age_seconds: f64,
    /// Absent for a pool whose identities are not discovered.
    pub(super) discovery: Option<Discovery>,
    /// `each`, `top N` or `none`.
    pub(super) series: String,
    pub(super) identities: usize,
    pub(super) states: Counts,
    /// Number of identities whose last poll failed, by reason.
    pub(super) reasons: BTreeMap<&'static str, usize>,
    /// The same of those that are failing, and of those that are stale.
    #[serde(skip)]
    pub(super) failing: Reasons,
    #[serde(skip)]
    pub(super) stale: Reasons,
    /// Some identities of each kind that needs attention.
    #[serde(skip)]
    pub(super) examples: PerKind<Vec<Named>>,
    /// What is wrong with the pool as a whole, and that in words whose subject is `it`.
    #[serde(skip)]
    pub(super) trouble: Option<(PoolTrouble, String)>,
    #[serde(skip)]
    pub(super) turns: Turns,
    pub(super) limits: Limits,
    /// Number of identities with current usage: all that follows is about these.
    pub(super) watched_identities: u64,
    pub(super) watched_storage_bytes: Option<u64>,
    pub(super) watched_datasets: Option<u64>,
    /// Number of those that were modified within 30 days.
    #[serde(skip)]
    pub(super) active_identities: u64,
    /// How many are near each limit.
    pub(super) near_limits: Vec<NearLimit>,
    /// Number of identities by what their fullest dataset uses of the limit of bytes at least.
    pub(super) dataset_storage_used: Counts,
    /// The same of records, of the identities whose datasets are listed.
    pub(super) dataset_records_used: Counts,
    pub(super) datasets_used: Counts,
    /// Number of identities of which it is known, not only bounded, what the fullest dataset holds.
    pub(super) exact_identities: u64,
    /// Of these, the number of those whose growth is known: two changes were seen.
    pub(super) growth_known_identities: u64,
    /// Of these, the number of those that will almost surely be full within each window, at the
    /// growth seen in ten days or more.
    pub(super) full_within: Counts,
    /// Number of identities that were modified within a day, and not within 90 days.
    pub(super) modified_within_day: u64,
    pub(super) idle_for_90_days: u64,
}

/// The number of identities of each kind, in the order of the kinds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Counts(pub(super) Vec<(&'static str, u64)>);

impl Counts {
    pub(super) fn sum(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

impl Pool {
    pub(super) fn of(pool: &PoolView<'_>, now: Timestamp) -> Self {
        let settings = &pool.target.settings;
        let summary = Summary::of(pool, now, &[]);
        let oldest_shown = pool.oldest_shown(now.mono);
        let reasons = pool.failed().by_number().into_iter();
        let reasons = reasons.map(|(failure, identities)| (failure.as_str(), identities));
        let (mut failing, mut stale) = (Reasons::default(), Reasons::default());
        let mut reached = [[0; LEVELS.len()]; Limit::ALL.len()];
        let mut examples = Examples::new(now.unix);
        for (index, (record, listing)) in pool.results().enumerate() {
            let state = record.state(oldest_shown);
            match (state, record.failure()) {
                (State::Failing, Some(failure)) => failing.add(failure),
                (State::Stale, Some(failure)) => stale.add(failure),
                _ => {}
            }
            let usage = record.usage(oldest_shown);
            let known = usage.map(|usage| (usage, Standing::of(usage, *listing, settings.limits)));
            if let Some((_, standing)) = &known {
                count_reached(&mut reached, standing);
            }
            let known = known.as_ref().map(|(usage, standing)| (*usage, standing));
            examples.offer(IdentityIndex(index), state, known);
        }
        let [storage, records, datasets] = reached;
        let states = State::ALL.into_iter().zip(summary.states);
        let idle = summary.idle.buckets();
        Self {
            identity_pool_id: pool.target.id.as_str().to_owned(),
            name: settings.name.clone(),
            interval_seconds: settings.interval.as_secs_f64(),
            stale_after_seconds: pool.target.stale_after.as_secs_f64(),
            max_age_seconds: pool.target.max_age.as_secs_f64(),
            discovery: None,
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
            reasons: reasons.collect(),
            failing,
            stale,
            trouble: pool
                .trouble()
                .map(|trouble| (trouble, trouble.words("it", pool.target))),
            examples: examples.named(pool, summary.full_within[0], now),
            turns: Turns::default(),
            limits: settings.limits,
            watched_storage_bytes: summary.storage_bytes,
            watched_datasets: summary.datasets,
            watched_identities: summary.watched,
            active_identities: idle.cumulative[3].1,
            near_limits: Limit::ALL
                .into_iter()
                .enumerate()
                .map(|(index, limit)| NearLimit {
                    limit,
                    value: limit.of(settings.limits),
                    certain: summary.near_certain[index],
                    possible: summary.near_possible[index],
                    full: summary.full[index],
                    above: summary.above[index],
                })
                .collect(),
            dataset_storage_used: by_level(&summary.dataset_storage_used, storage),
            dataset_records_used: by_level(&summary.dataset_records_used, records),
            datasets_used: by_level(&summary.datasets_used, datasets),
            exact_identities: summary.exact,
            growth_known_identities: summary.growth_known,
            full_within: Counts(
                FULL_WITHIN
                    .into_iter()
                    .zip(summary.full_within)
                    .map(|((window, _), identities)| (window, identities))
                    .collect(),
            ),
            modified_within_day: idle.cumulative[1].1,
            idle_for_90_days: idle.count - idle.cumulative[4].1,
        }
    }

    /// Each limit with the number of identities by what they use of it.
    pub(super) fn limits_used(&self) -> impl Iterator<Item = (&NearLimit, &Counts)> {
        let used = [
            &self.dataset_storage_used,
            &self.dataset_records_used,
            &self.datasets_used,
        ];
        self.near_limits.iter().zip(used)
    }

    /// Of how many identities the sums and counts speak.
    pub(super) fn coverage(&self) -> String {
        of_all(self.watched_identities, self.identities)
    }

    /// The same of the counts of one limit, which of records speak of those that were listed.
    pub(super) fn coverage_of(&self, used: &Counts) -> String {
        of_all(used.sum(), self.identities)
    }

    /// How many will almost surely be full soon, and of how many it speaks.
    pub(super) fn forecast(&self) -> String {
        let windows = self.full_within.0.iter();
        let windows = windows
            .map(|(window, identities)| format!("within {window}: {}", group_digits(*identities)));
        let windows: Vec<_> = windows.collect();
        format!(
            "{}; the fullest dataset of {} is known exactly, and the growth of {} of these (two \
             changes seen)",
            windows.join(", "),
            group_digits(self.exact_identities),
            group_digits(self.growth_known_identities)
        )
    }

    /// How often each identity is polled.
    pub(super) fn polled(&self, late_seconds: f64) -> String {
        let [interval, max_age] = [self.interval_seconds, self.max_age_seconds]
            .map(|seconds| show_duration(Duration::from_secs_f64(seconds)));
        self.turns.words(&interval, &max_age, late_seconds)
    }
}

/// Such as "29,500 of 30,000 identities".
pub(super) fn of_all(some: u64, all: usize) -> String {
    let [some, all] = [some, all as u64].map(group_digits);
    format!("{some} of {all} identities")
}

/// Counts an identity at each of the [`LEVELS`] of each limit that it reaches for certain.
fn count_reached(reached: &mut [[u64; LEVELS.len()]; Limit::ALL.len()], standing: &Standing) {
    for (counts, limit) in reached.iter_mut().zip(Limit::ALL) {
        for (count, level) in counts.iter_mut().zip(LEVELS) {
            *count += u64::from(standing.reaches(limit, level) == Certainty::Certain);
        }
    }
}

/// The number of identities between the [`LEVELS`] of a limit, of those in `used`.
fn by_level<const N: usize>(used: &GaugeHistogram<N>, reached: [u64; LEVELS.len()]) -> Counts {
    let [half, near, full] = reached;
    let counts = [used.buckets().count - half, half - near, near - full, full];
    Counts(LEVEL_NAMES.into_iter().zip(counts).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::api::Usage;
    use crate::clock::Mono;
    use crate::job::PoolIndex;
    use crate::observation::Observation;
    use crate::store::Store;
    use crate::targets::Targets;

    /// A pool of identities with so many datasets and bytes.
    fn pool(used: &[(u32, u64)]) -> Pool {
        let now = Timestamp {
            mono: Mono::START,
            unix: 0.0,
        };
        let store = Store::new(Arc::new(Targets::for_tests(&[("us-east-1:0", used.len())])));
        for (identity, (datasets, storage_bytes)) in used.iter().enumerate() {
            let usage = Usage {
                datasets: Some(*datasets),
                storage_bytes: Some(*storage_bytes),
                last_modified: None,
            };
            let observation = Observation::of_identity(PoolIndex(0), identity, now, Ok(usage));
            store.record(&observation);
        }
        Pool::of(&store.snapshot().pool(PoolIndex(0)), now)
    }

    #[test]
    fn the_bar_and_the_line_below_it_count_from_the_same_thresholds() {
        let counts = |counts| Counts(LEVEL_NAMES.into_iter().zip(counts).collect());
        let by_datasets = pool(&[(9, 0), (10, 0), (15, 0), (16, 0), (19, 0), (20, 0), (21, 0)]);
        assert_eq!(by_datasets.datasets_used, counts([1, 2, 2, 2]));
        assert_eq!(
            by_datasets.near_limits[Limit::Datasets as usize].counts(),
            "80 % or more: 4; full: 1, 1 above the limit"
        );
        // Of 1,048,576 bytes.
        let by_bytes = [524_287, 524_288, 838_860, 838_861, 1_038_090, 1_038_091];
        let by_bytes = pool(&by_bytes.map(|bytes| (1, bytes)));
        assert_eq!(by_bytes.dataset_storage_used, counts([1, 2, 2, 1]));
        assert_eq!(
            by_bytes.near_limits[Limit::DatasetStorage as usize].counts(),
            "80 % or more: 3; full: 1"
        );
        assert_eq!(by_bytes.dataset_records_used, counts([0; 4]));
    }

    #[test]
    fn a_forecast_says_of_how_many_it_speaks() {
        let pool = pool(&[(0, 0), (1, 900_000), (2, 900_000)]);
        assert_eq!(
            pool.forecast(),
            "within 7d: 0, within 30d: 0; the fullest dataset of 2 is \
             known exactly, and the growth of 0 of these (two changes seen)"
        );
    }
}
