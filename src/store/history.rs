//! The latest polls, for the status page.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::Duration;

use crate::api::Failure;
use crate::clock::Timestamp;
use crate::job::{Job, Target};
use crate::observation::Observation;
use crate::targets::TargetDiff;

/// Capacity for successes, and the same for failures.
const CAPACITY: usize = 4_096;

/// One finished poll.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Poll {
    pub job: Job,
    /// When the call was sent that returned the result.
    pub requested_at: Timestamp,
    /// Time from the start of the first call to the result.
    pub took: Duration,
    /// API calls made, at least 1.
    pub calls: u32,
    pub failure: Option<Failure>,
}

/// The latest polls. Successes and failures have separate buffers, so that neither evicts the
/// other.
#[derive(Clone, Debug, Default)]
pub struct History {
    successes: VecDeque<Poll>,
    failures: VecDeque<Poll>,
}

impl History {
    pub(super) fn record(&mut self, observation: &Observation) {
        let failure = observation.failure();
        let Observation {
            job,
            requested_at,
            took,
            calls,
            ..
        } = *observation;
        let polls = if failure.is_some() {
            &mut self.failures
        } else {
            &mut self.successes
        };
        if polls.len() == CAPACITY {
            polls.pop_front();
        }
        polls.push_back(Poll {
            job,
            requested_at,
            took,
            calls,
            failure,
        });
    }

    /// Keeps the polls of targets that stay, with their new positions.
    pub(super) fn apply_targets(&mut self, diff: &TargetDiff) {
        for polls in [&mut self.successes, &mut self.failures] {
            polls.retain_mut(|poll| {
                let moved = diff.target(poll.job.target);
                moved.inspect(|target| poll.job.target = *target).is_some()
            });
        }
    }

    /// The last failed poll of a target, unless many others have failed since.
    #[must_use]
    pub fn last_failure(&self, target: Target) -> Option<&Poll> {
        let mut failures = self.failures.iter().rev();
        failures.find(|poll| poll.job.target == target)
    }

    /// The polls of one target, the latest first.
    #[must_use]
    pub fn about(&self, target: Target) -> Vec<Poll> {
        let polls = self.successes.iter().chain(&self.failures);
        let mut polls: Vec<_> = polls
            .filter(|poll| poll.job.target == target)
            .copied()
            .collect();
        polls.sort_by_key(|poll| Reverse(poll.requested_at.mono));
        polls
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Answer, Operation, Usage};
    use crate::clock::Mono;
    use crate::job::PoolIndex;

    fn target(identity: usize) -> Target {
        Target::identity(PoolIndex(0), identity)
    }

    fn poll(identity: usize, second: u64, failure: Option<Failure>) -> Observation {
        let requested_at = Timestamp {
            mono: Mono::START + Duration::from_secs(second),
            unix: second as f64,
        };
        let job = Job {
            operation: Operation::DescribeIdentityUsage,
            target: target(identity),
        };
        let result = failure.map_or(Ok(Answer::Identity(Usage::default())), Err);
        Observation {
            requested_at,
            took: Duration::ZERO,
            calls: 1,
            is_reported: false,
            job,
            result,
        }
    }

    #[test]
    fn successes_evict_no_failure() {
        let mut history = History::default();
        history.record(&poll(7, 1, Some(Failure::Timeout)));
        (2..)
            .take(2 * CAPACITY)
            .for_each(|second| history.record(&poll(7, second, None)));
        let polls = history.about(target(7));
        assert_eq!(polls.len(), CAPACITY + 1);
        assert!(polls.is_sorted_by(|a, b| a.requested_at.mono > b.requested_at.mono));
        assert_eq!(polls.last().unwrap().failure, Some(Failure::Timeout));
        assert_eq!(history.about(Target::Pool { pool: PoolIndex(0) }), []);
    }

    #[test]
    fn the_oldest_is_evicted_first() {
        let mut history = History::default();
        (0..)
            .take(CAPACITY + 2)
            .for_each(|second| history.record(&poll(0, second, Some(Failure::Throttled))));
        let seconds = |poll: &Poll| poll.requested_at.unix as usize;
        let polls: Vec<_> = history.about(target(0)).iter().map(seconds).collect();
        assert_eq!(
            (polls[0], polls[CAPACITY - 1], polls.len()),
            (CAPACITY + 1, 2, CAPACITY)
        );
        assert_eq!(
            history.last_failure(target(0)).map(seconds),
            Some(CAPACITY + 1)
        );
        assert_eq!(history.last_failure(target(1)), None);
    }
}
