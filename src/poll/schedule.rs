//! Who is to be asked next. One schedule for all identities and pools: no task and no timer for
//! each.
//!
//! Every target has a phase, a fixed point in its interval told by a hash of its id, so that polls
//! spread evenly and stay so. A target is either waiting in its budget's heap, ordered by when it
//! is due, or handed out as a [`Ticket`] until it is given back. Due targets go longest waiting
//! first; budgets take turns, so that none starves another. Whoever fails for good is asked less
//! often, and a budget without good credentials asks nothing but a probe.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::lane::{Change, Lane};
use super::outlook::Why;
use crate::clock::Mono;
use crate::identity::phase;
use crate::targets::{Budget, Carry, Targets};
use crate::usage::{Failure, Target};

/// A target that fails for good is asked every so many intervals at the least …
const MOST_INTERVALS: u32 = 8;
/// … but within this time, unless one interval is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// What to do now.
#[derive(Debug)]
pub enum Step {
    /// Make this call, and give the ticket back when it has ended.
    Call(Ticket),
    /// Nothing before this moment, unless a ticket is given back.
    Wait(Mono),
}

/// One call to be made. Not cloneable: who holds it is the only one to ask for its target.
#[derive(Debug)]
pub struct Ticket {
    /// Whom to ask about.
    pub target: Target,
    /// Which attempt of its poll this is, from 1.
    pub attempt: u32,
    /// When the first attempt of the poll set out.
    pub poll_began: Mono,
    /// When this attempt set out.
    pub(super) set_out: Mono,
    /// Whether it is asked to find out if the budget's credentials are good again.
    pub(super) is_probe: bool,
    index: u32,
    lane: usize,
}

/// The order in which all targets are polled.
#[derive(Debug)]
pub struct Schedule {
    began: Mono,
    pools: Vec<PoolSlot>,
    /// Of each target, by index: its phase as a fraction of its interval. Behind all identities
    /// stand the pools.
    phases: Vec<u32>,
    lanes: Vec<Lane>,
    /// The lane that is asked first.
    turn: usize,
    /// Polls whose next attempt is waiting in the heap, by index.
    retrying: HashMap<u32, Retrying>,
    /// Targets that failed for good, by index, with how many intervals they now wait.
    slowed: HashMap<u32, u32>,
}

#[derive(Debug)]
struct PoolSlot {
    /// The index of its first identity.
    first: u32,
    interval: Duration,
    lane: usize,
}

#[derive(Debug)]
struct Retrying {
    attempts_made: u32,
    poll_began: Mono,
}

impl Schedule {
    /// A schedule whose first interval begins now, with a ceiling of `rate_limit` calls per second
    /// for each budget.
    #[must_use]
    pub fn new(targets: &Targets, rate_limit: f64, now: Mono) -> Self {
        let mut schedule = Self::without_lanes(targets, now);
        let due = |index| Some(schedule.due(index, now));
        let waiting = schedule.by_lane(targets, due);
        schedule.lanes = waiting
            .into_iter()
            .map(|waiting| Lane::new(waiting, rate_limit))
            .collect();
        schedule
    }

