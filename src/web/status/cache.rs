//! The statuses that were made last, for requests with the same parameters.

use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::model::Status;
use super::query::Query;
use crate::clock::{Clock, Mono};

/// How long a status is served from the cache: making one takes a pass over all identities, and one
/// over all waiting jobs.
const CACHE_TTL: Duration = Duration::from_secs(1);

/// The status that was made last without parameters, and the one that was made last with any: so
/// statuses take no more memory than two, and no more than two passes at a time, whatever clients
/// ask for, and requests with parameters delay none without.
pub(in crate::web) struct StatusCache<T = Made> {
    plain: Slot<T>,
    with_parameters: Slot<T>,
}

struct Slot<T> {
    /// When it was made, and for which parameters.
    last: Mutex<Option<(Mono, Query, Arc<T>)>>,
    /// Whose turn it is to make one.
    turn: tokio::sync::Mutex<()>,
}

/// A status with its two forms, each made once and shared by all clients, so that many clients that
/// do not read take no more memory than one.
pub(in crate::web) struct Made {
    pub(super) status: Status,
    pub(super) page: OnceLock<Bytes>,
    pub(super) json: OnceLock<Bytes>,
}

impl Made {
    pub(super) fn new(status: Status) -> Self {
        Self {
            status,
            page: OnceLock::new(),
            json: OnceLock::new(),
        }
    }
}

impl<T> StatusCache<T> {
    /// The cached status if it is of these parameters and not older than [`CACHE_TTL`], or a new
    /// one. Only who needs a new one waits, for those that are made before.
    pub(super) async fn get_or_make<E>(
        &self,
        clock: &Clock,
        query: &Query,
        make: impl Future<Output = Result<T, E>>,
    ) -> Result<Arc<T>, E> {
        let slot = if *query == Query::default() {
            &self.plain
        } else {
            &self.with_parameters
        };
        if let Some(made) = slot.get(clock, query) {
            return Ok(made);
        }
        let _turn = slot.turn.lock().await;
        // Another request may have made it meanwhile.
        if let Some(made) = slot.get(clock, query) {
            return Ok(made);
        }
        let made = Arc::new(make.await?);
        let last = (clock.now().mono, query.clone(), Arc::clone(&made));
        *slot.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
        Ok(made)
    }
}

impl<T> Slot<T> {
    fn get(&self, clock: &Clock, query: &Query) -> Option<Arc<T>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, of, made) = last.as_ref()?;
        let is_good = of == query && clock.now().mono.since(*at) < CACHE_TTL;
        is_good.then(|| Arc::clone(made))
    }
}

impl<T> Default for StatusCache<T> {
    fn default() -> Self {
        Self {
            plain: Slot::default(),
            with_parameters: Slot::default(),
        }
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self {
            last: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{pending, ready};

    use futures_util::FutureExt;

    use super::*;

    fn of(parameters: &str) -> Query {
        Query::of_json(parameters).unwrap()
    }

    /// The answer to a request; `None` while it waits.
    fn ask(cache: &StatusCache<u32>, clock: &Clock, query: &Query, new: u32) -> Option<u32> {
        let made = ready(Ok::<_, Infallible>(new));
        let made = cache.get_or_make(clock, query, made).now_or_never()?;
        Some(*made.unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn only_who_needs_a_new_one_waits_for_those_that_are_made() {
        let (clock, cache) = (Clock::anchored(0.0), StatusCache::default());
        let [plain, five, six] = [of(""), of("top=5"), of("top=6")];
        assert_eq!(ask(&cache, &clock, &five, 1), Some(1));
        let never = pending::<Result<u32, Infallible>>();
        let slow = cache.get_or_make(&clock, &six, never);
        let mut slow = Box::pin(slow);
        assert!((&mut slow).now_or_never().is_none());
        assert_eq!(ask(&cache, &clock, &five, 2), Some(1), "it is there");
        assert_eq!(ask(&cache, &clock, &plain, 3), Some(3));
        assert_eq!(ask(&cache, &clock, &plain, 4), Some(3));
        assert_eq!(ask(&cache, &clock, &of("top=7"), 5), None);
        drop(slow);
        assert_eq!(ask(&cache, &clock, &six, 6), Some(6));
        assert_eq!(ask(&cache, &clock, &plain, 7), Some(3), "both are kept");
        tokio::time::advance(CACHE_TTL).await;
        assert_eq!(ask(&cache, &clock, &plain, 8), Some(8));
    }
}
