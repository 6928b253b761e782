//! How a list comes along, on standard error: a line that is drawn anew, or a line of the log now
//! and then.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::{info, warn};

use crate::api::{CallError, Failure, FailureClass, IDENTITIES_OF_PAGE};
use crate::clock::{Mono, Timestamp};
use crate::first_sweep::End;

/// Time between two lines of the log.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// From so many pages on, the pace is measured.
const MEASURED_PAGES: u64 = 10;
/// The longest line that is drawn, in characters: a longer one might take two lines of a terminal.
const MAX_DRAWN: usize = 79;
/// Characters of a bar.
const BAR: usize = 10;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// As a line of a terminal that is drawn anew.
    Drawn,
    /// As lines of the log.
    Logged,
    /// The list itself is seen to come.
    NotAtAll,
}

/// How far a list has come.
#[derive(Debug)]
pub(super) struct Progress {
    shown: Shown,
    /// What is listed, in the plural.
    things: &'static str,
    /// How many there were the last time.
    expected: Option<usize>,
    began: Timestamp,
    last_logged: Mono,
    pages: u64,
    listed: usize,
    /// Calls per second.
    rate: f64,
    last_failure: LastFailure,
}

/// Why the last call failed, if it did; its clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct LastFailure(Arc<Mutex<Failed>>);

#[derive(Debug, Default)]
struct Failed {
    /// That of the last call.
    last: Option<Failure>,
    /// What was warned of: one line for each cause is enough.
    warned: Option<(Failure, Option<String>)>,
}

impl LastFailure {
    /// Takes the outcome of a call in a region, and warns of a new cause if the call is repeated:
    /// it may be a minute before the list is given up.
    pub(super) fn set(&self, error: Option<&CallError>, region: &str) {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failed.last = error.map(|error| error.failure);
        let is_repeated = |error: &&CallError| {
            let class = error.failure.class();
            matches!(class, FailureClass::NoAnswer | FailureClass::Transient)
        };
        let Some(CallError { failure, cause, .. }) = error.filter(is_repeated) else {
            return;
        };
        let found = (*failure, cause.clone());
        if failed.warned.as_ref() != Some(&found) {
            warn!(
                failing = failure.as_str(),
                region, cause, "Cognito Identity cannot be asked; trying again"
            );
            failed.warned = Some(found);
        }
    }

    fn name(&self) -> Option<&'static str> {
        let failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failed.last.map(Failure::as_str)
    }
}

impl Progress {
    pub(super) fn new(
        shown: Shown,
        things: &'static str,
        expected: Option<usize>,
        rate: f64,
        now: Timestamp,
    ) -> Self {
        Self {
            shown,
            things,
            expected,
            began: now,
            last_logged: now.mono,
            pages: 0,
            listed: 0,
            rate,
            last_failure: LastFailure::default(),
        }
    }

    /// For who hears of the calls.
    pub(super) fn last_failure(&self) -> LastFailure {
        self.last_failure.clone()
    }

    /// A page was written, after which so many are listed. `rate` is in calls per second.
    pub(super) fn page(&mut self, listed: usize, rate: f64) {
        self.pages += 1;
        (self.listed, self.rate) = (listed, rate);
    }

    /// Shows it as it is now.
    pub(super) fn show(&mut self, now: Timestamp) {
        match self.shown {
            Shown::Drawn => draw(&self.line(now)),
            Shown::Logged if now.mono.since(self.last_logged) >= LOG_EVERY => {
                self.last_logged = now.mono;
                let (pages, listed, rate) = (self.pages, self.listed, self.rate);
                let ends = self.end(now).map(|end| end.logged());
                let (expected, things) = (self.expected, self.things);
                let failing = self.last_failure.name();
                info!(
                    pages,
                    listed, expected, rate, ends, failing, "listing {things}"
                );
            }
            Shown::Logged | Shown::NotAtAll => {}
        }
    }

    /// The list is complete.
    pub(super) fn complete(&self, now: Timestamp) {
        let (pages, listed, things) = (self.pages, self.listed, self.things);
        let took = self.took(now);
        if self.shown == Shown::Logged {
            info!(pages, listed, %took, "all {things} are listed");
        }
    }

    /// In whole seconds.
    fn took(&self, now: Timestamp) -> humantime::FormattedDuration {
        let took = now.mono.since(self.began.mono);
        humantime::format_duration(Duration::from_secs(took.as_secs()))
    }

