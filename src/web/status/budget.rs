//! What the status page shows of a budget.

use serde::Serialize;

use crate::api;
use crate::progress::BudgetProgress;
use crate::targets::Targets;

/// A budget of polls, or of passes over pools that are discovered.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Budget {
    pub(super) budget: String,
    pub(super) identities: usize,
    /// Calls per second.
    pub(super) ceiling: f64,
    pub(super) rate: f64,
    /// Calls per second that keep all intervals.
    pub(super) needed: f64,
    /// Calls per second that keep `max_age`, where the intervals are not kept; 0 where there is no
    /// such age.
    #[serde(skip)]
    pub(super) needed_for_max_age: f64,
    /// Of a pass over each pool, where that is what it is for.
    pub(super) sweep_seconds: f64,
    pub(super) credentials: Credentials,
    /// Whether AWS throttles so much that the rate has fallen far below the ceiling.
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
    pub(super) fn of(progress: BudgetProgress, targets: &Targets) -> Self {
        let BudgetProgress {
            label,
            identities,
            limit,
            rate,
            credentials_good,
            refused,
            unreached,
            is_throttled,
        } = progress;
        let mut of_polls = targets.budgets.iter();
        let of_polls = of_polls.position(|budget| budget.label == label);
        let mut of_passes = targets.pass_budgets().into_iter();
        let of_passes = of_passes.find(|budget| budget.label == label);
        let (identities, needed, calls) = match (of_polls, of_passes) {
            (Some(index), _) => (identities, targets.calls_per_second(index), identities),
            (None, Some(passes)) => (
                passes.identities(),
                passes.calls_per_second(),
                passes.calls(),
            ),
            // The targets have changed since the snapshot.
            (None, None) => (identities, 0.0, identities),
        };
        Self {
            budget: label,
            identities,
            ceiling: limit,
            rate,
            needed,
            needed_for_max_age: of_polls.map_or(0.0, |index| targets.calls_for_max_age(index)),
            sweep_seconds: calls as f64 / rate,
            credentials: Credentials {
                good: credentials_good,
                trouble: refused.map(Trouble::from),
            },
            throttled: is_throttled,
            unreachable: unreached.map(Trouble::from),
        }
    }
}
