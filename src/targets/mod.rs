//! Who is polled: the identities of all pools, from the configuration and from files, sorted, each
//! once, never changed.
//!
//! A million ids live in one text per pool, so that each costs its characters and four bytes.

mod budget;
mod carry;
mod files;
mod identities;

use std::path::Path;

pub use budget::Budget;
pub use carry::Carry;
pub use files::fingerprint;
pub use identities::Identities;

use crate::api::{Operation, Scope, Service};
use crate::config::{self, Config, Findings, PoolSettings, Problem};
use crate::identity::{IdentityId, PoolId};
use crate::job::Target;

use identities::Collector;

/// All pools and their identities.
#[derive(Debug)]
pub struct Targets {
    /// The pools, in the configuration's order.
    pub pools: Vec<Pool>,
    /// The budgets that the pools draw on, in the order of their first pool.
    pub budgets: Vec<Budget>,
}

/// One pool with its identities.
#[derive(Debug)]
pub struct Pool {
    /// Its id.
    pub id: PoolId,
    /// What was set for it.
    pub settings: PoolSettings,
    /// Which of [`Targets::budgets`] pays for its calls.
    pub budget: usize,
    /// Its identities.
    pub identities: Identities,
}

impl Targets {
    /// Reads all identity files and puts the targets together. Problems and warnings are noted;
    /// with a problem, the targets are of no use.
    #[must_use]
    pub fn load(config: &Config, findings: &mut Findings) -> Self {
        let mut budgets: Vec<Budget> = Vec::new();
        let mut pools = Vec::new();
        for pool in &config.pools {
            let identities = identities_of(pool, &config.file, findings);
            let Some(id) = pool.id.clone() else { continue };
            let own = Budget::new(&id, &pool.settings, Service::CognitoSync);
            let known = budgets.iter().position(|budget| *budget == own);
            let budget = known.unwrap_or_else(|| {
                budgets.push(own);
                budgets.len() - 1
            });
            pools.push(Pool {
                id,
                settings: pool.settings.clone(),
                budget,
                identities,
            });
        }
        let targets = Self { pools, budgets };
        for (index, budget) in targets.budgets.iter().enumerate() {
            let (needed, allowed) = (targets.calls_per_second(index), config.poll.rate_limit);
            if needed > allowed {
                let message = format!(
                    "is too low for budget {}, which needs {needed:.3} calls per second to keep its intervals: raise it to {:.0}, \
                     or make the intervals {:.1} times as long; until then every identity waits for its turn",
                    budget.label,
                    needed.ceil(),
                    needed / allowed + 0.05,
                );
                findings
                    .warnings
                    .push(Problem::key(&config.file, "poll.rate_limit", message));
            }
        }
        targets
    }

    /// The calls per second that keep all intervals of a budget: one call of each operation about
    /// each of its subjects in an interval.
    #[must_use]
    pub fn calls_per_second(&self, budget: usize) -> f64 {
        let of_pool = |pool: &Pool| {
            let subjects = Operation::POLLED.map(|operation| match operation.scope() {
                Scope::Identity => pool.identities.len(),
                Scope::Pool => 1,
            });
            subjects.iter().sum::<usize>() as f64 / pool.settings.interval.as_secs_f64()
        };
        let pools = self.pools.iter().filter(|pool| pool.budget == budget);
        pools.map(of_pool).sum()
    }

    /// How many identities there are, in all pools.
    #[must_use]
    pub fn identities(&self) -> usize {
        self.pools.iter().map(|pool| pool.identities.len()).sum()
    }

    /// The pool that a target is or belongs to.
    #[must_use]
    pub fn pool(&self, target: Target) -> &Pool {
        &self.pools[target.pool().0]
    }

    /// The id of a target's identity; `None` for a pool itself.
    #[must_use]
    pub fn identity(&self, target: Target) -> Option<IdentityId<'_>> {
        match target {
            Target::Identity { identity, .. } => Some(self.pool(target).identities.id(identity.0)),
            Target::Pool { .. } => None,
        }
    }
}

fn identities_of(pool: &config::Pool, file: &Path, findings: &mut Findings) -> Identities {
    let region = pool.id.as_ref().map(PoolId::region);
    let mut collector = Collector::new(region);
    for listed in &pool.identities {
        if let Err(message) = collector.add(&listed.id, listed.name.as_deref(), || {
            format!("{}.id", listed.key)
        }) {
            findings
                .problems
                .push(Problem::key(file, &listed.key, message));
        }
    }
    for (index, pattern) in pool.identity_files.iter().enumerate() {
        let key = format!("{}.identity_files[{index}]", pool.key);
        files::read(file, &key, pattern, &mut collector, findings);
    }
    let (identities, notes) = collector.finish();
    for note in notes {
        findings.warnings.push(Problem::key(file, &pool.key, note));
    }
    if identities.is_empty() {
        findings.warnings.push(Problem::key(
            file,
            &pool.key,
            "has no identity, so that only the pool itself is polled",
        ));
    }
    identities
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(poll: &str) -> Vec<String> {
        let text = format!(
            "poll: {{{poll}}}\npools:\n- {{id: 'r:0', identities: ['r:1', 'r:2', 'r:3']}}\n- {{id: 'r:1', identities: ['r:1']}}"
        );
        let mut findings = Findings::default();
        let config = config::parse(Path::new("file"), &text, &mut findings).unwrap();
        let _ = Targets::load(&config, &mut findings);
        assert_eq!(findings.problems, []);
        findings.warnings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_interval_that_the_budget_cannot_keep_is_told_with_the_remedy() {
        assert_eq!(warnings("interval: 4s, rate_limit: 1.5"), [] as [&str; 0]);
        assert_eq!(
            warnings("interval: 3s, rate_limit: 1.5"),
            [
                "file: poll.rate_limit: is too low for budget r, which needs 2.000 calls per second to keep its intervals: raise it \
              to 2, or make the intervals 1.4 times as long; until then every identity waits for its turn"
            ]
        );
    }
}
