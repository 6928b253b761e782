//! How a budget whose credentials are no good finds out that they are good again: one call, seldom.

use std::time::Duration;

use crate::clock::Mono;

const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// The wait for the next probe, or the probe under way.
#[derive(Debug)]
pub(super) struct Probe {
    next: Mono,
    wait: Duration,
}

impl Probe {
    /// Credentials have just been refused: the first probe goes out in 5 s.
    pub(super) fn new(now: Mono) -> Self {
        Self {
            next: now + FIRST_WAIT,
            wait: FIRST_WAIT,
        }
    }

    /// When the next probe may go out; never while one is out.
    pub(super) fn ready_at(&self) -> Mono {
        self.next
    }

    /// The probe is sent.
    pub(super) fn sent(&mut self) {
        self.next = Mono::NEVER;
    }

    /// The probe will not come back: another one goes out after as long a wait.
    pub(super) fn lost(&mut self, now: Mono) {
        self.next = now + self.wait;
    }

    /// The probe came back without good news: the next one waits twice as long, up to 5 min.
    pub(super) fn failed(&mut self, now: Mono) {
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        self.next = now + self.wait;
    }
}
