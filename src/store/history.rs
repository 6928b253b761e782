//! The last polls, for people who ask what happened.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::Duration;

use crate::api::Failure;
use crate::clock::Moment;
use crate::job::{Job, Target};
use crate::observation::Observation;
use crate::targets::TargetDiff;

/// The polls kept of each kind: this many successes, this many failures.
const CAPACITY: usize = 4_096;

/// One poll that has ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Poll {
    /// What was polled.
    pub job: Job,
    /// When the call was sent that brought the result.
    pub asked: Moment,
    /// From the first call's start to the result.
    pub took: Duration,
    /// API calls made, at least 1.
    pub calls: u32,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
}

/// The last polls. Successes and failures are kept apart, so that neither pushes out the other.
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
            asked,
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
            asked,
            took,
            calls,
            failure,
        });
    }

    /// Keeps the polls of targets that stay, by their new positions.
    pub(super) fn apply_targets(&mut self, diff: &TargetDiff) {
        for polls in [&mut self.successes, &mut self.failures] {
            polls.retain_mut(|poll| {
                let moved = diff.target(poll.job.target);
                moved.inspect(|target| poll.job.target = *target).is_some()
            });
        }
    }

    /// The polls that failed, the latest first.
    pub fn failures(&self) -> impl Iterator<Item = &Poll> {
        self.failures.iter().rev()
    }

    /// The polls about one target, the latest first.
    #[must_use]
    pub fn about(&self, target: Target) -> Vec<Poll> {
        let polls = self.successes.iter().chain(&self.failures);
        let mut polls: Vec<_> = polls
            .filter(|poll| poll.job.target == target)
            .copied()
            .collect();
        polls.sort_by_key(|poll| Reverse(poll.asked.mono));
        polls
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Answer, Operation, Usage};
    use crate::clock::Mono;
    use crate::job::PoolIndex;

    fn of(identity: usize) -> Target {
        Target::identity(PoolIndex(0), identity)
    }

    fn poll(identity: usize, second: u64, failure: Option<Failure>) -> Observation {
        let asked = Moment {
            mono: Mono::START + Duration::from_secs(second),
            unix: second as f64,
        };
        let job = Job {
            operation: Operation::DescribeIdentityUsage,
            target: of(identity),
        };
        let result = failure.map_or(Ok(Answer::Identity(Usage::default())), Err);
        Observation {
            asked,
            took: Duration::ZERO,
            calls: 1,
            job,
            result,
        }
    }

    #[test]
    fn successes_push_out_no_failure() {
        let mut history = History::default();
        history.record(&poll(7, 1, Some(Failure::Timeout)));
        (2..)
            .take(2 * CAPACITY)
            .for_each(|second| history.record(&poll(7, second, None)));
        let polls = history.about(of(7));
        assert_eq!(polls.len(), CAPACITY + 1);
        assert!(polls.is_sorted_by(|a, b| a.asked.mono > b.asked.mono));
        assert_eq!(polls.last().unwrap().failure, Some(Failure::Timeout));
        assert_eq!(history.about(Target::Pool { pool: PoolIndex(0) }), []);
    }

    #[test]
    fn the_oldest_goes_first() {
        let mut history = History::default();
        (0..)
            .take(CAPACITY + 2)
            .for_each(|second| history.record(&poll(0, second, Some(Failure::Throttled))));
        let seconds: Vec<_> = history
            .failures()
            .map(|poll| poll.asked.unix as usize)
            .collect();
        assert_eq!(
            (seconds[0], seconds[CAPACITY - 1], seconds.len()),
            (CAPACITY + 1, 2, CAPACITY)
        );
    }
}
