//! How many identities are in which state, without a pass over them.

use std::sync::Arc;

use super::Store;
use crate::targets::Targets;

/// The identities of one pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolCounts {
    /// All that are polled.
    pub identities: usize,
    /// Those of which no poll has finished, and nothing was restored.
    pub pending: usize,
    /// Those whose last poll failed, except missing ones.
    pub failing: usize,
    /// Those of which AWS says that they do not exist.
    pub missing: usize,
}

impl Store {
    /// The targets and the counts of each pool, in the same order.
    #[must_use]
    pub fn counts(&self) -> (Arc<Targets>, Vec<PoolCounts>) {
        let contents = self.contents();
        let counts = contents.pools.iter().map(|pool| PoolCounts {
            identities: pool.records.len(),
            pending: pool.health.pending,
            failing: pool.health.failing(),
            missing: pool.health.missing(),
        });
        (Arc::clone(&contents.targets), counts.collect())
    }
}
