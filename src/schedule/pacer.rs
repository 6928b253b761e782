//! The rate of a budget's calls: at most a ceiling, and lower while AWS throttles.

use std::time::Duration;

use crate::clock::Mono;

/// Burst tolerance: delayed calls may be sent this much ahead of their even spacing. Any second
/// then holds at most `rate` x 1.05 + 1 calls. The documented limit is 1.1 x `rate` + 1; the
/// difference allows for calls that the network delays and delivers together.
const BURST_TOLERANCE: Duration = Duration::from_millis(50);
/// Factor of the rate when AWS throttles.
const DECREASE_FACTOR: f64 = 0.8;
/// The lowest rate, in calls per second. Calls go on, so that the end of the throttling is noticed.
pub const MIN_RATE: f64 = 0.5;
/// Increase in a second without throttling, as a fraction of the ceiling.
const INCREASE_OF_CEILING: f64 = 0.01;
/// Upper bound of that increase, as a fraction of the rate. It keeps overshoot small and rare when
/// the quota is far below the ceiling.
const MAX_RELATIVE_INCREASE: f64 = 0.1;
/// Lower bound of `MAX_RELATIVE_INCREASE`, in calls per second.
const MIN_INCREASE: f64 = 0.5;
/// Increase of a careful pacer with each answer, as a fraction of the rate, near a rate that AWS
/// throttled. It regains what one throttled call takes in ln(1 / 0.8) / 0.001 = 223 calls, so that
/// one call in so many is throttled, whatever the quota and the ceiling are.
const CAREFUL_INCREASE: f64 = 0.001;

/// Decides when the next call of a budget may be sent, by the generic cell rate algorithm: one
/// number, no timer. A throttled call multiplies the rate by a factor below 1, any other answer
/// adds to it.
#[derive(Clone, Debug)]
pub struct Pacer {
    ceiling: f64,
    rate: f64,
    /// When the next call would be sent if all calls were evenly spaced.
    theoretical_arrival: Mono,
    last_decrease: Mono,
    growth: Growth,
}

/// How the rate grows while AWS does not throttle.
#[derive(Clone, Copy, Debug)]
enum Growth {
    /// By a part of the ceiling in a second.
    Steady,
    /// The same as far as one decrease below the rate that AWS throttled first after an answer, and
    /// from there on by a part of the rate with each answer.
    Careful {
        throttled: f64,
        answered_since: bool,
    },
}

impl Pacer {
    /// A pacer for at most `ceiling` calls per second, more than 0. The first call may be sent at
    /// once.
    #[must_use]
    pub fn new(ceiling: f64) -> Self {
        Self {
            ceiling,
            rate: ceiling,
            theoretical_arrival: Mono::START,
            last_decrease: Mono::START,
            growth: Growth::Steady,
        }
    }

    /// A pacer for calls of which few may be throttled: once it has found a quota below its
    /// ceiling, it is slow to try more.
    #[must_use]
    pub fn careful(ceiling: f64) -> Self {
        let growth = Growth::Careful {
            throttled: f64::INFINITY,
            answered_since: true,
        };
        Self {
            growth,
            ..Self::new(ceiling)
        }
    }

    /// Sets another ceiling, more than 0. A rate below the old ceiling stays as it is, up to the
    /// new ceiling. The next call need not wait longer than after a call that is sent now.
    pub fn set_ceiling(&mut self, ceiling: f64, now: Mono) {
        let was_lowered = self.rate < self.ceiling;
        self.rate = if was_lowered {
            self.rate.min(ceiling)
        } else {
            ceiling
        };
        self.ceiling = ceiling;
        // As late as calls at the new rate alone can bring it.
        let latest = now + BURST_TOLERANCE + self.interval();
        self.theoretical_arrival = self.theoretical_arrival.min(latest);
    }

    /// Goes on at a rate at which AWS did not throttle, as far as the ceiling allows.
    pub fn resume(&mut self, rate: f64) {
        if rate.is_finite() {
            self.rate = rate.clamp(MIN_RATE.min(self.ceiling), self.ceiling);
        }
    }

    /// The ceiling, in calls per second.
    #[must_use]
    pub fn ceiling(&self) -> f64 {
        self.ceiling
    }

    /// The present rate, in calls per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// The earliest time for the next call; in the past when a call may be sent now.
    #[must_use]
    pub fn ready_at(&self) -> Mono {
        self.theoretical_arrival.before(BURST_TOLERANCE)
    }

    /// Counts a call that is sent now.
    pub fn on_sent(&mut self, now: Mono) {
        self.theoretical_arrival = self.theoretical_arrival.max(now) + self.interval();
    }

    fn interval(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.rate)
    }

    /// AWS throttled a call that was sent at `sent_at`. A call that was sent before the last
    /// decrease does not lower the rate again.
    pub fn on_throttled(&mut self, sent_at: Mono, now: Mono) {
        if sent_at >= self.last_decrease {
            if let Growth::Careful {
                throttled,
                answered_since,
            } = &mut self.growth
                && std::mem::take(answered_since)
            {
                *throttled = self.rate;
            }
            self.rate = (self.rate * DECREASE_FACTOR).max(MIN_RATE.min(self.ceiling));
            self.last_decrease = now;
        }
    }

    /// AWS answered a call without throttling. One second of such answers at the present rate adds
    /// up to one second's increase.
    pub fn on_answered(&mut self) {
        if let Growth::Careful {
            throttled,
            answered_since,
        } = &mut self.growth
        {
            *answered_since = true;
            if self.rate >= *throttled * DECREASE_FACTOR {
                self.rate = (self.rate * (1.0 + CAREFUL_INCREASE)).min(self.ceiling);
                return;
            }
        }
        let max_increase = (self.rate * MAX_RELATIVE_INCREASE).max(MIN_INCREASE);
        let increase = (self.ceiling * INCREASE_OF_CEILING).min(max_increase);
        self.rate = (self.rate + increase / self.rate).min(self.ceiling);
    }
}

#[cfg(test)]
mod tests;
