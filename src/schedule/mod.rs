//! Which job is polled next. One schedule for all jobs: no task and no timer for each.
//!
//! Every job has a phase, a fixed point in its cadence that a hash of its ids determines, so that
//! polls spread evenly and stay so. A job either waits in its budget's queue, ordered by when it is
//! due, or is in flight under a [`Ticket`]. Due jobs go in the order of their waiting time. Budgets
//! take turns, so that none starves another. Jobs that fail permanently are polled less often, and a
//! budget whose credentials do not work sends nothing but probes.
//!
//! All decisions are pure: they take `now` and return what to do. [`crate::poller`] acts.

mod explain;
mod jobs;
mod pacer;
mod probe;
mod queue;
mod retry;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

pub use explain::{NextPoll, NextPollReason};
pub use pacer::Pacer;
pub use queue::CredentialEvent;
pub use retry::Retry;

use crate::api::{Continuation, Failure, FailureClass, Operation};
use crate::clock::{Moment, Mono};
use crate::job::Job;
use crate::targets::{Budget, TargetDiff, Targets};
use jobs::{JobIndex, JobTable};
use queue::{BudgetQueue, Feedback, Sent};

/// A job that fails permanently is polled at least once in this many cadences …
const MAX_SLOWDOWN: u32 = 8;
/// … and at least once in this time, unless its cadence is longer.
const MAX_SLOWED_CADENCE: Duration = Duration::from_secs(3_600);

/// What to do now.
#[derive(Debug)]
pub enum Step {
    /// Make this call, and report its end with [`Schedule::ended`].
    Call(Call),
    /// Nothing before this time, unless a call ends.
    Wait(Mono),
}

/// One API call to be made.
#[derive(Debug)]
pub struct Call {
    /// Names the call when it has ended.
    pub ticket: TicketId,
    /// What to call.
    pub job: Job,
    /// For every page of an answer but the first.
    pub continuation: Option<Arc<Continuation>>,
}

/// Names a call in flight; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TicketId(u64);

/// A call in flight. The schedule keeps it and forgets it when its job is no longer polled.
#[derive(Debug)]
pub struct Ticket {
    /// What is called.
    pub job: Job,
    /// Which attempt at its page this is, from 1.
    pub attempt: u32,
    /// API calls of the poll, this one included.
    pub calls: u32,
    /// When the first call of the poll was sent.
    pub poll_began: Mono,
    /// The page that this call continues.
    pub paging: Option<Paging>,
    /// When this call was sent.
    sent: Mono,
    /// When the job was due.
    due: Mono,
    /// Whether the call tests if the budget's credentials work again.
    is_probe: bool,
    index: JobIndex,
    budget: usize,
}

/// An answer that comes in pages, so far.
#[derive(Clone, Debug)]
pub struct Paging {
    /// Where the next page begins.
    pub continuation: Arc<Continuation>,
    /// When the first page was asked for.
    pub asked: Moment,
}

/// How a poll goes on after one of its calls.
#[derive(Debug)]
pub enum Then {
    /// The poll has ended; its job waits for its next turn.
    Finish,
    /// The call is repeated after this time.
    Retry(Duration),
    /// The next page follows at once.
    Page(Paging),
}

/// A call that has ended.
#[derive(Debug)]
pub struct Ended {
    /// The ticket, given back.
    pub ticket: Ticket,
    /// What the call changed for its whole budget.
    pub event: Option<CredentialEvent>,
}

/// Two sets of targets, and what they have in common.
#[derive(Clone, Copy, Debug)]
pub struct TargetChange<'a> {
    /// The targets so far.
    pub old: &'a Targets,
    /// The targets from now on.
    pub new: &'a Targets,
    /// Where the old ones stand among the new ones.
    pub diff: &'a TargetDiff,
}

/// The order in which all jobs are polled.
#[derive(Debug)]
pub struct Schedule {
    jobs: JobTable,
    /// In the order of the budgets.
    queues: Vec<BudgetQueue>,
    /// The budget that is served first.
    turn: usize,
    /// Polls that have begun and wait for their next call.
    begun: HashMap<JobIndex, BegunPoll>,
    /// Jobs that failed permanently, with the number of cadences between their polls.
    slowed: HashMap<JobIndex, u32>,
    in_flight: HashMap<TicketId, Ticket>,
    last_ticket: u64,
}

#[derive(Debug)]
struct BegunPoll {
    attempts: u32,
    calls: u32,
    began: Mono,
    paging: Option<Paging>,
}