    /// Goes on with other targets. Those that stay keep their phase, when they are due, their
    /// attempts and their slowness, and the calls `under_way` about them go on; tickets of those
    /// that do not are taken out. Budgets that stay keep their pace and what is known of their
    /// credentials.
    pub fn retarget(
        &mut self,
        (old, new, carry): (&Targets, &Targets, &Carry),
        rate_limit: f64,
        under_way: &mut HashMap<u64, Ticket>,
        now: Mono,
    ) {
        let mut next = Self::without_lanes(new, self.began);
        let mut dues = vec![None; next.phases.len()];
        for (due, index) in self.lanes.iter().flat_map(Lane::waiting) {
            let Some(moved) = self.moved(index, carry, &next) else {
                continue;
            };
            if self.pools[self.pool_of(index)].interval == next.pools[next.pool_of(moved)].interval
            {
                dues[moved as usize] = Some(due);
            }
        }
        let retrying = std::mem::take(&mut self.retrying).into_iter();
        next.retrying = retrying
            .filter_map(|(index, was)| Some((self.moved(index, carry, &next)?, was)))
            .collect();
        let slowed = std::mem::take(&mut self.slowed).into_iter();
        next.slowed = slowed
            .filter_map(|(index, was)| Some((self.moved(index, carry, &next)?, was)))
            .collect();

        let mut lost_probes = HashSet::new();
        let mut out = HashSet::new();
        under_way.retain(|_, ticket| {
            let old_label = &old.budgets[ticket.lane].label;
            let moved = self.moved(ticket.index, carry, &next);
            if let Some(index) = moved {
                out.insert(index);
                ticket.target = next.target(index);
                ticket.index = index;
                ticket.lane = next.pools[next.pool_of(index)].lane;
            }
            if ticket.is_probe && moved.is_none_or(|_| new.budgets[ticket.lane].label != *old_label)
            {
                lost_probes.insert(old_label);
                ticket.is_probe = false;
            }
            moved.is_some()
        });
        let due = |index: u32| {
            (!out.contains(&index))
                .then(|| dues[index as usize].unwrap_or_else(|| next.due(index, now)))
        };
        let waiting = next.by_lane(new, due);
        let lanes = old
            .budgets
            .iter()
            .map(|budget| &budget.label)
            .zip(std::mem::take(&mut self.lanes));
        let mut lanes: HashMap<_, _> = lanes.collect();
        let lane = |(budget, waiting): (&Budget, _)| match lanes.remove(&budget.label) {
            Some(lane) => lane.refilled(
                waiting,
                rate_limit,
                lost_probes.contains(&budget.label),
                now,
            ),
            None => Lane::new(waiting, rate_limit),
        };
        next.lanes = new.budgets.iter().zip(waiting).map(lane).collect();
        under_way
            .values()
            .for_each(|ticket| next.lanes[ticket.lane].is_out());
        *self = next;
    }

    fn without_lanes(targets: &Targets, began: Mono) -> Self {
        let mut pools = Vec::with_capacity(targets.pools.len());
        let mut phases = Vec::with_capacity(targets.identities() + targets.pools.len());
        for pool in &targets.pools {
            pools.push(PoolSlot {
                first: index(phases.len()),
                interval: pool.settings.interval,
                lane: pool.budget,
            });
            phases.extend(pool.identities.ids().map(|id| phase(&pool.id, Some(id))));
        }
        phases.extend(targets.pools.iter().map(|pool| phase(&pool.id, None)));
        let (retrying, slowed) = (HashMap::new(), HashMap::new());
        Self {
            began,
            pools,
            phases,
            lanes: Vec::new(),
            turn: 0,
            retrying,
            slowed,
        }
    }

    /// Of each lane, who waits: all indices for which there is a due time.
    fn by_lane(
        &self,
        targets: &Targets,
        due: impl Fn(u32) -> Option<Mono>,
    ) -> Vec<Vec<(Mono, u32)>> {
        let mut waiting: Vec<Vec<_>> = targets.budgets.iter().map(|_| Vec::new()).collect();
        for index in 0..index(self.phases.len()) {
            let lane = &mut waiting[self.pools[self.pool_of(index)].lane];
            lane.extend(due(index).map(|due| (due, index)));
        }
        waiting
    }

    /// The index that one of ours has in `next`, if its target stays.
    fn moved(&self, index: u32, carry: &Carry, next: &Self) -> Option<u32> {
        Some(next.index(carry.target(self.target(index))?))
    }

    /// What to do now. Hands out at most one ticket; ask again for more. Of the `max_in_flight`
    /// calls that may be under way at once, a budget leaves one to each of the others, so that one
    /// whose calls all hang does not hold them up.
    pub fn next(&mut self, now: Mono, max_in_flight: usize) -> Step {
        let share = (max_in_flight + 1).saturating_sub(self.lanes.len()).max(1);
        let mut earliest = Mono::NEVER;
        for offset in 0..self.lanes.len() {
            let lane = (self.turn + offset) % self.lanes.len();
            match self.lanes[lane].next(share, now) {
                Ok((index, is_probe)) => {
                    self.turn = lane + 1;
                    return Step::Call(self.ticket(index, lane, is_probe, now));
                }
                Err(look_again) => earliest = earliest.min(look_again),
            }
        }
        Step::Wait(earliest)
    }

