use std::collections::HashSet;

use super::super::dataset::{DATASET_BYTES, DATASET_RECORDS};
use super::super::{TIDY_FOR, TIDY_FROM};
use super::*;
use crate::identity::{IdentityId, PoolId};

const START: f64 = 1_763_856_000.0;
const DAY: f64 = 86_400.0;
const POOL: &str = "us-east-1:00000000-0000-4000-8000-000000000000";
const IDENTITY: &str = "us-east-1:11111111-1111-4111-8111-000000000000";
const LAG: f64 = 24.092;

/// The answers about every identity of a world.
fn everyone<T>(world: &World, ask: impl Fn(&World, &str, &str) -> T) -> Vec<T> {
    let pools = world.pools();
    let ids = pools.flat_map(|(pool, ids)| ids.map(move |id| (pool, id)));
    ids.map(|(pool, id)| ask(world, pool, id)).collect()
}

fn usages(world: &World, age: f64) -> Vec<Option<Usage>> {
    everyone(world, |world, pool, id| world.usage(pool, id, age, START))
}

fn datasets(world: &World, age: f64) -> Vec<Option<Vec<Dataset>>> {
    everyone(world, |world, pool, id| {
        world.datasets(pool, id, age, START)
    })
}

#[test]
fn ids_are_valid_and_unique() {
    let world = World::scripted(7, 3, 1_000);
    let mut seen = HashSet::new();
    for (pool, identities) in world.pools() {
        let region = PoolId::parse(pool).unwrap().region().to_owned();
        for identity in identities {
            assert_eq!(IdentityId::parse(identity).unwrap().region(), region);
            assert!(seen.insert(identity));
        }
    }
    assert_eq!(seen.len(), 1_000);
}

#[test]
fn equal_seeds_give_equal_usage() {
    let of = |seed| usages(&World::scripted(seed, 2, 50), 100.0);
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

#[test]
fn usage_is_that_of_the_datasets_a_lag_ago() {
    let world = World::scripted(3, 2, 100);
    for age in [0.0, 12.0, 31.5, 180.0, 700.0] {
        for (usage, datasets) in usages(&world, age).iter().zip(datasets(&world, age - LAG)) {
            let expected = datasets.map(|datasets| {
                let usage = Usage::of_datasets(&datasets);
                let later = |date| round_to_milliseconds(date + LAG);
                Usage {
                    last_modified: usage.last_modified.map(later),
                    ..usage
                }
            });
            assert_eq!(*usage, expected, "at {age}");
            let date = usage.and_then(|usage| usage.last_modified);
            assert!(date.is_none_or(|date| date <= START + age), "{usage:?}");
        }
    }
}

/// What two answers and the limits tell of an identity.
fn kinds(datasets: &[Dataset]) -> Vec<&'static str> {
    let bytes = |dataset: &Dataset| dataset.storage_bytes.unwrap();
    let records = |dataset: &Dataset| dataset.records.unwrap();
    let (count, sum) = (
        datasets.len() as u64,
        datasets.iter().map(bytes).sum::<u64>(),
    );
    let fullest = datasets.iter().map(bytes).max().unwrap_or(0);
    let most = datasets.iter().map(records).max().unwrap_or(0);
    let near = DATASET_BYTES * 8 / 10;
    let possible = near <= sum && sum < near * count;
    let kinds = [
        ("bytes", count == 1 && fullest == DATASET_BYTES),
        (
            "records",
            most == DATASET_RECORDS && sum < DATASET_BYTES / 20,
        ),
        ("datasets", count == 20 && sum < DATASET_BYTES / 10),
        ("cleared", possible && fullest < DATASET_BYTES / 2),
        ("convicted", possible && fullest == DATASET_BYTES),
        (
            "healthy",
            fullest < near && most < DATASET_RECORDS * 8 / 10 && count <= 3 && !possible,
        ),
    ];
    let is = kinds.into_iter().filter(|(_, is)| *is);
    is.map(|(kind, _)| kind).collect()
}

