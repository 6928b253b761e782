//! What the exchanges of guests' ids for their keys draw on, and how many are needed.

use super::{Budget, Pool, Targets};
use crate::config::Signer;

/// Seconds that keys live (AWS: GetCredentialsForIdentity).
pub const KEY_LIFE: f64 = 3_600.0;

/// The pools whose exchanges share a ceiling.
#[derive(Debug)]
pub struct ExchangeBudget<'a> {
    /// The budget's label.
    pub label: String,
    /// At least one.
    pub pools: Vec<&'a Pool>,
}

impl Pool {
    /// The exchanges in an hour that keep its interval; 0 if it is not polled with its guests'
    /// keys.
    #[must_use]
    pub fn exchanges_per_hour(&self) -> f64 {
        match self.settings.signer {
            Signer::Account => 0.0,
            Signer::Guest => {
                let interval = self.settings.interval.as_secs_f64();
                self.identities.len() as f64 * (KEY_LIFE / interval).min(1.0)
            }
        }
    }
}

impl ExchangeBudget<'_> {
    /// The identities of all its pools.
    #[must_use]
    pub fn identities(&self) -> usize {
        self.pools.iter().map(|pool| pool.identities.len()).sum()
    }

    /// The exchanges per second that keep the interval of each pool.
    #[must_use]
    pub fn calls_per_second(&self) -> f64 {
        let per_hour = self.pools.iter().map(|pool| pool.exchanges_per_hour());
        per_hour.sum::<f64>() / 3_600.0
    }
}

impl Targets {
    /// The budgets of exchanges, in the order of their first pool.
    #[must_use]
    pub fn exchange_budgets(&self) -> Vec<ExchangeBudget<'_>> {
        let mut budgets: Vec<ExchangeBudget<'_>> = Vec::new();
        let pools = self.pools.iter();
        for pool in pools.filter(|pool| pool.settings.signer == Signer::Guest) {
            let Budget { label, .. } = Budget::of_exchanges(&pool.id, &pool.settings);
            match budgets.iter_mut().find(|budget| budget.label == label) {
                Some(budget) => budget.pools.push(pool),
                None => budgets.push(ExchangeBudget {
                    label,
                    pools: vec![pool],
                }),
            }
        }
        budgets
    }
}

#[cfg(test)]
mod tests {
    use crate::loading;
    use std::path::Path;

    #[test]
    fn pools_of_a_region_and_endpoint_share_a_budget_of_exchanges_with_any_profile() {
        let guest = "identity_credentials: guest";
        let text = format!(
            "poll: {{interval: 30m}}\npools:\n\
             - {{id: 'r:0', {guest}, identities: ['r:a', 'r:b']}}\n\
             - {{id: 'r:1', {guest}, profile: p, interval: 2h, identities: ['r:c', 'r:d']}}\n\
             - {{id: 'r:2', {guest}, cognito_identity_endpoint_url: 'https://a.b', identities: ['r:e']}}\n\
             - {{id: 'r:3', identities: ['r:f']}}\n"
        );
        let targets = loading::parse(Path::new("file"), &text).unwrap().targets;
        let budgets = targets.exchange_budgets();
        let shown = budgets.iter().map(|budget| {
            let needed = budget.calls_per_second() * 3_600.0;
            (budget.label.as_str(), budget.identities(), needed.round())
        });
        assert_eq!(
            shown.collect::<Vec<_>>(),
            [
                ("r guest cognito-identity", 4, 3.0),
                ("r guest cognito-identity a.b:443", 1, 1.0)
            ]
        );
    }
}
