//! What the status page shows of a pool.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::attention::{Named, PerKind};
use super::discovery::Discovery;
use super::humanize::group_digits;
use super::level::{self, Bucket};
use super::near_limit::NearLimit;
#[cfg(test)]
use super::survey::Survey;
use super::survey::Surveyed;
use super::turns::Turns;
use crate::clock::Timestamp;
use crate::config::{Limits, Series, show_duration};
use crate::exposition::{FULL_WITHIN, IDLE};
use crate::limits::Limit;
use crate::store::{PoolTrouble, PoolView, Reasons, State};

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
    /// How late its budget is.
    #[serde(skip)]
    pub(super) late_seconds: f64,
    pub(super) limits: Limits,
    /// Number of identities with current usage: all that follows is about these.
    pub(super) watched_identities: u64,
    pub(super) watched_storage_bytes: Option<u64>,
    pub(super) watched_datasets: Option<u64>,
    /// How many have reached a limit; each counts once, on however many.
    pub(super) full_identities: u64,
    /// How many of the others are near one.
    pub(super) near_identities: u64,
    /// How many are near each limit.
    pub(super) near_limits: Vec<NearLimit>,
    /// Number of identities by what their fullest dataset uses of the limit of bytes at least.
    pub(super) dataset_storage_used: Vec<Bucket>,
    /// The same of records, of the identities whose datasets are listed.
    pub(super) dataset_records_used: Vec<Bucket>,
    pub(super) datasets_used: Vec<Bucket>,
    /// Number of identities of which it is known, not only bounded, what the fullest dataset holds.
    pub(super) exact_identities: u64,
    /// Of these, the number of those whose growth is known: two changes were seen.
    pub(super) growth_known_identities: u64,
    /// Of these, the number of those that will be full within each window by the date expected.
    pub(super) expected_full_within: Windows,
    /// Of these, the number of those that will almost surely be full within each window, at the
    /// growth seen in ten days or more.
    pub(super) full_within: Windows,
    /// Number of identities that were ever modified.
    pub(super) ever_modified_identities: u64,
    /// Of these, the number of those that were modified last within each window.
    pub(super) modified_within: Windows,
    /// When the pool was last modified, by AWS's own date, while that is known: seconds before now.
    #[serde(skip)]
    pub(super) modified_seconds_ago: Option<f64>,
}

/// The number of identities of each kind, in the order of the kinds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Counts(pub(super) Vec<(&'static str, u64)>);

