//! In which order the jobs of one budget are called.
//!
//! While there are calls enough, turns are taken in the order in which they come. However turns
//! fall together, no job waits for a whole interval then. When one has, there are too few, and
//! until none waits any more this decides, in this order:
//!
//! 1. polls that have begun: their next attempt or page;
//! 2. what must not wait: deadlines of identities, turns of pools;
//! 3. identities that were never asked. They take turns with those near a limit, and with what is
//!    past its time by now; those that join others of which all is known take turns with all that
//!    wait;
//! 4. the least key of virtual time, which is the greatest key that was called. An identity
//!    whose turn was missed gets a key as far ahead as the price of its [`Demand`](super::Demand).
//!    So virtual time passes faster the more calls there are, and all intervals stretch alike when
//!    there are fewer: nothing depends on how many calls or identities there are.

mod choice;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::Knowledge;
use super::denials::Denials;
use super::dial::{Dial, Position};
use super::jobs::{JobIndex, JobTable, Segment};
use super::slowed::Slowed;
use super::state::State;
use super::virtual_time::VirtualTime;
use crate::api::{Failure, FailureClass};
use crate::clock::Mono;
use crate::job::PoolIndex;

/// The most jobs that begin to wait for the index at once, so that no step takes long.
const MAX_SETTLED: usize = 1_000;

/// Where a job stands: its dial, and its position there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) dial: usize,
    pub(super) position: Position,
}

impl Seat {
    fn new(dial: usize, position: Position) -> Self {
        Self { dial, position }
    }
}

/// The jobs of one budget.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) dials: Vec<Dial>,
    /// Polls that have begun, by when they go on.
    begun: BinaryHeap<Reverse<(Mono, JobIndex)>>,
    pub(super) denials: Denials,
    /// Identities of each pool that do not exist.
    missing: HashMap<PoolIndex, usize>,
    pub(super) slowed: Slowed,
    pub(super) virtual_time: VirtualTime,
    /// Whether those that were never asked had the last call of two that take turns.
    pub(super) unasked_had_turn: bool,
    /// Whether those that were never asked take turns with all who wait, since they came to others
    /// that are known: a million that a list gains must not keep those from their turns. No count
    /// separates them from a first sweep that has come as far, which takes all calls. So it is
    /// noted when lists change, and a process that goes on has to guess it (`resume`).
    pub(super) newcomers_yield: bool,
    /// Nothing is due before this time, unless something is put or ends.
    idle_until: Mono,
    /// Since when somebody may have waited whose turn was missed.
    pub(super) late_since: Option<Mono>,
    /// When a round of those that wait began, and the key that ends it: the greatest that one of
    /// them could have then.
    pub(super) round: (Mono, u64),
}

impl Order {
    /// The order of a budget's jobs, all of them new.
    pub(super) fn new(table: &JobTable, budget: usize, now: Mono) -> Self {
        let mut groups: Vec<(&Segment, Vec<JobIndex>)> = Vec::new();
        for segment in table.segments().iter().filter(|s| s.budget == budget) {
            let same = |(of, _): &&mut (&Segment, _)| is_alike(of, segment);
            match groups.iter_mut().find(same) {
                Some((_, jobs)) => jobs.extend(segment.jobs.clone()),
                None => groups.push((segment, segment.jobs.clone().collect())),
            }
        }
        let dials = groups.into_iter().map(|(segment, jobs)| {
            let (interval, max_age) = (segment.interval, segment.max_age);
            Dial::new(jobs, &table.phases, table.start, interval, max_age, now)
        });
        Self {
            dials: dials.collect(),
            begun: BinaryHeap::new(),
            denials: Denials::default(),
            missing: HashMap::new(),
            slowed: Slowed::default(),
            virtual_time: VirtualTime::new(now),
            unasked_had_turn: false,
            newcomers_yield: false,
            idle_until: Mono::START,
            late_since: None,
            round: (now, 0),
        }
    }