    /// A call has ended, with this failure or none. With `again`, its poll goes on after that time;
    /// without, the poll has ended and the target waits for its next turn: the first of its phase
    /// points still to come, or a later one when it fails for good. Turns that were missed stay
    /// missed, so that falling behind makes no burst.
    pub fn ended(
        &mut self,
        ticket: &Ticket,
        failure: Option<Failure>,
        again: Option<Duration>,
        now: Mono,
    ) -> Option<Change> {
        let index = ticket.index;
        let due = match again {
            Some(wait) => {
                let retrying = Retrying {
                    attempts_made: ticket.attempt,
                    poll_began: ticket.poll_began,
                };
                self.retrying.insert(index, retrying);
                now + wait
            }
            None => {
                let pause = self.pause(index, failure);
                self.due(index, now + Duration::from_nanos(1)) + pause
            }
        };
        let lane = &mut self.lanes[ticket.lane];
        lane.push(due, index);
        lane.came_back();
        lane.learn(ticket, failure, now)
    }

    /// How long a target is passed over on top of its interval: for 1, 3, then 7 intervals while it
    /// fails for good.
    fn pause(&mut self, index: u32, failure: Option<Failure>) -> Duration {
        let interval = self.pools[self.pool_of(index)].interval;
        match failure {
            None => {
                self.slowed.remove(&index);
            }
            Some(failure) if failure.is_about_target() => {
                let most = (LONGEST_PAUSE.as_nanos() / interval.as_nanos())
                    .clamp(1, u128::from(MOST_INTERVALS));
                let waits = self.slowed.entry(index).or_insert(1);
                *waits = (*waits * 2).min(most as u32);
            }
            Some(_) => {}
        }
        interval * (self.slowed.get(&index).copied().unwrap_or(1) - 1)
    }

    /// When the target that has waited longest was or is due.
    #[must_use]
    pub fn oldest_due(&self) -> Option<Mono> {
        self.lanes.iter().filter_map(Lane::oldest_due).min()
    }

    /// Of each budget, the present rate, in calls per second, and whether its credentials are good
    /// as far as is known.
    pub fn budgets(&self) -> impl Iterator<Item = (f64, bool)> {
        self.lanes
            .iter()
            .map(|lane| (lane.rate(), lane.credentials_good()))
    }

    fn ticket(&mut self, index: u32, lane: usize, is_probe: bool, now: Mono) -> Ticket {
        let begun = self.retrying.remove(&index);
        Ticket {
            target: self.target(index),
            attempt: begun.as_ref().map_or(0, |begun| begun.attempts_made) + 1,
            poll_began: begun.map_or(now, |begun| begun.poll_began),
            set_out: now,
            is_probe,
            index,
            lane,
        }
    }

    /// The budgets' lanes.
    pub(super) fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// Why a target that waits is due when it is.
    pub(super) fn why(&self, index: u32) -> Why {
        match (self.retrying.get(&index), self.slowed.get(&index)) {
            (Some(retrying), _) => Why::Retry(retrying.attempts_made),
            (None, Some(intervals @ 2..)) => Why::Slowed(*intervals),
            (None, _) => Why::Turn,
        }
    }

    pub(super) fn index(&self, target: Target) -> u32 {
        match target {
            Target::Identity { pool, identity } => self.pools[pool].first + identity as u32,
            Target::Pool { pool } => self.identities() + pool as u32,
        }
    }

    fn target(&self, index: u32) -> Target {
        let pool = self.pool_of(index);
        if index < self.identities() {
            Target::Identity {
                pool,
                identity: (index - self.pools[pool].first) as usize,
            }
        } else {
            Target::Pool { pool }
        }
    }

    /// How many of the indices are identities.
    fn identities(&self) -> u32 {
        index(self.phases.len() - self.pools.len())
    }

    fn pool_of(&self, index: u32) -> usize {
        match index.checked_sub(self.identities()) {
            Some(pool) => pool as usize,
            None => self.pools.partition_point(|pool| pool.first <= index) - 1,
        }
    }

    /// The first phase point of a target that is not before `now`.
    fn due(&self, index: u32, now: Mono) -> Mono {
        let interval = self.pools[self.pool_of(index)].interval;
        let interval_nanos = interval.as_nanos();
        let offset = (interval_nanos * u128::from(self.phases[index as usize])) >> 32;
        let first = self.began + Duration::from_nanos(offset as u64);
        let missed = now.since(first).as_nanos().div_ceil(interval_nanos);
        first + Duration::from_nanos((missed * interval_nanos) as u64)
    }
}

fn index(position: usize) -> u32 {
    u32::try_from(position).expect(
        "targets hold fewer than 2^32 identities: each takes a byte of a 4 GiB text or more",
    )
}

#[cfg(test)]
mod tests;
