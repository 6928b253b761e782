use super::*;
use crate::api::{CallError, Failure, ListedPool, Page, PageCall};
use crate::clock::Mono;
use crate::identity::PoolId;
use std::fs;
use std::future::pending;
use std::sync::Mutex;
use tempfile::TempDir;

const OF_PAGE: usize = 60;

/// A pool of identities, whose tokens are positions in the list.
struct Pool {
    ids: Vec<String>,
    /// Whether the last page has no token, rather than that of the first one.
    ends: bool,
    /// Refuses the token of the call with this number, from 1.
    refuses: fn(usize) -> bool,
    /// Calls per second, with bursts of one second's worth.
    quota: f64,
    clock: Clock,
    calls: Mutex<Calls>,
}

#[derive(Default)]
struct Calls {
    number: usize,
    /// When each was made, and whether it was throttled.
    all: Vec<(Mono, bool)>,
    used: f64,
}

impl Pool {
    fn new(ids: usize, clock: &Clock) -> Self {
        Self {
            ids: (0..ids).map(|id| format!("r:{id:x}")).collect(),
            ends: true,
            refuses: |_| false,
            quota: 1e9,
            clock: clock.clone(),
            calls: Mutex::default(),
        }
    }

    fn answer(&self, token: Option<&str>) -> Result<Page<String>, CallError> {
        let now = self.clock.now().mono;
        let mut calls = self.calls.lock().unwrap();
        let last = calls.all.last().map_or(Mono::START, |(at, _)| *at);
        calls.used = (calls.used - now.since(last).as_secs_f64() * self.quota).max(0.0);
        let is_throttled = calls.used + 1.0 > self.quota.max(1.0);
        calls.all.push((now, is_throttled));
        if is_throttled {
            return Err(Failure::Throttled.into());
        }
        calls.used += 1.0;
        calls.number += 1;
        let start = match token {
            Some(_) if (self.refuses)(calls.number) => {
                return Err(Failure::InvalidParameter.into());
            }
            Some(token) => token.parse().unwrap(),
            None => 0,
        };
        let end = (start + OF_PAGE).min(self.ids.len());
        Ok(Page {
            items: self.ids[start..end].to_vec(),
            next: (end < self.ids.len() || !self.ends).then(|| (end % self.ids.len()).to_string()),
        })
    }
}

impl Directory for Pool {
    fn identities<'a>(
        &'a self,
        pool: &'a PoolId,
        include_disabled: bool,
        token: Option<&'a str>,
    ) -> PageCall<'a, String> {
        assert_eq!((pool.as_str(), include_disabled), ("r:0", false));
        Box::pin(async move {
            // An answer takes a while.
            let answered = self.clock.now().mono + Duration::from_millis(20);
            let answer = self.answer(token);
            self.clock.sleep_until(answered).await;
            answer
        })
    }

    fn pools<'a>(&'a self, _: Option<&'a str>) -> PageCall<'a, ListedPool> {
        unreachable!("only identities are listed")
    }
}

fn request(directory: &TempDir, rate_limit: f64) -> ListRequest {
    ListRequest {
        what: What::Identities {
            pool: PoolId::parse("r:0").unwrap(),
            include_disabled: false,
        },
        region: None,
        account: Account::default(),
        endpoint_url: None,
        rate_limit,
        output: Some(directory.path().join("ids")),
    }
}

/// A list that is made, in a directory of its own.
struct Run {
    directory: TempDir,
    listed: Result<(), ListError>,
    pool: Arc<Pool>,
    clock: Clock,
}

impl Run {
    async fn new(ids: usize, rate_limit: f64, change: impl FnOnce(&mut Pool)) -> Self {
        let clock = Clock::anchored(1e9);
        let mut pool = Pool::new(ids, &clock);
        change(&mut pool);
        let pool = Arc::new(pool);
        let directory = tempfile::tempdir().unwrap();
        let request = request(&directory, rate_limit);
        let listed = Arc::clone(&pool) as Arc<dyn Directory>;
        let listed = request.write(listed, "r", Shown::Logged, clock.clone());
        Self {
            listed: complete(listed, &clock, pending()).await,
            directory,
            pool,
            clock,
        }
    }

    /// Asserts that the file holds all identities once each, and says so.
    fn assert_whole(&self) {
        self.listed.as_ref().unwrap();
        let text = fs::read_to_string(self.directory.path().join("ids")).unwrap();
        let mut lines: Vec<_> = text.lines().collect();
        let count = self.pool.ids.len();
        assert!(text.ends_with('\n'));
        assert_eq!(
            lines.pop(),
            Some(&*format!("# complete: {count} identities"))
        );
        assert_eq!(lines, self.pool.ids);
    }

