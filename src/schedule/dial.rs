//! Jobs of one cadence, in the order of their phases, and the hands that pass over them.
//!
//! A dial is like that of a clock. One hand passes over all jobs once an interval: when it reaches
//! a job that rests, the job's turn has come. For identities another hand passes once in somewhat
//! less than `max_age`: a job that it reaches has its deadline, and must be asked now. So neither
//! takes a heap, and a change of the targets moves no turn.
//!
//! Jobs whose turn was missed wait in heaps for the index (`order`), or, if they were never asked,
//! in the order of the dial.

mod resume;
mod take_over;

use std::collections::VecDeque;
use std::time::Duration;

use super::hand::{Face, Hand, Pace, Sweep};
use super::heap::Heap;
use super::jobs::{JobIndex, Phases};
use super::state::{Entry, State};
use crate::clock::Mono;

/// A job's position in its dial.
pub(super) type Position = u32;

/// A job that was asked late is asked again after this part of its interval at the earliest, until
/// it is back in phase.
const MIN_REST: f64 = 0.9;
/// A mark: the index chose the job when it was asked last.
const CHOSEN: u32 = 1;
/// A mark: the job was asked last at another time than its turn.
const OUT_OF_PHASE: u32 = 2;
/// A deadline passes over who rests, which may take this many intervals. The next one must still
/// come within `max_age`.
const DEADLINE_MARGIN: f64 = 1.25;

/// Jobs of one cadence.
#[derive(Debug)]
pub(super) struct Dial {
    /// By phase.
    jobs: Vec<JobIndex>,
    entries: Vec<Entry>,
    turns: Hand,
    /// Identities have deadlines; pools have none, since they are polled at each turn.
    deadlines: Option<Hand>,
    /// The passes that this hand has made.
    sweep: Sweep,
    max_age: Duration,
    /// By the time until which they rest.
    parked: VecDeque<(Mono, Position)>,
    late: Heap,
    near: Heap,
    unasked: usize,
    /// Where the search for the next unasked job begins.
    unasked_from: usize,
}

impl Dial {
    /// A dial of new jobs, whose cadences begin at `start`, with its hands at `now`; `max_age` is
    /// that of identities.
    pub(super) fn new(
        mut jobs: Vec<JobIndex>,
        phases: &Phases,
        start: Mono,
        interval: Duration,
        max_age: Option<Duration>,
        now: Mono,
    ) -> Self {
        jobs.sort_unstable_by_key(|job| (phases[*job], *job));
        let face = Face {
            jobs: &jobs,
            phases,
        };
        let turns = Hand::new(start, interval, Pace::ByPhase, face, now);
        let margin = interval.mul_f64(DEADLINE_MARGIN);
        let deadlines = max_age.map(|max_age| {
            let cadence = max_age.saturating_sub(margin).max(interval);
            Hand::new(start, cadence, Pace::Even, face, now)
        });
        Self {
            entries: vec![Entry::new(State::New, 0); jobs.len()],
            jobs,
            turns,
            deadlines,
            sweep: Sweep::new(now),
            max_age: max_age.unwrap_or(interval),
            parked: VecDeque::new(),
            late: Heap::default(),
            near: Heap::default(),
            unasked: 0,
            unasked_from: 0,
        }
    }

    pub(super) fn interval(&self) -> Duration {
        self.turns.cadence()
    }

    /// How long after a deadline, or after the turn of a pool, its time has passed.
    pub(super) fn margin(&self) -> Duration {
        let hand = self.deadlines.as_ref();
        hand.map_or(self.interval(), |hand| {
            self.max_age.saturating_sub(hand.cadence())
        })
    }

    pub(super) fn max_age(&self) -> Duration {
        self.max_age
    }

    /// Whether it is of pools, which are polled at each turn.
    pub(super) fn is_of_pools(&self) -> bool {
        self.deadlines.is_none()
    }

    /// The calls that give everybody a turn each interval, in a second.
    pub(super) fn calls_per_second(&self) -> f64 {
        self.jobs.len() as f64 / self.interval().as_secs_f64()
    }

    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    pub(super) fn job(&self, position: Position) -> JobIndex {
        self.jobs[position as usize]
    }

    pub(super) fn position(&self, job: JobIndex, phases: &Phases) -> Position {
        let key = (phases[job], job);
        let before = |other: &JobIndex| (phases[*other], *other) < key;
        self.jobs.partition_point(before) as Position
    }

    /// Whether it is the dial of a job.
    pub(super) fn holds(&self, job: JobIndex, phases: &Phases) -> bool {
        let position = self.position(job, phases) as usize;
        self.jobs.get(position) == Some(&job)
    }

