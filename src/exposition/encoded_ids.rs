//! The identities' ids as gzip bits, kept beside the targets that they belong to.

use std::sync::{Arc, OnceLock};

use deflate::EncodedId;

use crate::job::{IdentityIndex, PoolIndex};
use crate::store::CHUNK;
use crate::targets::{Identities, Targets};

/// The encoded ids of one set of targets, shared by all scrapes of them: 32 bytes for each
/// identity.
///
/// They are encoded [`CHUNK`] at a time, when a gzip scrape first needs them, which takes some tens
/// of microseconds; a scrape of the same chunk at the same time waits for it. So neither a reload
/// nor the first scrape after it stalls, and an exporter that serves no gzip needs no memory for
/// them.
#[derive(Debug)]
pub(super) struct EncodedIds {
    targets: Arc<Targets>,
    /// The chunks of each pool.
    pools: Vec<Box<[LazyChunk]>>,
}

/// At most [`CHUNK`] encoded ids, once they are needed.
type LazyChunk = OnceLock<Box<[EncodedId]>>;

impl EncodedIds {
    pub(super) fn new(targets: Arc<Targets>) -> Self {
        let chunks = |identities: &Identities| {
            let chunks = identities.len().div_ceil(CHUNK);
            (0..chunks).map(|_| OnceLock::new()).collect()
        };
        Self {
            pools: targets
                .pools
                .iter()
                .map(|pool| chunks(&pool.identities))
                .collect(),
            targets,
        }
    }

    /// Whether these are the ids of these very targets.
    pub(super) fn belong_to(&self, targets: &Arc<Targets>) -> bool {
        Arc::ptr_eq(&self.targets, targets)
    }

    /// The ids of a pool from the position `start` to the end of that identity's chunk.
    pub(super) fn starting_at(&self, pool: PoolIndex, start: usize) -> &[EncodedId] {
        let chunk = start / CHUNK;
        let encoded = self.pools[pool.0][chunk].get_or_init(|| {
            let identities = &self.targets[pool].identities;
            let end = identities.len().min((chunk + 1) * CHUNK);
            (chunk * CHUNK..end)
                .map(|index| EncodedId::new(identities.hex(IdentityIndex(index))))
                .collect()
        });
        &encoded[start % CHUNK..]
    }

    /// The number of chunks that are encoded.
    #[cfg(test)]
    pub(super) fn chunks_encoded(&self) -> usize {
        let chunks = self.pools.iter().flatten();
        chunks.filter(|chunk| chunk.get().is_some()).count()
    }
}
