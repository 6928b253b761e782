//! The responses in progress, of which only so many are allowed: scrapes, and lists of identities.
//!
//! A scrape in progress holds a snapshot and a compressor, a list a snapshot and an order, so their
//! number bounds the memory that clients that do not read can take. When all places are taken, a
//! client that reads goes before one that does not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use exporter_web::Peer;

use crate::clock::Mono;

/// A client that has taken nothing for this long may lose its place to any other.
const STALLED: Duration = Duration::from_secs(2);

/// The client has taken everything and waits for more.
const WANTED: u64 = u64::MAX;

/// The places of all clients together.
pub(super) struct Places<T> {
    max: usize,
    taken: Mutex<Vec<Weak<Place<T>>>>,
}

/// The place of one response, which is free again when it is dropped.
pub(super) struct Place<T> {
    peer: Peer,
    /// Since when this waits for the client, in nanoseconds of [`Mono`]; [`WANTED`] if the client
    /// waits for this.
    waiting_since: AtomicU64,
    content: Mutex<Content<T>>,
}

enum Content<T> {
    /// The response is not made yet.
    Empty,
    Filled(T),
    /// Another has taken the place.
    Lost,
}

impl<T> Places<T> {
    /// At most `max` responses; 0 is no limit.
    pub(super) fn new(max: usize) -> Self {
        Self {
            max: if max == 0 { usize::MAX } else { max },
            taken: Mutex::default(),
        }
    }

    /// A place for a client, empty. When all are taken, it is that of the client that has taken
    /// nothing for longest, if that is at least [`STALLED`]; or else one of the peer with the most
    /// places, if that has more than this one would have. `None` if there is no such place.
    pub(super) fn take(&self, peer: Peer, now: Mono) -> Option<Arc<Place<T>>> {
        let mut taken = lock(&self.taken);
        taken.retain(|place| place.strong_count() > 0);
        if taken.len() >= self.max {
            let places: Vec<_> = taken.iter().filter_map(Weak::upgrade).collect();
            let loser = loser(&places, peer, now)?;
            loser.vacate();
            taken.retain(|place| !std::ptr::eq(place.as_ptr(), Arc::as_ptr(loser)));
        }
        let place = Arc::new(Place {
            peer,
            waiting_since: AtomicU64::new(WANTED),
            content: Mutex::new(Content::Empty),
        });
        taken.push(Arc::downgrade(&place));
        Some(place)
    }
}

/// Whose place is given to `peer`.
fn loser<T>(places: &[Arc<Place<T>>], peer: Peer, now: Mono) -> Option<&Arc<Place<T>>> {
    let longest_stalled = |of: &dyn Fn(&Place<T>) -> bool| {
        let places = places.iter().filter(|place| of(place));
        places.min_by_key(|place| place.waiting_since.load(Ordering::Relaxed))
    };
    let stalled = longest_stalled(&|_| true)?;
    if stalled.waits_for_client(now) >= STALLED {
        return Some(stalled);
    }
    let held_by = |peer: Peer| places.iter().filter(|place| place.peer == peer).count();
    let most = places.iter().max_by_key(|place| held_by(place.peer))?.peer;
    if held_by(most) <= held_by(peer) + 1 {
        return None;
    }
    longest_stalled(&|place| place.peer == most)
}

impl<T> Place<T> {
    /// Puts something into the place, which then waits for the client, unless another has taken it.
    pub(super) fn fill(&self, now: Mono, filling: T) {
        let mut content = lock(&self.content);
        if let Content::Empty = *content {
            *content = Content::Filled(filling);
        }
        self.waiting_since.store(nanos(now), Ordering::Relaxed);
    }

    /// Notes that the client waits for more.
    pub(super) fn client_waits(&self) {
        self.waiting_since.store(WANTED, Ordering::Relaxed);
    }

    /// Uses what the place holds, after which it waits for the client; `None` if another has taken
    /// the place.
    pub(super) fn with<R>(&self, now: Mono, use_it: impl FnOnce(&mut T) -> R) -> Option<R> {
        let used = match &mut *lock(&self.content) {
            Content::Filled(filling) => Some(use_it(filling)),
            Content::Empty | Content::Lost => None,
        };
        self.waiting_since.store(nanos(now), Ordering::Relaxed);
        used
    }

