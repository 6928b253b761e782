//! The pools and identities to poll, assembled from the configuration and the identity lists:
//! sorted, each once, immutable. Pure: no files, no network.
//!
//! A million ids live in one text per pool, so that each costs its characters and four bytes.

mod ages;
mod budget;
mod diff;
mod exchanges;
mod identities;
mod passes;
mod testing;

pub use budget::{Budget, MAX_EXCHANGES};
pub use diff::TargetDiff;
pub use exchanges::{ExchangeBudget, KEY_LIFE};
pub use identities::Identities;
pub use passes::PassBudget;

use std::hash::Hasher;
use std::ops::Index;
use std::time::Duration;

use siphasher::sip::SipHasher13;

use crate::api::{Operation, Scope, Service};
use crate::config::{Checked, Config, PoolConfig, PoolSettings, Problem};
use crate::discovery::{IdentityList, Listing, Oddities};
use crate::identity::{IdentityId, PoolId};
use crate::job::{PoolIndex, Target};

/// All pools and their identities.
#[derive(Debug, Default)]
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
    /// Its settings.
    pub settings: PoolSettings,
    /// The position in [`Targets::budgets`] of the budget of its identities' calls.
    budget: usize,
    /// The same of the calls about the pool itself; `None` if there are none.
    own_budget: Option<usize>,
    /// Its identities.
    pub identities: Identities,
    /// The longest time between two polls of one identity, where the calls allow it.
    pub max_age: Duration,
    /// Usage older than this is not exported.
    pub stale_after: Duration,
}

impl Pool {
    /// Its name, or its id if it has none: how people are shown which pool it is.
    #[must_use]
    pub fn name_or_id(&self) -> &str {
        self.settings.name.as_deref().unwrap_or(self.id.as_str())
    }

    /// The position in [`Targets::budgets`] of the budget of its identities' calls.
    #[must_use]
    pub fn budget(&self) -> usize {
        self.budget
    }

    /// The same of an operation's calls; `None` if the operation is not polled in this pool.
    #[must_use]
    pub fn budget_of(&self, operation: Operation) -> Option<usize> {
        match operation {
            Operation::DescribeIdentityUsage | Operation::ListDatasets => Some(self.budget),
            Operation::DescribeIdentityPoolUsage => self.own_budget,
            Operation::ListIdentities | Operation::GetCredentialsForIdentity => None,
        }
    }
}

impl Index<PoolIndex> for Targets {
    type Output = Pool;

    fn index(&self, pool: PoolIndex) -> &Pool {
        &self.pools[pool.0]
    }
}

impl Targets {
    /// Makes targets of a configuration and the identity lists of its pools: one entry for each
    /// pool, in the configuration's order, and in it one for each provider. Pools without a valid
    /// id are left out.
    pub fn assemble(config: &Config, lists: &[Vec<Listing>]) -> Checked<Self> {
        assert_eq!(config.pools.len(), lists.len(), "each pool has its lists");
        let mut checked = Checked::good(Self::default());
        for (pool, lists) in config.pools.iter().zip(lists) {
            let Some(id) = pool.id.clone() else { continue };
            checked = checked.and_then(|mut targets| {
                identities(&id, pool, config, lists).map(|identities| {
                    targets.add(id, pool.settings.clone(), identities);
                    targets
                })
            });
        }
        checked.value.set_ages(config.poll.rate_limit);
        for index in 0..checked.value.budgets.len() {
            let warnings = checked.value.budget_warnings(index, config);
            checked.warnings.extend(warnings);
        }
        let passes = checked.value.pass_warnings(config);
        checked.warnings.extend(passes);
        checked
    }

    fn add(&mut self, id: PoolId, settings: PoolSettings, identities: Identities) {
        let budget = self.budget(Budget::of_identities(&id, &settings));
        let own_budget = settings
            .has_account()
            .then(|| self.budget(Budget::of_account(&id, &settings, Service::CognitoSync)));
        self.pools.push(Pool {
            id,
            settings,
            budget,
            own_budget,
            identities,
            max_age: Duration::ZERO,
            stale_after: Duration::ZERO,
        });
    }

    /// The targets of an identity: one for each pool that lists it.
    pub fn of_identity(&self, id: IdentityId<'_>) -> impl Iterator<Item = Target> {
        let pools = self.pools.iter().enumerate();
        pools.filter_map(move |(pool, of)| {
            let identity = of.identities.position(id)?;
            let pool = PoolIndex(pool);
            Some(Target::Identity { pool, identity })
        })
    }

