//! How far the pass over one pool has come, and when it goes on. Pure.

use std::time::Duration;

use super::{DiscoveredPool, PassStanding};
use crate::api::{CallError, Failure, FailureClass, Trouble};
use crate::clock::{Mono, Timestamp};
use crate::discovery::Passes;

/// How long a page waits after its calls have failed; after each time twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const MAX_WAIT: Duration = Duration::from_secs(300);
/// The same where AWS denies the list, or knows no such pool.
const MAX_REFUSED_WAIT: Duration = Duration::from_secs(3_600);
/// Failures in a row at one token after which the pass begins anew: another token may do.
const MAX_FAILURES: u32 = 3;
/// How often a pass begins anew at once; after that it waits, each time twice as long.
const MAX_RESTARTS: u32 = 3;
/// Pages in a row without an identity that the pass has not listed before. Tokens that lead in a
/// circle would make a pass without an end.
const MAX_IDLE_PAGES: u32 = 100;

/// The present pass over a pool, or the wait for the next one.
pub(super) struct Pass {
    pub(super) pool: DiscoveredPool,
    /// When the present pass began, also if it began anew since.
    began: Option<Timestamp>,
    /// The identities that it has listed.
    listed: usize,
    /// Of its next page; `None` for the first.
    token: Option<String>,
    pub(super) next_at: Mono,
    /// How often this pass began anew.
    restarts: u32,
    /// Failures since the last page.
    failures: u32,
    idle_pages: u32,
    /// Why the last call for a page failed, if it did.
    failure: Option<Failure>,
    /// What was logged since the last complete pass.
    reported: Option<Trouble>,
}

/// What follows a page.
pub(super) enum Then {
    NextPage,
    /// The pass is complete, which began then, in seconds since 1970.
    End(f64),
}

impl Pass {
    /// The passes of a pool go on an interval after the last one began.
    pub(super) fn new(pool: DiscoveredPool, passes: Passes, now: Timestamp) -> Self {
        let since = |began: f64| (now.unix - began).max(0.0);
        let since = passes.last.map_or(f64::INFINITY, |last| since(last.began));
        let left = (pool.interval.as_secs_f64() - since).max(0.0);
        Self {
            next_at: now.mono + Duration::from_secs_f64(left),
            pool,
            began: None,
            listed: 0,
            token: None,
            restarts: 0,
            failures: 0,
            idle_pages: 0,
            failure: None,
            reported: None,
        }
    }

    /// The same pool with other settings. What failed may work now.
    pub(super) fn with(self, pool: DiscoveredPool, now: Mono) -> Self {
        let next_at = if self.failures > 0 {
            now
        } else {
            self.next_at.min(now + pool.interval)
        };
        Self {
            next_at,
            pool,
            ..self
        }
    }

    pub(super) fn standing(&self) -> PassStanding {
        PassStanding {
            interval: self.pool.interval,
            began: self.began.map(|began| began.unix),
            listed: self.listed,
            next_at: self.next_at,
            failure: self.failure,
        }
    }

    /// The token of the page that is asked for now; `None` for the first.
    pub(super) fn begin_page(&mut self, now: Timestamp) -> Option<String> {
        self.began.get_or_insert(now);
        self.token.clone()
    }

    /// A page was listed, with so many identities that this pass has not listed before. `next` is
    /// the token of the next one.
    ///
    /// # Errors
    /// When its tokens seem to have no end.
    pub(super) fn on_page(
        &mut self,
        listed: usize,
        next: Option<String>,
        now: Mono,
    ) -> Result<Then, CallError> {
        (self.failures, self.failure) = (0, None);
        self.listed += listed;
        self.idle_pages = if listed > 0 { 0 } else { self.idle_pages + 1 };
        self.token = next;
        self.next_at = now;
        if self.token.is_some() {
            if self.idle_pages >= MAX_IDLE_PAGES {
                self.begin_anew();
                let cause = format!("{MAX_IDLE_PAGES} pages in a row have no other identity");
                return Err(CallError::new(Failure::Malformed, cause));
            }
            return Ok(Then::NextPage);
        }
        (self.restarts, self.listed, self.reported) = (0, 0, None);
        let began = self.began.take();
        self.next_at = began.map_or(now, |began| now.max(began.mono + self.pool.interval));
        Ok(Then::End(began.map_or(0.0, |began| began.unix)))
    }

    /// AWS refuses the token, so the pass begins anew: at once, or, if that was so several times,
    /// after a wait. Returns whether it is at once.
    pub(super) fn on_token_refused(&mut self, now: Mono) -> bool {
        self.begin_anew();
        let more = self.restarts.saturating_sub(MAX_RESTARTS);
        self.next_at = if more == 0 {
            now
        } else {
            now + wait(more - 1, MAX_WAIT)
        };
        more == 0
    }

    /// All calls for a page have failed. Returns whether that is to be logged.
    pub(super) fn on_failed(&mut self, error: &CallError, now: Mono) -> bool {
        let class = error.failure.class();
        let is_refused = class == FailureClass::Permanent;
        let max = if is_refused {
            MAX_REFUSED_WAIT
        } else {
            MAX_WAIT
        };
        self.next_at = self.next_at.max(now + wait(self.failures, max));
        self.failures += 1;
        let may_be_the_token = match class {
            FailureClass::Transient | FailureClass::NoAnswer => true,
            FailureClass::Permanent | FailureClass::Throttled | FailureClass::Budget => false,
        };
        if may_be_the_token && self.token.is_some() && self.failures >= MAX_FAILURES {
            self.begin_anew();
        }
        self.failure = Some(error.failure);
        let trouble = Some(error.trouble());
        std::mem::replace(&mut self.reported, trouble.clone()) != trouble
    }

    /// From the first page.
    fn begin_anew(&mut self) {
        (self.token, self.listed, self.idle_pages) = (None, 0, 0);
        self.restarts += 1;
    }
}

fn wait(doublings: u32, max: Duration) -> Duration {
    let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(doublings));
    wait.min(max)
}
