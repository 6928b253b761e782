//! Everything that the status page and `/api/v1/status` show, made from one snapshot.

use std::path::Path;

use serde::Serialize;

use super::attention::Attention;
use super::budget::Budget;
use super::discovery::Discovery;
use super::humanize::{NextCall, Time};
use super::in_use::InUse;
use super::pool::Pool;
use super::sweep::FirstSweep;
use super::turns::Turns;
use super::used::Used;
use crate::api::Usage;
use crate::clock::Timestamp;
use crate::discovery::Catalog;
use crate::exposition::nearest_limits;
use crate::first_sweep::Sweep;
use crate::job::{IdentityIndex, PoolIndex, Target};
use crate::passes::PassProgress;
use crate::progress::BudgetProgress;
use crate::schedule::NextPoll;
use crate::state::Saves;
use crate::store::{History, Poll, PoolView, Snapshot};
use crate::targets::Targets;
use crate::telemetry::{REVISION, RUSTC, VERSION};

/// Maximum number of fullest identities shown.
pub(super) const MAX_FULLEST: usize = 20;
/// Maximum number of recent failures shown.
pub(super) const MAX_FAILURES: usize = 20;

/// The exporter at one moment.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Status {
    pub(super) now: Time,
    pub(super) version: &'static str,
    pub(super) revision: &'static str,
    pub(super) rustc: &'static str,
    pub(super) up_seconds: f64,
    /// Whether AWS has answered about any identity.
    pub(super) ready: bool,
    /// Absent once every identity was asked.
    pub(super) first_sweep: Option<FirstSweep>,
    /// What an operator should look at; empty when all is well.
    pub(super) attention: Vec<Attention>,
    pub(super) configuration: Configuration,
    pub(super) polling: Polling,
    /// Absent when nothing outlives the process.
    pub(super) saving: Option<Saving>,
    pub(super) pools: Vec<Pool>,
    /// Of all pools, the fullest first.
    pub(super) fullest_identities: Vec<Full>,
    /// One for each target that failed, the latest first.
    pub(super) recent_failures: Vec<Failed>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Configuration {
    /// Absent for `demo`.
    pub(super) file: Option<String>,
    pub(super) last_reload_successful: bool,
    pub(super) last_reload_success: Time,
    pub(super) web_config_last_reload_successful: bool,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Polling {
    /// Delay of the most overdue poll.
    pub(super) late_seconds: f64,
    /// Duration of one poll of every identity at the present rate.
    pub(super) sweep_seconds: f64,
    #[serde(flatten)]
    pub(super) in_use: InUse,
    pub(super) budgets: Vec<Budget>,
}

/// How what is known is saved, so that it outlives the process.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Saving {
    /// Identities of which something was known when the process started.
    pub(super) restored_identities: u64,
    pub(super) last_save: Option<Time>,
    /// Identities that have changed since.
    pub(super) unsaved_identities: usize,
    pub(super) last_save_successful: bool,
}

impl Saving {
    pub(super) fn of(saves: &Saves, unsaved_identities: usize) -> Self {
        Self {
            restored_identities: saves.restored_identities(),
            last_save: saves.last_save().map(Time),
            unsaved_identities,
            last_save_successful: !saves.fails(),
        }
    }
}

