//! Asks for the pages of lists.

use std::sync::Arc;
use std::time::Duration;

use crate::api::{CallError, Directory, Failure, FailureClass, ListedPool, Page, PageCall, Signer};
use crate::clock::{Clock, Mono};
use crate::identity::{PoolId, hash};
use crate::recent_calls::RecentCalls;
use crate::schedule::{Pacer, Retry};

/// Throttled calls for a page are repeated for this long: a quota of one call in ten minutes is
/// none.
const MAX_THROTTLED: Duration = Duration::from_secs(600);

/// Hears what each call took, why it failed if it did, and of the rate and the calls of the last
/// minute by then.
pub type Observer = Box<dyn Fn(Duration, Option<&CallError>, &Pacer, &RecentCalls) + Send + Sync>;

/// Asks for pages, one at a time and under a ceiling. Calls that fail for now are repeated, with a
/// wait that grows.
pub struct Lister {
    directory: Arc<dyn Directory>,
    pacer: Pacer,
    calls: RecentCalls,
    /// Of failures in a row that are no throttling.
    retry: Retry,
    observer: Observer,
    clock: Clock,
    /// How many calls were answered.
    answered: u64,
}

/// Why there is no page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageError {
    /// AWS does not take the token, though the list may be there: a pass has to begin anew.
    TokenRefused,
    /// As far as asking again helps, that was done.
    Failed(CallError),
}

impl Lister {
    /// A lister that makes at most `rate_limit` calls per second, more than 0, and at most
    /// `attempts` in a row that fail, at least 1, without those that AWS throttles. `observer`
    /// hears of each call.
    #[must_use]
    pub fn new(
        directory: Arc<dyn Directory>,
        rate_limit: f64,
        attempts: u32,
        observer: Observer,
        clock: Clock,
    ) -> Self {
        Self {
            directory,
            pacer: Pacer::careful(rate_limit),
            calls: RecentCalls::new(clock.now().mono),
            retry: Retry::new(attempts),
            observer,
            clock,
            answered: 0,
        }
    }

    /// The page of a pool's identities at a token, the first one without. May take any time: it
    /// can be dropped.
    ///
    /// # Errors
    /// When there is none.
    pub async fn identities(
        &mut self,
        pool: &PoolId,
        include_disabled: bool,
        token: Option<&str>,
    ) -> Result<Page<String>, PageError> {
        let directory = Arc::clone(&self.directory);
        let call = || directory.identities(pool, include_disabled, token);
        self.page(call, token.is_some()).await
    }

    /// The page of pools at a token, the first one without. May take any time: it can be dropped.
    ///
    /// # Errors
    /// When there is none.
    pub async fn pools(&mut self, token: Option<&str>) -> Result<Page<ListedPool>, PageError> {
        let directory = Arc::clone(&self.directory);
        let call = || directory.pools(token);
        self.page(call, token.is_some()).await
    }

    /// The next calls go by this directory.
    pub fn set_directory(&mut self, directory: Arc<dyn Directory>) {
        self.directory = directory;
    }

    /// When the next call may be made; in the past if it may be now.
    #[must_use]
    pub fn ready_at(&self) -> Mono {
        self.pacer.ready_at()
    }

    /// The present rate, in calls per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.pacer.rate()
    }

    /// Its calls in the last minute.
    #[must_use]
    pub fn recent_calls(&self) -> RecentCalls {
        self.calls
    }

    /// Sets another ceiling, in calls per second, more than 0.
    pub fn set_rate_limit(&mut self, rate_limit: f64) {
        self.pacer.set_ceiling(rate_limit, self.clock.now().mono);
    }

    async fn page<'a, T>(
        &mut self,
        call: impl Fn() -> PageCall<'a, T>,
        has_token: bool,
    ) -> Result<Page<T>, PageError> {
        let began = self.clock.now().mono;
        let (mut throttled, mut failed) = (0, 0);
        loop {
            self.clock.sleep_until(self.pacer.ready_at()).await;
            let error = match self.attempt(&call).await {
                Ok(page) => return Ok(page),
                Err(error) => error,
            };
            let now = self.clock.now().mono;
            let wait = match error.failure.class() {
                FailureClass::Permanent if has_token && error.failure != Failure::AccessDenied => {
                    return Err(PageError::TokenRefused);
                }
                FailureClass::Throttled => {
                    throttled += 1;
                    let wait = self.wait(Retry::new(u32::MAX), throttled, error.failure);
                    wait.filter(|_| now.since(began) < MAX_THROTTLED)
                }
                // Keys that were good may have expired; the next call gets new ones.
                FailureClass::Budget if self.answered > 0 && failed == 0 => {
                    failed += 1;
                    Some(Duration::ZERO)
                }
                FailureClass::Permanent
                | FailureClass::Transient
                | FailureClass::NoAnswer
                | FailureClass::Budget => {
                    failed += 1;
                    self.wait(self.retry, failed, error.failure)
                }
            };
            let wait = wait.ok_or(PageError::Failed(error))?;
            self.clock.sleep_until(now + wait).await;
        }
    }

    /// One call, which counts.
    async fn attempt<'a, T>(
        &mut self,
        call: &impl Fn() -> PageCall<'a, T>,
    ) -> Result<Page<T>, CallError> {
        let sent_at = self.clock.now().mono;
        self.pacer.on_sent(sent_at);
        self.calls.on_sent(sent_at);
        let page = call().await;
        let now = self.clock.now().mono;
        let error = page.as_ref().err();
        match error.map(|error| error.failure.class()) {
            Some(FailureClass::Throttled) => {
                self.pacer.on_throttled(sent_at, now);
                self.calls.on_throttled(sent_at);
            }
            None | Some(FailureClass::Permanent | FailureClass::Transient) => {
                self.pacer.on_answered();
            }
            // It says nothing of the quota.
            Some(FailureClass::NoAnswer | FailureClass::Budget) => {}
        }
        (self.observer)(now.since(sent_at), error, &self.pacer, &self.calls);
        self.answered += u64::from(page.is_ok());
        page
    }

    /// The wait after so many failures in a row; `None` when there were too many. Its jitter
    /// differs between processes, and is the same when a test is repeated.
    fn wait(&self, retry: Retry, failures: u32, failure: Failure) -> Option<Duration> {
        let now = self.clock.now();
        let now = format!("{}/{}", now.mono.since(Mono::START).as_nanos(), now.unix);
        let jitter = hash(&[&now]) as f64 / u64::MAX as f64;
        retry.wait(failures, failure, Signer::Account, jitter)
    }
}

#[cfg(test)]
mod tests;
