//! A value that expires, and the one task that loads the next one.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tracing::warn;

use super::cause::Cause;
use crate::api::{CallError, Failure, Trouble};
use crate::clock::Clock;

/// The longest time for one load: helpers that ask a server, a cold STS, SSO.
pub(super) const LOAD_TIMEOUT: Duration = Duration::from_secs(30);
/// A value is loaded anew this long before it expires, in seconds, or at half of its time where it
/// lives shorter than twice that.
const RENEWAL_MARGIN: f64 = 300.0;
/// A value that does not expire is loaded anew after this time, in seconds.
const RENEWAL_INTERVAL: f64 = 900.0;
/// The shortest time that a value is used, in seconds, whatever its expiry says. Where the clock of
/// this machine or of a provider is wrong, the provider is not asked before each call.
const MIN_USE: f64 = 5.0;
/// The time between two loads while the value at hand is still good, in seconds.
const RENEWAL_RETRY: f64 = 30.0;

/// The future of a load.
pub(super) type Load<T> = Pin<Box<dyn Future<Output = Result<Loaded<T>, CallError>> + Send>>;

/// What a load returns.
#[derive(Clone, Debug)]
pub(super) struct Loaded<T> {
    pub(super) value: T,
    /// In seconds since 1970; `None` if it does not expire.
    pub(super) expires_at: Option<f64>,
}

/// A value and the number of the load that it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lent<T> {
    pub(super) value: T,
    load: u64,
}

/// Lends a value, which it loads when there is none, shortly before it expires, and after
/// [`Lease::refuse`].
///
/// A load belongs to no call: when a call stops waiting for it, it goes on, and the next call finds
/// its result. It reads everything anew, and a panic in it is an error.
pub(super) struct Lease<T> {
    load: Box<dyn Fn() -> Load<T> + Send + Sync>,
    wait: Duration,
    clock: Clock,
    /// The latest load whose value was refused. The first load is number 1.
    refused: AtomicU64,
    /// The loads that have ended.
    ended: AtomicU64,
    /// Why the last load failed, if it did.
    error: Mutex<Option<CallError>>,
    state: tokio::sync::Mutex<State<T>>,
}

struct State<T> {
    held: Option<Held<T>>,
    /// At most one task.
    loads: JoinSet<Result<Loaded<T>, CallError>>,
}

struct Held<T> {
    lent: Lent<T>,
    /// In seconds since 1970.
    expires_at: Option<f64>,
    renew_at: f64,
}

