//! How many calls a budget has sent in the last minute, and how many of them AWS throttled. Pure.

use std::iter::Sum;
use std::time::Duration;

use crate::clock::Mono;

/// Calls are counted in slots of this length, the last of which is the present one.
const SLOT: Duration = Duration::from_secs(5);
const SLOTS: usize = 12;
/// Rates are over this long at least, so that the first call alone is no high rate.
const MIN_SPAN: Duration = Duration::from_secs(1);

/// The calls of one budget in the last minute: every request that was sent, so retries, probes and
/// pages too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecentCalls {
    /// When the first slot began.
    began: Mono,
    /// The number of the last slot with a call, from 0.
    newest: usize,
    /// Slot `n` stands at `n % SLOTS`.
    slots: [CallCounts; SLOTS],
}

/// Numbers of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// Calls that were sent.
    pub sent: u64,
    /// How many of these AWS throttled, as far as they have ended.
    pub throttled: u64,
}

impl RecentCalls {
    /// None yet; the first may be sent now.
    #[must_use]
    pub fn new(now: Mono) -> Self {
        Self {
            began: now,
            newest: 0,
            slots: [CallCounts::default(); SLOTS],
        }
    }

    /// A call is sent now.
    pub fn on_sent(&mut self, now: Mono) {
        let slot = self.slot(now);
        let passed = slot.saturating_sub(self.newest).min(SLOTS);
        for empty in self.newest + 1..=self.newest + passed {
            self.slots[empty % SLOTS] = CallCounts::default();
        }
        self.newest = self.newest.max(slot);
        if let Some(counts) = self.counts_at(now) {
            counts.sent += 1;
        }
    }

    /// A call that counts as sent at this time was not sent after all.
    pub fn on_unsent(&mut self, sent_at: Mono) {
        if let Some(counts) = self.counts_at(sent_at) {
            counts.sent = counts.sent.saturating_sub(1).max(counts.throttled);
        }
    }

    /// AWS throttled a call that was sent at this time.
    pub fn on_throttled(&mut self, sent_at: Mono) {
        if let Some(counts) = self.counts_at(sent_at) {
            // A call that was sent by another budget, before a reload, is not in `sent`.
            counts.throttled = counts.sent.min(counts.throttled + 1);
        }
    }

    /// The calls of the last minute, or of the time since the first slot began.
    #[must_use]
    pub fn counts(&self, now: Mono) -> CallCounts {
        let oldest = self.oldest(now).max(self.oldest_kept());
        let slots = oldest..=self.newest;
        slots.map(|slot| self.slots[slot % SLOTS]).sum()
    }

    /// Calls per second over the last minute. In the first one, over the time since it began, at
    /// least a second.
    #[must_use]
    pub fn per_second(&self, now: Mono) -> f64 {
        let left_out = SLOT * u32::try_from(self.oldest(now)).unwrap_or(u32::MAX);
        let span = now.since(self.began + left_out).max(MIN_SPAN);
        self.counts(now).sent as f64 / span.as_secs_f64()
    }

    /// The counts of the slot at this time; `None` if they are not kept.
    fn counts_at(&mut self, at: Mono) -> Option<&mut CallCounts> {
        let slot = self.slot(at);
        let is_kept = at >= self.began && (self.oldest_kept()..=self.newest).contains(&slot);
        is_kept.then(|| &mut self.slots[slot % SLOTS])
    }

    /// The number of the slot at this time.
    fn slot(&self, at: Mono) -> usize {
        let slot = at.since(self.began).as_secs() / SLOT.as_secs();
        usize::try_from(slot).unwrap_or(usize::MAX)
    }

    /// The first slot of the last minute.
    fn oldest(&self, now: Mono) -> usize {
        self.slot(now).saturating_sub(SLOTS - 1)
    }

    fn oldest_kept(&self) -> usize {
        self.newest.saturating_sub(SLOTS - 1)
    }
}

impl CallCounts {
    /// Which share of the calls AWS throttled, 0 to 1; `None` if there was no call.
    #[must_use]
    pub fn throttled_ratio(self) -> Option<f64> {
        (self.sent > 0).then(|| self.throttled as f64 / self.sent as f64)
    }
}

impl Sum for CallCounts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |sum, counts| Self {
            sent: sum.sent + counts.sent,
            throttled: sum.throttled + counts.throttled,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A budget may begin at any time.
    const BEGAN: Duration = Duration::from_millis(12_345);

