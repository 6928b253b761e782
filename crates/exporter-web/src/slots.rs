//! Connection slots: how many connections may be open, and which one makes way for a new one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::deadline::ConnectionState;
use crate::metrics::Metrics;
use crate::sync::lock;

/// How often to look for an idle connection while all slots are taken.
const EVICTION_INTERVAL: Duration = Duration::from_millis(100);
/// A connection with more responses is kept by a client that comes back.
const PASSING_RESPONSES: u64 = 2;

/// The connections that are open, on all listeners of a server together.
#[derive(Clone)]
pub(crate) struct ConnectionSlots(Arc<Shared>);

struct Shared {
    free: Arc<Semaphore>,
    metrics: Arc<dyn Metrics>,
    open: Mutex<HashMap<u64, Arc<ConnectionState>>>,
    next_number: AtomicU64,
}

/// The slot of one open connection, freed when dropped.
pub(crate) struct ConnectionSlot {
    slots: ConnectionSlots,
    number: u64,
    pub(crate) state: Arc<ConnectionState>,
    _permit: OwnedSemaphorePermit,
}

impl ConnectionSlots {
    /// At most `max` open connections.
    pub(crate) fn new(max: usize, metrics: Arc<dyn Metrics>) -> Self {
        Self(Arc::new(Shared {
            free: Arc::new(Semaphore::new(max)),
            metrics,
            open: Mutex::default(),
            next_number: AtomicU64::default(),
        }))
    }

    /// A slot for a new connection. When all are taken an idle connection is evicted; when none is
    /// idle, this waits. Clients that come back are spared at first: of those that do not, many may
    /// be about to become idle.
    pub(crate) async fn acquire(&self) -> ConnectionSlot {
        let mut max_responses = PASSING_RESPONSES;
        let permit = loop {
            self.evict_idle(max_responses);
            max_responses = u64::MAX;
            let free = Arc::clone(&self.0.free).acquire_owned();
            if let Ok(permit) = tokio::time::timeout(EVICTION_INTERVAL, free).await {
                break permit.expect("the semaphore is never closed");
            }
        };
        let number = self.0.next_number.fetch_add(1, Ordering::Relaxed);
        let state = Arc::new(ConnectionState::new());
        lock(&self.0.open).insert(number, Arc::clone(&state));
        self.0.metrics.connection_opened();
        ConnectionSlot {
            slots: self.clone(),
            number,
            state,
            _permit: permit,
        }
    }

    /// Closes an idle connection when all slots are taken: the one with the fewest responses, so
    /// that a crowd of clients that ask once, or never, does not push out a scraper; of equal ones
    /// the longest idle.
    fn evict_idle(&self, max_responses: u64) {
        if self.0.free.available_permits() > 0 {
            return;
        }
        let open = lock(&self.0.open);
        let candidates = open
            .values()
            .filter(|state| !state.evicted.is_cancelled())
            .filter_map(|state| Some((state.eviction_order()?, state)))
            .filter(|((responses, _), _)| *responses <= max_responses);
        if let Some((_, state)) = candidates.min_by_key(|(order, _)| *order) {
            state.evicted.cancel();
            self.0.metrics.connection_evicted();
        }
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.slots.0.metrics.connection_closed();
        lock(&self.slots.0.open).remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(slot: &ConnectionSlot, requests: usize) {
        for _ in 0..requests {
            slot.state.on_read();
            let request = slot.state.on_request();
            slot.state.body_done(request);
            slot.state.on_flush();
        }
    }

    /// Which of three connections makes way that have answered so many requests, each a second
    /// after the one before.
    async fn evicted(requests: [usize; 3]) -> Option<usize> {
        let slots = ConnectionSlots::new(3, Arc::new(()));
        let mut open = Vec::new();
        for requests in requests {
            let slot = slots.acquire().await;
            answer(&slot, requests);
            open.push(slot);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        // The second look is at connections that come back, too; in these cases a later one loses.
        let waiting = tokio::time::timeout(EVICTION_INTERVAL * 3 / 2, slots.acquire());
        assert!(waiting.await.is_err(), "the limit holds");
        open.iter()
            .position(|slot| slot.state.evicted.is_cancelled())
    }

    #[tokio::test(start_paused = true)]
    async fn the_connection_used_least_makes_way_and_then_the_longest_idle() {
        for (requests, expected) in [
            ([1, 1, 1], 0),
            ([2, 1, 1], 1),
            ([1, 0, 0], 1),
            ([9, 9, 3], 2),
        ] {
            assert_eq!(evicted(requests).await, Some(expected), "{requests:?}");
        }
    }
}
