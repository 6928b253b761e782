//! The loop that acts on the schedule: makes calls, gives tickets back, tells the listener.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::progress::Progress;
use super::retry::Retry;
use super::schedule::{Schedule, Step, Ticket};
use crate::clock::{Clock, Moment};
use crate::config;
use crate::identity::hash;
use crate::targets::Targets;
use crate::usage::{Failure, Listener, Observation, Outcome, Target, UsageSource};

/// The loop goes round at least this often, so that a stall shows.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// A call that outlives its own timeouts by this much is cut off: the source is at fault, the slot comes back.
const GRACE: Duration = Duration::from_secs(1);

/// A call's task panicked: a bug, so the poller ends.
#[derive(Debug, Error)]
#[error("a call died: {0}")]
pub struct Died(#[from] JoinError);

/// Polls all targets until it is stopped.
pub struct Poller<S> {
    source: Arc<S>,
    targets: Arc<Targets>,
    clock: Clock,
    schedule: Schedule,
    retry: Retry,
    settings: config::Poll,
    progress: Arc<Progress>,
    calls: JoinSet<Ended>,
}

/// A call that has ended.
struct Ended {
    ticket: Ticket,
    asked: Moment,
    took: Duration,
    outcome: Outcome,
}

impl<S: UsageSource> Poller<S> {
    /// A poller whose first interval begins now.
    #[must_use]
    pub fn new(source: Arc<S>, targets: Arc<Targets>, settings: config::Poll, clock: Clock) -> Self {
        let now = clock.now().mono;
        let budgets = targets.budgets.iter().enumerate().map(|(index, budget)| {
            let of_budget = targets.pools.iter().filter(|pool| pool.budget == index);
            (budget.label.clone(), of_budget.map(|pool| pool.identities.len()).sum(), settings.rate_limit)
        });
        Self {
            progress: Arc::new(Progress::new(now, budgets)),
            schedule: Schedule::new(&targets, settings.rate_limit, now),
            retry: Retry::new(settings.attempts),
            calls: JoinSet::new(),
            source,
            targets,
            clock,
            settings,
        }
    }

    /// What others may see of the work.
    #[must_use]
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Polls until `stop`, telling `listener`; calls under way are then dropped.
    ///
    /// # Errors
    /// When a call panics.
    pub async fn run(mut self, listener: Arc<impl Listener>, stop: CancellationToken) -> Result<(), Died> {
        loop {
            let now = self.clock.now().mono;
            let mut wake = now + LONGEST_SLEEP;
            while self.calls.len() < self.settings.max_in_flight {
                match self.schedule.next(now) {
                    Step::Call(ticket) => self.call(ticket),
                    Step::Wait(until) => {
                        wake = wake.min(until);
                        break;
                    }
                }
            }
            self.progress.beat(now, self.schedule.oldest_due(), self.schedule.rates());
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(ended) = self.calls.join_next() => self.ended(ended?, &*listener),
                () = self.clock.sleep_until(wake) => {}
            }
        }
    }

    fn call(&mut self, ticket: Ticket) {
        let (source, targets, clock) = (Arc::clone(&self.source), Arc::clone(&self.targets), self.clock.clone());
        let deadline = self.settings.timeout + GRACE;
        self.calls.spawn(async move {
            let asked = clock.now();
            let outcome = tokio::time::timeout(deadline, ask(&*source, &targets, ticket.target))
                .await
                .unwrap_or_else(|_| Outcome::failed(ticket.target, Failure::Timeout));
            let took = clock.now().mono.since(asked.mono);
            Ended { ticket, asked, took, outcome }
        });
    }

    fn ended(&mut self, ended: Ended, listener: &impl Listener) {
        let Ended { ticket, asked, took, outcome } = ended;
        let failure = outcome.failure();
        listener.called(ticket.target.operation(), took, failure);
        let now = self.clock.now().mono;
        if let Some(failure) = failure
            && let Some(wait) = self.retry.wait(ticket.attempt, failure, self.chance(&ticket))
        {
            self.schedule.attempt_again(&ticket, wait, now);
            return;
        }
        self.schedule.poll_ended(&ticket, now);
        let took = now.since(ticket.poll_began);
        listener.polled(&Observation { asked, took, attempts: ticket.attempt, outcome });
    }

    /// A number in 0..1 that differs between targets, attempts and polls, but is the same when all is played again.
    fn chance(&self, ticket: &Ticket) -> f64 {
        let pool = self.targets.pool(ticket.target);
        let identity = match ticket.target {
            Target::Identity { identity, .. } => pool.identities.id(identity).as_str(),
            Target::Pool { .. } => "",
        };
        let moment = format!("{}/{}", ticket.poll_began.as_nanos(), ticket.attempt);
        hash(&[pool.id.as_str(), identity, &moment]) as f64 / u64::MAX as f64
    }
}

async fn ask<S: UsageSource>(source: &S, targets: &Targets, target: Target) -> Outcome {
    let at = targets.pool(target);
    match target {
        Target::Identity { pool, identity } => Outcome::Identity {
            pool,
            identity,
            result: source.identity_usage(&at.id, at.identities.id(identity)).await,
        },
        Target::Pool { pool } => Outcome::Pool { pool, result: source.pool_usage(&at.id).await },
    }
}
