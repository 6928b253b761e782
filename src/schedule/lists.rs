//! How many of a budget's calls may be `ListDatasets`, in which pools it is denied, and in which
//! its place is taken by nothing else, since descriptions are.
//!
//! A list takes the place of a description, so it is no additional call. But the app calls
//! `ListDatasets` too, and AWS may count calls by operation.

use std::collections::HashMap;
use std::time::Duration;

use super::jobs::JobIndex;
use crate::clock::Mono;
use crate::job::PoolIndex;
use crate::limits::ListNeed;

/// Lists per call. Less than a quarter, so that those at the start do not make it more in the long
/// run.
const SHARE: f64 = 0.24;
/// The part of that which urgent lists leave to routine ones.
const ROUTINE_SHARE: f64 = SHARE / 4.0;
/// The lists that a budget may send at its start, and after a long time without: enough to list a
/// handful of identities, which may be all there are, in their second poll.
const MAX: f64 = 4.0;
/// Routine lists leave this many to urgent ones.
const RESERVED: f64 = 1.0;
/// With this many or more left, nobody who needs a list is passed over.
const PLENTY: f64 = 3.0;
/// How long a budget sends no list after one was throttled.
const PAUSE: Duration = Duration::from_secs(60);
/// The longest such pause, after many have failed.
const MAX_PAUSE: Duration = Duration::from_secs(3_600);
/// Lists that fail one after the other, for any reason, before the budget pauses.
const MAX_FAILURES: u32 = 3;
/// How long an identity is not listed after its list failed.
const HELD_BACK: Duration = Duration::from_secs(3_600);
/// How long an operation is not called in a pool after AWS denied it.
const DENIED: Duration = Duration::from_secs(86_400);

/// The lists of one budget.
#[derive(Debug)]
pub(super) struct ListShare {
    /// The lists that may be sent at once; below 0 after a list of many pages.
    allowed: f64,
    /// Those of them that are kept for routine lists.
    routine: f64,
    /// Lists that failed since one succeeded.
    failures: u32,
    paused_until: Mono,
}

impl ListShare {
    pub(super) fn new() -> Self {
        Self {
            allowed: MAX,
            routine: 0.0,
            failures: 0,
            paused_until: Mono::START,
        }
    }

    /// Whether a list that says this much may be the next call. `draw` is a number that differs
    /// from poll to poll. Where lists are scarce it passes over every other identity, since
    /// otherwise the same ones would be passed over in every round.
    pub(super) fn allows(&self, need: ListNeed, draw: u64, now: Mono) -> bool {
        let is_allowed = match need {
            ListNeed::None => false,
            ListNeed::Routine => self.allowed >= 1.0 + RESERVED || self.routine >= 1.0,
            ListNeed::Urgent => true,
        };
        let is_drawn = self.allowed >= PLENTY || draw.is_multiple_of(2);
        is_allowed && is_drawn && self.allowed >= 1.0 && now >= self.paused_until
    }

    /// Counts a call: `list` is what it says if it is a list, or one of its pages.
    pub(super) fn on_sent(&mut self, list: ListNeed) {
        self.allowed = (self.allowed + SHARE).min(MAX);
        self.routine = (self.routine + ROUTINE_SHARE).min(MAX);
        match list {
            ListNeed::None => {}
            ListNeed::Routine => {
                self.allowed -= 1.0;
                self.routine = (self.routine - 1.0).max(0.0);
            }
            ListNeed::Urgent => self.allowed -= 1.0,
        }
    }

    pub(super) fn on_answered(&mut self) {
        self.failures = 0;
    }

    /// A list was throttled.
    pub(super) fn on_throttled(&mut self, now: Mono) {
        self.paused_until = now + PAUSE;
    }

