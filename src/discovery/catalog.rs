//! The identities that Cognito Identity lists, pool by pool, as passes of `ListIdentities` find
//! them.
//!
//! A pass takes hours where there are a million identities. AWS does not say in which order it
//! lists them, nor whether one that comes or goes meanwhile is among them. So an identity is added
//! as soon as a page has it, and leaves only after two complete passes without it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::{ChangeNotifier, IdentityList, Listing, Provider};
use crate::config::{Checked, PoolConfig};
use crate::identity::{Hex, IdentityId, PoolId};

/// Complete passes in a row without an identity after which it leaves.
const MAX_MISSES: u8 = 2;

/// The discovered identities of all pools. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Catalog {
    pools: Arc<Mutex<BTreeMap<PoolId, Discovered>>>,
    notifier: ChangeNotifier,
}

/// What is known of the passes of one pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Passes {
    /// Number of complete passes.
    pub complete: u64,
    /// The last one of them.
    pub last: Option<LastPass>,
}

/// A complete pass. Times are in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastPass {
    pub began: f64,
    pub ended: f64,
    /// The identities that it listed.
    pub listed: usize,
}

/// What changed in one pool since it was saved.
#[derive(Debug, PartialEq)]
pub struct CatalogChange {
    pub pool: PoolId,
    /// Identities, and how many passes have missed them: `None` for those that have left.
    pub identities: Vec<(Hex, Option<u8>)>,
}

/// The identities of one pool.
#[derive(Debug, Default)]
struct Discovered {
    identities: HashMap<Hex, Mark>,
    passes: Passes,
    /// Identities that have changed since they were saved.
    unsaved: HashSet<Hex>,
    /// Whether something has changed since it was saved.
    is_unsaved: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark {
    /// Complete passes in a row that did not list it.
    misses: u8,
    /// Whether the present pass has listed it.
    is_seen: bool,
}

impl Catalog {
    /// An empty catalog, which calls `notifier` when [`Catalog::announce`] says so.
    #[must_use]
    pub fn new(notifier: ChangeNotifier) -> Self {
        Self {
            pools: Arc::default(),
            notifier,
        }
    }

    /// A page of a pool's list. Returns how many of its identities are new.
    pub fn add_page<'a>(&self, pool: &PoolId, ids: impl Iterator<Item = IdentityId<'a>>) -> usize {
        let mut pools = self.pools();
        let discovered = pools.entry(pool.clone()).or_default();
        ids.filter(|id| discovered.see(Hex::new(id.hex()))).count()
    }

    /// A pass over a pool's list is complete. Its begin and end are in seconds since 1970. Returns
    /// how many identities leave.
    pub fn end_pass(&self, pool: &PoolId, began: f64, ended: f64) -> usize {
        let mut pools = self.pools();
        let discovered = pools.entry(pool.clone()).or_default();
        discovered.end_pass(began, ended)
    }

    /// Has the lists of all pools read again, as identities have come or left.
    pub fn announce(&self) {
        self.notifier.notify();
    }

    /// Each pool that is discovered, the number of identities that are known of it, and its passes.
    #[must_use]
    pub fn all(&self) -> Vec<(PoolId, usize, Passes)> {
        let pools = self.pools();
        let of_pool = |(id, found): (&PoolId, &Discovered)| {
            (id.clone(), found.identities.len(), found.passes)
        };
        pools.iter().map(of_pool).collect()
    }

    /// The number of identities that are known of a pool, and its passes; `None` if it is not
    /// discovered.
    #[must_use]
    pub fn of_pool(&self, pool: &PoolId) -> Option<(usize, Passes)> {
        let pools = self.pools();
        let discovered = pools.get(pool)?;
        Some((discovered.identities.len(), discovered.passes))
    }

