//! Who is to be asked next. One schedule for all identities and pools: no task and no timer for each.
//!
//! Every target has a phase, a fixed point in its interval told by a hash of its id, so that polls spread evenly and stay
//! so. A target is either waiting in its budget's heap, ordered by when it is due, or handed out as a [`Ticket`] until it
//! is given back. Due targets go longest waiting first; budgets take turns, so that none starves another.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use super::pacer::Pacer;
use crate::clock::Mono;
use crate::identity::phase;
use crate::targets::Targets;
use crate::usage::Target;

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
    index: u32,
    lane: usize,
}

/// The order in which all targets are polled.
#[derive(Debug)]
pub struct Schedule {
    began: Mono,
    pools: Vec<PoolSlot>,
    /// Of each target, by index: its phase as a fraction of its interval. Behind all identities stand the pools.
    phases: Vec<u32>,
    lanes: Vec<Lane>,
    /// The lane that is asked first.
    turn: usize,
    /// Polls whose next attempt is waiting in the heap, by index.
    retrying: HashMap<u32, Retrying>,
}

#[derive(Debug)]
struct PoolSlot {
    /// The index of its first identity.
    first: u32,
    interval: Duration,
    lane: usize,
}

/// The targets of one budget.
#[derive(Debug)]
struct Lane {
    waiting: BinaryHeap<Reverse<(Mono, u32)>>,
    pacer: Pacer,
}

#[derive(Debug)]
struct Retrying {
    attempts_made: u32,
    poll_began: Mono,
}

impl Schedule {
    /// A schedule whose first interval begins now, with a ceiling of `rate_limit` calls per second for each budget.
    #[must_use]
    pub fn new(targets: &Targets, rate_limit: f64, now: Mono) -> Self {
        let mut pools = Vec::with_capacity(targets.pools.len());
        let mut phases = Vec::with_capacity(targets.identities() + targets.pools.len());
        for pool in &targets.pools {
            pools.push(PoolSlot { first: index(phases.len()), interval: pool.settings.interval, lane: pool.budget });
            phases.extend(pool.identities.ids().map(|id| phase(&pool.id, Some(id))));
        }
        phases.extend(targets.pools.iter().map(|pool| phase(&pool.id, None)));
        let mut schedule = Self { began: now, pools, phases, lanes: Vec::new(), turn: 0, retrying: HashMap::new() };
        let mut waiting: Vec<Vec<_>> = targets.budgets.iter().map(|_| Vec::new()).collect();
        for index in 0..index(schedule.phases.len()) {
            let lane = schedule.pools[schedule.pool_of(index)].lane;
            waiting[lane].push(Reverse((schedule.due(index, now), index)));
        }
        schedule.lanes = waiting
            .into_iter()
            .map(|waiting| Lane { waiting: waiting.into(), pacer: Pacer::new(rate_limit) })
            .collect();
        schedule
    }

    /// What to do now. Hands out at most one ticket; ask again for more.
    pub fn next(&mut self, now: Mono) -> Step {
        let mut earliest = Mono::NEVER;
        for offset in 0..self.lanes.len() {
            let lane = (self.turn + offset) % self.lanes.len();
            let Lane { waiting, pacer } = &mut self.lanes[lane];
            let Some(Reverse((due, _))) = waiting.peek() else { continue };
            let ready = pacer.ready_at().max(*due);
            if ready > now {
                earliest = earliest.min(ready);
                continue;
            }
            if let Some(Reverse((_, index))) = waiting.pop() {
                pacer.spend(now);
                self.turn = lane + 1;
                return Step::Call(self.ticket(index, lane, now));
            }
        }
        Step::Wait(earliest)
    }

    /// The poll has ended: the target waits for its next turn, the first of its phase points still to come. Turns that were
    /// missed stay missed, so that falling behind makes no burst.
    pub fn poll_ended(&mut self, ticket: &Ticket, now: Mono) {
        let due = self.due(ticket.index, now + Duration::from_nanos(1));
        self.lanes[ticket.lane].waiting.push(Reverse((due, ticket.index)));
    }

    /// The attempt failed: the next one may set out after `wait`.
    pub fn attempt_again(&mut self, ticket: &Ticket, wait: Duration, now: Mono) {
        let retrying = Retrying { attempts_made: ticket.attempt, poll_began: ticket.poll_began };
        self.retrying.insert(ticket.index, retrying);
        self.lanes[ticket.lane].waiting.push(Reverse((now + wait, ticket.index)));
    }

    /// When the target that has waited longest was or is due.
    #[must_use]
    pub fn oldest_due(&self) -> Option<Mono> {
        self.lanes.iter().filter_map(|lane| lane.waiting.peek()).map(|Reverse((due, _))| *due).min()
    }

    /// The present rate of each budget, in calls per second.
    pub fn rates(&self) -> impl Iterator<Item = f64> {
        self.lanes.iter().map(|lane| lane.pacer.rate())
    }

