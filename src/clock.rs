//! The one place that reads a clock.
//!
//! Everything that decides takes a [`Moment`] as an argument. Scheduling and staleness use its
//! monotonic half, which no step of the wall clock moves; the wall half is only ever shown.

use std::ops::Add;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Nanoseconds of monotonic time since the process's clock was made; good for 584 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mono(u64);

impl Mono {
    /// The moment the clock was made.
    pub const START: Self = Self(0);
    /// Later than anything.
    pub const NEVER: Self = Self(u64::MAX);

    /// How long after `earlier` this is; zero when it is before.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// So long before; no earlier than [`Mono::START`].
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)),
        )
    }

    /// This moment as nanoseconds since [`Mono::START`].
    #[must_use]
    pub fn as_nanos(self) -> u64 {
        self.0
    }

    /// The moment that many nanoseconds after [`Mono::START`].
    #[must_use]
    pub fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }
}

impl Add<Duration> for Mono {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

/// One moment on both clocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// For reckoning.
    pub mono: Mono,
    /// For showing: seconds since 1970, UTC, to the millisecond, as AWS gives dates.
    pub unix: f64,
}

/// When a loop went round last, written by it alone: a loop that is silent for long has died or
/// hangs.
#[derive(Debug)]
pub struct Beat(AtomicU64);

impl Beat {
    /// A loop that goes round now.
    #[must_use]
    pub fn new(now: Mono) -> Self {
        Self(AtomicU64::new(now.0))
    }

    /// The loop goes round.
    pub fn beat(&self, now: Mono) {
        self.0.store(now.0, Ordering::Relaxed);
    }

    /// How long ago it went round last.
    #[must_use]
    pub fn silent_for(&self, now: Mono) -> Duration {
        now.since(Mono(self.0.load(Ordering::Relaxed)))
    }
}

/// Loops that have to go round: by name, and how long each may be silent.
#[derive(Clone, Debug, Default)]
pub struct Loops(pub Vec<(&'static str, Arc<Beat>, Duration)>);

impl Loops {
    /// One that has died or hangs, if there is one, and how long it has been silent.
    #[must_use]
    pub fn silent(&self, now: Mono) -> Option<(&'static str, Duration)> {
        let silences = self
            .0
            .iter()
            .map(|(name, beat, longest)| (*name, beat.silent_for(now), *longest));
        silences
            .filter(|(_, silent, longest)| silent > longest)
            .map(|(name, silent, _)| (name, silent))
            .next()
    }
}

/// The time of day and the time that only goes forward.
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
    /// The machine's clocks.
    #[must_use]
    pub fn system() -> Self {
        Self::starting_now(Wall::System)
    }

    /// Tokio's clock, paused or not, with the wall time reckoned from it: `unix` is what it shows
    /// now. For tests.
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

    /// Now, on both clocks.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Moment {
        let running = tokio::time::Instant::now().saturating_duration_since(self.start);
        let unix = match self.wall {
            Wall::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_secs_f64(),
            Wall::Anchored(unix) => unix + running.as_secs_f64(),
        };
        Moment {
            mono: Mono::START + running,
            unix: (unix * 1e3).round() / 1e3,
        }
    }

    /// Sleeps until `at`; returns at once when that is past.
    pub fn sleep_until(&self, at: Mono) -> tokio::time::Sleep {
        tokio::time::sleep_until(self.start + at.since(Mono::START))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_is_silent_for_too_long_is_named() {
        let at = |seconds| Mono::START + Duration::from_secs(seconds);
        let (quick, slow) = (Arc::new(Beat::new(at(0))), Arc::new(Beat::new(at(0))));
        let (most, more) = (Duration::from_secs(10), Duration::from_secs(60));
        let loops = Loops(vec![
            ("quick", Arc::clone(&quick), most),
            ("slow", Arc::clone(&slow), more),
        ]);
        assert_eq!(loops.silent(at(10)), None);
        assert_eq!(
            loops.silent(at(11)),
            Some(("quick", Duration::from_secs(11)))
        );
        quick.beat(at(11));
        assert_eq!(loops.silent(at(12)), None);
        quick.beat(at(60));
        assert_eq!(
            loops.silent(at(61)),
            Some(("slow", Duration::from_secs(61)))
        );
        assert_eq!(Loops::default().silent(at(1_000)), None);
    }
}
