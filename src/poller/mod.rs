//! The loop that executes the schedule: makes calls, returns their results, notifies the observer.
//!
//! [`Poller`] is the task. [`PollerHandle`] sends it commands.

mod budgets;
mod calls;
mod handle;
mod observer;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use handle::{PollerGone, PollerHandle, RESPONSE_TIMEOUT};
pub use observer::PollObserver;
use observer::with_knowledge;

use crate::api::{Api, CallError, Failure, FailureClass, Operation, Reply};
use crate::clock::{Clock, Mono, Timestamp};
use crate::config;
use crate::identity::{IdentityId, hash};
use crate::observation::Observation;
use crate::progress::Progress;
use crate::schedule::{
    AfterCall, Call, EndedCall, Paging, Retry, Schedule, Standing, Step, TargetChange, Ticket,
};
use crate::targets::{TargetDiff, Targets};
use budgets::{Budgets, CallEnd};
use calls::{CallResult, Caller, SentCall, check_reply};
use handle::{Commands, ExplainRequest, ReplaceTargets};

/// The longest time between two turns of the loop, which is also the resolution of its heartbeat.
const MAX_SLEEP: Duration = Duration::from_secs(1);
/// For this many times as long as an explanation took, no other is made: clients who ask for many
/// take a twentieth of the loop's time.
const EXPLAIN_PAUSE: u32 = 20;

/// The task that polls all targets.
pub struct Poller {
    api: Arc<dyn Api>,
    targets: Arc<Targets>,
    clock: Clock,
    schedule: Schedule,
    retry: Retry,
    settings: config::PollSettings,
    progress: Arc<Progress>,
    budgets: Budgets,
    calls: JoinSet<CallResult>,
    /// The calls of these tasks.
    sent: HashMap<Id, SentCall>,
    commands: Commands,
    /// When the next explanation may be made.
    explain_from: Mono,
}

impl Poller {
    /// A poller of [`Operation::POLLED`] and its handle. The first cadence begins now.
    #[must_use]
    pub fn new(
        api: Arc<dyn Api>,
        targets: Arc<Targets>,
        settings: config::PollSettings,
        clock: Clock,
    ) -> (Self, PollerHandle) {
        Self::of_operations(&Operation::POLLED, api, targets, settings, clock)
    }

    /// A poller of jobs of these operations and its handle.
    fn of_operations(
        operations: &'static [Operation],
        api: Arc<dyn Api>,
        targets: Arc<Targets>,
        settings: config::PollSettings,
        clock: Clock,
    ) -> (Self, PollerHandle) {
        let now = clock.now().mono;
        let progress = Arc::new(Progress::new(now, &targets, settings.rate_limit));
        let (handle, commands) = PollerHandle::new(Arc::clone(&progress));
        let poller = Self {
            budgets: Budgets::new(Arc::clone(&progress)),
            progress,
            schedule: Schedule::new(&targets, operations, settings.rate_limit, now),
            retry: Retry::new(settings.attempts),
            calls: JoinSet::new(),
            sent: HashMap::new(),
            commands,
            explain_from: now,
            api,
            targets,
            clock,
            settings,
        };
        (poller, handle)
    }

    /// Goes on where another process stopped, with what the observer knows. To be called before it
    /// runs.
    pub fn resume(&mut self, standing: &Standing, observer: &impl PollObserver) {
        let now = self.clock.now();
        with_knowledge(observer, now, |known| {
            let last_poll = |pool, identity| observer.last_poll(pool, identity);
            self.schedule
                .resume(&self.targets, standing, last_poll, known, now.mono);
        });
    }

    /// Polls until `stop`, and notifies `observer`. On stop, calls in flight are dropped. A call
    /// that panics is a failed one. Returns where the schedule stands.
    pub async fn run(
        mut self,
        observer: Arc<impl PollObserver>,
        stop: CancellationToken,
    ) -> Standing {
        loop {
            let timestamp = self.clock.now();
            let now = timestamp.mono;
            let mut wake = now + MAX_SLEEP;
            let may_explain = now >= self.explain_from;
            if !may_explain {
                wake = wake.min(self.explain_from);
            }
            wake = wake.min(self.send_calls(&*observer, timestamp));
            let budgets = self.schedule.budgets().zip(self.schedule.late_since());
            let budgets = budgets.zip(self.schedule.recent_calls());
            self.progress.beat(now, budgets);
            tokio::select! {
                // Results go before explanations, each of which takes time.
                biased;
                () = stop.cancelled() => return self.schedule.standing(&self.targets),
                Some(new) = self.commands.new_targets.recv() => self.apply_targets(new, &*observer),
                Some(ended) = self.calls.join_next_with_id() => self.end_call(ended, &*observer),
                Some(request) = self.commands.explain.recv(), if may_explain => {
                    self.explain(request, &*observer);
                }
                Some(request) = self.commands.standing.recv() => {
                    // The caller may have stopped waiting.
                    let _ = request.send(self.schedule.standing(&self.targets));
                }
                () = self.clock.sleep_until(wake) => {}
            }
        }
    }

