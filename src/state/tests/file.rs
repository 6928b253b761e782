//! The file, on a storage that fails.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;

use super::crash::Storage;
use crate::clock::{Mono, Timestamp};
use crate::identity::{Hex, PoolId};
use crate::state::error::{FileError, VERSION};
use crate::state::file::{Batch, StateFile};
use crate::state::journal::Row;
use crate::state::row::{self, PoolRow};
use crate::state::times::{ClockSteps, SavedAt};
use crate::store::KeptPool;

/// Times that the power is lost.
const LIVES: usize = 25;
const POOL: &str = "us-east-1:00000000-0000-4000-8000-000000000000";

fn now() -> Timestamp {
    Timestamp {
        mono: Mono::START + Duration::from_secs(1),
        unix: 1_763_903_374.0,
    }
}

fn batch(identities: Vec<Row>) -> Batch {
    let pool = PoolRow::new(
        0,
        Duration::from_secs(900),
        &KeptPool {
            usage: None,
            failure: None,
        },
        None,
        &ClockSteps::new(now(), None),
    );
    Batch {
        saved_at: SavedAt::new(now(), None),
        standing: None,
        fingerprint: 1,
        pools: vec![(PoolId::parse(POOL).unwrap(), pool)],
        identities,
    }
}

/// Values of so many random rows, which also hold which batch they are of.
fn rows(rng: &mut Rng, number: u8, count: usize) -> Vec<Row> {
    let rows: BTreeMap<_, _> = (0..count)
        .map(|_| {
            let hex = format!("{:08x}-0000-4000-8000-000000000000", rng.u32(..6_000));
            let value = vec![number; rng.usize(20..90)];
            (row::key(0, &Hex::new(&hex)), value)
        })
        .collect();
    rows.into_iter().collect()
}

fn contents(file: &StateFile) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut contents = BTreeMap::new();
    file.each_row(|key, value| {
        let twice = contents.insert(key.to_vec(), value.to_vec());
        assert_eq!(twice, None, "each row once");
        Ok(())
    })
    .unwrap();
    contents
}

fn open(storage: &Storage) -> Result<StateFile, FileError> {
    StateFile::open_backend(storage.clone()).map(|(file, _)| file)
}

