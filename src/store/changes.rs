//! How often an identity changes, how much it writes then, and how it grows, in 16 bytes.
//!
//! The rate is estimated from dates of last modification (Cho & Garcia-Molina, TOIT 2003): a poll
//! sees whether there was a change since the one before, and for how long there has been none. The
//! first poll shows one change, in the time since the date.
//!
//! Growth is how often an identity changes, times what a change adds. Their product is what is
//! kept, and not what a change adds on average: a poll sees the bytes of all changes since the one
//! before, and their number cancels in the product only. One that changes each minute and is polled
//! once a day would grow a thousand times too fast otherwise.

use std::time::Duration;

use serde::{Deserialize, Serialize};

const HOUR: f64 = 3_600.0;
/// What is remembered of an identity's changes, at most: 20 days, so that what is older than 14
/// days weighs half.
const MAX_MEMORY: f64 = 20.0 * 86_400.0;
/// Seconds that are added to the first time without a change, which may be very short by chance.
const PRIOR_TIME: f64 = 300.0;
/// Bytes that a change adds, before one was seen.
const PRIOR_WRITE: f64 = 2_000.0;
/// The weight of the latest change in the mean.
const WRITE_WEIGHT: f64 = 0.3;

/// Seconds that growth is spread over, at least: nobody writes for days as in a busy hour.
const MIN_WATCHED: f64 = 2.0 * 86_400.0;
/// There is growth from so many changes on.
const MIN_CHANGES: f64 = 2.0;
/// A change counts as no more than so many usual ones, so that a jump is no growth.
const MAX_WRITES: f64 = 8.0;
/// Nor does it count as more than so many bytes for each hour since the change before, or this part
/// of all that is remembered: the polls of one busy hour do not make a jump usual.
const MAX_BYTES: f64 = MAX_WRITES * PRIOR_WRITE;
const MAX_PART: f64 = 1.0 / 4.0;
/// A change that takes bytes away counts so many times: who has cleaned up will do so again, so
/// what it grows by until then is no news. Small ones count too, for cleaning up may take many.
const TAKEN_AWAY: f64 = 2.0;
/// Growth has ended when nothing was written for so many seconds, and for so many times as long as
/// usual between two changes: a weekend is not the end.
const ENDED_SECONDS: f64 = 3.0 * 86_400.0;
const ENDED_CHANGES: f64 = 5.0;
/// Of growth that was learned from `n` changes, so many parts of `1 / sqrt(n)` are in doubt, and
/// left out: a date is rather late than early.
const DOUBT: f64 = 0.5;
/// The same where growth has to be almost sure, and seconds that it was watched for by then.
const SURE_DOUBT: f64 = 3.5;
const SURE_WATCHED: f64 = 10.0 * 86_400.0;

/// What a poll saw that shows a change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Added {
    /// Less those that were taken away.
    pub(super) bytes: f64,
    /// Seconds from the last modification that was seen before to the latest one.
    pub(super) seconds: f64,
}

/// Bytes in a second by which all datasets of an identity together grow, more than 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Growth {
    pub(super) expected: f64,
    /// By which it almost surely grows at least. `None` before it was watched for long, and where
    /// there were too few changes to tell.
    pub(super) sure: Option<f64>,
}

/// The default is that of an identity that was never polled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    /// Changes in a second.
    per_second: f32,
    /// Seconds that the rate was learned in.
    memory: Logarithm,
    /// Bytes that a change adds.
    write: Logarithm,
    /// Bytes that are added in a second, less those that are taken away.
    growth: f32,
    /// What growth was learned from.
    watched: Watched,
}

const _: () = assert!(size_of::<Changes>() == 16, "each identity has one");

