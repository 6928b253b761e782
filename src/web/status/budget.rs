//! What the status page shows of a budget.

use serde::Serialize;

use super::in_use::{calls, throttled};
use crate::api;
use crate::clock::Mono;
use crate::progress::BudgetProgress;
use crate::targets::{ExchangeBudget, PassBudget, Targets};

/// A budget of polls, of passes over pools that are discovered, or of exchanges of guests' ids for
/// their keys.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Budget {
    pub(super) budget: String,
    pub(super) identities: usize,
    /// Calls per second.
    pub(super) ceiling: f64,
    /// Calls per second that may be sent at present.
    pub(super) rate: f64,
    /// Calls per second that were sent in the last minute, or since the start.
    pub(super) calls_per_second: f64,
    /// Which share of these AWS throttled, 0 to 1; `None` if there was none.
    pub(super) throttled_ratio: Option<f64>,
    /// Calls per second that keep all intervals.
    pub(super) needed: f64,
    /// Calls per second that keep `max_age`, where the intervals are not kept; 0 where there is no
    /// such age.
    #[serde(skip)]
    pub(super) needed_for_max_age: f64,
    /// Of a pass over each pool, or of an exchange for each identity, where that is what it is for.
    pub(super) sweep_seconds: f64,
    pub(super) credentials: Credentials,
    /// Whether calls need credentials.
    #[serde(skip)]
    pub(super) is_signed: bool,
    /// Whether AWS throttles so much that the rate is far below the ceiling, until it has risen
    /// above half of it.
    pub(super) throttled: bool,
    /// Why AWS is out of reach, if it is.
    pub(super) unreachable: Option<Trouble>,
}

/// Whether credentials and settings for AWS work, as far as is known.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Credentials {
    pub(super) good: bool,
    #[serde(flatten)]
    pub(super) trouble: Option<Trouble>,
}

/// Why calls fail, and what to do about it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Trouble {
    kind: &'static str,
    cause: String,
    remedy: String,
}

impl From<api::Trouble> for Trouble {
    fn from(trouble: api::Trouble) -> Self {
        let api::Trouble {
            kind,
            cause,
            remedy,
        } = trouble;
        Self {
            kind,
            cause,
            remedy,
        }
    }
}

impl Trouble {
    /// The cause, and the remedy in a sentence of its own.
    pub(super) fn words(&self) -> String {
        let mut remedy = self.remedy.chars();
        match remedy.next() {
            Some(first) => {
                let first = first.to_uppercase();
                format!("{}. {first}{}.", self.cause, remedy.as_str())
            }
            None => format!("{}.", self.cause),
        }
    }
}

impl Budget {
    /// Each of these budgets.
    pub(super) fn each(budgets: Vec<BudgetProgress>, targets: &Targets, now: Mono) -> Vec<Self> {
        // Once: either looks at all pools.
        let (of_passes, of_exchanges) = (targets.pass_budgets(), targets.exchange_budgets());
        let budgets = budgets.into_iter();
        budgets
            .map(|budget| Self::of(budget, targets, &of_passes, &of_exchanges, now))
            .collect()
    }

    fn of(
        progress: BudgetProgress,
        targets: &Targets,
        of_passes: &[PassBudget<'_>],
        of_exchanges: &[ExchangeBudget<'_>],
        now: Mono,
    ) -> Self {
        let throttled = progress.is_throttled_now();
        let BudgetProgress {
            label,
            identities,
            limit,
            rate,
            credentials_good,
            refused,
            unreached,
            calls: recent,
            ..
        } = progress;
        let mut of_polls = targets.budgets.iter();
        let of_polls = of_polls.position(|budget| budget.label == label);
        let of_passes = of_passes.iter().find(|budget| budget.label == label);
        let of_exchanges = of_exchanges.iter().find(|budget| budget.label == label);
        let is_signed = of_exchanges.is_none();
        let (identities, needed, calls) = match (of_polls, of_passes, of_exchanges) {
            (Some(index), ..) => (identities, targets.calls_per_second(index), identities),
            (None, Some(passes), _) => (
                passes.identities(),
                passes.calls_per_second(),
                passes.calls(),
            ),
            (None, None, Some(exchanges)) => (
                exchanges.identities(),
                exchanges.calls_per_second(),
                exchanges.identities(),
            ),
            // The targets have changed since the snapshot.
            (None, None, None) => (identities, 0.0, identities),
        };
        Self {
            budget: label,
            identities,
            ceiling: limit,
            rate,
            calls_per_second: recent.per_second(now),
            throttled_ratio: recent.counts(now).throttled_ratio(),
            needed,
            needed_for_max_age: of_polls.map_or(0.0, |index| targets.calls_for_max_age(index)),
            sweep_seconds: calls as f64 / rate,
            credentials: Credentials {
                good: credentials_good,
                trouble: refused.map(Trouble::from),
            },
            is_signed,
            throttled,
            unreachable: unreached.map(Trouble::from),
        }
    }

    /// Whether its credentials work, in words. `is_ready`: whether AWS has answered about any
    /// identity; what makes no calls, or reaches nobody, shows nothing of them before.
    pub(super) fn credentials(&self, is_ready: bool) -> String {
        let is_tried = self.throttled_ratio.is_some() && self.unreachable.is_none();
        match &self.credentials {
            _ if !self.is_signed => "none needed".to_owned(),
            Credentials { good: true, .. } if is_ready || is_tried => "work".to_owned(),
            Credentials { good: true, .. } => "not tried yet".to_owned(),
            Credentials { trouble, .. } => match trouble {
                Some(trouble) => format!("do not work: {}", trouble.words()),
                None => "do not work".to_owned(),
            },
        }
    }

    /// The calls that were sent, per second.
    pub(super) fn calls(&self) -> String {
        calls(self.calls_per_second)
    }

    /// Which share of them AWS throttled.
    pub(super) fn throttled(&self) -> String {
        self.throttled_ratio
            .map_or_else(|| "no call".to_owned(), throttled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recent_calls::RecentCalls;

    #[test]
    fn a_rate_that_has_recovered_to_half_of_the_ceiling_is_throttled_no_more() {
        let targets = Targets::for_tests(&[("us-east-1:0", 100)]);
        let is_throttled = |rate, ceiling| {
            let calls = RecentCalls::new(Mono::START);
            let progress = BudgetProgress {
                rate,
                is_throttled: true,
                ..BudgetProgress::new("us-east-1".to_owned(), 100, ceiling, calls)
            };
            Budget::each(vec![progress], &targets, Mono::START)[0].throttled
        };
        for (rate, ceiling, expected) in [
            (0.5, 30.0, true),
            (15.0, 30.0, true),
            (15.1, 30.0, false),
            (0.5, 0.8, true),
            (0.6, 0.8, false),
            (0.1, 0.1, true),
        ] {
            assert_eq!(is_throttled(rate, ceiling), expected, "{rate} of {ceiling}");
        }
    }
}
