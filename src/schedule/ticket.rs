//! Calls as the schedule hands them out, and as it keeps them until they end.

use std::sync::Arc;
use std::time::Duration;

use super::jobs::JobIndex;
use super::queue::BudgetEvent;
use crate::api::{Continuation, Failure, FailureClass, Operation, Signer};
use crate::clock::{Mono, Timestamp};
use crate::job::Job;
use crate::limits::ListNeed;

/// One API call to be made.
#[derive(Debug)]
pub struct Call {
    /// Identifies the call when it has ended.
    pub ticket: TicketId,
    pub job: Job,
    /// Present for every page of an answer except the first.
    pub continuation: Option<Arc<Continuation>>,
}

/// Identifies a call in flight; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TicketId(pub(super) u64);

/// A call in flight. The schedule drops it when its job is no longer polled.
#[derive(Debug)]
pub struct Ticket {
    pub job: Job,
    /// Number of the attempt at this page, from 1.
    pub attempt: u32,
    /// API calls of the poll, this one included.
    pub calls: u32,
    /// When the first call of the poll was sent.
    pub poll_began: Mono,
    /// The page that this call continues.
    pub paging: Option<Paging>,
    /// What the call says if it is `ListDatasets` in place of the job's own operation.
    pub(super) list: ListNeed,
    /// Whether AWS denied a list in this poll.
    pub(super) list_denied: bool,
    /// Whether the call is `ListDatasets` because AWS denies the description, in this poll or in
    /// its pool.
    pub(super) description_denied: bool,
    pub(super) sent_at: Mono,
    /// Whether the call was not sent, since the exchange before it failed.
    pub(super) was_unsent: bool,
    /// When the job was due.
    pub(super) due_at: Mono,
    /// Whether the call tests the budget's credentials; see `probe`.
    pub(super) is_probe: bool,
    /// Whether the targets changed after it was sent, so that its page cannot be continued.
    pub(super) targets_changed: bool,
    pub(super) index: JobIndex,
    pub(super) budget: usize,
    /// Whose keys sign the budget's calls.
    pub(super) signer: Signer,
}

impl Ticket {
    /// The position in [`Targets::budgets`](crate::targets::Targets::budgets) of the budget that
    /// the call draws on.
    #[must_use]
    pub fn budget(&self) -> usize {
        self.budget
    }

    /// What a failure of the call implies.
    #[must_use]
    pub fn class_of(&self, failure: Failure) -> FailureClass {
        failure.class_for(self.signer)
    }

    /// Whose keys sign the call.
    #[must_use]
    pub fn signer(&self) -> Signer {
        self.signer
    }

    /// Whether the poll goes on with `ListDatasets` if AWS denies this call: AWS's sample role for
    /// guests allows that alone.
    #[must_use]
    pub fn may_list_instead(&self) -> bool {
        self.signer == Signer::Guest
            && self.job.operation == Operation::DescribeIdentityUsage
            && !self.list_denied
    }

    /// Whether `ListDatasets` was called in place of the job's own operation, for what it says.
    #[must_use]
    pub fn is_substitute(&self) -> bool {
        self.list != ListNeed::None
    }
}

/// The state of an answer in pages.
#[derive(Clone, Debug)]
pub struct Paging {
    pub continuation: Arc<Continuation>,
    /// The pages that have been received.
    pub pages: u32,
    /// When the first page was requested.
    pub requested_at: Timestamp,
}

/// How a poll continues after one of its calls.
#[derive(Debug)]
pub enum AfterCall {
    /// The poll is finished; its job waits for its next turn.
    Finish,
    /// The call is repeated after this wait.
    Retry(Duration),
    /// The poll begins again with the first page, after this wait.
    Restart(Duration),
    /// The poll goes on with the job's own operation, after this wait: `ListDatasets` failed in its
    /// place.
    Describe(Duration),
    /// The poll goes on with `ListDatasets`, after this wait: AWS denies the description.
    List(Duration),
    /// The next page is due at once.
    NextPage(Paging),
}

/// A call that has ended.
#[derive(Debug)]
pub struct EndedCall {
    pub ticket: Ticket,
    pub event: Option<BudgetEvent>,
    /// Whether AWS denies `ListDatasets` in the pool, and did not before.
    pub lists_denied: bool,
    /// Whether AWS denies `DescribeIdentityUsage` in the pool and allows `ListDatasets`, and did
    /// not before.
    pub descriptions_denied: bool,
}
