//! Which job is polled next. One schedule serves all jobs; a job has no task and no timer.
//!
//! Every job has a phase: a fixed point in its cadence, determined by a hash of its ids. Phases
//! spread polls evenly. A job has a turn once an interval, and an identity a deadline once in
//! `max_age` (`dial`). Where the calls suffice, turns are taken as they come; where they do not,
//! an index of what each call would tell decides, and deadlines come before it (`order`, `demand`).
//! Jobs are called under a [`Ticket`]. Budgets take turns, so that none starves another. Who fails
//! permanently is polled less often. A budget whose credentials do not work sends only probes. A
//! poll that begins may call `ListDatasets` in place of `DescribeIdentityUsage`.
//!
//! All decisions are pure: they take `now` and return the next step. [`crate::poller`] executes it.

mod change;
mod demand;
mod denials;
mod dial;
mod explain;
mod hand;
mod heap;
mod jobs;
mod kept;
mod lists;
mod order;
mod pacer;
mod probe;
mod queue;
mod resume;
mod retry;
mod slowed;
mod state;
mod ticket;
mod virtual_time;

use std::collections::HashMap;
use std::sync::Arc;

pub use change::TargetChange;
pub use demand::Demand;
pub use explain::{NextPoll, NextPollReason};
pub use pacer::Pacer;
pub use queue::BudgetEvent;
pub use resume::{BudgetStanding, DialStanding, HandStanding, LastPoll, Standing};
pub use retry::Retry;
pub use ticket::{AfterCall, Call, EndedCall, Paging, Ticket, TicketId};

use crate::api::{Failure, Operation};
use crate::clock::Mono;
use crate::identity::hash;
use crate::job::{IdentityIndex, Job, PoolIndex, Target};
use crate::limits::ListNeed;
use crate::targets::{Budget, Targets};
use jobs::{JobIndex, JobTable};
use lists::NotListed;
use order::Order;
use queue::{BudgetQueue, CallEnd, TakenJob};

/// The next step of the poller.
#[derive(Debug)]
pub enum Step {
    /// Make this call, and report its end with [`Schedule::end_call`].
    Call(Call),
    /// Make no call before this time, unless another call ends.
    Wait(Mono),
}

/// The order in which all jobs are polled.
#[derive(Debug)]
pub struct Schedule {
    jobs: JobTable,
    /// In the order of the budgets.
    queues: Vec<BudgetQueue>,
    /// The budget that is served first by the next call of [`Schedule::next`].
    first_budget: usize,
    /// Polls that wait for their next attempt or page.
    unfinished: HashMap<JobIndex, UnfinishedPoll>,
    not_listed: NotListed,
    in_flight: HashMap<TicketId, Ticket>,
    last_ticket: u64,
}

#[derive(Debug)]
struct UnfinishedPoll {
    attempts: u32,
    calls: u32,
    began: Mono,
    paging: Option<Paging>,
    /// What a list tells that the poll calls in place of a description.
    list: ListNeed,
    /// Whether AWS denied that list.
    list_denied: bool,
}

/// What is known of identities that decides how they are polled next.
#[derive(Clone, Copy)]
pub struct Knowledge<'a> {
    /// What a list of an identity's datasets would tell. It is asked when a poll begins.
    pub list_need: &'a dyn Fn(PoolIndex, IdentityIndex) -> ListNeed,
    /// What asking an identity is worth. It is asked when a turn was missed.
    pub demand: &'a dyn Fn(PoolIndex, IdentityIndex) -> Demand,
}

impl Knowledge<'static> {
    /// Nothing is known: nobody is listed, and all are asked in turn.
    pub const NONE: Self = Self {
        list_need: &|_, _| ListNeed::None,
        demand: &|_, _| Demand::UNKNOWN,
    };
}

impl Knowledge<'_> {
    fn demand_of(&self, job: Job) -> Demand {
        match job.target {
            Target::Identity { pool, identity } => (self.demand)(pool, identity),
            Target::Pool { .. } => Demand::UNKNOWN,
        }
    }
}