    /// How many of these identities of a pool the last complete pass did not list; `None` before
    /// the first.
    pub fn missed<'a>(
        &self,
        pool: &PoolId,
        ids: impl Iterator<Item = IdentityId<'a>>,
    ) -> Option<usize> {
        let pools = self.pools();
        let discovered = pools.get(pool).filter(|of| of.passes.complete > 0)?;
        let was_listed = |id: IdentityId<'_>| {
            let mark = discovered.identities.get(&Hex::new(id.hex()));
            mark.is_some_and(|mark| mark.misses == 0)
        };
        Some(ids.filter(|id| !was_listed(*id)).count())
    }

    /// These pools are discovered. All others are forgotten.
    pub fn set_pools<'a>(&self, discovered: impl Iterator<Item = &'a PoolId>) {
        let mut pools = self.pools();
        let mut before = std::mem::take(&mut *pools);
        pools.extend(discovered.map(|id| {
            let found = before.remove(id).unwrap_or_default();
            (id.clone(), found)
        }));
    }

    /// What has changed since it was taken the last time: of all pools together `max` identities,
    /// or a few more.
    #[must_use]
    pub fn take_changes(&self, max: usize) -> Vec<CatalogChange> {
        let mut left = max;
        let mut changes = Vec::new();
        for (pool, discovered) in self.pools().iter_mut() {
            if left > 0 && discovered.is_unsaved {
                let identities = discovered.take_unsaved(left);
                left = left.saturating_sub(identities.len());
                let pool = pool.clone();
                changes.push(CatalogChange { pool, identities });
            }
        }
        changes
    }

    /// Whether all that has changed was taken.
    #[must_use]
    pub fn is_saved(&self) -> bool {
        self.pools().values().all(|found| !found.is_unsaved)
    }

    /// What was taken could not be saved.
    pub fn put_back(&self, changes: Vec<CatalogChange>) {
        let mut pools = self.pools();
        for change in changes {
            if let Some(discovered) = pools.get_mut(&change.pool) {
                discovered.is_unsaved = true;
                let identities = change.identities.into_iter().map(|(hex, _)| hex);
                discovered.unsaved.extend(identities);
            }
        }
    }

    /// Everything is to be saved again.
    pub fn mark_all_unsaved(&self) {
        for discovered in self.pools().values_mut() {
            discovered.is_unsaved = true;
            let all = discovered.identities.keys().cloned();
            discovered.unsaved.extend(all);
        }
    }

    /// The passes that another process has made, as far as nothing newer is known.
    pub fn restore_passes(&self, pool: &PoolId, passes: Passes) {
        let mut pools = self.pools();
        let discovered = pools.entry(pool.clone()).or_default();
        if discovered.passes.complete == 0 {
            discovered.passes = passes;
        }
    }

    /// The same of an identity, and how many passes have missed it.
    pub fn restore(&self, pool: &PoolId, hex: Hex, misses: u8) {
        let mut pools = self.pools();
        if let Some(discovered) = pools.get_mut(pool) {
            let is_seen = false;
            let saved = Mark { misses, is_seen };
            discovered.identities.entry(hex).or_insert(saved);
        }
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pools().is_empty()
    }

    fn pools(&self) -> MutexGuard<'_, BTreeMap<PoolId, Discovered>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A catalog that announces nothing.
impl Default for Catalog {
    fn default() -> Self {
        Self::new(ChangeNotifier::default())
    }
}

impl Provider for Catalog {
    fn list(&self, _: &Path, pool: &PoolConfig) -> Checked<Listing> {
        let mut list = IdentityList::new(pool.region());
        if let (Some(id), Some(_)) = (&pool.id, pool.settings.discover) {
            let pools = self.pools();
            let Some(discovered) = pools.get(id).filter(|of| !of.is_unknown()) else {
                return Checked::good(Listing::Pending);
            };
            for hex in discovered.identities.keys() {
                let added = list.add(&hex.id(id.region()), None, String::new);
                debug_assert!(
                    added.is_ok(),
                    "it was an id of this region when it was listed"
                );
            }
        }
        Checked::good(Listing::Discovered(Arc::new(list)))
    }
}

impl Discovered {
    /// Whether no pass has shown anything yet.
    fn is_unknown(&self) -> bool {
        self.identities.is_empty() && self.passes.complete == 0
    }

    /// A page has listed an identity. Returns whether it is new.
    fn see(&mut self, hex: Hex) -> bool {
        let mark = self.identities.get_mut(&hex);
        let is_new = mark.is_none();
        match mark {
            Some(mark) => mark.is_seen = true,
            None => {
                let is_seen = true;
                let seen = Mark { misses: 0, is_seen };
                self.identities.insert(hex.clone(), seen);
                self.unsaved.insert(hex);
                self.is_unsaved = true;
            }
        }
        is_new
    }

    fn end_pass(&mut self, began: f64, ended: f64) -> usize {
        let (mut listed, mut dropped) = (0, 0);
        let unsaved = &mut self.unsaved;
        self.identities.retain(|hex, mark| {
            let misses = if mark.is_seen { 0 } else { mark.misses + 1 };
            listed += usize::from(mark.is_seen);
            if misses != mark.misses {
                unsaved.insert(hex.clone());
            }
            let is_seen = false;
            *mark = Mark { misses, is_seen };
            let stays = misses < MAX_MISSES;
            dropped += usize::from(!stays);
            stays
        });
        self.passes.complete += 1;
        self.passes.last = Some(LastPass {
            began,
            ended,
            listed,
        });
        self.is_unsaved = true;
        dropped
    }

    fn take_unsaved(&mut self, max: usize) -> Vec<(Hex, Option<u8>)> {
        let taken: Vec<_> = self.unsaved.iter().take(max).cloned().collect();
        for hex in &taken {
            self.unsaved.remove(hex);
        }
        if self.unsaved.is_empty() {
            self.unsaved = HashSet::new();
            self.is_unsaved = false;
        }
        let with_misses = |hex: Hex| {
            let misses = self.identities.get(&hex).map(|mark| mark.misses);
            (hex, misses)
        };
        taken.into_iter().map(with_misses).collect()
    }
}

#[cfg(test)]
mod tests;