    /// Makes all calls that are due. Returns when there may be others.
    fn send_calls(&mut self, observer: &impl PollObserver, at: Timestamp) -> Mono {
        let max_in_flight = self.settings.max_in_flight;
        while self.calls.len() < max_in_flight {
            let next = with_knowledge(observer, at, |known| {
                self.schedule.next(at.mono, max_in_flight, known)
            });
            match next {
                Step::Call(call) => self.spawn_call(call),
                Step::Wait(until) => return until,
            }
        }
        Mono::MAX
    }

    fn spawn_call(&mut self, call: Call) {
        let Call {
            ticket,
            job,
            continuation,
        } = call;
        let caller = Caller {
            api: Arc::clone(&self.api),
            targets: Arc::clone(&self.targets),
            clock: self.clock.clone(),
            timeout: self.settings.timeout,
        };
        let requested_at = self.clock.now();
        let task = self.calls.spawn(caller.call(job, continuation));
        let sent = SentCall {
            ticket,
            job,
            requested_at,
        };
        self.sent.insert(task.id(), sent);
    }

    fn end_call(
        &mut self,
        ended: Result<(Id, CallResult), JoinError>,
        observer: &impl PollObserver,
    ) {
        let (task, result) = match ended {
            Ok((task, result)) => (task, Some(result)),
            Err(panicked) => (panicked.id(), None),
        };
        let SentCall {
            ticket: id,
            job,
            requested_at,
        } = self.sent.remove(&task).expect("each task has a call");
        let result = result.unwrap_or_else(|| {
            let cause = "a panic while the call was made".to_owned();
            CallResult {
                exchange: None,
                took: self.clock.now().mono.since(requested_at.mono),
                reply: Err(CallError::new(Failure::Malformed, cause)),
            }
        });
        let was_sent = result.was_sent();
        if let Some(exchange) = &result.exchange {
            let operation = Operation::GetCredentialsForIdentity;
            observer.called(operation, exchange.took, exchange.failure);
        }
        if !was_sent {
            self.schedule.note_unsent(id);
        }
        let ticket = self.schedule.ticket(id);
        let reply = result
            .reply
            .and_then(|reply| Ok(check_reply(reply, job.operation, ticket)?));
        let (reply, error) = match reply {
            Ok(reply) => (Ok(reply), None),
            Err(error) => (Err(error.failure), Some(error)),
        };
        let failure = reply.as_ref().err().copied();
        if was_sent {
            observer.called(job.operation, result.took, failure);
        }
        // Without a ticket, the target is no longer polled.
        let Some(ticket) = ticket else { return };
        let (pages, requested_at) = match &ticket.paging {
            Some(paging) => (paging.pages, paging.requested_at),
            None => (0, requested_at),
        };
        let now = self.clock.now().mono;
        let (after, result) = match reply {
            Ok(Reply::More(continuation)) => {
                let continuation = Arc::new(continuation);
                let pages = pages + 1;
                let paging = Paging {
                    continuation,
                    pages,
                    requested_at,
                };
                (AfterCall::NextPage(paging), None)
            }
            Ok(Reply::Done(answer)) => (AfterCall::Finish, Some(Ok(answer))),
            Err(failure)
                if was_sent
                    && ticket.is_substitute()
                    && ticket.class_of(failure) != FailureClass::Budget =>
            {
                let wait = self.retry_wait(1, failure, ticket);
                (AfterCall::Describe(wait.unwrap_or_default()), None)
            }
            Err(Failure::AccessDenied) if was_sent && ticket.may_list_instead() => {
                (AfterCall::List(Duration::ZERO), None)
            }
            Err(failure) => {
                // AWS accepted the target for the page before: its token has expired.
                let expired = pages > 0 && failure.class() == FailureClass::Permanent;
                let failure = if expired { Failure::Malformed } else { failure };
                match self.retry_wait(ticket.attempt, failure, ticket) {
                    Some(wait) if expired => (AfterCall::Restart(wait), None),
                    Some(wait) => (AfterCall::Retry(wait), None),
                    None => (AfterCall::Finish, Some(Err(failure))),
                }
            }
        };
        let ended = self.schedule.end_call(id, failure, after, now);
        let Some(EndedCall {
            ticket,
            event,
            lists_denied,
            descriptions_denied,
        }) = ended
        else {
            return;
        };
        let pool = &self.targets.pool(ticket.job.target).id;
        if descriptions_denied {
            info!(
                %pool,
                action = "cognito-sync:DescribeIdentityUsage",
                "the guests' role does not allow the action: usage comes from ListDatasets; next \
                 attempt in a day"
            );
        }
        if lists_denied {
            warn!(
                %pool,
                action = "cognito-sync:ListDatasets",
                "the policy does not allow ListDatasets, so the fullest dataset is not known: add \
                 the action (iam-policy prints the whole policy); next attempt in a day"
            );
        }
        let budget = ticket.budget();
        let rate = self.schedule.budgets().nth(budget).map(|(rate, _)| rate);
        let call_end = CallEnd {
            budget,
            error: error.as_ref().map(|error| {
                let failure = failure.unwrap_or(error.failure);
                (error, ticket.class_of(failure))
            }),
            event,
            rate: rate.unwrap_or_default(),
            now,
        };
        let budget = &self.targets.budgets[budget];
        let ceiling = budget.ceiling(self.settings.rate_limit);
        let is_reported = self.budgets.on_call_end(&call_end, &budget.label, ceiling);
        if let Some(result) = result {
            if let Some(identity) = self.targets.identity(ticket.job.target) {
                self.api.poll_ended(pool, identity);
            }
            let Ticket {
                job,
                calls,
                poll_began,
                ..
            } = ticket;
            let took = now.since(poll_began);
            observer.polled(&Observation {
                job,
                requested_at,
                took,
                calls,
                result,
                is_reported,
            });
        }
    }

