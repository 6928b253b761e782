//! Whether a failed call is repeated, and after which wait.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;

use crate::api::{Failure, FailureClass, Signer};

const INITIAL_WAIT: Duration = Duration::from_millis(500);
const MAX_WAIT: Duration = Duration::from_secs(20);
/// The attempts with a guest's keys, of which the second has new ones.
const MAX_KEYS: u32 = 2;

/// The retry policy of a poll: exponential backoff with jitter.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    max_attempts: u32,
}

impl Retry {
    /// At most `max_attempts` attempts at one call, at least 1.
    #[must_use]
    pub fn new(max_attempts: u32) -> Self {
        Self { max_attempts }
    }

    /// The wait after attempt number `attempt` (from 1) has failed; `None` when the call is not
    /// repeated. Waits double from 0.5 s to 20 s. `jitter` in 0..1 scales a wait to between half
    /// and the whole of that. A guest's keys that were refused are replaced once, however many
    /// attempts there are.
    #[must_use]
    pub fn wait(
        &self,
        attempt: u32,
        failure: Failure,
        signer: Signer,
        jitter: f64,
    ) -> Option<Duration> {
        let max_attempts = match failure.class_for(signer) {
            _ if (failure, signer) == (Failure::Credentials, Signer::Guest) => MAX_KEYS,
            FailureClass::Throttled | FailureClass::Transient | FailureClass::NoAnswer => {
                self.max_attempts
            }
            FailureClass::Permanent | FailureClass::Budget => return None,
        };
        if attempt >= max_attempts {
            return None;
        }
        let mut waits = ExponentialBackoff {
            current_interval: INITIAL_WAIT,
            initial_interval: INITIAL_WAIT,
            randomization_factor: 0.0,
            multiplier: 2.0,
            max_interval: MAX_WAIT,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        let backoff = (1..attempt).fold(waits.next_backoff()?, |_, _| {
            waits.next_backoff().unwrap_or(MAX_WAIT)
        });
        Some(backoff.mul_f64(0.5 + jitter / 2.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_maximum() {
        let retry = Retry::new(10);
        let waits: Vec<_> = (1..=8)
            .filter_map(|attempt| retry.wait(attempt, Failure::Timeout, Signer::Account, 1.0))
            .collect();
        let millis: Vec<_> = waits.iter().map(Duration::as_millis).collect();
        assert_eq!(
            millis,
            [500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]
        );
        assert_eq!(
            retry.wait(1, Failure::Timeout, Signer::Account, 0.0),
            Some(Duration::from_millis(250))
        );
    }

    #[test]
    fn only_transient_failures_are_retried() {
        for failure in Failure::ALL {
            let wait = |max, attempt| Retry::new(max).wait(attempt, failure, Signer::Account, 0.5);
            let again = wait(3, 2).is_some();
            let is_retryable = matches!(
                failure.class(),
                FailureClass::Throttled | FailureClass::Transient | FailureClass::NoAnswer
            );
            assert_eq!(again, is_retryable, "{failure:?}");
            assert_eq!(wait(3, 3), None, "{failure:?}");
            assert_eq!(wait(1, 1), None, "{failure:?}");
        }
    }

    #[test]
    fn refused_keys_of_a_guest_are_replaced_once() {
        for max_attempts in [1, 2, 10] {
            let retry = Retry::new(max_attempts);
            let wait = |attempt| retry.wait(attempt, Failure::Credentials, Signer::Guest, 0.5);
            assert!(wait(1).is_some(), "{max_attempts}");
            assert_eq!(wait(2), None, "{max_attempts}");
        }
    }
}
