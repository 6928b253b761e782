//! How the calls of a poll begin and end.

use std::sync::Arc;

use super::jobs::JobIndex;
use super::queue::{CallEnd, TakenJob};
use super::ticket::{AfterCall, Call, EndedCall, Paging, Ticket, TicketId};
use super::{Knowledge, Schedule};
use crate::api::{Failure, Operation};
use crate::clock::Mono;
use crate::identity::hash;
use crate::job::{Job, Target};
use crate::limits::ListNeed;

/// A poll that waits for its next attempt or page.
#[derive(Debug)]
pub(super) struct UnfinishedPoll {
    pub(super) attempts: u32,
    pub(super) calls: u32,
    pub(super) began: Mono,
    pub(super) paging: Option<Paging>,
    /// What a list says that the poll calls in place of a description.
    pub(super) list: ListNeed,
    /// Whether AWS denied that list.
    pub(super) list_denied: bool,
    /// Whether it goes on with a list because AWS denied the description.
    pub(super) description_denied: bool,
}

impl Schedule {
    pub(super) fn begin_call(
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
        let description_denied = match &unfinished {
            Some(poll) => poll.description_denied,
            None => {
                job.operation == Operation::DescribeIdentityUsage
                    && !self.not_described.allows(job.target.pool(), now)
            }
        };
        let list = match &unfinished {
            Some(poll) => poll.list,
            None if is_probe || description_denied => ListNeed::None,
            None => self.list_in_place_of(index, budget, known, now),
        };
        if description_denied || list != ListNeed::None {
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
            description_denied,
            sent_at: now,
            was_unsent: false,
            due_at,
            is_probe,
            targets_changed: false,
            index,
            budget,
            signer: self.queues[budget].signer,
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

    /// What a list says that a poll calls in place of its own operation.
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

    /// A call that is about to end was not sent, since the exchange before it failed.
    pub fn note_unsent(&mut self, ticket: TicketId) {
        if let Some(ticket) = self.in_flight.get_mut(&ticket) {
            ticket.was_unsent = true;
        }
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
        let pool = ticket.job.target.pool();
        let lists_denied =
            ticket.list_denied && failure.is_none() && self.not_listed.pools.on_denied(pool, now);
        let is_answered = is_whole && failure.is_none();
        let descriptions_denied = is_answered && self.note_description(&ticket, now);
        let index = ticket.index;
        let is_denied_list = ticket.is_substitute() && failure == Some(Failure::AccessDenied);
        let mut continues = |attempts, paging, list, description_denied| {
            let poll = UnfinishedPoll {
                attempts,
                calls: ticket.calls,
                began: ticket.poll_began,
                paging,
                list,
                list_denied: ticket.list_denied || is_denied_list,
                description_denied,
            };
            self.unfinished.insert(index, poll);
        };
        let (list, is_listed) = (ticket.list, ticket.description_denied);
        let goes_on_at = match after {
            AfterCall::Retry(wait) => {
                continues(ticket.attempt, ticket.paging.clone(), list, is_listed);
                Some(now + wait)
            }
            AfterCall::Restart(wait) => {
                continues(ticket.attempt, None, list, is_listed);
                Some(now + wait)
            }
            AfterCall::Describe(wait) => {
                continues(0, None, ListNeed::None, false);
                Some(now + wait)
            }
            AfterCall::List(wait) => {
                continues(0, None, ListNeed::None, true);
                Some(now + wait)
            }
            AfterCall::NextPage(_) if ticket.targets_changed => {
                continues(0, None, ListNeed::None, false);
                Some(ticket.due_at.min(now))
            }
            AfterCall::NextPage(paging) => {
                continues(0, Some(paging), list, is_listed);
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
        let end = CallEnd {
            sent_at: ticket.sent_at,
            is_probe: ticket.is_probe,
            was_unsent: ticket.was_unsent,
            failure,
        };
        let event = queue.on_call_end(end, now);
        Some(EndedCall {
            ticket,
            event,
            lists_denied,
            descriptions_denied,
        })
    }

    /// Notes an answered poll of an identity. Whether AWS denies descriptions alone is known when
    /// the list in its place has succeeded. Returns whether it is new.
    fn note_description(&mut self, ticket: &Ticket, now: Mono) -> bool {
        let pool = ticket.job.target.pool();
        if ticket.job.operation == Operation::DescribeIdentityUsage {
            self.not_described.on_answered(pool);
        }
        // Otherwise it began with a list, so the description was not asked for.
        let was_asked_for = self.not_described.allows(pool, ticket.poll_began);
        ticket.description_denied && was_asked_for && self.not_described.on_denied(pool, now)
    }

    /// Notes the end of a list that took the place of a description, or of one of its pages.
    /// Whether AWS denies lists alone is known when the description has succeeded.
    fn note_list(&mut self, ticket: &Ticket, is_whole: bool, failure: Option<Failure>, now: Mono) {
        if !ticket.is_substitute() || ticket.was_unsent {
            return;
        }
        let lists = &mut self.queues[ticket.budget].lists;
        match failure {
            None if !is_whole => {}
            None => {
                lists.on_answered();
                self.not_listed.pools.on_answered(ticket.job.target.pool());
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
}

/// A number that differs between jobs and between polls, and is the same when a run is repeated.
fn draw(index: JobIndex, now: Mono) -> u64 {
    hash(&["list", &index.to_string(), &now.to_bits().to_string()])
}