impl Counts {
    /// The segments of a bar.
    pub(super) fn segments(&self) -> Vec<(String, u64)> {
        let counts = self.0.iter();
        counts
            .map(|(kind, count)| ((*kind).to_owned(), *count))
            .collect()
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// The number of identities within each window of time. Windows have the names that metrics have.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Windows(pub(super) Vec<(&'static str, u64)>);

impl Windows {
    fn new<const N: usize>(
        windows: [(&'static str, f64); N],
        counts: impl IntoIterator<Item = u64>,
    ) -> Self {
        let names = windows.into_iter().map(|(name, _)| name);
        Self(names.zip(counts).collect())
    }

    /// The number within the window of this name.
    pub(super) fn of(&self, window: &str) -> u64 {
        let found = self.0.iter().find(|(name, _)| *name == window);
        found.map_or(0, |(_, count)| *count)
    }
}

impl Serialize for Windows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Window {
            window: &'static str,
            count: u64,
        }
        let windows = self.0.iter();
        serializer.collect_seq(windows.map(|(window, count)| Window {
            window,
            count: *count,
        }))
    }
}

impl Pool {
    /// What was found in a pool.
    pub(super) fn new(
        pool: &PoolView<'_>,
        Surveyed { summary, found }: &Surveyed,
        now: Timestamp,
    ) -> Self {
        let settings = &pool.target.settings;
        let reasons = pool.failed().by_number().into_iter();
        let reasons = reasons.map(|(failure, identities)| (failure.as_str(), identities));
        let levels = |limit: Limit| {
            let index = limit as usize;
            let full = summary.full[index] + summary.above[index];
            let reached = [summary.half[index], summary.near_certain[index], full];
            level::of(limit, summary.known[index], reached)
        };
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
            failing: found.failing,
            stale: found.stale,
            trouble: pool
                .trouble()
                .map(|trouble| (trouble, trouble.words("it", pool.target))),
            examples: found.examples.named(pool),
            turns: Turns::default(),
            late_seconds: 0.0,
            limits: settings.limits,
            watched_storage_bytes: summary.storage_bytes,
            watched_datasets: summary.datasets,
            watched_identities: summary.watched,
            full_identities: found.examples.full_identities,
            near_identities: found.examples.near_identities,
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
            dataset_storage_used: levels(Limit::DatasetStorage),
            dataset_records_used: levels(Limit::DatasetRecords),
            datasets_used: levels(Limit::Datasets),
            exact_identities: summary.exact,
            growth_known_identities: summary.growth_known,
            expected_full_within: Windows::new(FULL_WITHIN, found.full_within),
            full_within: Windows::new(FULL_WITHIN, summary.full_within),
            modified_seconds_ago: pool
                .usage(now.mono)
                .and_then(|usage| usage.last_modified)
                .map(|date| now.unix - date),
            ever_modified_identities: idle.count,
            modified_within: Windows::new(IDLE, idle.cumulative.iter().map(|(_, count)| *count)),
        }
    }

    /// The same by a pass of its own.
    #[cfg(test)]
    pub(super) fn of(pool: &PoolView<'_>, now: Timestamp) -> Self {
        Self::new(pool, &Survey::of_pool(*pool, now), now)
    }

    /// Its name, or its id if it has none.
    pub(super) fn shown_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.identity_pool_id)
    }

    /// The number of its identities.
    pub(super) fn number(&self) -> String {
        group_digits(self.identities as u64)
    }

    /// The number of those with current usage, of all that exist.
    pub(super) fn watched(&self) -> String {
        let [watched, existing] = [self.watched_identities, self.existing()].map(group_digits);
        format!("{watched} of {existing}")
    }

    /// The number of identities of which AWS does not say that they do not exist.
    pub(super) fn existing(&self) -> u64 {
        self.identities as u64 - self.in_state(State::Missing)
    }

    pub(super) fn in_state(&self, state: State) -> u64 {
        self.states.0[state as usize].1
    }

    /// Each limit with the number of identities by what they use of it.
    pub(super) fn limits_used(&self) -> impl Iterator<Item = (&NearLimit, &Vec<Bucket>)> {
        let used = [
            &self.dataset_storage_used,
            &self.dataset_records_used,
            &self.datasets_used,
        ];
        self.near_limits.iter().zip(used)
    }

    /// Of how many identities the sums and counts speak.
    pub(super) fn coverage(&self) -> String {
        let missing = self.in_state(State::Missing);
        of_existing(self.watched_identities, self.existing(), missing)
    }

    /// The same of the counts of one limit, which of records speak of those that were listed. How
    /// many do not exist is said once a pool.
    pub(super) fn coverage_of(&self, used: &[Bucket]) -> String {
        let known = used.iter().map(|level| level.count).sum();
        of_existing(known, self.existing(), 0)
    }

    /// How many still write, and how many have not for long.
    pub(super) fn modified(&self) -> String {
        let [day, week, month, quarter] =
            ["1d", "7d", "30d", "90d"].map(|window| self.modified_within.of(window));
        let idle = self.ever_modified_identities - quarter;
        let [day, week, month, idle] = [day, week, month, idle].map(group_digits);
        format!("modified within 1d: {day}, 7d: {week}, 30d: {month}; not for 90d: {idle}")
    }

    /// How many will almost surely be full soon, and of how many it speaks.
    pub(super) fn forecast(&self) -> String {
        let windows = self.full_within.0.iter();
        let windows = windows
            .map(|(window, identities)| format!("within {window}: {}", group_digits(*identities)));
        let windows: Vec<_> = windows.collect();
        format!(
            "{}, of those watched for ten days; the fullest dataset of {} is known exactly, and \
             the growth of {} of these (two changes seen)",
            windows.join(", "),
            group_digits(self.exact_identities),
            group_digits(self.growth_known_identities)
        )
    }

    /// How often each identity is polled.
    pub(super) fn polled(&self) -> String {
        let [interval, max_age] = [self.interval_seconds, self.max_age_seconds]
            .map(|seconds| show_duration(Duration::from_secs_f64(seconds)));
        self.turns.words(&interval, &max_age, self.late_seconds)
    }
}

/// Such as "29,500 of 30,000 identities (12 more do not exist)".
pub(super) fn of_existing(some: u64, existing: u64, missing: u64) -> String {
    let more = match missing {
        0 => String::new(),
        1 => " (1 more does not exist)".to_owned(),
        many => format!(" ({} more do not exist)", group_digits(many)),
    };
    let [some, existing] = [some, existing].map(group_digits);
    format!("{some} of {existing} identities{more}")
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
        let counts = |levels: &[Bucket]| -> Vec<_> {
            let counts = levels.iter().map(|level| level.count);
            counts.collect()
        };
        let by_datasets = pool(&[(9, 0), (10, 0), (15, 0), (16, 0), (19, 0), (20, 0), (21, 0)]);
        assert_eq!(counts(&by_datasets.datasets_used), [1, 2, 2, 2]);
        assert_eq!(
            by_datasets.near_limits[Limit::Datasets as usize].counts(),
            "80 % or more: 4; full: 1, 1 above the limit"
        );
        // Of 1,048,576 bytes.
        let by_bytes = [524_287, 524_288, 838_860, 838_861, 1_038_090, 1_038_091];
        let by_bytes = pool(&by_bytes.map(|bytes| (1, bytes)));
        assert_eq!(counts(&by_bytes.dataset_storage_used), [1, 2, 2, 1]);
        assert_eq!(
            by_bytes.near_limits[Limit::DatasetStorage as usize].counts(),
            "80 % or more: 3; full: 1"
        );
        assert_eq!(counts(&by_bytes.dataset_records_used), [0; 4]);
    }

    #[test]
    fn those_that_do_not_exist_leave_no_gap() {
        assert_eq!(of_existing(61, 62, 0), "61 of 62 identities");
        assert_eq!(
            of_existing(61, 62, 1),
            "61 of 62 identities (1 more does not exist)"
        );
        assert_eq!(
            of_existing(9_000, 9_000, 91_000),
            "9,000 of 9,000 identities (91,000 more do not exist)"
        );
    }

    #[test]
    fn a_forecast_says_of_how_many_it_speaks() {
        let pool = pool(&[(0, 0), (1, 900_000), (2, 900_000)]);
        assert_eq!(
            pool.forecast(),
            "within 7d: 0, within 30d: 0, of those watched for ten days; the fullest dataset of 2 \
             is known exactly, and the growth of 0 of these (two changes seen)"
        );
    }
}
