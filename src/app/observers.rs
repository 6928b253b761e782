//! Passes polls on to the store and to the metrics.

use std::sync::Arc;
use std::time::Duration;

use crate::api::{Failure, Operation};
use crate::clock::Timestamp;
use crate::job::{IdentityIndex, PoolIndex};
use crate::limits::ListNeed;
use crate::observation::Observation;
use crate::poller::PollObserver;
use crate::schedule::{Demand, LastPoll};
use crate::store::Store;
use crate::targets::{TargetDiff, Targets};
use crate::telemetry::Telemetry;

/// What is known, and what is counted.
pub(super) struct Observers {
    pub(super) store: Arc<Store>,
    pub(super) telemetry: Arc<Telemetry>,
}

impl PollObserver for Observers {
    fn called(&self, operation: Operation, took: Duration, failure: Option<Failure>) {
        self.telemetry.called(operation, took, failure);
    }

    fn polled(&self, observation: &Observation) {
        self.store.record(observation);
        self.telemetry.polled(observation);
    }

    fn list_need(&self, pool: PoolIndex, identity: IdentityIndex, now: Timestamp) -> ListNeed {
        self.store.list_need(pool, identity, now)
    }

    fn demand(&self, pool: PoolIndex, identity: IdentityIndex, now: Timestamp) -> Demand {
        self.store.demand(pool, identity, now)
    }

    fn last_poll(&self, pool: PoolIndex, identity: IdentityIndex) -> LastPoll {
        self.store.last_poll(pool, identity)
    }

    fn targets_changed(&self, targets: &Arc<Targets>, diff: &TargetDiff) {
        self.store.apply_targets(targets, diff);
    }
}
