//! What the calls of each budget show of its troubles, for the log and for [`Progress`].

use std::collections::HashMap;
use std::sync::Arc;

use crate::api::{CallError, FailureClass};
use crate::clock::Mono;
use crate::progress::Progress;
use crate::schedule::BudgetEvent;
use crate::targets::Targets;
use crate::troubles::Troubles;

/// How a call ended.
pub(super) struct CallEnd<'a> {
    /// The budget's position.
    pub(super) budget: usize,
    /// Its error, and the class of that.
    pub(super) error: Option<(&'a CallError, FailureClass)>,
    pub(super) event: Option<BudgetEvent>,
    /// The budget's rate by now, in calls per second.
    pub(super) rate: f64,
    pub(super) now: Mono,
}

/// The troubles of all budgets, by their labels.
pub(super) struct Budgets {
    progress: Arc<Progress>,
    by_label: HashMap<String, Troubles>,
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
            if let Some(troubles) = self.by_label.get(label) {
                self.progress.set_troubles(index, troubles);
            }
        }
    }

    /// Logs what a call changes. Returns whether the troubles of the budget explain why it failed.
    pub(super) fn on_call_end(&mut self, end: &CallEnd<'_>, label: &str, ceiling: f64) -> bool {
        if !self.by_label.contains_key(label) {
            self.by_label.insert(label.to_owned(), Troubles::default());
        }
        let troubles = self.by_label.get_mut(label);
        let troubles = troubles.expect("it was put there above");
        let class = end.error.map(|(_, class)| class);
        let news = [
            match (end.event, end.error) {
                (Some(BudgetEvent::Refused), Some((error, _))) => {
                    troubles.on_refused(label, error, end.now)
                }
                (Some(BudgetEvent::Accepted), _) => troubles.on_accepted(label),
                _ => false,
            },
            troubles.on_connection(label, end.error, 1, end.now),
            troubles.on_rate(label, class, end.rate, ceiling),
        ];
        if news.contains(&true) {
            self.progress.set_troubles(end.budget, troubles);
        }
        class.is_some_and(|class| troubles.explain(class))
    }
}
