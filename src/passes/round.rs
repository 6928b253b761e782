//! The passes of one budget.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::spawn_blocking;
use tracing::{debug, info, warn};

use super::pass::{Pass, Then};
use super::{CallObserver, DiscoveredPool, PassProgress, PassStanding};
use crate::api::{CallError, Failure, FailureClass, Page, Trouble};
use crate::clock::{Clock, Mono};
use crate::discovery::{Catalog, PageAdded, PassEnd};
use crate::identity::{IdentityId, PoolId, canonicalize};
use crate::listing::{Lister, PageError};
use crate::progress::BudgetProgress;
use crate::recent_calls::RecentCalls;
use crate::schedule::Pacer;
use crate::troubles::Troubles;

/// Calls for a page that may fail in a row before it waits for longer.
const ATTEMPTS: u32 = 3;

/// The passes over the pools of one budget, one page at a time.
pub(super) struct Round {
    budget: BudgetProgress,
    /// Of the budget.
    troubles: Arc<Mutex<Troubles>>,
    lister: Lister,
    passes: Vec<Pass>,
    clock: Clock,
}

impl Round {
    /// A round of pools that share a budget, of which there is at least one. Passes that `before`
    /// has begun go on.
    pub(super) fn new(
        pools: Vec<DiscoveredPool>,
        before: Option<Self>,
        catalog: &Catalog,
        observer: &CallObserver,
        progress: &Arc<PassProgress>,
        clock: &Clock,
    ) -> Self {
        let first = &pools[0];
        let rate_limits = pools.iter().map(|pool| pool.rate_limit);
        let rate_limit = rate_limits.fold(f64::INFINITY, f64::min);
        let mut round = before.unwrap_or_else(|| {
            let directory = Arc::clone(&first.directory);
            let observer = Arc::clone(observer);
            let label = first.budget.clone();
            let troubles = Arc::new(Mutex::new(Troubles::default()));
            let (noted, progress) = (Arc::clone(&troubles), Arc::clone(progress));
            let hear =
                move |took, error: Option<&CallError>, pacer: &Pacer, calls: &RecentCalls| {
                    let failure = error.map(|error| error.failure);
                    observer(took, failure);
                    let (class, rate) = (failure.map(Failure::class), pacer.rate());
                    let mut troubles = locked(&noted);
                    troubles.on_rate(&label, class, rate, pacer.ceiling());
                    progress.on_call(&label, rate, troubles.is_throttled(), *calls);
                };
            let (label, ceiling) = (first.budget.clone(), rate_limit);
            let lister = Lister::new(directory, ceiling, ATTEMPTS, Box::new(hear), clock.clone());
            Self {
                troubles,
                budget: BudgetProgress::new(label, 0, ceiling, lister.recent_calls()),
                lister,
                passes: Vec::new(),
                clock: clock.clone(),
            }
        });
        round.lister.set_rate_limit(rate_limit);
        round.budget.limit = rate_limit;
        round.measure();
        let (mut old, now) = (std::mem::take(&mut round.passes), clock.now());
        let pass = |pool: DiscoveredPool| {
            let known = old.iter().position(|pass| pass.pool.id == pool.id);
            let passes = catalog.of_pool(&pool.id).unwrap_or_default().1;
            match known {
                Some(index) => old.swap_remove(index).with(pool, now.mono),
                None => Pass::new(pool, passes, now),
            }
        };
        round.passes = pools.into_iter().map(pass).collect();
        round
    }

    /// Takes over what is measured of the calls.
    fn measure(&mut self) {
        self.budget.rate = self.lister.rate();
        self.budget.calls = self.lister.recent_calls();
    }

    /// The present state of the budget.
    pub(super) fn budget(&self) -> BudgetProgress {
        self.budget.clone()
    }

    /// How far the passes of each pool are.
    pub(super) fn standings(&self) -> impl Iterator<Item = (PoolId, PassStanding)> {
        let passes = self.passes.iter();
        passes.map(|pass| (pass.pool.id.clone(), pass.standing()))
    }

    /// Makes passes for ever. It can be dropped, and run again.
    pub(super) async fn run(&mut self, catalog: &Catalog, progress: &PassProgress) {
        loop {
            let (at, index) = self.next();
            self.clock.sleep_until(at).await;
            self.page(index, catalog).await;
            self.measure();
            self.budget.set_troubles(&locked(&self.troubles));
            let pass = &self.passes[index];
            progress.set_pool(self.budget(), &pass.pool.id, pass.standing());
        }
    }

