//! The scrapes in progress, of which only so many are allowed.
//!
//! A scrape in progress holds a snapshot and a compressor, so their number bounds the memory that
//! clients who do not read can take. When all places are taken, somebody who reads goes before
//! somebody who does not.

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

/// The place of one scrape, which is free again when it is dropped.
pub(super) struct Place<T> {
    peer: Peer,
    /// Since when this waits for the client, in nanoseconds of [`Mono`]; [`WANTED`] if the client
    /// waits for this.
    waiting_since: AtomicU64,
    /// `None` once another has taken the place.
    content: Mutex<Option<T>>,
}

impl<T> Places<T> {
    /// At most `max` scrapes; 0 is no limit.
    pub(super) fn new(max: usize) -> Self {
        Self {
            max: if max == 0 { usize::MAX } else { max },
            taken: Mutex::default(),
        }
    }

    /// A place for a client. When all are taken, it is that of the client that has taken nothing
    /// for longest, if that is at least [`STALLED`]; or else one of the peer with the most places,
    /// if that has more than this one would have. `None` if there is no such place.
    pub(super) fn take(&self, peer: Peer, now: Mono, content: T) -> Option<Arc<Place<T>>> {
        let mut taken = lock(&self.taken);
        taken.retain(|place| place.strong_count() > 0);
        if taken.len() >= self.max {
            let places: Vec<_> = taken.iter().filter_map(Weak::upgrade).collect();
            let loser = loser(&places, peer, now)?;
            drop(loser.vacate());
            taken.retain(|place| !std::ptr::eq(place.as_ptr(), Arc::as_ptr(loser)));
        }
        let place = Arc::new(Place {
            peer,
            waiting_since: AtomicU64::new(nanos(now)),
            content: Mutex::new(Some(content)),
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
    /// Notes that the client waits for more.
    pub(super) fn client_waits(&self) {
        self.waiting_since.store(WANTED, Ordering::Relaxed);
    }

    /// Uses what the place holds, after which it waits for the client; `None` if another has taken
    /// the place.
    pub(super) fn with<R>(&self, now: Mono, use_it: impl FnOnce(&mut T) -> R) -> Option<R> {
        let used = lock(&self.content).as_mut().map(use_it);
        self.waiting_since.store(nanos(now), Ordering::Relaxed);
        used
    }

    fn vacate(&self) -> Option<T> {
        lock(&self.content).take()
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

/// A panic of another holder leaves nothing half done here: what a scrape has written is sent as a
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

    fn holds(place: &Place<u32>) -> bool {
        lock(&place.content).is_some()
    }

    #[test]
    fn beyond_the_limit_there_is_no_place_until_one_is_free() {
        let places = Places::new(2);
        let first = places.take(peer(1), at(0), 1);
        let second = places.take(peer(1), at(0), 2);
        assert!(first.is_some() && second.is_some());
        assert!(places.take(peer(1), at(1), 3).is_none());
        drop(first);
        assert!(places.take(peer(1), at(1), 3).is_some());
    }

    #[test]
    fn zero_is_no_limit() {
        let places = Places::new(0);
        let taken: Vec<_> = (0..1_000)
            .map(|_| places.take(peer(1), at(0), 0).unwrap())
            .collect();
        assert!(taken.iter().all(|place| holds(place)));
    }

    #[test]
    fn a_client_that_reads_goes_before_one_that_stalls() {
        let places = Places::new(2);
        let stalls = places.take(peer(1), at(0), 1).unwrap();
        let reads = places.take(peer(1), at(0), 2).unwrap();
        reads.client_waits();
        let newcomer = places.take(peer(1), at(2), 3).unwrap();
        assert!(!holds(&stalls) && holds(&reads) && holds(&newcomer));
        assert_eq!(stalls.with(at(2), |content| *content), None);
        // The one that lost its place, and is still there, counts no more.
        assert!(places.take(peer(1), at(2), 4).is_none());
        // A client that waits for its turn, however long, does not stall.
        newcomer.client_waits();
        assert!(places.take(peer(1), at(99), 5).is_none());
    }

    #[test]
    fn the_peer_with_the_most_places_gives_one_up() {
        let places = Places::new(4);
        let greedy: Vec<_> = (0..4)
            .map(|number| places.take(peer(1), at(0), number).unwrap())
            .collect();
        greedy[0].with(at(1), |_| ());
        let first = places.take(peer(2), at(1), 9).unwrap();
        let second = places.take(peer(2), at(1), 9).unwrap();
        assert!(
            places.take(peer(2), at(1), 9).is_none(),
            "now both have two"
        );
        let kept = greedy.iter().map(|place| holds(place));
        assert_eq!(kept.collect::<Vec<_>>(), [true, false, false, true]);
        assert!(holds(&first) && holds(&second));
    }

    #[test]
    fn a_panic_in_the_middle_leaves_the_place_usable() {
        let places = Places::new(1);
        let place = places.take(peer(1), at(0), 1).unwrap();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            place.with(at(0), |_| panic!("on purpose"))
        }));
        assert!(panicked.is_err() && place.content.is_poisoned());
        assert_eq!(place.with(at(0), |content| *content), Some(1));
        drop(place);
        assert!(places.take(peer(1), at(0), 2).is_some());
    }
}
