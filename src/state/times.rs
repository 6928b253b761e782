//! Times that outlive the process: the monotonic clock does not, and the wall clock may be set.
//!
//! What is saved has times of the wall clock, as it was when it was saved. A clock that is set
//! while the process runs is noticed, and all is saved once more by the new one. A clock that was
//! set while no process ran is noticed if it was set back, or if the machine was not started anew.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{Mono, SinceBoot, Timestamp};

/// A difference between clocks, in seconds, that is no step: clocks are adjusted slowly too.
const MAX_DRIFT: f64 = 5.0;

/// Milliseconds since 1970.
pub(super) fn milliseconds(unix: f64) -> u64 {
    (unix * 1e3).round() as u64
}

/// When it was saved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SavedAt {
    /// Milliseconds since 1970.
    pub(super) unix: u64,
    /// Which start of the machine it was, and the seconds since, if that is known.
    boot: Option<(String, u64)>,
}

impl SavedAt {
    pub(super) fn new(now: Timestamp, since_boot: Option<SinceBoot>) -> Self {
        Self {
            unix: milliseconds(now.unix),
            boot: since_boot.map(|since| (since.boot, since.time.as_secs())),
        }
    }
}

/// The times of a process that saves, at one time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Saving {
    now: Timestamp,
}

impl Saving {
    pub(super) fn at(now: Timestamp) -> Self {
        Self { now }
    }

    /// Milliseconds since 1970.
    pub(super) fn now(&self) -> u64 {
        milliseconds(self.now.unix)
    }

    /// A time by the wall clock as it is now, in milliseconds since 1970.
    pub(super) fn unix(&self, time: Timestamp) -> u64 {
        let by_present_clock = self.now.unix - self.now.mono.since(time.mono).as_secs_f64();
        let is_step = (by_present_clock - time.unix).abs() > MAX_DRIFT;
        milliseconds(if is_step { by_present_clock } else { time.unix })
    }

    /// Milliseconds from now to a time, which are negative if it is past.
    pub(super) fn offset(&self, time: Mono) -> i64 {
        let milliseconds = |duration: Duration| duration.as_millis() as i64;
        milliseconds(time.since(self.now.mono)) - milliseconds(self.now.mono.since(time))
    }

    /// Whether the wall clock was set since another time.
    pub(super) fn was_set_since(&self, before: Timestamp) -> bool {
        let running = self.now.mono.since(before.mono).as_secs_f64();
        (self.now.unix - before.unix - running).abs() > MAX_DRIFT
    }
}

/// The times of a process that goes on from what was saved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Restoring {
    now: Timestamp,
    saved: u64,
    /// From the saving to now.
    elapsed: Duration,
    /// By how many seconds the wall clock was set meanwhile, if that was noticed.
    pub(super) clock_step: Option<f64>,
}

