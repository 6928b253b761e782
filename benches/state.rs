//! What `--state.path` costs: `cargo bench --bench state [-- IDENTITIES]`.
//!
//! An hour of 500 polls a second of random identities, as the index of a large pool has them,
//! saved every 2 s as the daemon does; without the waiting. Then a restart. CPU is user and system
//! time of this thread; machines are noisy: read it beside that of a poll in `tests/long/saving`.

#![allow(
    clippy::unwrap_used,
    reason = "a bench may, and clippy does not see that this is one"
)]

#[allow(dead_code, reason = "the other bench uses all of it")]
#[path = "exposition/measure.rs"]
mod measure;

use std::sync::Arc;
use std::time::Duration;

use cognitosync_exporter::api::{Answer, Dataset, Operation, Usage};
use cognitosync_exporter::clock::Clock;
use cognitosync_exporter::job::{Job, PoolIndex, Target};
use cognitosync_exporter::observation::Observation;
use cognitosync_exporter::state::{Known, Saves, open};
use cognitosync_exporter::store::Store;
use cognitosync_exporter::targets::Targets;
use fastrand::Rng;

use measure::{cpu_seconds, resident_bytes};

const POOL: &str = "us-east-1:00000000-0000-4000-8000-000000000000";
const POLLS_PER_SECOND: usize = 500;
const SECONDS: usize = 3_600;
const SAVE_EVERY: usize = 2;

fn main() {
    let argument = std::env::args().nth(1).filter(|it| !it.starts_with('-'));
    let identities = argument.map_or(1_000_000, |text| text.parse().unwrap());
    let mut rng = Rng::with_seed(1);
    let ids = (0..identities).map(|_| {
        let guid = format!("{:032x}", rng.u128(..));
        let parts = [
            &guid[..8],
            &guid[8..12],
            &guid[12..16],
            &guid[16..20],
            &guid[20..],
        ];
        format!("us-east-1:{}", parts.join("-"))
    });
    let targets = Arc::new(Targets::for_tests_with_ids([(POOL, ids)]));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    let (clock, saves) = (Clock::system(), Arc::new(Saves::default()));
    let store = Arc::new(Store::new(Arc::clone(&targets)));
    let mut opened = open(&path, Known::of_store(Arc::clone(&store)), &saves, &clock).unwrap();
    // The first sweep, in the order of phases, which is a random one.
    let mut sweep: Vec<_> = (0..identities).collect();
    rng.shuffle(&mut sweep);
    for part in sweep.chunks(POLLS_PER_SECOND * SAVE_EVERY) {
        for identity in part {
            list(&store, *identity, &clock, &mut rng);
            poll(&store, *identity, &clock, &mut rng);
        }
        opened.save(None);
    }
    let (resident, written) = (resident_bytes(), written_bytes());
    let (mut recording, mut saving, mut longest) = (0.0, 0.0, Duration::ZERO);
    for _ in 0..SECONDS / SAVE_EVERY {
        let cpu = cpu_seconds();
        for _ in 0..POLLS_PER_SECOND * SAVE_EVERY {
            poll(&store, rng.usize(..identities), &clock, &mut rng);
        }
        let (recorded, began) = (cpu_seconds(), clock.now().mono);
        opened.save(None);
        longest = longest.max(clock.now().mono.since(began));
        recording += recorded - cpu;
        saving += cpu_seconds() - recorded;
    }
    let polls = (POLLS_PER_SECOND * SECONDS) as f64;
    let file = std::fs::metadata(path.join("state.redb")).unwrap().len();
    println!("| an hour of {POLLS_PER_SECOND} polls/s of {identities} identities | |\n|---|---|");
    println!(
        "| CPU of recording a poll | {:.2} us |",
        recording * 1e6 / polls
    );
    println!("| CPU of saving it | {:.2} us |", saving * 1e6 / polls);
    let written = (written_bytes() - written) as f64 / polls;
    println!("| bytes written for it | {written:.0} |");
    println!("| longest save | {} ms |", longest.as_millis());
    let each = file as f64 / identities as f64;
    println!("| bytes of the file for an identity | {each:.0} |");
    let grown = (resident_bytes() - resident) / 1e6;
    println!(
        "| memory, of which in that hour | {:.0} MB, {grown:.1} MB |",
        resident_bytes() / 1e6
    );
    drop(opened);
    let restored = Arc::new(Store::new(Arc::clone(&targets)));
    let (cpu, began) = (cpu_seconds(), clock.now().mono);
    let opened = open(
        &path,
        Known::of_store(Arc::clone(&restored)),
        &saves,
        &clock,
    )
    .unwrap();
    let took = clock.now().mono.since(began).as_secs_f64();
    assert_eq!(saves.restored_identities(), identities as u64);
    println!(
        "| restoring all | {took:.2} s, {:.2} s of CPU |",
        cpu_seconds() - cpu
    );
    drop(opened);
}

/// A poll of an identity with one dataset has ended.
fn poll(store: &Store, identity: usize, clock: &Clock, rng: &mut Rng) {
    let now = clock.now();
    let usage = Usage {
        datasets: Some(rng.u32(1..5)),
        storage_bytes: Some(rng.u64(..900_000)),
        last_modified: Some(now.unix - rng.f64() * 1e6),
    };
    let observation = Observation::of_identity(PoolIndex(0), identity, now, Ok(usage));
    store.record(&observation);
}

/// A list of the datasets of an identity has ended, so that its row is as long as most are.
fn list(store: &Store, identity: usize, clock: &Clock, rng: &mut Rng) {
    let requested_at = clock.now();
    let dataset = Dataset {
        name: Some("settings".to_owned()),
        storage_bytes: Some(rng.u64(..900_000)),
        records: Some(rng.u64(..1_000)),
        last_modified: Some(requested_at.unix - rng.f64() * 1e6),
    };
    store.record(&Observation {
        job: Job {
            operation: Operation::ListDatasets,
            target: Target::identity(PoolIndex(0), identity),
        },
        requested_at,
        took: Duration::ZERO,
        calls: 1,
        is_reported: false,
        result: Ok(Answer::Datasets(vec![dataset])),
    });
}

/// What the kernel was given to write.
fn written_bytes() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = io
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes: "));
    line.unwrap().parse().unwrap()
}
