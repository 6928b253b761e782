//! The poller's progress, and that of exchanges, for metrics, status page and service manager.

use std::iter::repeat;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use crate::api::Trouble;
use crate::clock::Mono;
use crate::health::Heartbeat;
use crate::recent_calls::RecentCalls;
use crate::targets::{Budget, ExchangeBudget, MAX_EXCHANGES, Pool, Targets};
use crate::troubles::{Troubles, is_low};

/// The poller's present state. Only the poller writes it.
#[derive(Debug)]
pub struct Progress {
    heartbeat: Arc<Heartbeat>,
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
    /// The present rate: how many may be sent.
    pub rate: f64,
    /// Since when the one that waits longest is past `max_age`, or past its turn if the rate gives
    /// everybody a turn each interval; in the future if nobody is, and where nobody has turns.
    pub late_since: Mono,
    /// Whether its credentials work, as far as is known.
    pub credentials_good: bool,
    /// Why they do not, where that is known.
    pub refused: Option<Trouble>,
    /// Why AWS is out of reach, if it is.
    pub unreached: Option<Trouble>,
    /// Whether AWS has throttled so much that the rate has fallen far below the ceiling, from where
    /// it has not recovered.
    pub is_throttled: bool,
    /// The calls that were sent in the last minute, and how many of them AWS throttled.
    pub calls: RecentCalls,
}

/// The budgets of the exchanges of guests' ids for their keys, one for each region and endpoint.
/// Only `aws/guests/` writes it.
#[derive(Debug, Default)]
pub struct ExchangeProgress(Mutex<Vec<BudgetProgress>>);

impl Progress {
    /// The state before the first poll.
    #[must_use]
    pub fn new(now: Mono, targets: &Targets, rate_limit: f64) -> Self {
        Self {
            heartbeat: Arc::new(Heartbeat::new(now)),
            budgets: RwLock::new(budgets(targets, rate_limit, repeat(RecentCalls::new(now)))),
        }
    }

    /// From now on these targets are polled. `calls` are those of each budget in the last minute.
    pub(super) fn apply_targets(
        &self,
        targets: &Targets,
        rate_limit: f64,
        calls: impl Iterator<Item = RecentCalls>,
    ) {
        *self.budgets.write().unwrap_or_else(PoisonError::into_inner) =
            budgets(targets, rate_limit, calls);
    }

