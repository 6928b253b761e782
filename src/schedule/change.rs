//! What stays when the targets change.

use std::collections::{HashMap, HashSet};

use super::jobs::JobIndex;
use super::lists::NotListed;
use super::queue::BudgetQueue;
use super::ticket::{Ticket, TicketId};
use super::{Schedule, UnfinishedPoll, waiting_by_budget};

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
}

impl Schedule {
    /// Replaces the targets. Jobs that stay keep their phase, due time, attempts, slowdown and
    /// calls in flight. Tickets of removed targets are dropped. Budgets that stay keep their rate
    /// and the state of their credentials.
    pub fn apply_targets(&mut self, change: TargetChange<'_>, rate_limit: f64, now: Mono) {
        let jobs = self.jobs.with_targets(change.new);
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
        let unfinished = std::mem::take(&mut self.unfinished).into_iter();
        let unfinished = unfinished
            .filter_map(|(index, poll)| {
                // A token may mean nothing to another account or endpoint, and whom to list is
                // another question with other settings.
                let (paging, list, list_denied) = (None, ListNeed::None, false);
                Some((
                    moved(index)?,
                    UnfinishedPoll {
                        paging,
                        list,
                        list_denied,
                        ..poll
                    },
                ))
            })
            .collect();
        let slowed = std::mem::take(&mut self.slowed).into_iter();
        let slowed = slowed
            .filter_map(|(index, slow)| Some((moved(index)?, slow)))
            .collect();
        let old_budgets = &change.old.budgets;
        let mut lost_probes = HashSet::new();
        let moved_ticket = |(id, mut ticket): (TicketId, Ticket)| {
            let old_budget = &old_budgets[ticket.budget];
            ticket.targets_changed = true;
            ticket.list_denied = false;
            let index = moved(ticket.index);
            if let Some(index) = index {
                ticket.job.target = jobs.job(index).target;
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
            let due = || dues[index as usize].unwrap_or_else(|| jobs.next_turn(index, now));
            (!called.contains(&index)).then(due)
        };
        let waiting = waiting_by_budget(&jobs, change.new, due);
        let old_queues = old_budgets.iter().zip(std::mem::take(&mut self.queues));
        let mut old_queues: HashMap<_, _> = old_queues.collect();
        let queue = |(budget, waiting): (&Budget, _)| match old_queues.remove(budget) {
            Some(queue) => queue.with_jobs(waiting, rate_limit, lost_probes.contains(budget), now),
            None => BudgetQueue::new(waiting, rate_limit),
        };
        self.queues = change.new.budgets.iter().zip(waiting).map(queue).collect();
        for ticket in in_flight.values() {
            self.queues[ticket.budget].add_in_flight();
        }
        // The reload may follow a change of the policy.
        self.not_listed = NotListed::default();
        (self.jobs, self.first_budget) = (jobs, 0);
        (self.unfinished, self.slowed, self.in_flight) = (unfinished, slowed, in_flight);
    }
}