fn shares(world: &World, age: f64) -> BTreeMap<&'static str, usize> {
    let mut shares = BTreeMap::new();
    for datasets in datasets(world, age).into_iter().flatten() {
        for kind in kinds(&datasets) {
            *shares.entry(kind).or_default() += 1;
        }
    }
    shares
}

#[test]
fn every_limit_shows_within_a_minute_and_most_are_far_from_all() {
    let world = World::scripted(1, 2, 200);
    let walls = |shares: &BTreeMap<&'static str, usize>| {
        ["bytes", "records", "datasets", "cleared", "convicted"]
            .map(|kind| shares.get(kind).copied().unwrap_or(0))
    };
    // Some are full from the start.
    assert_eq!(walls(&shares(&world, 0.0)), [3, 4, 1, 8, 3]);
    let (from, to) = (TIDY_FROM as u32, (TIDY_FROM + TIDY_FOR) as u32);
    for age in (60..from).step_by(60) {
        let shares = shares(&world, f64::from(age));
        assert_eq!(walls(&shares), [4, 4, 4, 8, 8], "at {age}");
        assert!(shares["healthy"] >= 160, "{shares:?} at {age}");
    }
    // The full ones tidy up, then fill up again.
    for age in (from..to).step_by(60) {
        let shares = shares(&world, f64::from(age));
        assert_eq!(walls(&shares), [0, 0, 0, 8, 0], "at {age}");
    }
    assert_eq!(walls(&shares(&world, f64::from(to + 60))), [4, 4, 4, 8, 8]);
    // Even a small demo has all.
    let small = World::scripted(10_520, 2, 60);
    assert!(!walls(&shares(&small, 60.0)).contains(&0));
}

#[test]
fn three_of_a_pool_of_the_demo_are_full_when_it_starts() {
    let world = World::scripted(10_520, 3, 200);
    // The first answers show the world a lag before its start.
    for age in [-LAG, 0.0] {
        let full = |datasets: &Vec<Dataset>| {
            let mut bytes = datasets.iter().map(|dataset| dataset.storage_bytes);
            bytes.any(|bytes| bytes == Some(DATASET_BYTES))
        };
        let of_pool = |(pool, ids): (&str, &mut dyn Iterator<Item = &str>)| {
            let datasets = ids.filter_map(|id| world.datasets(pool, id, age, START));
            datasets.filter(full).count()
        };
        let most = world
            .pools()
            .map(|(pool, mut ids)| of_pool((pool, &mut ids)))
            .max();
        assert!(most >= Some(3), "{most:?} at {age}");
    }
}

#[test]
fn a_full_dataset_takes_no_writes() {
    let mut world = World::default();
    world.insert(POOL, IDENTITY, Life::Filling(0.5));
    let date = |age| world.datasets(POOL, IDENTITY, age, START).unwrap()[0].last_modified;
    assert_ne!(date(40.0), date(50.0));
    assert_eq!(date(50.0), date(TIDY_FROM - 1.0));
    assert_ne!(date(50.0), date(TIDY_FROM + 5.0));
}

#[test]
fn some_are_missing_some_never_wrote_and_some_wrote_long_ago() {
    let world = World::scripted(1, 2, 200);
    let usages = usages(&world, 180.0);
    let wrote = |usage: &Usage| usage.last_modified;
    assert!(usages.iter().any(Option::is_none), "an identity is missing");
    let of = usages.iter().flatten();
    assert!(of.clone().any(|usage| wrote(usage).is_none()));
    let long_ago = |date| date < START - 90.0 * DAY;
    assert!(of.clone().any(|usage| wrote(usage).is_some_and(long_ago)));
}

#[test]
fn constant_usage_adds_up_in_the_list() {
    let usage = Usage {
        datasets: Some(7),
        storage_bytes: Some(70_003),
        last_modified: Some(START - DAY),
    };
    let mut world = World::default();
    world.insert(POOL, IDENTITY, Life::Still(usage));
    assert_eq!(world.usage(POOL, IDENTITY, 5.0, START), Some(usage));
    let listed = world.datasets(POOL, IDENTITY, 5.0, START).unwrap();
    assert_eq!(Usage::of_datasets(&listed), usage);
}

