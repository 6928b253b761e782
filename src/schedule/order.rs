//! In which order the jobs of one budget are called.
//!
//! While there are calls enough, turns are taken in the order in which they come. However turns
//! fall together, nobody waits for a whole interval then. When somebody has, there are too few, and
//! until nobody waits any more this decides, in this order:
//!
//! 1. polls that have begun: their next attempt or page;
//! 2. what must not wait: deadlines of identities, turns of pools;
//! 3. who was never asked. They take turns with those near a limit, and with what is past its time
//!    by now;
//! 4. who has the least key of virtual time, which is the greatest key that was called. An identity
//!    whose turn was missed gets a key as far ahead as the price of its [`Demand`](super::Demand).
//!    So virtual time passes faster the more calls there are, and all intervals stretch alike when
//!    there are fewer: nothing depends on how many calls or identities there are.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Knowledge;
use super::denials::Denials;
use super::dial::{Dial, Position};
use super::jobs::{JobIndex, JobTable, Segment};
use super::slowed::Slowed;
use super::state::State;
use super::virtual_time::VirtualTime;
use crate::api::{Failure, FailureClass};
use crate::clock::Mono;

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
    denials: Denials,
    pub(super) slowed: Slowed,
    pub(super) virtual_time: VirtualTime,
    /// Whether those who were never asked had the last call of two that take turns.
    pub(super) unasked_had_turn: bool,
    /// Nothing is due before this time, unless something is put or ends.
    idle_until: Mono,
    /// Since when somebody has waited whose turn was missed.
    pub(super) late_since: Option<Mono>,
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
            slowed: Slowed::default(),
            virtual_time: VirtualTime::new(now),
            unasked_had_turn: false,
            idle_until: Mono::START,
            late_since: None,
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
        if self.idle_until <= now {
            let begun = self.begun.peek().map(|Reverse((at, _))| *at);
            let missed = self.has_late().then_some(now);
            let denied = self.denials.ask_at();
            let dials = self.dials.iter();
            let dials = dials.map(|dial| dial.wakes_at(&table.phases)).min();
            let all = [begun, missed, denied, dials].into_iter();
            self.idle_until = all.flatten().min().unwrap_or(Mono::MAX);
        }
        self.idle_until
    }

    /// Takes the job that is called now, if one is due, and when it was.
    pub(super) fn take(
        &mut self,
        table: &JobTable,
        known: Knowledge<'_>,
        now: Mono,
    ) -> Option<(Mono, JobIndex)> {
        if self.idle_until > now {
            return None;
        }
        self.settle(table, known, now);
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
        now: Mono,
    ) -> Option<(Mono, JobIndex)> {
        if let Some(due) = self.take(table, known, now) {
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

    /// Lets those wait for the index whose turn was missed.
    fn settle(&mut self, table: &JobTable, known: Knowledge<'_>, now: Mono) {
        let is_late = self.has_late();
        if !is_late {
            self.late_since = None;
        }
        let mut left = MAX_SETTLED;
        for dial in self.dials.iter_mut().filter(|dial| !dial.is_of_pools()) {
            let grace = dial.interval() * u32::from(!is_late);
            while left > 0
                && let Some((turn, position)) = dial.first_turn(&table.phases, now.before(grace))
            {
                left -= 1;
                if dial.state(position) == State::New {
                    dial.wait_unasked(position);
                } else {
                    let job = dial.job(position);
                    let demand = known.demand_of(table.job(job));
                    let mut price = demand.price();
                    if !dial.was_chosen(position) {
                        // It may come with many others whose price is the same. They would go
                        // all in a row, again and again.
                        let scattered = u128::from(price) * u128::from(table.phases[job]);
                        price = (scattered >> 32) as u64;
                    }
                    let key = self.virtual_time.key(price);
                    dial.wait(position, key, demand.is_near());
                }
                self.late_since = self.late_since.or(Some(turn));
            }
        }
    }

    /// What is due first: a turn, a deadline, or a question whether a pool is still denied.
    fn first_due(&mut self, table: &JobTable, now: Mono) -> Option<(Mono, Seat)> {
        let turns = self
            .dials
            .iter_mut()
            .enumerate()
            .filter_map(|(index, dial)| {
                let (at, position) = match dial.is_of_pools() {
                    true => return None,
                    false => dial.first_turn(&table.phases, now)?,
                };
                Some((at, Seat::new(index, position)))
            });
        let turn = turns.min_by_key(|(at, _)| *at);
        let firm = self.first_firm(table, now);
        turn.into_iter().chain(firm).min_by_key(|(at, _)| *at)
    }

    /// The first of what must not wait, and when it was due.
    fn first_firm(&mut self, table: &JobTable, now: Mono) -> Option<(Mono, Seat)> {
        let slowed = &self.slowed;
        let firm = self
            .dials
            .iter_mut()
            .enumerate()
            .filter_map(|(index, dial)| {
                let (at, position) = match dial.is_of_pools() {
                    true => first_pool(dial, slowed, table, now)?,
                    false => dial.first_deadline(&table.phases, now)?,
                };
                Some((at, Seat::new(index, position)))
            });
        let firm = firm.min_by_key(|(at, _)| *at);
        let denied = self.denials.first_to_ask(now, |job| {
            let seat = self.seat(table, job);
            (self.state(seat) == State::Denied).then_some(seat)
        });
        firm.into_iter().chain(denied).min_by_key(|(at, _)| *at)
    }

    /// The next call while there are too few.
    fn choose_late(&mut self, table: &JobTable, now: Mono) -> Option<Seat> {
        let firm = self.first_firm(table, now);
        if let Some((at, seat)) = firm
            && now <= at + self.dials[seat.dial].margin()
        {
            return Some(seat);
        }
        let (near, other) = (self.first_late(true), self.first_late(false));
        let pressing = firm.map(|(_, seat)| seat);
        if let Some(unasked) = self.first_unasked() {
            let Some(pressing) = pressing.or(near.map(|(_, seat)| seat)) else {
                return Some(unasked);
            };
            self.unasked_had_turn = !self.unasked_had_turn;
            return Some(if self.unasked_had_turn {
                unasked
            } else {
                pressing
            });
        }
        pressing.or_else(|| {
            let late = near.into_iter().chain(other);
            let (key, seat) = late.min_by_key(|(key, _)| *key)?;
            self.virtual_time.pass_to(key, now);
            Some(seat)
        })
    }

    /// The first of those who were never asked.
    fn first_unasked(&mut self) -> Option<Seat> {
        let mut dials = self.dials.iter_mut().enumerate();
        dials.find_map(|(index, dial)| Some(Seat::new(index, dial.first_unasked()?)))
    }

    /// The least key of those near a limit, or of all others, and whose it is.
    fn first_late(&self, is_near: bool) -> Option<(u64, Seat)> {
        let dials = self.dials.iter().enumerate();
        let firsts = dials.filter_map(|(index, dial)| {
            let (key, position) = dial.first_late(is_near)?;
            Some((key, Seat::new(index, position)))
        });
        firsts.min_by_key(|(key, _)| *key)
    }

    fn begin(&mut self, table: &JobTable, seat: Seat, now: Mono) -> JobIndex {
        let dial = &mut self.dials[seat.dial];
        let job = dial.job(seat.position);
        if dial.state(seat.position) == State::Denied {
            self.denials.on_asked(table.segment(job), job);
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
        let is_late = self.has_late();
        let of_dial = &mut self.dials[dial];
        let is_permanent = failure.map(Failure::class) == Some(FailureClass::Permanent);
        if of_dial.is_of_pools() || !is_permanent {
            let late_began = Some(began).filter(|_| is_late && !of_dial.is_of_pools());
            of_dial.end(position, &table.phases, late_began, now);
        } else if failure == Some(Failure::AccessDenied) {
            of_dial.put(position, State::Denied);
        } else {
            of_dial.put(position, State::Missing);
        }
        if of_dial.is_of_pools() {
            let turn = of_dial.turn_after_hand(position, &table.phases);
            self.slowed.on_end(job, failure, turn, segment.interval);
            return;
        }
        match failure {
            Some(Failure::AccessDenied) => self.denials.on_denied(segment, now),
            None | Some(Failure::NotFound | Failure::InvalidParameter) => {
                if self.denials.on_allowed(segment) {
                    self.release(table, segment);
                }
            }
            Some(_) => self.denials.on_unanswered(segment, now),
        }
    }

    /// All jobs of the segment that were denied have turns again.
    fn release(&mut self, table: &JobTable, segment: &Segment) {
        for job in segment.jobs.clone() {
            let seat = self.seat(table, job);
            if self.state(seat) == State::Denied {
                self.dials[seat.dial].put(seat.position, State::Rests);
            }
        }
    }
}

/// The pool whose turn came first, but for those that are slowed down.
fn first_pool(
    dial: &mut Dial,
    slowed: &Slowed,
    table: &JobTable,
    now: Mono,
) -> Option<(Mono, Position)> {
    loop {
        let (turn, position) = dial.first_turn(&table.phases, now)?;
        let until = slowed.until(dial.job(position));
        if until.is_none_or(|(until, _)| until <= turn) {
            return Some((turn, position));
        }
        dial.skip_turn();
    }
}

/// Whether jobs of two segments can be on one dial.
fn is_alike(one: &Segment, other: &Segment) -> bool {
    (one.interval, one.max_age) == (other.interval, other.max_age)
}