impl Schedule {
    /// A schedule of these operations for all targets, with a ceiling of `rate_limit` calls per
    /// second for each budget. The first turns begin now.
    #[must_use]
    pub fn new(
        targets: &Targets,
        operations: &'static [Operation],
        rate_limit: f64,
        now: Mono,
    ) -> Self {
        let jobs = JobTable::new(targets, operations, now);
        let waiting = by_budget(&jobs, targets, |index| Some(jobs.due(index, now)));
        let queue = |waiting| BudgetQueue::new(waiting, rate_limit);
        Self {
            queues: waiting.into_iter().map(queue).collect(),
            jobs,
            turn: 0,
            begun: HashMap::new(),
            slowed: HashMap::new(),
            in_flight: HashMap::new(),
            last_ticket: 0,
        }
    }

    /// Goes on with other targets. Jobs that stay keep their phase, their due time, their attempts,
    /// their slowdown and their calls in flight. Calls in flight about other targets are forgotten.
    /// Budgets that stay keep their rate and what is known about their credentials.
    pub fn apply_targets(&mut self, change: TargetChange<'_>, rate_limit: f64, now: Mono) {
        let jobs = self.jobs.for_targets(change.new);
        let moved = |index: JobIndex| {
            let Job { operation, target } = self.jobs.job(index);
            jobs.index(Job {
                operation,
                target: change.diff.target(target)?,
            })
        };
        let mut dues = vec![None; jobs.len()];
        for (due, index) in self.queues.iter().flat_map(BudgetQueue::waiting) {
            if let Some(moved) = moved(index)
                && self.jobs.cadence(index) == jobs.cadence(moved)
            {
                dues[moved as usize] = Some(due);
            }
        }
        let begun = std::mem::take(&mut self.begun).into_iter();
        let begun = begun
            .filter_map(|(index, poll)| Some((moved(index)?, poll)))
            .collect();
        let slowed = std::mem::take(&mut self.slowed).into_iter();
        let slowed = slowed
            .filter_map(|(index, slow)| Some((moved(index)?, slow)))
            .collect();
        let old_budgets = &change.old.budgets;
        let mut lost_probes = HashSet::new();
        let moved_ticket = |(id, mut ticket): (TicketId, Ticket)| {
            let old_budget = &old_budgets[ticket.budget];
            let index = moved(ticket.index);
            if let Some(index) = index {
                ticket.job = jobs.job(index);
                (ticket.index, ticket.budget) = (index, jobs.budget(index));
            }
            let elsewhere = |_| change.new.budgets[ticket.budget] != *old_budget;
            if ticket.is_probe && index.is_none_or(elsewhere) {
                lost_probes.insert(old_budget);
                ticket.is_probe = false;
            }
            index.map(|_| (id, ticket))
        };
        let in_flight = std::mem::take(&mut self.in_flight).into_iter();
        let in_flight: HashMap<_, _> = in_flight.filter_map(moved_ticket).collect();

        let called: HashSet<_> = in_flight.values().map(|ticket| ticket.index).collect();
        let due = |index: JobIndex| {
            let due = || dues[index as usize].unwrap_or_else(|| jobs.due(index, now));
            (!called.contains(&index)).then(due)
        };
        let waiting = by_budget(&jobs, change.new, due);
        let old_queues = old_budgets.iter().zip(std::mem::take(&mut self.queues));
        let mut old_queues: HashMap<_, _> = old_queues.collect();
        let queue = |(budget, waiting): (&Budget, _)| match old_queues.remove(budget) {
            Some(queue) => queue.refilled(waiting, rate_limit, lost_probes.contains(budget), now),
            None => BudgetQueue::new(waiting, rate_limit),
        };
        self.queues = change.new.budgets.iter().zip(waiting).map(queue).collect();
        for ticket in in_flight.values() {
            self.queues[ticket.budget].is_in_flight();
        }
        (self.jobs, self.turn) = (jobs, 0);
        (self.begun, self.slowed, self.in_flight) = (begun, slowed, in_flight);
    }

    /// What to do now: at most one call; ask again for more. Of the `max_in_flight` calls that may
    /// be in flight at once, a budget leaves one to each of the others, so that a budget whose
    /// calls all hang does not hold up the others.
    pub fn next(&mut self, now: Mono, max_in_flight: usize) -> Step {
        let share = (max_in_flight + 1).saturating_sub(self.queues.len()).max(1);
        let mut earliest = Mono::NEVER;
        for offset in 0..self.queues.len() {
            let budget = (self.turn + offset) % self.queues.len();
            match self.queues[budget].next(share, now) {
                Ok(sent) => {
                    self.turn = budget + 1;
                    return Step::Call(self.send(sent, budget, now));
                }
                Err(look_again) => earliest = earliest.min(look_again),
            }
        }
        Step::Wait(earliest)
    }