#[test]
fn a_change_is_listed_at_once_and_described_after_the_lag() {
    let of = |bytes: u64, date: f64| {
        vec![Dataset {
            name: Some("saves".to_owned()),
            storage_bytes: Some(bytes),
            records: Some(1),
            last_modified: Some(date),
        }]
    };
    let (before, after) = (of(1, START - DAY), of(2, START + 100.0));
    let mut world = World::default();
    world.insert(POOL, IDENTITY, Life::Datasets(before.clone()));
    world.change(POOL, IDENTITY, Life::Datasets(after.clone()), 100.0);
    let told = |world: &World, age| {
        let usage = world.usage(POOL, IDENTITY, age, START).unwrap();
        (usage.storage_bytes.unwrap(), usage.last_modified.unwrap())
    };
    let listed = |age| world.datasets(POOL, IDENTITY, age, START).unwrap();
    assert_eq!((listed(99.0), listed(100.0)), (before, after));
    assert_eq!(told(&world, 124.0), (1, START - DAY + LAG));
    assert_eq!(told(&world, 124.1), (2, START + 100.0 + LAG));
    world.set_usage_lag(Duration::ZERO);
    assert_eq!(told(&world, 100.0), (2, START + 100.0));
}

#[test]
fn what_clients_write_joins_the_script() {
    let mut world = World::default();
    world.insert(POOL, IDENTITY, Life::Crowding(0.5));
    let at = |age: f64| Moment {
        age,
        date: START + age,
    };
    let put = |key: &str| Patch {
        key: key.to_owned(),
        value: Some("x".to_owned()),
        sync_count: 0,
        device_modified: None,
    };
    let full = Err(Refusal::Limit("a dataset has 1024 records"));
    let mut update = |name: &str, age| {
        let updated = world.update((POOL, IDENTITY, name), vec![put("new")], None, at(age));
        updated.map(|(_, keys)| keys)
    };
    assert_eq!(update("dataset-1", 100.0), full);
    for number in 2..=20 {
        let name = format!("dataset-{number}");
        assert_eq!(update(&name, 101.0), Ok(vec!["new".to_owned()]));
    }
    let twenty = Err(Refusal::Limit("an identity has 20 datasets"));
    assert_eq!(update("dataset-21", 102.0), twenty);
    let totals = |world: &World, age| {
        let listed = world.datasets(POOL, IDENTITY, age, START).unwrap();
        let usage = world.usage(POOL, IDENTITY, age, START).unwrap();
        let sum: Option<u64> = listed.iter().map(|dataset| dataset.storage_bytes).sum();
        [
            (listed.len() as u32, sum.unwrap()),
            (usage.datasets.unwrap(), usage.storage_bytes.unwrap()),
        ]
    };
    let (before, after) = ((1, 20 * 1_024), (20, 20 * 1_024 + 19 * 4));
    assert_eq!(totals(&world, 102.0), [after, before]);
    assert_eq!(totals(&world, 126.0), [after, after]);
    // A script's dataset can be deleted, and made anew.
    let first = (POOL, IDENTITY, "dataset-1");
    let deleted = world.delete(first, at(130.0)).unwrap();
    assert_eq!(deleted.dataset.records, Some(1_024));
    assert_eq!(world.delete(first, at(131.0)), Err(Refusal::NotFound));
    assert_eq!(totals(&world, 131.0), [(19, 19 * 4), after]);
    assert!(
        world
            .update(first, vec![put("new")], None, at(132.0))
            .is_ok()
    );
    assert_eq!(totals(&world, 132.0)[0], (20, 20 * 4));
    let unknown = world.update((POOL, "nobody", "a"), Vec::new(), None, at(132.0));
    assert_eq!(unknown.map(|(_, keys)| keys), Err(Refusal::NotFound));
}
