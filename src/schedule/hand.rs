//! A hand that passes over all jobs of a dial once in each cadence.

use std::time::Duration;

use super::jobs::{JobIndex, Phases};
use crate::clock::Mono;

/// The most positions that are looked at ahead of a hand.
const MAX_LOOKAHEAD: usize = 64;

/// The jobs of a dial, by phase.
#[derive(Clone, Copy)]
pub(super) struct Face<'a> {
    pub(super) jobs: &'a [JobIndex],
    pub(super) phases: &'a Phases,
}

/// When a hand reaches each job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// At its phase, which a change of the targets does not move.
    ByPhase,
    /// At even intervals, so that nothing piles up.
    Even,
}

/// A hand. How far it has come in time is when it reaches the position where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hand {
    start: Mono,
    /// In nanoseconds, as all times in here.
    cadence: u64,
    pace: Pace,
    /// The cadences that have passed.
    passes: u64,
    /// All jobs before it have been passed over.
    position: usize,
}

impl Hand {
    /// A hand whose first cadence began at `start`, where it is at `now`.
    pub(super) fn new(
        start: Mono,
        cadence: Duration,
        pace: Pace,
        face: Face<'_>,
        now: Mono,
    ) -> Self {
        let mut hand = Self {
            start,
            cadence: cadence.as_nanos() as u64,
            pace,
            passes: 0,
            position: 0,
        };
        hand.set(face, now);
        hand
    }

    /// The time in which it passes over all jobs once.
    pub(super) fn cadence(&self) -> Duration {
        Duration::from_nanos(self.cadence)
    }

    /// Sets it to the first job that it reaches at this time or after it.
    pub(super) fn set(&mut self, face: Face<'_>, time: Mono) {
        self.passes = nanos(time.since(self.start)) / self.cadence;
        let jobs = face.jobs.len();
        self.position = first_not(0, jobs, |position| self.reaches(face, position) < time);
        if self.position == jobs {
            (self.position, self.passes) = (0, self.passes + 1);
        }
    }

    /// Sets it to where another hand stands: at the same phase, at the same time.
    pub(super) fn set_to(&mut self, face: Face<'_>, other: &Self, other_face: Face<'_>) {
        let (Some(job), false) = (other_face.jobs.get(other.position), face.jobs.is_empty()) else {
            return;
        };
        let phase = other_face.phases[*job];
        let is_before = |position: usize| face.phases[face.jobs[position]] < phase;
        self.position = first_not(0, face.jobs.len(), is_before);
        if self.cadence == other.cadence {
            (self.start, self.passes) = (other.start, other.passes);
        } else {
            // From now on at its own pace.
            let time = other.reaches(other_face, other.position);
            self.passes = 0;
            let offset = self.reaches(face, self.position.min(face.jobs.len() - 1));
            self.start = time.before(offset.since(self.start));
        }
        if self.position == face.jobs.len() {
            (self.position, self.passes) = (0, self.passes + 1);
        }
    }

    /// Sets it to the first job of this phase or a later one, so that it reaches that phase at this
    /// time.
    pub(super) fn set_at(&mut self, face: Face<'_>, phase: u32, time: Mono) {
        let jobs = face.jobs.len();
        if jobs == 0 {
            return;
        }
        self.passes = 0;
        let is_before = |position: usize| face.phases[face.jobs[position]] < phase;
        self.position = first_not(0, jobs, is_before);
        let offset = match self.pace {
            Pace::ByPhase => self.offset_of_phase(phase),
            Pace::Even => self.cadence / jobs as u64 * self.position as u64,
        };
        self.start = time.before(Duration::from_nanos(offset));
        if self.position == jobs {
            (self.position, self.passes) = (0, self.passes + 1);
        }
    }

    /// The phase of the job where it stands, and when it reaches it; `None` without jobs.
    pub(super) fn standing(&self, face: Face<'_>) -> Option<(u32, Mono)> {
        let job = face.jobs.get(self.position)?;
        Some((face.phases[*job], self.time(face)?))
    }

    /// When it reaches the job where it stands; `None` without jobs.
    pub(super) fn time(&self, face: Face<'_>) -> Option<Mono> {
        (self.position < face.jobs.len()).then(|| self.reaches(face, self.position))
    }

    /// When it reaches a position that it has not passed over: in this pass, or in the next one.
    pub(super) fn next_at(&self, face: Face<'_>, position: usize) -> Mono {
        let at = self.reaches(face, position);
        if position < self.position {
            at + self.cadence()
        } else {
            at
        }
    }

    /// The first turn after `now` of a position.
    pub(super) fn first_after(&self, face: Face<'_>, position: usize, now: Mono) -> Mono {
        let first = Self { passes: 0, ..*self }.reaches(face, position);
        if now < first {
            return first;
        }
        let passed = nanos(now.since(first)) / self.cadence + 1;
        first + Duration::from_nanos(passed * self.cadence)
    }

