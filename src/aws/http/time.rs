//! The time by AWS's clock, as answers tell it, and what the host's clock has to do with it.
//!
//! The SDK would take the date of every answer for the time of its next signature, so that one odd
//! answer makes AWS refuse all calls after it. So it sees no dates. The signatures' time differs
//! from the host's clock only while AWS refuses signatures by that clock: a refusal that tells
//! another time sets it, unless some call was accepted a moment before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_async::time::TimeSource;
use tracing::warn;

use crate::clock::{Clock, Mono, Timestamp};

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

/// The time of signatures: the host's clock, corrected where AWS refuses it. Clones are one.
#[derive(Clone, Debug)]
pub(in crate::aws) struct ServiceTime {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// What is added to the host's clock, in seconds.
    correction: f64,
    last_accepted: Option<Mono>,
    /// When the dates of a host last differed from the clock.
    differed: HashMap<String, Mono>,
}

/// What has to be reported of an answer's date.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Report {
    /// The seconds by which the date is ahead of the host's clock.
    differs: Option<f64>,
    /// The new correction.
    corrected: Option<f64>,
}

impl ServiceTime {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            state: Arc::default(),
        }
    }

    /// Takes note of an answer of `host`. Returns the time that it tells, in seconds since 1970, if
    /// it can be true.
    pub(super) fn answered(
        &self,
        host: &str,
        date: Option<&str>,
        signature: Signature,
    ) -> Option<f64> {
        let date = date.and_then(credible);
        let report = self
            .state()
            .answered(host, date, signature, self.clock.now());
        if let Some(ahead) = report.differs {
            warn!(
                host,
                seconds_ahead = ahead,
                "an answer's date differs from this host's clock; if the clock is wrong, so are ages"
            );
        }
        if let Some(seconds) = report.corrected {
            warn!(
                host,
                seconds,
                "AWS refuses signatures by this host's clock; correcting their time by its dates"
            );
        }
        date
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TimeSource for ServiceTime {
    fn now(&self) -> SystemTime {
        let unix = self.clock.now().unix + self.state().correction;
        // The correction leads to a credible time, and the host's clock may have moved since.
        UNIX_EPOCH + Duration::from_secs_f64(unix.clamp(0.0, CREDIBLE.end))
    }
}

impl State {
    fn answered(
        &mut self,
        host: &str,
        date: Option<f64>,
        signature: Signature,
        now: Timestamp,
    ) -> Report {
        let mut report = Report::default();
        let Some(ahead) = date.map(|date| date - now.unix) else {
            self.accept(signature, now.mono);
            return report;
        };
        let differed = self.differed.get(host).copied();
        if ahead.abs() > MAX_DIFFERENCE {
            let known = differed.is_some_and(|at| now.mono.since(at) < REPORTED_FOR);
            report.differs = (!known).then_some(ahead);
            self.differed.insert(host.to_owned(), now.mono);
        }
        let recently = |at| now.mono.since(at) < ACCEPTED_FOR;
        if signature == Signature::Refused
            && (ahead - self.correction).abs() > MIN_CORRECTION
            && !self.last_accepted.is_some_and(recently)
        {
            // Back to the host's clock, if that is right again.
            self.correction = if ahead.abs() > MIN_CORRECTION {
                ahead
            } else {
                0.0
            };
            report.corrected = Some(self.correction);
        }
        self.accept(signature, now.mono);
        report
    }

    fn accept(&mut self, signature: Signature, now: Mono) {
        if signature == Signature::Accepted {
            self.last_accepted = Some(now);
        }
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
