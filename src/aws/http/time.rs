//! The time by AWS's clock, by the dates of answers, and what the host's clock has to do with it.
//!
//! The SDK would take the date of every answer for the time of its next signature, so that one odd
//! answer makes AWS refuse all calls after it. So it sees no dates. The signatures' time differs
//! from the host's clock only while AWS refuses signatures by that clock: a refusal that says
//! another time sets it, unless some call was accepted a moment before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_async::time::TimeSource;
use tracing::warn;

use crate::clock::{Clock, Mono};

/// Dates that can be true, in seconds since 1970: from 2015 to 2100.
const CREDIBLE: std::ops::Range<f64> = 1_420_070_400.0..4_102_444_800.0;
/// AWS accepts signatures up to some 5 min old. A refusal at a smaller difference has another
/// cause. In seconds.
const MIN_CORRECTION: f64 = 240.0;
/// How long an accepted signature shows that the time of signatures is right.
const ACCEPTED_FOR: Duration = Duration::from_secs(60);
/// The difference from which the host's clock is reported, in seconds.
const MAX_DIFFERENCE: f64 = 300.0;
/// How long a host whose dates differed is not reported again.
const REPORTED_FOR: Duration = Duration::from_secs(3_600);

/// What an answer says of the signature of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signature {
    Accepted,
    /// Its time may be why.
    Refused,
    /// There was none, or the answer is about something else.
    Unknown,
}

/// The time of one client's signatures: the host's clock, corrected where AWS refuses it. Clones
/// are one.
#[derive(Clone, Debug)]
pub(in crate::aws) struct ServiceTime {
    clock: Clock,
    correction: Arc<Mutex<Correction>>,
    differences: Arc<Mutex<Differences>>,
}

/// What is added to the host's clock.
#[derive(Debug, Default)]
struct Correction {
    seconds: f64,
    last_accepted: Option<Mono>,
}

/// When the dates of a host last differed from the clock.
#[derive(Debug, Default)]
struct Differences(HashMap<String, Mono>);

impl ServiceTime {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            correction: Arc::default(),
            differences: Arc::default(),
        }
    }

    /// The time of another client's signatures. A host whose dates differ is reported once for
    /// both.
    pub(super) fn of_another_client(&self) -> Self {
        Self {
            correction: Arc::default(),
            ..self.clone()
        }
    }

    /// Takes note of an answer of `host`. Returns the time that it gives, in seconds since 1970, if
    /// it can be true.
    pub(super) fn answered(
        &self,
        host: &str,
        date: Option<&str>,
        signature: Signature,
    ) -> Option<f64> {
        let date = date.and_then(credible);
        let now = self.clock.now();
        // By how many seconds the date is ahead of the host's clock.
        let ahead = date.map(|date| date - now.unix);
        if let Some(ahead) = ahead
            && locked(&self.differences).is_news(host, ahead, now.mono)
        {
            warn!(
                host,
                seconds_ahead = ahead,
                "an answer's date differs from this host's clock; if the clock is wrong, so are ages"
            );
        }
        if let Some(seconds) = locked(&self.correction).answered(ahead, signature, now.mono) {
            warn!(
                host,
                seconds,
                "AWS refuses signatures with the time of this host's clock; they now get the time of AWS's answers"
            );
        }
        date
    }
}

/// What both locks hold is whole after a panic too.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TimeSource for ServiceTime {
    fn now(&self) -> SystemTime {
        let unix = self.clock.now().unix + locked(&self.correction).seconds;
        // The correction leads to a credible time, and the host's clock may have moved since.
        UNIX_EPOCH + Duration::from_secs_f64(unix.clamp(0.0, CREDIBLE.end))
    }
}

impl Differences {
    /// Whether a date that is so many seconds ahead of the host's clock has to be reported.
    fn is_news(&mut self, host: &str, ahead: f64, now: Mono) -> bool {
        if ahead.abs() <= MAX_DIFFERENCE {
            return false;
        }
        let before = self.0.insert(host.to_owned(), now);
        before.is_none_or(|at| now.since(at) >= REPORTED_FOR)
    }
}

impl Correction {
    /// Takes note of an answer whose date is so many seconds ahead of the host's clock. Returns the
    /// new correction, if it changes.
    fn answered(&mut self, ahead: Option<f64>, signature: Signature, now: Mono) -> Option<f64> {
        if signature == Signature::Accepted {
            self.last_accepted = Some(now);
        }
        let ahead = ahead.filter(|ahead| {
            signature == Signature::Refused && (ahead - self.seconds).abs() > MIN_CORRECTION
        })?;
        let recently = |at| now.since(at) < ACCEPTED_FOR;
        if self.last_accepted.is_some_and(recently) {
            return None;
        }
        // Back to the host's clock, if that is right again.
        let is_right = ahead.abs() <= MIN_CORRECTION;
        self.seconds = if is_right { 0.0 } else { ahead };
        Some(self.seconds)
    }
}

/// The time in a `Date` header, if it can be true.
fn credible(date: &str) -> Option<f64> {
    let date = httpdate::parse_http_date(date).ok()?;
    let date = date.duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
    CREDIBLE.contains(&date).then_some(date)
}

#[cfg(test)]
mod tests;
