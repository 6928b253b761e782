//! What is known of one identity, and what that makes of it.

use crate::api::{Failure, Usage};
use crate::clock::{Moment, Mono};

/// What an identity is at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No poll has ended yet.
    Pending,
    /// The last poll succeeded, not too long ago.
    Fresh,
    /// The last poll failed; if one succeeded before, that is not too long ago and its usage is
    /// still shown.
    Failing,
    /// The last success is longer ago than `stale_after`; its usage is shown no more.
    Stale,
    /// AWS said that there is no such identity, and has not said otherwise since.
    Missing,
}

impl State {
    /// Every state, in the order of the metric labels.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Fresh,
        Self::Failing,
        Self::Stale,
        Self::Missing,
    ];

    /// The word for it, everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Fresh => "fresh",
            Self::Failing => "failing",
            Self::Stale => "stale",
            Self::Missing => "missing",
        }
    }

    /// What it means, for people.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Pending => "no poll has ended yet",
            Self::Fresh => "the last poll succeeded",
            Self::Failing => "the last poll failed; usage known from before is still shown",
            Self::Stale => {
                "the last success is longer ago than stale_after, so its usage is not shown"
            }
            Self::Missing => "AWS says that there is no such identity",
        }
    }
}

/// A value that AWS gave, and when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AsOf<T> {
    /// The value.
    pub value: T,
    /// When it was asked for; it is at least as new as this.
    pub asked: Moment,
}

impl<T> AsOf<T> {
    /// Whether it may still be shown.
    #[must_use]
    pub fn is_current(&self, oldest_shown: Mono) -> bool {
        self.asked.mono >= oldest_shown
    }
}

/// What is known of one identity.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Record {
    success: Option<AsOf<Usage>>,
    failure: Option<Failure>,
    missing: bool,
    /// Polls that failed since the last success; as many as fit.
    failures: u16,
    /// When the last of them asked, in whole seconds since 1970, which fit until 2106: a record has
    /// no room for more.
    failed: u32,
}

impl Record {
    /// Takes in the result of a poll. A failure changes no usage, and only a success or "not found"
    /// says whether the identity exists. What was asked before the last success is out of date and
    /// changes nothing; the result is then false.
    pub fn apply(&mut self, result: Result<Usage, Failure>, asked: Moment) -> bool {
        if self
            .success
            .is_some_and(|success| asked.mono < success.asked.mono)
        {
            return false;
        }
        match result {
            Ok(usage) => {
                let success = Some(AsOf {
                    value: usage,
                    asked,
                });
                *self = Self {
                    success,
                    ..Self::default()
                };
            }
            Err(failure) => {
                self.failure = Some(failure);
                self.failures = self.failures.saturating_add(1);
                self.failed = asked.unix as u32;
                self.missing |= failure == Failure::NotFound;
            }
        }
        true
    }

    /// What the identity is, while usage from before `oldest_shown` is stale.
    #[must_use]
    pub fn state(&self, oldest_shown: Mono) -> State {
        match (self.missing, &self.success, self.failure) {
            (true, ..) => State::Missing,
            (_, None, None) => State::Pending,
            (_, Some(success), _) if !success.is_current(oldest_shown) => State::Stale,
            (_, _, Some(_)) => State::Failing,
            (_, Some(_), None) => State::Fresh,
        }
    }

    /// The usage, if it may be shown: as long as it is fresh or failing.
    #[inline]
    #[must_use]
    pub fn usage(&self, oldest_shown: Mono) -> Option<&Usage> {
        let success = self
            .success
            .as_ref()
            .filter(|success| success.is_current(oldest_shown) && !self.missing)?;
        Some(&success.value)
    }

    /// Whether the last poll succeeded; `None` before the first.
    #[must_use]
    pub fn up(&self) -> Option<bool> {
        match (self.failure, self.success) {
            (Some(_), _) => Some(false),
            (None, Some(_)) => Some(true),
            (None, None) => None,
        }
    }

