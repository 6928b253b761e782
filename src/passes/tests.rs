use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

use super::*;
use crate::api::{CallError, ListedPool, Page, PageCall};
use crate::clock::Mono;
use crate::config::{self, PoolConfig};
use crate::discovery::{Discovery, IdentityList, Listing, Provider};
use crate::recent_calls::CallCounts;

/// Identities by their numbers, three on a page, in the order of numbers.
#[derive(Default)]
struct World {
    pools: Mutex<BTreeMap<String, BTreeSet<u32>>>,
    /// What the next calls fail with, and those that were made: of which pool, at which token.
    failures: Mutex<Vec<Failure>>,
    /// What all calls at this token fail with.
    failing: Mutex<Option<(String, Failure)>>,
    /// What stands beside the identities on each page.
    odd: Mutex<Vec<String>>,
    /// Whether the last page leads back to the first token.
    is_circle: std::sync::atomic::AtomicBool,
    calls: Mutex<Vec<(String, Option<String>)>>,
}

const OF_PAGE: usize = 3;

impl Directory for World {
    fn identities<'a>(
        &'a self,
        pool: &'a PoolId,
        include_disabled: bool,
        token: Option<&'a str>,
    ) -> PageCall<'a, String> {
        assert!(!include_disabled);
        let call = (pool.as_str().to_owned(), token.map(str::to_owned));
        self.calls.lock().unwrap().push(call);
        let at_token = self.failing.lock().unwrap().clone();
        let at_token = at_token.filter(|(at, _)| Some(&**at) == token);
        let next_failure = self.failures.lock().unwrap().pop();
        let failure = next_failure.or(at_token.map(|(_, failure)| failure));
        let after = token.map_or(-1, |token| token.parse::<i64>().unwrap());
        let pools = self.pools.lock().unwrap();
        let all = pools[pool.as_str()].iter().copied();
        let mut rest = all.filter(|number| i64::from(*number) > after).peekable();
        let page: Vec<_> = rest.by_ref().take(OF_PAGE).collect();
        let next = rest.peek().and(page.last()).map(u32::to_string);
        let is_circle = self.is_circle.load(std::sync::atomic::Ordering::Relaxed);
        let next = next.or(is_circle.then(|| "2".to_owned()));
        let ids = page.iter().map(|number| format!("r:{number:x}"));
        let items = ids.chain(self.odd.lock().unwrap().clone()).collect();
        Box::pin(async move {
            match failure {
                Some(failure) => Err(CallError::from(failure)),
                None => Ok(Page { items, next }),
            }
        })
    }

    fn pools<'a>(&'a self, _: Option<&'a str>) -> PageCall<'a, ListedPool> {
        unreachable!("passes are over pools that are known")
    }
}

/// Passes over a world's pools, in paused time.
struct Running {
    world: Arc<World>,
    catalog: Catalog,
    progress: Arc<PassProgress>,
    pools: watch::Sender<Vec<DiscoveredPool>>,
    news: watch::Receiver<()>,
    failed: Arc<Mutex<Vec<Failure>>>,
    stop: CancellationToken,
    task: tokio::task::JoinSet<()>,
    clock: Clock,
}

const HOUR: Duration = Duration::from_secs(3_600);

impl Running {
    fn new(pools: &[(&str, u32)]) -> Self {
        let world = World::default();
        for (pool, identities) in pools {
            let identities = (0..*identities).collect();
            let mut all = world.pools.lock().unwrap();
            all.insert((*pool).to_owned(), identities);
        }
        let discovery = Discovery::default();
        let catalog = Catalog::new(discovery.notifier());
        let mut running = Self {
            world: Arc::new(world),
            progress: Arc::default(),
            pools: watch::channel(Vec::new()).0,
            news: discovery.changes(),
            failed: Arc::default(),
            stop: CancellationToken::new(),
            task: tokio::task::JoinSet::new(),
            clock: Clock::anchored(1_000.0),
            catalog,
        };
        let failed = Arc::clone(&running.failed);
        let passes = Passes {
            catalog: running.catalog.clone(),
            progress: Arc::clone(&running.progress),
            pools: running.pools.subscribe(),
            observer: Arc::new(move |_, failure| failed.lock().unwrap().extend(failure)),
            clock: running.clock.clone(),
        };
        running.task.spawn(passes.run(running.stop.clone()));
        running.discover(pools.iter().map(|(pool, _)| *pool));
        running
    }