impl Restoring {
    pub(super) fn new(saved: &SavedAt, now: Timestamp, since_boot: Option<&SinceBoot>) -> Self {
        let by_wall = now.unix - saved.unix as f64 / 1e3;
        let same_boot = saved.boot.as_ref().zip(since_boot);
        let same_boot = same_boot.filter(|((boot, _), since)| *boot == since.boot);
        let elapsed = match same_boot {
            Some(((_, then), since)) => since.time.as_secs().saturating_sub(*then) as f64,
            None => by_wall.max(0.0),
        };
        let step = by_wall - elapsed;
        let clock_step = (step.abs() > MAX_DRIFT).then_some(step);
        // The boot's time has whole seconds.
        let elapsed = if clock_step.is_some() {
            elapsed
        } else {
            by_wall.max(0.0)
        };
        Self {
            now,
            saved: saved.unix,
            elapsed: Duration::from_secs_f64(elapsed),
            clock_step,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// The time since the saving.
    pub(super) fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// A time that was saved, by the present clocks. It is never later than now.
    pub(super) fn timestamp(&self, unix: u64) -> Timestamp {
        let before_saving = Duration::from_millis(self.saved.saturating_sub(unix));
        let age = before_saving + self.elapsed;
        let by_present_clock = self.now.unix - age.as_secs_f64();
        let as_saved = unix as f64 / 1e3;
        let is_step = (by_present_clock - as_saved).abs() > MAX_DRIFT;
        Timestamp {
            mono: self.now.mono.before(age),
            unix: if is_step {
                (by_present_clock * 1e3).round() / 1e3
            } else {
                as_saved.min(self.now.unix)
            },
        }
    }

    /// A time that was so many milliseconds after the saving, or before it.
    pub(super) fn at(&self, offset: i64) -> Mono {
        let saved = self.now.mono.before(self.elapsed);
        let distance = Duration::from_millis(offset.unsigned_abs());
        if offset < 0 {
            saved.before(distance)
        } else {
            saved + distance
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process, `running` seconds after its start.
    fn at(running: u64, unix: f64) -> Timestamp {
        Timestamp {
            mono: Mono::START + Duration::from_secs(running),
            unix,
        }
    }

    fn boot(name: &str, seconds: u64) -> Option<SinceBoot> {
        Some(SinceBoot {
            boot: name.to_owned(),
            time: Duration::from_secs(seconds),
        })
    }

    #[test]
    fn times_are_as_they_were_and_age() {
        let saved = SavedAt::new(at(100, 1_000_000.0), None);
        let restoring = Restoring::new(&saved, at(1, 1_000_500.0), None);
        assert_eq!(restoring.clock_step, None);
        let asked = restoring.timestamp(milliseconds(999_940.25));
        assert_eq!(asked.unix, 999_940.25);
        assert_eq!(
            at(1, 0.0).mono.since(asked.mono),
            Duration::from_millis(559_750)
        );
        let turn = restoring.at(Saving::at(at(100, 0.0)).offset(at(90, 0.0).mono));
        assert_eq!(at(1, 0.0).mono.since(turn), Duration::from_secs(510));
        let next = restoring.at(Saving::at(at(100, 0.0)).offset(at(700, 0.0).mono));
        assert_eq!(next, at(101, 0.0).mono);
    }

    #[test]
    fn a_clock_that_went_back_dates_nothing_in_the_future() {
        let saved = SavedAt::new(at(100, 1_000_000.0), None);
        let restoring = Restoring::new(&saved, at(0, 990_000.0), None);
        assert_eq!(restoring.clock_step, Some(-10_000.0));
        for asked in [999_000.0, 1_000_000.0, 1_000_900.0] {
            let asked = restoring.timestamp(milliseconds(asked));
            assert!(asked.unix <= 990_000.0 && asked.mono <= Mono::START);
        }
        let asked = restoring.timestamp(milliseconds(999_000.0));
        assert_eq!(asked.unix, 989_000.0, "as old as it was");
    }

    #[test]
    fn a_clock_that_leapt_is_noticed_unless_the_machine_was_started_anew() {
        let year = 365.0 * 86_400.0;
        let saved = SavedAt::new(at(100, 1_000_000.0), boot("a", 5_000));
        let now = at(0, 1_000_060.0 + year);
        let same = Restoring::new(&saved, now, boot("a", 5_060).as_ref());
        assert_eq!(same.clock_step, Some(year));
        let asked = same.timestamp(milliseconds(999_990.0));
        assert_eq!(asked.mono, Mono::START.before(Duration::from_secs(70)));
        assert_eq!(asked.unix, now.unix - 70.0);
        let other = Restoring::new(&saved, now, boot("b", 60).as_ref());
        assert_eq!(other.clock_step, None, "it may have been off for a year");
        assert_eq!(other.timestamp(milliseconds(999_990.0)).unix, 999_990.0);
    }

    #[test]
    fn what_was_asked_before_the_clock_was_set_is_saved_by_the_new_one() {
        let before = at(100, 5_000.0);
        let saving = Saving::at(at(160, 1_000_000.0));
        assert!(saving.was_set_since(before));
        assert!(!saving.was_set_since(at(159, 999_999.5)));
        assert_eq!(saving.unix(before), milliseconds(999_940.0));
        assert_eq!(saving.unix(at(150, 999_990.004)), 999_990_004);
    }
}
