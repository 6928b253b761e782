//! `/api/v1/identities/<id>`: what is known of one identity, and when and why it is polled next.

use serde::Serialize;

use super::humanize::{NextCall, Time};
use super::model::{ShownUsage, TargetRef};
use crate::api::Failure;
use crate::clock::Timestamp;
use crate::config::Limits;
use crate::identity::IdentityId;
use crate::job::{PoolIndex, Target};
use crate::schedule::NextPoll;
use crate::store::{History, Snapshot};
use crate::targets::Targets;

/// The most polls that are shown, so that one response does not grow with the history.
const MAX_POLLS: usize = 100;

/// One identity in one pool.
#[derive(Debug, Serialize)]
pub(super) struct Explained {
    #[serde(flatten)]
    who: TargetRef,
    state: &'static str,
    meaning: &'static str,
    /// Absent when it is stale, or the identity is missing.
    usage: Option<ShownUsage>,
    limits: Limits,
    interval_seconds: f64,
    stale_after_seconds: f64,
    last_success: Option<Time>,
    /// Absent when the last poll succeeded.
    failing: Option<Failing>,
    next: NextCall,
    /// The latest polls in the history, the last one first.
    last_polls: Vec<Polled>,
}

#[derive(Debug, Serialize)]
struct Failing {
    reason: &'static str,
    meaning: &'static str,
    /// Since the last success; no more than 65,535 are counted.
    polls_in_a_row: u16,
    last: Time,
}

#[derive(Debug, Serialize)]
struct Polled {
    at: Time,
    took_seconds: f64,
    /// Number of API calls.
    attempts: u32,
    /// Why it failed; absent when it succeeded.
    reason: Option<&'static str>,
}

/// The targets of an identity: one for each pool that lists it.
pub(super) fn find(id: IdentityId<'_>, targets: &Targets) -> Vec<Target> {
    let pools = targets.pools.iter().enumerate();
    let found = pools.filter_map(|(pool, of)| {
        let identity = of.identities.position(id)?;
        let pool = PoolIndex(pool);
        Some(Target::Identity { pool, identity })
    });
    found.collect()
}

impl Explained {
    /// `None` for a pool.
    pub(super) fn of(
        target: Target,
        next: Option<NextPoll>,
        (snapshot, history): &(Snapshot, History),
        now: Timestamp,
    ) -> Option<Self> {
        let Target::Identity { pool, identity } = target else {
            return None;
        };
        let view = snapshot.pool(pool);
        let (settings, oldest_shown) = (&view.target.settings, view.oldest_shown(now.mono));
        let record = &view.records[identity];
        let state = record.state(oldest_shown);
        let usage = record
            .usage(oldest_shown)
            .map(|usage| ShownUsage::of(usage, &view.standing(identity, usage)));
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
            state: state.as_str(),
            meaning: state.meaning(),
            usage,
            limits: settings.limits,
            interval_seconds: settings.interval.as_secs_f64(),
            stale_after_seconds: settings.stale_after.as_secs_f64(),
            last_success: record.last_success().map(Time),
            failing,
            next: NextCall::of(next, target, &snapshot.targets, now),
            last_polls: polls.collect(),
        })
    }
}