    pub(super) fn beat(
        &self,
        now: Mono,
        budgets: impl Iterator<Item = (((f64, bool), Mono), RecentCalls)>,
    ) {
        self.heartbeat.beat(now);
        let mut known = self.budgets.write().unwrap_or_else(PoisonError::into_inner);
        for (budget, (((rate, credentials_good), late_since), calls)) in
            known.iter_mut().zip(budgets)
        {
            (budget.rate, budget.credentials_good) = (rate, credentials_good);
            (budget.late_since, budget.calls) = (late_since, calls);
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
        lag(&self.budgets(), now)
    }

    /// The [`sweep_seconds`] of all budgets.
    #[must_use]
    pub fn sweep_seconds(&self) -> f64 {
        sweep_seconds(&self.budgets())
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
    pub(super) fn new(label: String, identities: usize, ceiling: f64, calls: RecentCalls) -> Self {
        Self {
            label,
            identities,
            limit: ceiling,
            rate: ceiling,
            late_since: Mono::MAX,
            credentials_good: true,
            refused: None,
            unreached: None,
            is_throttled: false,
            calls,
        }
    }

    /// How far the one that waits longest is past its time.
    #[must_use]
    pub fn lag(&self, now: Mono) -> Duration {
        now.since(self.late_since)
    }

    /// Whether AWS has throttled so much, and the rate is far below the ceiling still.
    #[must_use]
    pub fn is_throttled_now(&self) -> bool {
        self.is_throttled && is_low(self.rate, self.limit)
    }

    /// What is known of its troubles now.
    pub(super) fn set_troubles(&mut self, troubles: &Troubles) {
        self.refused = troubles.refused().cloned();
        self.unreached = troubles.unreached().cloned();
        self.credentials_good = self.refused.is_none();
        self.is_throttled = troubles.is_throttled();
    }
}

impl ExchangeProgress {
    /// All of them.
    #[must_use]
    pub fn budgets(&self) -> Vec<BudgetProgress> {
        self.locked().clone()
    }

    /// From now on the guests of these targets are polled. What was measured of budgets that stay
    /// is kept.
    pub(super) fn apply_targets(&self, targets: &Targets, now: Mono) {
        let mut known = self.locked();
        let budget = |budget: ExchangeBudget<'_>| {
            let identities = budget.identities();
            let same = known.iter().find(|known| known.label == budget.label);
            let calls = same.map_or_else(|| RecentCalls::new(now), |known| known.calls);
            BudgetProgress::new(budget.label, identities, MAX_EXCHANGES, calls)
        };
        *known = targets.exchange_budgets().into_iter().map(budget).collect();
    }

    /// An exchange that draws on this budget is sent now.
    pub(super) fn on_sent(&self, budget: &str, now: Mono) {
        self.with_calls(budget, |calls| calls.on_sent(now));
    }

    /// AWS throttled an exchange that was sent at this time.
    pub(super) fn on_throttled(&self, budget: &str, sent_at: Mono) {
        self.with_calls(budget, |calls| calls.on_throttled(sent_at));
    }

    fn with_calls(&self, budget: &str, count: impl FnOnce(&mut RecentCalls)) {
        let mut budgets = self.locked();
        // After a reload it may be gone.
        let known = budgets.iter_mut().find(|known| known.label == budget);
        if let Some(known) = known {
            count(&mut known.calls);
        }
    }

    fn locked(&self) -> MutexGuard<'_, Vec<BudgetProgress>> {
        // What it holds is whole after a panic too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far the one of these budgets that waits longest is past its time.
#[must_use]
pub fn lag(budgets: &[BudgetProgress], now: Mono) -> Duration {
    let lags = budgets.iter().map(|budget| budget.lag(now));
    lags.max().unwrap_or_default()
}

/// Duration of a sweep, which polls every identity of these budgets once, at the present rates, in
/// seconds. Budgets are polled in parallel, so it is that of the slowest one.
#[must_use]
pub fn sweep_seconds(budgets: &[BudgetProgress]) -> f64 {
    let sweeps = budgets
        .iter()
        .map(|budget| budget.identities as f64 / budget.rate);
    sweeps.fold(0.0, f64::max)
}

fn budgets(
    targets: &Targets,
    rate_limit: f64,
    calls: impl Iterator<Item = RecentCalls>,
) -> Vec<BudgetProgress> {
    let budget = |((index, budget), calls): ((usize, &Budget), RecentCalls)| {
        let draws = |pool: &&Pool| pool.budget() == index;
        let of_budget = targets.pools.iter().filter(draws);
        let identities = of_budget.map(|pool| pool.identities.len()).sum();
        let ceiling = budget.ceiling(rate_limit);
        BudgetProgress::new(budget.label.clone(), identities, ceiling, calls)
    };
    let budgets = targets.budgets.iter().enumerate();
    budgets.zip(calls).map(budget).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loading;
    use std::path::Path;

    fn at(seconds: u64) -> Mono {
        Mono::START + Duration::from_secs(seconds)
    }

    fn sent(budgets: &[BudgetProgress]) -> Vec<(&str, u64)> {
        let sent = |budget: &BudgetProgress| budget.calls.counts(at(9)).sent;
        let budgets = budgets.iter();
        budgets
            .map(|budget| (budget.label.as_str(), sent(budget)))
            .collect()
    }

    #[test]
    fn a_reload_keeps_what_was_measured_of_exchanges_whose_budget_stays() {
        let targets = |pools: &str| {
            let guest = "identity_credentials: guest, identities: []";
            let pools = pools.replace("GUEST", guest);
            let text = format!("pools: [{pools}]");
            loading::parse(Path::new("file"), &text).unwrap().targets
        };
        let [a, b] = ["a guest cognito-identity", "b guest cognito-identity"];
        let exchanges = ExchangeProgress::default();
        exchanges.apply_targets(&targets("{id: 'a:0', GUEST}"), at(0));
        exchanges.on_sent(a, at(1));
        exchanges.on_sent(b, at(1));
        exchanges.on_throttled(a, at(1));
        let both = targets("{id: 'b:0', GUEST}, {id: 'a:1', GUEST}, {id: 'c:1', identities: []}");
        exchanges.apply_targets(&both, at(2));
        exchanges.on_sent(a, at(3));
        let budgets = exchanges.budgets();
        assert_eq!(sent(&budgets), [(b, 0), (a, 2)]);
        assert_eq!(budgets[1].calls.counts(at(9)).throttled, 1);
        assert_eq!(budgets[1].limit, MAX_EXCHANGES);
        exchanges.apply_targets(&Targets::default(), at(4));
        exchanges.on_sent(a, at(5));
        exchanges.apply_targets(&both, at(6));
        assert_eq!(sent(&exchanges.budgets()), [(b, 0), (a, 0)], "it had gone");
    }
}