    /// The position of a budget, which is added if it is new.
    fn budget(&mut self, budget: Budget) -> usize {
        let known = self.budgets.iter().position(|known| *known == budget);
        known.unwrap_or_else(|| {
            self.budgets.push(budget);
            self.budgets.len() - 1
        })
    }

    /// The polled jobs of a budget, and the seconds between two polls of each: one job of each
    /// operation about each of its subjects.
    fn jobs_and_intervals(&self, budget: usize) -> impl Iterator<Item = (usize, f64)> {
        self.pools.iter().map(move |pool| {
            let jobs = Operation::POLLED.map(|operation| match operation.scope() {
                _ if pool.budget_of(operation) != Some(budget) => 0,
                Scope::Identity => pool.identities.len(),
                Scope::Pool => 1,
            });
            (jobs.iter().sum(), pool.settings.interval.as_secs_f64())
        })
    }

    /// The number of polled jobs that draw on a budget.
    #[must_use]
    pub fn jobs(&self, budget: usize) -> usize {
        self.jobs_and_intervals(budget).map(|(jobs, _)| jobs).sum()
    }

    /// The calls per second that keep all intervals of a budget, one call for each job.
    #[must_use]
    pub fn calls_per_second(&self, budget: usize) -> f64 {
        self.jobs_and_intervals(budget)
            .map(|(jobs, interval)| jobs as f64 / interval)
            .sum()
    }

    /// A number that is the same for the same pools with the same identities.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = SipHasher13::new();
        for pool in &self.pools {
            hasher.write(pool.id.as_str().as_bytes());
            hasher.write_usize(pool.identities.len());
            for id in pool.identities.ids() {
                hasher.write(id.as_str().as_bytes());
                hasher.write_u8(b'\n');
            }
        }
        hasher.finish()
    }

    /// The number of identities in all pools.
    #[must_use]
    pub fn identities(&self) -> usize {
        self.pools.iter().map(|pool| pool.identities.len()).sum()
    }

    /// Whether there is an identity to poll, or a pool in which some may be discovered.
    #[must_use]
    pub fn expects_identities(&self) -> bool {
        let mut pools = self.pools.iter();
        pools.any(|pool| !pool.identities.is_empty() || pool.settings.discover.is_some())
    }

    /// The pool that a target is or belongs to.
    #[must_use]
    pub fn pool(&self, target: Target) -> &Pool {
        &self[target.pool()]
    }

    /// The id of a target's identity; `None` for a pool itself.
    #[must_use]
    pub fn identity(&self, target: Target) -> Option<IdentityId<'_>> {
        match target {
            Target::Identity { identity, .. } => Some(self.pool(target).identities.id(identity)),
            Target::Pool { .. } => None,
        }
    }
}

