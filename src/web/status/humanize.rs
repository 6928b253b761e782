//! Times, durations, sizes and reasons for people to read.

use std::time::{Duration, UNIX_EPOCH};

use bytesize::ByteSize;
use serde::{Serialize, Serializer};

use crate::clock::{Mono, Timestamp};
use crate::config::show_duration;
use crate::job::Target;
use crate::limits::Limit;
use crate::schedule::{NextPoll, NextPollReason};
use crate::targets::Targets;

/// A time in seconds since 1970; RFC 3339 in JSON.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::web) struct Time(pub(in crate::web) f64);

impl Time {
    /// A time by the clock that never jumps.
    pub(super) fn of(at: Mono, now: Timestamp) -> Self {
        let (ahead, ago) = (at.since(now.mono), now.mono.since(at));
        Self(now.unix + ahead.as_secs_f64() - ago.as_secs_f64())
    }

    /// Such as `2026-11-23T13:09:34.250Z`, clamped to the years 1970 to 9999.
    pub(in crate::web) fn rfc3339(self) -> String {
        let since = Duration::from_secs_f64(self.0.clamp(0.0, 253_402_300_799.0));
        humantime::format_rfc3339_millis(UNIX_EPOCH + since).to_string()
    }

    /// Such as `2026-11-23 13:09:34 UTC`.
    pub(super) fn utc(self) -> String {
        let rfc3339 = self.rfc3339();
        format!("{} {} UTC", &rfc3339[..10], &rfc3339[11..19])
    }

    /// Its distance from now, such as `5 min ago` or `in 12 s`.
    pub(super) fn relative(self, now: Time) -> String {
        let ahead = self.0 - now.0;
        match (humanize_duration(ahead.abs()), ahead) {
            (_, -1.0..1.0) => "now".to_owned(),
            (distance, 0.0..) => format!("in {distance}"),
            (distance, _) => format!("{distance} ago"),
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.rfc3339())
    }
}

/// A number of seconds, rounded to one unit.
pub(super) fn humanize_duration(seconds: f64) -> String {
    let (unit, name) = match seconds {
        172_800.0.. => (86_400.0, "d"),
        7_200.0.. => (3_600.0, "h"),
        120.0.. => (60.0, "min"),
        _ => (1.0, "s"),
    };
    format!("{:.0} {name}", seconds / unit)
}

