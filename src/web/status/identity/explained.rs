//! What is known of one identity, and when and why it is polled next.

use serde::Serialize;

use crate::api::{Dataset, Failure};
use crate::clock::Timestamp;
use crate::config::Limits;
use crate::job::Target;
use crate::limits::{Limit, Standing};
use crate::schedule::NextPoll;
use crate::store::{Known, KnownTarget};
use crate::web::status::humanize::{NextCall, Time, bytes};
use crate::web::status::shown::{ShownUsage, TargetRef};
use crate::web::status::used::Used;

const DAY: f64 = 86_400.0;
/// The most polls that are shown, so that one response does not grow with the history.
const MAX_POLLS: usize = 100;

/// One identity in one pool.
#[derive(Debug, Serialize)]
pub(super) struct Explained {
    #[serde(flatten)]
    pub(super) who: TargetRef,
    /// The pool's name, or its id if it has none, for people.
    #[serde(skip)]
    pub(super) pool: String,
    pub(super) state: &'static str,
    pub(super) meaning: &'static str,
    /// Absent when it is stale, or the identity is missing.
    pub(super) usage: Option<ShownUsage>,
    pub(super) limits: Limits,
    /// What of each limit is used, as far as it is known.
    pub(super) limits_used: Vec<Used>,
    /// Bytes that all its datasets together grow by in a day, as far as was seen; absent when they
    /// do not.
    pub(super) growth_bytes_per_day: Option<f64>,
    /// When a dataset will be full at that growth.
    pub(super) full_at: Option<Time>,
    /// That in words, or why it is not known.
    pub(super) forecast: String,
    /// Its datasets when they were listed last, if that is kept.
    pub(super) listed: Option<Listed>,
    pub(super) interval_seconds: f64,
    pub(super) max_age_seconds: f64,
    /// The time between two polls of it, as things are; absent when it is not known.
    pub(super) asked_every_seconds: Option<f64>,
    /// The time between two changes of it, by all that was seen; absent when it never changed.
    pub(super) changes_every_seconds: Option<f64>,
    pub(super) stale_after_seconds: f64,
    pub(super) last_success: Option<Time>,
    /// Absent when the last poll succeeded.
    pub(super) failing: Option<Failing>,
    pub(super) next: NextCall,
    /// The latest polls in the history, the last one first.
    pub(super) last_polls: Vec<Polled>,
}

#[derive(Debug, Serialize)]
pub(super) struct Listed {
    pub(super) at: Time,
    /// Whether the datasets are, as far as AWS has shown since, as they were then.
    pub(super) exact: bool,
    pub(super) datasets: Vec<ShownDataset>,
}

#[derive(Debug, Serialize)]
pub(super) struct ShownDataset {
    pub(super) name: Option<String>,
    pub(super) storage_bytes: Option<u64>,
    pub(super) storage_used_ratio: Option<f64>,
    pub(super) records: Option<u64>,
    pub(super) records_used_ratio: Option<f64>,
    pub(super) last_modified: Option<Time>,
}

#[derive(Debug, Serialize)]
pub(super) struct Failing {
    pub(super) reason: &'static str,
    pub(super) meaning: &'static str,
    /// Since the last success; no more than 65,535 are counted.
    pub(super) polls_in_a_row: u16,
    pub(super) last: Time,
}

#[derive(Debug, Serialize)]
pub(super) struct Polled {
    pub(super) at: Time,
    pub(super) took_seconds: f64,
    /// Number of API calls.
    pub(super) attempts: u32,
    /// Why it failed; absent when it succeeded.
    pub(super) reason: Option<&'static str>,
}

impl Explained {
    /// One for each target. `next` says when each is polled next.
    pub(super) fn of_each(known: &Known, next: Vec<Option<NextPoll>>, now: Timestamp) -> Vec<Self> {
        let targets = known.targets.iter().zip(next);
        let explained = targets.filter_map(|(target, next)| Self::of(target, next, known, now));
        explained.collect()
    }