    /// Whether another has taken the place.
    pub(super) fn is_lost(&self) -> bool {
        matches!(*lock(&self.content), Content::Lost)
    }

    fn vacate(&self) {
        *lock(&self.content) = Content::Lost;
    }

    /// How long this has waited for the client; nothing if the client waits for this.
    fn waits_for_client(&self, now: Mono) -> Duration {
        let since = self.waiting_since.load(Ordering::Relaxed);
        now.since(Mono::START + Duration::from_nanos(since))
    }
}

fn nanos(time: Mono) -> u64 {
    u64::try_from(time.since(Mono::START).as_nanos()).unwrap_or(u64::MAX)
}

/// A panic of another holder leaves nothing half done here: a block of a response is sent as a
/// whole or not at all.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> Peer {
        Peer::at([127, 0, 0, last].into())
    }

    fn at(seconds: u64) -> Mono {
        Mono::START + Duration::from_secs(seconds)
    }

    /// A place that waits for its client.
    fn take(places: &Places<u32>, host: u8, now: Mono) -> Option<Arc<Place<u32>>> {
        let place = places.take(peer(host), now)?;
        place.fill(now, 7);
        Some(place)
    }

    #[test]
    fn beyond_the_limit_there_is_no_place_until_one_is_free() {
        let places = Places::new(2);
        let first = take(&places, 1, at(0));
        let second = take(&places, 1, at(0));
        assert!(first.is_some() && second.is_some());
        assert!(take(&places, 1, at(1)).is_none());
        drop(first);
        assert!(take(&places, 1, at(1)).is_some());
    }

    #[test]
    fn zero_is_no_limit() {
        let places = Places::new(0);
        let taken: Vec<_> = (0..1_000)
            .map(|_| take(&places, 1, at(0)).unwrap())
            .collect();
        assert!(taken.iter().all(|place| !place.is_lost()));
    }

    #[test]
    fn a_client_that_reads_goes_before_one_that_stalls() {
        let places = Places::new(2);
        let stalls = take(&places, 1, at(0)).unwrap();
        let reads = take(&places, 1, at(0)).unwrap();
        reads.client_waits();
        let newcomer = take(&places, 1, at(2)).unwrap();
        assert!(stalls.is_lost() && !reads.is_lost() && !newcomer.is_lost());
        assert_eq!(stalls.with(at(2), |content| *content), None);
        // The one that lost its place, and is still there, counts no more.
        assert!(take(&places, 1, at(2)).is_none());
        // A client that waits for its turn, however long, does not stall.
        newcomer.client_waits();
        assert!(take(&places, 1, at(99)).is_none());
    }

    #[test]
    fn a_scrape_that_is_not_made_yet_does_not_stall_but_may_lose_its_place() {
        let places = Places::new(2);
        let [first, second] = [(); 2].map(|()| places.take(peer(1), at(0)).unwrap());
        assert!(take(&places, 1, at(99)).is_none());
        let other = take(&places, 2, at(99)).unwrap();
        first.fill(at(99), 1);
        second.fill(at(99), 2);
        assert_eq!(first.is_lost(), !second.is_lost());
        assert_eq!(other.with(at(99), |content| *content), Some(7));
    }

    #[test]
    fn the_peer_with_the_most_places_gives_one_up() {
        let places = Places::new(4);
        let greedy: Vec<_> = (0..4).map(|_| take(&places, 1, at(0)).unwrap()).collect();
        greedy[0].with(at(1), |_| ());
        let first = take(&places, 2, at(1)).unwrap();
        let second = take(&places, 2, at(1)).unwrap();
        assert!(take(&places, 2, at(1)).is_none(), "now both have two");
        let lost = greedy.iter().map(|place| place.is_lost());
        assert_eq!(lost.collect::<Vec<_>>(), [false, true, true, false]);
        assert!(!first.is_lost() && !second.is_lost());
    }

    #[test]
    fn a_panic_in_the_middle_leaves_the_place_usable() {
        let places = Places::new(1);
        let place = take(&places, 1, at(0)).unwrap();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            place.with(at(0), |_| panic!("on purpose"))
        }));
        assert!(panicked.is_err() && place.content.is_poisoned());
        assert_eq!(place.with(at(0), |content| *content), Some(7));
        drop(place);
        assert!(take(&places, 1, at(0)).is_some());
    }
}
