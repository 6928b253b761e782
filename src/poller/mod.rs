//! The loop that acts on the schedule: makes calls, reports their ends, informs the observer.
//!
//! [`Poller`] is the task, [`PollerHandle`] is how everything else speaks to it.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::api::{Api, Failure, Operation, Reply, Request};
use crate::clock::{Clock, Moment, Mono};
use crate::config;
use crate::identity::{IdentityId, hash};
use crate::job::{Job, Target};
use crate::observation::Observation;
use crate::progress::Progress;
use crate::schedule::{
    Call, CredentialEvent, Ended, NextPoll, Paging, Retry, Schedule, Step, TargetChange, Then,
    Ticket, TicketId,
};
use crate::targets::{TargetDiff, Targets};

/// The longest time between two rounds of the loop, so that a stall shows.
const MAX_SLEEP: Duration = Duration::from_secs(1);
/// A call that exceeds its own timeouts by this much is aborted: the source is at fault, and the
/// slot is freed.
const TIMEOUT_GRACE: Duration = Duration::from_secs(1);
/// The longest wait for an explanation. The loop runs every second, so a poller that does not answer
/// by then has died or hangs, which the caller has to show.
const EXPLAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Requests for an explanation that may wait.
const MAX_QUEUED_EXPLANATIONS: usize = 4;
/// The most pages of one answer. A service that sends more repeats itself.
const MAX_PAGES: u32 = 100;

/// The task of a call panicked: a bug, so the poller ends.
#[derive(Debug, Error)]
#[error("an API call panicked: {0}")]
pub struct CallPanicked(#[from] JoinError);

/// The poller has ended, or ends.
#[derive(Debug, Error)]
#[error("the poller does not answer")]
pub struct PollerGone;

/// Learns what the poller does. Every method is called by the poller's task and must return soon.
pub trait PollObserver: Send + Sync + 'static {
    /// One API call has ended, after `took`.
    fn called(&self, operation: Operation, took: Duration, failure: Option<Failure>);

    /// One poll has ended.
    fn polled(&self, observation: &Observation);

    /// From now on these targets are polled, and observations name their positions.
    fn targets_changed(&self, targets: &Arc<Targets>, diff: &TargetDiff);
}

/// Other targets to go on with, and how to poll them.
struct NewTargets {
    targets: Arc<Targets>,
    api: Arc<dyn Api>,
    settings: config::PollSettings,
    applied: oneshot::Sender<TargetDiff>,
}

/// Asks when targets will be polled next.
struct Explain {
    targets: Arc<Targets>,
    about: Vec<Target>,
    explained: oneshot::Sender<Vec<Option<NextPoll>>>,
}

/// Speaks to a [`Poller`].
#[derive(Clone)]
pub struct PollerHandle {
    new_targets: mpsc::Sender<NewTargets>,
    explain: mpsc::Sender<Explain>,
    progress: Arc<Progress>,
}

impl PollerHandle {
    /// Goes on with other targets, another API and other settings; returns what stayed.
    ///
    /// # Errors
    /// When the poller has ended.
    pub async fn apply_targets(
        &self,
        targets: Arc<Targets>,
        api: Arc<dyn Api>,
        settings: config::PollSettings,
    ) -> Result<TargetDiff, PollerGone> {
        let (applied, diff) = oneshot::channel();
        let new_targets = NewTargets {
            targets,
            api,
            settings,
            applied,
        };
        self.new_targets
            .send(new_targets)
            .await
            .map_err(|_| PollerGone)?;
        diff.await.map_err(|_| PollerGone)
    }

    /// When each of these targets of `targets` will be polled next. `None` where that is unknown:
    /// for all, when the poller does not answer in 2 s or polls other targets by now.
    pub async fn explain(&self, targets: &Arc<Targets>, about: &[Target]) -> Vec<Option<NextPoll>> {
        let (explained, explanation) = oneshot::channel();
        let request = Explain {
            targets: Arc::clone(targets),
            about: about.to_vec(),
            explained,
        };
        let asked = async {
            self.explain.send(request).await.ok()?;
            explanation.await.ok()
        };
        let answered = tokio::time::timeout(EXPLAIN_TIMEOUT, asked).await;
        let mut next = answered.ok().flatten().unwrap_or_default();
        next.resize(about.len(), None);
        next
    }