impl<T: Clone + Send + 'static> Lease<T> {
    /// Nothing is loaded before it is asked for. Who asks waits for a load at most `wait`.
    pub(super) fn new(
        load: impl Fn() -> Load<T> + Send + Sync + 'static,
        wait: Duration,
        clock: Clock,
    ) -> Self {
        Self {
            load: Box::new(load),
            wait,
            clock,
            refused: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            error: Mutex::new(None),
            state: tokio::sync::Mutex::new(State {
                held: None,
                loads: JoinSet::new(),
            }),
        }
    }

    /// The value.
    ///
    /// # Errors
    /// When loading fails or takes longer than the wait.
    pub(super) async fn get(&self) -> Result<Lent<T>, CallError> {
        let lent = tokio::time::timeout(self.wait, self.current()).await;
        lent.unwrap_or_else(|_| {
            let known = self.last_error().clone();
            Err(known.unwrap_or_else(|| self.slow()))
        })
    }

    /// The value was refused: the next one to ask gets that of a later load.
    pub(super) fn refuse(&self, lent: &Lent<T>) {
        self.refused.fetch_max(lent.load, Ordering::Relaxed);
    }

    async fn current(&self) -> Result<Lent<T>, CallError> {
        let ended_before = self.ended.load(Ordering::Relaxed);
        let mut state = self.state.lock().await;
        let refused = self.refused.load(Ordering::Relaxed);
        let now = self.clock.now().unix;
        let is_of_use = |held: &Held<T>| held.lent.load > refused && held.is_good(now);
        state.held = state.held.take().filter(is_of_use);
        if let Some(ended) = state.loads.try_join_next() {
            let known = self.last_error().clone();
            if let Err(error) = self.end_load(&mut state, ended)
                && known.as_ref() != Some(&error)
                && state.held.is_some()
            {
                // Calls go on with the value at hand, so none of them reports the error.
                let (
                    reason,
                    Trouble {
                        kind,
                        cause,
                        remedy,
                    },
                ) = (error.failure.as_str(), error.trouble());
                let words = "credentials cannot be renewed; those at hand are still good";
                warn!(reason, kind, cause, remedy, "{words}");
            }
        } else if state.held.is_none() && self.ended.load(Ordering::Relaxed) > ended_before {
            // Who waited for another's load shares its outcome.
            if let Some(error) = self.last_error().clone() {
                return Err(error);
            }
        }
        let is_due = state.held.as_ref().is_none_or(|held| held.renew_at <= now);
        if is_due && state.loads.is_empty() {
            let load = (self.load)();
            let slow = self.slow();
            state.loads.spawn(async {
                let loaded = tokio::time::timeout(LOAD_TIMEOUT, load).await;
                loaded.unwrap_or(Err(slow))
            });
        }
        if let Some(held) = &state.held {
            return Ok(held.lent.clone());
        }
        let ended = state.loads.join_next().await;
        let ended = ended.expect("a load was begun above if there was none");
        self.end_load(&mut state, ended)
    }

    fn end_load(
        &self,
        state: &mut State<T>,
        ended: Result<Result<Loaded<T>, CallError>, JoinError>,
    ) -> Result<Lent<T>, CallError> {
        let now = self.clock.now().unix;
        let load = self.ended.fetch_add(1, Ordering::Relaxed) + 1;
        let loaded = ended.unwrap_or_else(|_| {
            let cause = "a panic while credentials were loaded".to_owned();
            Err(CallError::new(Failure::Credentials, cause))
        });
        *self.last_error() = loaded.as_ref().err().cloned();
        match loaded {
            Ok(Loaded { value, expires_at }) => {
                let lent = Lent { value, load };
                state.held = Some(Held::new(lent.clone(), expires_at, now));
                Ok(lent)
            }
            Err(error) => {
                if let Some(held) = &mut state.held {
                    held.renew_at = now + RENEWAL_RETRY;
                }
                Err(error)
            }
        }
    }

    /// The error of a load that takes long: the same after a call's wait and at its end, as both
    /// have the same cause.
    fn slow(&self) -> CallError {
        Cause::slow(self.wait.as_secs_f64()).of_load()
    }

    fn last_error(&self) -> std::sync::MutexGuard<'_, Option<CallError>> {
        // What it holds is whole after a panic too.
        self.error.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Held<T> {
    fn new(lent: Lent<T>, expires_at: Option<f64>, now: f64) -> Self {
        let expires_at = expires_at.map(|at| at.max(now + MIN_USE));
        let renew_at = match expires_at {
            Some(expires_at) => expires_at - RENEWAL_MARGIN.min((expires_at - now) / 2.0),
            None => now + RENEWAL_INTERVAL,
        };
        Self {
            lent,
            expires_at,
            renew_at,
        }
    }

    fn is_good(&self, now: f64) -> bool {
        self.expires_at.is_none_or(|at| now < at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    type Results = fn(usize) -> (u64, Result<Loaded<usize>, CallError>);

    /// A lease whose load of this number takes so many seconds and returns that.
    fn lease(results: Results) -> (Arc<Mutex<usize>>, Lease<usize>) {
        let loads = Arc::new(Mutex::new(0));
        let begun = Arc::clone(&loads);
        let load = move || -> Load<usize> {
            let number = {
                let mut begun = begun.lock().unwrap();
                *begun += 1;
                *begun
            };
            Box::pin(async move {
                let (seconds, result) = results(number);
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                result
            })
        };
        let wait = Duration::from_millis(800);
        (loads, Lease::new(load, wait, Clock::anchored(0.0)))
    }

    fn good(value: usize, expires_at: Option<f64>) -> Result<Loaded<usize>, CallError> {
        Ok(Loaded { value, expires_at })
    }

    fn bad(cause: &str) -> Result<Loaded<usize>, CallError> {
        Err(CallError::new(Failure::Credentials, cause.to_owned()))
    }

    async fn value(lease: &Lease<usize>) -> Result<usize, CallError> {
        lease.get().await.map(|lent| lent.value)
    }

    async fn pass(seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_good_value_is_loaded_once_and_a_refused_one_again() {
        let (loads, lease) = lease(|number| (0, good(number, None)));
        for _ in 0..10 {
            assert_eq!(value(&lease).await, Ok(1));
        }
        let (first, in_another_call) = (lease.get().await.unwrap(), lease.get().await.unwrap());
        lease.refuse(&first);
        assert_eq!(value(&lease).await, Ok(2));
        lease.refuse(&in_another_call);
        assert_eq!(
            value(&lease).await,
            Ok(2),
            "it is the first that was refused again"
        );
        assert_eq!(*loads.lock().unwrap(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_wait_for_a_load_share_its_failure() {
        let (loads, lease) = lease(|number| match number {
            1 => (0, good(1, Some(12.0))),
            _ => (0, bad("the server is away")),
        });
        assert_eq!(value(&lease).await, Ok(1));
        pass(13).await;
        let lease = Arc::new(lease);
        let mut waiting = JoinSet::new();
        for _ in 0..32 {
            let lease = Arc::clone(&lease);
            waiting.spawn(async move { value(&lease).await });
        }
        let results = waiting.join_all().await;
        assert!(results.iter().all(Result::is_err) && results.len() == 32);
        assert_eq!(*loads.lock().unwrap(), 2);
        assert!(value(&lease).await.is_err());
        assert_eq!(*loads.lock().unwrap(), 3, "who asks later begins another");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_load_goes_on_when_who_asked_has_given_up() {
        let (loads, lease) = lease(|number| (4, good(number, None)));
        let error = value(&lease).await.unwrap_err();
        assert!(error.cause.unwrap().contains("poll.timeout"));
        pass(5).await;
        assert_eq!(value(&lease).await, Ok(1));
        assert_eq!(*loads.lock().unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_load_that_fails_is_reported_and_follows_a_bound() {
        let (loads, lease) = lease(|number| match number {
            1 => (4, bad("exit status 1")),
            2 => (10_000, good(2, None)),
            _ => (0, good(number, None)),
        });
        assert!(value(&lease).await.is_err());
        pass(5).await;
        assert_eq!(
            value(&lease).await,
            bad("exit status 1").map(|loaded| loaded.value)
        );
        assert_eq!(*loads.lock().unwrap(), 2, "and another one goes on");
        pass(28).await;
        assert!(value(&lease).await.is_err());
        assert_eq!(*loads.lock().unwrap(), 2);
        pass(2).await;
        assert_eq!(value(&lease).await, Ok(3), "after 30 s it was given up");
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_is_renewed_before_it_expires_and_used_until_then() {
        let (loads, lease) = lease(|number| match number {
            1 => (0, good(1, Some(1_000.0))),
            2 => (0, bad("the server is away")),
            _ => (2, good(number, Some(9_000.0))),
        });
        assert_eq!(value(&lease).await, Ok(1));
        pass(699).await;
        assert_eq!(value(&lease).await, Ok(1));
        assert_eq!(*loads.lock().unwrap(), 1);
        for _ in 0..20 {
            pass(1).await;
            assert_eq!(value(&lease).await, Ok(1), "nobody waits for the next one");
        }
        assert_eq!(
            *loads.lock().unwrap(),
            2,
            "nor is it asked for all the time"
        );
        pass(30).await;
        assert_eq!(value(&lease).await, Ok(1));
        pass(3).await;
        assert_eq!(value(&lease).await, Ok(3));
    }

    #[tokio::test(start_paused = true)]
    async fn an_expired_value_is_not_used() {
        let (_, lease) = lease(|number| match number {
            1 => (0, good(1, Some(12.0))),
            _ => (0, bad("a key with a line break")),
        });
        assert_eq!(value(&lease).await, Ok(1));
        pass(11).await;
        assert_eq!(value(&lease).await, Ok(1));
        pass(2).await;
        assert!(value(&lease).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_wrong_does_not_flood_the_provider() {
        let (loads, lease) = lease(|number| (0, good(number, Some(-3_600.0))));
        for _ in 0..600 {
            assert!(value(&lease).await.is_ok());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let loads = *loads.lock().unwrap();
        assert!((12..=30).contains(&loads), "{loads} loads in a minute");
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_an_error_and_the_next_load_follows() {
        let (_, lease) = lease(|number| {
            assert!(number > 1, "on purpose");
            (0, good(number, None))
        });
        let error = value(&lease).await.unwrap_err();
        assert_eq!(error.failure, Failure::Credentials);
        assert_eq!(
            error.cause.unwrap(),
            "a panic while credentials were loaded"
        );
        assert_eq!(value(&lease).await, Ok(2));
    }
}
