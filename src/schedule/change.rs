//! What stays when the targets change.

use std::collections::{HashMap, HashSet};

use super::Schedule;
use super::calls::UnfinishedPoll;
use super::jobs::JobIndex;
use super::kept::Kept;
use super::order::Order;
use super::queue::BudgetQueue;
use super::state::State;
use super::ticket::{Ticket, TicketId};

use crate::clock::Mono;
use crate::job::Job;
use crate::limits::ListNeed;
use crate::targets::{Budget, TargetDiff, Targets};

/// A change from one set of targets to another.
#[derive(Clone, Copy, Debug)]
pub struct TargetChange<'a> {
    pub old: &'a Targets,
    pub new: &'a Targets,
    pub diff: &'a TargetDiff,
    /// Whether pools, settings and credentials are the same, so that only identities come and go.
    pub only_lists: bool,
}

impl Schedule {
    /// Replaces the targets. Jobs that stay keep their phase, what they wait for, attempts,
    /// slowdown and calls in flight. Those that AWS denied have turns again, unless only lists
    /// change: a reload may follow a change of the policy. So have those that do not exist, in
    /// another budget. Tickets of removed targets are dropped.
    /// Budgets that stay keep their rate, what was measured of their calls and the state of their
    /// credentials; unless only lists
    /// change, a probe that waits is sent at once.
    pub fn apply_targets(&mut self, change: TargetChange<'_>, rate_limit: f64, now: Mono) {
        let jobs = self.jobs.with_targets(change.new);
        let moved = |index: JobIndex| {
            let Job { operation, target } = self.jobs.job(index);
            jobs.index(Job {
                operation,
                target: change.diff.target(target)?,
            })
        };
        let unfinished = std::mem::take(&mut self.unfinished).into_iter();
        let unfinished = unfinished
            .filter_map(|(index, poll)| {
                let index = moved(index)?;
                if change.only_lists {
                    return Some((index, poll));
                }
                // A token may mean nothing to another account or endpoint, whom to list is another
                // question with other settings, and so is what AWS denies.
                let (paging, list) = (None, ListNeed::None);
                let (list_denied, description_denied) = (false, false);
                Some((
                    index,
                    UnfinishedPoll {
                        paging,
                        list,
                        list_denied,
                        description_denied,
                        ..poll
                    },
                ))
            })
            .collect();
        let old_budgets = &change.old.budgets;
        let mut lost_probes = HashSet::new();
        let moved_ticket = |(id, mut ticket): (TicketId, Ticket)| {
            let old_budget = &old_budgets[ticket.budget];
            if !change.only_lists {
                ticket.targets_changed = true;
                (ticket.list_denied, ticket.description_denied) = (false, false);
            }
            let index = moved(ticket.index);
            if let Some(index) = index {
                ticket.job.target = jobs.job(index).target;
                (ticket.index, ticket.budget) = (index, jobs.segment(index).budget);
                ticket.signer = change.new.budgets[ticket.budget].signer;
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

        let mut orders: Vec<_> = (0..change.new.budgets.len())
            .map(|budget| Order::new(&jobs, budget, now))
            .collect();
        let old_queues = old_budgets.iter().zip(std::mem::take(&mut self.queues));
        let mut old_queues: HashMap<_, _> = old_queues.collect();
        for (budget, order) in change.new.budgets.iter().zip(&mut orders) {
            if let Some(old) = old_queues.get(budget) {
                order.take_over(&old.order, &self.jobs, &jobs, moved);
            }
        }
        for (of, old) in &mut old_queues {
            for (job, kept) in old.order.kept(change.only_lists) {
                if let Some(job) = moved(job) {
                    let budget = jobs.segment(job).budget;
                    let is_missing = matches!(kept, Kept::As(State::Missing));
                    let kept = match change.new.budgets[budget] == **of {
                        // Another account may know it.
                        false if is_missing => Kept::As(State::Rests),
                        _ => kept,
                    };
                    orders[budget].put(&jobs, job, kept);
                }
            }
            if change.only_lists {
                for (pool, denial) in old.order.denials.drain() {
                    let pool = change.diff.pool(pool);
                    let segment = pool.and_then(|pool| jobs.of_pool(pool));
                    if let Some(segment) = segment {
                        orders[segment.budget].denials.put(segment, denial, moved);
                    }
                }
            }
            for (job, slowdown) in old.order.slowed.drain() {
                if let Some(job) = moved(job) {
                    let order = &mut orders[jobs.segment(job).budget];
                    order.slowed.put(job, slowdown);
                }
            }
        }
        for ticket in in_flight.values() {
            orders[ticket.budget].put(&jobs, ticket.index, Kept::As(State::Busy));
        }
        let queue = |(budget, order): (&Budget, _)| match old_queues.remove(budget) {
            Some(queue) => {
                let mut queue = queue.with_jobs(order, budget.ceiling(rate_limit), now);
                if lost_probes.contains(budget) {
                    queue.on_probe_lost(now);
                } else if !change.only_lists {
                    queue.on_settings_applied(now);
                }
                queue
            }
            None => BudgetQueue::new(order, budget, rate_limit, now),
        };
        self.queues = change.new.budgets.iter().zip(orders).map(queue).collect();
        for ticket in in_flight.values() {
            self.queues[ticket.budget].add_in_flight();
        }
        let not_listed = std::mem::take(&mut self.not_listed);
        let not_described = std::mem::take(&mut self.not_described);
        if change.only_lists {
            let moved_pool = |pool| change.diff.pool(pool);
            self.not_listed = not_listed.moved(moved_pool, moved);
            self.not_described = not_described.moved(moved_pool);
        }
        (self.jobs, self.first_budget) = (jobs, 0);
        (self.unfinished, self.in_flight) = (unfinished, in_flight);
    }
}
