//! When a target will be polled next, and for which reason. The status page shows it.

use std::time::Duration;

use super::Schedule;
use super::queue::BudgetQueue;
use crate::clock::Mono;
use crate::job::Target;

/// The next call about a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NextPoll {
    /// Expected start; [`Mono::MAX`] if unknown; in the past if the call is in flight.
    pub at: Mono,
    pub reason: NextPollReason,
}

/// What determines the time of a target's next poll.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NextPollReason {
    /// The call is in flight, as this attempt, from 1.
    InFlight(u32),
    /// The target's regular turn, once in an interval.
    Turn,
    /// The target fails permanently and has one turn in this many intervals.
    Slowed(u32),
    /// This many attempts have failed; the next one waits.
    Retry(u32),
    /// The turn has passed, but this many other jobs of the budget have waited longer. The budget
    /// makes this many calls per second.
    Overdue(usize, f64),
    /// The credentials of the budget do not work. This is its next probe, which may call about
    /// another target.
    Credentials,
}

impl Schedule {
    /// The next poll of each of these targets: the earliest of its jobs. Takes one pass over all
    /// waiting jobs.
    #[must_use]
    pub fn explain(&self, targets: &[Target], now: Mono) -> Vec<Option<NextPoll>> {
        let jobs = targets.iter().enumerate().flat_map(|(position, target)| {
            let jobs = self.jobs.of_target(*target);
            jobs.map(move |index| (index, position))
        });
        let mut wanted: Vec<_> = jobs.collect();
        wanted.sort_unstable();
        let positions = |index| {
            let first = wanted.partition_point(|(other, _)| *other < index);
            let same = wanted[first..]
                .iter()
                .take_while(move |(other, _)| *other == index);
            same.map(|(_, position)| *position)
        };
        let mut next: Vec<Option<NextPoll>> = vec![None; targets.len()];
        let mut earliest = |position: usize, poll: NextPoll| {
            let known = &mut next[position];
            if known.is_none_or(|known| poll.at < known.at) {
                *known = Some(poll);
            }
        };
        for queue in &self.queues {
            let mut delayed = Vec::new();
            for (due, index) in queue.waiting() {
                for position in positions(index) {
                    if queue.probe_at().is_some() || due <= now {
                        delayed.push((due, position));
                    } else {
                        earliest(
                            position,
                            NextPoll {
                                at: due,
                                reason: self.due_reason(index),
                            },
                        );
                    }
                }
            }
            for (position, poll) in explain_delayed(queue, delayed, now) {
                earliest(position, poll);
            }
        }
        for ticket in self.in_flight.values() {
            let reason = NextPollReason::InFlight(ticket.attempt);
            for position in positions(ticket.index) {
                earliest(
                    position,
                    NextPoll {
                        at: ticket.sent_at,
                        reason,
                    },
                );
            }
        }
        next
    }

    /// What determines the due time of a waiting job.
    fn due_reason(&self, index: super::JobIndex) -> NextPollReason {
        match (self.unfinished.get(&index), self.slowed.get(&index)) {
            (Some(poll), _) => NextPollReason::Retry(poll.attempts),
            (None, Some(slowdown @ 2..)) => NextPollReason::Slowed(*slowdown),
            (None, _) => NextPollReason::Turn,
        }
    }
}