    /// The present state of the work.
    #[must_use]
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }
}

/// Polls all targets until it is stopped.
pub struct Poller {
    api: Arc<dyn Api>,
    targets: Arc<Targets>,
    clock: Clock,
    schedule: Schedule,
    retry: Retry,
    settings: config::PollSettings,
    progress: Arc<Progress>,
    calls: JoinSet<EndedCall>,
    new_targets: mpsc::Receiver<NewTargets>,
    explain: mpsc::Receiver<Explain>,
}

/// An API call that has ended.
struct EndedCall {
    ticket: TicketId,
    job: Job,
    asked: Moment,
    took: Duration,
    reply: Result<Reply, Failure>,
}

impl Poller {
    /// A poller of [`Operation::POLLED`] whose first turns begin now, and its handle.
    #[must_use]
    pub fn new(
        api: Arc<dyn Api>,
        targets: Arc<Targets>,
        settings: config::PollSettings,
        clock: Clock,
    ) -> (Self, PollerHandle) {
        Self::of_operations(&Operation::POLLED, api, targets, settings, clock)
    }

    /// The same for other operations.
    #[must_use]
    pub fn of_operations(
        operations: &'static [Operation],
        api: Arc<dyn Api>,
        targets: Arc<Targets>,
        settings: config::PollSettings,
        clock: Clock,
    ) -> (Self, PollerHandle) {
        let now = clock.now().mono;
        let progress = Arc::new(Progress::new(now, &targets, settings.rate_limit));
        let (new_targets, receive_targets) = mpsc::channel(1);
        let (explain, receive_explain) = mpsc::channel(MAX_QUEUED_EXPLANATIONS);
        let handle = PollerHandle {
            new_targets,
            explain,
            progress: Arc::clone(&progress),
        };
        let poller = Self {
            progress,
            schedule: Schedule::new(&targets, operations, settings.rate_limit, now),
            retry: Retry::new(settings.attempts),
            calls: JoinSet::new(),
            new_targets: receive_targets,
            explain: receive_explain,
            api,
            targets,
            clock,
            settings,
        };
        (poller, handle)
    }

    /// Polls until `stop` and informs `observer`. Calls in flight are then dropped.
    ///
    /// # Errors
    /// When a call panics.
    pub async fn run(
        mut self,
        observer: Arc<impl PollObserver>,
        stop: CancellationToken,
    ) -> Result<(), CallPanicked> {
        loop {
            let now = self.clock.now().mono;
            let mut wake = now + MAX_SLEEP;
            while self.calls.len() < self.settings.max_in_flight {
                match self.schedule.next(now, self.settings.max_in_flight) {
                    Step::Call(call) => self.call(call),
                    Step::Wait(until) => {
                        wake = wake.min(until);
                        break;
                    }
                }
            }
            self.progress
                .beat(now, self.schedule.oldest_due(), self.schedule.budgets());
            tokio::select! {
                // Ended calls go before explanations, each of which takes a pass over all jobs.
                biased;
                () = stop.cancelled() => return Ok(()),
                Some(new) = self.new_targets.recv() => self.apply_targets(new, &*observer),
                Some(ended) = self.calls.join_next() => self.ended(ended?, &*observer),
                Some(request) = self.explain.recv() => self.explain(request),
                () = self.clock.sleep_until(wake) => {}
            }
        }
    }

    fn call(
        &mut self,
        Call {
            ticket,
            job,
            continuation,
        }: Call,
    ) {
        let (api, targets) = (Arc::clone(&self.api), Arc::clone(&self.targets));
        let (clock, deadline) = (self.clock.clone(), self.settings.timeout + TIMEOUT_GRACE);
        self.calls.spawn(async move {
            let asked = clock.now();
            let request = Request {
                operation: job.operation,
                pool: &targets.pool(job.target).id,
                identity: targets.identity(job.target),
                continuation: continuation.as_deref(),
            };
            let reply = tokio::time::timeout(deadline, api.call(request)).await;
            let reply = reply.unwrap_or(Err(Failure::Timeout));
            let took = clock.now().mono.since(asked.mono);
            EndedCall {
                ticket,
                job,
                asked,
                took,
                reply,
            }
        });
    }

