//! What came of one poll: the hinge of the program. The poller makes an [`Observation`] for each
//! finished poll; the store, the metrics and the history read it.

use std::time::Duration;

use crate::api::{Answer, Failure, Operation, PoolUsage, Usage};
use crate::clock::Moment;
use crate::job::{Job, PoolIndex, Target};

/// One finished poll: all its calls, and the result of the last.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// What was polled.
    pub job: Job,
    /// When the call was sent whose answer this is; of an answer in pages, the first page's. The
    /// answer is at least as new as this.
    pub asked: Moment,
    /// From the first call's start to the result, waits between calls included.
    pub took: Duration,
    /// API calls made, at least 1.
    pub calls: u32,
    /// The answer, or why the last call failed.
    pub result: Result<Answer, Failure>,
}

impl Observation {
    /// One call about an identity, answered at once. For made-up usage.
    #[must_use]
    pub fn of_identity(
        pool: PoolIndex,
        identity: usize,
        asked: Moment,
        result: Result<Usage, Failure>,
    ) -> Self {
        let target = Target::identity(pool, identity);
        let job = Job {
            operation: Operation::DescribeIdentityUsage,
            target,
        };
        Self::of_one_call(job, asked, result.map(Answer::Identity))
    }

    /// One call about a pool itself, answered at once. For made-up usage.
    #[must_use]
    pub fn of_pool(pool: PoolIndex, asked: Moment, result: Result<PoolUsage, Failure>) -> Self {
        let target = Target::Pool { pool };
        let job = Job {
            operation: Operation::DescribeIdentityPoolUsage,
            target,
        };
        Self::of_one_call(job, asked, result.map(Answer::Pool))
    }

    fn of_one_call(job: Job, asked: Moment, result: Result<Answer, Failure>) -> Self {
        Self {
            job,
            asked,
            took: Duration::ZERO,
            calls: 1,
            result,
        }
    }

    /// Why the poll failed, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        self.result.as_ref().err().copied()
    }
}
