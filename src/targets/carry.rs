//! What two sets of targets have in common, so that a reload keeps what is known of those that
//! stay.

use std::collections::HashMap;

use super::{Identities, Targets};
use crate::job::{PoolIndex, Target};

/// Where each of the old targets stands among the new ones.
#[derive(Debug)]
pub struct Carry {
    pools: Vec<Option<CarriedPool>>,
    /// Identities that are new.
    pub added: usize,
    /// Identities that are no more.
    pub removed: usize,
    /// Identities that stay.
    pub kept: usize,
}

#[derive(Debug)]
struct CarriedPool {
    pool: usize,
    /// Of each old identity its new position, or `GONE`.
    identities: Vec<u32>,
}

const GONE: u32 = u32::MAX;

impl Carry {
    /// Compares pools by id, and identities within a pool.
    #[must_use]
    pub fn between(old: &Targets, new: &Targets) -> Self {
        let positions: HashMap<_, _> = new
            .pools
            .iter()
            .enumerate()
            .map(|(index, pool)| (&pool.id, index))
            .collect();
        let carried = old.pools.iter().map(|pool| {
            let position = *positions.get(&pool.id)?;
            let identities = positions_of(&pool.identities, &new.pools[position].identities);
            Some(CarriedPool {
                pool: position,
                identities,
            })
        });
        let pools: Vec<_> = carried.collect();
        let stays = |pool: &CarriedPool| {
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

    /// The new position of an old pool, if it stays.
    #[must_use]
    pub fn pool(&self, old: PoolIndex) -> Option<PoolIndex> {
        self.pools[old.0].as_ref().map(|pool| PoolIndex(pool.pool))
    }

    /// The new place of an old target, if it stays.
    #[must_use]
    pub fn target(&self, old: Target) -> Option<Target> {
        match old {
            Target::Pool { pool } => self.pool(pool).map(|pool| Target::Pool { pool }),
            Target::Identity { pool, identity } => {
                let carried = self.pools[pool.0].as_ref()?;
                let position = carried.identities[identity.0];
                let stays = position != GONE;
                stays.then(|| Target::identity(PoolIndex(carried.pool), position as usize))
            }
        }
    }
}

/// Both are sorted, so one pass over both finds all.
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
    use crate::config::{self, Findings};
    use std::path::Path;

    fn targets(pools: &[(&str, &[&str])]) -> Targets {
        let pool = |(id, identities): &(&str, &[&str])| {
            format!("- {{id: '{id}', identities: {identities:?}}}\n")
        };
        let text = format!(
            "poll: {{rate_limit: 1000}}\npools:\n{}",
            pools.iter().map(pool).collect::<String>()
        );
        let mut findings = Findings::default();
        let config = config::parse(Path::new("test"), &text, &mut findings).unwrap();
        let targets = Targets::load(&config, &mut findings);
        assert_eq!(findings.problems, []);
        targets
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
        let carry = Carry::between(&old, &new);
        assert_eq!((carry.added, carry.removed, carry.kept), (3, 2, 3));
        assert_eq!(
            [0, 1, 2].map(|pool| carry.pool(PoolIndex(pool))),
            [Some(PoolIndex(2)), None, Some(PoolIndex(1))]
        );
        let moved = |pool, identity| carry.target(Target::identity(PoolIndex(pool), identity));
        let at = |pool, identity| Some(Target::identity(PoolIndex(pool), identity));
        assert_eq!(
            [moved(0, 0), moved(0, 1), moved(0, 2)],
            [None, at(2, 1), at(2, 3)]
        );
        assert_eq!([moved(1, 0), moved(2, 0)], [None, at(1, 0)]);
    }
}
