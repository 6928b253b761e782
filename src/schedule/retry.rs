//! Whether a failed call is tried again, and after how long.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;

use crate::api::{Failure, FailureClass};

const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// The attempts of one poll.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    attempts: u32,
}

impl Retry {
    /// At most `attempts` API calls in one poll, at least 1.
    #[must_use]
    pub fn new(attempts: u32) -> Self {
        Self { attempts }
    }

    /// How long to wait after attempt number `attempt` (from 1) failed; `None` when the poll has
    /// failed. `chance` in 0..1 spreads the waits over half to the whole of 0.5 s, 1 s, 2 s … 20 s.
    #[must_use]
    pub fn wait(&self, attempt: u32, failure: Failure, chance: f64) -> Option<Duration> {
        let may_pass = match failure.class() {
            FailureClass::Transient | FailureClass::NoAnswer => true,
            FailureClass::Permanent | FailureClass::Credentials => false,
        };
        if attempt >= self.attempts || !may_pass {
            return None;
        }
        let mut waits = ExponentialBackoff {
            current_interval: FIRST_WAIT,
            initial_interval: FIRST_WAIT,
            randomization_factor: 0.0,
            multiplier: 2.0,
            max_interval: LONGEST_WAIT,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        let longest = (1..attempt).fold(waits.next_backoff()?, |_, _| {
            waits.next_backoff().unwrap_or(LONGEST_WAIT)
        });
        Some(longest.mul_f64(0.5 + chance / 2.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_longest() {
        let retry = Retry::new(10);
        let waits: Vec<_> = (1..=8)
            .filter_map(|attempt| retry.wait(attempt, Failure::Timeout, 1.0))
            .collect();
        let millis: Vec<_> = waits.iter().map(Duration::as_millis).collect();
        assert_eq!(
            millis,
            [500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]
        );
        assert_eq!(
            retry.wait(1, Failure::Timeout, 0.0),
            Some(Duration::from_millis(250))
        );
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for failure in Failure::ALL {
            let again = Retry::new(3).wait(2, failure, 0.5).is_some();
            let may_pass = matches!(
                failure.class(),
                FailureClass::Transient | FailureClass::NoAnswer
            );
            assert_eq!(again, may_pass, "{failure:?}");
            assert_eq!(Retry::new(3).wait(3, failure, 0.5), None, "{failure:?}");
            assert_eq!(Retry::new(1).wait(1, failure, 0.5), None, "{failure:?}");
        }
    }
}
