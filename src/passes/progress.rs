//! How the passes go, for metrics and the status page.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::identity::PoolId;
use crate::progress::BudgetProgress;

/// The present state of all passes.
#[derive(Debug, Default)]
pub struct PassProgress(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    budgets: Vec<BudgetProgress>,
    missed: HashMap<PoolId, usize>,
}

impl PassProgress {
    /// The budgets of Cognito Identity.
    #[must_use]
    pub fn budgets(&self) -> Vec<BudgetProgress> {
        self.state().budgets.clone()
    }

    pub(super) fn set_budgets(&self, budgets: impl Iterator<Item = BudgetProgress>) {
        self.state().budgets = budgets.collect();
    }

    /// The state of one budget has changed.
    pub(super) fn set_budget(&self, now: BudgetProgress) {
        let mut state = self.state();
        let known = state.budgets.iter_mut();
        if let Some(budget) = known.into_iter().find(|budget| budget.label == now.label) {
            *budget = now;
        }
    }

    /// How many identities of each pool are polled, but were not listed by its last complete pass.
    pub fn set_missed(&self, missed: HashMap<PoolId, usize>) {
        self.state().missed = missed;
    }

    /// The same of one pool; `None` before its first complete pass.
    #[must_use]
    pub fn missed(&self, pool: &PoolId) -> Option<usize> {
        self.state().missed.get(pool).copied()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
