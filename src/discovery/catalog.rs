//! The identities that Cognito Identity lists, pool by pool, as passes of `ListIdentities` find
//! them.
//!
//! A pass takes hours where there are a million identities. AWS does not say in which order it
//! lists them, nor whether one that comes or goes meanwhile is among them. So an identity is added
//! as soon as a page has it, and leaves only after two complete passes without it.

mod identities;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use identities::Identities;
pub use identities::{PageAdded, PassEnd};

use super::{ChangeNotifier, IdentityList, Listing, Provider};
use crate::config::{Checked, PoolConfig, Problem};
use crate::identity::{Hex, IdentityId, PoolId};

/// Identities that are looked up at once, since pages and saves wait meanwhile.
const LOOKED_UP_AT_ONCE: usize = 4_096;

/// The discovered identities of all pools. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Catalog {
    pools: Arc<Mutex<BTreeMap<PoolId, Entry>>>,
    notifier: ChangeNotifier,
}

/// A pool in the catalog. What scrapes show is beside the identities, whose lock may take time.
#[derive(Clone, Debug, Default)]
struct Entry {
    known: usize,
    passes: Passes,
    identities: Arc<Mutex<Identities>>,
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

impl Catalog {
    /// An empty catalog, which calls `notifier` when [`Catalog::announce`] says so.
    #[must_use]
    pub fn new(notifier: ChangeNotifier) -> Self {
        Self {
            pools: Arc::default(),
            notifier,
        }
    }

    /// A pass over a pool's list begins, or begins anew.
    pub fn begin_pass(&self, pool: &PoolId) {
        self.with_identities(pool, Identities::begin_pass);
    }

    /// A page of a pool's list.
    pub fn add_page<'a>(
        &self,
        pool: &PoolId,
        ids: impl Iterator<Item = IdentityId<'a>>,
    ) -> PageAdded {
        self.with_identities(pool, |identities| {
            let mut added = PageAdded { new: 0, listed: 0 };
            for id in ids {
                identities.list(Hex::new(id.hex()), &mut added);
            }
            added
        })
        .unwrap_or(PageAdded { new: 0, listed: 0 })
    }

    /// A pass over a pool's list is complete. Its begin and end are in seconds since 1970. Takes
    /// time in proportion to the list.
    pub fn end_pass(&self, pool: &PoolId, began: f64, ended: f64) -> PassEnd {
        let end = self.with_identities(pool, Identities::end_pass);
        let end = end.unwrap_or(PassEnd {
            listed: 0,
            dropped: 0,
            is_news: false,
        });
        if let Some(entry) = self.pools().get_mut(pool) {
            entry.passes.complete += 1;
            entry.passes.last = Some(LastPass {
                began,
                ended,
                listed: end.listed,
            });
        }
        end
    }

    /// Has the lists of all pools read again, as identities have come or left.
    pub fn announce(&self) {
        self.notifier.notify();
    }

    /// Each pool that is discovered, the number of identities that are known of it, and its passes.
    #[must_use]
    pub fn all(&self) -> Vec<(PoolId, usize, Passes)> {
        let pools = self.pools();
        let of_pool = |(id, entry): (&PoolId, &Entry)| (id.clone(), entry.known, entry.passes);
        pools.iter().map(of_pool).collect()
    }

    /// The number of identities that are known of a pool, and its passes; `None` if it is not
    /// discovered.
    #[must_use]
    pub fn of_pool(&self, pool: &PoolId) -> Option<(usize, Passes)> {
        let pools = self.pools();
        let entry = pools.get(pool)?;
        Some((entry.known, entry.passes))
    }

