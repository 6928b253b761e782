//! What passes of `ListIdentities` over the pools that are discovered cost, for as many identities
//! as are known.

use std::time::Duration;

use super::{Budget, Pool, Targets};
use crate::api::{IDENTITIES_OF_PAGE, Operation};
use crate::config::{Config, LIST_RATES, Problem};
use crate::job::PoolIndex;

/// The discovered pools that share a budget of Cognito Identity.
#[derive(Debug)]
pub struct PassBudget<'a> {
    /// The budget's label.
    pub label: String,
    /// Calls per second: the least that one of the pools allows.
    pub ceiling: f64,
    /// At least one.
    pub pools: Vec<&'a Pool>,
}

impl Pool {
    /// The calls of one pass over the identities that are known; at least 1.
    #[must_use]
    pub fn calls_of_pass(&self) -> usize {
        self.identities.len().div_ceil(IDENTITIES_OF_PAGE).max(1)
    }
}

impl PassBudget<'_> {
    /// The calls of one pass over each pool.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.pools.iter().map(|pool| pool.calls_of_pass()).sum()
    }

    /// The identities that are known of all its pools.
    #[must_use]
    pub fn identities(&self) -> usize {
        self.pools.iter().map(|pool| pool.identities.len()).sum()
    }

    /// The calls per second that keep the interval of each pool's passes.
    #[must_use]
    pub fn calls_per_second(&self) -> f64 {
        let pools = self.pools.iter();
        let needed = pools.filter_map(|pool| {
            let interval = pool.settings.discover?.interval.as_secs_f64();
            Some(pool.calls_of_pass() as f64 / interval)
        });
        needed.sum()
    }

    /// How long one pass over each pool takes at the ceiling.
    #[must_use]
    pub fn one_pass(&self) -> Duration {
        Duration::from_secs_f64(self.calls() as f64 / self.ceiling)
    }

    /// What to do where the ceiling does not suffice.
    fn warning(&self) -> Option<String> {
        let needed = self.calls_per_second();
        if needed <= self.ceiling {
            return None;
        }
        let enough = if needed < 1.0 {
            (needed * 1e3).ceil() / 1e3
        } else {
            needed.ceil()
        };
        let raise = if LIST_RATES.contains(&enough) {
            format!("raise rate_limit to {enough}, or ")
        } else {
            String::new()
        };
        Some(format!(
            "is too slow for budget {}: passes over the {} identities that are known need \
             {needed:.3} calls per second, and rate_limit is {}: {raise}make interval {:.1} times \
             as long; until then each pass begins when the one before has ended",
            self.label,
            self.identities(),
            self.ceiling,
            needed / self.ceiling + 0.05,
        ))
    }
}