/// The next polls of delayed jobs: those that wait for a probe or for jobs that have waited longer.
fn explain_delayed(
    queue: &BudgetQueue,
    mut delayed: Vec<(Mono, usize)>,
    now: Mono,
) -> Vec<(usize, NextPoll)> {
    if let Some(at) = queue.probe_at() {
        let poll = NextPoll {
            at,
            reason: NextPollReason::Credentials,
        };
        return delayed
            .into_iter()
            .map(|(_, position)| (position, poll))
            .collect();
    }
    if delayed.is_empty() {
        return Vec::new();
    }
    delayed.sort_unstable();
    let mut ahead = vec![0_usize; delayed.len()];
    for (due, _) in queue.waiting() {
        if let Some(count) = ahead.get_mut(delayed.partition_point(|(other, _)| *other <= due)) {
            *count += 1;
        }
    }
    let running = ahead.into_iter().scan(0, |sum, count| {
        *sum += count;
        Some(*sum)
    });
    let explained = |(ahead, (_, position)): (usize, (Mono, usize))| {
        let at = now + Duration::from_secs_f64(ahead as f64 / queue.rate());
        (
            position,
            NextPoll {
                at,
                reason: NextPollReason::Overdue(ahead, queue.rate()),
            },
        )
    };
    running.zip(delayed).map(explained).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Failure, Operation};
    use crate::job::PoolIndex;
    use crate::schedule::tests::no_lists;
    use crate::schedule::{AfterCall, Call, Step};
    use crate::targets::Targets;

    const IDENTITIES: usize = 20;

    /// Twenty identities, interval 10 s.
    fn schedule(rate_limit: f64) -> Schedule {
        let mut targets = Targets::for_tests(&[("r:0", IDENTITIES)]);
        targets.pools[0].settings.interval = Duration::from_secs(10);
        Schedule::new(&targets, &Operation::POLLED, rate_limit, Mono::START)
    }

    fn all() -> Vec<Target> {
        let identity = |identity| Target::identity(PoolIndex(0), identity);
        (0..IDENTITIES)
            .map(identity)
            .chain([Target::Pool { pool: PoolIndex(0) }])
            .collect()
    }

    fn seconds(seconds: u64) -> Mono {
        Mono::START + Duration::from_secs(seconds)
    }

    fn calls(schedule: &mut Schedule, now: Mono, max: usize) -> Vec<Call> {
        let mut calls = Vec::new();
        while let (true, Step::Call(call)) =
            (calls.len() < max, schedule.next(now, 1_000, &no_lists))
        {
            calls.push(call);
        }
        calls
    }

    #[test]
    fn without_failures_each_target_has_a_turn_within_the_interval() {
        let explained = schedule(1_000.0).explain(&all(), Mono::START);
        for next in explained {
            let next = next.unwrap();
            assert!(
                next.reason == NextPollReason::Turn && next.at <= seconds(10),
                "{next:?}"
            );
        }
    }

    #[test]
    fn a_call_in_flight_is_explained() {
        let mut schedule = schedule(1_000.0);
        let calls = calls(&mut schedule, seconds(10), 1);
        let in_flight = NextPoll {
            at: seconds(10),
            reason: NextPollReason::InFlight(1),
        };
        assert_eq!(
            schedule.explain(&[calls[0].job.target], seconds(11)),
            [Some(in_flight)]
        );
    }

    #[test]
    fn overdue_jobs_go_at_the_rate_of_the_budget_and_in_order() {
        let mut schedule = schedule(2.0);
        let now = seconds(100);
        let mut nexts: Vec<_> = schedule
            .explain(&all(), now)
            .into_iter()
            .map(Option::unwrap)
            .zip(all())
            .collect();
        nexts.sort_by_key(|(next, _)| next.at);
        for (ahead, (next, _)) in nexts.iter().enumerate() {
            assert_eq!(next.reason, NextPollReason::Overdue(ahead, 2.0));
            assert_eq!(next.at, now + Duration::from_millis(500) * ahead as u32);
        }
        // The calls follow the explanation.
        let called = (0..nexts.len() as u32)
            .map(|turn| calls(&mut schedule, now + Duration::from_millis(500) * turn, 1));
        let called: Vec<_> = called.map(|mut calls| calls.remove(0).job.target).collect();
        assert_eq!(
            called,
            nexts.iter().map(|(_, target)| *target).collect::<Vec<_>>()
        );
    }

    #[test]
    fn failures_are_explained() {
        let mut schedule = schedule(1_000.0);
        let now = seconds(10);
        let [retried, missing, refused] =
            <[Call; 3]>::try_from(calls(&mut schedule, now, 3)).unwrap();
        let wait = Duration::from_secs(1);
        schedule.end_call(
            retried.ticket,
            Some(Failure::Timeout),
            AfterCall::Retry(wait),
            now,
        );
        schedule.end_call(
            missing.ticket,
            Some(Failure::NotFound),
            AfterCall::Finish,
            now,
        );
        let about = [retried.job.target, missing.job.target];
        let explained: Vec<_> = schedule
            .explain(&about, now)
            .into_iter()
            .map(Option::unwrap)
            .collect();
        assert_eq!(
            explained[0],
            NextPoll {
                at: now + wait,
                reason: NextPollReason::Retry(1)
            }
        );
        assert!(
            explained[1].reason == NextPollReason::Slowed(2)
                && explained[1].at >= now + Duration::from_secs(10),
            "{explained:?}"
        );
        schedule.end_call(
            refused.ticket,
            Some(Failure::Credentials),
            AfterCall::Finish,
            now,
        );
        let probe = NextPoll {
            at: now + Duration::from_secs(5),
            reason: NextPollReason::Credentials,
        };
        assert_eq!(schedule.explain(&about, now), [Some(probe); 2]);
    }
}
