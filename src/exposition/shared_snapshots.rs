//! The snapshots that scrapes and lists of identities in progress read.
//!
//! While one is in progress, polls copy what they change under its snapshot, in the end all of it:
//! 96 bytes for each identity. So clients that read slowly take memory for each snapshot, not for
//! each scrape and list.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::clock::Mono;
use crate::store::Snapshot;

/// How long a snapshot is shared, for each one in use.
///
/// Usually none is in use when a scrape begins, and it gets a new one. With clients who read for
/// the 60 s that a response may take, at most eleven are in use: the sum of 1 to 11 s exceeds 60 s.
/// A scrape then shows what was known up to eleven seconds before. Ages count to its own time.
const SHARED_FOR_EACH: Duration = Duration::from_secs(1);

/// Those in use, in the order in which they were taken.
#[derive(Debug, Default)]
pub(super) struct SharedSnapshots(Vec<(Mono, Weak<Snapshot>)>);

impl SharedSnapshots {
    /// The latest snapshot in use, if it is recent enough for the number of those and has the
    /// targets of `new`; or else `new`, taken now.
    pub(super) fn get(&mut self, now: Mono, new: Snapshot) -> Arc<Snapshot> {
        self.0.retain(|(_, snapshot)| snapshot.strong_count() > 0);
        let shared_for = SHARED_FOR_EACH * self.0.len() as u32;
        if let Some((taken, latest)) = self.0.last()
            && now.since(*taken) < shared_for
            && let Some(latest) = latest.upgrade()
            && Arc::ptr_eq(&latest.targets, &new.targets)
        {
            return latest;
        }
        let new = Arc::new(new);
        self.0.push((now, Arc::downgrade(&new)));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::targets::Targets;

    fn at(seconds: f64) -> Mono {
        Mono::START + Duration::from_secs_f64(seconds)
    }

    fn store() -> Store {
        Store::new(Arc::new(Targets::for_tests(&[("us-east-1:0", 1)])))
    }

    #[test]
    fn scrapes_that_begin_in_the_same_second_share_one() {
        let (store, mut shared) = (store(), SharedSnapshots::default());
        let first = shared.get(at(0.0), store.snapshot());
        let second = shared.get(at(0.9), store.snapshot());
        let third = shared.get(at(1.0), store.snapshot());
        assert!(Arc::ptr_eq(&first, &second) && !Arc::ptr_eq(&first, &third));
    }

    #[test]
    fn one_that_is_no_longer_in_use_is_not_shared() {
        let (store, mut shared) = (store(), SharedSnapshots::default());
        let first = Arc::downgrade(&shared.get(at(0.0), store.snapshot()));
        shared.get(at(0.1), store.snapshot());
        assert!(first.upgrade().is_none());
    }

    #[test]
    fn new_targets_are_shown_at_once() {
        let mut shared = SharedSnapshots::default();
        let _old = shared.get(at(0.0), store().snapshot());
        let reloaded = store();
        let new = shared.get(at(0.1), reloaded.snapshot());
        assert!(Arc::ptr_eq(&new.targets, &reloaded.snapshot().targets));
    }

    /// Clients begin ten scrapes a second, each of which takes a minute.
    #[test]
    fn however_many_clients_read_slowly_few_are_in_use() {
        let (store, mut shared) = (store(), SharedSnapshots::default());
        let mut reading = std::collections::VecDeque::new();
        for tenth in 0..6_000 {
            let now = at(f64::from(tenth) / 10.0);
            if reading.len() >= 600 {
                reading.pop_front();
            }
            reading.push_back(shared.get(now, store.snapshot()));
            assert!(shared.0.len() <= 12, "{} at {now:?}", shared.0.len());
            let (taken, _) = shared.0.last().unwrap();
            assert!(now.since(*taken) < Duration::from_secs(12));
        }
    }
}
