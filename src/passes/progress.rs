//! How the passes go, for metrics and the status page.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::api::Failure;
use crate::clock::Mono;
use crate::identity::PoolId;
use crate::progress::BudgetProgress;
use crate::recent_calls::RecentCalls;

/// The present state of all passes.
#[derive(Debug, Default)]
pub struct PassProgress(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    budgets: Vec<BudgetProgress>,
    pools: HashMap<PoolId, PassStanding>,
    missed: HashMap<PoolId, usize>,
}

/// How far the passes of one pool are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PassStanding {
    /// Time from the start of one complete pass to that of the next.
    pub interval: Duration,
    /// When the present pass began, in seconds since 1970; `None` between two passes.
    pub began: Option<f64>,
    /// The identities that it has listed so far.
    pub listed: usize,
    /// When the next page is asked for, as far as the rate of the budget allows it; between two
    /// passes, the first one of the next.
    pub next_at: Mono,
    /// Why the last call for a page failed, if it did.
    pub failure: Option<Failure>,
}

impl PassProgress {
    /// The budgets of Cognito Identity.
    #[must_use]
    pub fn budgets(&self) -> Vec<BudgetProgress> {
        self.state().budgets.clone()
    }

    /// How far the passes of a pool are; `None` if it is not discovered.
    #[must_use]
    pub fn standing(&self, pool: &PoolId) -> Option<PassStanding> {
        self.state().pools.get(pool).copied()
    }

    /// These are all budgets and pools.
    pub(super) fn set(
        &self,
        budgets: impl Iterator<Item = BudgetProgress>,
        pools: impl Iterator<Item = (PoolId, PassStanding)>,
    ) {
        let mut state = self.state();
        state.budgets = budgets.collect();
        state.pools = pools.collect();
    }

    /// A call for a page of a pool has ended.
    pub(super) fn set_pool(&self, budget: BudgetProgress, pool: &PoolId, standing: PassStanding) {
        let mut state = self.state();
        if let Some(known) = state.pools.get_mut(pool) {
            *known = standing;
        }
        let mut budgets = state.budgets.iter_mut();
        if let Some(known) = budgets.find(|known| known.label == budget.label) {
            *known = budget;
        }
    }

    /// A call of a budget has ended. By now its rate is this, in calls per second, and its calls in
    /// the last minute are these.
    pub(super) fn on_call(&self, budget: &str, rate: f64, is_throttled: bool, calls: RecentCalls) {
        let mut state = self.state();
        let mut budgets = state.budgets.iter_mut();
        if let Some(known) = budgets.find(|known| known.label == budget) {
            (known.rate, known.is_throttled) = (rate, is_throttled);
            known.calls = calls;
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