impl Changes {
    /// After the first poll, `idle` seconds after the date of last modification; `None` if there is
    /// no date, since there was never a change.
    #[must_use]
    pub(super) fn first(idle: Option<f64>) -> Self {
        let time = PRIOR_TIME + idle.unwrap_or(MAX_MEMORY);
        Self {
            per_second: if idle.is_some() {
                1.0 / time as f32
            } else {
                0.0
            },
            memory: Logarithm::of(time.min(MAX_MEMORY)),
            write: Logarithm::of(PRIOR_WRITE),
            growth: 0.0,
            watched: Watched::default(),
        }
    }

    /// After a poll that came `gap` after the one before, and `idle` seconds after the date of last
    /// modification. `added` is `None` if it shows no change.
    #[must_use]
    pub(super) fn after(self, gap: Duration, idle: Option<f64>, added: Option<Added>) -> Self {
        // Of the time before the change, nothing is known. A clock that is behind AWS's shows none
        // after it.
        let gap = gap.as_secs_f64();
        let unchanged = gap.min(idle.unwrap_or(f64::MAX).max(gap / 10.0));
        let memory = self.memory.value();
        let seen = f64::from(self.per_second) * memory + f64::from(u8::from(added.is_some()));
        let write = self.write.value();
        let mean_of = |added: f64| write + WRITE_WEIGHT * (added - write);
        let added_bytes = added.map(|added| added.bytes);
        let write = added_bytes.filter(|bytes| *bytes > 0.0).map(mean_of);
        Self {
            per_second: (seen / (memory + unchanged).max(1.0)) as f32,
            memory: Logarithm::of((memory + unchanged).min(MAX_MEMORY)),
            write: write.map_or(self.write, Logarithm::of),
            growth: self.growth_after(gap, added),
            watched: self.watched.and(gap, added.is_some()),
        }
    }

    /// Bytes in a second, after so many seconds in which so many bytes were added, or nothing has
    /// changed.
    fn growth_after(self, gap: f64, added: Option<Added>) -> f32 {
        let watched = self.watched.seconds();
        let before = f64::from(self.growth) * watched.max(MIN_WATCHED);
        let usual = self.write.value();
        let counted = |Added { bytes, seconds }| {
            if bytes < 0.0 {
                return TAKEN_AWAY * bytes;
            }
            let most = (MAX_PART * before).max(MAX_BYTES * (gap.max(seconds) / HOUR).max(1.0));
            bytes.min(MAX_WRITES * usual.max(PRIOR_WRITE)).min(most)
        };
        ((before + added.map_or(0.0, counted)) / (watched + gap).max(MIN_WATCHED)) as f32
    }

    /// Changes in a second, by all that was seen.
    #[must_use]
    pub(super) fn per_second(self) -> f64 {
        self.per_second.into()
    }

    /// Bytes that a change adds on average, at least 1.
    #[must_use]
    pub(super) fn write_bytes(self) -> f64 {
        self.write.value()
    }

    /// By how much the identity grows, `idle` seconds after its last modification. `None` before
    /// its second change was seen, when it does not grow, or when it has not written for so long
    /// that its growth has ended.
    #[inline]
    #[must_use]
    pub(super) fn growth(self, idle: f64) -> Option<Growth> {
        let has_ended = || idle > ENDED_SECONDS && idle * self.per_second() > ENDED_CHANGES;
        if self.growth <= 0.0 || !self.is_growth_known() || has_ended() {
            return None;
        }
        let part_in_doubt = 1.0 / self.watched.changes().sqrt();
        let less = |doubt: f64| f64::from(self.growth) * (1.0 - doubt * part_in_doubt);
        let sure = less(SURE_DOUBT);
        let is_sure = sure > 0.0 && self.watched.seconds() >= SURE_WATCHED;
        Some(Growth {
            expected: less(DOUBT),
            sure: is_sure.then_some(sure),
        })
    }

    /// Whether enough changes were seen for its growth to be known, be it none.
    #[inline]
    #[must_use]
    pub fn is_growth_known(self) -> bool {
        self.watched.changes() >= MIN_CHANGES
    }
}