    fn ended(&mut self, ended: EndedCall, observer: &impl PollObserver) {
        let EndedCall {
            ticket: id,
            job,
            asked,
            took,
            reply,
        } = ended;
        let ticket = self.schedule.ticket(id);
        let reply = reply.and_then(|reply| check(reply, job.operation, ticket));
        let failure = reply.as_ref().err().copied();
        observer.called(job.operation, took, failure);
        // Without a ticket, the target is no longer polled.
        let Some(ticket) = ticket else { return };
        let asked = ticket.paging.as_ref().map_or(asked, |paging| paging.asked);
        let now = self.clock.now().mono;
        let (then, result) = match reply {
            Ok(Reply::More(continuation)) => {
                let continuation = Arc::new(continuation);
                (
                    Then::Page(Paging {
                        continuation,
                        asked,
                    }),
                    None,
                )
            }
            Ok(Reply::Done(answer)) => (Then::Finish, Some(Ok(answer))),
            Err(failure) => match self
                .retry
                .wait(ticket.attempt, failure, self.chance(ticket))
            {
                Some(wait) => (Then::Retry(wait), None),
                None => (Then::Finish, Some(Err(failure))),
            },
        };
        let Some(Ended { ticket, event }) = self.schedule.ended(id, failure, then, now) else {
            return;
        };
        if let Some(event) = event {
            let budget = &self.targets.budgets[self.targets.pool(ticket.job.target).budget].label;
            match event {
                CredentialEvent::Refused => {
                    warn!(
                        budget,
                        "credentials unavailable or rejected; only probes are sent"
                    );
                }
                CredentialEvent::Accepted => info!(budget, "credentials accepted again"),
            }
        }
        if let Some(result) = result {
            let Ticket {
                job,
                calls,
                poll_began,
                ..
            } = ticket;
            let took = now.since(poll_began);
            observer.polled(&Observation {
                job,
                asked,
                took,
                calls,
                result,
            });
        }
    }

    fn apply_targets(&mut self, new: NewTargets, observer: &impl PollObserver) {
        let NewTargets {
            targets,
            api,
            settings,
            applied,
        } = new;
        let now = self.clock.now().mono;
        let diff = TargetDiff::new(&self.targets, &targets);
        let change = TargetChange {
            old: &self.targets,
            new: &targets,
            diff: &diff,
        };
        self.schedule
            .apply_targets(change, settings.rate_limit, now);
        self.progress.apply_targets(&targets, settings.rate_limit);
        self.retry = Retry::new(settings.attempts);
        (self.targets, self.api, self.settings) = (targets, api, settings);
        observer.targets_changed(&self.targets, &diff);
        // The caller may have gone.
        let _ = applied.send(diff);
    }

    fn explain(
        &self,
        Explain {
            targets,
            about,
            explained,
        }: Explain,
    ) {
        let now = self.clock.now().mono;
        let same = Arc::ptr_eq(&targets, &self.targets);
        let about = if same { &about[..] } else { &[] };
        // The caller may have gone.
        let _ = explained.send(self.schedule.explain(about, now));
    }

    /// A number in 0..1 that differs between targets, attempts and polls, but is the same when a
    /// run is repeated.
    fn chance(&self, ticket: &Ticket) -> f64 {
        let pool = &self.targets.pool(ticket.job.target).id;
        let identity = self.targets.identity(ticket.job.target);
        let began = ticket.poll_began.since(Mono::START).as_nanos();
        let time = format!("{began}/{}", ticket.attempt);
        let identity = identity.map_or("", IdentityId::as_str);
        hash(&[pool.as_str(), identity, &time]) as f64 / u64::MAX as f64
    }
}

/// Refuses answers to another operation, and pages without end.
fn check(reply: Reply, operation: Operation, ticket: Option<&Ticket>) -> Result<Reply, Failure> {
    let pages = ticket.map_or(1, |ticket| ticket.calls);
    match &reply {
        Reply::Done(answer) if answer.is_to(operation) => Ok(reply),
        Reply::More(page) if page.so_far.is_to(operation) && pages < MAX_PAGES => Ok(reply),
        Reply::Done(_) | Reply::More(_) => {
            debug!(
                operation = operation.as_str(),
                pages, "the answer is to another operation, or its pages do not end"
            );
            Err(Failure::Malformed)
        }
    }
}

#[cfg(test)]
mod tests;
