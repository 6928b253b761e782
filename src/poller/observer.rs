//! Who receives what the poller finds, and knows what decides how it goes on.

use std::sync::Arc;
use std::time::Duration;

use crate::api::{Failure, Operation};
use crate::clock::Timestamp;
use crate::job::{IdentityIndex, PoolIndex};
use crate::limits::ListNeed;
use crate::observation::Observation;
use crate::schedule::{Demand, Knowledge, LastPoll};
use crate::targets::{TargetDiff, Targets};

/// Receives the events of the poller. The poller's task calls every method, so each must return
/// soon.
pub trait PollObserver: Send + Sync + 'static {
    /// One API call has ended, after `took`.
    fn called(&self, operation: Operation, took: Duration, failure: Option<Failure>);

    /// One poll has ended.
    fn polled(&self, observation: &Observation);

    /// What a list of an identity's datasets would tell, of the targets that are polled.
    fn list_need(&self, pool: PoolIndex, identity: IdentityIndex, now: Timestamp) -> ListNeed;

    /// What asking an identity is worth, of the targets that are polled.
    fn demand(&self, pool: PoolIndex, identity: IdentityIndex, now: Timestamp) -> Demand;

    /// What is known of an identity's last poll, before the first one of this process.
    fn last_poll(&self, pool: PoolIndex, identity: IdentityIndex) -> LastPoll {
        let _ = (pool, identity);
        LastPoll::Never
    }

    /// From now on these targets are polled. Later observations hold positions in them.
    fn targets_changed(&self, targets: &Arc<Targets>, diff: &TargetDiff);
}

/// Asks the schedule something that depends on what the observer knows at a time.
pub(super) fn with_knowledge<T>(
    observer: &impl PollObserver,
    at: Timestamp,
    ask: impl FnOnce(Knowledge<'_>) -> T,
) -> T {
    ask(Knowledge {
        list_need: &|pool, identity| observer.list_need(pool, identity, at),
        demand: &|pool, identity| observer.demand(pool, identity, at),
    })
}
