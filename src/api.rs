//! The AWS APIs as the exporter uses them: operations, answers and failures.
//!
//! [`Operation`] is the one list of operations. Metrics, `plan`, `iam-policy` and the documents
//! take names, scopes and permissions from it. [`Failure`] is the closed list of failures. Its
//! names are used in metric labels, in logs and on the status page.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

use crate::identity::{IdentityId, PoolId};

/// An operation of an AWS API that the exporter can call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    DescribeIdentityUsage,
    DescribeIdentityPoolUsage,
    ListDatasets,
    ListIdentities,
    GetCredentialsForIdentity,
}

/// The AWS service of an operation. Each has its own rate quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    CognitoSync,
    CognitoIdentity,
}

/// What one call of an operation concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    Identity,
    Pool,
}

impl Operation {
    /// Every operation, in the order of the metric labels.
    pub const ALL: [Self; 5] = [
        Self::DescribeIdentityUsage,
        Self::DescribeIdentityPoolUsage,
        Self::ListDatasets,
        Self::ListIdentities,
        Self::GetCredentialsForIdentity,
    ];

    /// The operations of which each target has one. [`Self::ListDatasets`] takes the place of one.
    pub const POLLED: [Self; 2] = [Self::DescribeIdentityUsage, Self::DescribeIdentityPoolUsage];

    /// AWS's name of the operation, as in metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DescribeIdentityUsage => "DescribeIdentityUsage",
            Self::DescribeIdentityPoolUsage => "DescribeIdentityPoolUsage",
            Self::ListDatasets => "ListDatasets",
            Self::ListIdentities => "ListIdentities",
            Self::GetCredentialsForIdentity => "GetCredentialsForIdentity",
        }
    }

    #[must_use]
    pub fn scope(self) -> Scope {
        match self {
            Self::DescribeIdentityUsage | Self::ListDatasets | Self::GetCredentialsForIdentity => {
                Scope::Identity
            }
            Self::DescribeIdentityPoolUsage | Self::ListIdentities => Scope::Pool,
        }
    }

    /// The service whose quota a call draws on.
    #[must_use]
    pub fn service(self) -> Service {
        match self {
            Self::DescribeIdentityUsage | Self::DescribeIdentityPoolUsage | Self::ListDatasets => {
                Service::CognitoSync
            }
            Self::ListIdentities | Self::GetCredentialsForIdentity => Service::CognitoIdentity,
        }
    }
}

/// Whose keys sign the calls about a pool's identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signer {
    /// The account's credentials.
    Account,
    /// Each identity's own: temporary ones, which Cognito Identity hands out for it as a guest.
    Guest,
}

impl Service {
    /// The service's name in endpoints, SigV4 scopes, IAM actions and ARNs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CognitoSync => "cognito-sync",
            Self::CognitoIdentity => "cognito-identity",
        }
    }
}

/// The answer of `DescribeIdentityUsage`. AWS requires no field: `None` means "absent".
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Number of datasets.
    pub datasets: Option<u32>,
    /// Bytes in all its datasets, at most 2^53.
    pub storage_bytes: Option<u64>,
    /// When it was last modified, in seconds since 1970.
    pub last_modified: Option<f64>,
}

/// The answer of `DescribeIdentityPoolUsage`. AWS requires no field: `None` means "absent".
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PoolUsage {
    /// Bytes in all datasets of the pool, at most 2^53.
    pub storage_bytes: Option<u64>,
    /// Number of sync sessions, at most 2^53.
    pub sync_sessions: Option<u64>,
    /// When the pool was last modified, in seconds since 1970.
    pub last_modified: Option<f64>,
}

/// One dataset in the answer of `ListDatasets`. AWS requires no field: `None` means "absent".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// The name that the app chose.
    pub name: Option<String>,
    /// Bytes in its keys and values, at most 2^53.
    pub storage_bytes: Option<u64>,
    /// Number of records, at most 2^53.
    pub records: Option<u64>,
    /// When it was last modified, in seconds since 1970.
    pub last_modified: Option<f64>,
}

impl Usage {
    /// The usage of an identity with these datasets: their number, the sum of their bytes, the
    /// latest modification. The sum is absent if one of its terms is.
    #[must_use]
    pub fn of_datasets(datasets: &[Dataset]) -> Self {
        Self {
            datasets: u32::try_from(datasets.len()).ok(),
            storage_bytes: datasets.iter().map(|dataset| dataset.storage_bytes).sum(),
            last_modified: datasets
                .iter()
                .filter_map(|dataset| dataset.last_modified)
                .max_by(f64::total_cmp),
        }
    }
}

/// The complete answer of a poll.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To [`Operation::DescribeIdentityUsage`].
    Identity(Usage),
    /// To [`Operation::DescribeIdentityPoolUsage`].
    Pool(PoolUsage),
    /// To [`Operation::ListDatasets`].
    Datasets(Vec<Dataset>),
}

impl Answer {
    /// Whether this is an answer to `operation`.
    #[must_use]
    pub fn is_to(&self, operation: Operation) -> bool {
        match self {
            Self::Identity(_) => operation == Operation::DescribeIdentityUsage,
            Self::Pool(_) => operation == Operation::DescribeIdentityPoolUsage,
            Self::Datasets(_) => operation == Operation::ListDatasets,
        }
    }
}

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
}

impl CallError {
    #[must_use]
    pub fn new(failure: Failure, cause: String) -> Self {
        let cause = Some(cause);
        Self { failure, cause }
    }
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        let cause = None;
        Self { failure, cause }
    }
}

/// One API call to be made.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub operation: Operation,
    /// The pool, or the pool of the identity.
    pub pool: &'a PoolId,
    /// `None` for operations of [`Scope::Pool`].
    pub identity: Option<IdentityId<'a>>,
    /// Present for every page except the first.
    pub continuation: Option<&'a Continuation>,
}

/// The result of one successful API call.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The complete answer, including earlier pages.
    Done(Answer),
    /// One page. The next call takes this continuation.
    More(Continuation),
}

/// The token of the next page, and the content of the pages before it.
#[derive(Clone, PartialEq)]
pub struct Continuation {
    /// AWS's opaque token.
    pub token: String,
    /// The content of all pages so far.
    pub so_far: Answer,
}

/// Omits the token, which may hold ids.
impl fmt::Debug for Continuation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Continuation")
            .field("so_far", &self.so_far)
            .finish_non_exhaustive()
    }
}

/// The future of a call.
pub type Call<'a> = Pin<Box<dyn Future<Output = Result<Reply, CallError>> + Send + 'a>>;
/// The future of an exchange.
pub type Exchange<'a> = Pin<Box<dyn Future<Output = Result<(), CallError>> + Send + 'a>>;

/// The APIs, implemented by AWS's SDK or by a test.
pub trait Api: Send + Sync + 'static {
    /// Makes exactly one API call. The caller makes retries and requests further pages, so that
    /// they count against the ceiling.
    fn call<'a>(&'a self, request: Request<'a>) -> Call<'a>;

    /// The call of [`Operation::GetCredentialsForIdentity`] that has to succeed before this one,
    /// which a guest's keys sign; `None` where there are keys.
    fn exchange<'a>(&'a self, request: Request<'a>) -> Option<Exchange<'a>> {
        let _ = request;
        None
    }

    /// The poll of an identity has ended, so that what is kept for its next call may go.
    fn poll_ended(&self, pool: &PoolId, identity: IdentityId<'_>) {
        let _ = (pool, identity);
    }
}
