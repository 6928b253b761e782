//! What the status page shows of a budget.

use serde::Serialize;

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
    /// Of a pass over each pool, where that is what it is for.
    pub(super) sweep_seconds: f64,
    pub(super) credentials_good: bool,
}

impl Budget {
    pub(super) fn of(progress: BudgetProgress, targets: &Targets) -> Self {
        let BudgetProgress {
            label,
            identities,
            limit,
            rate,
            credentials_good,
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
            sweep_seconds: calls as f64 / rate,
            credentials_good,
        }
    }
}
