//! The identities that Cognito Identity lists, pool by pool, as passes of `ListIdentities` find
//! them.
//!
//! A pass takes hours where there are a million identities. AWS does not say in which order it
//! lists them, nor whether one that comes or goes meanwhile is among them. So an identity is added
//! as soon as a page has it, and leaves only after two complete passes without it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Passes {
    /// Number of complete passes.
    pub complete: u64,
    /// The last one of them.
    pub last: Option<LastPass>,
}

/// A complete pass. Times are in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq)]
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
    pub passes: Passes,
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

    /// A pass over a pool's list is complete. `began` and `ended` are in seconds since 1970. Returns
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

    /// The number of identities that are known of a pool, and its passes; `None` if no pass has
    /// begun.
    #[must_use]
    pub fn of_pool(&self, pool: &PoolId) -> Option<(usize, Passes)> {
        let pools = self.pools();
        let discovered = pools.get(pool)?;
        Some((discovered.identities.len(), discovered.passes))
    }

    /// How many of these identities of a pool the last complete pass did not list.
    pub fn count_missed<'a>(
        &self,
        pool: &PoolId,
        ids: impl Iterator<Item = IdentityId<'a>>,
    ) -> usize {
        let pools = self.pools();
        let Some(discovered) = pools.get(pool) else {
            return 0;
        };
        let was_listed = |id: IdentityId<'_>| {
            let mark = discovered.identities.get(&Hex::new(id.hex()));
            mark.is_some_and(|mark| mark.misses == 0)
        };
        ids.filter(|id| !was_listed(*id)).count()
    }

    /// Forgets all pools but these.
    pub fn retain(&self, is_discovered: impl Fn(&PoolId) -> bool) {
        self.pools().retain(|pool, _| is_discovered(pool));
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
                let (pool, passes) = (pool.clone(), discovered.passes);
                changes.push(CatalogChange {
                    pool,
                    passes,
                    identities,
                });
            }
        }
        changes
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

    /// What was saved by another process, as far as nothing newer is known.
    pub fn restore(&self, saved: CatalogChange) {
        let mut pools = self.pools();
        let discovered = pools.entry(saved.pool).or_default();
        if discovered.passes.complete == 0 {
            discovered.passes = saved.passes;
        }
        for (hex, misses) in saved.identities {
            if let Some(misses) = misses {
                let is_seen = false;
                let saved = Mark { misses, is_seen };
                discovered.identities.entry(hex).or_insert(saved);
            }
        }
    }

    fn pools(&self) -> MutexGuard<'_, BTreeMap<PoolId, Discovered>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Provider for Catalog {
    fn list(&self, _: &Path, pool: &PoolConfig) -> Checked<Listing> {
        let mut list = IdentityList::new(pool.region());
        if let (Some(id), Some(_)) = (&pool.id, pool.settings.discover) {
            let pools = self.pools();
            let Some(discovered) = pools.get(id) else {
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
mod tests {
    use super::*;
    use crate::config::{self, PoolConfig};
    use crate::discovery::Discovery;

    const POOL: &str = "r:0";

    fn pool() -> PoolId {
        PoolId::parse(POOL).unwrap()
    }

    fn configured() -> PoolConfig {
        let text = format!("pools: [{{id: '{POOL}', series: each, discover: {{}}}}]");
        let config = config::parse(Path::new("file"), &text).unwrap();
        config.accept().unwrap().0.pools.remove(0)
    }

    /// A page of ids that end in these digits.
    fn page(catalog: &Catalog, ids: &str) -> usize {
        let ids: Vec<_> = ids.chars().map(id).collect();
        let ids = ids.iter().map(|id| IdentityId::parse(id).unwrap());
        catalog.add_page(&pool(), ids)
    }

    fn id(last: char) -> String {
        format!("r:00000000-0000-4000-8000-00000000000{last}")
    }

    /// The last digits of those that are known.
    fn known(catalog: &Catalog) -> Option<String> {
        let list = catalog.list(Path::new("file"), &configured()).value;
        let list = list.list()?;
        let mut known: Vec<_> = (0..list.len())
            .map(|index| list.id(index).as_str().chars().last().unwrap())
            .collect();
        known.sort_unstable();
        Some(known.into_iter().collect())
    }

    fn catalog() -> Catalog {
        Catalog::new(Discovery::default().notifier())
    }

    #[test]
    fn who_is_listed_is_known_at_once_and_leaves_after_two_passes_without() {
        let catalog = catalog();
        assert_eq!(known(&catalog), None, "nobody has looked");
        assert_eq!((page(&catalog, "12"), page(&catalog, "23")), (2, 1));
        assert_eq!(known(&catalog).unwrap(), "123");
        assert_eq!(catalog.end_pass(&pool(), 10.0, 11.0), 0);
        page(&catalog, "1");
        assert_eq!(
            known(&catalog).unwrap(),
            "123",
            "a pass that is not complete"
        );
        assert_eq!(catalog.end_pass(&pool(), 20.0, 21.0), 0);
        assert_eq!(known(&catalog).unwrap(), "123", "one pass without");
        page(&catalog, "13");
        assert_eq!(catalog.end_pass(&pool(), 30.0, 31.0), 1);
        assert_eq!(known(&catalog).unwrap(), "13", "3 came back in time");
        let last = LastPass {
            began: 30.0,
            ended: 31.0,
            listed: 2,
        };
        let passes = Passes {
            complete: 3,
            last: Some(last),
        };
        assert_eq!(catalog.of_pool(&pool()), Some((2, passes)));
    }

    #[test]
    fn who_was_missed_by_the_last_pass_is_counted() {
        let catalog = catalog();
        page(&catalog, "12");
        catalog.end_pass(&pool(), 0.0, 1.0);
        page(&catalog, "1");
        catalog.end_pass(&pool(), 2.0, 3.0);
        let ids: Vec<_> = "123".chars().map(id).collect();
        let ids = ids.iter().map(|id| IdentityId::parse(id).unwrap());
        assert_eq!(catalog.count_missed(&pool(), ids), 2);
    }

    #[test]
    fn a_pool_that_is_not_discovered_has_no_list() {
        let catalog = catalog();
        page(&catalog, "1");
        let mut configured = configured();
        configured.settings.discover = None;
        let list = catalog.list(Path::new("file"), &configured).value;
        assert!(list.list().is_none_or(IdentityList::is_empty));
        catalog.retain(|_| false);
        assert_eq!(catalog.of_pool(&pool()), None);
    }

    /// What is taken bit by bit, some of it twice, is the same elsewhere.
    #[test]
    fn what_is_saved_is_restored() {
        let (first, second) = (catalog(), catalog());
        let save = |max| {
            let changes = first.take_changes(max);
            let is_empty = changes.is_empty();
            changes
                .into_iter()
                .for_each(|change| second.restore(change));
            !is_empty
        };
        page(&first, "123");
        first.put_back(first.take_changes(2));
        while save(1) {}
        assert_eq!(known(&second).unwrap(), "123");
        page(&first, "1");
        first.end_pass(&pool(), 1.0, 2.0);
        let changes = first.take_changes(9);
        let [change] = &changes[..] else {
            panic!("{changes:?}")
        };
        assert_eq!(change.passes.complete, 1);
        assert!(change.identities.is_empty(), "all were listed by it");
        first.end_pass(&pool(), 3.0, 4.0);
        let [missed] = &first.take_changes(9)[..] else {
            panic!()
        };
        assert!(
            missed
                .identities
                .iter()
                .all(|(_, misses)| *misses == Some(1))
        );
        first.end_pass(&pool(), 5.0, 6.0);
        let [gone] = &first.take_changes(9)[..] else {
            panic!()
        };
        assert!(gone.identities.iter().all(|(_, misses)| misses.is_none()));
        assert_eq!(first.take_changes(9), []);
        page(&first, "4");
        first.mark_all_unsaved();
        assert_eq!(first.take_changes(9)[0].identities.len(), 1);
    }
}