    pub(super) fn state(&self, position: Position) -> State {
        self.entries[position as usize].state()
    }

    fn set(&mut self, position: Position, state: State) {
        let marks = self.marks(position);
        self.entries[position as usize] = Entry::new(state, marks);
    }

    /// What is known of a job's last poll, or of the one that has begun.
    fn marks(&self, position: Position) -> u32 {
        let entry = self.entries[position as usize];
        match entry.state() {
            State::Late | State::Near => CHOSEN,
            _ => entry.place(),
        }
    }

    /// Whether a job waits for the index, or did before it was asked last.
    pub(super) fn was_chosen(&self, position: Position) -> bool {
        self.marks(position) & CHOSEN != 0
    }

    /// Whether a turn was missed, so that the index chooses.
    pub(super) fn has_late(&self) -> bool {
        self.unasked > 0 || !self.late.is_empty() || !self.near.is_empty()
    }

    /// Of the jobs that are near a limit, or of all others, the one that the index chooses next.
    pub(super) fn first_late(&self, is_near: bool) -> Option<(u64, Position)> {
        if is_near { &self.near } else { &self.late }.first()
    }

    /// The key with which a job waits for the index.
    pub(super) fn key(&self, position: Position) -> Option<u64> {
        let entry = self.entries[position as usize];
        let heap = match entry.state() {
            State::Late => &self.late,
            State::Near => &self.near,
            _ => return None,
        };
        Some(heap.key(entry.place()))
    }

    /// The next unasked job, in the order of the dial.
    pub(super) fn first_unasked(&mut self) -> Option<Position> {
        if self.unasked == 0 {
            return None;
        }
        let (before, after) = self.entries.split_at(self.unasked_from);
        let is_unasked = |entry: &Entry| entry.state() == State::Unasked;
        let found = match after.iter().position(is_unasked) {
            Some(offset) => self.unasked_from + offset,
            None => before.iter().position(is_unasked)?,
        };
        self.unasked_from = found;
        Some(found as Position)
    }

    /// Unasked jobs that come before this one.
    pub(super) fn unasked_before(&self, position: Position) -> usize {
        let position = position as usize;
        let count = |entries: &[Entry]| {
            let unasked = entries
                .iter()
                .filter(|entry| entry.state() == State::Unasked);
            unasked.count()
        };
        let from = self.unasked_from;
        if position >= from {
            count(&self.entries[from..position])
        } else {
            count(&self.entries[from..]) + count(&self.entries[..position])
        }
    }

    /// The job whose turn came first of all that have not been asked since, if it came at `until`
    /// or before, and when.
    pub(super) fn first_turn(&mut self, phases: &Phases, until: Mono) -> Option<(Mono, Position)> {
        let has_turns = in_state(&self.entries, State::has_turns);
        let face = face(&self.jobs, phases);
        let found = self.turns.seek(face, until, has_turns);
        let found = found.map(|(at, position)| (at, position as Position));
        let parked = self.parked.front().filter(|(at, _)| *at <= until).copied();
        [found, parked].into_iter().flatten().min()
    }

    /// The job whose deadline came first, if it has come, and when.
    pub(super) fn first_deadline(
        &mut self,
        phases: &Phases,
        now: Mono,
    ) -> Option<(Mono, Position)> {
        let has_deadlines = in_state(&self.entries, State::has_deadlines);
        let hand = self.deadlines.as_mut()?;
        let found = hand.seek(face(&self.jobs, phases), now, has_deadlines);
        self.sweep.note(hand.passes(), now);
        found.map(|(at, position)| (at, position as Position))
    }

    /// Passes over the turn that came first.
    pub(super) fn skip_turn(&mut self) {
        self.turns.advance(self.jobs.len());
    }

    /// When there may be a turn or a deadline that there is not now.
    pub(super) fn wakes_at(&self, phases: &Phases) -> Mono {
        let face = face(&self.jobs, phases);
        let in_state = |is| in_state(&self.entries, is);
        let turn = self.turns.look_ahead(face, in_state(State::has_turns));
        let deadlines = self.deadlines.as_ref();
        let deadline = deadlines.map_or(Mono::MAX, |hand| {
            hand.look_ahead(face, in_state(State::has_deadlines))
        });
        let parked = self.parked.front().map_or(Mono::MAX, |(at, _)| *at);
        turn.min(deadline).min(parked)
    }

