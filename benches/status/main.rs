//! What the status page costs: `cargo bench --bench status`. Prints the table of
//! docs/performance.md.
//!
//! The real server makes each page and each JSON anew; CPU is that of this process, in which
//! nothing else runs. Machines are noisy, so read the ratios: what it is compared with is a pass
//! that only adds up the bytes of the same identities, in turns with the pages. `-- 1000` measures
//! only this number of identities.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a bench may, and clippy does not see that this is one"
)]

#[path = "../../tests/support/filled.rs"]
mod filled;

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cognitosync_exporter::api::{Dataset, Failure, Usage};
use cognitosync_exporter::clock::Timestamp;
use cognitosync_exporter::job::PoolIndex;
use cognitosync_exporter::loading;
use cognitosync_exporter::observation::Observation;
use cognitosync_exporter::store::Store;

/// Pools, and identities in each.
const SIZES: [(usize, usize); 4] = [(1, 10), (1, 10_000), (1, 1_000_000), (10, 100_000)];
const ROUNDS: u32 = 9;

const HOUR: f64 = 3_600.0;
const YEAR: f64 = 365.0 * 24.0 * HOUR;
/// Bytes of a record.
const RECORD_BYTES: u64 = 1_100;
/// Of an identity, at even intervals.
const POLLS: u32 = 14;
const POLL_INTERVAL: f64 = 24.0 * HOUR;

fn main() {
    let sizes = std::env::args()
        .skip(1)
        .filter_map(|size| size.parse().ok());
    let sizes: Vec<_> = sizes.map(|size| (1, size)).collect();
    println!(
        "| pools, identities | sum, ms | page, ms | x sum | JSON, ms | x sum |\n|---|---|---|---|---|---|"
    );
    for (pools, identities) in if sizes.is_empty() { &SIZES } else { &sizes[..] } {
        measure(*pools, *identities);
    }
}

fn measure(pools: usize, identities: usize) {
    let store = store(pools, identities);
    let url = format!(
        "http://{}",
        filled::serve(Arc::clone(&store), filled::Served::AsAsked)
    );
    let agent = ureq::agent();
    let get = |path: String| {
        let response = agent.get(format!("{url}{path}")).call();
        response.unwrap().body_mut().read_to_vec().unwrap().len()
    };
    // Counters of some kernels advance in steps of four milliseconds.
    let repeats = (1_000_000 / (pools * identities)).clamp(1, 200);
    let mut costs = [const { Vec::new() }; 3];
    for _ in 0..=ROUNDS {
        let ways: [&dyn Fn(usize) -> usize; 3] = [
            &|_| sum(&store),
            // Of other rows than the one before, so that none comes from the cache.
            &|turn| get(format!("/?top={}", 20 + turn % 2)),
            &|turn| get(format!("/api/v1/status?top={}", 30 + turn % 2)),
        ];
        // A sum takes a fraction of a page.
        let sums = (20_000_000 / (pools * identities)).clamp(50, 1_000_000);
        let repeats = [sums, repeats, repeats];
        for ((costs, way), repeats) in costs.iter_mut().zip(ways).zip(repeats) {
            let before = cpu_seconds();
            (0..repeats).for_each(|turn| assert!(std::hint::black_box(way(turn)) > 0));
            costs.push((cpu_seconds() - before) / repeats as f64);
        }
    }
    let [sum, page, json] = costs.map(|mut costs| {
        costs.remove(0);
        costs.sort_unstable_by(f64::total_cmp);
        costs[costs.len() / 2]
    });
    println!(
        "| {pools}, {} | {:.4} | {:.2} | {:.1} | {:.2} | {:.1} |",
        pools * identities,
        sum * 1e3,
        page * 1e3,
        page / sum,
        json * 1e3,
        json / sum
    );
}

/// The bytes that all identities store.
fn sum(store: &Store) -> usize {
    let snapshot = store.snapshot();
    let records = snapshot
        .pools()
        .flat_map(|pool| pool.records.chunks().flatten());
    let bytes = records.filter_map(|record| record.last_usage()?.storage_bytes);
    1 + bytes.sum::<u64>() as usize
}

/// CPU time of this process.
fn cpu_seconds() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let nanoseconds = threads.map(|thread| {
        let path = thread.unwrap().path().join("schedstat");
        let stat = std::fs::read_to_string(path).unwrap();
        stat.split_whitespace()
            .next()
            .unwrap()
            .parse::<u64>()
            .unwrap()
    });
    nanoseconds.sum::<u64>() as f64 / 1e9
}

/// Pools whose identities are at all levels of all limits, of which half grow, one in 50 fails and
/// one in 100 is missing. Each one's datasets were listed once, as by default.
fn store(pools: usize, identities: usize) -> Arc<Store> {
    let directory = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(2);
    let mut text = "pools:\n".to_owned();
    for pool in 0..pools {
        let file = directory.path().join(format!("{pool}.txt"));
        let mut ids = String::new();
        (0..identities).for_each(|_| ids += &(filled::identity(&mut random) + "\n"));
        std::fs::write(&file, ids).unwrap();
        let id = format!("us-east-1:7b6bd1a1-5f5c-4f43-9a0b-{pool:012}");
        let file = file.display();
        writeln!(
            text,
            "- {{id: '{id}', series: none, identity_files: ['{file}']}}"
        )
        .unwrap();
    }
    let store = Arc::new(Store::new(
        loading::parse(Path::new("status"), &text).unwrap().targets,
    ));
    for pool in 0..pools {
        for identity in 0..identities {
            for poll in life(pool, identity, &mut random) {
                store.record(&poll);
            }
        }
    }
    store
}

/// The polls of one identity.
fn life(pool: usize, identity: usize, random: &mut fastrand::Rng) -> Vec<Observation> {
    let pool = PoolIndex(pool);
    let datasets = if identity.is_multiple_of(3) {
        1
    } else {
        random.u32(1..=20)
    };
    let mut fullest = random.u64(0..1 << 20);
    let others = random.u64(0..=fullest);
    let grows = if random.bool() {
        random.u64(1..20_000)
    } else {
        0
    };
    let now = filled::now();
    let (phase, idle) = (random.f64() * 300.0, random.f64() * YEAR);
    let modified = if grows > 0 { phase + 1.0 } else { idle };
    let at = |ago: f64| Timestamp {
        mono: now.mono.before(Duration::from_secs_f64(ago)),
        unix: now.unix - ago,
    };
    let mut polls = Vec::new();
    for number in (0..POLLS).rev() {
        let requested_at = at(phase + f64::from(number) * POLL_INTERVAL);
        fullest += grows;
        let dataset = |storage_bytes| Dataset {
            storage_bytes: Some(storage_bytes),
            records: Some(storage_bytes / RECORD_BYTES),
            last_modified: Some(requested_at.unix - modified),
            ..Dataset::default()
        };
        let mut list = vec![dataset(others); datasets as usize];
        list[0] = dataset(fullest);
        let usage = Usage::of_datasets(&list);
        polls.push(Observation::of_identity(
            pool,
            identity,
            requested_at,
            Ok(usage),
        ));
        if number == POLLS - 2 {
            polls.push(Observation::of_datasets(pool, identity, requested_at, list));
        }
    }
    let failure = match random.u32(0..100) {
        0 => Some(Failure::NotFound),
        1 => Some(Failure::Throttled),
        2 => Some(Failure::Timeout),
        _ => None,
    };
    polls.extend(
        failure.map(|it| Observation::of_identity(pool, identity, at(phase / 2.0), Err(it))),
    );
    polls
}