impl Schedule {
    /// A schedule of these operations for all targets, with a ceiling of `rate_limit` calls per
    /// second for each budget. The first cadence begins now.
    #[must_use]
    pub fn new(
        targets: &Targets,
        operations: &'static [Operation],
        rate_limit: f64,
        now: Mono,
    ) -> Self {
        let jobs = JobTable::new(targets, operations, now);
        let budgets = targets.budgets.iter().enumerate();
        let queue = |(index, budget): (usize, &Budget)| {
            BudgetQueue::new(Order::new(&jobs, index, now), budget.ceiling(rate_limit))
        };
        Self {
            queues: budgets.map(queue).collect(),
            jobs,
            first_budget: 0,
            unfinished: HashMap::new(),
            not_listed: NotListed::default(),
            in_flight: HashMap::new(),
            last_ticket: 0,
        }
    }

    /// The next step: one call, or a wait. Of the `max_in_flight` calls that may be in flight at
    /// once, each budget leaves one to every other budget. A budget whose calls all hang therefore
    /// does not block the others.
    pub fn next(&mut self, now: Mono, max_in_flight: usize, known: Knowledge<'_>) -> Step {
        let max_of_budget = (max_in_flight + 1).saturating_sub(self.queues.len()).max(1);
        let mut earliest = Mono::MAX;
        for offset in 0..self.queues.len() {
            let budget = (self.first_budget + offset) % self.queues.len();
            match self.queues[budget].take_next(max_of_budget, &self.jobs, known, now) {
                Ok(taken) => {
                    self.first_budget = budget + 1;
                    return Step::Call(self.begin_call(taken, budget, known, now));
                }
                Err(ready_at) => earliest = earliest.min(ready_at),
            }
        }
        Step::Wait(earliest)
    }