/// For how long an identity was watched, and how many changes were seen: seconds up to
/// [`MAX_MEMORY`], above them the number, up to 255.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Watched(u32);

impl Watched {
    const SECONDS_BITS: u32 = 24;

    /// After a poll that came `gap` seconds later and has seen a change or none.
    fn and(self, gap: f64, is_changed: bool) -> Self {
        let seconds = (self.seconds() + gap.round()).min(MAX_MEMORY) as u32;
        let changes = (self.0 >> Self::SECONDS_BITS) + u32::from(is_changed);
        Self(changes.min(u8::MAX.into()) << Self::SECONDS_BITS | seconds)
    }

    fn seconds(self) -> f64 {
        f64::from(self.0 & ((1 << Self::SECONDS_BITS) - 1))
    }

    fn changes(self) -> f64 {
        f64::from(self.0 >> Self::SECONDS_BITS)
    }
}

/// A number from 1 to 2^64, within 0.04 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Logarithm(u16);

impl Logarithm {
    const STEPS: f64 = 1_024.0;

    fn of(value: f64) -> Self {
        Self((value.max(1.0).log2() * Self::STEPS).round() as u16)
    }

    fn value(self) -> f64 {
        (f64::from(self.0) / Self::STEPS).exp2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept_within_a_twentieth_of_a_percent() {
        for value in [1.0, 2.0, 1e3, 86_400.0, MAX_MEMORY, 1e15] {
            let kept = Logarithm::of(value).value();
            assert!((kept / value - 1.0).abs() < 5e-4, "{value}: {kept}");
        }
        assert_eq!(Logarithm::of(0.0).value(), 1.0);
    }

    fn added(bytes: f64) -> Added {
        Added {
            bytes,
            seconds: HOUR,
        }
    }

    /// Polls for so many days, each hour; a change each `period` seconds. Returns the rate over the
    /// true one.
    fn learned(start: Changes, period: f64, days: u32) -> f64 {
        let mut changes = start;
        for hour in 1..=days * 24 {
            let now = f64::from(hour) * HOUR;
            let idle = now % period;
            let added = (idle < HOUR).then_some(added(5_000.0));
            changes = changes.after(Duration::from_secs(3_600), Some(idle), added);
        }
        changes.per_second() * period
    }

    #[test]
    fn the_rate_is_learned_whatever_the_first_poll_showed() {
        for first in [1.0, HOUR, 30.0 * 24.0 * HOUR] {
            for period in [6.0 * HOUR, 24.0 * HOUR] {
                let ratio = learned(Changes::first(Some(first)), period, 30);
                assert!((0.8..1.25).contains(&ratio), "{first} {period}: {ratio}");
            }
        }
    }

    #[test]
    fn who_never_changes_again_is_forgotten() {
        let idle = 365.0 * 24.0 * HOUR;
        let mut changes = Changes::first(Some(idle));
        let before = changes.per_second();
        assert!((before * idle - 1.0).abs() < 0.01);
        for day in 1..=60 {
            let idle = idle + f64::from(day) * 24.0 * HOUR;
            changes = changes.after(Duration::from_secs(86_400), Some(idle), None);
        }
        assert!(changes.per_second() < before / 10.0);
        assert_eq!(Changes::first(None).per_second(), 0.0);
    }

    #[test]
    fn the_mean_write_follows_what_is_added() {
        let mut changes = Changes::first(Some(HOUR));
        assert!((changes.write_bytes() / PRIOR_WRITE - 1.0).abs() < 1e-3);
        for growth in [0.0, 5e4, 5e4, 5e4, 0.0, 5e4, 5e4, 5e4, 5e4] {
            changes = changes.after(Duration::from_secs(60), Some(1.0), Some(added(growth)));
        }
        assert!((40_000.0..50_000.0).contains(&changes.write_bytes()));
    }
}