    /// When the job whose deadline is next is past `max_age`: nobody has not been asked for longer.
    pub(super) fn past_max_age_from(&self) -> Option<Mono> {
        let part = self.deadlines.as_ref()?.part_passed(self.jobs.len())?;
        Some(self.sweep.passed_before(part) + self.max_age)
    }

    /// When a job's turn comes next, as far as its hand has not passed it.
    pub(super) fn turn_after_hand(&self, position: Position, phases: &Phases) -> Mono {
        self.turns
            .next_at(face(&self.jobs, phases), position as usize)
    }

    /// When a job's deadline comes next.
    pub(super) fn deadline_after_hand(&self, position: Position, phases: &Phases) -> Option<Mono> {
        let hand = self.deadlines.as_ref()?;
        Some(hand.next_at(face(&self.jobs, phases), position as usize))
    }

    /// Until when a parked job rests.
    pub(super) fn parked_until(&self, position: Position) -> Option<Mono> {
        let parked = self.parked.iter().find(|parked| parked.1 == position);
        parked.map(|(until, _)| *until)
    }

    /// Lets a job whose turn was missed wait for the index.
    pub(super) fn wait(&mut self, position: Position, key: u64, is_near: bool) {
        self.leave(position);
        let (heap, state) = if is_near {
            (&mut self.near, State::Near)
        } else {
            (&mut self.late, State::Late)
        };
        let entries = &mut self.entries;
        heap.push(key, position, |member, place| {
            entries[member as usize] = Entry::new(state, place);
        });
    }

    /// Lets a job that was never asked wait for its first call.
    pub(super) fn wait_unasked(&mut self, position: Position) {
        self.leave(position);
        if self.unasked == 0 {
            self.unasked_from = position as usize;
        }
        self.unasked += 1;
        self.set(position, State::Unasked);
    }

    /// A poll of the job begins.
    pub(super) fn begin(&mut self, position: Position, phases: &Phases, now: Mono) {
        let face = face(&self.jobs, phases);
        self.turns.pass(face, position as usize, now);
        if let Some(deadlines) = &mut self.deadlines {
            deadlines.pass(face, position as usize, now);
        }
        let marks = match self.state(position) {
            State::Late | State::Near => CHOSEN | OUT_OF_PHASE,
            State::Parked | State::Unasked => OUT_OF_PHASE,
            _ => 0,
        };
        self.leave(position);
        self.entries[position as usize] = Entry::new(State::Busy, marks);
    }

    /// Puts a job that waits nowhere into a state.
    pub(super) fn put(&mut self, position: Position, state: State) {
        match state {
            State::Unasked => self.wait_unasked(position),
            state => self.set(position, state),
        }
    }

    /// A poll of the job has ended: it waits for its next turn. If it was out of phase, as calls
    /// were too few, it rests for most of an interval from when it `began`.
    pub(super) fn end(&mut self, position: Position, phases: &Phases, began: Mono, now: Mono) {
        self.put(position, State::Rests);
        let face = face(&self.jobs, phases);
        let turn = self.turns.first_after(face, position as usize, now);
        let rested = began + self.interval().mul_f64(MIN_REST);
        if self.marks(position) & OUT_OF_PHASE != 0 && turn < rested {
            self.park(position, rested);
        }
    }

    /// The job rests until this time.
    pub(super) fn park(&mut self, position: Position, until: Mono) {
        self.set(position, State::Parked);
        let place = self.parked.partition_point(|(other, _)| *other <= until);
        self.parked.insert(place, (until, position));
    }

    /// Takes a job out of where it waits.
    fn leave(&mut self, position: Position) {
        let entry = self.entries[position as usize];
        let entries = &mut self.entries;
        match entry.state() {
            State::Late => self.late.remove(entry.place(), |member, place| {
                entries[member as usize] = Entry::new(State::Late, place);
            }),
            State::Near => self.near.remove(entry.place(), |member, place| {
                entries[member as usize] = Entry::new(State::Near, place);
            }),
            State::Unasked => self.unasked -= 1,
            State::Parked => {
                // It is the first, but for a reload or a probe.
                let mut parked = self.parked.iter();
                let place = parked.position(|(_, parked)| *parked == position);
                place.map(|place| self.parked.remove(place));
            }
            State::New | State::Rests | State::Busy | State::Denied | State::Missing => {}
        }
    }
}

fn in_state(entries: &[Entry], is: fn(State) -> bool) -> impl Fn(usize) -> bool {
    move |position| is(entries[position].state())
}

fn face<'a>(jobs: &'a [JobIndex], phases: &'a Phases) -> Face<'a> {
    Face { jobs, phases }
}