    /// A list failed. After several, not one identity is the reason, and pauses double.
    pub(super) fn on_failed(&mut self, now: Mono) {
        self.failures += 1;
        if let Some(more) = self.failures.checked_sub(MAX_FAILURES) {
            let pause = PAUSE * 2_u32.pow(more.min(10));
            self.paused_until = now + pause.min(MAX_PAUSE);
        }
    }
}

/// The pools in which AWS denies an operation and allows another in its place: until when the
/// first is not called.
#[derive(Debug, Default)]
pub(super) struct DeniedIn(HashMap<PoolIndex, Mono>);

impl DeniedIn {
    pub(super) fn allows(&self, pool: PoolIndex, now: Mono) -> bool {
        is_over(self.0.get(&pool), now)
    }

    /// The same where pools have moved.
    pub(super) fn moved(self, moved: impl Fn(PoolIndex) -> Option<PoolIndex>) -> Self {
        let pools = self.0.into_iter();
        Self(
            pools
                .filter_map(|(of, until)| Some((moved(of)?, until)))
                .collect(),
        )
    }

    /// AWS denied the operation, and nothing else. Returns whether it did not deny the one before.
    pub(super) fn on_denied(&mut self, pool: PoolIndex, now: Mono) -> bool {
        self.0.insert(pool, now + DENIED).is_none()
    }

    pub(super) fn on_answered(&mut self, pool: PoolIndex) {
        self.0.remove(&pool);
    }
}

fn is_over(until: Option<&Mono>, now: Mono) -> bool {
    until.is_none_or(|until| now >= *until)
}

/// The pools in which AWS denies `ListDatasets`, and the identities whose lists failed: until when
/// none is sent.
#[derive(Debug, Default)]
pub(super) struct NotListed {
    pub(super) pools: DeniedIn,
    identities: HashMap<JobIndex, Mono>,
}

impl NotListed {
    pub(super) fn allows(&self, pool: PoolIndex, identity: JobIndex, now: Mono) -> bool {
        self.pools.allows(pool, now) && is_over(self.identities.get(&identity), now)
    }

    /// The same where pools and identities have moved.
    pub(super) fn moved(
        self,
        pool: impl Fn(PoolIndex) -> Option<PoolIndex>,
        identity: impl Fn(JobIndex) -> Option<JobIndex>,
    ) -> Self {
        let identities = self.identities.into_iter();
        Self {
            pools: self.pools.moved(pool),
            identities: identities
                .filter_map(|(of, until)| Some((identity(of)?, until)))
                .collect(),
        }
    }

