//! When a target will be polled next, and for which reason. The status page shows it.

use std::collections::HashMap;
use std::time::Duration;

use super::dial::Dial;
use super::jobs::{JobIndex, JobTable};
use super::order::{Order, Seat};
use super::queue::BudgetQueue;
use super::state::State;
use super::{Knowledge, Schedule};
use crate::clock::Mono;
use crate::job::Target;

/// The next call about a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NextPoll {
    /// Expected start; [`Mono::MAX`] if unknown; in the past if the call is in flight.
    pub at: Mono,
    pub reason: NextPollReason,
    /// The time between two polls of the target, as things are.
    pub every: Duration,
}

/// What determines the time of a target's next poll.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NextPollReason {
    /// The call is in flight, as this attempt, from 1.
    InFlight(u32),
    /// The target's regular turn, once in an interval.
    Turn,
    /// The pool fails permanently and has one turn in this many intervals.
    Slowed(u32),
    /// This many attempts have failed; the next one waits.
    Retry(u32),
    /// The answer comes in pages, of which the next one waits.
    NextPage,
    /// The turn was missed, since the calls do not suffice: the index decides.
    Index,
    /// The identity was never asked, and this many others come before it. The budget makes this
    /// many calls per second.
    Unasked(usize, f64),
    /// The identity fails permanently, so that it is asked once in `max_age` only.
    Deadline,
    /// AWS denies all identities of the pool, so that one of them is asked once an interval.
    Denied,
    /// The credentials of the budget do not work. This is its next probe, which may call about
    /// another target.
    Credentials,
}

/// Polls that have begun: their attempt in flight, or when the next one is sent.
type Begun = HashMap<JobIndex, (Mono, NextPollReason)>;

impl Schedule {
    /// The next poll of each of these targets: the earliest of its jobs.
    #[must_use]
    pub fn explain(
        &self,
        targets: &[Target],
        known: Knowledge<'_>,
        now: Mono,
    ) -> Vec<Option<NextPoll>> {
        let begun = self.begun();
        let next = |target: &Target| {
            let jobs = self.jobs.of_target(*target);
            let next = jobs.filter_map(|job| self.explain_job(job, &begun, known, now));
            next.min_by_key(|next| next.at)
        };
        targets.iter().map(next).collect()
    }

    fn begun(&self) -> Begun {
        let waiting = self.queues.iter().flat_map(|queue| queue.order.begun());
        let waiting = waiting.map(|(at, job)| {
            let attempts = self.unfinished.get(&job).map_or(0, |poll| poll.attempts);
            let reason = match attempts {
                0 => NextPollReason::NextPage,
                attempts => NextPollReason::Retry(attempts),
            };
            (job, (at, reason))
        });
        let in_flight = self.in_flight.values().map(|ticket| {
            let reason = NextPollReason::InFlight(ticket.attempt);
            (ticket.index, (ticket.sent_at, reason))
        });
        waiting.chain(in_flight).collect()
    }

    fn explain_job(
        &self,
        job: JobIndex,
        begun: &Begun,
        known: Knowledge<'_>,
        now: Mono,
    ) -> Option<NextPoll> {
        let queue = &self.queues[self.jobs.segment(job).budget];
        let every = self.every(queue, job, known);
        let (at, reason) = match (begun.get(&job), queue.probe_at()) {
            (Some(&in_flight @ (_, NextPollReason::InFlight(_))), _) => in_flight,
            (_, Some(probe_at)) => (probe_at, NextPollReason::Credentials),
            (Some(&waiting), None) => waiting,
            (None, None) => self.explain_waiting(queue, job, now)?,
        };
        Some(NextPoll { at, reason, every })
    }

    /// The next poll of a job that waits for its first call.
    fn explain_waiting(
        &self,
        queue: &BudgetQueue,
        job: JobIndex,
        now: Mono,
    ) -> Option<(Mono, NextPollReason)> {
        let (order, phases) = (&queue.order, &self.jobs.phases);
        let Seat { dial, position } = order.seat(&self.jobs, job);
        let dial = &order.dials[dial];
        Some(match dial.state(position) {
            State::New | State::Rests => {
                let turn = dial.turn_after_hand(position, phases);
                match order.slowed.until(job) {
                    Some((until, intervals)) if turn < until => {
                        (until, NextPollReason::Slowed(intervals))
                    }
                    _ => (turn, NextPollReason::Turn),
                }
            }
            State::Parked => (dial.parked_until(position)?, NextPollReason::Turn),
            State::Late | State::Near => {
                let wait = order
                    .virtual_time
                    .wait(order.virtual_time.ahead(dial.key(position)?));
                let deadline = dial.deadline_after_hand(position, phases)?;
                ((now + wait).min(deadline.max(now)), NextPollReason::Index)
            }
            State::Unasked => {
                let ahead = dial.unasked_before(position);
                let wait = Duration::from_secs_f64(ahead as f64 / queue.rate());
                (now + wait, NextPollReason::Unasked(ahead, queue.rate()))
            }
            State::Denied | State::Missing => {
                let deadline = dial.deadline_after_hand(position, phases)?;
                match order.pool_asked_at(&self.jobs, job) {
                    Some(at) if dial.state(position) == State::Denied && at < deadline => {
                        (at, NextPollReason::Denied)
                    }
                    _ => (deadline, NextPollReason::Deadline),
                }
            }
            State::Busy => return None,
        })
    }

    /// The time between two polls of a job, as things are.
    fn every(&self, queue: &BudgetQueue, job: JobIndex, known: Knowledge<'_>) -> Duration {
        let order = &queue.order;
        let Seat { dial, position } = order.seat(&self.jobs, job);
        let dial = &order.dials[dial];
        let interval = dial.interval();
        if let Some((_, intervals)) = order.slowed.until(job) {
            return interval * intervals;
        }
        match dial.state(position) {
            State::Denied | State::Missing => dial.max_age(),
            _ if dial.is_of_pools() || !order.has_late() => interval,
            _ => {
                let price = known.demand_of(self.jobs.job(job)).price();
                let waits = order.virtual_time.wait(price);
                interval.saturating_add(waits).min(dial.max_age())
            }
        }
    }
}

impl Order {
    /// Since when the one that waits longest is past `max_age`, or past its turn, if this rate
    /// gives everybody a turn each interval; in the future if nobody is.
    pub(super) fn late_since(&self, table: &JobTable, rate: f64) -> Mono {
        let needed = self.calls_per_second();
        let dials = self.dials.iter();
        let since = if needed <= rate {
            let turns = dials.map(|dial| dial.wakes_at(&table.phases));
            turns.chain(self.late_since).min()
        } else {
            dials.filter_map(Dial::past_max_age_from).min()
        };
        since.unwrap_or(Mono::MAX)
    }
}