    /// The pass that has waited longest for its next page, and when that may be asked for.
    fn next(&self) -> (Mono, usize) {
        let passes = self.passes.iter().enumerate();
        let next = passes.map(|(index, pass)| (pass.next_at, index)).min();
        let (at, index) = next.expect("a round has a pool");
        (at.max(self.lister.ready_at()), index)
    }

    /// AWS has answered, and so accepted the credentials.
    fn accepted(&self, now: Mono) {
        let (budget, mut troubles) = (&self.budget.label, locked(&self.troubles));
        troubles.on_accepted(budget);
        troubles.on_connection(budget, None, 1, now);
    }

    /// Asks for the next page of a pass.
    async fn page(&mut self, index: usize, catalog: &Catalog) {
        let pass = &mut self.passes[index];
        let pool = pass.pool.id.clone();
        let token = pass.begin_page(self.clock.now());
        if token.is_none() {
            catalog.begin_pass(&pool);
        }
        self.lister.set_directory(Arc::clone(&pass.pool.directory));
        let page = self.lister.identities(&pool, false, token.as_deref()).await;
        let now = self.clock.now();
        let failed = match page {
            Ok(page) => {
                self.accepted(now.mono);
                let pass = &mut self.passes[index];
                let added = add(&page, &pool, catalog);
                if added.new > 0 {
                    catalog.announce();
                }
                match pass.on_page(added.listed, page.next, now.mono) {
                    Ok(Then::NextPage) => return,
                    Ok(Then::End(began)) => {
                        return end(catalog, pool, began, now.unix).await;
                    }
                    Err(error) => error,
                }
            }
            Err(PageError::TokenRefused) => {
                if pass.on_token_refused(now.mono) {
                    debug!(%pool, "AWS refuses the token of a page; the pass starts again at the first page");
                    return;
                }
                let cause = "the tokens of its pages are refused again and again";
                CallError::new(Failure::InvalidParameter, cause.to_owned())
            }
            Err(PageError::Failed(error)) => {
                let (budget, mut troubles) = (&self.budget.label, locked(&self.troubles));
                match error.failure.class() {
                    FailureClass::Budget => {
                        troubles.on_refused(budget, &error, now.mono);
                    }
                    class @ FailureClass::NoAnswer => {
                        let failed = Some((&error, class));
                        troubles.on_connection(budget, failed, ATTEMPTS, now.mono);
                    }
                    FailureClass::Permanent | FailureClass::Throttled | FailureClass::Transient => {
                        drop(troubles);
                        self.accepted(now.mono);
                    }
                }
                error
            }
        };
        let is_explained = locked(&self.troubles).explain(failed.failure.class());
        if self.passes[index].on_failed(&failed, now.mono) && !is_explained {
            let reason = failed.failure.as_str();
            let Trouble {
                kind,
                cause,
                remedy,
            } = failed.trouble();
            warn!(
                %pool,
                reason,
                kind,
                cause,
                remedy,
                action = "cognito-identity:ListIdentities",
                "identities cannot be listed; known ones are still polled, and the list is tried again"
            );
        }
    }
}

fn locked(troubles: &Mutex<Troubles>) -> MutexGuard<'_, Troubles> {
    // What it holds is whole after a panic too.
    troubles.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A pass is complete.
async fn end(catalog: &Catalog, pool: PoolId, began: f64, ended: f64) {
    let (ending, of) = (catalog.clone(), pool.clone());
    let is_first = catalog
        .of_pool(&pool)
        .is_some_and(|(_, passes)| passes.complete == 0);
    // It takes time where there are a million. A panic in it was logged.
    let end = spawn_blocking(move || ending.end_pass(&of, began, ended)).await;
    let Ok(PassEnd {
        listed,
        dropped,
        is_news,
    }) = end
    else {
        return;
    };
    info!(%pool, listed, dropped, "all identities of the pool listed");
    if is_news || is_first {
        catalog.announce();
    }
}

/// Adds the identities of a page. Ids that cannot be of this pool are ignored, and logged.
fn add(page: &Page<String>, pool: &PoolId, catalog: &Catalog) -> PageAdded {
    let ids: Vec<_> = page.items.iter().map(|id| canonicalize(id)).collect();
    let ids = ids.iter().filter_map(|id| IdentityId::parse(id).ok());
    let ids: Vec<_> = ids.filter(|id| id.region() == pool.region()).collect();
    let ignored = page.items.len() - ids.len();
    if ignored > 0 {
        warn!(%pool, ignored, "ListIdentities returned ids that cannot be of this pool");
    }
    catalog.add_page(pool, ids.into_iter())
}
