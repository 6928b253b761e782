//! One budget: who waits for it, how fast it may call, and whether its credentials are good.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::pacer::Pacer;
use super::probe::Probe;
use super::schedule::Ticket;
use crate::clock::Mono;
use crate::usage::Failure;

/// What a call's end changed for its whole budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its credentials are no good; nothing but a probe asks from now on.
    CredentialsRefused,
    /// Its credentials are good again.
    CredentialsAccepted,
}

/// The targets of one budget.
#[derive(Debug)]
pub(super) struct Lane {
    /// Who is to be asked, by when; targets are told by their index in the schedule.
    waiting: BinaryHeap<Reverse<(Mono, u32)>>,
    pacer: Pacer,
    /// Calls under way.
    out: usize,
    /// While the budget's credentials are no good.
    probe: Option<Probe>,
}

impl Lane {
    pub(super) fn new(waiting: Vec<(Mono, u32)>, rate_limit: f64) -> Self {
        let waiting = waiting.into_iter().map(Reverse).collect();
        Self {
            waiting,
            pacer: Pacer::new(rate_limit),
            out: 0,
            probe: None,
        }
    }

    /// The same budget with others waiting, or the same by other indices, and nothing under way. A
    /// probe that is `lost` goes out anew.
    pub(super) fn refilled(
        mut self,
        waiting: Vec<(Mono, u32)>,
        rate_limit: f64,
        lost: bool,
        now: Mono,
    ) -> Self {
        self.waiting = waiting.into_iter().map(Reverse).collect();
        self.out = 0;
        self.pacer.set_ceiling(rate_limit);
        if let Some(probe) = self.probe.as_mut().filter(|_| lost) {
            probe.lost(now);
        }
        self
    }

    /// Who waits, in no order.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (Mono, u32)> {
        self.waiting.iter().map(|Reverse(waiting)| *waiting)
    }

    /// Lets a target wait until it is due.
    pub(super) fn push(&mut self, due: Mono, index: u32) {
        self.waiting.push(Reverse((due, index)));
    }

    /// When the target that has waited longest was or is due.
    pub(super) fn oldest_due(&self) -> Option<Mono> {
        self.waiting.peek().map(|Reverse((due, _))| *due)
    }

    /// The present rate, in calls per second.
    pub(super) fn rate(&self) -> f64 {
        self.pacer.rate()
    }

    /// Whether the credentials are good, as far as is known.
    pub(super) fn credentials_good(&self) -> bool {
        self.probe.is_none()
    }

    /// While its credentials are no good, when the next probe may go out.
    pub(super) fn probe_at(&self) -> Option<Mono> {
        self.probe.as_ref().map(Probe::ready_at)
    }

    /// The target to ask now, and whether as a probe; or when to look again. At most `share` calls
    /// are under way at once.
    pub(super) fn next(&mut self, share: usize, now: Mono) -> Result<(u32, bool), Mono> {
        if self.out >= share {
            return Err(Mono::NEVER);
        }
        let due = self.oldest_due().unwrap_or(Mono::NEVER);
        // A probe does not wait for anybody's turn.
        let ready = self
            .probe
            .as_ref()
            .map_or(due, Probe::ready_at)
            .max(self.pacer.ready_at());
        if ready > now {
            return Err(ready);
        }
        let Some(Reverse((_, index))) = self.waiting.pop() else {
            return Err(Mono::NEVER);
        };
        self.pacer.spend(now);
        self.out += 1;
        let probe = self.probe.as_mut().map(Probe::set_out);
        Ok((index, probe.is_some()))
    }

    /// A call that was handed out before a reload is under way still.
    pub(super) fn is_out(&mut self) {
        self.out += 1;
    }

    /// A call has come back.
    pub(super) fn came_back(&mut self) {
        self.out -= 1;
    }

    /// Takes in what a call told of the budget.
    pub(super) fn learn(
        &mut self,
        ticket: &Ticket,
        failure: Option<Failure>,
        now: Mono,
    ) -> Option<Change> {
        // What is no answer of AWS tells nothing about its quota, and nothing good about the
        // credentials.
        let answered = failure.is_none_or(Failure::is_answer);
        match failure {
            Some(Failure::Throttled) => self.pacer.throttled(ticket.set_out, now),
            _ if answered => self.pacer.answered(),
            _ => {}
        }
        match &mut self.probe {
            None if failure == Some(Failure::Credentials) => {
                self.probe = Some(Probe::new(now));
                Some(Change::CredentialsRefused)
            }
            Some(_) if ticket.is_probe && answered => {
                self.probe = None;
                Some(Change::CredentialsAccepted)
            }
            Some(probe) if ticket.is_probe => {
                probe.failed(now);
                None
            }
            // Others were out already when the credentials went bad.
            _ => None,
        }
    }
}
