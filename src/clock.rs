//! The clock. No other module reads the time.
//!
//! Decisions take a [`Timestamp`] as an argument. Scheduling and staleness use its monotonic time,
//! which steps of the wall clock do not affect. The wall time is only exported.

use std::fs;
use std::ops::Add;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Monotonic time in nanoseconds. [`Mono::START`] is 146 years from both ends of the range, so that
/// times before the process can be represented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mono(u64);

impl Mono {
    /// When the clock was created, at the start of the process.
    pub const START: Self = Self(1 << 62);
    /// Later than every other time.
    pub const MAX: Self = Self(u64::MAX);

    /// The time elapsed since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The time `duration` earlier, which may be before the process.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }

    /// The time as an integer, for an atomic.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// The inverse of [`Mono::to_bits`].
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl Add<Duration> for Mono {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The same time on the monotonic and on the wall clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timestamp {
    pub mono: Mono,
    /// Seconds since 1970, UTC, rounded to milliseconds like AWS's dates. For output only.
    pub unix: f64,
}

/// The time since the machine was started, in which it may have slept. Setting the wall clock does
/// not change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinceBoot {
    /// Which start it was; `None` where the kernel does not show that, as in the unit's sandbox.
    pub boot: Option<String>,
    pub time: Duration,
}

/// The wall clock and the monotonic clock.
#[derive(Clone, Debug)]
pub struct Clock {
    start: tokio::time::Instant,
    wall: Wall,
}

#[derive(Clone, Debug)]
enum Wall {
    System,
    Anchored(f64),
}

impl Clock {
    /// The system's clocks.
    #[must_use]
    pub fn system() -> Self {
        Self::starting_now(Wall::System)
    }

    /// Tokio's clock, which may be paused. The wall clock starts at `unix` and follows it. For
    /// tests.
    #[must_use]
    pub fn anchored(unix: f64) -> Self {
        Self::starting_now(Wall::Anchored(unix))
    }

    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    fn starting_now(wall: Wall) -> Self {
        Self {
            start: tokio::time::Instant::now(),
            wall,
        }
    }

    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Timestamp {
        let running = tokio::time::Instant::now().saturating_duration_since(self.start);
        let unix = match self.wall {
            Wall::System => {
                let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
                since_1970.unwrap_or_default().as_secs_f64()
            }
            Wall::Anchored(unix) => unix + running.as_secs_f64(),
        };
        Timestamp {
            mono: Mono::START + running,
            unix: (unix * 1e3).round() / 1e3,
        }
    }

    /// The time since the machine was started; `None` if the clock is tokio's.
    #[must_use]
    pub fn since_boot(&self) -> Option<SinceBoot> {
        let Wall::System = self.wall else { return None };
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
        Some(SinceBoot {
            boot: boot.map(|boot| boot.trim().to_owned()),
            time: Duration::new(seconds.ok()?, nanos.ok()?),
        })
    }

    /// Sleeps until `at`; returns at once if it has passed.
    pub fn sleep_until(&self, at: Mono) -> tokio::time::Sleep {
        tokio::time::sleep_until(self.start + at.since(Mono::START))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_the_process_are_distinct() {
        let [day, week] = [1, 7].map(|days| Duration::from_secs(days * 86_400));
        let [yesterday, last_week] = [day, week].map(|ago| Mono::START.before(ago));
        assert!(last_week < yesterday && yesterday < Mono::START);
        assert_eq!(Mono::START.since(last_week), week);
        assert_eq!(last_week + week, Mono::START);
        assert_eq!(last_week.since(yesterday), Duration::ZERO);
    }

    #[test]
    fn arithmetic_saturates() {
        let age = Duration::from_secs(300 * 365 * 86_400);
        assert_eq!(Mono::START.before(age), Mono::from_bits(0));
        assert_eq!(Mono::MAX + age, Mono::MAX);
        assert!(Mono::START + age < Mono::MAX);
    }
}
