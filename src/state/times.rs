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
/// So many steps of the clock are remembered. A time before all of them is off by the forgotten.
const MAX_STEPS: usize = 100;

/// Milliseconds since 1970.
pub(super) fn milliseconds(unix: f64) -> u64 {
    (unix * 1e3).round() as u64
}

/// When it was saved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SavedAt {
    /// Milliseconds since 1970.
    pub(super) unix: u64,
    /// Which start of the machine it was, and the milliseconds since, if that is known.
    boot: Option<(String, u64)>,
}

impl SavedAt {
    pub(super) fn new(now: Timestamp, since_boot: Option<SinceBoot>) -> Self {
        let boot = since_boot.and_then(|since| Some((since.boot?, since.time)));
        Self {
            unix: milliseconds(now.unix),
            boot: boot.map(|(boot, time)| (boot, time.as_millis() as u64)),
        }
    }
}

/// What is noticed of the wall clock while the process runs.
#[derive(Debug)]
pub(super) struct ClockSteps {
    /// The last look: the time, and that since the boot, which goes on while the machine sleeps.
    last: (Timestamp, Option<Duration>),
    /// When the clock was set, and by how many seconds: the last few times.
    steps: Vec<(Mono, f64)>,
}

impl ClockSteps {
    pub(super) fn new(now: Timestamp, since_boot: Option<Duration>) -> Self {
        Self {
            last: (now, since_boot),
            steps: Vec::new(),
        }
    }

    /// Looks at the clock. Returns by how many seconds it was set since the last look, if it was.
    pub(super) fn look(&mut self, now: Timestamp, since_boot: Option<Duration>) -> Option<f64> {
        let (last, last_since_boot) = self.last;
        let running = match since_boot.zip(last_since_boot) {
            Some((now, last)) => now.saturating_sub(last),
            None => now.mono.since(last.mono),
        };
        let step = now.unix - last.unix - running.as_secs_f64();
        self.last = (now, since_boot);
        if step.abs() <= MAX_DRIFT {
            return None;
        }
        if self.steps.len() == MAX_STEPS {
            self.steps.remove(0);
        }
        self.steps.push((last.mono, step));
        Some(step)
    }

    /// A time by the wall clock as it is now, in milliseconds since 1970.
    pub(super) fn unix(&self, time: Timestamp) -> u64 {
        let since = self.steps.iter().filter(|(at, _)| time.mono <= *at);
        milliseconds(
            since
                .fold(time.unix, |unix, (_, step)| unix + step)
                .max(0.0),
        )
    }
}

/// Milliseconds from one time to another, which are negative if that is past.
pub(super) fn offset(now: Mono, time: Mono) -> i64 {
    let milliseconds = |duration: Duration| duration.as_millis() as i64;
    milliseconds(time.since(now)) - milliseconds(now.since(time))
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
        let same_boot = same_boot.filter(|((boot, _), since)| Some(boot) == since.boot.as_ref());
        let elapsed = match same_boot {
            Some(((_, then), since)) => since
                .time
                .saturating_sub(Duration::from_millis(*then))
                .as_secs_f64(),
            None => by_wall.max(0.0),
        };
        let step = by_wall - elapsed;
        let clock_step = (step.abs() > MAX_DRIFT).then_some(step);
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
            boot: Some(name.to_owned()),
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
        let turn = restoring.at(offset(at(100, 0.0).mono, at(90, 0.0).mono));
        assert_eq!(at(1, 0.0).mono.since(turn), Duration::from_secs(510));
        let next = restoring.at(offset(at(100, 0.0).mono, at(700, 0.0).mono));
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
        let mut steps = ClockSteps::new(at(100, 5_000.0), None);
        let asked = at(100, 5_000.0);
        assert_eq!(steps.look(at(110, 5_011.0), None), None);
        assert_eq!(steps.unix(asked), 5_000_000);
        assert_eq!(steps.look(at(160, 1_005_060.0), None), Some(999_999.0));
        assert_eq!(steps.unix(asked), 1_004_999_000);
        let later = at(161, 1_005_061.25);
        assert_eq!(steps.unix(later), 1_005_061_250);
        assert_eq!(steps.look(at(162, 1_004_062.0), None), Some(-1_000.0));
        assert_eq!(steps.unix(asked), 1_003_999_000);
        assert_eq!(steps.unix(later), 1_005_061_250, "in between");
    }

    #[test]
    fn a_machine_that_slept_has_set_no_clock() {
        let hours = Duration::from_secs(8 * 3_600);
        let awake = Duration::from_secs(60);
        let mut steps = ClockSteps::new(at(100, 5_000.0), Some(awake));
        let woken = at(101, 5_001.0 + hours.as_secs_f64());
        assert_eq!(steps.look(woken, Some(awake + hours)), None);
        assert_eq!(steps.unix(at(100, 5_000.0)), 5_000_000);
    }
}