    /// When the list is complete, if it is as long as it was the last time.
    fn end(&self, now: Timestamp) -> Option<End> {
        let left = self.expected?.checked_sub(self.listed)? as f64;
        let by_rate = left / IDENTITIES_OF_PAGE as f64 / self.rate;
        let took = now.mono.since(self.began.mono).as_secs_f64();
        Some(if self.pages < MEASURED_PAGES || self.listed == 0 {
            End::AtTheEarliest(now.unix + by_rate)
        } else {
            let by_pace = left * took / self.listed as f64;
            End::About(now.unix + by_pace.max(by_rate))
        })
    }

    /// What is drawn: the least important comes last.
    fn line(&self, now: Timestamp) -> String {
        let Self {
            pages,
            listed,
            rate,
            things,
            ..
        } = self;
        let line = match (self.end(now), self.expected) {
            (Some(end), Some(expected)) => {
                let tenths = listed * BAR / expected.max(1);
                let (done, left) = ("=".repeat(tenths), " ".repeat(BAR - tenths));
                let (percent, ends) = (listed * 100 / expected.max(1), end.words(now.unix));
                format!(
                    "[{done}{left}] {percent} %, {ends}, {listed} of {expected} {things}, {rate:.1}/s"
                )
            }
            _ => {
                let took = self.took(now);
                format!("{listed} {things} on {pages} pages after {took}, {rate:.1} calls/s")
            }
        };
        let failing = self.last_failure.name();
        let failing = failing.map_or_else(String::new, |name| format!("{name}, trying again; "));
        failing
            .chars()
            .chain(line.chars())
            .take(MAX_DRAWN)
            .collect()
    }
}

/// Leaves a terminal as it was.
impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown == Shown::Drawn {
            draw("");
        }
    }
}

/// Draws a line in the place of the one before. The cursor stays where it begins, so that a line of
/// the log takes its place.
fn draw(line: &str) {
    let mut stderr = io::stderr().lock();
    // It is only a help.
    let _ = write!(stderr, "\r{line}\x1b[K\r").and_then(|()| stderr.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp {
            mono: Mono::START + Duration::from_secs(seconds),
            unix: 1_790_000_000.0 + seconds as f64,
        }
    }

    fn line(expected: Option<usize>, pages: u64, seconds: u64) -> String {
        let mut progress = Progress::new(Shown::NotAtAll, "identities", expected, 2.0, at(0));
        (1..=pages).for_each(|page| progress.page(page as usize * 60, 2.0));
        progress.line(at(seconds))
    }

    #[test]
    fn without_a_list_from_before_there_is_no_end_in_sight() {
        assert_eq!(
            line(None, 225, 113),
            "13500 identities on 225 pages after 1m 53s, 2.0 calls/s"
        );
        assert_eq!(
            line(None, 0, 0),
            "0 identities on 0 pages after 0s, 2.0 calls/s"
        );
    }

    #[test]
    fn a_failure_stands_first() {
        let progress = Progress::new(Shown::NotAtAll, "pools", None, 2.0, at(0));
        let error = CallError::from(Failure::Unreachable);
        progress.last_failure().set(Some(&error), "us-east-1");
        let line = progress.line(at(1));
        assert!(
            line.starts_with("unreachable, trying again; 0 pools on"),
            "{line}"
        );
        progress.last_failure().set(None, "us-east-1");
        assert!(progress.line(at(1)).starts_with("0 pools on"));
    }

    #[test]
    fn the_list_from_before_shows_how_long_it_takes() {
        for (pages, seconds, expected) in [
            (
                0,
                0,
                "[          ] 0 %, ends at 14:18 UTC at the earliest, 0 of 30000 identities, 2.0/s",
            ),
            // Half of the rate is used.
            (
                225,
                225,
                "[====      ] 45 %, ends about 14:22 UTC, 13500 of 30000 identities, 2.0/s",
            ),
            (
                500,
                250,
                "[==========] 100 %, ends about 14:18 UTC, 30000 of 30000 identities, 2.0/s",
            ),
            // It is longer than it was.
            (
                501,
                250,
                "30060 identities on 501 pages after 4m 10s, 2.0 calls/s",
            ),
        ] {
            let line = line(Some(30_000), pages, seconds);
            assert_eq!(line, expected.chars().take(MAX_DRAWN).collect::<String>());
        }
        assert_eq!(
            line(Some(0), 0, 0),
            "[          ] 0 %, ends at 14:14 UTC at the earliest, 0 of 0 identities, 2.0/s"
        );
    }
}