    /// How many of these identities of a pool the last complete pass did not list; `None` before
    /// the first. Takes time in proportion to them.
    pub fn missed<'a>(
        &self,
        pool: &PoolId,
        ids: impl Iterator<Item = IdentityId<'a>>,
    ) -> Option<usize> {
        let entry = self.pools().get(pool)?.clone();
        if entry.passes.complete == 0 {
            return None;
        }
        let ids: Vec<_> = ids.map(|id| Hex::new(id.hex())).collect();
        let missed = |some: &[Hex]| {
            let identities = lock(&entry.identities);
            let was_missed = |hex: &&Hex| identities.was_missed(hex);
            some.iter().filter(was_missed).count()
        };
        Some(ids.chunks(LOOKED_UP_AT_ONCE).map(missed).sum())
    }

    /// Whether an identity of a pool was discovered and has not left.
    #[must_use]
    pub fn knows(&self, pool: &PoolId, hex: &Hex) -> bool {
        let entry = self.pools().get(pool).cloned();
        entry.is_some_and(|entry| lock(&entry.identities).knows(hex))
    }

    /// These pools are discovered. All others are forgotten.
    pub fn set_pools<'a>(&self, discovered: impl Iterator<Item = &'a PoolId>) {
        let mut pools = self.pools();
        let mut before = std::mem::take(&mut *pools);
        pools.extend(discovered.map(|id| {
            let entry = before.remove(id).unwrap_or_default();
            (id.clone(), entry)
        }));
    }

    /// What has changed since it was taken the last time: of all pools together `max` identities,
    /// or a few more.
    #[must_use]
    pub fn take_changes(&self, max: usize) -> Vec<CatalogChange> {
        let mut left = max;
        let mut changes = Vec::new();
        for (pool, entry) in self.entries() {
            let mut identities = lock(&entry.identities);
            if left > 0 && identities.is_unsaved {
                let identities = identities.take_unsaved(left);
                left = left.saturating_sub(identities.len());
                changes.push(CatalogChange { pool, identities });
            }
        }
        changes
    }

    /// Whether all that has changed was taken.
    #[must_use]
    pub fn is_saved(&self) -> bool {
        let mut entries = self.entries().into_iter();
        entries.all(|(_, entry)| !lock(&entry.identities).is_unsaved)
    }

    /// What was taken could not be saved.
    pub fn put_back(&self, changes: Vec<CatalogChange>) {
        for change in changes {
            self.with_identities(&change.pool, |identities| {
                identities.mark_unsaved(change.identities.into_iter().map(|(hex, _)| hex));
            });
        }
    }

    /// Everything is to be saved again.
    pub fn mark_all_unsaved(&self) {
        for (_, entry) in self.entries() {
            lock(&entry.identities).mark_all_unsaved();
        }
    }

    /// The passes that another process has made, as far as nothing newer is known. The pool is
    /// discovered.
    pub fn restore_passes(&self, pool: &PoolId, passes: Passes) {
        let mut pools = self.pools();
        let entry = pools.entry(pool.clone()).or_default();
        if entry.passes.complete == 0 {
            entry.passes = passes;
        }
    }

    /// The same of identities of such a pool, and how many passes have missed each.
    pub fn restore(&self, pool: &PoolId, saved: impl Iterator<Item = (Hex, u8)>) {
        self.with_identities(pool, |identities| {
            for (hex, misses) in saved {
                identities.restore(hex, misses);
            }
        });
    }

    /// Whether no pool is discovered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pools().is_empty()
    }

    /// Looks at the identities of a pool, or changes them; `None` if it is not discovered.
    fn with_identities<T>(
        &self,
        pool: &PoolId,
        act: impl FnOnce(&mut Identities) -> T,
    ) -> Option<T> {
        let identities = Arc::clone(&self.pools().get(pool)?.identities);
        let (done, known) = {
            let mut identities = lock(&identities);
            (act(&mut identities), identities.len())
        };
        if let Some(entry) = self.pools().get_mut(pool) {
            entry.known = known;
        }
        Some(done)
    }

    fn entries(&self) -> Vec<(PoolId, Entry)> {
        let pools = self.pools();
        let entry = |(id, entry): (&PoolId, &Entry)| (id.clone(), entry.clone());
        pools.iter().map(entry).collect()
    }

    fn pools(&self) -> MutexGuard<'_, BTreeMap<PoolId, Entry>> {
        lock(&self.pools)
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
            let Some(entry) = self
                .pools()
                .get(id)
                .filter(|entry| entry.is_known())
                .cloned()
            else {
                return Checked::good(Listing::Pending);
            };
            let all: Vec<_> = lock(&entry.identities).all();
            for hex in all {
                let added = list.add(&hex.id(id.region()), None, Problem::default);
                debug_assert!(
                    added.is_ok(),
                    "it was an id of this region when it was listed"
                );
            }
        }
        Checked::good(Listing::Discovered(Arc::new(list)))
    }
}

impl Entry {
    /// Whether a page has shown anything yet.
    fn is_known(&self) -> bool {
        self.known > 0 || self.passes.complete > 0
    }
}

/// What they hold is whole after a panic too.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
