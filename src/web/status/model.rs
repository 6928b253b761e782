//! Everything that the status page and `/api/v1/status` show, made from one snapshot.

use std::path::Path;

use serde::Serialize;

use super::attention::Attention;
use super::budget::Budget;
use super::discovery::Discovery;
use super::failures::{Failures, Reason};
use super::humanize::Time;
use super::in_use::InUse;
use super::pool::Pool;
use super::rows::{Row, Tables};
use super::survey::Surveyed;
use super::sweep::FirstSweep;
use super::turns::Turns;
use crate::clock::Timestamp;
use crate::discovery::Catalog;
use crate::first_sweep::Sweep;
use crate::passes::PassProgress;
use crate::progress::{self, BudgetProgress};
use crate::schedule::NextPoll;
use crate::state::Saves;
use crate::store::Snapshot;
use crate::telemetry::{REVISION, RUSTC, VERSION};

/// Changes when a key goes, or changes its meaning.
const SCHEMA_VERSION: u32 = 1;

/// The exporter at one moment.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Status {
    schema_version: u32,
    pub(super) now: Time,
    pub(super) version: &'static str,
    pub(super) revision: &'static str,
    pub(super) rustc: &'static str,
    pub(super) up_seconds: f64,
    /// Whether AWS has answered about any identity, if only before the state was saved.
    pub(super) ready: bool,
    /// Whether AWS has answered any poll since the start: what was restored does not count.
    #[serde(skip)]
    pub(super) was_answered: bool,
    /// Absent once every identity was asked.
    pub(super) first_sweep: Option<FirstSweep>,
    /// What an operator should look at; empty when all is well.
    pub(super) attention: Vec<Attention>,
    pub(super) configuration: Configuration,
    pub(super) polling: Polling,
    /// Absent when nothing outlives the process.
    pub(super) saving: Option<Saving>,
    pub(super) pools: Vec<Pool>,
    /// Those that use most of a limit, at least one of each pool that has any near one.
    pub(super) fullest_identities: Vec<Row>,
    /// Those that will be full within 30 days, the soonest first; at least one of each pool that
    /// has any.
    pub(super) soonest_full: Vec<Row>,
    /// Those that wrote last, within 30 days.
    pub(super) writers: Vec<Row>,
    /// The most frequent reason first, but `not_found` last.
    pub(super) failures: Vec<Failures>,
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
    /// How far the identity that waits longest is past its `max_age`, or past its turn in budgets
    /// whose rate gives everybody a turn each interval. Of the budgets that are shown.
    pub(super) late_seconds: f64,
    /// Duration of one poll of every identity of these budgets at the present rates.
    pub(super) sweep_seconds: f64,
    #[serde(flatten)]
    pub(super) in_use: InUse,
    pub(super) budgets: Vec<Budget>,
}

impl Polling {
    /// How late polls of these pools are, in a sentence.
    pub(super) fn lateness(&self, pools: &[Pool]) -> String {
        Turns::lateness(pools.iter().map(|pool| &pool.turns), self.late_seconds)
    }
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

/// What a status is made from.
pub(super) struct Sources<'a> {
    pub(super) now: Timestamp,
    pub(super) snapshot: &'a Snapshot,
    /// The pools that are shown, with what was found in each.
    pub(super) surveyed: Vec<Surveyed>,
    /// The rows of each table.
    pub(super) top: usize,
    /// Why polls fail, and when the [`Reason::targets`] are polled next.
    pub(super) failures: (Vec<Reason>, Vec<Option<NextPoll>>),
    /// Those of polls.
    pub(super) budgets: Vec<BudgetProgress>,
    /// Those of exchanges of guests' ids for their keys.
    pub(super) exchanges: Vec<BudgetProgress>,
    /// What is discovered, and how that goes.
    pub(super) discovery: Option<(&'a Catalog, &'a PassProgress)>,
    pub(super) first_sweep: Option<Sweep>,
    pub(super) saving: Option<Saving>,
    pub(super) ready: bool,
    pub(super) was_answered: bool,
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
            mut surveyed,
            failures: (reasons, next),
            ..
        } = sources;
        let targets = &*snapshot.targets;
        let of_passes = discovery.map(|(_, passes)| passes.budgets());
        let tables = Tables::of(&mut surveyed, snapshot, sources.top, now);
        let shown: Vec<_> = surveyed.iter().map(|pool| pool.found.pool).collect();
        // Where all are shown, so are budgets that the targets had before they changed.
        let labels = (shown.len() < targets.pools.len()).then(|| targets.labels_of(&shown));
        let is_shown = |label: &String| labels.as_ref().is_none_or(|shown| shown.contains(label));
        let mut budgets = sources.budgets;
        budgets.retain(|budget| is_shown(&budget.label));
        let late_seconds = progress::lag(&budgets, now.mono).as_secs_f64();
        let sweep_seconds = progress::sweep_seconds(&budgets);
        let pool = |surveyed: &Surveyed| {
            let view = snapshot.pool(surveyed.found.pool);
            let label = &targets.budgets[view.target.budget()].label;
            let budget = budgets.iter().find(|budget| budget.label == *label);
            Pool {
                discovery: discovery.and_then(|(catalog, passes)| {
                    Discovery::of(&view.target.id, catalog, passes, now)
                }),
                turns: Turns::of(view.target, targets, budget),
                late_seconds: budget.map_or(0.0, |budget| budget.lag(now.mono).as_secs_f64()),
                ..Pool::new(&view, surveyed, now)
            }
        };
        let pools = surveyed.iter().map(pool).collect();
        let others = of_passes.into_iter().flatten().chain(sources.exchanges);
        budgets.extend(others.filter(|budget| is_shown(&budget.label)));
        let mut status = Self {
            schema_version: SCHEMA_VERSION,
            now: Time(now.unix),
            version: VERSION,
            revision: REVISION,
            rustc: RUSTC,
            up_seconds: now.mono.since(crate::clock::Mono::START).as_secs_f64(),
            ready: sources.ready,
            was_answered: sources.was_answered,
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
                late_seconds,
                sweep_seconds,
                in_use: InUse::of(&budgets, now.mono),
                budgets: Budget::each(budgets, targets, now.mono),
            },
            saving: sources.saving,
            pools,
            fullest_identities: tables.fullest,
            soonest_full: tables.soonest_full,
            writers: tables.writers,
            failures: Failures::of(reasons, next, targets, now),
        };
        status.attention = status.collect_attention(sources.stalled);
        status
    }
}