impl Targets {
    /// The budgets of passes, in the order of their first pool.
    #[must_use]
    pub fn pass_budgets(&self) -> Vec<PassBudget<'_>> {
        let mut budgets: Vec<PassBudget<'_>> = Vec::new();
        for pool in &self.pools {
            let Some(discover) = pool.settings.discover else {
                continue;
            };
            let service = Operation::ListIdentities.service();
            let label = Budget::of_account(&pool.id, &pool.settings, service).label;
            let ceiling = discover.rate_limit;
            match budgets.iter_mut().find(|budget| budget.label == label) {
                Some(budget) => {
                    budget.ceiling = budget.ceiling.min(ceiling);
                    budget.pools.push(pool);
                }
                None => budgets.push(PassBudget {
                    label,
                    ceiling,
                    pools: vec![pool],
                }),
            }
        }
        budgets
    }

    /// The labels of all budgets that calls about these pools count for.
    #[must_use]
    pub fn labels_of(&self, pools: &[PoolIndex]) -> Vec<String> {
        let pools: Vec<_> = pools.iter().map(|pool| &self[*pool]).collect();
        let of_polls = pools.iter().flat_map(|pool| {
            let budgets = [Some(pool.budget), pool.own_budget].into_iter().flatten();
            budgets.map(|budget| self.budgets[budget].label.clone())
        });
        let of_passes = self.pass_budgets().into_iter().filter(|budget| {
            let mut of_budget = budget.pools.iter();
            of_budget.any(|one| pools.iter().any(|pool| pool.id == one.id))
        });
        let of_passes = of_passes.map(|budget| budget.label);
        let guests = pools.iter().filter(|pool| pool.exchanges_per_hour() > 0.0);
        let exchanges = guests.map(|pool| Budget::of_exchanges(&pool.id, &pool.settings).label);
        of_polls.chain(of_passes).chain(exchanges).collect()
    }

    /// Which passes cannot keep their interval.
    pub(super) fn pass_warnings(&self, config: &Config) -> Vec<Problem> {
        let warning = |budget: &PassBudget<'_>| {
            let first = &budget.pools[0].id;
            let mut pools = config.pools.iter();
            let pool = pools.find(|pool| pool.id.as_ref() == Some(first))?;
            let key = format!("{}.discover", pool.key);
            Some(Problem::key(&config.file, &key, budget.warning()?))
        };
        self.pass_budgets().iter().filter_map(warning).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loading;
    use std::path::Path;
    use std::sync::Arc;

    fn loaded(pools: &[(&str, usize)]) -> (Arc<Targets>, Vec<String>) {
        let pool = |(index, (discover, identities)): (usize, &(&str, usize))| {
            let ids: Vec<_> = (0..*identities).map(|id| format!("'r:{id:x}'")).collect();
            format!(
                "- {{id: 'r:{index}', series: each, discover: {{{discover}}}, identities: [{}]}}\n",
                ids.join(",")
            )
        };
        let pools: String = pools.iter().enumerate().map(pool).collect();
        let text = format!("pools:\n{pools}");
        let loaded = loading::parse(Path::new("file"), &text).unwrap();
        let warnings = loaded.warnings.iter().map(ToString::to_string);
        let warnings = warnings.filter(|warning| warning.contains("discover"));
        (loaded.targets, warnings.collect())
    }

    #[test]
    fn pools_of_an_account_and_region_share_the_lowest_ceiling() {
        let (targets, warnings) = loaded(&[
            ("interval: 1m, rate_limit: 5", 61),
            ("interval: 2m, rate_limit: 2", 0),
        ]);
        assert_eq!(warnings, [] as [&str; 0]);
        let budgets = targets.pass_budgets();
        assert_eq!(budgets.len(), 1);
        let budget = &budgets[0];
        assert_eq!(budget.label, "r cognito-identity");
        assert_eq!((budget.ceiling, budget.calls()), (2.0, 3));
        assert_eq!(budget.identities(), 61);
        assert_eq!(budget.calls_per_second(), 2.0 / 60.0 + 1.0 / 120.0);
        assert_eq!(budget.one_pass(), Duration::from_millis(1_500));
    }

    #[test]
    fn passes_that_cannot_keep_their_interval_are_reported_with_the_remedy() {
        let (_, warnings) = loaded(&[("interval: 10s, rate_limit: 0.1", 130)]);
        assert_eq!(
            warnings,
            [
                "file:2:29: pools[0].discover: is too slow for budget r cognito-identity: passes over \
                 the 130 identities that are known need 0.300 calls per second, and rate_limit is \
                 0.1: raise rate_limit to 0.3, or make interval 3.0 times as long; until then \
                 each pass begins when the one before has ended"
            ]
        );
        let (_, warnings) = loaded(&[("interval: 1s, rate_limit: 100", 6_060)]);
        assert!(
            warnings[0].contains("rate_limit is 100: make interval 1.1 times as long"),
            "{warnings:?}"
        );
    }

    #[test]
    fn the_budgets_of_a_pool_are_those_of_its_identities_itself_and_its_passes() {
        let pool = |region: &str, more: &str| {
            let id = format!("{region}:7b6bd1a1-5f5c-4f43-9a0b-0f6a3b8d8c11");
            format!("- {{id: '{id}', series: none, identities: [], {more}}}\n")
        };
        let text = format!(
            "pools:\n{}{}",
            pool("us-east-1", "discover: {}, identity_credentials: guest"),
            pool("eu-west-1", "role_arn: 'arn:aws:iam::123456789012:role/r'")
        );
        let targets = loading::parse(Path::new("c.yaml"), &text).unwrap().targets;
        let labels = |pool| targets.labels_of(&[PoolIndex(pool)]);
        assert_eq!(
            labels(0),
            ["us-east-1 guest", "us-east-1", "us-east-1 cognito-identity"]
        );
        let role = "eu-west-1 arn:aws:iam::123456789012:role/r";
        assert_eq!(labels(1), [role, role]);
    }
}
