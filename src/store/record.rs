//! The record of one identity, and the state that follows from it.

use crate::api::{Failure, Usage};
use crate::clock::{Mono, Timestamp};
use crate::schedule::LastPoll;

/// The state of an identity at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No poll has finished yet.
    Pending,
    /// The last poll succeeded, within `stale_after`.
    Fresh,
    /// The last poll failed. If an earlier one succeeded, it did so within `stale_after`, and its
    /// usage is still shown.
    Failing,
    /// The last success is longer ago than `stale_after`. Its usage is no longer shown.
    Stale,
    /// AWS reported that the identity does not exist, and no poll has succeeded since.
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

    /// The state's name in metrics, JSON and on the status page.
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

    /// The explanation on the status page.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Pending => "no poll has finished yet",
            Self::Fresh => "the last poll succeeded",
            Self::Failing => "the last poll failed; usage of an earlier one is still shown",
            Self::Stale => {
                "the last success is longer ago than stale_after, so its usage is not shown"
            }
            Self::Missing => "AWS reports that the identity does not exist",
        }
    }
}

/// A value that AWS returned, and its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AsOf<T> {
    pub value: T,
    /// When the request was sent. The value is at least as new as this.
    pub requested_at: Timestamp,
}

impl<T> AsOf<T> {
    /// Whether the value was requested at or after `oldest_shown`.
    #[must_use]
    pub fn is_current(&self, oldest_shown: Mono) -> bool {
        self.requested_at.mono >= oldest_shown
    }
}

/// The failed polls since the last success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failures {
    /// Why the last one failed.
    pub last: Failure,
    /// How many, at most 65,535.
    pub count: u16,
    /// When the last one was requested, in whole seconds since 1970.
    pub last_at: u32,
}

/// The results of polling one identity.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Record {
    success: Option<AsOf<Usage>>,
    failure: Option<Failure>,
    missing: bool,
    /// Number of failed polls since the last success; saturates.
    failures: u16,
    /// When the last of them was requested, in whole seconds since 1970. That is until 2106, and
    /// keeps a record at 64 bytes.
    last_failure: u32,
}

impl Record {
    /// Applies the result of a poll. A failure keeps the usage. Only a success or "not found"
    /// changes whether the identity is missing. Returns false, and changes nothing, if the poll was
    /// requested before the last success.
    pub fn apply(&mut self, result: Result<Usage, Failure>, requested_at: Timestamp) -> bool {
        if self
            .success
            .is_some_and(|success| requested_at.mono < success.requested_at.mono)
        {
            return false;
        }
        match result {
            Ok(usage) => {
                let success = Some(AsOf {
                    value: usage,
                    requested_at,
                });
                *self = Self {
                    success,
                    ..Self::default()
                };
            }
            Err(failure) => {
                self.failure = Some(failure);
                self.failures = self.failures.saturating_add(1);
                self.last_failure = requested_at.unix as u32;
                self.missing |= failure == Failure::NotFound;
            }
        }
        true
    }

    /// Applies a poll that succeeded and returned no usage: what was known before stands, but its
    /// failures are over. Returns false, and changes nothing, if the poll was requested before the
    /// last success or the identity is missing.
    pub(super) fn clear_failures(&mut self, requested_at: Timestamp) -> bool {
        let is_older = self.answered_at() > Some(requested_at.mono);
        if is_older || self.missing {
            return false;
        }
        *self = Self {
            success: self.success,
            ..Self::default()
        };
        true
    }

    /// One of which this is known.
    pub(super) fn restored(
        success: Option<AsOf<Usage>>,
        failures: Option<Failures>,
        missing: bool,
    ) -> Self {
        Self {
            success,
            failure: failures.map(|failures| failures.last),
            missing,
            failures: failures.map_or(0, |failures| failures.count),
            last_failure: failures.map_or(0, |failures| failures.last_at),
        }
    }

    /// The last usage and when it was requested, also of an identity that is missing.
    pub(super) fn success(&self) -> Option<AsOf<Usage>> {
        self.success
    }

    pub(super) fn is_missing(&self) -> bool {
        self.missing
    }

    /// The failed polls since the last success.
    pub(super) fn failed_polls(&self) -> Option<Failures> {
        self.failure.map(|last| Failures {
            last,
            count: self.failures,
            last_at: self.last_failure,
        })
    }

    /// What decides how it is polled next.
    pub(super) fn last_poll(&self) -> LastPoll {
        match (self.failure, self.success) {
            (Some(Failure::NotFound | Failure::InvalidParameter), _) => LastPoll::Missing,
            (Some(Failure::AccessDenied), _) => LastPoll::Denied,
            (Some(_), _) | (None, Some(_)) => LastPoll::Ended(self.answered_at()),
            (None, None) => LastPoll::Never,
        }
    }

    /// The last usage that is known, however old, unless the identity is missing.
    #[inline]
    #[must_use]
    pub fn last_usage(&self) -> Option<&Usage> {
        let success = self.success.as_ref().filter(|_| !self.missing)?;
        Some(&success.value)
    }

    /// The state of the identity. Usage requested before `oldest_shown` is stale.
    #[inline]
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

    /// The usage, if the identity is fresh or failing.
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

    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        self.failure
    }

    /// Number of failed polls since the last success, at most 65,535, and when the last of them was
    /// requested, in whole seconds since 1970. `None` if none failed.
    #[must_use]
    pub fn failures(&self) -> Option<(u16, f64)> {
        self.failure
            .map(|_| (self.failures, f64::from(self.last_failure)))
    }

    /// When the last successful poll was requested, by the monotonic clock.
    #[inline]
    #[must_use]
    pub fn answered_at(&self) -> Option<Mono> {
        self.success.map(|success| success.requested_at.mono)
    }

    /// When the last successful poll was requested, in seconds since 1970.
    #[must_use]
    pub fn last_success(&self) -> Option<f64> {
        self.success.map(|success| success.requested_at.unix)
    }
}

#[cfg(test)]
mod tests;
