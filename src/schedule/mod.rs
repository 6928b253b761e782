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

mod calls;
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

pub use change::TargetChange;
pub use demand::Demand;
pub use explain::{NextPoll, NextPollReason};
pub use pacer::{MIN_RATE, Pacer};
pub use queue::BudgetEvent;
pub use resume::{BudgetStanding, DialStanding, HandStanding, LastPoll, Standing};
pub use retry::Retry;
pub use ticket::{AfterCall, Call, EndedCall, Paging, Ticket, TicketId};

use crate::api::Operation;
use crate::clock::Mono;
use crate::job::{IdentityIndex, Job, PoolIndex, Target};
use crate::limits::ListNeed;
use crate::recent_calls::RecentCalls;
use crate::targets::{Budget, Targets};
use calls::UnfinishedPoll;
use jobs::{JobIndex, JobTable};
use lists::{DeniedIn, NotListed};
use order::Order;
use queue::BudgetQueue;

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
    /// Where lists take the place of all descriptions.
    not_described: DeniedIn,
    in_flight: HashMap<TicketId, Ticket>,
    last_ticket: u64,
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
            BudgetQueue::new(Order::new(&jobs, index, now), budget, rate_limit, now)
        };
        Self {
            queues: budgets.map(queue).collect(),
            jobs,
            first_budget: 0,
            unfinished: HashMap::new(),
            not_listed: NotListed::default(),
            not_described: DeniedIn::default(),
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

    /// The ticket of a call in flight; `None` when its job is no longer polled.
    #[must_use]
    pub fn ticket(&self, ticket: TicketId) -> Option<&Ticket> {
        self.in_flight.get(&ticket)
    }

    /// Since when the one of each budget that waits longest is past `max_age`, or past its turn if
    /// the budget's rate gives everybody a turn each interval; in the future if nobody is.
    pub fn late_since(&self) -> impl Iterator<Item = Mono> {
        let since = |queue: &BudgetQueue| queue.order.late_since(&self.jobs, queue.rate());
        self.queues.iter().map(since)
    }

    /// The present rate of each budget, in calls per second, and whether its credentials work, as
    /// far as is known.
    pub fn budgets(&self) -> impl Iterator<Item = (f64, bool)> {
        self.queues
            .iter()
            .map(|queue| (queue.rate(), queue.credentials_good()))
    }

    /// The calls of each budget in the last minute.
    pub fn recent_calls(&self) -> impl Iterator<Item = RecentCalls> {
        self.queues.iter().map(BudgetQueue::recent_calls)
    }
}

#[cfg(test)]
mod tests;
