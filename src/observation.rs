//! The result of one poll. The poller creates an [`Observation`] for each finished poll; store,
//! metrics and history read it.

use std::time::Duration;

use crate::api::{Answer, Dataset, Failure, Operation, PoolUsage, Usage};
use crate::clock::Timestamp;
use crate::job::{Job, PoolIndex, Target};

/// One finished poll: all its calls, and the result of the last one.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    pub job: Job,
    /// When the call was sent that returned the result; for an answer in pages, the call for the
    /// first page. The answer is at least as new as this.
    pub requested_at: Timestamp,
    /// Time from the start of the first call to the result, including waits between calls.
    pub took: Duration,
    /// API calls made, at least 1. An exchange for keys is counted with the call that needs it.
    pub calls: u32,
    /// The answer, or why the last call failed.
    pub result: Result<Answer, Failure>,
    /// Whether the log gives the reason of the failure already, for the whole budget.
    pub is_reported: bool,
}

impl Observation {
    /// A poll of an identity with one call of zero duration. For generated usage.
    #[must_use]
    pub fn of_identity(
        pool: PoolIndex,
        identity: usize,
        requested_at: Timestamp,
        result: Result<Usage, Failure>,
    ) -> Self {
        let target = Target::identity(pool, identity);
        let job = Job {
            operation: Operation::DescribeIdentityUsage,
            target,
        };
        Self::of_one_call(job, requested_at, result.map(Answer::Identity))
    }

    /// A list of an identity's datasets, with one call of zero duration. For generated usage.
    #[must_use]
    pub fn of_datasets(
        pool: PoolIndex,
        identity: usize,
        requested_at: Timestamp,
        datasets: Vec<Dataset>,
    ) -> Self {
        let target = Target::identity(pool, identity);
        let job = Job {
            operation: Operation::ListDatasets,
            target,
        };
        Self::of_one_call(job, requested_at, Ok(Answer::Datasets(datasets)))
    }

    /// A poll of a pool with one call of zero duration. For generated usage.
    #[must_use]
    pub fn of_pool(
        pool: PoolIndex,
        requested_at: Timestamp,
        result: Result<PoolUsage, Failure>,
    ) -> Self {
        let target = Target::Pool { pool };
        let job = Job {
            operation: Operation::DescribeIdentityPoolUsage,
            target,
        };
        Self::of_one_call(job, requested_at, result.map(Answer::Pool))
    }

    fn of_one_call(job: Job, requested_at: Timestamp, result: Result<Answer, Failure>) -> Self {
        Self {
            job,
            requested_at,
            took: Duration::ZERO,
            calls: 1,
            result,
            is_reported: false,
        }
    }

    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        self.result.as_ref().err().copied()
    }
}
