//! The AWS APIs as the exporter uses them: operations, answers and failures.
//!
//! [`Operation`] is the one list of operations. Metrics, `plan`, `iam-policy` and the documents
//! take names, scopes and permissions from it. [`Failure`] is the closed list of failures. Its
//! names are used in metric labels, in logs and on the status page.

mod directory;
mod failure;
mod signer;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

pub use directory::{Directory, IDENTITIES_OF_PAGE, ListedPool, Page, PageCall};
pub use failure::{CallError, Failure, FailureClass, Remedy, Trouble};
pub use signer::Signer;

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