    fn discover<'a>(&self, pools: impl Iterator<Item = &'a str>) {
        let pool = |pool: &str| DiscoveredPool {
            id: PoolId::parse(pool).unwrap(),
            interval: HOUR,
            budget: "r cognito-identity".to_owned(),
            rate_limit: 1.0,
            directory: Arc::clone(&self.world) as Arc<dyn Directory>,
        };
        self.pools.send_replace(pools.map(pool).collect());
    }

    /// What is measured of the one budget.
    fn recent(&self) -> CallCounts {
        let budget = self.progress.budgets().remove(0);
        budget.calls.counts(self.clock.now().mono)
    }

    fn known(&self, pool: &str) -> usize {
        let text = format!("pools: [{{id: '{pool}', series: each, discover: {{}}}}]");
        let config = config::parse(Path::new("file"), &text).unwrap();
        let pool: PoolConfig = config.accept().unwrap().0.pools.remove(0);
        let listing = self.catalog.list(Path::new("file"), &pool).value;
        Listing::list(&listing).map_or(0, IdentityList::len)
    }

    fn complete(&self, pool: &str) -> u64 {
        let pool = PoolId::parse(pool).unwrap();
        self.catalog
            .of_pool(&pool)
            .map_or(0, |(_, passes)| passes.complete)
    }

    fn standing(&self, pool: &str) -> PassStanding {
        let pool = PoolId::parse(pool).unwrap();
        self.progress.standing(&pool).unwrap()
    }

    fn calls(&self) -> Vec<(String, Option<String>)> {
        std::mem::take(&mut self.world.calls.lock().unwrap())
    }
}

