//! How many of a budget's calls may be `ListDatasets`, and in which pools it is denied.
//!
//! A list takes the place of a description, so it is no additional call. But the app calls
//! `ListDatasets` too, and AWS may count calls by operation.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::Mono;
use crate::job::PoolIndex;
use crate::limits::ListNeed;
use crate::targets::TargetDiff;

/// Lists per call. Less than a quarter, so that what a budget has at its start does not make it
/// more than a quarter in the long run.
const SHARE: f64 = 0.24;
/// The part of that which urgent lists leave to routine ones.
const ROUTINE_SHARE: f64 = SHARE / 4.0;
/// The lists that a budget may send at its start: enough to list a handful of identities, which
/// may be all there are, in their second poll.
const INITIAL: f64 = 4.0;
/// The lists that a budget may send at once after a long time without.
const MAX: f64 = 16.0;
/// Routine lists leave this many to urgent ones.
const RESERVED: f64 = 1.0;
/// How long a budget sends no list after one was throttled or failed.
const PAUSE: Duration = Duration::from_secs(60);
/// How long a pool is not listed after AWS denied it.
const DENIED: Duration = Duration::from_secs(86_400);

/// The lists of one budget.
#[derive(Debug)]
pub(super) struct ListShare {
    /// The lists that may be sent at once; below 0 after a list of many pages.
    allowed: f64,
    /// Those of them that are kept for routine lists.
    routine: f64,
    paused_until: Mono,
}

impl ListShare {
    pub(super) fn new() -> Self {
        Self {
            allowed: INITIAL,
            routine: 0.0,
            paused_until: Mono::START,
        }
    }

    /// Whether a list that tells this much may be the next call.
    pub(super) fn allows(&self, need: ListNeed, now: Mono) -> bool {
        let is_allowed = match need {
            ListNeed::None => false,
            ListNeed::Routine => self.allowed >= 1.0 + RESERVED || self.routine >= 1.0,
            ListNeed::Urgent => true,
        };
        is_allowed && self.allowed >= 1.0 && now >= self.paused_until
    }

    /// Counts a call: `list` is what it tells if it is a list, or one of its pages.
    pub(super) fn on_sent(&mut self, list: ListNeed) {
        self.allowed = (self.allowed + SHARE).min(MAX);
        self.routine = (self.routine + ROUTINE_SHARE).min(INITIAL);
        match list {
            ListNeed::None => {}
            ListNeed::Routine => {
                self.allowed -= 1.0;
                self.routine = (self.routine - 1.0).max(0.0);
            }
            ListNeed::Urgent => self.allowed -= 1.0,
        }
    }

    /// A list was throttled or failed.
    pub(super) fn pause(&mut self, now: Mono) {
        self.paused_until = now + PAUSE;
    }
}

/// The pools in which AWS denies `ListDatasets`, and until when none is sent.
#[derive(Debug, Default)]
pub(super) struct ListDenials(HashMap<PoolIndex, Mono>);

impl ListDenials {
    pub(super) fn allow(&self, pool: PoolIndex, now: Mono) -> bool {
        self.0.get(&pool).is_none_or(|until| now >= *until)
    }

    /// AWS denied a list. Returns whether it did not deny the one before.
    pub(super) fn on_denied(&mut self, pool: PoolIndex, now: Mono) -> bool {
        self.0.insert(pool, now + DENIED).is_none()
    }

    pub(super) fn on_answered(&mut self, pool: PoolIndex) {
        self.0.remove(&pool);
    }

    /// Keeps the pools that stay. They are tried again at once: the reload may follow a change of
    /// the policy.
    pub(super) fn apply_targets(&mut self, diff: &TargetDiff, now: Mono) {
        let denied = std::mem::take(&mut self.0).into_keys();
        self.0 = denied
            .filter_map(|pool| Some((diff.pool(pool)?, now)))
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ListNeed::{None as No, Routine, Urgent};

    /// Sends this many calls, each a list if one is needed and allowed. Returns the lists among
    /// them.
    fn send(share: &mut ListShare, calls: usize, need: impl Fn(usize) -> ListNeed) -> [usize; 2] {
        let mut lists = [0; 2];
        for call in 0..calls {
            let need = need(call);
            let allowed = share.allows(need, Mono::START);
            share.on_sent(if allowed { need } else { No });
            lists[0] += usize::from(allowed && need == Routine);
            lists[1] += usize::from(allowed && need == Urgent);
        }
        lists
    }

    #[test]
    fn lists_are_at_most_a_quarter_of_the_calls() {
        for (calls, most) in [(10, 6), (400, 100), (10_000, 2_404)] {
            let [_, urgent] = send(&mut ListShare::new(), calls, |_| Urgent);
            assert!(urgent <= most && urgent + 2 > most, "{urgent} of {calls}");
        }
    }

    #[test]
    fn time_without_lists_does_not_add_up() {
        let mut share = ListShare::new();
        assert_eq!(send(&mut share, 10_000, |_| No), [0, 0]);
        let [_, urgent] = send(&mut share, 400, |_| Urgent);
        assert!(urgent <= 112, "{urgent} in 400 calls");
    }

    #[test]
    fn urgent_lists_come_first_and_leave_a_part_to_routine_ones() {
        let mixed = |call: usize| {
            if call.is_multiple_of(2) {
                Urgent
            } else {
                Routine
            }
        };
        let [routine, urgent] = send(&mut ListShare::new(), 10_000, mixed);
        assert!((550..=650).contains(&routine), "{routine} routine lists");
        assert!((1_750..=1_850).contains(&urgent), "{urgent} urgent lists");
        let [routine, _] = send(&mut ListShare::new(), 10_000, |_| Routine);
        assert!(routine >= 2_400, "alone, they have all: {routine}");
    }

    #[test]
    fn all_pages_of_a_list_count() {
        let mut share = ListShare::new();
        for _ in 0..20 {
            share.on_sent(Urgent);
        }
        assert_eq!(send(&mut share, 50, |_| Urgent), [0, 0]);
    }

    #[test]
    fn a_failed_list_pauses_lists_for_a_minute() {
        let mut share = ListShare::new();
        let now = Mono::START + Duration::from_secs(100);
        share.pause(now);
        assert!(!share.allows(Urgent, now + Duration::from_secs(59)));
        assert!(share.allows(Urgent, now + Duration::from_secs(60)));
    }

    #[test]
    fn a_denied_pool_is_tried_again_daily() {
        let (mut denials, pool) = (ListDenials::default(), PoolIndex(1));
        let day = |days: u32| Mono::START + DENIED * days;
        assert!(denials.allow(pool, day(0)));
        assert!(denials.on_denied(pool, day(0)), "is new");
        assert!(!denials.allow(pool, day(0) + DENIED / 2));
        assert!(denials.allow(PoolIndex(0), day(0)));
        assert!(denials.allow(pool, day(1)));
        assert!(!denials.on_denied(pool, day(1)), "is known");
        denials.on_answered(pool);
        assert!(denials.allow(pool, day(1)));
        assert!(denials.on_denied(pool, day(2)), "is new again");
    }
}
