//! The difference of two sets of targets, so that a reload keeps what is known about those in both.

use std::collections::HashMap;

use super::{Identities, Targets};
use crate::job::{PoolIndex, Target};

/// The difference of an old and a new set of targets: for each old target its new position.
#[derive(Debug)]
pub struct TargetDiff {
    pools: Vec<Option<KeptPool>>,
    /// The number of identities in the new set only.
    pub added: usize,
    /// The number of identities in the old set only.
    pub removed: usize,
    /// The number of identities in both.
    pub kept: usize,
}

#[derive(Debug)]
struct KeptPool {
    /// The new position of the pool.
    pool: usize,
    /// The new position of each old identity, or [`GONE`].
    identities: Vec<u32>,
}

const GONE: u32 = u32::MAX;

impl TargetDiff {
    /// Compares pools by id, and identities within a pool.
    #[must_use]
    pub fn new(old: &Targets, new: &Targets) -> Self {
        let positions: HashMap<_, _> = new
            .pools
            .iter()
            .enumerate()
            .map(|(index, pool)| (&pool.id, index))
            .collect();
        let kept_pools = old.pools.iter().map(|pool| {
            let position = *positions.get(&pool.id)?;
            let identities = positions_of(&pool.identities, &new.pools[position].identities);
            Some(KeptPool {
                pool: position,
                identities,
            })
        });
        let pools: Vec<_> = kept_pools.collect();
        let stays = |pool: &KeptPool| {
            pool.identities
                .iter()
                .filter(|position| **position != GONE)
                .count()
        };
        let kept = pools.iter().flatten().map(stays).sum();
        Self {
            pools,
            added: new.identities() - kept,
            removed: old.identities() - kept,
            kept,
        }
    }

    /// The new position of an old pool, if the new set has it.
    #[must_use]
    pub fn pool(&self, old: PoolIndex) -> Option<PoolIndex> {
        self.pools[old.0].as_ref().map(|pool| PoolIndex(pool.pool))
    }

    /// The new position of an old target, if the new set has it.
    #[must_use]
    pub fn target(&self, old: Target) -> Option<Target> {
        match old {
            Target::Pool { pool } => self.pool(pool).map(|pool| Target::Pool { pool }),
            Target::Identity { pool, identity } => {
                let kept = self.pools[pool.0].as_ref()?;
                let position = kept.identities[identity.0];
                let stays = position != GONE;
                stays.then(|| Target::identity(PoolIndex(kept.pool), position as usize))
            }
        }
    }
}

/// The new position of each old identity, or [`GONE`]. Both are sorted, so one pass is enough.
fn positions_of(old: &Identities, new: &Identities) -> Vec<u32> {
    let mut candidates = new.ids().enumerate().peekable();
    let position = |id| {
        while candidates
            .next_if(|(_, candidate)| *candidate < id)
            .is_some()
        {}
        candidates
            .next_if(|(_, candidate)| *candidate == id)
            .map_or(GONE, |(position, _)| position as u32)
    };
    old.ids().map(position).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(pools: &[(&str, &[&str])]) -> Targets {
        Targets::for_tests_with_ids(pools.iter().copied())
    }

    #[test]
    fn pools_and_identities_move_come_and_go() {
        let old = targets(&[
            ("r:0", &["r:a", "r:b", "r:d"]),
            ("r:1", &["r:a"]),
            ("r:2", &["r:a"]),
        ]);
        let new = targets(&[
            ("r:3", &["r:a"]),
            ("r:2", &["r:a"]),
            ("r:0", &["r:0", "r:b", "r:c", "r:d"]),
        ]);
        let diff = TargetDiff::new(&old, &new);
        assert_eq!((diff.added, diff.removed, diff.kept), (3, 2, 3));
        assert_eq!(
            [0, 1, 2].map(|pool| diff.pool(PoolIndex(pool))),
            [Some(PoolIndex(2)), None, Some(PoolIndex(1))]
        );
        let moved = |pool, identity| diff.target(Target::identity(PoolIndex(pool), identity));
        let at = |pool, identity| Some(Target::identity(PoolIndex(pool), identity));
        assert_eq!(
            [moved(0, 0), moved(0, 1), moved(0, 2)],
            [None, at(2, 1), at(2, 3)]
        );
        assert_eq!([moved(1, 0), moved(2, 0)], [None, at(1, 0)]);
    }
}
