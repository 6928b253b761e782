//! The poller's progress, for metrics, status page and service manager.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::api::Trouble;
use crate::clock::Mono;
use crate::health::Heartbeat;
use crate::targets::{Budget, Pool, Targets};
use crate::troubles::Troubles;

/// The poller's present state. Only the poller writes it.
#[derive(Debug)]
pub struct Progress {
    heartbeat: Arc<Heartbeat>,
    late_since: AtomicU64,
    budgets: RwLock<Vec<BudgetProgress>>,
}

/// The state of one budget. Rates are in calls per second.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetProgress {
    /// The budget's name, as on `/metrics`.
    pub label: String,
    /// Number of identities that draw on it.
    pub identities: usize,
    /// The ceiling.
    pub limit: f64,
    /// The present rate.
    pub rate: f64,
    /// Whether its credentials work, as far as is known.
    pub credentials_good: bool,
    /// Why they do not, where that is known.
    pub refused: Option<Trouble>,
    /// Why AWS is out of reach, if it is.
    pub unreached: Option<Trouble>,
    /// Whether AWS throttles so much that the rate has fallen far below the ceiling.
    pub is_throttled: bool,
}

impl Progress {
    /// The state before the first poll.
    #[must_use]
    pub fn new(now: Mono, targets: &Targets, rate_limit: f64) -> Self {
        Self {
            heartbeat: Arc::new(Heartbeat::new(now)),
            late_since: AtomicU64::new(Mono::MAX.to_bits()),
            budgets: RwLock::new(budgets(targets, rate_limit)),
        }
    }

    pub(super) fn apply_targets(&self, targets: &Targets, rate_limit: f64) {
        *self.budgets.write().unwrap_or_else(PoisonError::into_inner) =
            budgets(targets, rate_limit);
    }

    pub(super) fn beat(
        &self,
        now: Mono,
        late_since: Mono,
        budgets: impl Iterator<Item = (f64, bool)>,
    ) {
        self.heartbeat.beat(now);
        self.late_since
            .store(late_since.to_bits(), Ordering::Relaxed);
        let mut known = self.budgets.write().unwrap_or_else(PoisonError::into_inner);
        for (budget, (rate, credentials_good)) in known.iter_mut().zip(budgets) {
            (budget.rate, budget.credentials_good) = (rate, credentials_good);
        }
    }

    pub(super) fn set_troubles(&self, budget: usize, troubles: &Troubles) {
        let mut known = self.budgets.write().unwrap_or_else(PoisonError::into_inner);
        known[budget].set_troubles(troubles);
    }

    /// The heartbeat of the poller's loop, which turns at least once a second.
    #[must_use]
    pub fn heartbeat(&self) -> Arc<Heartbeat> {
        Arc::clone(&self.heartbeat)
    }

    /// How far the one that waits longest is past `max_age`, or past its turn in budgets whose rate
    /// gives everybody a turn each interval.
    #[must_use]
    pub fn lag(&self, now: Mono) -> Duration {
        now.since(Mono::from_bits(self.late_since.load(Ordering::Relaxed)))
    }

    /// Duration of a sweep, which polls every identity once, at the present rates, in seconds.
    /// Budgets are polled in parallel, so it is that of the slowest budget.
    #[must_use]
    pub fn sweep_seconds(&self) -> f64 {
        self.budgets()
            .iter()
            .map(|budget| budget.identities as f64 / budget.rate)
            .fold(0.0, f64::max)
    }

    #[must_use]
    pub fn budgets(&self) -> Vec<BudgetProgress> {
        self.budgets
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl BudgetProgress {
    /// A budget whose calls go as well as they can, at the ceiling.
    pub(super) fn new(label: String, identities: usize, ceiling: f64) -> Self {
        Self {
            label,
            identities,
            limit: ceiling,
            rate: ceiling,
            credentials_good: true,
            refused: None,
            unreached: None,
            is_throttled: false,
        }
    }

    /// What is known of its troubles now.
    pub(super) fn set_troubles(&mut self, troubles: &Troubles) {
        self.refused = troubles.refused().cloned();
        self.unreached = troubles.unreached().cloned();
        self.credentials_good = self.refused.is_none();
        self.is_throttled = troubles.is_throttled();
    }
}

fn budgets(targets: &Targets, rate_limit: f64) -> Vec<BudgetProgress> {
    let budget = |(index, budget): (usize, &Budget)| {
        let draws = |pool: &&Pool| pool.budget() == index;
        let of_budget = targets.pools.iter().filter(draws);
        let identities = of_budget.map(|pool| pool.identities.len()).sum();
        BudgetProgress::new(budget.label.clone(), identities, budget.ceiling(rate_limit))
    };
    targets.budgets.iter().enumerate().map(budget).collect()
}
