//! Lists that were discovered outlive the process, and usage finds those that are in them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::process::{BEGAN, POOL, Process, described, directory, usage};
use crate::clock::{Clock, Mono};
use crate::discovery::Catalog;
use crate::identity::{IdentityId, PoolId};
use crate::job::{IdentityIndex, PoolIndex};
use crate::state::{Known, Opened, Relist, Saves, open};
use crate::store::Store;
use crate::targets::{TargetDiff, Targets};

const IDS: [&str; 3] = [
    "r:00000000-0000-4000-8000-000000000001",
    "r:00000000-0000-4000-8000-000000000002",
    "r:0dd",
];

fn pool() -> PoolId {
    PoolId::parse(POOL).unwrap()
}

/// A pass begins, and has listed these.
fn list(catalog: &Catalog, ids: &[&str]) {
    catalog.begin_pass(&pool());
    let ids = ids.iter().map(|id| IdentityId::parse(id).unwrap());
    catalog.add_page(&pool(), ids);
}

/// A pool that is discovered, with these identities.
fn targets(ids: &[&str]) -> Arc<Targets> {
    let mut targets = Targets::for_tests_with_ids([(POOL, ids)]);
    targets.pools[0].settings.discover = Some(Default::default());
    Arc::new(targets)
}

/// A process that knows nobody before it opens its state, and how often it reads lists anew then.
fn second(path: &std::path::Path) -> (Opened, Arc<Store>, Catalog, usize) {
    let store = Arc::new(Store::new(targets(&[])));
    let (relisted, relists) = (Arc::clone(&store), Arc::new(AtomicUsize::new(0)));
    let (catalog, counted) = (Catalog::default(), Arc::clone(&relists));
    let relist = Relist::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let (before, new) = (relisted.snapshot().targets, targets(&IDS));
        relisted.apply_targets(&new, &TargetDiff::new(&before, &new));
    });
    let known = Known {
        store: Arc::clone(&store),
        catalog: catalog.clone(),
        relist,
    };
    let (saves, clock) = (Arc::new(Saves::default()), Clock::anchored(BEGAN + 10.0));
    let opened = open(path, known, &saves, &clock).unwrap();
    (opened, store, catalog, relists.load(Ordering::Relaxed))
}

/// The usage of all is in the store.
fn assert_all_usage(store: &Store) {
    let snapshot = store.snapshot();
    let of_pool = snapshot.pool(PoolIndex(0));
    let shown = of_pool.oldest_shown(Mono::START);
    for index in 0..IDS.len() {
        let record = &of_pool.records[IdentityIndex(index)];
        assert_eq!(record.usage(shown), Some(&usage(300)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_discovered_list_and_the_usage_of_its_identities_are_restored() {
    let (_parent, path) = directory();
    let mut first = Process::start_with(&path, targets(&IDS), BEGAN);
    first.catalog.set_pools([pool()].iter());
    list(&first.catalog, &IDS);
    first.catalog.end_pass(&pool(), BEGAN, BEGAN + 1.0);
    list(&first.catalog, &IDS[1..]);
    first.catalog.end_pass(&pool(), BEGAN + 2.0, BEGAN + 3.0);
    let all = first.catalog.of_pool(&pool());
    for id in IDS {
        first.poll(id, described(300));
    }
    first.save();
    drop(first);
    let (opened, store, catalog, relists) = second(&path);
    assert_eq!(relists, 1);
    assert_eq!(catalog.of_pool(&pool()), all);
    assert_all_usage(&store);
    drop(opened);
    // One more pass without the first, which had missed it once.
    let (mut opened, _, catalog, _) = second(&path);
    list(&catalog, &IDS[1..]);
    let end = catalog.end_pass(&pool(), BEGAN + 4.0, BEGAN + 5.0);
    assert_eq!(end.dropped, 1);
    opened.save(None);
    drop(opened);
    let (_, _, catalog, _) = second(&path);
    let (known, passes) = catalog.of_pool(&pool()).unwrap();
    assert_eq!((known, passes.complete), (2, 3));
}

/// Those that are not discovered any more are forgotten, and nobody reads lists for them.
#[tokio::test(start_paused = true)]
async fn without_a_discovered_list_no_list_is_read_anew() {
    let (_parent, path) = directory();
    let mut first = Process::start(&path, &["r:1"], BEGAN);
    first.poll("r:1", described(300));
    first.save();
    drop(first);
    let (_, _, catalog, relists) = second(&path);
    assert_eq!((catalog.is_empty(), relists), (true, 0));
}

/// When a file can be read after polls have begun, only the poller changes the targets, and usage
/// waits for that.
#[tokio::test(start_paused = true)]
async fn what_comes_late_waits_for_the_reload_loop() {
    let (_parent, path) = directory();
    let mut first = Process::start_with(&path, targets(&IDS), BEGAN);
    first.catalog.set_pools([pool()].iter());
    list(&first.catalog, &IDS);
    for id in IDS {
        first.poll(id, described(300));
    }
    first.save();
    drop(first);
    let (file, aside) = (path.join("state.redb"), path.join("aside"));
    std::fs::rename(&file, &aside).unwrap();
    // Which cannot be opened as a file.
    std::fs::create_dir(&file).unwrap();
    let (mut opened, store, catalog, relists) = second(&path);
    assert_eq!((catalog.is_empty(), relists), (true, 0));
    std::fs::remove_dir(&file).unwrap();
    std::fs::rename(&aside, &file).unwrap();
    tokio::time::advance(Duration::from_secs(10)).await;
    opened.save(None);
    assert_eq!(catalog.of_pool(&pool()).unwrap().0, 3);
    let before = store.snapshot().targets;
    assert_eq!(before.identities(), 0, "only the poller changes them");
    let new = targets(&IDS);
    store.apply_targets(&new, &TargetDiff::new(&before, &new));
    opened.save(None);
    assert_all_usage(&store);
}