async fn after(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn pages_come_under_the_ceiling_and_are_known_at_once() {
    let mut running = Running::new(&[("r:0", 10)]);
    after(1.5).await;
    assert_eq!(running.known("r:0"), 6);
    assert_eq!(running.complete("r:0"), 0);
    let standing = running.standing("r:0");
    assert_eq!((standing.began, standing.listed), (Some(1_000.0), 6));
    after(1.0).await;
    assert!(running.news.has_changed().unwrap());
    running.news.mark_unchanged();
    after(2.0).await;
    assert_eq!((running.known("r:0"), running.complete("r:0")), (10, 1));
    assert_eq!(running.calls().len(), 4);
    after(3.0).await;
    assert!(
        running.news.has_changed().unwrap(),
        "the end of a pass is news"
    );
    after(3_580.0).await;
    assert!(
        running.calls().is_empty(),
        "the next pass is due in an hour"
    );
    let standing = running.standing("r:0");
    let due = Mono::START + HOUR;
    assert_eq!((standing.began, standing.next_at), (None, due));
    after(30.0).await;
    assert_eq!((running.calls().len(), running.complete("r:0")), (4, 2));
    assert!(running.failed.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_goes_leaves_after_two_passes_and_who_comes_is_known_in_the_next() {
    let running = Running::new(&[("r:0", 10)]);
    after(10.0).await;
    {
        let mut pools = running.world.pools.lock().unwrap();
        let pool = pools.get_mut("r:0").unwrap();
        pool.retain(|number| *number >= 5);
        pool.extend(20..25);
    }
    after(3_600.0).await;
    assert_eq!((running.known("r:0"), running.complete("r:0")), (15, 2));
    after(3_600.0).await;
    assert_eq!((running.known("r:0"), running.complete("r:0")), (10, 3));
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_is_cut_off_drops_nobody_and_goes_on_from_its_token() {
    let running = Running::new(&[("r:0", 10)]);
    after(10.0).await;
    running.calls();
    after(3_590.5).await;
    assert_eq!(
        running.calls().len(),
        1,
        "the first page of the second pass"
    );
    *running.world.failures.lock().unwrap() = vec![Failure::Timeout; 8];
    after(20.0).await;
    assert_eq!((running.known("r:0"), running.complete("r:0")), (10, 1));
    assert_eq!(running.standing("r:0").failure, Some(Failure::Timeout));
    after(120.0).await;
    assert_eq!(running.complete("r:0"), 2);
    assert_eq!(running.standing("r:0").failure, None);
    assert_eq!(running.failed.lock().unwrap().len(), 8);
    let calls = running.calls();
    assert!(calls.iter().all(|(_, token)| token.is_some()), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_begins_the_pass_anew() {
    let running = Running::new(&[("r:0", 10)]);
    after(0.5).await;
    *running.world.failures.lock().unwrap() = vec![Failure::InvalidParameter];
    after(10.0).await;
    let tokens: Vec<_> = running
        .calls()
        .into_iter()
        .map(|(_, token)| token)
        .collect();
    assert_eq!(tokens[..3], [None, Some("2".to_owned()), None]);
    assert_eq!((running.known("r:0"), running.complete("r:0")), (10, 1));
}

/// One that AWS denies does not keep the other from its calls.
#[tokio::test(start_paused = true)]
async fn pools_of_a_budget_take_turns() {
    let running = Running::new(&[("r:0", 30), ("r:1", 30)]);
    after(9.5).await;
    let calls = running.calls();
    assert_eq!(calls.len(), 10, "a call a second, both together");
    let of_first = calls.iter().filter(|(pool, _)| pool == "r:0").count();
    assert!((4..=6).contains(&of_first), "{of_first}");
    running
        .world
        .failures
        .lock()
        .unwrap()
        .push(Failure::AccessDenied);
    after(15.0).await;
    let complete = ["r:0", "r:1"].map(|pool| running.complete(pool));
    assert_eq!(complete, [1, 1]);
    let budgets = running.progress.budgets();
    assert_eq!((budgets.len(), budgets[0].limit), (1, 1.0));
}

/// A reload neither begins a pass anew nor makes more calls; what is not discovered any more is
/// forgotten.
#[tokio::test(start_paused = true)]
async fn a_reload_goes_on_with_the_passes() {
    let running = Running::new(&[("r:0", 30), ("r:1", 30)]);
    after(4.5).await;
    running.discover(["r:0"].into_iter());
    after(6.0).await;
    let calls = running.calls();
    assert!((10..=11).contains(&calls.len()), "{} calls", calls.len());
    let first: Vec<_> = calls.iter().filter(|(pool, _)| pool == "r:0").collect();
    let tokens: BTreeSet<_> = first.iter().map(|(_, token)| token).collect();
    assert_eq!(tokens.len(), first.len(), "no page is asked for twice");
    assert_eq!(running.known("r:1"), 0);
    assert_eq!(running.recent().sent, calls.len() as u64);
}

/// Passes of another process count.
#[tokio::test(start_paused = true)]
async fn a_restart_waits_for_the_rest_of_the_interval() {
    let running = Running::new(&[]);
    let pool = PoolId::parse("r:0").unwrap();
    let ids = ["r:0"].map(|id| crate::identity::IdentityId::parse(id).unwrap());
    running.catalog.set_pools([pool.clone()].iter());
    running.catalog.add_page(&pool, ids.into_iter());
    // Without a yield, the task has not looked yet.
    running.catalog.end_pass(&pool, 400.0, 410.0);
    let world = &running.world;
    world
        .pools
        .lock()
        .unwrap()
        .insert("r:0".to_owned(), (0..3).collect());
    running.discover(["r:0"].into_iter());
    after(2_995.0).await;
    assert!(running.calls().is_empty());
    after(10.0).await;
    assert_eq!((running.calls().len(), running.complete("r:0")), (1, 2));
}

/// What fails for good at one token may not fail at another.
#[tokio::test(start_paused = true)]
async fn a_page_that_always_fails_does_not_end_all_passes() {
    let running = Running::new(&[("r:0", 10)]);
    let failing = ("2".to_owned(), Failure::ServiceError);
    *running.world.failing.lock().unwrap() = Some(failing);
    after(600.0).await;
    let firsts = running.calls();
    let firsts = firsts.iter().filter(|(_, token)| token.is_none()).count();
    assert!(firsts >= 3, "{firsts} passes were begun");
    assert_eq!(running.complete("r:0"), 0);
    *running.world.failing.lock().unwrap() = None;
    after(600.0).await;
    assert_eq!((running.known("r:0"), running.complete("r:0")), (10, 1));
}

/// Else all calls would be for the same pages, for ever.
#[tokio::test(start_paused = true)]
async fn a_token_that_is_always_refused_makes_passes_rare() {
    let running = Running::new(&[("r:0", 10)]);
    let failing = ("5".to_owned(), Failure::InvalidParameter);
    *running.world.failing.lock().unwrap() = Some(failing);
    after(3_600.0).await;
    let calls = running.calls().len();
    assert!((30..=100).contains(&calls), "{calls} calls in an hour");
    *running.world.failing.lock().unwrap() = None;
    after(600.0).await;
    assert!(running.complete("r:0") >= 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_identity_of_the_pool_is_passed_over() {
    let running = Running::new(&[("r:0", 10)]);
    *running.world.odd.lock().unwrap() = vec!["q:1".to_owned(), "nothing".to_owned()];
    after(10.0).await;
    assert_eq!((running.known("r:0"), running.complete("r:0")), (10, 1));
}

#[tokio::test(start_paused = true)]
async fn tokens_that_lead_in_a_circle_are_a_failure() {
    let running = Running::new(&[("r:0", 10)]);
    let world = &running.world;
    world
        .is_circle
        .store(true, std::sync::atomic::Ordering::Relaxed);
    after(600.0).await;
    let calls = running.calls();
    let firsts = calls.iter().filter(|(_, token)| token.is_none()).count();
    assert!(firsts >= 3, "{firsts} passes were begun");
    assert_eq!((running.known("r:0"), running.complete("r:0")), (10, 0));
    world
        .is_circle
        .store(false, std::sync::atomic::Ordering::Relaxed);
    after(900.0).await;
    assert!(running.complete("r:0") >= 1);
}

#[tokio::test(start_paused = true)]
async fn throttled_pages_show_in_the_budget_until_it_is_over() {
    let running = Running::new(&[("r:0", 1_000)]);
    *running.world.failures.lock().unwrap() = vec![Failure::Throttled; 6];
    after(0.1).await;
    let budget = || running.progress.budgets().remove(0);
    let until = async |throttled| {
        let look = async {
            while budget().is_throttled != throttled {
                after(0.1).await;
            }
        };
        tokio::time::timeout(HOUR, look).await.unwrap();
        budget().rate
    };
    assert!(until(true).await < 0.8);
    let CallCounts { sent, throttled } = running.recent();
    let failed = running.failed.lock().unwrap().len() as u64;
    assert!(
        sent >= throttled && throttled == failed,
        "{throttled} of {sent}"
    );
    assert!(until(false).await >= 0.8);
    assert_eq!(running.failed.lock().unwrap()[..], [Failure::Throttled; 6]);
}