    fn at(seconds: f64) -> Mono {
        Mono::START + BEGAN + Duration::from_secs_f64(seconds)
    }

    /// Calls that are evenly spaced, from the start until a time.
    fn sent(per_second: f64, until: f64) -> RecentCalls {
        let mut calls = RecentCalls::new(at(0.0));
        let number = (per_second * until) as u64;
        (0..number).for_each(|call| calls.on_sent(at(call as f64 / per_second)));
        calls
    }

    #[test]
    fn in_the_first_minute_the_rate_is_over_the_time_since_the_start() {
        assert_eq!(RecentCalls::new(at(0.0)).per_second(at(0.0)), 0.0);
        assert_eq!(RecentCalls::new(at(0.0)).counts(at(0.0)).sent, 0);
        let mut first = RecentCalls::new(at(0.0));
        first.on_sent(at(0.0));
        assert_eq!(first.per_second(at(0.0)), 1.0, "not infinitely many");
        for until in [1.0, 4.0, 5.0, 30.0, 59.0] {
            assert_eq!(sent(10.0, until).per_second(at(until)), 10.0, "{until} s");
        }
        assert_eq!(sent(10.0, 10.0).per_second(at(20.0)), 5.0);
    }

    #[test]
    fn the_rate_is_that_of_the_last_minute() {
        for until in [60.0, 61.5, 64.9, 65.0, 3_600.0] {
            let rate = sent(10.0, until).per_second(at(until));
            assert!((rate - 10.0).abs() < 0.1, "{rate} after {until} s");
        }
        let mut calls = sent(10.0, 600.0);
        for half_minute in 0..300 {
            calls.on_sent(at(600.0 + f64::from(half_minute) / 10.0));
        }
        let counts = calls.counts(at(630.0));
        assert!((550..=600).contains(&counts.sent), "{counts:?}");
    }

    #[test]
    fn what_is_older_than_a_minute_does_not_count() {
        let mut calls = sent(10.0, 10.0);
        assert_eq!(calls.counts(at(54.9)).sent, 100);
        assert_eq!(calls.counts(at(64.9)).sent, 50);
        assert_eq!(calls.counts(at(70.0)).sent, 0);
        assert_eq!(calls.per_second(at(70.0)), 0.0);
        assert_eq!(calls.counts(at(70.0)).throttled_ratio(), None);
        calls.on_sent(at(1e9));
        assert_eq!(calls.counts(at(1e9)).sent, 1);
        calls.on_throttled(at(1.0));
        assert_eq!(calls.counts(at(1e9)).throttled, 0, "it is not kept");
    }

    #[test]
    fn a_throttled_call_counts_when_it_was_sent() {
        let mut calls = sent(1.0, 20.0);
        calls.on_throttled(at(3.0));
        calls.on_throttled(at(19.0));
        let ratio = |now| calls.counts(at(now)).throttled_ratio();
        assert_eq!(ratio(20.0), Some(0.1));
        assert_eq!(ratio(61.0), Some(1.0 / 15.0));
    }

    #[test]
    fn an_unsent_call_does_not_count() {
        let mut calls = sent(1.0, 2.0);
        calls.on_unsent(at(1.0));
        let one = CallCounts {
            sent: 1,
            throttled: 0,
        };
        assert_eq!(calls.counts(at(2.0)), one);
    }

    /// It was sent before a reload, by another budget.
    #[test]
    fn a_call_of_another_budget_makes_no_nonsense() {
        let mut calls = RecentCalls::new(at(0.0));
        for sent_at in [-30.0_f64, 0.0] {
            let before = Duration::from_secs_f64(sent_at.abs());
            calls.on_throttled(at(0.0).before(before));
            calls.on_unsent(at(0.0).before(before));
        }
        assert_eq!(calls, RecentCalls::new(at(0.0)));
    }

    #[test]
    fn clocks_that_are_read_in_another_order_lose_no_call() {
        let mut calls = RecentCalls::new(at(0.0));
        calls.on_sent(at(10.1));
        calls.on_sent(at(9.9));
        assert_eq!(calls.counts(at(9.8)).sent, 2);
        assert_eq!(calls.counts(at(10.2)).sent, 2);
    }
}