    /// Where a job of this budget stands.
    pub(super) fn seat(&self, table: &JobTable, job: JobIndex) -> Seat {
        let segment = table.segment(job);
        let is_of = |dial: &Dial| {
            (dial.interval(), dial.is_of_pools()) == (segment.interval, segment.max_age.is_none())
                && segment
                    .max_age
                    .is_none_or(|max_age| max_age == dial.max_age())
        };
        let dial = self.dials.iter().position(is_of);
        let dial = dial.expect("each job of a budget has a dial");
        Seat::new(dial, self.dials[dial].position(job, &table.phases))
    }

    pub(super) fn state(&self, seat: Seat) -> State {
        self.dials[seat.dial].state(seat.position)
    }

    /// Whether somebody was asked at least once, and so many times as many as were never asked.
    pub(super) fn are_known(&self, times: usize) -> bool {
        let dials = self.dials.iter().filter(|dial| !dial.is_of_pools());
        let states = dials.flat_map(|dial| {
            let positions = 0..dial.len() as Position;
            positions.map(|position| dial.state(position))
        });
        let (mut asked, mut unasked) = (0, 0);
        for state in states {
            match state {
                State::New | State::Unasked => unasked += 1,
                _ => asked += 1,
            }
        }
        asked > 0 && asked >= unasked * times
    }

    /// Whether somebody waits whose turn was missed, so that turns are not taken as they come.
    pub(super) fn has_late(&self) -> bool {
        self.dials.iter().any(Dial::has_late)
    }

    /// The polls that have begun and wait for their next attempt or page, and until when.
    pub(super) fn begun(&self) -> impl Iterator<Item = (Mono, JobIndex)> {
        self.begun.iter().map(|Reverse(begun)| *begun)
    }

    /// A poll that has begun goes on at this time.
    pub(super) fn go_on(&mut self, at: Mono, job: JobIndex) {
        self.idle_until = self.idle_until.min(at);
        self.begun.push(Reverse((at, job)));
    }

    /// When the next call may be due; in the past if one is.
    pub(super) fn due_at(&mut self, table: &JobTable, now: Mono) -> Mono {
        if self.has_late() {
            return now;
        }
        if self.idle_until <= now {
            let begun = self.begun.peek().map(|Reverse((at, _))| *at);
            let denied = self.first_denied().map(|(at, _)| at);
            let dials = self.dials.iter();
            let dials = dials.map(|dial| dial.wakes_at(&table.phases)).min();
            let all = [begun, denied, dials].into_iter();
            self.idle_until = all.flatten().min().unwrap_or(Mono::MAX);
        }
        self.idle_until
    }

    /// Takes the job that is called now, if one is due, and when it was. The budget makes `rate`
    /// calls per second.
    pub(super) fn take(
        &mut self,
        table: &JobTable,
        known: Knowledge<'_>,
        rate: f64,
        now: Mono,
    ) -> Option<(Mono, JobIndex)> {
        if self.idle_until > now {
            return None;
        }
        self.settle(table, known, rate, now);
        let begun = self.begun.peek().map(|Reverse(begun)| *begun);
        let begun = begun.filter(|(at, _)| *at <= now);
        let due = if !self.has_late() {
            self.first_due(table, now)
        } else if begun.is_none() {
            self.choose_late(table, now).map(|seat| (now, seat))
        } else {
            None
        };
        if let Some((at, _)) = begun
            && due.is_none_or(|(due, _)| at <= due)
        {
            self.begun.pop();
            return begun;
        }
        due.map(|(at, seat)| (at, self.begin(table, seat, now)))
    }

    /// Takes the job that is called next, whether it is due or not.
    pub(super) fn take_any(
        &mut self,
        table: &JobTable,
        known: Knowledge<'_>,
        rate: f64,
        now: Mono,
    ) -> Option<(Mono, JobIndex)> {
        if let Some(due) = self.take(table, known, rate, now) {
            return Some(due);
        }
        if let Some(Reverse(begun)) = self.begun.pop() {
            return Some(begun);
        }
        let seats = self.dials.iter().enumerate().flat_map(|(index, dial)| {
            let positions = 0..dial.len() as Position;
            let idle = positions.filter(|position| dial.state(*position) != State::Busy);
            idle.map(move |position| {
                let turn = dial.turn_after_hand(position, &table.phases);
                (turn, Seat::new(index, position))
            })
        });
        let (turn, seat) = seats.min_by_key(|(turn, _)| *turn)?;
        Some((turn, self.begin(table, seat, now)))
    }