    /// Asserts that nothing is left, and returns why.
    fn failed(&self) -> &ListError {
        assert_eq!(fs::read_dir(self.directory.path()).unwrap().count(), 0);
        self.listed.as_ref().unwrap_err()
    }
}

#[tokio::test(start_paused = true)]
async fn all_pages_are_written_at_the_rate_limit() {
    for count in [0, 1, 60, 61, 6_000] {
        let run = Run::new(count, 2.0, |_| {}).await;
        run.assert_whole();
        let calls = run.pool.calls.lock().unwrap().all.len();
        assert_eq!(calls, count.div_ceil(OF_PAGE).max(1));
        let took = run.clock.now().mono.since(Mono::START).as_secs_f64();
        let least = (calls - 1) as f64 / 2.0;
        assert!((least - 0.1..least + 1.0).contains(&took), "{took} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pass_whose_token_is_refused_begins_anew_and_repeats_nobody() {
    let run = Run::new(600, 100.0, |pool| {
        pool.refuses = |call| call == 5 || call == 12;
    })
    .await;
    run.assert_whole();
    let calls = run.pool.calls.lock().unwrap().number;
    assert_eq!(calls, 5 + 7 + 10);
}

#[tokio::test(start_paused = true)]
async fn tokens_that_are_always_refused_end_it() {
    let run = Run::new(600, 100.0, |pool| pool.refuses = |call| call % 2 == 0).await;
    assert!(matches!(run.failed(), ListError::TokensRefused));
    assert_eq!(run.pool.calls.lock().unwrap().number, 8);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_identity_of_the_pool_ends_it() {
    for id in ["q:1", "secret", ""] {
        let run = Run::new(600, 100.0, |pool| pool.ids[500] = id.to_owned()).await;
        let error = run.failed().to_string();
        let expected = "the answer is not from Cognito Identity: an id ";
        assert!(
            error.starts_with(expected) && !error.contains("secret"),
            "{error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_quota_below_the_ceiling_costs_one_call_in_a_hundred() {
    for rate_limit in [5.5, 10.0, 100.0] {
        let run = Run::new(30_000, rate_limit, |pool| pool.quota = 5.0).await;
        run.assert_whole();
        let calls = run.pool.calls.lock().unwrap();
        let minute = Mono::START + Duration::from_secs(60);
        let later = || calls.all.iter().filter(|(at, _)| *at > minute);
        let throttled = later().filter(|(_, is_throttled)| *is_throttled).count();
        let part = throttled as f64 / later().count() as f64;
        assert!(part < 0.01, "{part} at {rate_limit}/s");
        assert!(calls.all.iter().any(|(_, is_throttled)| *is_throttled));
        let took = run.clock.now().mono.since(Mono::START).as_secs_f64();
        assert!(took < 500.0 / 5.0 * 1.25, "{took} s at {rate_limit}/s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_ends_however_low_the_quota_is() {
    let run = Run::new(600, 2.0, |pool| pool.quota = 0.02).await;
    run.assert_whole();
}

#[tokio::test(start_paused = true)]
async fn tokens_that_lead_round_in_a_circle_end_it() {
    let run = Run::new(600, 100.0, |pool| pool.ends = false).await;
    let error = run.failed();
    assert!(matches!(error, ListError::NoEnd(1_000)), "{error}");
    assert_eq!(run.pool.calls.lock().unwrap().number, 10 + 1_000);
}

/// A pass that begins anew may go over more pages than that before it brings anybody new.
#[tokio::test(start_paused = true)]
async fn a_long_pass_that_begins_anew_is_no_circle() {
    let run = Run::new(66_000, 100.0, |pool| pool.refuses = |call| call == 1_050).await;
    run.assert_whole();
    let calls = run.pool.calls.lock().unwrap().number;
    assert_eq!(calls, 1_050 + 1_100);
}

/// Time is not paused: `stop` looks all the time.
#[tokio::test]
async fn a_list_that_appears_is_not_said_to_be_incomplete() {
    let clock = Clock::anchored(1e9);
    let directory = tempfile::tempdir().unwrap();
    let request = request(&directory, 100.0);
    let pool = Arc::new(Pool::new(60, &clock));
    let list = request.write(pool, "r", Shown::Logged, clock.clone());
    let file = directory.path().join("ids");
    let stop = async {
        while !file.exists() {
            tokio::task::yield_now().await;
        }
        "SIGTERM"
    };
    let listed = complete(list, &clock, stop).await;
    assert!(listed.is_ok() && file.exists(), "{listed:?}");
}
