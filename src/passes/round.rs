//! The passes of one budget.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, info, warn};

use super::{CallObserver, DiscoveredPool, PassProgress, PassStanding};
use crate::api::{CallError, Failure, FailureClass, Page};
use crate::clock::{Clock, Mono};
use crate::discovery::Catalog;
use crate::identity::{IdentityId, PoolId, canonicalize};
use crate::listing::{Lister, PageError};
use crate::progress::BudgetProgress;

/// Calls for a page that may fail in a row before it waits for longer.
const ATTEMPTS: u32 = 3;
/// How long a page waits after its calls have failed; after each time twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const MAX_WAIT: Duration = Duration::from_secs(300);
/// The same where AWS denies the list, or knows no such pool.
const MAX_REFUSED_WAIT: Duration = Duration::from_secs(3_600);
/// How often a pass begins anew at once because AWS refuses a token; after that it waits.
const MAX_RESTARTS: u32 = 3;
/// News are announced this often at most: to read lists anew takes time in proportion to all
/// identities, a second for a million of them.
const MIN_ANNOUNCE: Duration = Duration::from_secs(2);
const MAX_ANNOUNCE: Duration = Duration::from_secs(60);
const ANNOUNCE_PER_IDENTITY: Duration = Duration::from_micros(60);

/// The passes over the pools of one budget, one page at a time.
pub(super) struct Round {
    budget: BudgetProgress,
    lister: Lister,
    passes: Vec<Pass>,
    clock: Clock,
    /// When news are announced next, if there are some.
    announce_at: Option<Mono>,
    announced_at: Mono,
}

/// How far one pool has come.
struct Pass {
    pool: DiscoveredPool,
    /// When the present pass began: by the clock that never jumps, and in seconds since 1970.
    began: Option<(Mono, f64)>,
    /// The identities that it has listed.
    listed: usize,
    /// Of its next page; `None` for the first.
    token: Option<String>,
    next_at: Mono,
    /// How often this pass began anew.
    restarts: u32,
    /// Failures since the last page.
    failures: u32,
    /// Why the last of them failed, which was logged.
    failure: Option<Failure>,
}

/// What is done next.
enum Step {
    Announce,
    /// The next page of the pass at this position.
    Page(usize),
}

impl Round {
    /// A round of pools that share a budget, of which there is at least one. Passes that `before`
    /// has begun go on.
    pub(super) fn new(
        pools: Vec<DiscoveredPool>,
        before: Option<Self>,
        catalog: &Catalog,
        observer: &CallObserver,
        clock: &Clock,
    ) -> Self {
        let first = &pools[0];
        let rate_limits = pools.iter().map(|pool| pool.rate_limit);
        let rate_limit = rate_limits.fold(f64::INFINITY, f64::min);
        let mut round = before.unwrap_or_else(|| {
            let directory = Arc::clone(&first.directory);
            let observer = Arc::clone(observer);
            let observer = Box::new(move |took, failure| observer(took, failure));
            Self {
                budget: BudgetProgress {
                    label: first.budget.clone(),
                    identities: 0,
                    limit: rate_limit,
                    rate: rate_limit,
                    credentials_good: true,
                },
                lister: Lister::new(directory, rate_limit, ATTEMPTS, observer, clock.clone()),
                passes: Vec::new(),
                clock: clock.clone(),
                announce_at: None,
                announced_at: Mono::START,
            }
        });
        round.lister.set_rate_limit(rate_limit);
        round.budget.limit = rate_limit;
        round.budget.rate = round.lister.rate();
        let mut old = std::mem::take(&mut round.passes);
        let pass = |pool: DiscoveredPool| {
            let known = old.iter().position(|pass| pass.pool.id == pool.id);
            match known {
                Some(index) => old.swap_remove(index).with(pool, clock),
                None => Pass::new(pool, catalog, clock),
            }
        };
        round.passes = pools.into_iter().map(pass).collect();
        round
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
            let Some((at, step)) = self.next() else {
                return pending().await;
            };
            self.clock.sleep_until(at).await;
            match step {
                Step::Announce => {
                    catalog.announce();
                    (self.announce_at, self.announced_at) = (None, self.clock.now().mono);
                }
                Step::Page(index) => {
                    self.page(index, catalog).await;
                    self.budget.rate = self.lister.rate();
                    let pass = &self.passes[index];
                    progress.set_pool(self.budget(), &pass.pool.id, pass.standing());
                }
            }
        }
    }

    fn next(&self) -> Option<(Mono, Step)> {
        let passes = self.passes.iter().enumerate();
        let page = passes.map(|(index, pass)| (pass.next_at, index)).min();
        let ready_at = self.lister.ready_at();
        let page = page.map(|(at, index)| (at.max(ready_at), Step::Page(index)));
        let announce = self.announce_at.map(|at| (at, Step::Announce));
        announce.into_iter().chain(page).min_by_key(|(at, _)| *at)
    }

    /// Asks for the next page of a pass.
    async fn page(&mut self, index: usize, catalog: &Catalog) {
        let pass = &mut self.passes[index];
        let pool = pass.pool.id.clone();
        let now = self.clock.now();
        pass.began.get_or_insert((now.mono, now.unix));
        self.lister.set_directory(Arc::clone(&pass.pool.directory));
        let page = self.lister.identities(&pool, false, pass.token.as_deref());
        let page = page.await.and_then(|page| {
            add(&page, &pool, catalog)
                .map(|added| (page, added))
                .map_err(|failure| PageError::Failed(failure.into()))
        });
        let now = self.clock.now();
        match page {
            Ok((page, added)) => {
                self.budget.credentials_good = true;
                let is_end = page.next.is_none();
                let dropped = match pass.on_page(page, now.mono) {
                    Some(began) => catalog.end_pass(&pool, began, now.unix),
                    None => 0,
                };
                let known = catalog.of_pool(&pool).map_or(0, |(known, _)| known);
                if is_end {
                    info!(%pool, identities = known, dropped, "a pass has listed all identities");
                }
                // The end of a pass is news too: it tells who was not listed.
                if added > 0 || is_end {
                    self.has_news(known, now.mono);
                }
            }
            Err(PageError::TokenRefused) if pass.restarts < MAX_RESTARTS => {
                debug!(%pool, "the token of a page is refused; the pass begins anew");
                pass.restarts += 1;
                pass.begin_anew();
            }
            Err(PageError::TokenRefused) => {
                pass.begin_anew();
                pass.on_failed(&Failure::InvalidParameter.into(), now.mono);
            }
            Err(PageError::Failed(error)) => {
                let class = error.failure.class();
                self.budget.credentials_good = class != FailureClass::Budget;
                pass.on_failed(&error, now.mono);
            }
        }
    }

    /// Lists are to be read anew, of which the longest has so many identities.
    fn has_news(&mut self, known: usize, now: Mono) {
        let apart = ANNOUNCE_PER_IDENTITY.saturating_mul(u32::try_from(known).unwrap_or(u32::MAX));
        let apart = apart.clamp(MIN_ANNOUNCE, MAX_ANNOUNCE);
        let at = (self.announced_at + apart).max(now);
        self.announce_at.get_or_insert(at);
    }
}

