//! What the calls of each budget tell an operator: refused credentials, AWS out of reach,
//! throttling. Each is logged when it begins, when it changes and when it ends.

use std::collections::HashMap;
use std::sync::Arc;

use tracing::{info, warn};

use crate::api::{CallError, Failure, FailureClass, Trouble};
use crate::progress::Progress;
use crate::schedule::BudgetEvent;
use crate::targets::Targets;
use crate::throttling::Throttling;

/// After so many calls in a row without a connection AWS is reported as out of reach. A connection
/// that fails among others that work is of no concern.
const UNREACHED_CALLS: u32 = 3;
/// How a call ended.
pub(super) struct CallEnd<'a> {
    /// The budget's position.
    pub(super) budget: usize,
    pub(super) error: Option<&'a CallError>,
    /// The class of the error.
    pub(super) class: Option<FailureClass>,
    pub(super) event: Option<BudgetEvent>,
    /// The budget's rate by now, in calls per second.
    pub(super) rate: f64,
}

/// What was reported of all budgets, by their labels.
pub(super) struct Budgets {
    progress: Arc<Progress>,
    by_label: HashMap<String, Budget>,
}

#[derive(Default)]
struct Budget {
    refused: Option<Trouble>,
    unreached: Option<Trouble>,
    /// Calls in a row without a connection.
    unreached_calls: u32,
    throttling: Throttling,
}

impl Budgets {
    pub(super) fn new(progress: Arc<Progress>) -> Self {
        Self {
            progress,
            by_label: HashMap::new(),
        }
    }

    /// What is known of the budgets that stay goes on.
    pub(super) fn apply_targets(&mut self, targets: &Targets) {
        let labels = || targets.budgets.iter().map(|budget| &budget.label);
        self.by_label
            .retain(|label, _| labels().any(|of| of == label));
        for (index, label) in labels().enumerate() {
            if let Some(budget) = self.by_label.get(label) {
                budget.publish(index, &self.progress);
            }
        }
    }

    /// Logs what a call changes. Returns whether a line about the budget gives the reason for which
    /// it failed.
    pub(super) fn on_call_end(&mut self, end: &CallEnd<'_>, label: &str, ceiling: f64) -> bool {
        if !self.by_label.contains_key(label) {
            self.by_label.insert(label.to_owned(), Budget::default());
        }
        let budget = self.by_label.get_mut(label);
        let budget = budget.expect("it was put there above");
        let was_refused = budget.on_event(label, end);
        let was_unreached = budget.on_connection(label, end);
        let throttling = &mut budget.throttling;
        let was_throttled = throttling.on_call_end(label, end.class, end.rate, ceiling);
        if was_refused || was_unreached || was_throttled {
            budget.publish(end.budget, &self.progress);
        }
        match end.class {
            Some(FailureClass::Budget) => budget.refused.is_some(),
            Some(FailureClass::NoAnswer) => budget.unreached.is_some(),
            _ => false,
        }
    }
}

impl Budget {
    /// Returns whether there is news.
    fn on_event(&mut self, label: &str, end: &CallEnd<'_>) -> bool {
        match (end.event, end.error) {
            (Some(BudgetEvent::Refused), Some(error)) => {
                let trouble = error.trouble();
                if self.refused.as_ref() == Some(&trouble) {
                    return false;
                }
                let (budget, reason) = (label, error.failure.as_str());
                let Trouble {
                    kind,
                    cause,
                    remedy,
                } = &trouble;
                if error.failure == Failure::Configuration {
                    warn!(
                        budget,
                        reason,
                        kind,
                        cause,
                        remedy,
                        "the settings for AWS cannot work; only probes are sent"
                    );
                } else {
                    warn!(
                        budget,
                        reason,
                        kind,
                        cause,
                        remedy,
                        "credentials unavailable or rejected; only probes are sent"
                    );
                }
                self.refused = Some(trouble);
                true
            }
            (Some(BudgetEvent::Accepted), _) => {
                info!(budget = label, "credentials accepted again");
                self.refused = None;
                true
            }
            _ => false,
        }
    }

    /// Returns whether there is news.
    fn on_connection(&mut self, label: &str, end: &CallEnd<'_>) -> bool {
        match (end.class, end.error) {
            (Some(FailureClass::NoAnswer), Some(error)) if error.remedy.is_some() => {
                self.unreached_calls = self.unreached_calls.saturating_add(1);
                let trouble = error.trouble();
                if self.unreached_calls < UNREACHED_CALLS
                    || self.unreached.as_ref() == Some(&trouble)
                {
                    return false;
                }
                let (budget, reason) = (label, error.failure.as_str());
                let Trouble {
                    kind,
                    cause,
                    remedy,
                } = &trouble;
                warn!(budget, reason, kind, cause, remedy, "AWS is out of reach");
                self.unreached = Some(trouble);
                true
            }
            // They tell nothing of it.
            (Some(FailureClass::NoAnswer | FailureClass::Budget), _) => false,
            _ => {
                self.unreached_calls = 0;
                let was = self.unreached.take().is_some();
                if was {
                    info!(budget = label, "AWS is reached again");
                }
                was
            }
        }
    }

    fn publish(&self, index: usize, progress: &Progress) {
        progress.set_troubles(
            index,
            self.refused.clone(),
            self.unreached.clone(),
            self.throttling.is_reported(),
        );
    }
}
