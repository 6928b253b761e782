//! The API as the exporter sees it: what can be asked, what comes back, and every way to fail.
//!
//! [`Operation`] is the one list of operations. Metrics, `plan`, `iam-policy` and the documents
//! take names, scopes and permissions from it. [`Failure`] is closed: its words are the metric
//! label, the log field and the word on the status page.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::identity::{IdentityId, PoolId};

/// An operation of an AWS API that the exporter can call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Usage of one identity.
    DescribeIdentityUsage,
    /// Usage of one pool.
    DescribeIdentityPoolUsage,
    /// The datasets of one identity.
    ListDatasets,
}

/// The AWS service of an operation. Each has a rate quota of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Amazon Cognito Sync.
    CognitoSync,
    /// Amazon Cognito Identity.
    CognitoIdentity,
}

/// What one call of an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One identity of a pool.
    Identity,
    /// A pool.
    Pool,
}

impl Operation {
    /// Every operation, in the order of the metric labels.
    pub const ALL: [Self; 3] = [
        Self::DescribeIdentityUsage,
        Self::DescribeIdentityPoolUsage,
        Self::ListDatasets,
    ];

    /// The operations that the daemon polls by itself.
    pub const POLLED: [Self; 2] = [Self::DescribeIdentityUsage, Self::DescribeIdentityPoolUsage];

    /// AWS's name of the operation, as in metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DescribeIdentityUsage => "DescribeIdentityUsage",
            Self::DescribeIdentityPoolUsage => "DescribeIdentityPoolUsage",
            Self::ListDatasets => "ListDatasets",
        }
    }

    /// What one call is about.
    #[must_use]
    pub fn scope(self) -> Scope {
        match self {
            Self::DescribeIdentityUsage | Self::ListDatasets => Scope::Identity,
            Self::DescribeIdentityPoolUsage => Scope::Pool,
        }
    }

    /// The service that answers, and whose quota a call draws on.
    #[must_use]
    pub fn service(self) -> Service {
        match self {
            Self::DescribeIdentityUsage | Self::DescribeIdentityPoolUsage | Self::ListDatasets => {
                Service::CognitoSync
            }
        }
    }
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

/// What `DescribeIdentityUsage` reports. AWS marks no field as required: `None` means "not given".
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Datasets of the identity.
    pub datasets: Option<u32>,
    /// Bytes in all its datasets, at most 2^53.
    pub storage_bytes: Option<u64>,
    /// When it was last modified, in seconds since 1970.
    pub last_modified: Option<f64>,
}

/// What `DescribeIdentityPoolUsage` reports. AWS marks no field as required: `None` means "not
/// given".
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PoolUsage {
    /// Bytes in all datasets of the pool, at most 2^53.
    pub storage_bytes: Option<u64>,
    /// Sync sessions of the pool, at most 2^53.
    pub sync_sessions: Option<u64>,
    /// When the pool was last modified, in seconds since 1970.
    pub last_modified: Option<f64>,
}

/// What `ListDatasets` reports of one dataset. AWS marks no field as required: `None` means "not
/// given".
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// Its name, which the app chose.
    pub name: Option<String>,
    /// Bytes in its keys and values, at most 2^53.
    pub storage_bytes: Option<u64>,
    /// Records in it, at most 2^53.
    pub records: Option<u64>,
    /// When it was last modified, in seconds since 1970.
    pub last_modified: Option<f64>,
}

impl Usage {
    /// What a whole list of datasets says about their identity: how many there are, the sum of
    /// their bytes, the latest modification. A sum is not given when a part of it is not.
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

/// The whole answer of a poll.
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
    /// Whether this answers `operation`.
    #[must_use]
    pub fn is_to(&self, operation: Operation) -> bool {
        match self {
            Self::Identity(_) => operation == Operation::DescribeIdentityUsage,
            Self::Pool(_) => operation == Operation::DescribeIdentityPoolUsage,
            Self::Datasets(_) => operation == Operation::ListDatasets,
        }
    }
}

/// Why a call brought no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// The answer is not Cognito Sync's, or holds an impossible number.
    Malformed,
    /// Credentials are unavailable, or AWS rejects them.
    Credentials,
}

/// What a failure says about AWS, the target and the credentials. Decisions match on the class, so
/// that a new failure has to choose one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// AWS accepted the credentials and answered; the same call will fail until a person changes
    /// something.
    Permanent,
    /// AWS accepted the credentials and answered; a later call may succeed.
    Transient,
    /// No usable answer came; it says nothing about credentials or quota. A later call may succeed.
    NoAnswer,
    /// The credentials do not work, for any target of the budget.
    Credentials,
}

impl Failure {
    /// Every failure, in the order of the metric labels.
    pub const ALL: [Self; 9] = [
        Self::Throttled,
        Self::AccessDenied,
        Self::NotFound,
        Self::InvalidParameter,
        Self::ServiceError,
        Self::Timeout,
        Self::Unreachable,
        Self::Malformed,
        Self::Credentials,
    ];

    /// The word of this failure in metrics, logs and JSON.
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
        }
    }

    /// An explanation for people, to follow "because".
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Throttled => "AWS's quota of calls is used up, by this exporter or by the app",
            Self::AccessDenied => {
                "the credentials are good, but their policy does not allow this call"
            }
            Self::NotFound => "AWS says that there is no such identity or pool",
            Self::InvalidParameter => "AWS does not take these ids",
            Self::ServiceError => "AWS failed",
            Self::Timeout => "there was no whole answer within poll.timeout",
            Self::Unreachable => "there was no connection, or it broke",
            Self::Malformed => "the answer is not Cognito Sync's, or holds a number that cannot be",
            Self::Credentials => "no credentials could be had, or AWS refuses them",
        }
    }

    /// What this failure says about AWS, the target and the credentials.
    #[must_use]
    pub fn class(self) -> FailureClass {
        match self {
            Self::AccessDenied | Self::NotFound | Self::InvalidParameter => FailureClass::Permanent,
            Self::Throttled | Self::ServiceError => FailureClass::Transient,
            Self::Timeout | Self::Unreachable | Self::Malformed => FailureClass::NoAnswer,
            Self::Credentials => FailureClass::Credentials,
        }
    }
}

/// One API call to be made.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The operation to call.
    pub operation: Operation,
    /// The pool that it is about, or that the identity belongs to.
    pub pool: &'a PoolId,
    /// The identity that it is about; `None` for operations of [`Scope::Pool`].
    pub identity: Option<IdentityId<'a>>,
    /// For every page but the first: where the page before ended.
    pub continuation: Option<&'a Continuation>,
}

/// What one API call brought.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The whole answer, earlier pages included.
    Done(Answer),
    /// A page of it; the next call has to carry this.
    More(Continuation),
}

/// Where the next page begins, and what the pages before it held.
#[derive(Clone, PartialEq)]
pub struct Continuation {
    /// AWS's token, opaque.
    pub token: String,
    /// What the pages so far add up to.
    pub so_far: Answer,
}

/// Tokens are opaque and may hold ids, so none is printed.
impl fmt::Debug for Continuation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Continuation")
            .field("so_far", &self.so_far)
            .finish_non_exhaustive()
    }
}

/// A call under way.
pub type Call<'a> = Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send + 'a>>;

/// The APIs, on AWS or in a test.
pub trait Api: Send + Sync + 'static {
    /// Makes exactly one API call. Retries and further pages are the caller's, who keeps the
    /// ceiling.
    fn call<'a>(&'a self, request: Request<'a>) -> Call<'a>;
}