/// A number with its digits in groups, such as `29,500`.
pub(super) fn group_digits(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The beginning of a sentence such as `1 identity is` or `29,500 identities are`, with the verb
/// for one and that for many.
pub(super) fn identities_that(identities: u64, [one, many]: [&str; 2]) -> String {
    match identities {
        1 => format!("1 identity {one}"),
        _ => format!("{} identities {many}", group_digits(identities)),
    }
}

/// A key of the JSON as a phrase.
pub(super) fn humanize_key(key: &str) -> String {
    key.replace("_percent", " %").replace('_', " ")
}

/// A size in binary units.
pub(super) fn bytes(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}

/// A ratio in percent, rounded down below 100 %, so that nothing seems full that is not.
pub(super) fn percent(ratio: f64) -> String {
    let shown = if ratio < 1.0 {
        (ratio * 100.0).floor()
    } else {
        (ratio * 100.0).round()
    };
    format!("{shown} %")
}

/// When a target will be polled next, and why then.
#[derive(Clone, Debug, Serialize)]
pub(super) struct NextCall {
    /// Absent when it is not known.
    pub(super) at: Option<Time>,
    pub(super) why: String,
    /// The time between two polls, as things are.
    #[serde(skip)]
    every: Option<Duration>,
}

impl NextCall {
    pub(super) fn of(
        next: Option<NextPoll>,
        target: Target,
        targets: &Targets,
        now: Timestamp,
    ) -> Self {
        let pool = targets.pool(target);
        let interval = show_duration(pool.settings.interval);
        let why = match next.map(|next| next.reason) {
            None => "not known".to_owned(),
            Some(NextPollReason::InFlight(attempt)) => {
                format!("a call is under way, attempt {attempt}")
            }
            Some(NextPollReason::Turn) => format!("its turn, once in {interval}"),
            Some(NextPollReason::Slowed(intervals)) => {
                format!(
                    "AWS denies it or does not know it, so it is polled once in {intervals} intervals of {interval}"
                )
            }
            Some(NextPollReason::Retry(attempts)) => {
                format!("the poll is tried again, attempt {}", attempts + 1)
            }
            Some(NextPollReason::NextPage) => "the next page of its answer is due".to_owned(),
            Some(NextPollReason::Index) => format!(
                "the rate of calls is too low to poll each identity once in {interval}, so those \
                 whose next change matters most come first"
            ),
            Some(NextPollReason::Unasked(ahead, rate)) => format!(
                "no poll has finished yet: {ahead} such identities come before it, at {rate:.1} \
                 calls per second"
            ),
            Some(NextPollReason::Deadline) => {
                let max_age = show_duration(pool.max_age);
                format!("AWS denies it or does not know it, so it is polled once in {max_age}")
            }
            Some(NextPollReason::Denied) => {
                format!(
                    "AWS denies the whole pool, so one of its identities is polled each {interval}"
                )
            }
            Some(NextPollReason::Credentials) => {
                let budget = &targets.budgets[pool.budget()].label;
                format!(
                    "credentials or settings of budget {budget} do not work; only probes are sent until they do"
                )
            }
        };
        let at = next.map(|next| next.at).filter(|at| *at < Mono::MAX);
        Self {
            at: at.map(|at| Time::of(at, now)),
            why,
            every: next.map(|next| next.every),
        }
    }

    /// The same, with what decides how often an identity is asked: the seconds between two changes,
    /// where that is known, and the limit that it is nearest to, with the part of it that it uses.
    pub(super) fn with_demand(
        mut self,
        changes_every: Option<f64>,
        nearest: Option<(Limit, f64)>,
    ) -> Self {
        let changes = changes_every
            .map(|seconds| format!("changes about every {}", humanize_duration(seconds)));
        let used = nearest.map(|(limit, used)| {
            let limit = humanize_key(limit.as_str());
            format!("{} of its limit of {limit}", percent(used))
        });
        let every = self.every.map(|every| {
            let every = humanize_duration(every.as_secs_f64());
            format!("polled about every {every}")
        });
        for fact in [changes, used, every].into_iter().flatten() {
            self.why = format!("{}; {fact}", self.why);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let now = Time(1_763_903_374.25);
        assert_eq!(now.rfc3339(), "2025-11-23T13:09:34.250Z");
        assert_eq!(now.utc(), "2025-11-23 13:09:34 UTC");
        assert_eq!(Time(-5.0).rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Time(f64::MAX).rfc3339(), "9999-12-31T23:59:59.000Z");
        for (seconds, words) in [
            (0.4, "now"),
            (-12.0, "12 s ago"),
            (119.0, "in 119 s"),
            (300.0, "in 5 min"),
            (-1e6, "12 d ago"),
        ] {
            assert_eq!(Time(now.0 + seconds).relative(now), words);
        }
    }

    #[test]
    fn digits_in_groups() {
        let grouped = [0, 999, 1_000, 29_500, 1_234_567].map(group_digits);
        assert_eq!(grouped, ["0", "999", "1,000", "29,500", "1,234,567"]);
    }

    #[test]
    fn nothing_is_full_that_is_not() {
        for (ratio, words) in [
            (0.0, "0 %"),
            (0.999_9, "99 %"),
            (1.0, "100 %"),
            (1.204, "120 %"),
        ] {
            assert_eq!(percent(ratio), words);
        }
        assert_eq!(bytes(20 << 20), "20.0 MiB");
    }
}