/// The identities of a pool, with warnings about what is odd in its lists.
fn identities(
    id: &PoolId,
    pool: &PoolConfig,
    config: &Config,
    listings: &[Listing],
) -> Checked<Identities> {
    let found = |message: String| Problem::key(&config.file, &pool.key, message);
    let lists: Vec<_> = listings.iter().filter_map(Listing::list).collect();
    let is_complete = lists.len() == listings.len();
    let identities = match Identities::merge(id.region(), &lists) {
        Ok(identities) => identities,
        Err(error) => {
            let mut checked = Checked::good(Identities::default());
            checked.problems.push(found(error.to_string()));
            return checked;
        }
    };
    let mut checked = Checked::good(identities);
    let oddities = |of: fn(&IdentityList) -> &Oddities| {
        let all = lists.iter().map(|list| of(list));
        let first = all.clone().find_map(|oddities| oddities.first.clone());
        first.map(|first| (first, all.map(|oddities| oddities.count).sum::<usize>()))
    };
    for (found, what) in [
        (
            oddities(IdentityList::canonicalized),
            "has upper-case hex, which Cognito Sync does not take; lowered",
        ),
        (
            oddities(IdentityList::without_guid),
            "has no GUID (8-4-4-4-12 hex digits) behind the colon, as if cut off: copy the whole \
             id, which `cognitosync_exporter list-identities POOL_ID` prints",
        ),
    ] {
        if let Some((first, count)) = found {
            let others = format!(" ({count} identities of the pool are so)");
            let message = what.to_owned() + if count > 1 { &others } else { "" };
            checked.warnings.push(Problem { message, ..first });
        }
    }
    let entries: usize = lists.iter().map(|list| list.len()).sum();
    let of_people: Vec<_> = listings.iter().filter_map(Listing::of_people).collect();
    let repeated = if of_people.len() == lists.len() {
        entries - checked.value.len()
    } else {
        identities::repeated(&of_people)
    };
    if repeated > 0 {
        checked.warnings.push(found(format!(
            "{repeated} of its identities are listed once more than needed; each is polled once"
        )));
    }
    if is_complete && entries == 0 {
        checked.warnings.push(found(
            "has no identity, so that only the pool itself is polled".to_owned(),
        ));
    }
    checked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use std::path::Path;
    use std::sync::Arc;

    pub(super) fn warnings(poll: &str) -> Vec<String> {
        let text = format!(
            "poll: {{{poll}}}\npools:\n\
             - {{id: 'r:0', identities: ['r:1', 'r:2', 'r:3']}}\n\
             - {{id: 'r:1', identities: ['r:1']}}"
        );
        let loaded = crate::loading::parse(Path::new("file"), &text).unwrap();
        let warnings = loaded.warnings.iter().map(ToString::to_string);
        warnings
            .filter(|warning| warning.contains("poll."))
            .collect()
    }

    #[test]
    fn an_interval_that_the_budget_cannot_keep_is_reported_with_the_remedy() {
        assert_eq!(warnings("interval: 4s, rate_limit: 1.5"), [] as [&str; 0]);
        assert_eq!(
            warnings("interval: 3s, rate_limit: 1.5"),
            [
                "file:1:34: poll.rate_limit: is too low for budget r, which needs 2.000 calls per \
                 second to keep its intervals: raise it to 2, or make the intervals 1.4 times as \
                 long; until then the identities whose next change matters most come first"
            ]
        );
    }

    /// What is made of these lists of one pool: the number of identities, and the warnings but for
    /// that about GUIDs, which the ids here do not have.
    fn assembled(lists: Vec<Listing>) -> (usize, Vec<String>) {
        let config = config::parse(Path::new("file"), "pools: [{id: 'r:0'}]").unwrap();
        let targets = Targets::assemble(&config.value, &[lists]);
        let (targets, warnings) = targets.accept().unwrap();
        let warnings = warnings
            .iter()
            .map(ToString::to_string)
            .filter(|it| !it.contains("GUID"));
        (targets.identities(), warnings.collect())
    }

    fn listing(ids: &[&str], file: &str) -> Listing {
        let mut list = IdentityList::new(Some("r"));
        for id in ids {
            list.add(id, None, || Problem::whole(Path::new(file), ""))
                .unwrap();
        }
        Listing::Complete(Arc::new(list))
    }

    #[test]
    fn all_lists_count_together() {
        let lists = vec![
            listing(&["r:a"], "one"),
            listing(&["r:AB", "r:ab"], "two"),
            listing(&["r:A", "r:b"], "three"),
        ];
        let (identities, warnings) = assembled(lists);
        assert_eq!(identities, 3);
        assert_eq!(
            warnings,
            [
                "two: has upper-case hex, which Cognito Sync does not take; lowered (2 identities of \
                 the pool are so)",
                "file: pools[0]: 2 of its identities are listed once more than needed; each is \
                 polled once",
            ]
        );
    }

    #[test]
    fn an_id_that_is_cut_off_is_reported() {
        let config = config::parse(Path::new("file"), "pools: [{id: 'r:0'}]").unwrap();
        let whole = "r:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10";
        let lists = vec![listing(&[whole], "one"), listing(&[&whole[..20]], "two")];
        let (targets, warnings) = Targets::assemble(&config.value, &[lists]).accept().unwrap();
        assert_eq!(targets.identities(), 2);
        let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            warnings,
            [
                "two: has no GUID (8-4-4-4-12 hex digits) behind the colon, as if cut off: copy the \
                 whole id, which `cognitosync_exporter list-identities POOL_ID` prints"
            ]
        );
    }

    #[test]
    fn a_list_that_is_not_complete_yet_is_left_out_without_a_warning() {
        let pending = || Listing::Pending;
        assert_eq!(assembled(vec![pending(), pending()]), (0, Vec::new()));
        let partly = vec![listing(&["r:a"], ""), pending()];
        assert_eq!(assembled(partly), (1, Vec::new()));
        let Listing::Complete(found) = listing(&["r:a", "r:b"], "") else {
            unreachable!()
        };
        let found = || Listing::Discovered(Arc::clone(&found));
        assert_eq!(
            assembled(vec![listing(&["r:a"], ""), found()]),
            (2, Vec::new()),
            "who is listed and discovered is no mistake"
        );
        let (_, warnings) = assembled(vec![listing(&["r:a", "r:a"], ""), found()]);
        assert!(warnings[0].contains("1 of its identities are listed once more"));
        let (_, warnings) = assembled(vec![listing(&[], "")]);
        assert_eq!(
            warnings,
            ["file: pools[0]: has no identity, so that only the pool itself is polled"]
        );
    }
}