/// Adds the identities of a page, all or none. Returns how many are new.
fn add(page: &Page<String>, pool: &PoolId, catalog: &Catalog) -> Result<usize, Failure> {
    let ids: Vec<_> = page.items.iter().map(|id| canonicalize(id)).collect();
    let ids: Result<Vec<_>, _> = ids.iter().map(|id| IdentityId::parse(id)).collect();
    let ids = ids.map_err(|_| Failure::Malformed)?;
    if ids.iter().any(|id| id.region() != pool.region()) {
        return Err(Failure::Malformed);
    }
    Ok(catalog.add_page(pool, ids.into_iter()))
}

impl Pass {
    /// The passes of a pool go on an interval after the last one began.
    fn new(pool: DiscoveredPool, catalog: &Catalog, clock: &Clock) -> Self {
        let now = clock.now();
        let last = catalog
            .of_pool(&pool.id)
            .and_then(|(_, passes)| passes.last);
        let since = last.map_or(f64::INFINITY, |last| (now.unix - last.began).max(0.0));
        let left = (pool.interval.as_secs_f64() - since).max(0.0);
        Self {
            next_at: now.mono + Duration::from_secs_f64(left),
            pool,
            began: None,
            listed: 0,
            token: None,
            restarts: 0,
            failures: 0,
            failure: None,
        }
    }

    /// The same pool with other settings. What failed may work now.
    fn with(self, pool: DiscoveredPool, clock: &Clock) -> Self {
        let next_at = if self.failures > 0 {
            clock.now().mono
        } else {
            self.next_at.min(clock.now().mono + pool.interval)
        };
        Self {
            next_at,
            pool,
            ..self
        }
    }

    fn standing(&self) -> PassStanding {
        PassStanding {
            interval: self.pool.interval,
            began: self.began.map(|(_, unix)| unix),
            listed: self.listed,
            next_at: self.next_at,
            failure: self.failure,
        }
    }

    /// From the first page, since the token of the next one is refused.
    fn begin_anew(&mut self) {
        (self.token, self.listed) = (None, 0);
    }

    /// A page was listed. Returns when the pass began if it is complete, in seconds since 1970.
    fn on_page(&mut self, page: Page<String>, now: Mono) -> Option<f64> {
        (self.failures, self.failure) = (0, None);
        self.listed += page.items.len();
        self.token = page.next;
        self.next_at = now;
        if self.token.is_some() {
            return None;
        }
        (self.restarts, self.listed) = (0, 0);
        let (began, unix) = self.began.take()?;
        self.next_at = now.max(began + self.pool.interval);
        Some(unix)
    }

    fn on_failed(&mut self, error: &CallError, now: Mono) {
        let is_refused = error.failure.class() == FailureClass::Permanent;
        let max = if is_refused {
            MAX_REFUSED_WAIT
        } else {
            MAX_WAIT
        };
        let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures += 1;
        self.next_at = now + wait.min(max);
        if self.failure.replace(error.failure) != Some(error.failure) {
            let (reason, cause) = (error.failure.as_str(), &error.cause);
            warn!(
                pool = %self.pool.id,
                reason,
                cause,
                action = "cognito-identity:ListIdentities",
                "identities cannot be listed; those that are known are polled, and the pass goes \
                 on as soon as it can"
            );
        }
    }
}