    /// Moves it to the first position that is wanted, but not past `until`. Returns when it reaches
    /// that position, and the position.
    pub(super) fn seek(
        &mut self,
        face: Face<'_>,
        until: Mono,
        wanted: impl Fn(usize) -> bool,
    ) -> Option<(Mono, usize)> {
        let jobs = face.jobs.len();
        let mut at = self.time(face)?;
        // More than one whole pass would find nothing that it does not.
        let missed = nanos(until.since(at)) / self.cadence;
        if missed > 1 {
            self.start = self.start + Duration::from_nanos((missed - 1) * self.cadence);
            at = self.reaches(face, self.position);
        }
        while at <= until {
            let is_reached = |position| self.reaches(face, position) <= until;
            let end = gallop(self.position + 1, jobs, is_reached);
            if let Some(position) = (self.position..end).find(|position| wanted(*position)) {
                self.position = position;
                return Some((self.reaches(face, position), position));
            }
            self.position = end - 1;
            self.advance(jobs);
            at = self.reaches(face, self.position);
        }
        None
    }

    /// When it reaches the first position that is wanted; a time before that, if it is far.
    pub(super) fn look_ahead(mut self, face: Face<'_>, wanted: impl Fn(usize) -> bool) -> Mono {
        let jobs = face.jobs.len();
        for _ in 0..MAX_LOOKAHEAD.min(jobs) {
            if wanted(self.position) {
                break;
            }
            self.advance(jobs);
        }
        self.time(face).unwrap_or(Mono::MAX)
    }

    /// Moves it on if it reached this position at `now` or before and stands there, so that a turn
    /// is not taken twice.
    pub(super) fn pass(&mut self, face: Face<'_>, position: usize, now: Mono) {
        if self.position == position && self.reaches(face, position) <= now {
            self.advance(face.jobs.len());
        }
    }

    /// Lets it reach all jobs earlier, by this part of its cadence.
    pub(super) fn put_forward(&mut self, part: f64) {
        self.start = self.start.before(self.cadence().mul_f64(part));
    }

    /// How often it has passed over all jobs.
    pub(super) fn passes(&self) -> u64 {
        self.passes
    }

    /// The part of the jobs that it has passed over in this pass; `None` without jobs.
    pub(super) fn part_passed(&self, jobs: usize) -> Option<f64> {
        (jobs > 0).then(|| self.position as f64 / jobs as f64)
    }

    pub(super) fn advance(&mut self, jobs: usize) {
        self.position += 1;
        if self.position >= jobs {
            (self.position, self.passes) = (0, self.passes + 1);
        }
    }

    /// When it reaches a position in this pass.
    fn reaches(&self, face: Face<'_>, position: usize) -> Mono {
        let offset = match self.pace {
            Pace::ByPhase => self.offset_of_phase(face.phases[face.jobs[position]]),
            Pace::Even => self.cadence / face.jobs.len() as u64 * position as u64,
        };
        self.start + Duration::from_nanos(self.passes * self.cadence + offset)
    }

    fn offset_of_phase(&self, phase: u32) -> u64 {
        ((u128::from(self.cadence) * u128::from(phase)) >> 32) as u64
    }
}

/// When a hand began its present pass, by the clock, and how long it took for the one before. Where
/// it waits for calls, that is longer than its cadence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sweep {
    pass: u64,
    began: Mono,
    last: Duration,
}

impl Sweep {
    pub(super) fn new(now: Mono) -> Self {
        Self {
            pass: 0,
            began: now,
            last: Duration::ZERO,
        }
    }

    /// The hand is in this pass now.
    pub(super) fn note(&mut self, pass: u64, now: Mono) {
        if pass != self.pass {
            *self = Self {
                pass,
                began: now,
                last: now.since(self.began),
            };
        }
    }

    /// When the present pass began, and how long the one before took.
    pub(super) fn standing(&self) -> (Mono, Duration) {
        (self.began, self.last)
    }

    /// In this pass, which began then, after one that took so long.
    pub(super) fn resume(pass: u64, (began, last): (Mono, Duration)) -> Self {
        Self { pass, began, last }
    }

    /// The same, with another number for the present pass.
    pub(super) fn at_pass(self, pass: u64) -> Self {
        Self { pass, ..self }
    }

    /// When the hand, which has passed over this part of the jobs, was here before: if it moved
    /// evenly in its last pass.
    pub(super) fn passed_before(&self, part: f64) -> Mono {
        self.began.before(self.last.mul_f64(1.0 - part))
    }
}

/// A duration of less than 584 years.
fn nanos(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}

/// The same as [`first_not`], for what is probably not far from `from`.
fn gallop(mut from: usize, to: usize, is_before: impl Fn(usize) -> bool) -> usize {
    let mut step = 1;
    while from + step < to && is_before(from + step) {
        (from, step) = (from + step, step * 2);
    }
    first_not(from, to.min(from + step), is_before)
}

/// The first position of `from..to` that is not before, where all that are come first.
fn first_not(mut from: usize, mut to: usize, is_before: impl Fn(usize) -> bool) -> usize {
    while from < to {
        let middle = from + (to - from) / 2;
        if is_before(middle) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    from
}
