//! The calls of one budget: the order of its jobs, its rate, the state of its credentials.

use super::Knowledge;
use super::jobs::{JobIndex, JobTable};
use super::lists::ListShare;
use super::order::Order;
use super::pacer::Pacer;
use super::probe::Probe;
use crate::api::{Failure, FailureClass, Signer};
use crate::clock::Mono;
use crate::recent_calls::RecentCalls;
use crate::targets::Budget;

/// A change in whether a budget's calls can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetEvent {
    /// The credentials or the settings do not work. From now on only probes are sent. It happens
    /// again at each probe that finds so.
    Refused,
    /// AWS accepts the credentials again.
    Accepted,
}

/// A job taken from the queue, to be called now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TakenJob {
    pub(super) index: JobIndex,
    pub(super) due_at: Mono,
    pub(super) is_probe: bool,
}

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallEnd {
    pub(super) sent_at: Mono,
    pub(super) is_probe: bool,
    /// Whether only the exchange before it was made.
    pub(super) was_unsent: bool,
    pub(super) failure: Option<Failure>,
}

/// The jobs of one budget, and when they may be called.
#[derive(Debug)]
pub(super) struct BudgetQueue {
    pub(super) order: Order,
    pub(super) signer: Signer,
    pacer: Pacer,
    calls: RecentCalls,
    in_flight: usize,
    pub(super) lists: ListShare,
    /// Present while the credentials do not work.
    probe: Option<Probe>,
}

impl BudgetQueue {
    /// The queue of a budget, where `poll.rate_limit` is `rate_limit`.
    pub(super) fn new(order: Order, budget: &Budget, rate_limit: f64, now: Mono) -> Self {
        Self {
            order,
            signer: budget.signer,
            pacer: Pacer::new(budget.ceiling(rate_limit)),
            calls: RecentCalls::new(now),
            in_flight: 0,
            lists: ListShare::new(),
            probe: None,
        }
    }

    /// Replaces the jobs, and resets the number of calls in flight to 0.
    pub(super) fn with_jobs(mut self, order: Order, rate_limit: f64, now: Mono) -> Self {
        self.order = order;
        self.in_flight = 0;
        self.pacer.set_ceiling(rate_limit, now);
        self
    }

    /// The result of a probe is lost: another one is scheduled.
    pub(super) fn on_probe_lost(&mut self, now: Mono) {
        if let Some(probe) = &mut self.probe {
            probe.on_lost(now);
        }
    }

    /// What did not work may have been mended: a probe that waits becomes due.
    pub(super) fn on_settings_applied(&mut self, now: Mono) {
        if let Some(probe) = &mut self.probe {
            probe.on_settings_applied(now);
        }
    }

    /// Goes on at this rate, in calls per second, as far as the ceiling allows.
    pub(super) fn resume(&mut self, rate: f64) {
        self.pacer.resume(rate);
    }

    /// The present rate, in calls per second.
    pub(super) fn rate(&self) -> f64 {
        self.pacer.rate()
    }

    /// Its calls in the last minute.
    pub(super) fn recent_calls(&self) -> RecentCalls {
        self.calls
    }

    /// Whether the credentials work, as far as is known.
    pub(super) fn credentials_good(&self) -> bool {
        self.probe.is_none()
    }

    /// When the next probe may be sent; `None` while the credentials work.
    pub(super) fn probe_at(&self) -> Option<Mono> {
        self.probe.as_ref().map(Probe::ready_at)
    }

    /// Takes the job to call now. When there is none, the error is the earliest time for the next
    /// attempt. At most `max_in_flight` calls are in flight at once.
    pub(super) fn take_next(
        &mut self,
        max_in_flight: usize,
        jobs: &JobTable,
        known: Knowledge<'_>,
        now: Mono,
    ) -> Result<TakenJob, Mono> {
        if self.in_flight >= max_in_flight {
            return Err(Mono::MAX);
        }
        let paced = self.pacer.ready_at();
        let taken = match &self.probe {
            // A probe is sent when it is ready, even if no job is due.
            Some(probe) if probe.ready_at().max(paced) > now => {
                return Err(probe.ready_at().max(paced));
            }
            Some(_) => self.order.take_any(jobs, known, self.pacer.rate(), now),
            None if paced > now => return Err(self.order.due_at(jobs, now).max(paced)),
            None => self.order.take(jobs, known, self.pacer.rate(), now),
        };
        let Some((due_at, index)) = taken else {
            return Err(match self.probe {
                Some(_) => Mono::MAX,
                None => self.order.due_at(jobs, now),
            });
        };
        self.pacer.on_sent(now);
        self.calls.on_sent(now);
        self.in_flight += 1;
        let probe = self.probe.as_mut().map(Probe::on_sent);
        Ok(TakenJob {
            index,
            due_at,
            is_probe: probe.is_some(),
        })
    }

    /// Counts a call that was sent before the targets changed and is still in flight.
    pub(super) fn add_in_flight(&mut self) {
        self.in_flight += 1;
    }

    /// Updates the rate and the state of the credentials after a call.
    pub(super) fn on_call_end(&mut self, end: CallEnd, now: Mono) -> Option<BudgetEvent> {
        self.in_flight -= 1;
        let CallEnd {
            sent_at,
            is_probe,
            was_unsent,
            failure,
        } = end;
        let class = failure.map(|failure| failure.class_for(self.signer));
        // Settings that cannot work send nothing.
        if was_unsent || failure == Some(Failure::Configuration) {
            self.calls.on_unsent(sent_at);
        } else if class == Some(FailureClass::Throttled) {
            self.calls.on_throttled(sent_at);
        }
        // Only an answer by AWS shows that it accepts the credentials and has quota left.
        let answered = match class {
            None | Some(FailureClass::Permanent | FailureClass::Transient) => {
                self.pacer.on_answered();
                true
            }
            Some(FailureClass::Throttled) => {
                self.pacer.on_throttled(sent_at, now);
                true
            }
            Some(FailureClass::NoAnswer | FailureClass::Budget) => false,
        };
        let refusal = failure.filter(|_| class == Some(FailureClass::Budget));
        match &mut self.probe {
            None => refusal.map(|_| {
                self.probe = Some(Probe::new(now));
                BudgetEvent::Refused
            }),
            // An exchange says nothing of what the probe is for.
            Some(probe) if is_probe && was_unsent && refusal.is_none() => {
                probe.on_lost(now);
                None
            }
            Some(_) if is_probe && answered => {
                self.probe = None;
                Some(BudgetEvent::Accepted)
            }
            Some(probe) if is_probe => {
                probe.on_failed(now);
                refusal.map(|_| BudgetEvent::Refused)
            }
            // Calls that were in flight when the credentials stopped working change nothing.
            _ => None,
        }
    }
}
