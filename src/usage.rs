//! What is asked of Cognito Sync, what comes back, and every way in which it can fail.
//!
//! [`Observation`] is the hinge of the program: the poller makes one for each poll, and whoever
//! wants to know of polls reads it. [`Failure`] is closed; its words are the metric label, the log
//! field and the word on the status page.

use std::future::Future;
use std::time::Duration;

use crate::clock::Moment;
use crate::identity::{IdentityId, PoolId};

/// What `DescribeIdentityUsage` says of one identity. AWS marks none of the fields as required:
/// `None` is "not said".
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Datasets of the identity.
    pub datasets: Option<u32>,
    /// Bytes in all its datasets, at most 2^53.
    pub storage_bytes: Option<u64>,
    /// When it was last modified, in seconds since 1970.
    pub last_modified: Option<f64>,
}

/// What `DescribeIdentityPoolUsage` says of one pool. AWS marks none of the fields as required:
/// `None` is "not said".
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PoolUsage {
    /// Bytes in all datasets of the pool, at most 2^53.
    pub storage_bytes: Option<u64>,
    /// Sync sessions of the pool, at most 2^53.
    pub sync_sessions: Option<u64>,
    /// When the pool was last modified, in seconds since 1970.
    pub last_modified: Option<f64>,
}

/// Why a call brought no usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Failure {
    /// The account's rate quota is used up.
    Throttled,
    /// The credentials are good, but may not do this.
    AccessDenied,
    /// AWS says that there is no such identity or pool.
    NotFound,
    /// AWS does not take the ids.
    InvalidParameter,
    /// AWS failed inside, or answered with an error that is none of the others.
    ServiceError,
    /// No whole answer within `poll.timeout`.
    Timeout,
    /// No connection, or it broke.
    Unreachable,
    /// An answer that is not Cognito Sync's, or holds a number that cannot be.
    Malformed,
    /// No credentials could be had, or AWS refuses them.
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

    /// The word for it, everywhere.
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

    /// What it means, for people.
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

    /// Whether AWS took the credentials and answered, if with an error.
    #[must_use]
    pub fn is_answer(self) -> bool {
        !matches!(
            self,
            Self::Timeout | Self::Unreachable | Self::Malformed | Self::Credentials
        )
    }

    /// Whether AWS has answered, and asking again about the same target will bring the same until
    /// somebody changes something.
    #[must_use]
    pub fn is_about_target(self) -> bool {
        matches!(
            self,
            Self::AccessDenied | Self::NotFound | Self::InvalidParameter
        )
    }

    /// Whether asking again soon may go better.
    #[must_use]
    pub fn is_transient(self) -> bool {
        match self {
            Self::Throttled
            | Self::ServiceError
            | Self::Timeout
            | Self::Unreachable
            | Self::Malformed => true,
            Self::AccessDenied | Self::NotFound | Self::InvalidParameter | Self::Credentials => {
                false
            }
        }
    }
}

/// The API's operations that are called, by AWS's own names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Usage of one identity.
    DescribeIdentityUsage,
    /// Usage of one pool.
    DescribeIdentityPoolUsage,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 2] = [Self::DescribeIdentityUsage, Self::DescribeIdentityPoolUsage];

    /// AWS's name for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DescribeIdentityUsage => "DescribeIdentityUsage",
            Self::DescribeIdentityPoolUsage => "DescribeIdentityPoolUsage",
        }
    }
}

/// Who is polled, by position in [`crate::targets::Targets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// One identity of a pool.
    Identity {
        /// Which pool.
        pool: usize,
        /// Which of the pool's identities.
        identity: usize,
    },
    /// A pool itself.
    Pool {
        /// Which pool.
        pool: usize,
    },
}

impl Target {
    /// The operation that answers for it.
    #[must_use]
    pub fn operation(self) -> Operation {
        match self {
            Self::Identity { .. } => Operation::DescribeIdentityUsage,
            Self::Pool { .. } => Operation::DescribeIdentityPoolUsage,
        }
    }
}

/// What came of asking, with whom it is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// About one identity.
    Identity {
        /// Which pool.
        pool: usize,
        /// Which of the pool's identities.
        identity: usize,
        /// Its usage, or why not.
        result: Result<Usage, Failure>,
    },
    /// About a pool itself.
    Pool {
        /// Which pool.
        pool: usize,
        /// Its usage, or why not.
        result: Result<PoolUsage, Failure>,
    },
}

impl Outcome {
    /// The outcome of not getting an answer about `target`.
    #[must_use]
    pub fn failed(target: Target, failure: Failure) -> Self {
        match target {
            Target::Identity { pool, identity } => Self::Identity {
                pool,
                identity,
                result: Err(failure),
            },
            Target::Pool { pool } => Self::Pool {
                pool,
                result: Err(failure),
            },
        }
    }

    /// The same, about a target of the same kind that stands elsewhere now.
    #[must_use]
    pub fn moved_to(self, target: Target) -> Self {
        match (self, target) {
            (Self::Identity { result, .. }, Target::Identity { pool, identity }) => {
                Self::Identity {
                    pool,
                    identity,
                    result,
                }
            }
            (Self::Pool { result, .. }, Target::Pool { pool }) => Self::Pool { pool, result },
            (unmoved, _) => unmoved,
        }
    }

    /// Why there is no usage, if there is none.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        match self {
            Self::Identity { result, .. } => result.err(),
            Self::Pool { result, .. } => result.err(),
        }
    }
}

/// One finished poll: all its attempts, and what came of the last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// When the attempt that brought the outcome set out: the usage is at least as new as this.
    pub asked: Moment,
    /// From the first attempt's start to the outcome, waiting between attempts included.
    pub took: Duration,
    /// API calls made, at least 1.
    pub attempts: u32,
    /// What came of it.
    pub outcome: Outcome,
}

/// Where usage comes from: AWS, or a test's imagination. One call is one API call, never more.
pub trait UsageSource: Send + Sync + 'static {
    /// Asks for the usage of one identity.
    fn identity_usage(
        &self,
        pool: &PoolId,
        identity: IdentityId<'_>,
    ) -> impl Future<Output = Result<Usage, Failure>> + Send;

    /// Asks for the usage of a pool.
    fn pool_usage(&self, pool: &PoolId) -> impl Future<Output = Result<PoolUsage, Failure>> + Send;
}
