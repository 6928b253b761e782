//! The rate of a budget's calls: never above a ceiling, and below it while AWS throttles.

use std::time::Duration;

use crate::clock::Mono;

/// How far calls that were held up may run ahead to catch up. In any second at most `rate` x 1.05 +
/// 1 calls set out; the other twentieth, up to the promised 1.1 x `rate` + 1, is left for calls
/// that the network pushes together.
const CATCH_UP: Duration = Duration::from_millis(50);
/// What is left of the rate when AWS throttles.
const DECREASE: f64 = 0.8;
/// The lowest rate, in calls per second: someone has to find out when the throttling is over.
const FLOOR: f64 = 0.5;
/// In a second without throttling the rate rises by this part of the ceiling …
const INCREASE: f64 = 0.01;
/// … but by no more than this part of itself, so that a quota far below the ceiling is passed
/// gently and seldom …
const GENTLY: f64 = 0.1;
/// … and by no less than this, in calls per second.
const LEAST_INCREASE: f64 = 0.5;

/// Says when the next call of a budget may set out, by the generic cell rate algorithm: one number,
/// no timer. Throttled calls lower the rate by a factor, others raise it by additions.
#[derive(Clone, Debug)]
pub struct Pacer {
    ceiling: f64,
    rate: f64,
    /// When the next call would set out if all came evenly.
    due: Mono,
    /// When the rate was lowered last.
    lowered: Mono,
}

impl Pacer {
    /// A pacer for at most `ceiling` calls per second, more than 0. The first call may set out at
    /// once.
    #[must_use]
    pub fn new(ceiling: f64) -> Self {
        Self {
            ceiling,
            rate: ceiling,
            due: Mono::START,
            lowered: Mono::START,
        }
    }

    /// Sets another ceiling, more than 0. A rate that was lowered stays where it is, below the new
    /// ceiling.
    pub fn set_ceiling(&mut self, ceiling: f64) {
        let was_lowered = self.rate < self.ceiling;
        self.rate = if was_lowered {
            self.rate.min(ceiling)
        } else {
            ceiling
        };
        self.ceiling = ceiling;
    }

    /// Calls per second, as allowed at present.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// The earliest that a call may set out; past or present means now.
    #[must_use]
    pub fn ready_at(&self) -> Mono {
        self.due.before(CATCH_UP)
    }

    /// A call sets out now.
    pub fn spend(&mut self, now: Mono) {
        self.due = self.due.max(now) + Duration::from_secs_f64(1.0 / self.rate);
    }

    /// AWS throttled a call that had set out at `set_out`. One that was out already when the rate
    /// was last lowered tells nothing new.
    pub fn throttled(&mut self, set_out: Mono, now: Mono) {
        if set_out >= self.lowered {
            self.rate = (self.rate * DECREASE).max(FLOOR.min(self.ceiling));
            self.lowered = now;
        }
    }