    /// Why the last poll failed, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        self.failure
    }

    /// How many polls have failed since the last success, 65,535 at most, and when the last of them
    /// asked, in whole seconds since 1970; `None` when none has.
    #[must_use]
    pub fn failures(&self) -> Option<(u16, f64)> {
        self.failure
            .map(|_| (self.failures, f64::from(self.failed)))
    }

    /// When the poll that last succeeded asked, in seconds since 1970.
    #[must_use]
    pub fn last_success(&self) -> Option<f64> {
        self.success.map(|success| success.asked.unix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Failure::{NotFound, Timeout};
    use State::{Failing, Fresh, Missing, Pending, Stale};
    use std::time::Duration;

    const USAGE: Usage = Usage {
        datasets: Some(3),
        storage_bytes: Some(4_096),
        last_modified: None,
    };
    const STALE_AFTER: Duration = Duration::from_secs(900);

    fn at(seconds: u64) -> Moment {
        Moment {
            mono: Mono::START + Duration::from_secs(seconds),
            unix: seconds as f64,
        }
    }

    #[test]
    fn a_million_records_take_64_mb() {
        assert_eq!(size_of::<Record>(), 64);
    }

    /// Every state, what may happen in it, and what it then is.
    #[test]
    fn transitions() {
        let pending = Record::default();
        let after = |record: Record, result, seconds| {
            let mut record = record;
            record.apply(result, at(seconds));
            record
        };
        let fresh = after(pending, Ok(USAGE), 1_000);
        let failing = after(fresh, Err(Timeout), 1_300);
        let never_up = after(pending, Err(Timeout), 1_000);
        let missing = after(fresh, Err(NotFound), 1_300);
        for (what, record, now, state, shown, up) in [
            ("never polled", pending, 9_999, Pending, false, None),
            ("succeeded", fresh, 1_900, Fresh, true, Some(true)),
            (
                "succeeded, long ago",
                fresh,
                1_901,
                Stale,
                false,
                Some(true),
            ),
            (
                "failed after success",
                failing,
                1_900,
                Failing,
                true,
                Some(false),
            ),
            (
                "failed, success long ago",
                failing,
                1_901,
                Stale,
                false,
                Some(false),
            ),
            (
                "failed from the start",
                never_up,
                1_000,
                Failing,
                false,
                Some(false),
            ),
            (
                "failed from the start, long ago",
                never_up,
                9_999,
                Failing,
                false,
                Some(false),
            ),
            ("gone", missing, 1_300, Missing, false, Some(false)),
            (
                "gone from the start",
                after(pending, Err(NotFound), 1),
                1,
                Missing,
                false,
                Some(false),
            ),
            (
                "gone, long ago",
                missing,
                9_999,
                Missing,
                false,
                Some(false),
            ),
            (
                "gone, then no answer",
                after(missing, Err(Timeout), 1_301),
                1_301,
                Missing,
                false,
                Some(false),
            ),
            (
                "gone, then back",
                after(missing, Ok(USAGE), 1_301),
                1_301,
                Fresh,
                true,
                Some(true),
            ),
            (
                "failed, then back",
                after(failing, Ok(USAGE), 1_301),
                1_301,
                Fresh,
                true,
                Some(true),
            ),
            (
                "an older answer",
                after(fresh, Ok(Usage::default()), 999),
                1_000,
                Fresh,
                true,
                Some(true),
            ),
            (
                "an older failure",
                after(fresh, Err(NotFound), 999),
                1_000,
                Fresh,
                true,
                Some(true),
            ),
            (
                "failed, then gone",
                after(failing, Err(NotFound), 1_301),
                1_301,
                Missing,
                false,
                Some(false),
            ),
        ] {
            assert_eq!(
                record.state(at(now).mono.before(STALE_AFTER)),
                state,
                "{what}"
            );
            assert_eq!(
                record.usage(at(now).mono.before(STALE_AFTER)),
                shown.then_some(&USAGE),
                "{what}"
            );
            assert_eq!(record.up(), up, "{what}");
        }
        assert_eq!(
            missing.last_success(),
            Some(1_000.0),
            "what was true stays told"
        );
        assert_eq!(never_up.last_success(), None);
        assert_eq!(
            after(missing, Err(Timeout), 1_301).failures(),
            Some((2, 1_301.0))
        );
        assert_eq!(after(missing, Ok(USAGE), 1_302).failures(), None);
    }
}