    fn begin_call(
        &mut self,
        taken: TakenJob,
        budget: usize,
        known: Knowledge<'_>,
        now: Mono,
    ) -> Call {
        let TakenJob {
            index,
            due_at,
            is_probe,
        } = taken;
        let unfinished = self.unfinished.remove(&index);
        let mut job = self.jobs.job(index);
        let list = match &unfinished {
            Some(poll) => poll.list,
            None if is_probe => ListNeed::None,
            None => self.list_in_place_of(index, budget, known, now),
        };
        if list != ListNeed::None {
            job.operation = Operation::ListDatasets;
        }
        self.queues[budget].lists.on_sent(list);
        let (attempts, calls) = unfinished
            .as_ref()
            .map_or((0, 0), |poll| (poll.attempts, poll.calls));
        let ticket = Ticket {
            job,
            attempt: attempts + 1,
            calls: calls + 1,
            poll_began: unfinished.as_ref().map_or(now, |poll| poll.began),
            list_denied: unfinished.as_ref().is_some_and(|poll| poll.list_denied),
            paging: unfinished.and_then(|poll| poll.paging),
            list,
            sent_at: now,
            due_at,
            is_probe,
            targets_changed: false,
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

    /// What a list tells that a poll calls in place of its own operation.
    fn list_in_place_of(
        &self,
        index: JobIndex,
        budget: usize,
        known: Knowledge<'_>,
        now: Mono,
    ) -> ListNeed {
        let Job {
            operation: Operation::DescribeIdentityUsage,
            target: Target::Identity { pool, identity },
        } = self.jobs.job(index)
        else {
            return ListNeed::None;
        };
        let lists = &self.queues[budget].lists;
        let draw = draw(index, now);
        if !lists.allows(ListNeed::Urgent, draw, now) || !self.not_listed.allows(pool, index, now) {
            return ListNeed::None;
        }
        let need = (known.list_need)(pool, identity);
        if lists.allows(need, draw, now) {
            need
        } else {
            ListNeed::None
        }
    }

    /// The ticket of a call in flight; `None` when its job is no longer polled.
    #[must_use]
    pub fn ticket(&self, ticket: TicketId) -> Option<&Ticket> {
        self.in_flight.get(&ticket)
    }

    /// Ends a call. `failure` is why it failed, if it did; `after` is how its poll continues. The
    /// job of a finished poll waits for its next turn after `now`; a pool that fails permanently
    /// for a later one, such an identity for its deadline. Missed turns are skipped, so that a
    /// delay causes no burst. `None` when the job is no longer polled.
    pub fn end_call(
        &mut self,
        ticket: TicketId,
        failure: Option<Failure>,
        after: AfterCall,
        now: Mono,
    ) -> Option<EndedCall> {
        let ticket = self.in_flight.remove(&ticket)?;
        let is_whole = matches!(after, AfterCall::Finish);
        self.note_list(&ticket, is_whole, failure, now);
        let lists_denied = ticket.list_denied
            && failure.is_none()
            && self.not_listed.on_denied(ticket.job.target.pool(), now);
        let index = ticket.index;
        let is_denied_list = ticket.is_substitute() && failure == Some(Failure::AccessDenied);
        let mut continues = |attempts, paging, list| {
            let poll = UnfinishedPoll {
                attempts,
                calls: ticket.calls,
                began: ticket.poll_began,
                paging,
                list,
                list_denied: ticket.list_denied || is_denied_list,
            };
            self.unfinished.insert(index, poll);
        };
        let goes_on_at = match after {
            AfterCall::Retry(wait) => {
                continues(ticket.attempt, ticket.paging.clone(), ticket.list);
                Some(now + wait)
            }
            AfterCall::Restart(wait) => {
                continues(ticket.attempt, None, ticket.list);
                Some(now + wait)
            }
            AfterCall::Describe(wait) => {
                continues(0, None, ListNeed::None);
                Some(now + wait)
            }
            AfterCall::NextPage(_) if ticket.targets_changed => {
                continues(0, None, ListNeed::None);
                Some(ticket.due_at.min(now))
            }
            AfterCall::NextPage(paging) => {
                continues(0, Some(paging), ticket.list);
                // The old due time puts the page first, since its token expires soon. A probe is
                // sent before it is due, its next page is not delayed until then.
                Some(ticket.due_at.min(now))
            }
            AfterCall::Finish => None,
        };
        let queue = &mut self.queues[ticket.budget];
        match goes_on_at {
            Some(at) => queue.order.go_on(at, index),
            None => {
                // It was sent before the reload, which may follow a change of the policy.
                let is_old = ticket.targets_changed && failure == Some(Failure::AccessDenied);
                let failure = if is_old {
                    Some(Failure::Timeout)
                } else {
                    failure
                };
                let began = ticket.poll_began;
                queue.order.end(&self.jobs, index, failure, began, now);
            }
        }
        let (sent_at, is_probe) = (ticket.sent_at, ticket.is_probe);
        let event = queue.on_call_end(
            CallEnd {
                sent_at,
                is_probe,
                failure,
            },
            now,
        );
        Some(EndedCall {
            ticket,
            event,
            lists_denied,
        })
    }

    /// Notes the end of a list that took the place of a description, or of one of its pages.
    /// Whether AWS denies lists alone is known when the description has succeeded.
    fn note_list(&mut self, ticket: &Ticket, is_whole: bool, failure: Option<Failure>, now: Mono) {
        if !ticket.is_substitute() {
            return;
        }
        let lists = &mut self.queues[ticket.budget].lists;
        match failure {
            None if !is_whole => {}
            None => {
                lists.on_answered();
                self.not_listed.on_answered(ticket.job.target.pool());
            }
            Some(Failure::Throttled) => lists.on_throttled(now),
            // It concerns the pool, the identity or the whole budget.
            Some(
                Failure::AccessDenied
                | Failure::NotFound
                | Failure::Credentials
                | Failure::Configuration,
            ) => {}
            Some(
                Failure::InvalidParameter
                | Failure::ServiceError
                | Failure::Timeout
                | Failure::Unreachable
                | Failure::Malformed,
            ) => {
                lists.on_failed(now);
                self.not_listed.on_failed(ticket.index, now);
            }
        }
    }

    /// Since when the one that waits longest is past `max_age`, or past its turn in budgets whose
    /// rate gives everybody a turn each interval; in the future if nobody is.
    #[must_use]
    pub fn late_since(&self) -> Mono {
        let since = |queue: &BudgetQueue| queue.order.late_since(&self.jobs, queue.rate());
        self.queues.iter().map(since).min().unwrap_or(Mono::MAX)
    }

    /// The present rate of each budget, in calls per second, and whether its credentials work, as
    /// far as is known.
    pub fn budgets(&self) -> impl Iterator<Item = (f64, bool)> {
        self.queues
            .iter()
            .map(|queue| (queue.rate(), queue.credentials_good()))
    }
}

/// A number that differs between jobs and between polls, and is the same when a run is repeated.
fn draw(index: JobIndex, now: Mono) -> u64 {
    hash(&["list", &index.to_string(), &now.to_bits().to_string()])
}

#[cfg(test)]
mod tests;
