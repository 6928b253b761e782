//! Passes of `ListIdentities` over the pools that are discovered.
//!
//! AWS gives sixty identities a call, and each page hangs on the token of the one before. So each
//! budget of Cognito Identity has one `Round`, which asks for the next page of the pool that has
//! waited longest. What a page holds goes into the [`Catalog`] at once. A pass that is cut off goes
//! on from its token; where AWS refuses that, it starts again.

mod pass;
mod progress;
mod round;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use progress::{PassProgress, PassStanding};
use round::Round;

use crate::api::{Directory, Failure};
use crate::clock::Clock;
use crate::discovery::Catalog;
use crate::identity::PoolId;

/// A pool whose identities are discovered.
#[derive(Clone)]
pub struct DiscoveredPool {
    pub id: PoolId,
    /// Time from the start of one complete pass to that of the next.
    pub interval: Duration,
    /// The label of the budget of its calls.
    pub budget: String,
    /// Calls per second that the pool allows. The lowest of a budget is its ceiling.
    pub rate_limit: f64,
    /// What makes the calls.
    pub directory: Arc<dyn Directory>,
}

/// What hears of each call: how long it took, and why it failed if it did.
pub type CallObserver = Arc<dyn Fn(Duration, Option<Failure>) + Send + Sync>;

/// The task that makes the passes.
pub struct Passes {
    pub catalog: Catalog,
    pub progress: Arc<PassProgress>,
    /// The pools that are discovered now.
    pub pools: watch::Receiver<Vec<DiscoveredPool>>,
    pub observer: CallObserver,
    pub clock: Clock,
}

impl Passes {
    /// Makes passes until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut rounds = Vec::new();
        loop {
            let pools = self.pools.borrow_and_update().clone();
            self.catalog.set_pools(pools.iter().map(|pool| &pool.id));
            rounds = self.rounds(pools, rounds);
            let standings = rounds.iter().flat_map(Round::standings);
            self.progress
                .set(rounds.iter().map(Round::budget), standings);
            let (catalog, progress) = (&self.catalog, &self.progress);
            let rounds = rounds.iter_mut().map(|round| round.run(catalog, progress));
            tokio::select! {
                () = stop.cancelled() => return,
                changed = self.pools.changed() => if changed.is_err() { return },
                // None of them ends, and there may be none.
                () = async { drop(join_all(rounds).await); pending().await } => {}
            }
        }
    }

    /// A round for each budget of these pools. Passes that are under way go on.
    fn rounds(&self, pools: Vec<DiscoveredPool>, before: Vec<Round>) -> Vec<Round> {
        let mut before: Vec<_> = before.into_iter().map(Some).collect();
        let mut by_budget: Vec<Vec<DiscoveredPool>> = Vec::new();
        for pool in pools {
            let same = |group: &&mut Vec<DiscoveredPool>| group[0].budget == pool.budget;
            match by_budget.iter_mut().find(same) {
                Some(group) => group.push(pool),
                None => by_budget.push(vec![pool]),
            }
        }
        let round = |pools: Vec<DiscoveredPool>| {
            let is_its = |old: &&mut Option<Round>| {
                let old = old.as_ref().map(Round::budget);
                old.is_some_and(|old| old.label == pools[0].budget)
            };
            let old = before.iter_mut().find(is_its).and_then(Option::take);
            let (observer, progress) = (&self.observer, &self.progress);
            Round::new(pools, old, &self.catalog, observer, progress, &self.clock)
        };
        by_budget.into_iter().map(round).collect()
    }
}

#[cfg(test)]
mod tests;
