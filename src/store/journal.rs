//! The last polls, for people who ask what happened.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Moment;
use crate::targets::Carry;
use crate::usage::{Failure, Observation, Outcome, Target};

/// As many polls are remembered of either kind.
const REMEMBERED: usize = 4_096;

/// One poll that has ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Poll {
    /// Whom it was about.
    pub target: Target,
    /// When the attempt that brought the outcome set out.
    pub asked: Moment,
    /// From the first attempt's start to the outcome.
    pub took: Duration,
    /// API calls made, at least 1.
    pub attempts: u32,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
}

/// The last polls. Those that failed are kept apart, so that no success pushes out a failure.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    successes: VecDeque<Poll>,
    failures: VecDeque<Poll>,
}

impl Journal {
    pub(super) fn note(&mut self, observation: &Observation) {
        let Observation {
            asked,
            took,
            attempts,
            outcome,
        } = *observation;
        let target = match outcome {
            Outcome::Identity { pool, identity, .. } => Target::Identity { pool, identity },
            Outcome::Pool { pool, .. } => Target::Pool { pool },
        };
        let failure = outcome.failure();
        let polls = if failure.is_some() {
            &mut self.failures
        } else {
            &mut self.successes
        };
        if polls.len() == REMEMBERED {
            polls.pop_front();
        }
        polls.push_back(Poll {
            target,
            asked,
            took,
            attempts,
            failure,
        });
    }

    /// What is remembered of those who stay, by their new positions.
    pub(super) fn retarget(&mut self, carry: &Carry) {
        for polls in [&mut self.successes, &mut self.failures] {
            polls.retain_mut(|poll| {
                let moved = carry.target(poll.target);
                moved.inspect(|target| poll.target = *target).is_some()
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
            .filter(|poll| poll.target == target)
            .copied()
            .collect();
        polls.sort_by_key(|poll| std::cmp::Reverse(poll.asked.mono));
        polls
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Mono;
    use crate::usage::Usage;

    fn poll(identity: usize, second: u64, failure: Option<Failure>) -> Observation {
        let asked = Moment {
            mono: Mono::START + Duration::from_secs(second),
            unix: second as f64,
        };
        let result = failure.map_or(Ok(Usage::default()), Err);
        let outcome = Outcome::Identity {
            pool: 0,
            identity,
            result,
        };
        Observation {
            asked,
            took: Duration::ZERO,
            attempts: 1,
            outcome,
        }
    }

    #[test]
    fn successes_push_out_no_failure() {
        let mut journal = Journal::default();
        journal.note(&poll(7, 1, Some(Failure::Timeout)));
        (2..)
            .take(2 * REMEMBERED)
            .for_each(|second| journal.note(&poll(7, second, None)));
        let polls = journal.about(Target::Identity {
            pool: 0,
            identity: 7,
        });
        assert_eq!(polls.len(), REMEMBERED + 1);
        assert!(polls.is_sorted_by(|a, b| a.asked.mono > b.asked.mono));
        assert_eq!(polls.last().unwrap().failure, Some(Failure::Timeout));
        assert_eq!(journal.about(Target::Pool { pool: 0 }), []);
    }

    #[test]
    fn the_oldest_goes_first() {
        let mut journal = Journal::default();
        (0..)
            .take(REMEMBERED + 2)
            .for_each(|second| journal.note(&poll(0, second, Some(Failure::Throttled))));
        let seconds: Vec<_> = journal
            .failures()
            .map(|poll| poll.asked.unix as usize)
            .collect();
        assert_eq!(
            (seconds[0], seconds[REMEMBERED - 1], seconds.len()),
            (REMEMBERED + 1, 2, REMEMBERED)
        );
    }
}
