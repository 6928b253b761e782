//! The ceiling of exchanges.

use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::{Clock, Mono};
use crate::progress::ExchangeProgress;
use crate::schedule::Pacer;
use crate::targets::MAX_EXCHANGES;

/// Lets [`MAX_EXCHANGES`] exchanges pass in a second, and counts them. One for each budget.
pub(super) struct Ceiling {
    /// The budget's label.
    budget: String,
    pacer: Mutex<Pacer>,
    progress: Arc<ExchangeProgress>,
}

impl Ceiling {
    /// The ceiling of the budget with this label.
    pub(super) fn new(budget: String, progress: Arc<ExchangeProgress>) -> Self {
        Self {
            budget,
            pacer: Mutex::new(Pacer::new(MAX_EXCHANGES)),
            progress,
        }
    }

    /// Waits until one more exchange may be made. Returns when that was.
    pub(super) async fn pass(&self, clock: &Clock) -> Mono {
        loop {
            let now = clock.now().mono;
            match self.try_pass(now) {
                Ok(()) => return now,
                Err(ready_at) => clock.sleep_until(ready_at).await,
            }
        }
    }

    /// AWS throttled an exchange that passed at this time.
    pub(super) fn on_throttled(&self, passed_at: Mono) {
        self.progress.on_throttled(&self.budget, passed_at);
    }

    /// Counts an exchange that is made now.
    ///
    /// # Errors
    /// When none may be made; it returns when one may.
    fn try_pass(&self, now: Mono) -> Result<(), Mono> {
        let mut pacer = self.pacer.lock().unwrap_or_else(PoisonError::into_inner);
        let ready_at = pacer.ready_at();
        if ready_at > now {
            return Err(ready_at);
        }
        pacer.on_sent(now);
        self.progress.on_sent(&self.budget, now);
        Ok(())
    }
}
