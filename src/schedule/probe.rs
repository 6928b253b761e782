//! Probes: single calls, at growing intervals, that test whether a budget's credentials work again.

use std::time::Duration;

use crate::clock::Mono;

const INITIAL_WAIT: Duration = Duration::from_secs(5);
const MAX_WAIT: Duration = Duration::from_secs(300);

/// The state between two probes: one is scheduled or in flight.
#[derive(Debug)]
pub(super) struct Probe {
    ready_at: Mono,
    wait: Duration,
}

impl Probe {
    /// Starts after a call failed with [`crate::api::Failure::Credentials`]. The first probe is due
    /// in 5 s.
    pub(super) fn new(now: Mono) -> Self {
        Self {
            ready_at: now + INITIAL_WAIT,
            wait: INITIAL_WAIT,
        }
    }

    /// When the next probe may be sent; [`Mono::MAX`] while one is in flight.
    pub(super) fn ready_at(&self) -> Mono {
        self.ready_at
    }

    /// A probe is sent now.
    pub(super) fn on_sent(&mut self) {
        self.ready_at = Mono::MAX;
    }

    /// The result of the probe is lost. The next one is due after the same wait.
    pub(super) fn on_lost(&mut self, now: Mono) {
        self.ready_at = now + self.wait;
    }

    /// The probe failed. The next one is due after twice the wait, at most 5 min.
    pub(super) fn on_failed(&mut self, now: Mono) {
        self.wait = (self.wait * 2).min(MAX_WAIT);
        self.ready_at = now + self.wait;
    }
}
