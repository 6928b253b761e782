//! The ceiling of exchanges.

use std::sync::{Mutex, PoisonError};

use crate::clock::{Clock, Mono};
use crate::schedule::Pacer;
use crate::targets::MAX_EXCHANGES;

/// Lets [`MAX_EXCHANGES`] exchanges pass in a second. One for each region and endpoint.
pub(super) struct Ceiling(Mutex<Pacer>);

impl Default for Ceiling {
    fn default() -> Self {
        Self(Mutex::new(Pacer::new(MAX_EXCHANGES)))
    }
}

impl Ceiling {
    /// Waits until one more exchange may be made.
    pub(super) async fn pass(&self, clock: &Clock) {
        while let Err(ready_at) = self.try_pass(clock.now().mono) {
            clock.sleep_until(ready_at).await;
        }
    }

    /// Counts an exchange that is made now.
    ///
    /// # Errors
    /// When none may be made; it returns when one may.
    fn try_pass(&self, now: Mono) -> Result<(), Mono> {
        let mut pacer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ready_at = pacer.ready_at();
        if ready_at > now {
            return Err(ready_at);
        }
        pacer.on_sent(now);
        Ok(())
    }
}
