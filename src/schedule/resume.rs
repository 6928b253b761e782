//! Going on where another process stopped, as if this one had been suspended meanwhile.
//!
//! Hands stand where they stood, so that turns that were missed are late, and nobody waits for
//! another interval.

use std::collections::HashSet;
use std::time::Duration;

use super::demand::MAX_PRICE;
use super::jobs::{JobIndex, JobTable, Phases};
use super::kept::Kept;
use super::order::{Order, Seat};
use super::state::State;
use super::virtual_time::VirtualTime;
use super::{Knowledge, Schedule};
use crate::api::Operation;
use crate::clock::Mono;
use crate::job::{IdentityIndex, Job, PoolIndex, Target};
use crate::targets::Targets;

/// Times that differ by no more are the same: they were saved in milliseconds.
const LOST: Duration = Duration::from_millis(10);

/// Those that were asked by the process before are known, and who was not yields to them, when they
/// are so many times as many as the others. The store does not tell a first sweep from many who
/// have joined. A first sweep that was stopped before its half goes on with all calls; what was
/// left of it after that takes twice as long.
const KNOWN_TIMES: usize = 1;

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
    /// It may be asked at its turn, and answered last when asked at this time, if it ever did.
    Ended(Option<Mono>),
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
        known: Knowledge<'_>,
        now: Mono,
    ) {
        for (budget, queue) in targets.budgets.iter().zip(&mut self.queues) {
            let is_its = |standing: &&BudgetStanding| standing.label == budget.label;
            if let Some(standing) = standing.budgets.iter().find(is_its) {
                queue.resume(standing.rate);
                queue.order.resume(standing, &self.jobs.phases);
            }
        }
        let operation = Operation::DescribeIdentityUsage;
        let pools = targets.pools.iter().enumerate();
        let identities = pools.flat_map(|(pool, of)| {
            let positions = (0..of.identities.len()).map(IdentityIndex);
            positions.map(move |identity| (PoolIndex(pool), identity))
        });
        let polled: Vec<_> = identities
            .filter_map(|(pool, identity)| {
                let target = Target::Identity { pool, identity };
                let job = self.jobs.index(Job { operation, target })?;
                Some((job, last_poll(pool, identity)))
            })
            .collect();
        let mut shares = vec![0.0; self.queues.len()];
        for (job, last_poll) in &polled {
            if let LastPoll::Ended(_) = last_poll {
                let price = known.demand_of(self.jobs.job(*job)).price();
                shares[self.jobs.segment(*job).budget] += 1.0 / price.max(1) as f64;
            }
        }
        for (queue, share) in self.queues.iter_mut().zip(shares) {
            let rate = queue.rate();
            queue.order.expect_speed(share, rate, now);
        }
        let answered: HashSet<_> = polled
            .iter()
            .filter(|(_, last_poll)| matches!(last_poll, LastPoll::Ended(Some(_))))
            .map(|(job, _)| self.jobs.segment(*job).pool)
            .collect();
        for (job, last_poll) in polled {
            let order = &mut self.queues[self.jobs.segment(job).budget].order;
            match last_poll {
                LastPoll::Never => {}
                LastPoll::Ended(at) => order.put_asked(&self.jobs, job, at, known, now),
                LastPoll::Denied => order.put_denied(&self.jobs, job, now),
                LastPoll::Missing => order.put_missing(&self.jobs, job),
            }
        }
        for queue in &mut self.queues {
            queue.order.newcomers_yield = queue.order.are_known(KNOWN_TIMES);
            answered
                .iter()
                .for_each(|pool| queue.order.was_answered(*pool));
        }
    }
}

impl Order {
    fn standing(&self, phases: &Phases) -> Vec<DialStanding> {
        let dials = self.dials.iter();
        dials.filter_map(|dial| dial.standing(phases)).collect()
    }

    fn resume(&mut self, standing: &BudgetStanding, phases: &Phases) {
        for dial in &mut self.dials {
            let is_alike = |standing: &&DialStanding| {
                (standing.interval, standing.max_age.is_none())
                    == (dial.interval(), dial.is_of_pools())
            };
            let mut alike: Vec<_> = standing.dials.iter().filter(is_alike).collect();
            // A `max_age` that is `auto` may differ whenever a list does.
            alike.sort_by_key(|standing| standing.max_age != Some(dial.max_age()));
            if let Some(standing) = alike.first() {
                dial.resume(standing, phases);
            }
        }
    }

    /// Where a rate does not suffice for all turns, lets virtual time pass as fast as it does when
    /// each identity is asked once in its price: all of them together take the rate.
    fn expect_speed(&mut self, sum_of_inverse_prices: f64, rate: f64, now: Mono) {
        let is_index = self.calls_per_second() > rate && sum_of_inverse_prices > 0.0;
        let speed = if is_index {
            rate / sum_of_inverse_prices
        } else {
            0.0
        };
        self.virtual_time = VirtualTime::at_speed(speed, now);
    }

    /// An identity was answered last when it was asked at this time. Where the index decides, it
    /// has waited since. Else it waits for its turn, unless it has missed a whole one.
    fn put_asked(
        &mut self,
        table: &JobTable,
        job: JobIndex,
        at: Option<Mono>,
        known: Knowledge<'_>,
        now: Mono,
    ) {
        let Seat { dial, position } = self.seat(table, job);
        let interval = self.dials[dial].interval();
        let age = at.map_or(interval, |at| now.since(at));
        let speed = self.virtual_time.per_second();
        let is_index = speed > 0.0;
        if age < interval * if is_index { 1 } else { 2 } {
            let turn = self.dials[dial].turn_after_hand(position, &table.phases);
            // The hand has passed it and its call was lost with the process.
            let lost = at.is_some_and(|at| at + interval + LOST < turn);
            let kept = if lost && age >= interval.mul_f64(0.9) {
                Kept::Parked(now)
            } else {
                Kept::As(State::Rests)
            };
            self.put(table, job, kept);
            return;
        }
        let demand = known.demand_of(table.job(job));
        let (price, speed) = if is_index {
            (demand.price(), speed)
        } else {
            (MAX_PRICE, MAX_PRICE as f64 / interval.as_secs_f64())
        };
        let key = self.virtual_time.key_after(price, age, speed);
        self.dials[dial].wait(position, key, demand.is_near());
        self.late_since = Some(now);
    }
}