    /// A list of an identity failed.
    pub(super) fn on_failed(&mut self, identity: JobIndex, now: Mono) {
        self.identities.retain(|_, until| now < *until);
        self.identities.insert(identity, now + HELD_BACK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::hash;
    use ListNeed::{None as No, Routine, Urgent};
    use std::collections::HashSet;

    fn draw(call: usize) -> u64 {
        hash(&["draw", &call.to_string()])
    }

    /// Sends this many calls, each a list if one is needed and allowed. Returns the routine and the
    /// urgent lists among them, by their positions.
    fn send(
        share: &mut ListShare,
        calls: usize,
        need: impl Fn(usize) -> ListNeed,
    ) -> [Vec<usize>; 2] {
        let mut lists = [Vec::new(), Vec::new()];
        for call in 0..calls {
            let need = need(call);
            let allowed = share.allows(need, draw(call), Mono::START);
            share.on_sent(if allowed { need } else { No });
            match need {
                Routine if allowed => lists[0].push(call),
                Urgent if allowed => lists[1].push(call),
                _ => {}
            }
        }
        lists
    }

    #[test]
    fn lists_are_a_quarter_of_the_calls_and_four_at_most() {
        let mut share = ListShare::new();
        let [_, none] = send(&mut share, 10_000, |_| No);
        assert!(none.is_empty());
        let [_, urgent] = send(&mut share, 10_000, |_| Urgent);
        assert!(urgent.len() >= 2_390, "{} lists", urgent.len());
        for window in [10, 16, 100, 1_000, 10_000] {
            for from in (0..10_000).step_by(10) {
                let lists = urgent.partition_point(|call| *call < from + window)
                    - urgent.partition_point(|call| *call < from);
                assert!(lists <= window / 4 + 4, "{lists} in {window} calls");
            }
        }
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
        let [routine, urgent] = send(&mut ListShare::new(), 10_000, mixed).map(|lists| lists.len());
        assert!((550..=900).contains(&routine), "{routine} routine lists");
        assert!(urgent + routine >= 2_390, "{urgent} urgent lists");
        let [routine, _] = send(&mut ListShare::new(), 10_000, |_| Routine);
        assert!(routine.len() >= 2_390, "alone, they have all");
    }

    /// The share must not fall on the same positions of every round.
    #[test]
    fn in_rounds_of_any_length_everybody_is_listed() {
        for round in [5, 24, 25, 100, 1_000] {
            for need in [Routine, Urgent] {
                let [routine, urgent] = send(&mut ListShare::new(), round * 200, |_| need);
                let listed = routine.into_iter().chain(urgent).map(|call| call % round);
                let listed: HashSet<_> = listed.collect();
                assert_eq!(listed.len(), round, "{need:?}");
            }
        }
    }

    #[test]
    fn all_pages_of_a_list_count() {
        let mut share = ListShare::new();
        for _ in 0..20 {
            share.on_sent(Urgent);
        }
        let [_, urgent] = send(&mut share, 45, |_| Urgent);
        assert!(urgent.is_empty());
    }

    #[test]
    fn a_throttled_list_pauses_lists_for_a_minute() {
        let mut share = ListShare::new();
        let now = Mono::START + Duration::from_secs(100);
        share.on_throttled(now);
        assert!(!share.allows(Urgent, 0, now + Duration::from_secs(59)));
        assert!(share.allows(Urgent, 0, now + Duration::from_secs(60)));
    }

    #[test]
    fn one_list_that_fails_pauses_no_other_and_many_do() {
        let mut share = ListShare::new();
        let now = Mono::START;
        let fail = |share: &mut ListShare| {
            share.on_failed(now);
            let pauses =
                (0..5_000).find(|s| share.allows(Urgent, 0, now + Duration::from_secs(*s)));
            pauses.unwrap()
        };
        for _ in 0..10 {
            assert_eq!((fail(&mut share), fail(&mut share)), (0, 0));
            share.on_answered();
        }
        let pauses: Vec<_> = (0..9).map(|_| fail(&mut share)).collect();
        assert_eq!(pauses, [0, 0, 60, 120, 240, 480, 960, 1_920, 3_600]);
    }

    #[test]
    fn a_denied_pool_is_tried_again_daily() {
        let (mut denied, pool) = (DeniedIn::default(), PoolIndex(1));
        let day = |days: u32| Mono::START + DENIED * days;
        assert!(denied.allows(pool, day(0)));
        assert!(denied.on_denied(pool, day(0)), "is new");
        assert!(!denied.allows(pool, day(0) + DENIED / 2));
        assert!(denied.allows(PoolIndex(0), day(0)));
        assert!(denied.allows(pool, day(1)));
        assert!(!denied.on_denied(pool, day(1)), "is known");
        denied.on_answered(pool);
        assert!(denied.on_denied(pool, day(2)), "is new again");
    }

    #[test]
    fn who_cannot_be_listed_is_held_back_alone() {
        let (mut not_listed, pool) = (NotListed::default(), PoolIndex(0));
        not_listed.on_failed(7, Mono::START);
        assert!(!not_listed.allows(pool, 7, Mono::START));
        assert!(not_listed.allows(pool, 8, Mono::START));
        let later = Mono::START + HELD_BACK;
        assert!(not_listed.allows(pool, 7, later));
        not_listed.on_failed(8, later);
        assert_eq!(not_listed.identities.len(), 1, "the other is forgotten");
    }
}
