//! What is known of identities that are polled no longer, in case they come back: lists are
//! rewritten, and files go and return.

use std::collections::HashMap;
use std::sync::Arc;

use super::Pool;
use super::record::{AsOf, Record};
use crate::api::Dataset;
use crate::clock::Mono;
use crate::identity::{IdentityId, PoolId};
use crate::job::IdentityIndex;
use crate::targets;

/// Usage of identities without a target, until it would be stale.
#[derive(Debug, Default)]
pub(super) struct Departed {
    pools: HashMap<PoolId, HashMap<Box<str>, Known>>,
}

#[derive(Debug)]
struct Known {
    record: Record,
    datasets: Option<AsOf<Arc<[Dataset]>>>,
    /// When the usage is stale.
    until: Mono,
}

impl Departed {
    /// Forgets what is stale by now, and everything if that is more than `max` identities.
    pub(super) fn forget(&mut self, now: Mono, max: usize) {
        self.pools.retain(|_, identities| {
            identities.retain(|_, known| known.until >= now);
            !identities.is_empty()
        });
        if self.len() > max {
            self.pools.clear();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.pools.values().map(HashMap::len).sum()
    }

    /// Keeps what is known of an identity that leaves, if a poll of it has ever succeeded.
    pub(super) fn keep(&mut self, target: &targets::Pool, pool: &Pool, identity: IdentityIndex) {
        let record = pool.records[identity];
        let Some(requested_at) = record.success_requested_at() else {
            return;
        };
        let known = Known {
            record,
            datasets: pool.datasets.get(identity).cloned(),
            until: requested_at + target.settings.stale_after,
        };
        let id = target.identities.id(identity).as_str().into();
        let identities = self.pools.entry(target.id.clone()).or_default();
        identities.insert(id, known);
    }

    /// Gives back what is known of the identities that a pool has again.
    pub(super) fn restore(&mut self, target: &targets::Pool, pool: &mut Pool) {
        let Some(identities) = self.pools.get_mut(&target.id) else {
            return;
        };
        identities.retain(|id, known| {
            let position = target.identities.position(IdentityId::new_unchecked(id));
            if let Some(identity) = position {
                pool.put(identity, known.record, known.datasets.take());
            }
            position.is_none()
        });
    }
}
