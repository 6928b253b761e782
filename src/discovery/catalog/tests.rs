//! Who is known after which pages and passes.

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
    catalog.add_page(&pool(), ids).new
}

/// A pass is complete, and the next one begins. Returns who was listed, and who leaves.
fn end_pass(catalog: &Catalog, began: f64, ended: f64) -> (usize, usize) {
    let end = catalog.end_pass(&pool(), began, ended);
    catalog.begin_pass(&pool());
    (end.listed, end.dropped)
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

/// A catalog in which the first pass over the pool begins.
fn catalog() -> Catalog {
    let catalog = Catalog::new(Discovery::default().notifier());
    catalog.set_pools([pool()].iter());
    catalog.begin_pass(&pool());
    catalog
}

#[test]
fn who_is_listed_is_known_at_once_and_leaves_after_two_passes_without() {
    let catalog = catalog();
    assert_eq!(known(&catalog), None, "nobody has looked");
    assert_eq!((page(&catalog, "12"), page(&catalog, "23")), (2, 1));
    assert_eq!(known(&catalog).unwrap(), "123");
    assert_eq!(end_pass(&catalog, 10.0, 11.0), (3, 0));
    page(&catalog, "1");
    assert_eq!(
        known(&catalog).unwrap(),
        "123",
        "a pass that is not complete"
    );
    assert_eq!(end_pass(&catalog, 20.0, 21.0), (1, 0));
    assert_eq!(known(&catalog).unwrap(), "123", "one pass without");
    page(&catalog, "13");
    assert_eq!(end_pass(&catalog, 30.0, 31.0), (2, 1));
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

/// Who was listed by the part of a pass that was cut off counts no more once it begins anew.
#[test]
fn a_pass_that_begins_anew_lists_anew() {
    let catalog = catalog();
    page(&catalog, "12");
    end_pass(&catalog, 0.0, 1.0);
    page(&catalog, "1");
    catalog.begin_pass(&pool());
    page(&catalog, "2");
    let end = catalog.end_pass(&pool(), 2.0, 3.0);
    assert_eq!((end.listed, end.dropped, end.is_news), (1, 0, true));
    catalog.begin_pass(&pool());
    page(&catalog, "2");
    assert_eq!(end_pass(&catalog, 4.0, 5.0), (1, 1));
}

#[test]
fn who_was_missed_by_the_last_pass_is_counted() {
    let catalog = catalog();
    page(&catalog, "12");
    end_pass(&catalog, 0.0, 1.0);
    page(&catalog, "1");
    end_pass(&catalog, 2.0, 3.0);
    let ids: Vec<_> = "123".chars().map(id).collect();
    let ids = ids.iter().map(|id| IdentityId::parse(id).unwrap());
    assert_eq!(catalog.missed(&pool(), ids), Some(2));
}

#[test]
fn a_pool_that_is_not_discovered_has_no_list() {
    let catalog = catalog();
    page(&catalog, "1");
    let mut configured = configured();
    configured.settings.discover = None;
    let list = catalog.list(Path::new("file"), &configured).value;
    assert!(list.list().is_none_or(IdentityList::is_empty));
    catalog.set_pools(std::iter::empty());
    assert_eq!(catalog.of_pool(&pool()), None);
}

/// What is taken bit by bit, some of it twice, is the same elsewhere.
#[test]
fn what_is_saved_is_restored() {
    let (first, second) = (catalog(), catalog());
    let save = |max| {
        let changes = first.take_changes(max);
        second.restore_passes(&pool(), Passes::default());
        let saved = changes.iter().flat_map(|change| &change.identities);
        let saved = saved.map(|(hex, misses)| (hex.clone(), misses.unwrap()));
        second.restore(&pool(), saved);
        !changes.is_empty()
    };
    page(&first, "123");
    first.put_back(first.take_changes(2));
    while save(1) {}
    assert_eq!(known(&second).unwrap(), "123");
    page(&first, "1");
    end_pass(&first, 1.0, 2.0);
    let changes = first.take_changes(9);
    let [change] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert!(change.identities.is_empty(), "all were listed by it");
    end_pass(&first, 3.0, 4.0);
    let [missed] = &first.take_changes(9)[..] else {
        panic!()
    };
    assert!(
        missed
            .identities
            .iter()
            .all(|(_, misses)| *misses == Some(1))
    );
    end_pass(&first, 5.0, 6.0);
    let [gone] = &first.take_changes(9)[..] else {
        panic!()
    };
    assert!(gone.identities.iter().all(|(_, misses)| misses.is_none()));
    assert_eq!(first.take_changes(9), []);
    page(&first, "4");
    first.mark_all_unsaved();
    assert_eq!(first.take_changes(9)[0].identities.len(), 1);
}
