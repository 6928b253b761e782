//! A ceiling on the rate of calls.

use std::time::Duration;

use crate::clock::Mono;

/// How far calls that were held up may run ahead to catch up. In any second at most `rate` x 1.05 + 1 calls set out; the
/// other twentieth, up to the promised 1.1 x `rate` + 1, is left for calls that the network pushes together.
const CATCH_UP: Duration = Duration::from_millis(50);

/// Says when the next call of a budget may set out, by the generic cell rate algorithm: one number, no timer.
#[derive(Clone, Debug)]
pub struct Pacer {
    rate: f64,
    /// When the next call would set out if all came evenly.
    due: Mono,
}

impl Pacer {
    /// A pacer for `rate` calls per second, more than 0. The first call may set out at once.
    #[must_use]
    pub fn new(rate: f64) -> Self {
        Self { rate, due: Mono::START }
    }

    /// Calls per second, as allowed at present.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// The earliest that a call may set out; past or present means now.
    #[must_use]
    pub fn ready_at(&self) -> Mono {
        Mono::from_nanos(self.due.as_nanos().saturating_sub(CATCH_UP.as_nanos() as u64))
    }

    /// A call sets out now.
    pub fn spend(&mut self, now: Mono) {
        self.due = self.due.max(now) + Duration::from_secs_f64(1.0 / self.rate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls as soon as allowed, except while held up; gives the times of the calls.
    fn calls(rate: f64, seconds: u64, held_up: impl Fn(f64) -> bool) -> Vec<Mono> {
        let mut pacer = Pacer::new(rate);
        let mut calls = Vec::new();
        for now in (0..seconds * 10_000).map(|step| Mono::from_nanos(step * 100_000)) {
            while !held_up(now.since(Mono::START).as_secs_f64()) && pacer.ready_at() <= now {
                pacer.spend(now);
                calls.push(now);
            }
        }
        calls
    }

    fn most_in_a_second(calls: &[Mono]) -> usize {
        let second = Duration::from_secs(1);
        let from = |first: Mono| calls.iter().filter(|call| **call >= first && call.since(first) < second).count();
        calls.iter().map(|first| from(*first)).max().unwrap_or(0)
    }

    #[test]
    fn no_second_has_more_calls_than_the_ceiling_allows() {
        for rate in [0.5, 1.0, 7.0, 10.0, 100.0, 333.0] {
            for stutter in [0.0, 0.03, 0.4, 0.999] {
                let calls = calls(rate, 8, |second| second % 1.0 < stutter);
                let most = most_in_a_second(&calls) as f64;
                assert!(most <= rate * 1.05 + 1.0, "{most} calls in a second at {rate}/s, stutter {stutter}");
            }
        }
    }

    #[test]
    fn the_ceiling_is_reached() {
        for rate in [0.5, 10.0, 333.0] {
            let calls = calls(rate, 20, |_| false);
            assert!(calls.len() as f64 >= rate * 20.0 - 1.0, "{} calls at {rate}/s", calls.len());
        }
    }

    #[test]
    fn a_long_pause_earns_no_burst() {
        let calls = calls(100.0, 10, |second| second < 9.0);
        assert!(most_in_a_second(&calls) <= 106, "{}", most_in_a_second(&calls));
    }
}