    fn ticket(&mut self, index: u32, lane: usize, now: Mono) -> Ticket {
        let pool = self.pool_of(index);
        let target = match self.identities() {
            identities if index < identities => {
                Target::Identity { pool, identity: (index - self.pools[pool].first) as usize }
            }
            _ => Target::Pool { pool },
        };
        let begun = self.retrying.remove(&index);
        Ticket {
            target,
            attempt: begun.as_ref().map_or(0, |begun| begun.attempts_made) + 1,
            poll_began: begun.map_or(now, |begun| begun.poll_began),
            index,
            lane,
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
    u32::try_from(position).expect("targets hold fewer than 2^32 identities: each takes a byte of a 4 GiB text or more")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Findings};
    use std::collections::HashSet;
    use std::path::Path;

    /// Pools `a:0`, `b:0` … of so many identities each, interval 10 s.
    fn targets(pools: &[usize]) -> Targets {
        let mut text = "poll: {interval: 10s}\npools:\n".to_owned();
        for (pool, identities) in pools.iter().enumerate() {
            let region = (b'a' + pool as u8) as char;
            text.push_str(&format!("- id: {region}:0\n  identities:\n"));
            (0..*identities).for_each(|identity| text.push_str(&format!("  - {region}:{identity:x}\n")));
        }
        let mut findings = Findings::default();
        let config = config::parse(Path::new("test"), &text, &mut findings).unwrap();
        let targets = Targets::load(&config, &mut findings);
        assert_eq!(findings.problems, []);
        targets
    }

    fn seconds(seconds: f64) -> Mono {
        Mono::START + Duration::from_secs_f64(seconds)
    }

    /// Runs to `until`; each call takes `took` and succeeds. Gives time and target of all calls.
    fn run(schedule: &mut Schedule, from: Mono, until: Mono, took: Duration) -> Vec<(Mono, Target)> {
        let mut now = from;
        let mut calls = Vec::new();
        let mut under_way: Vec<(Mono, Ticket)> = Vec::new();
        while now <= until {
            while let Some(ended) = under_way.iter().position(|(end, _)| *end <= now) {
                schedule.poll_ended(&under_way.swap_remove(ended).1, now);
            }
            let wake = loop {
                match schedule.next(now) {
                    Step::Call(ticket) => {
                        calls.push((now, ticket.target));
                        under_way.push((now + took, ticket));
                    }
                    Step::Wait(wake) => break wake,
                }
            };
            now = under_way.iter().map(|(end, _)| *end).min().unwrap_or(Mono::NEVER).min(wake);
        }
        calls
    }

    #[test]
    fn everyone_is_asked_once_an_interval_and_evenly() {
        let targets = targets(&[900, 100]);
        let mut schedule = Schedule::new(&targets, 1_000.0, Mono::START);
        let calls = run(&mut schedule, Mono::START, seconds(29.999), Duration::from_millis(20));
        assert_eq!(calls.len(), 3 * 1_002);
        for third in 0..3 {
            let of_third: HashSet<_> =
                calls.iter().filter(|(at, _)| (at.as_nanos() / 10_000_000_000) == third).map(|(_, who)| who).collect();
            assert_eq!(of_third.len(), 1_002);
        }
        for second in 0..30 {
            let in_second = calls.iter().filter(|(at, _)| at.as_nanos() / 1_000_000_000 == second).count();
            assert!((60..140).contains(&in_second), "{in_second} calls in second {second}");
        }
    }

    #[test]
    fn too_small_a_budget_still_gives_everyone_a_turn() {
        let targets = targets(&[500]);
        let mut schedule = Schedule::new(&targets, 10.0, Mono::START);
        let calls = run(&mut schedule, Mono::START, seconds(120.0), Duration::from_millis(20));
        assert!((1_190..=1_202).contains(&calls.len()), "{}", calls.len());
        let asked: HashSet<_> = calls.iter().take(515).map(|(_, who)| who).collect();
        assert_eq!(asked.len(), 501, "all are asked before anyone's third turn");
    }

    #[test]
    fn a_full_budget_does_not_hold_up_another() {
        let targets = targets(&[1_000, 10]);
        let mut schedule = Schedule::new(&targets, 10.0, Mono::START);
        let calls = run(&mut schedule, Mono::START, seconds(9.999), Duration::from_millis(20));
        let of_second = calls.iter().filter(|(_, who)| matches!(who, Target::Identity { pool: 1, .. })).count();
        assert_eq!(of_second, 10);
    }

    #[test]
    fn a_stall_makes_no_burst_and_keeps_the_phases() {
        let targets = targets(&[100]);
        let mut schedule = Schedule::new(&targets, 50.0, Mono::START);
        let before = run(&mut schedule, Mono::START, seconds(9.999), Duration::ZERO);
        let after = run(&mut schedule, seconds(1_000.0), seconds(1_029.999), Duration::ZERO);
        assert!(after.iter().filter(|(at, _)| *at < seconds(1_001.0)).count() <= 53);
        let settled: Vec<_> = after.iter().filter(|(at, _)| *at >= seconds(1_020.0)).collect();
        assert_eq!(settled.len(), 101);
        for (at, who) in settled {
            let (then, _) = before.iter().find(|(_, target)| target == who).unwrap();
            let moved = at.since(seconds(1_020.0)).abs_diff(then.since(Mono::START));
            assert!(moved <= Duration::from_millis(40), "{who:?} moved by {moved:?}");
        }
    }

    #[test]
    fn a_retry_counts_its_attempts_and_passes_the_ceiling() {
        let targets = targets(&[1]);
        let mut schedule = Schedule::new(&targets, 1.0, Mono::START);
        let mut now = Mono::START;
        let mut next = |schedule: &mut Schedule| loop {
            match schedule.next(now) {
                Step::Call(ticket) => return (now, ticket),
                Step::Wait(until) => now = until,
            }
        };
        let (first_at, first) = next(&mut schedule);
        schedule.attempt_again(&first, Duration::from_millis(1), first_at);
        let (second_at, second) = next(&mut schedule);
        assert_eq!((second.target, second.attempt, second.poll_began), (first.target, 2, first_at));
        assert!(second_at.since(first_at) >= Duration::from_millis(950), "{second_at:?}");
        schedule.poll_ended(&second, second_at);
        let (_, third) = next(&mut schedule);
        assert_eq!(third.attempt, 1);
    }
}