#[test]
fn what_was_saved_is_there_after_each_loss_of_power() {
    let mut rng = Rng::with_seed(1);
    let (mut losses, mut lost_writes, mut half_saved) = (0, 0, 0);
    let mut storage = Storage::default();
    let mut saved = BTreeMap::new();
    for life in 0..LIVES {
        let mut file = open(&storage).unwrap();
        assert_eq!(contents(&file), saved, "life {life}");
        storage.fail_after(rng.u64(10..400));
        let mut next;
        loop {
            let (count, number) = (rng.usize(1..1_500), rng.u8(..));
            let rows = rows(&mut rng, number, count);
            next = saved.clone();
            next.extend(rows.iter().cloned());
            match file.save(batch(rows)) {
                Ok(()) => saved = next,
                Err(FileError::Io(_)) => break,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(storage.failures() > 0, "the fault has fired");
        losses += 1;
        let (after, lost) = storage.after_power_loss(&mut rng);
        lost_writes += lost;
        drop(file);
        storage = after;
        // A save may have come as far as the disk without having said so.
        let found = contents(&open(&storage).unwrap());
        if found != saved {
            assert_eq!(found, next, "all of the last save or nothing of it");
            half_saved += 1;
        }
        saved = found;
    }
    assert_eq!(losses, LIVES);
    assert!(lost_writes > LIVES * 8, "{lost_writes}");
    assert!(half_saved < LIVES);
    assert!(saved.len() > 4_000, "{}", saved.len());
}

#[test]
fn a_full_disk_loses_nothing_and_is_used_again_when_there_is_room() {
    let mut rng = Rng::with_seed(2);
    let storage = Storage::default();
    let mut file = open(&storage).unwrap();
    let mut saved = BTreeMap::new();
    let mut fill = |file: &mut StateFile, saved: &mut BTreeMap<_, _>| -> Result<(), FileError> {
        for number in 0..200 {
            let rows = rows(&mut rng, number, 500);
            let mut next = saved.clone();
            next.extend(rows.iter().cloned());
            file.save(batch(rows))?;
            *saved = next;
        }
        Ok(())
    };
    storage.fill_at(Some(1_200_000));
    let full = fill(&mut file, &mut saved).unwrap_err();
    assert!(matches!(full, FileError::Io(_)), "{full}");
    assert!(storage.failures() > 0 && !saved.is_empty());
    drop(file);
    storage.fill_at(None);
    let mut file = open(&storage).unwrap();
    assert_eq!(contents(&file), saved);
    fill(&mut file, &mut saved).unwrap();
    assert_eq!(contents(&file), saved);
}

#[test]
fn rows_that_are_forgotten_are_gone() {
    let storage = Storage::default();
    let mut rng = Rng::with_seed(3);
    let mut file = open(&storage).unwrap();
    for number in 0..10 {
        let rows = rows(&mut rng, number, 1_000);
        file.save(batch(rows)).unwrap();
    }
    let keys: Vec<_> = contents(&file).into_keys().collect();
    let (gone, kept) = keys.split_at(keys.len() / 2);
    let forgotten = gone.iter().map(|key| (key.clone(), Vec::new()));
    file.save(batch(forgotten.collect())).unwrap();
    assert!(contents(&file).into_keys().eq(kept.iter().cloned()));
    drop(file);
    let mut file = open(&storage).unwrap();
    assert!(contents(&file).into_keys().eq(kept.iter().cloned()));
    for number in 0..10 {
        let rows = rows(&mut rng, number, 1_000);
        file.save(batch(rows)).unwrap();
    }
    let odd = contents(&file).into_values().any(|value| value.is_empty());
    assert!(!odd);
}

#[test]
fn no_damage_makes_a_false_row() {
    let mut rng = Rng::with_seed(4);
    let storage = Storage::default();
    let mut file = open(&storage).unwrap();
    for number in 0..12 {
        let rows = rows(&mut rng, number, 400);
        file.save(batch(rows)).unwrap();
    }
    let saved = contents(&file);
    drop(file);
    let good = storage.bytes();
    let (mut refused, mut unharmed) = (0, 0);
    for round in 0..200 {
        let mut bytes = good.clone();
        if round % 10 == 0 {
            bytes.truncate(rng.usize(..bytes.len()));
        } else {
            let at = rng.usize(..bytes.len());
            let end = bytes.len().min(at + rng.usize(1..64));
            for byte in &mut bytes[at..end] {
                *byte ^= rng.u8(1..);
            }
        }
        let is_empty = bytes.is_empty();
        match open(&Storage::of(bytes)) {
            Ok(file) => {
                let found = contents(&file);
                // An empty file is a new one.
                assert!(found == saved || is_empty, "round {round}");
                unharmed += 1;
            }
            Err(error) => {
                assert!(error.is_final(), "round {round}: {error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 60 && unharmed > 5, "{refused} {unharmed}");
}

#[test]
fn other_files_and_versions_are_not_read() {
    for bytes in [b"# identities\n".to_vec(), vec![7; 100_000], vec![0; 4_096]] {
        let error = open(&Storage::of(bytes)).unwrap_err();
        assert!(error.is_final(), "{error}");
    }
    let other = Storage::default();
    let database = redb::Builder::new().create_with_backend(other.clone());
    let writing = database.as_ref().unwrap().begin_write().unwrap();
    let table = redb::TableDefinition::<u64, u64>::new("of another program");
    writing.open_table(table).unwrap().insert(1, 1).unwrap();
    writing.commit().unwrap();
    drop(database);
    let error = open(&other).unwrap_err();
    assert!(error.is_final(), "{error}");
    let storage = Storage::default();
    let mut file = open(&storage).unwrap();
    file.save(batch(Vec::new())).unwrap();
    file.set_version_for_tests(VERSION + 1);
    drop(file);
    let error = open(&storage).unwrap_err();
    assert!(matches!(error, FileError::OtherVersion(_)), "{error}");
}

#[test]
fn keys_tell_their_pool_and_have_the_order_of_ids() {
    let ids = [
        "00000000-0000-4000-8000-000000000001",
        "2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ];
    let keys = ids.map(|id| row::key(7, &Hex::new(id)));
    assert!(keys.is_sorted());
    assert!(keys.iter().all(|key| key.len() == 18));
    let odd = ["abc", "2a1f8a529c6b4a7e8f6d3f8f1f0a9e10", "0-0"];
    for id in ids.iter().chain(&odd) {
        let hex = Hex::new(id);
        let key = |hex, is_discovered| row::Key {
            pool: 7,
            hex,
            is_discovered,
        };
        let of_usage = row::parse_key(&row::key(7, &hex));
        assert_eq!(of_usage, Some(key(hex.clone(), false)));
        let of_list = row::parse_key(&row::discovered_key(7, &hex));
        assert_eq!(of_list, Some(key(hex, true)));
    }
    assert_eq!(row::parse_key(&[0, 7, 1]), None);
}
