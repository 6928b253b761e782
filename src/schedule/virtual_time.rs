//! Virtual time: the greatest key that was called. Its speed shows how long a key waits.

use std::time::Duration;

use crate::clock::Mono;

/// The speed is averaged over so many seconds.
const SPEED_SECONDS: f64 = 600.0;

/// Ten of the highest prices and more.
const LONG: u64 = 1 << 48;

/// The virtual time of a budget, in units of [`Demand::price`](super::Demand).
#[derive(Clone, Copy, Debug)]
pub(super) struct VirtualTime {
    now: u64,
    per_second: f64,
    at: Mono,
}

impl VirtualTime {
    /// It begins to pass at this time.
    pub(super) fn new(at: Mono) -> Self {
        Self {
            now: 0,
            per_second: 0.0,
            at,
        }
    }

    /// It has passed at this speed for so long that those that waited have keys behind it.
    pub(super) fn at_speed(per_second: f64, at: Mono) -> Self {
        Self {
            now: LONG,
            per_second,
            at,
        }
    }

    /// How much of it passes in a second.
    pub(super) fn per_second(&self) -> f64 {
        self.per_second
    }

    /// The key of one who began to wait for `ahead` so long ago, at this speed.
    pub(super) fn key_after(&self, ahead: u64, waited: Duration, per_second: f64) -> u64 {
        let passed = (waited.as_secs_f64() * per_second) as u64;
        self.key(ahead).saturating_sub(passed)
    }

    /// The key that is so far ahead.
    pub(super) fn key(&self, ahead: u64) -> u64 {
        self.now.saturating_add(ahead)
    }

    /// How far a key is ahead.
    pub(super) fn ahead(&self, key: u64) -> u64 {
        key.saturating_sub(self.now)
    }

    /// It passes to this key, which is called.
    pub(super) fn pass_to(&mut self, key: u64, at: Mono) {
        let passed = self.ahead(key);
        let kept = (-at.since(self.at).as_secs_f64() / SPEED_SECONDS).exp();
        *self = Self {
            now: self.now + passed,
            per_second: self.per_second * kept + passed as f64 / SPEED_SECONDS,
            at,
        };
    }

    /// The time until so much more has passed, at its present speed.
    pub(super) fn wait(&self, ahead: u64) -> Duration {
        let seconds = ahead as f64 / self.per_second;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}
