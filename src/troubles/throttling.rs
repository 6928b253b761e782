//! Whether AWS throttles much of a budget's calls, which is logged when it begins and when it ends.

use tracing::{info, warn};

use crate::api::FailureClass;
use crate::schedule::MIN_RATE;

/// The part of the ceiling below which throttling is reported, and the part at which it is over.
const LOW: f64 = 0.5;
const RECOVERED: f64 = 0.8;
/// At the lowest rate, so many of the last calls show what the rate cannot show.
const LAST: u32 = 4;
/// So many of them are throttled where most are.
const MOST: u32 = 3;

/// The throttling of one budget's calls.
#[derive(Debug, Default)]
pub(super) struct Throttling {
    /// The last calls that AWS answered: bits, the latest lowest, of which 1 is a throttled one.
    throttled: u128,
    calls: u32,
    is_reported: bool,
}

impl Throttling {
    /// A call has ended; `class` is that of its failure, `rate` and `ceiling` are the budget's by
    /// now, in calls per second. Returns whether a line was logged.
    pub(super) fn on_call_end(
        &mut self,
        budget: &str,
        class: Option<FailureClass>,
        rate: f64,
        ceiling: f64,
    ) -> bool {
        let is_throttled = match class {
            Some(FailureClass::NoAnswer | FailureClass::Budget) => return false,
            class => class == Some(FailureClass::Throttled),
        };
        self.throttled = self.throttled << 1 | u128::from(is_throttled);
        self.calls = (self.calls + 1).min(u128::BITS);
        let throttled_of_last = (self.throttled & ((1 << LAST) - 1)).count_ones();
        let is_low = rate <= ceiling * LOW || is_low(rate, ceiling) && throttled_of_last >= MOST;
        if is_throttled && !self.is_reported && is_low {
            let (throttled, calls) = (self.throttled.count_ones(), self.calls);
            let rate = tenths(rate);
            warn!(
                budget,
                rate,
                ceiling,
                throttled,
                calls,
                "AWS throttles: {rate} of {ceiling} calls/s at present, {throttled} of the last \
                 {calls} calls throttled; lower poll.rate_limit, or ask AWS for a higher quota"
            );
        } else if self.is_reported && rate >= ceiling * RECOVERED && throttled_of_last == 0 {
            let rate = tenths(rate);
            info!(
                budget,
                rate, ceiling, "AWS throttles no more: {rate} of {ceiling} calls/s at present"
            );
        } else {
            return false;
        }
        self.is_reported = !self.is_reported;
        true
    }

    /// Whether throttling was reported and is not over.
    pub(super) fn is_reported(&self) -> bool {
        self.is_reported
    }
}

/// Whether a rate has fallen to half of the ceiling, or as low as rates fall: below a ceiling of
/// twice the lowest rate, that is more than half of it.
pub fn is_low(rate: f64, ceiling: f64) -> bool {
    rate <= ceiling * LOW || rate <= MIN_RATE.min(ceiling)
}

fn tenths(rate: f64) -> f64 {
    (rate * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Mono;
    use crate::schedule::Pacer;
    use std::time::Duration;

    /// Calls of a pacer, of which AWS throttles the first `throttled`; returns after which of them
    /// a line was logged.
    fn logged(ceiling: f64, throttled: usize, calls: usize) -> Vec<usize> {
        let (mut pacer, mut throttling) = (Pacer::new(ceiling), Throttling::default());
        let call = |number: &usize| {
            let now = Mono::START + Duration::from_secs(*number as u64);
            let class = (*number <= throttled).then_some(FailureClass::Throttled);
            match class {
                Some(_) => pacer.on_throttled(now, now),
                None => pacer.on_answered(),
            }
            throttling.on_call_end("test", class, pacer.rate(), ceiling)
        };
        (1..=calls).filter(call).collect()
    }

    #[test]
    fn a_rate_below_half_of_the_ceiling_is_reported_until_it_has_recovered() {
        // 0.8^3 is more than a half, 0.8^4 less.
        assert_eq!(logged(10.0, 3, 1_000), [0; 0]);
        let lines = logged(10.0, 4, 1_000);
        assert_eq!((lines.len(), lines[0]), (2, 4));
        assert_eq!(logged(10.0, 1_000, 1_000), [4]);
    }

    #[test]
    fn at_a_low_ceiling_most_of_the_last_calls_are_reported() {
        for ceiling in [0.01, 0.5, 0.6, 0.9] {
            assert_eq!(logged(ceiling, 2, 100), [0; 0], "{ceiling}");
            let lines = logged(ceiling, 5, 100);
            assert_eq!(lines.len(), 2, "{ceiling}: {lines:?}");
            assert!(lines[0] <= 5 && lines[1] >= 9, "{ceiling}: {lines:?}");
        }
    }

    #[test]
    fn calls_without_an_answer_show_nothing() {
        let mut throttling = Throttling::default();
        for class in [FailureClass::NoAnswer, FailureClass::Budget] {
            assert!(!throttling.on_call_end("test", Some(class), 0.5, 10.0));
        }
        assert!(throttling.on_call_end("test", Some(FailureClass::Throttled), 0.5, 10.0));
        assert_eq!((throttling.calls, throttling.is_reported()), (1, true));
    }
}