    /// `None` for a pool.
    fn of(
        known: &KnownTarget,
        next: Option<NextPoll>,
        Known {
            snapshot, history, ..
        }: &Known,
        now: Timestamp,
    ) -> Option<Self> {
        let KnownTarget {
            target,
            listed,
            demand,
        } = known;
        let target = *target;
        let Target::Identity { pool, identity } = target else {
            return None;
        };
        let view = snapshot.pool(pool);
        let (settings, oldest_shown) = (&view.target.settings, view.oldest_shown(now.mono));
        let record = &view.records[identity];
        let state = record.state(oldest_shown);
        let usage = record.usage(oldest_shown);
        let standing = usage.map(|usage| view.standing(identity, usage));
        let growth = usage.and_then(|_| view.growth(identity, now));
        let full_at = view.full_at(identity, now).map(Time);
        let failing =
            record
                .failure()
                .zip(record.failures())
                .map(|(failure, (polls_in_a_row, last))| Failing {
                    reason: failure.as_str(),
                    meaning: failure.meaning(),
                    polls_in_a_row,
                    last: Time(last),
                });
        let polls = history.about(target).into_iter().take(MAX_POLLS);
        let polls = polls.map(|poll| Polled {
            at: Time(poll.requested_at.unix),
            took_seconds: poll.took.as_secs_f64(),
            attempts: poll.calls,
            reason: poll.failure.map(Failure::as_str),
        });
        Some(Self {
            who: TargetRef::of(target, &snapshot.targets),
            pool: view.target.name_or_id().to_owned(),
            state: state.as_str(),
            meaning: state.meaning(),
            usage: usage.map(ShownUsage::of),
            limits: settings.limits,
            limits_used: standing.map_or_else(Vec::new, |standing| {
                Used::of_all(&standing, settings.limits)
            }),
            growth_bytes_per_day: growth.map(|growth| growth * DAY),
            full_at,
            forecast: forecast(standing.as_ref(), growth, full_at, Time(now.unix)),
            listed: listed.as_ref().map(|list| Listed {
                at: Time(list.requested_at.unix),
                exact: view.listings[identity].is_exact(),
                datasets: list
                    .value
                    .iter()
                    .map(|dataset| ShownDataset::of(dataset, settings.limits))
                    .collect(),
            }),
            interval_seconds: settings.interval.as_secs_f64(),
            max_age_seconds: view.target.max_age.as_secs_f64(),
            asked_every_seconds: next.map(|next| next.every.as_secs_f64()),
            changes_every_seconds: demand.seconds_between_changes(),
            stale_after_seconds: view.target.stale_after.as_secs_f64(),
            last_success: record.last_success().map(Time),
            failing,
            next: NextCall::of(next, target, &snapshot.targets, now)
                .with_demand(demand, standing.as_ref().and_then(Standing::nearest)),
            last_polls: polls.collect(),
        })
    }
}

/// When a dataset will be full in words, or why that is not known.
fn forecast(
    standing: Option<&Standing>,
    growth: Option<f64>,
    full_at: Option<Time>,
    now: Time,
) -> String {
    let Some(standing) = standing else {
        return "its usage is not known".to_owned();
    };
    let walls = [Limit::DatasetStorage, Limit::DatasetRecords];
    if walls.iter().any(|limit| standing.is_full(*limit)) {
        return "a dataset is full".to_owned();
    }
    if standing.is_full(Limit::Datasets) {
        return "it has all the datasets that it may have".to_owned();
    }
    if walls.iter().any(|limit| standing.is_above(*limit)) {
        return "a dataset is above a configured limit, so the true one is not known".to_owned();
    }
    if !standing.is_exact() {
        return "not known, since only a list can tell what the fullest dataset holds".to_owned();
    }
    let Some(growth) = growth else {
        return "no growth was seen, or it has ended".to_owned();
    };
    let growth = bytes((growth * DAY).round() as u64);
    match full_at {
        Some(at) => format!(
            "a dataset will be full {}, at {growth} a day",
            at.relative(now)
        ),
        None => format!("at {growth} a day, no dataset will be full within ten years"),
    }
}

impl ShownDataset {
    fn of(dataset: &Dataset, limits: Limits) -> Self {
        let used = |number: Option<u64>, limit: Limit| {
            number.map(|number| number as f64 / limit.of(limits) as f64)
        };
        Self {
            name: dataset.name.clone(),
            storage_bytes: dataset.storage_bytes,
            storage_used_ratio: used(dataset.storage_bytes, Limit::DatasetStorage),
            records: dataset.records,
            records_used_ratio: used(dataset.records, Limit::DatasetRecords),
            last_modified: dataset.last_modified.map(Time),
        }
    }
}
