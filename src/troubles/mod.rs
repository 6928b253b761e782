//! What keeps the calls of a budget from working: refused credentials, AWS out of reach,
//! throttling. Each is logged when it begins and when it ends. What comes and goes is logged once a
//! minute.

mod throttling;

use std::time::Duration;

use tracing::{info, warn};

use crate::api::{CallError, Failure, FailureClass, Trouble};
use crate::clock::Mono;
use throttling::Throttling;
pub use throttling::is_low;

/// After so many calls in a row without a connection AWS is reported as out of reach. A connection
/// that fails among others that work is of no concern.
const UNREACHED_CALLS: u32 = 3;
/// For so long a trouble that was logged is not logged again.
const REPEAT: Duration = Duration::from_secs(60);

/// The troubles of one budget. Each method returns whether there is news for the status page.
#[derive(Debug, Default)]
pub struct Troubles {
    refused: Option<Trouble>,
    /// Whether a line says so.
    is_refusal_logged: bool,
    unreached: Option<Trouble>,
    is_unreached_logged: bool,
    /// Calls in a row without a connection.
    unreached_calls: u32,
    throttling: Throttling,
    /// What was logged lately, and when.
    logged: Vec<(Trouble, Mono)>,
}

impl Troubles {
    /// Why credentials or settings do not work.
    #[must_use]
    pub fn refused(&self) -> Option<&Trouble> {
        self.refused.as_ref()
    }

    /// Why AWS is out of reach.
    #[must_use]
    pub fn unreached(&self) -> Option<&Trouble> {
        self.unreached.as_ref()
    }

    /// Whether AWS has throttled so much that the rate has fallen far below the ceiling, from where
    /// it has not recovered.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        self.throttling.is_reported()
    }

    /// Whether a failure of this class has one of these causes, so that it needs no line of its
    /// own.
    #[must_use]
    pub fn explain(&self, class: FailureClass) -> bool {
        match class {
            FailureClass::Budget => self.refused.is_some(),
            FailureClass::NoAnswer => self.unreached.is_some(),
            FailureClass::Permanent | FailureClass::Throttled | FailureClass::Transient => false,
        }
    }

    /// The credentials or settings of a budget do not work.
    pub fn on_refused(&mut self, budget: &str, error: &CallError, now: Mono) -> bool {
        let trouble = error.trouble();
        let is_news = self.refused.as_ref() != Some(&trouble);
        if (is_news || !self.is_refusal_logged) && self.is_due(&trouble, now) {
            let words = if error.failure == Failure::Configuration {
                "the settings for AWS cannot work; only probes are sent"
            } else {
                "credentials unavailable or rejected; only probes are sent"
            };
            warn_of(budget, error.failure, &trouble, words);
            self.is_refusal_logged = true;
        }
        self.refused = Some(trouble);
        is_news
    }

    /// AWS has accepted the credentials.
    pub fn on_accepted(&mut self, budget: &str) -> bool {
        let is_news = self.refused.take().is_some();
        if std::mem::take(&mut self.is_refusal_logged) {
            info!(budget, "credentials accepted again");
        }
        is_news
    }

    /// So many calls have ended, with this error or with an answer.
    pub fn on_connection(
        &mut self,
        budget: &str,
        error: Option<(&CallError, FailureClass)>,
        calls: u32,
        now: Mono,
    ) -> bool {
        match error {
            Some((error, FailureClass::NoAnswer)) if error.remedy.is_some() => {
                self.unreached_calls = self.unreached_calls.saturating_add(calls);
                let trouble = error.trouble();
                let is_known = self.unreached.as_ref() == Some(&trouble);
                if self.unreached_calls < UNREACHED_CALLS {
                    return false;
                }
                // Another cause of the same is shown, and not logged.
                if !self.is_unreached_logged && self.is_due(&trouble, now) {
                    warn_of(budget, error.failure, &trouble, "AWS is out of reach");
                    self.is_unreached_logged = true;
                }
                self.unreached = Some(trouble);
                !is_known
            }
            // They do not show whether AWS is reached.
            Some((_, FailureClass::NoAnswer | FailureClass::Budget)) => false,
            _ => {
                self.unreached_calls = 0;
                if std::mem::take(&mut self.is_unreached_logged) {
                    info!(budget, "AWS is reached again");
                }
                self.unreached.take().is_some()
            }
        }
    }

    /// A call has ended; `class` is that of its failure, `rate` and `ceiling` are the budget's by
    /// now, in calls per second.
    pub fn on_rate(
        &mut self,
        budget: &str,
        class: Option<FailureClass>,
        rate: f64,
        ceiling: f64,
    ) -> bool {
        self.throttling.on_call_end(budget, class, rate, ceiling)
    }

    /// Whether a trouble is to be logged, which is then noted.
    fn is_due(&mut self, trouble: &Trouble, now: Mono) -> bool {
        self.logged.retain(|(_, at)| now.since(*at) < REPEAT);
        let is_due = self.logged.iter().all(|(logged, _)| logged != trouble);
        if is_due {
            self.logged.push((trouble.clone(), now));
        }
        is_due
    }
}

fn warn_of(budget: &str, failure: Failure, trouble: &Trouble, words: &str) {
    let reason = failure.as_str();
    let Trouble {
        kind,
        cause,
        remedy,
    } = trouble;
    warn!(budget, reason, kind, cause, remedy, "{words}");
}

#[cfg(test)]
mod tests;
