//! One budget: its jobs in the order of their turns, its rate, and whether its credentials work.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::jobs::JobIndex;
use super::pacer::Pacer;
use super::probe::Probe;
use crate::api::{Failure, FailureClass};
use crate::clock::Mono;

/// What the end of a call changed for its whole budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialEvent {
    /// The credentials do not work; from now on only probes are sent.
    Refused,
    /// The credentials work again.
    Accepted,
}

/// A job that a budget sends now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) index: JobIndex,
    /// When it was due.
    pub(super) due: Mono,
    pub(super) is_probe: bool,
}

/// What a call revealed about its budget.
#[derive(Clone, Copy, Debug)]
pub(super) struct Feedback {
    /// When the call was sent.
    pub(super) sent: Mono,
    pub(super) is_probe: bool,
    pub(super) failure: Option<Failure>,
}

/// The jobs of one budget.
#[derive(Debug)]
pub(super) struct BudgetQueue {
    /// Jobs that wait, by when they are due.
    waiting: BinaryHeap<Reverse<(Mono, JobIndex)>>,
    pacer: Pacer,
    in_flight: usize,
    /// While the credentials do not work.
    probe: Option<Probe>,
}

impl BudgetQueue {
    /// A queue with a ceiling of `rate_limit` calls per second.
    pub(super) fn new(waiting: Vec<(Mono, JobIndex)>, rate_limit: f64) -> Self {
        let waiting = waiting.into_iter().map(Reverse).collect();
        Self {
            waiting,
            pacer: Pacer::new(rate_limit),
            in_flight: 0,
            probe: None,
        }
    }

    /// The same budget with other jobs and nothing in flight. When its probe is lost with the
    /// jobs, another one is sent.
    pub(super) fn refilled(
        mut self,
        waiting: Vec<(Mono, JobIndex)>,
        rate_limit: f64,
        probe_lost: bool,
        now: Mono,
    ) -> Self {
        self.waiting = waiting.into_iter().map(Reverse).collect();
        self.in_flight = 0;
        self.pacer.set_ceiling(rate_limit);
        if let Some(probe) = self.probe.as_mut().filter(|_| probe_lost) {
            probe.lost(now);
        }
        self
    }

    /// The jobs that wait, in no order, with when they are due.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (Mono, JobIndex)> {
        self.waiting.iter().map(|Reverse(waiting)| *waiting)
    }

    /// Adds a job that waits until it is due.
    pub(super) fn push(&mut self, due: Mono, index: JobIndex) {
        self.waiting.push(Reverse((due, index)));
    }

    /// When the job that has waited longest was or is due.
    pub(super) fn oldest_due(&self) -> Option<Mono> {
        self.waiting.peek().map(|Reverse((due, _))| *due)
    }

    /// The present rate, in calls per second.
    pub(super) fn rate(&self) -> f64 {
        self.pacer.rate()
    }

    /// Whether the credentials work, as far as is known.
    pub(super) fn credentials_good(&self) -> bool {
        self.probe.is_none()
    }

    /// While the credentials do not work: when the next probe may be sent.
    pub(super) fn probe_at(&self) -> Option<Mono> {
        self.probe.as_ref().map(Probe::ready_at)
    }

    /// The job to send now, or when to look again. At most `share` calls are in flight at once.
    pub(super) fn next(&mut self, share: usize, now: Mono) -> Result<Sent, Mono> {
        if self.in_flight >= share {
            return Err(Mono::NEVER);
        }
        let due = self.oldest_due().unwrap_or(Mono::NEVER);
        // A probe does not wait for the turn of any job.
        let ready = self
            .probe
            .as_ref()
            .map_or(due, Probe::ready_at)
            .max(self.pacer.ready_at());
        if ready > now {
            return Err(ready);
        }
        let Some(Reverse((due, index))) = self.waiting.pop() else {
            return Err(Mono::NEVER);
        };
        self.pacer.spend(now);
        self.in_flight += 1;
        let probe = self.probe.as_mut().map(Probe::sent);
        Ok(Sent {
            index,
            due,
            is_probe: probe.is_some(),
        })
    }

    /// Counts a call that was sent before the targets changed and is still in flight.
    pub(super) fn is_in_flight(&mut self) {
        self.in_flight += 1;
    }

    /// A call has ended. Rate and credentials follow what it revealed.
    pub(super) fn ended(&mut self, feedback: Feedback, now: Mono) -> Option<CredentialEvent> {
        self.in_flight -= 1;
        let Feedback {
            sent,
            is_probe,
            failure,
        } = feedback;
        // Only an answer of AWS says anything about its quota, or anything good about credentials.
        let answered = match failure.map(Failure::class) {
            None | Some(FailureClass::Permanent | FailureClass::Transient) => true,
            Some(FailureClass::NoAnswer | FailureClass::Credentials) => false,
        };
        match failure {
            Some(Failure::Throttled) => self.pacer.throttled(sent, now),
            _ if answered => self.pacer.answered(),
            _ => {}
        }
        match &mut self.probe {
            None if failure == Some(Failure::Credentials) => {
                self.probe = Some(Probe::new(now));
                Some(CredentialEvent::Refused)
            }
            Some(_) if is_probe && answered => {
                self.probe = None;
                Some(CredentialEvent::Accepted)
            }
            Some(probe) if is_probe => {
                probe.failed(now);
                None
            }
            // Other calls were in flight already when the credentials stopped working.
            _ => None,
        }
    }
}