    fn apply_targets(&mut self, new: ReplaceTargets, observer: &impl PollObserver) {
        let (targets, calls) = (new.targets, new.calls);
        let now = self.clock.now().mono;
        let diff = TargetDiff::new(&self.targets, &targets);
        let change = TargetChange {
            old: &self.targets,
            new: &targets,
            diff: &diff,
            only_lists: calls.is_none(),
        };
        if let Some(calls) = calls {
            self.retry = Retry::new(calls.settings.attempts);
            (self.api, self.settings) = (calls.api, calls.settings);
        }
        let rate_limit = self.settings.rate_limit;
        self.schedule.apply_targets(change, rate_limit, now);
        let calls = self.schedule.recent_calls();
        self.progress.apply_targets(&targets, rate_limit, calls);
        self.budgets.apply_targets(&targets);
        self.targets = targets;
        observer.targets_changed(&self.targets, &diff);
        // The caller may have stopped waiting.
        let _ = new.applied.send(diff);
    }

    fn explain(&mut self, request: ExplainRequest, observer: &impl PollObserver) {
        let ExplainRequest {
            all_targets,
            targets,
            explained,
        } = request;
        if explained.is_closed() {
            return; // nobody waits for it any more
        }
        let timestamp = self.clock.now();
        let now = timestamp.mono;
        let is_current = Arc::ptr_eq(&all_targets, &self.targets);
        let targets = if is_current { &targets[..] } else { &[] };
        let next = with_knowledge(observer, timestamp, |known| {
            self.schedule.explain(targets, known, now)
        });
        let _ = explained.send(next);
        let end = self.clock.now().mono;
        self.explain_from = end + end.since(now) * EXPLAIN_PAUSE;
    }

    /// The wait after an attempt of a poll has failed; `None` if it is not repeated.
    fn retry_wait(&self, attempt: u32, failure: Failure, ticket: &Ticket) -> Option<Duration> {
        let jitter = self.jitter(ticket);
        self.retry.wait(attempt, failure, ticket.signer(), jitter)
    }

    /// A number in 0..1 for the wait before a retry. It differs between targets, attempts and
    /// polls, and is the same when a run is repeated.
    fn jitter(&self, ticket: &Ticket) -> f64 {
        let pool = &self.targets.pool(ticket.job.target).id;
        let identity = self.targets.identity(ticket.job.target);
        let began = ticket.poll_began.since(Mono::START).as_nanos();
        let time = format!("{began}/{}", ticket.attempt);
        let identity = identity.map_or("", IdentityId::as_str);
        hash(&[pool.as_str(), identity, &time]) as f64 / u64::MAX as f64
    }
}

#[cfg(test)]
mod tests;
