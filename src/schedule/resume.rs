//! Going on where another process stopped, as if this one had been suspended meanwhile.
//!
//! Hands stand where they stood, so that turns that were missed are late, and nobody waits for
//! another interval.

use std::time::Duration;

use super::Schedule;
use super::jobs::Phases;
use super::kept::Kept;
use super::order::Order;
use super::state::State;
use crate::api::Operation;
use crate::clock::Mono;
use crate::job::{IdentityIndex, Job, PoolIndex, Target};
use crate::targets::Targets;

/// Where a schedule stands. Times may be before the process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    pub budgets: Vec<BudgetStanding>,
}

/// Where a budget stands.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetStanding {
    /// Its name, as on `/metrics`.
    pub label: String,
    /// The present rate, in calls per second.
    pub rate: f64,
    pub dials: Vec<DialStanding>,
}

/// Where the hands of a dial stand.
#[derive(Clone, Debug, PartialEq)]
pub struct DialStanding {
    pub interval: Duration,
    /// `None` for a dial of pools.
    pub max_age: Option<Duration>,
    pub turns: HandStanding,
    pub deadlines: Option<HandStanding>,
    /// When the hand of the deadlines began its present pass, and how long it took for the one
    /// before.
    pub pass: (Mono, Duration),
}

/// A hand stands at this phase, which it reaches at this time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HandStanding {
    /// In units of 2^-32 of its cadence.
    pub phase: u32,
    pub at: Mono,
}

/// What is known of an identity's last poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastPoll {
    /// There was none.
    Never,
    /// It may be asked at its turn.
    Ended,
    /// AWS denied it.
    Denied,
    /// AWS says that it does not exist, or that its id is not valid.
    Missing,
}

impl Schedule {
    /// Where it stands, of these targets.
    #[must_use]
    pub fn standing(&self, targets: &Targets) -> Standing {
        let budgets = targets.budgets.iter().zip(&self.queues);
        let budgets = budgets.map(|(budget, queue)| BudgetStanding {
            label: budget.label.clone(),
            rate: queue.rate(),
            dials: queue.order.standing(&self.jobs.phases),
        });
        Standing {
            budgets: budgets.collect(),
        }
    }

    /// Goes on from there, where all jobs are new. `last_poll` is what is known of an identity.
    pub fn resume(
        &mut self,
        targets: &Targets,
        standing: &Standing,
        last_poll: impl Fn(PoolIndex, IdentityIndex) -> LastPoll,
        now: Mono,
    ) {
        for (budget, queue) in targets.budgets.iter().zip(&mut self.queues) {
            let is_its = |standing: &&BudgetStanding| standing.label == budget.label;
            if let Some(standing) = standing.budgets.iter().find(is_its) {
                queue.resume(standing.rate);
                queue.order.resume(&standing.dials, &self.jobs.phases);
            }
        }
        let operation = Operation::DescribeIdentityUsage;
        for (pool, of) in targets.pools.iter().enumerate() {
            let pool = PoolIndex(pool);
            for identity in (0..of.identities.len()).map(IdentityIndex) {
                let last_poll = last_poll(pool, identity);
                let target = Target::Identity { pool, identity };
                let Some(job) = self.jobs.index(Job { operation, target }) else {
                    continue;
                };
                let order = &mut self.queues[self.jobs.segment(job).budget].order;
                match last_poll {
                    LastPoll::Never => {}
                    LastPoll::Ended => order.put(&self.jobs, job, Kept::As(State::Rests)),
                    LastPoll::Denied => order.put_denied(&self.jobs, job, now),
                    LastPoll::Missing => order.put_missing(&self.jobs, job),
                }
            }
        }
    }
}

impl Order {
    fn standing(&self, phases: &Phases) -> Vec<DialStanding> {
        let dials = self.dials.iter();
        dials.filter_map(|dial| dial.standing(phases)).collect()
    }

    fn resume(&mut self, standing: &[DialStanding], phases: &Phases) {
        for dial in &mut self.dials {
            let is_alike = |standing: &&DialStanding| {
                (standing.interval, standing.max_age.is_none())
                    == (dial.interval(), dial.is_of_pools())
            };
            let mut alike: Vec<_> = standing.iter().filter(is_alike).collect();
            // A `max_age` that is `auto` may differ whenever a list does.
            alike.sort_by_key(|standing| standing.max_age != Some(dial.max_age()));
            if let Some(standing) = alike.first() {
                dial.resume(standing, phases);
            }
        }
    }
}
