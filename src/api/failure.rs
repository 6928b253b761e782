//! Why calls fail: the closed list of failures, and what each implies.

use serde::{Deserialize, Serialize};

use super::signer::Signer;

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Failure {
    /// The account's rate quota is used up.
    Throttled,
    /// The credentials are valid, but not authorized.
    AccessDenied,
    /// AWS reports that the identity or pool does not exist.
    NotFound,
    /// AWS rejects the ids.
    InvalidParameter,
    /// An internal error of AWS, or an error code that is none of the others.
    ServiceError,
    /// No complete answer within `poll.timeout`.
    Timeout,
    /// No connection, or it broke.
    Unreachable,
    /// The answer is not from Cognito Sync, or holds an impossible number.
    Malformed,
    /// Credentials are unavailable, or AWS rejects them.
    Credentials,
    /// The settings for AWS (profile, endpoint) cannot work. Nothing was sent, and waiting does not
    /// help.
    Configuration,
}

/// What a failure implies about AWS, the target and the credentials. Decisions match on the class,
/// so that a new failure is assigned one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// AWS accepted the credentials and answered; the same call will fail until the configuration,
    /// the policy or the target changes.
    Permanent,
    /// AWS accepted the credentials, but the rate quota is used up. A later call may succeed.
    Throttled,
    /// AWS accepted the credentials and answered; a later call may succeed.
    Transient,
    /// No usable answer was received, which implies nothing about credentials or quota. A later
    /// call may succeed.
    NoAnswer,
    /// It concerns the whole budget: its credentials or settings do not work, for any target.
    Budget,
}

impl Failure {
    /// Every failure, in the order of the metric labels.
    pub const ALL: [Self; 10] = [
        Self::Throttled,
        Self::AccessDenied,
        Self::NotFound,
        Self::InvalidParameter,
        Self::ServiceError,
        Self::Timeout,
        Self::Unreachable,
        Self::Malformed,
        Self::Credentials,
        Self::Configuration,
    ];

    /// The failure's name in metrics, logs and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::AccessDenied => "access_denied",
            Self::NotFound => "not_found",
            Self::InvalidParameter => "invalid_parameter",
            Self::ServiceError => "service_error",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Malformed => "malformed",
            Self::Credentials => "credentials",
            Self::Configuration => "configuration",
        }
    }

    /// The explanation on the status page, which follows "because".
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Throttled => {
                "AWS throttles: the exporter and the app have used up the rate quota"
            }
            Self::AccessDenied => {
                "the credentials are valid, but their policy does not allow this call"
            }
            Self::NotFound => "AWS reports that the identity or pool does not exist",
            Self::InvalidParameter => "AWS rejects the ids",
            Self::ServiceError => "AWS returned an internal error",
            Self::Timeout => "no complete answer was received within poll.timeout",
            Self::Unreachable => "no connection was made, or it was closed",
            Self::Malformed => "the answer is not from Cognito Sync, or holds an impossible number",
            Self::Credentials => "credentials are unavailable, or AWS rejects them",
            Self::Configuration => "the settings for AWS cannot work; the log says why",
        }
    }

    /// Its class where the account's credentials sign the calls.
    #[must_use]
    pub fn class(self) -> FailureClass {
        match self {
            Self::AccessDenied | Self::NotFound | Self::InvalidParameter => FailureClass::Permanent,
            Self::Throttled => FailureClass::Throttled,
            Self::ServiceError => FailureClass::Transient,
            Self::Timeout | Self::Unreachable | Self::Malformed => FailureClass::NoAnswer,
            Self::Credentials | Self::Configuration => FailureClass::Budget,
        }
    }

    /// Its class where these keys sign the calls. A guest's keys concern that guest alone, and the
    /// next exchange brings others.
    #[must_use]
    pub fn class_for(self, signer: Signer) -> FailureClass {
        match (self, signer) {
            (Self::Credentials, Signer::Guest) => FailureClass::Transient,
            _ => self.class(),
        }
    }
}

/// A failed API call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    pub failure: Failure,
    /// What led to it, in words for the log. It holds no id and no secret.
    pub cause: Option<String>,
    /// Where it is known what to do about it.
    pub remedy: Option<Remedy>,
}

/// What to do about a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// The kind of its cause, a word for programs.
    pub kind: &'static str,
    /// For people.
    pub text: String,
}

/// Why the calls of a budget fail, and what to do about it. It holds no id and no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// A word for programs.
    pub kind: &'static str,
    pub cause: String,
    /// Empty where none is known.
    pub remedy: String,
}

impl CallError {
    #[must_use]
    pub fn new(failure: Failure, cause: String) -> Self {
        Self {
            cause: Some(cause),
            ..Self::from(failure)
        }
    }

    /// The error in words for people.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        let remedy = self.remedy.as_ref();
        let cause = self.cause.as_deref();
        Trouble {
            kind: remedy.map_or(self.failure.as_str(), |remedy| remedy.kind),
            cause: cause.unwrap_or(self.failure.meaning()).to_owned(),
            remedy: remedy.map_or_else(String::new, |remedy| remedy.text.clone()),
        }
    }
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            cause: None,
            remedy: None,
        }
    }
}