    /// AWS answered a call. A second of such answers, at the present rate, makes the increase of a
    /// second.
    pub fn answered(&mut self) {
        let increase = (self.ceiling * INCREASE).min((self.rate * GENTLY).max(LEAST_INCREASE));
        self.rate = (self.rate + increase / self.rate).min(self.ceiling);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// Calls as soon as allowed, except while held up; gives the times of the calls.
    fn calls(rate: f64, seconds: u64, held_up: impl Fn(f64) -> bool) -> Vec<Mono> {
        let mut pacer = Pacer::new(rate);
        let mut calls = Vec::new();
        for now in (0..seconds * 10_000).map(|step| Mono::START + Duration::from_micros(step * 100))
        {
            while !held_up(now.since(Mono::START).as_secs_f64()) && pacer.ready_at() <= now {
                pacer.spend(now);
                calls.push(now);
            }
        }
        calls
    }

    fn most_in_a_second(calls: &[Mono]) -> usize {
        let second = Duration::from_secs(1);
        let from = |first: Mono| {
            calls
                .iter()
                .filter(|call| **call >= first && call.since(first) < second)
                .count()
        };
        calls.iter().map(|first| from(*first)).max().unwrap_or(0)
    }

    #[test]
    fn no_second_has_more_calls_than_the_ceiling_allows() {
        for rate in [0.5, 1.0, 7.0, 10.0, 100.0, 333.0] {
            for stutter in [0.0, 0.03, 0.4, 0.999] {
                let calls = calls(rate, 8, |second| second % 1.0 < stutter);
                let most = most_in_a_second(&calls) as f64;
                assert!(
                    most <= rate * 1.05 + 1.0,
                    "{most} calls in a second at {rate}/s, stutter {stutter}"
                );
            }
        }
    }

    #[test]
    fn the_ceiling_is_reached() {
        for rate in [0.5, 10.0, 333.0] {
            let calls = calls(rate, 20, |_| false);
            assert!(
                calls.len() as f64 >= rate * 20.0 - 1.0,
                "{} calls at {rate}/s",
                calls.len()
            );
        }
    }

    #[test]
    fn a_long_pause_earns_no_burst() {
        let calls = calls(100.0, 10, |second| second < 9.0);
        assert!(
            most_in_a_second(&calls) <= 106,
            "{}",
            most_in_a_second(&calls)
        );
    }

    /// Calls as often as allowed, each answered after `latency` by a service that allows
    /// `quota(second)` calls a second, with bursts of one second's worth. Gives calls and throttled
    /// calls of each second.
    fn against(
        ceiling: f64,
        latency: Duration,
        seconds: u64,
        quota: impl Fn(u64) -> f64,
    ) -> (Vec<(u32, u32)>, Pacer) {
        let mut pacer = Pacer::new(ceiling);
        let mut under_way: VecDeque<(Mono, Mono, bool)> = VecDeque::new();
        let mut tokens = 0.0;
        let mut counts = vec![(0, 0); seconds as usize];
        for millis in 0..seconds * 1_000 {
            let now = Mono::START + Duration::from_millis(millis);
            let (second, allowed) = ((millis / 1_000) as usize, quota(millis / 1_000));
            tokens = (tokens + allowed / 1_000.0).min(allowed);
            while under_way.front().is_some_and(|(ends, ..)| *ends <= now) {
                match under_way.pop_front() {
                    Some((_, set_out, true)) => pacer.throttled(set_out, now),
                    _ => pacer.answered(),
                }
            }
            while pacer.ready_at() <= now {
                pacer.spend(now);
                let throttled = tokens < 1.0;
                tokens -= if throttled { 0.0 } else { 1.0 };
                counts[second].0 += 1;
                counts[second].1 += u32::from(throttled);
                under_way.push_back((now + latency, now, throttled));
            }
        }
        (counts, pacer)
    }

    fn sums(counts: &[(u32, u32)]) -> (f64, f64) {
        let sum = |of: fn(&(u32, u32)) -> u32| f64::from(counts.iter().map(of).sum::<u32>());
        (sum(|count| count.0), sum(|count| count.1))
    }

    #[test]
    fn a_quota_below_the_ceiling_is_found_and_kept_to() {
        for millis in [5, 50, 200] {
            let (counts, _) = against(100.0, Duration::from_millis(millis), 600, |_| 20.0);
            let (calls, throttled) = sums(&counts[60..]);
            assert!(
                throttled / calls < 0.03,
                "{throttled} of {calls} throttled at {millis} ms"
            );
            assert!(
                (calls - throttled) / 540.0 > 0.85 * 20.0,
                "{} of 20/s used at {millis} ms",
                calls / 540.0
            );
        }
    }

    #[test]
    fn a_raised_quota_is_found_within_two_minutes() {
        let quota = |second| if second < 120 { 20.0 } else { 60.0 };
        let (counts, _) = against(100.0, Duration::from_millis(50), 300, quota);
        let (calls, throttled) = sums(&counts[240..]);
        assert!(
            (calls - throttled) / 60.0 > 0.85 * 60.0,
            "{} of 60/s used",
            calls / 60.0
        );
    }

    #[test]
    fn throttling_of_everything_leaves_one_call_a_second_and_passes() {
        for ceiling in [0.2, 1.0, 10.0, 100.0, 1_000.0] {
            let throttled = |second: u64| {
                if (10..310).contains(&second) {
                    0.0
                } else {
                    1e9
                }
            };
            let (counts, pacer) = against(ceiling, Duration::from_millis(50), 610, throttled);
            for (second, (calls, _)) in counts.iter().enumerate().skip(60).take(250) {
                assert!(
                    *calls <= 1,
                    "{calls} calls in second {second} under {ceiling}/s"
                );
            }
            assert_eq!(
                pacer.rate(),
                ceiling,
                "the ceiling is reached again within five minutes"
            );
        }
    }

    #[test]
    fn calls_that_were_out_lower_the_rate_once() {
        let mut pacer = Pacer::new(100.0);
        let at = |millis: u64| Mono::START + Duration::from_millis(millis);
        (0..50).for_each(|set_out| pacer.throttled(at(set_out), at(60 + set_out)));
        assert_eq!(pacer.rate(), 80.0);
        pacer.throttled(at(61), at(120));
        assert_eq!(pacer.rate(), 64.0);
    }
}