    /// When somebody of a job's pool is asked next, if the pool is denied.
    pub(super) fn pool_asked_at(&self, table: &JobTable, job: JobIndex) -> Option<Mono> {
        let pool = table.segment(job).pool;
        self.denials.ask_at(pool, self.missing_of(pool))
    }

    /// The identities of a pool that do not exist.
    fn missing_of(&self, pool: PoolIndex) -> usize {
        self.missing.get(&pool).copied().unwrap_or(0)
    }

    /// The calls that give everybody a turn each interval, in a second.
    pub(super) fn calls_per_second(&self) -> f64 {
        self.dials.iter().map(Dial::calls_per_second).sum()
    }

    fn begin(&mut self, table: &JobTable, seat: Seat, now: Mono) -> JobIndex {
        let dial = &mut self.dials[seat.dial];
        let job = dial.job(seat.position);
        if dial.state(seat.position) == State::Missing
            && let Some(missing) = self.missing.get_mut(&table.segment(job).pool)
        {
            *missing -= 1;
        }
        dial.begin(seat.position, &table.phases, now);
        job
    }

    /// A poll that began at `began` has ended; `failure` is why, if it failed.
    pub(super) fn end(
        &mut self,
        table: &JobTable,
        job: JobIndex,
        failure: Option<Failure>,
        began: Mono,
        now: Mono,
    ) {
        self.idle_until = now;
        let Seat { dial, position } = self.seat(table, job);
        let segment = table.segment(job);
        let of_dial = &mut self.dials[dial];
        if of_dial.is_of_pools() {
            of_dial.end(position, &table.phases, began, now);
            let turn = of_dial.turn_after_hand(position, &table.phases);
            let interval = segment.interval;
            let is_found = self.slowed.on_end(job, failure, turn, interval);
            // Guests' keys make the calls of another budget.
            let of_pool = table.of_pool(segment.pool).filter(|_| is_found);
            if let Some(identities) = of_pool.filter(|it| it.budget == segment.budget) {
                self.release(table, identities, State::Missing);
                self.missing.remove(&segment.pool);
            }
            return;
        }
        match failure {
            Some(Failure::AccessDenied) => {
                self.put_denied(table, job, now);
                return;
            }
            Some(Failure::NotFound | Failure::InvalidParameter) => {
                self.put_missing(table, job);
            }
            Some(failure) => {
                debug_assert_ne!(failure.class(), FailureClass::Permanent);
                of_dial.end(position, &table.phases, began, now);
                return;
            }
            None => of_dial.end(position, &table.phases, began, now),
        }
        let missing = self.missing_of(segment.pool);
        if self.denials.on_allowed(segment.pool, missing) {
            self.release(table, segment, State::Denied);
        }
    }

    /// AWS denies an identity.
    pub(super) fn put_denied(&mut self, table: &JobTable, job: JobIndex, now: Mono) {
        let Seat { dial, position } = self.seat(table, job);
        self.dials[dial].put(position, State::Denied);
        self.denials.on_denied(table.segment(job), now);
    }

    /// Not all of this pool are denied.
    pub(super) fn was_answered(&mut self, pool: PoolIndex) {
        self.denials.was_answered(pool);
    }

    /// AWS says that an identity does not exist.
    pub(super) fn put_missing(&mut self, table: &JobTable, job: JobIndex) {
        let Seat { dial, position } = self.seat(table, job);
        self.dials[dial].put(position, State::Missing);
        *self.missing.entry(table.segment(job).pool).or_default() += 1;
    }

    /// All jobs of the segment that are in this state have turns again.
    fn release(&mut self, table: &JobTable, segment: &Segment, state: State) {
        for job in segment.jobs.clone() {
            let seat = self.seat(table, job);
            if self.state(seat) == state {
                self.dials[seat.dial].put(seat.position, State::Rests);
            }
        }
    }
}

/// Whether jobs of two segments can be on one dial.
fn is_alike(one: &Segment, other: &Segment) -> bool {
    (one.interval, one.max_age) == (other.interval, other.max_age)
}