    fn send(
        &mut self,
        Sent {
            index,
            due,
            is_probe,
        }: Sent,
        budget: usize,
        now: Mono,
    ) -> Call {
        let begun = self.begun.remove(&index);
        let job = self.jobs.job(index);
        let (attempts, calls) = begun
            .as_ref()
            .map_or((0, 0), |poll| (poll.attempts, poll.calls));
        let ticket = Ticket {
            job,
            attempt: attempts + 1,
            calls: calls + 1,
            poll_began: begun.as_ref().map_or(now, |poll| poll.began),
            paging: begun.and_then(|poll| poll.paging),
            sent: now,
            due,
            is_probe,
            index,
            budget,
        };
        self.last_ticket += 1;
        let id = TicketId(self.last_ticket);
        let continuation = ticket
            .paging
            .as_ref()
            .map(|paging| Arc::clone(&paging.continuation));
        self.in_flight.insert(id, ticket);
        Call {
            ticket: id,
            job,
            continuation,
        }
    }

    /// The ticket of a call in flight; `None` when its job is no longer polled.
    #[must_use]
    pub fn ticket(&self, ticket: TicketId) -> Option<&Ticket> {
        self.in_flight.get(&ticket)
    }

    /// Ends a call, with its failure or none, and lets its poll go on as `then` says. A finished job
    /// waits for its next turn: the first one still to come, or a later one when it fails
    /// permanently. Missed turns stay missed, so that a delay makes no burst. `None` when the job
    /// is no longer polled.
    pub fn ended(
        &mut self,
        ticket: TicketId,
        failure: Option<Failure>,
        then: Then,
        now: Mono,
    ) -> Option<Ended> {
        let ticket = self.in_flight.remove(&ticket)?;
        let Ticket {
            index,
            attempt,
            calls,
            poll_began: began,
            ..
        } = ticket;
        let due = match then {
            Then::Retry(wait) => {
                let paging = ticket.paging.clone();
                self.begun.insert(
                    index,
                    BegunPoll {
                        attempts: attempt,
                        calls,
                        began,
                        paging,
                    },
                );
                now + wait
            }
            Then::Page(paging) => {
                let paging = Some(paging);
                self.begun.insert(
                    index,
                    BegunPoll {
                        attempts: 0,
                        calls,
                        began,
                        paging,
                    },
                );
                // Ahead of all that became due later: the token of a page does not live long.
                ticket.due
            }
            Then::Finish => {
                let pause = self.pause(index, failure);
                self.jobs.due(index, now + Duration::from_nanos(1)) + pause
            }
        };
        let queue = &mut self.queues[ticket.budget];
        queue.push(due, index);
        let (sent, is_probe) = (ticket.sent, ticket.is_probe);
        let event = queue.ended(
            Feedback {
                sent,
                is_probe,
                failure,
            },
            now,
        );
        Some(Ended { ticket, event })
    }

    /// How long a job is passed over on top of its cadence: for 1, 3, then 7 cadences while it
    /// fails permanently.
    fn pause(&mut self, index: JobIndex, failure: Option<Failure>) -> Duration {
        let cadence = self.jobs.cadence(index);
        match failure.map(Failure::class) {
            None => {
                self.slowed.remove(&index);
            }
            Some(FailureClass::Permanent) => {
                let longest = MAX_SLOWED_CADENCE.as_nanos() / cadence.as_nanos();
                let longest = longest.clamp(1, u128::from(MAX_SLOWDOWN)) as u32;
                let slowdown = self.slowed.entry(index).or_insert(1);
                *slowdown = (*slowdown * 2).min(longest);
            }
            Some(FailureClass::Transient | FailureClass::NoAnswer | FailureClass::Credentials) => {}
        }
        cadence * (self.slowed.get(&index).copied().unwrap_or(1) - 1)
    }

    /// When the job that has waited longest was or is due.
    #[must_use]
    pub fn oldest_due(&self) -> Option<Mono> {
        self.queues.iter().filter_map(BudgetQueue::oldest_due).min()
    }

    /// Of each budget, the present rate, in calls per second, and whether its credentials work as
    /// far as is known.
    pub fn budgets(&self) -> impl Iterator<Item = (f64, bool)> {
        self.queues
            .iter()
            .map(|queue| (queue.rate(), queue.credentials_good()))
    }
}

/// Of each budget, the jobs that wait: all those for which there is a due time.
fn by_budget(
    jobs: &JobTable,
    targets: &Targets,
    due: impl Fn(JobIndex) -> Option<Mono>,
) -> Vec<Vec<(Mono, JobIndex)>> {
    let mut waiting: Vec<Vec<_>> = targets.budgets.iter().map(|_| Vec::new()).collect();
    for index in jobs.indices() {
        waiting[jobs.budget(index)].extend(due(index).map(|due| (due, index)));
    }
    waiting
}

#[cfg(test)]
mod tests;