/// An identity, or a pool itself.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TargetRef {
    pub(super) identity_pool_id: String,
    /// Absent for the pool itself.
    pub(super) identity_id: Option<String>,
    pub(super) name: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Full {
    #[serde(flatten)]
    pub(super) who: TargetRef,
    #[serde(flatten)]
    pub(super) usage: ShownUsage,
    /// The limit of which most is used for certain.
    pub(super) nearest: Used,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct ShownUsage {
    pub(super) datasets: Option<u32>,
    pub(super) storage_bytes: Option<u64>,
    pub(super) last_modified: Option<Time>,
}

impl ShownUsage {
    pub(super) fn of(usage: &Usage) -> Self {
        Self {
            datasets: usage.datasets,
            storage_bytes: usage.storage_bytes,
            last_modified: usage.last_modified.map(Time),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Failed {
    #[serde(flatten)]
    pub(super) who: TargetRef,
    pub(super) at: Time,
    pub(super) reason: &'static str,
    pub(super) meaning: &'static str,
    /// Number of API calls.
    pub(super) attempts: u32,
    pub(super) next: NextCall,
}

/// What a status is made from.
pub(super) struct Sources<'a> {
    pub(super) now: Timestamp,
    pub(super) snapshot: &'a Snapshot,
    /// The recent failures, and when their targets are polled next.
    pub(super) failures: &'a [(Poll, Option<NextPoll>)],
    /// Those of polls.
    pub(super) budgets: Vec<BudgetProgress>,
    /// Those of exchanges of guests' ids for their keys.
    pub(super) exchanges: Vec<BudgetProgress>,
    /// What is discovered, and how that goes.
    pub(super) discovery: Option<(&'a Catalog, &'a PassProgress)>,
    pub(super) first_sweep: Option<Sweep>,
    pub(super) late_seconds: f64,
    pub(super) sweep_seconds: f64,
    pub(super) saving: Option<Saving>,
    pub(super) ready: bool,
    /// A stalled loop, in words.
    pub(super) stalled: Option<String>,
    pub(super) config_file: Option<&'a Path>,
    pub(super) last_reload: (bool, f64),
    pub(super) web_config_good: bool,
}

impl Status {
    pub(super) fn of(sources: Sources<'_>) -> Self {
        let Sources {
            now,
            snapshot,
            discovery,
            ..
        } = sources;
        let targets = &*snapshot.targets;
        let of_passes = discovery.map(|(_, passes)| passes.budgets());
        let pool = |view: PoolView<'_>| Pool {
            discovery: discovery
                .and_then(|(catalog, passes)| Discovery::of(&view.target.id, catalog, passes, now)),
            turns: Turns::of(view.target, targets, &sources.budgets),
            ..Pool::of(&view, now)
        };
        let pools = snapshot.pools().map(pool).collect();
        let mut budgets = sources.budgets;
        budgets.extend(of_passes.into_iter().flatten());
        budgets.extend(sources.exchanges);
        let failed =
            |(poll, next): &(Poll, Option<NextPoll>)| Failed::of(poll, *next, targets, now);
        let mut fullest: Vec<_> = (0..targets.pools.len())
            .flat_map(|pool| Full::of_pool(PoolIndex(pool), snapshot, now))
            .collect();
        fullest.sort_by(|a, b| {
            let ((a_used, a_written), (b_used, b_written)) = (a.rank(), b.rank());
            let by_used = b_used.total_cmp(&a_used);
            by_used.then_with(|| b_written.total_cmp(&a_written))
        });
        fullest.truncate(MAX_FULLEST);
        let mut status = Self {
            now: Time(now.unix),
            version: VERSION,
            revision: REVISION,
            rustc: RUSTC,
            up_seconds: now.mono.since(crate::clock::Mono::START).as_secs_f64(),
            ready: sources.ready,
            first_sweep: sources
                .first_sweep
                .map(|sweep| FirstSweep::of(&sweep, Time(now.unix))),
            attention: Vec::new(),
            configuration: Configuration {
                file: sources.config_file.map(|file| file.display().to_string()),
                last_reload_successful: sources.last_reload.0,
                last_reload_success: Time(sources.last_reload.1),
                web_config_last_reload_successful: sources.web_config_good,
            },
            polling: Polling {
                late_seconds: sources.late_seconds,
                sweep_seconds: sources.sweep_seconds,
                in_use: InUse::of(&budgets, now.mono),
                budgets: budgets
                    .into_iter()
                    .map(|budget| Budget::of(budget, targets, now.mono))
                    .collect(),
            },
            saving: sources.saving,
            pools,
            fullest_identities: fullest,
            recent_failures: sources.failures.iter().filter_map(failed).collect(),
        };
        status.attention = status.collect_attention(sources.stalled);
        status
    }
}

impl TargetRef {
    pub(super) fn of(target: Target, targets: &Targets) -> Self {
        let pool = targets.pool(target);
        let (identity_id, name) = match target {
            Target::Identity { identity, .. } => (
                Some(pool.identities.id(identity).as_str().to_owned()),
                pool.identities.name(identity),
            ),
            Target::Pool { .. } => (None, pool.settings.name.as_deref()),
        };
        Self {
            identity_pool_id: pool.id.as_str().to_owned(),
            identity_id,
            name: name.map(str::to_owned),
        }
    }
}

impl Full {
    /// The fullest identities of one pool.
    fn of_pool(pool: PoolIndex, snapshot: &Snapshot, now: Timestamp) -> Vec<Self> {
        let view = snapshot.pool(pool);
        let full = |(identity, usage): (IdentityIndex, Usage)| {
            let standing = view.standing(identity, &usage);
            Some(Self {
                who: TargetRef::of(Target::Identity { pool, identity }, &snapshot.targets),
                usage: ShownUsage::of(&usage),
                nearest: Used::of_nearest(&standing, view.target.settings.limits)?,
            })
        };
        let nearest = nearest_limits(&view, now, MAX_FULLEST);
        nearest.into_iter().filter_map(full).collect()
    }

    /// By how much of a limit is used for certain, and of equals by the last write.
    fn rank(&self) -> (f64, f64) {
        let last_modified = self.usage.last_modified;
        let written = last_modified.map_or(f64::NEG_INFINITY, |Time(unix)| unix);
        (self.nearest.used_ratio, written)
    }
}

impl Failed {
    fn of(poll: &Poll, next: Option<NextPoll>, targets: &Targets, now: Timestamp) -> Option<Self> {
        let failure = poll.failure?;
        Some(Self {
            who: TargetRef::of(poll.job.target, targets),
            at: Time(poll.requested_at.unix),
            reason: failure.as_str(),
            meaning: failure.meaning(),
            attempts: poll.calls,
            next: NextCall::of(next, poll.job.target, targets, now),
        })
    }
}

/// The last failed poll of each target, the latest first, at most [`MAX_FAILURES`].
pub(super) fn recent_failures(history: &History) -> Vec<Poll> {
    let mut recent: Vec<Poll> = Vec::new();
    for poll in history.failures() {
        if recent.len() == MAX_FAILURES {
            break;
        }
        if !recent.iter().any(|seen| seen.job.target == poll.job.target) {
            recent.push(*poll);
        }
    }
    recent
}
