//! When a target will be polled next, and why then: the schedule explained to people.

use std::time::Duration;

use super::Schedule;
use super::queue::BudgetQueue;
use crate::clock::Mono;
use crate::job::Target;

/// The next call about a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NextPoll {
    /// Expected start; [`Mono::NEVER`] if unknown; in the past if the call is in flight.
    pub at: Mono,
    /// Why then.
    pub reason: NextPollReason,
}

/// Why a target is polled when it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NextPollReason {
    /// The call is in flight, as this attempt, from 1.
    InFlight(u32),
    /// It is the target's turn, once in an interval.
    Turn,
    /// The target fails permanently and has one turn in this many intervals.
    Slowed(u32),
    /// This many attempts have failed, and the next one waits.
    Retry(u32),
    /// The answer comes in pages, and the next page is due.
    NextPage,
    /// The turn has come, but this many others wait longer for the budget, at this many calls per
    /// second.
    Overdue(usize, f64),
    /// The credentials of the budget do not work, and this is its next probe, about any target.
    Credentials,
}

impl Schedule {
    /// When each of these targets will be polled next; the earliest of its jobs. One pass over all
    /// jobs that wait.
    #[must_use]
    pub fn explain(&self, about: &[Target], now: Mono) -> Vec<Option<NextPoll>> {
        let jobs = about
            .iter()
            .enumerate()
            .flat_map(|(place, target)| self.jobs.about(*target).map(move |index| (index, place)));
        let mut wanted: Vec<_> = jobs.collect();
        wanted.sort_unstable();
        let places = |index| {
            let first = wanted.partition_point(|(other, _)| *other < index);
            let same = wanted[first..]
                .iter()
                .take_while(move |(other, _)| *other == index);
            same.map(|(_, place)| *place)
        };
        let mut next: Vec<Option<NextPoll>> = vec![None; about.len()];
        let mut earliest = |place: usize, poll: NextPoll| {
            let known = &mut next[place];
            if known.is_none_or(|known| poll.at < known.at) {
                *known = Some(poll);
            }
        };
        for queue in &self.queues {
            let mut held_up = Vec::new();
            for (due, index) in queue.waiting() {
                for place in places(index) {
                    if queue.probe_at().is_some() || due <= now {
                        held_up.push((due, place));
                    } else {
                        earliest(
                            place,
                            NextPoll {
                                at: due,
                                reason: self.reason(index),
                            },
                        );
                    }
                }
            }
            for (place, poll) in explain_held_up(queue, held_up, now) {
                earliest(place, poll);
            }
        }
        for ticket in self.in_flight.values() {
            let reason = NextPollReason::InFlight(ticket.attempt);
            for place in places(ticket.index) {
                earliest(
                    place,
                    NextPoll {
                        at: ticket.sent,
                        reason,
                    },
                );
            }
        }
        next
    }

    /// Why a job that waits is due when it is.
    fn reason(&self, index: super::JobIndex) -> NextPollReason {
        match (self.begun.get(&index), self.slowed.get(&index)) {
            (Some(poll), _) if poll.attempts > 0 => NextPollReason::Retry(poll.attempts),
            (Some(_), _) => NextPollReason::NextPage,
            (None, Some(slowdown @ 2..)) => NextPollReason::Slowed(*slowdown),
            (None, _) => NextPollReason::Turn,
        }
    }
}

/// What holds up jobs that are due: the probe, or others that have waited longer.
fn explain_held_up(
    queue: &BudgetQueue,
    mut held_up: Vec<(Mono, usize)>,
    now: Mono,
) -> Vec<(usize, NextPoll)> {
    if let Some(at) = queue.probe_at() {
        let poll = NextPoll {
            at,
            reason: NextPollReason::Credentials,
        };
        return held_up
            .into_iter()
            .map(|(_, place)| (place, poll))
            .collect();
    }
    if held_up.is_empty() {
        return Vec::new();
    }
    held_up.sort_unstable();
    let mut ahead = vec![0_usize; held_up.len()];
    for (due, _) in queue.waiting() {
        if let Some(count) = ahead.get_mut(held_up.partition_point(|(other, _)| *other <= due)) {
            *count += 1;
        }
    }
    let running = ahead.into_iter().scan(0, |sum, count| {
        *sum += count;
        Some(*sum)
    });
    let explained = |(ahead, (_, place)): (usize, (Mono, usize))| {
        let at = now + Duration::from_secs_f64(ahead as f64 / queue.rate());
        (
            place,
            NextPoll {
                at,
                reason: NextPollReason::Overdue(ahead, queue.rate()),
            },
        )
    };
    running.zip(held_up).map(explained).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Failure, Operation};
    use crate::job::PoolIndex;
    use crate::schedule::{Call, Step, Then};
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

    fn calls(schedule: &mut Schedule, now: Mono, most: usize) -> Vec<Call> {
        let mut calls = Vec::new();
        while let (true, Step::Call(call)) = (calls.len() < most, schedule.next(now, 1_000)) {
            calls.push(call);
        }
        calls
    }

    #[test]
    fn in_good_times_everyone_has_a_turn_within_the_interval() {
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
    fn the_overdue_go_by_the_budget_and_in_order() {
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
        // What was foretold comes true.
        let asked = (0..nexts.len() as u32)
            .map(|turn| calls(&mut schedule, now + Duration::from_millis(500) * turn, 1));
        let asked: Vec<_> = asked.map(|mut calls| calls.remove(0).job.target).collect();
        assert_eq!(
            asked,
            nexts.iter().map(|(_, target)| *target).collect::<Vec<_>>()
        );
    }

    #[test]
    fn failures_are_told() {
        let mut schedule = schedule(1_000.0);
        let now = seconds(10);
        let [retried, missing, refused] =
            <[Call; 3]>::try_from(calls(&mut schedule, now, 3)).unwrap();
        let wait = Duration::from_secs(1);
        schedule.ended(
            retried.ticket,
            Some(Failure::Timeout),
            Then::Retry(wait),
            now,
        );
        schedule.ended(missing.ticket, Some(Failure::NotFound), Then::Finish, now);
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
        schedule.ended(
            refused.ticket,
            Some(Failure::Credentials),
            Then::Finish,
            now,
        );
        let probe = NextPoll {
            at: now + Duration::from_secs(5),
            reason: NextPollReason::Credentials,
        };
        assert_eq!(schedule.explain(&about, now), [Some(probe); 2]);
    }
}
