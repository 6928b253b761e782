//! What an operator should look at: for programs by code, for people in one line a pool.

mod drained;
mod examples;
mod lines;
mod links;
mod of_exporter;
mod of_limits;
mod of_polls;
mod of_pool;
#[cfg(test)]
mod tests;

use serde::{Serialize, Serializer};

pub(super) use drained::is_declared_drained;
pub(super) use examples::{Examples, PerKind};

use crate::limits::Limit;

/// The most identities that are named of one kind.
const MAX_NAMED: usize = 5;

/// How urgent it is, with the severities of the alerts; the most severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    Critical,
    Warning,
    Info,
}

impl Severity {
    /// Its word in JSON, on the page and in the label of alerts.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// What is wrong, of one kind. docs/http.md has the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    LoopStalled,
    ConfigurationInvalid,
    WebConfigurationInvalid,
    StateNotSaved,
    CredentialsRefused,
    Unreachable,
    Throttled,
    RateTooLow,
    PollsLate,
    PoolNotFound,
    PoolDenied,
    DrainedPoolWritten,
    Full,
    LostSightOfFull,
    FullSoon,
    Near,
    PossiblyNear,
    AboveLimit,
    DiscoveryFailing,
    PollsFailing,
    Stale,
    Missing,
}

impl Code {
    /// Every code, in the order of the table in docs/http.md.
    #[cfg(test)]
    const ALL: [Self; 22] = [
        Self::LoopStalled,
        Self::ConfigurationInvalid,
        Self::WebConfigurationInvalid,
        Self::StateNotSaved,
        Self::CredentialsRefused,
        Self::Unreachable,
        Self::Throttled,
        Self::RateTooLow,
        Self::PollsLate,
        Self::PoolNotFound,
        Self::PoolDenied,
        Self::DrainedPoolWritten,
        Self::Full,
        Self::LostSightOfFull,
        Self::FullSoon,
        Self::Near,
        Self::PossiblyNear,
        Self::AboveLimit,
        Self::DiscoveryFailing,
        Self::PollsFailing,
        Self::Stale,
        Self::Missing,
    ];

    /// Its word in JSON, and the severities that it may have.
    fn word_and_severities(self) -> (&'static str, &'static [Severity]) {
        use Severity::{Critical, Info, Warning};
        match self {
            Self::LoopStalled => ("loop_stalled", &[Critical]),
            Self::ConfigurationInvalid => ("configuration_invalid", &[Warning]),
            Self::WebConfigurationInvalid => ("web_configuration_invalid", &[Warning]),
            Self::StateNotSaved => ("state_not_saved", &[Warning]),
            Self::CredentialsRefused => ("credentials_refused", &[Critical]),
            Self::Unreachable => ("unreachable", &[Critical, Warning]),
            Self::Throttled => ("throttled", &[Warning]),
            Self::RateTooLow => ("rate_too_low", &[Warning, Info]),
            Self::PollsLate => ("polls_late", &[Warning, Info]),
            Self::PoolNotFound => ("pool_not_found", &[Warning, Info]),
            Self::PoolDenied => ("pool_denied", &[Critical, Warning]),
            Self::DrainedPoolWritten => ("drained_pool_written", &[Warning]),
            Self::Full => ("full", &[Critical, Warning, Info]),
            Self::LostSightOfFull => ("lost_sight_of_full", &[Critical, Warning]),
            Self::FullSoon => ("full_soon", &[Warning, Info]),
            Self::Near => ("near", &[Warning, Info]),
            Self::PossiblyNear => ("possibly_near", &[Info]),
            Self::AboveLimit => ("above_limit", &[Info]),
            Self::DiscoveryFailing => ("discovery_failing", &[Warning, Info]),
            Self::PollsFailing => ("polls_failing", &[Warning, Info]),
            Self::Stale => ("stale", &[Warning, Info]),
            Self::Missing => ("missing", &[Info]),
        }
    }

    fn as_str(self) -> &'static str {
        self.word_and_severities().0
    }
}

/// One thing to look at.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Attention {
    #[serde(serialize_with = "code")]
    code: Code,
    #[serde(serialize_with = "severity")]
    severity: Severity,
    /// Null where it is of no pool.
    identity_pool_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "limit")]
    limit: Option<Limit>,
    /// The number of identities concerned; null where it is of no certain ones.
    count: Option<u64>,
    /// A sentence, with the name of the pool or the budget.
    text: String,
    /// Some of the identities concerned, at most [`MAX_NAMED`].
    identities: Vec<Named>,
    /// The name of the pool or the budget.
    #[serde(skip)]
    subject: Option<String>,
    #[serde(skip)]
    phrase: Phrase,
}

/// What is said of the subject, in two parts: the identities are named between them.
#[derive(Clone, Debug, Default)]
struct Phrase {
    head: String,
    /// With the sign or the space that it begins with. No full stop ends it.
    tail: String,
    /// Where all the identities of the head are listed, relative to the page.
    list: Option<String>,
}

/// An identity and its name of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Named {
    identity_id: String,
    name: Option<String>,
}

impl Phrase {
    fn new(head: impl Into<String>, tail: impl Into<String>) -> Self {
        Self {
            head: head.into(),
            tail: tail.into(),
            list: None,
        }
    }

    fn listed(self, list: String) -> Self {
        Self {
            list: Some(list),
            ..self
        }
    }
}

impl Attention {
    /// Of the exporter as a whole, until it is made [of a budget](Self::of_budget) or a pool.
    fn new(code: Code, severity: Severity, phrase: Phrase) -> Self {
        let (word, severities) = code.word_and_severities();
        debug_assert!(severities.contains(&severity), "{word} is {severity:?}");
        Self {
            code,
            severity,
            identity_pool_id: None,
            budget: None,
            limit: None,
            count: None,
            text: format!("{}{}.", phrase.head, phrase.tail),
            identities: Vec::new(),
            subject: None,
            phrase,
        }
    }

    fn of_budget(self, budget: &str) -> Self {
        Self {
            text: format!("{budget}: {}", self.text),
            budget: Some(budget.to_owned()),
            subject: Some(budget.to_owned()),
            ..self
        }
    }

    fn of_pool(self, id: &str, name: &str) -> Self {
        Self {
            text: format!("{name}: {}", self.text),
            identity_pool_id: Some(id.to_owned()),
            subject: Some(name.to_owned()),
            ..self
        }
    }

    fn of_limit(self, limit: Limit) -> Self {
        Self {
            limit: Some(limit),
            ..self
        }
    }

    /// It concerns so many identities, of which these are some.
    fn of_identities(self, count: u64, some: &[Named]) -> Self {
        Self {
            count: Some(count),
            identities: some.to_vec(),
            ..self
        }
    }

    /// What is of the exporter as a whole comes before what is of a pool.
    fn rank(&self) -> (Severity, bool) {
        (self.severity, self.identity_pool_id.is_some())
    }
}

fn code<S: Serializer>(code: &Code, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.as_str())
}

fn severity<S: Serializer>(severity: &Severity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(severity.as_str())
}

fn limit<S: Serializer>(limit: &Option<Limit>, serializer: S) -> Result<S::Ok, S::Error> {
    limit.map(Limit::as_str).serialize(serializer)
}
