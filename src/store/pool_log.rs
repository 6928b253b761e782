//! What is logged of a pool: when its polls start and cease to fail, and what that implies about
//! the pool as a whole. A change is one line, and a reload repeats none. What concerns a whole
//! budget, such as its credentials, is logged once, by the poller.

use std::time::Duration;

use tracing::{info, warn};

use super::pool_health::{PoolHealth, PoolTrouble};
use crate::api::Failure;
use crate::clock::Mono;
use crate::job::Target;
use crate::observation::Observation;
use crate::targets;

/// So long after the last failure polls are said to fail no longer: a few may fail each minute for
/// hours.
const QUIET: Duration = Duration::from_secs(60);

/// What was logged last of one pool.
#[derive(Clone, Debug)]
pub(super) struct Logged {
    failing: Failing,
    /// When the last poll began that failed.
    failed_at: Mono,
    is_missing: bool,
    is_usage_unavailable: bool,
    trouble: Option<PoolTrouble>,
}

/// How many polls fail. Between some and all there are no lines but one, however often it changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Failing {
    #[default]
    None,
    Some,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Failing,
    AllFailing,
    NoneFailing,
    Missing,
    NoneMissing,
    UsageUnavailable,
    UsageAvailable,
    Trouble(PoolTrouble),
    TroubleEnded(PoolTrouble),
}

/// Lines to be logged of one pool.
pub(super) struct Lines {
    lines: Vec<Line>,
    health: PoolHealth,
}

impl Default for Logged {
    fn default() -> Self {
        Self {
            failing: Failing::None,
            failed_at: Mono::START,
            is_missing: false,
            is_usage_unavailable: false,
            trouble: None,
        }
    }
}

impl Logged {
    /// The lines that are due after a poll, with what is known now.
    pub(super) fn lines(
        &mut self,
        pool: &targets::Pool,
        health: PoolHealth,
        poll: &Observation,
    ) -> Lines {
        let mut lines = Vec::new();
        let is_of_pool = matches!(poll.job.target, Target::Pool { .. });
        let is_new_failure = poll.failure().is_some() && !poll.is_reported;
        let trouble = health.trouble(pool);
        if trouble != self.trouble {
            lines.extend(match (self.trouble, trouble) {
                (_, Some(trouble)) => Some(Line::Trouble(trouble)),
                (Some(ended), None) => Some(Line::TroubleEnded(ended)),
                (None, None) => None,
            });
            self.trouble = trouble;
        }
        if !is_of_pool && !matches!(poll.failure(), None | Some(Failure::NotFound)) {
            self.failed_at = poll.requested_at.mono;
        }
        let is_quiet = poll.requested_at.mono.since(self.failed_at) >= QUIET;
        lines.extend(self.failing(&health, is_new_failure && !is_of_pool, is_quiet));
        // The trouble says it already. Of identities that are discovered, many guests never synced.
        let is_not_found = trouble == Some(PoolTrouble::NotFound);
        if !is_not_found && pool.settings.discover.is_none() {
            lines.extend(match (self.is_missing, health.missing()) {
                (false, 1..) => Some(Line::Missing),
                (true, 0) => Some(Line::NoneMissing),
                _ => None,
            });
            self.is_missing = health.missing() > 0;
        }
        if !is_not_found {
            lines.extend(match (self.is_usage_unavailable, health.pool_failure) {
                (false, Some(_)) if is_new_failure && is_of_pool => {
                    self.is_usage_unavailable = true;
                    Some(Line::UsageUnavailable)
                }
                (true, None) => {
                    self.is_usage_unavailable = false;
                    Some(Line::UsageAvailable)
                }
                _ => None,
            });
        }
        Lines { lines, health }
    }

    /// That some or all fail is logged after a poll that failed for a reason of its own, and that
    /// none does once it is quiet.
    fn failing(&mut self, health: &PoolHealth, may_warn: bool, is_quiet: bool) -> Option<Line> {
        let now = match health.failing() {
            0 => Failing::None,
            failing if failing == health.identities => Failing::All,
            _ => Failing::Some,
        };
        let before = self.failing;
        if now == Failing::None {
            let is_over = before != now && is_quiet;
            if is_over {
                self.failing = now;
            }
            return is_over.then_some(Line::NoneFailing);
        }
        if self.trouble == Some(PoolTrouble::Denied) {
            // Which says it already.
            self.failing = Failing::All;
            return None;
        }
        if !may_warn {
            return None;
        }
        self.failing = before.max(now);
        match now {
            _ if now <= before => None,
            Failing::All => Some(Line::AllFailing),
            Failing::Some | Failing::None => Some(Line::Failing),
        }
    }
}

impl Lines {
    /// Logs them.
    pub(super) fn log(&self, pool: &targets::Pool) {
        for line in &self.lines {
            self.log_line(*line, pool);
        }
    }

    fn log_line(&self, line: Line, pool: &targets::Pool) {
        let Self { health, .. } = self;
        let (id, of) = (&pool.id, health.identities);
        let (failing, missing) = (health.failing(), health.missing());
        let reasons = health.failed.without(Failure::NotFound).by_number();
        let reason = reason(reasons.first().map(|(failure, _)| *failure));
        match line {
            Line::Failing => warn!(pool = %id, failing, of, reason, "polls failing"),
            Line::AllFailing => warn!(pool = %id, failing, of, reason, "all polls failing"),
            Line::NoneFailing => info!(pool = %id, of, "polls no longer failing"),
            Line::Missing => warn!(pool = %id, missing, of, "identities missing"),
            Line::NoneMissing => info!(pool = %id, of, "no identities missing"),
            Line::UsageUnavailable => {
                let reason = self::reason(health.pool_failure);
                warn!(pool = %id, reason, "the pool's own usage is unavailable");
            }
            Line::UsageAvailable => info!(pool = %id, "the pool's own usage is available again"),
            Line::Trouble(trouble) => {
                warn!(pool = %id, failing, missing, of, "{}", trouble.sentence(pool));
            }
            Line::TroubleEnded(trouble) => info!(pool = %id, "{}", trouble.end(pool)),
        }
    }
}

/// The word for a failure in a log line.
pub(super) fn reason(failure: Option<Failure>) -> &'static str {
    failure.map_or("none", Failure::as_str)
}

#[cfg(test)]
mod tests;
