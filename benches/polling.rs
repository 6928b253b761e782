//! What polling costs: `cargo bench --bench polling`.
//!
//! The simulator runs in a process of its own; everything else here runs on one thread. CPU is user
//! and system time of this process; machines are noisy, so read the ratios, which come from
//! interleaved rounds of one run. boto3 is measured beside it when `tests/run` has installed it.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a bench may, and clippy does not see that this is one"
)]

#[allow(dead_code, reason = "the other bench uses all of it")]
#[path = "exposition/measure.rs"]
mod measure;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_cognitosync::config::retry::RetryConfig;
use aws_sdk_cognitosync::config::{BehaviorVersion, Credentials as Keys, Region};
use cognitosync_exporter::api::{Failure, Operation, Usage};
use cognitosync_exporter::aws::{Connector, Credentials, Network};
use cognitosync_exporter::clock::{Clock, Mono, Timestamp};
use cognitosync_exporter::config::Config;
use cognitosync_exporter::discovery::Catalog;
use cognitosync_exporter::job::{IdentityIndex, PoolIndex};
use cognitosync_exporter::limits::ListNeed;
use cognitosync_exporter::loading;
use cognitosync_exporter::observation::Observation;
use cognitosync_exporter::poller::{PollObserver, Poller};
use cognitosync_exporter::schedule::{AfterCall, Demand, Knowledge, Schedule, Step};
use cognitosync_exporter::simulator::{Life, Simulator, World, endpoint_url};
use cognitosync_exporter::store::Store;
use cognitosync_exporter::targets::{TargetDiff, Targets};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use measure::resident_bytes;

const POOL: &str = "us-east-1:00000000-0000-4000-8000-000000000000";
const CALLS: u64 = 20_000;
const AT_ONCE: usize = 16;
const ROUNDS: usize = 5;
const SIZES: [u64; 3] = [1_000, 100_000, 1_000_000];

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("--serve") => serve(),
        Some("--memory") => memory(arguments[2].parse().unwrap()),
        _ => bench(),
    }
}

fn bench() {
    let (mut server, url) = server();
    let (mut bare, mut polled) = (Vec::new(), SIZES.map(|_| Vec::new()));
    for _ in 0..ROUNDS {
        bare.push(block_on(bare_calls(&url)));
        for (identities, polled) in SIZES.into_iter().zip(&mut polled) {
            polled.push(block_on(polls(&url, identities)));
        }
    }
    let bare = median(bare);
    println!(
        "| one call, {AT_ONCE} at once, on one thread | CPU, us | calls/s | ratio |\n|---|---|---|---|"
    );
    println!("| bare SDK | {:.0} | {:.0} | 1 |", bare.0, bare.1);
    for (identities, polled) in SIZES.into_iter().zip(polled) {
        let polled = median(polled);
        println!(
            "| poll, one of {identities} | {:.0} | {:.0} | {:.2} |",
            polled.0,
            polled.1,
            polled.0 / bare.0
        );
    }
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/python");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/boto3_client.py");
    for threads in ["1", "32"].into_iter().filter(|_| python.exists()) {
        let output = Command::new(&python)
            .arg(&script)
            .args([&url, threads, "3000"])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let told = String::from_utf8(output.stdout).unwrap();
        let numbers: Vec<f64> = told
            .split_whitespace()
            .map(|number| number.parse().unwrap())
            .collect();
        println!(
            "| boto3, {threads} threads | {:.0} | {:.0} | {:.2} |",
            numbers[0],
            numbers[1],
            numbers[0] / bare.0
        );
    }
    server.kill().unwrap();
    server.wait().unwrap();
    println!(
        "\n| identities | resident, MB | bytes a waiting poll | bytes a stored identity | bytes more while all wait for the index | bytes more while discovered, unsaved | the same once saved |\n|---|---|---|---|---|---|---|"
    );
    for identities in ["1000", "10000", "100000", "1000000"] {
        let own = std::env::current_exe().unwrap();
        let output = Command::new(own)
            .args(["--memory", identities])
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        print!("{}", String::from_utf8(output.stdout).unwrap());
    }
}

/// The simulator, in a process of its own, and its address.
fn server() -> (Child, String) {
    let own = std::env::current_exe().unwrap();
    let mut child = Command::new(own)
        .arg("--serve")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut url)
        .unwrap();
    (child, url.trim().to_owned())
}

fn serve() {
    block_on(async {
        let mut world = World::default();
        let usage = Usage {
            datasets: Some(3),
            storage_bytes: Some(12_345),
            last_modified: Some(1.7e9),
        };
        (0..SIZES[2]).for_each(|number| world.insert(POOL, &identity(number), Life::Still(usage)));
        let (simulator, listener) = Simulator::bind(world, Clock::system()).await.unwrap();
        println!("{}", endpoint_url(&listener).unwrap());
        std::io::stdout().flush().unwrap();
        simulator.run(listener, CancellationToken::new()).await;
    });
}

fn identity(number: u64) -> String {
    format!("us-east-1:11111111-1111-4111-8111-{number:012x}")
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// CPU microseconds a call, and calls a second, of what makes `CALLS` calls.
async fn measured(act: impl Future<Output = ()>) -> (f64, f64) {
    let (cpu, clock) = (cpu_seconds(), Clock::system());
    act.await;
    let wall = clock.now().mono.since(Mono::START).as_secs_f64();
    (
        (cpu_seconds() - cpu) * 1e6 / CALLS as f64,
        CALLS as f64 / wall,
    )
}

fn median(mut rounds: Vec<(f64, f64)>) -> (f64, f64) {
    rounds.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    rounds[rounds.len() / 2]
}

/// User and system time of this process; the kernel counts hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: f64 = fields[11..13]
        .iter()
        .map(|field| field.parse::<f64>().unwrap())
        .sum();
    ticks / 100.0
}

/// The SDK with nothing around it but a loop, and the HTTP client below it that polls have too.
async fn bare_calls(url: &str) -> (f64, f64) {
    let network = Network::direct(Clock::system());
    let config = aws_sdk_cognitosync::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .http_client(network.http_client().await.unwrap())
        .credentials_provider(Keys::new("AKIDBENCH", "bench", None, None, "bench"))
        .retry_config(RetryConfig::disabled())
        .build();
    let client = aws_sdk_cognitosync::Client::from_conf(config);
    measured(async {
        let mut tasks = JoinSet::new();
        for task in 0..AT_ONCE as u64 {
            let client = client.clone();
            tasks.spawn(async move {
                for number in (task..CALLS).step_by(AT_ONCE) {
                    let call = client
                        .describe_identity_usage()
                        .identity_pool_id(POOL)
                        .identity_id(identity(number));
                    let answer = call.send().await.unwrap();
                    assert_eq!(
                        answer.identity_usage().unwrap().data_storage(),
                        Some(12_345)
                    );
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    })
    .await
}

/// Stores what comes, and stops after enough of it.
struct Count {
    store: Store,
    polls: AtomicU64,
    stop: CancellationToken,
}

impl PollObserver for Count {
    fn called(&self, _: Operation, _: Duration, _: Option<Failure>) {}

    fn polled(&self, observation: &Observation) {
        assert_eq!(observation.failure(), None);
        self.store.record(observation);
        if self.polls.fetch_add(1, Ordering::Relaxed) + 1 == CALLS {
            self.stop.cancel();
        }
    }

    fn list_need(&self, _: PoolIndex, _: IdentityIndex, _: Timestamp) -> ListNeed {
        ListNeed::None
    }

    fn demand(&self, pool: PoolIndex, identity: IdentityIndex, now: Timestamp) -> Demand {
        self.store.demand(pool, identity, now)
    }

    fn targets_changed(&self, _: &Arc<Targets>, _: &TargetDiff) {}
}

fn targets(poll: &str, pool: &str) -> (Config, Targets) {
    let text = format!("poll: {{{poll}}}\npools:\n- id: {POOL}\n{pool}");
    let loaded = loading::parse(Path::new("bench"), &text).unwrap();
    let targets = Arc::into_inner(loaded.targets).expect("nobody else has them");
    (loaded.config, targets)
}

/// A file that lists so many identities, as a pool's configuration names it.
fn listed(directory: &Path, identities: u64) -> String {
    let file = directory.join("ids.txt");
    let mut out = std::io::BufWriter::new(std::fs::File::create(&file).unwrap());
    (0..identities).for_each(|number| writeln!(out, "{}", identity(number)).unwrap());
    out.flush().unwrap();
    format!("  identity_files: ['{}']\n", file.display())
}

/// The exporter's own way, from the schedule to the store, with always enough to do.
async fn polls(url: &str, identities: u64) -> (f64, f64) {
    let directory = tempfile::tempdir().unwrap();
    let pool = format!(
        "  endpoint_url: {url}\n{}",
        listed(directory.path(), identities)
    );
    let poll = format!("interval: 1s, timeout: 60s, rate_limit: 100000, max_in_flight: {AT_ONCE}");
    let (config, mut targets) = targets(&poll, &pool);
    // Shorter than a configuration may say, so that even a thousand are always due.
    targets.pools[0].settings.interval = Duration::from_millis(10);
    let (targets, clock) = (Arc::new(targets), Clock::system());
    let source = Connector::new(
        Credentials::Simulator,
        Network::direct(clock.clone()),
        clock.clone(),
    )
    .connect(&targets, &config.poll);
    let stop = CancellationToken::new();
    let count = Count {
        store: Store::new(Arc::clone(&targets)),
        polls: AtomicU64::new(0),
        stop: stop.clone(),
    };
    let (poller, _handle) = Poller::new(Arc::new(source), targets, config.poll, clock);
    measured(async { drop(poller.run(Arc::new(count), stop).await) }).await
}

/// What so many identities take: a row of the table.
fn memory(identities: u64) {
    let directory = tempfile::tempdir().unwrap();
    let pool = listed(directory.path(), identities);
    let before = resident_bytes();
    let (_, targets) = targets("interval: 1h, rate_limit: 1000", &pool);
    let targets = Arc::new(targets);
    let mut schedule = Schedule::new(&targets, &Operation::POLLED, 1_000.0, Mono::START);
    let waiting = resident_bytes();
    let store = Store::new(Arc::clone(&targets));
    for identity in 0..identities as usize {
        let at = Timestamp {
            mono: Mono::START,
            unix: 0.0,
        };
        let usage = Ok(Usage::default());
        store.record(&Observation::of_identity(PoolIndex(0), identity, at, usage));
    }
    let stored = resident_bytes();
    all_late(&mut schedule, identities);
    let late = resident_bytes();
    let each = |from: f64, to: f64| (to - from) / identities as f64;
    let (poll, record) = (each(before, waiting), each(waiting, stored));
    let catalog = Catalog::default();
    let pool = &targets.pools[0];
    for identity in pool.identities.ids() {
        catalog.add_page(&pool.id, [identity].into_iter());
    }
    let discovered = resident_bytes();
    catalog.end_pass(&pool.id, 0.0, 0.0);
    // As the state does, which gives back what it took.
    while !catalog.is_saved() {
        drop(catalog.take_changes(10_000));
    }
    let saved = resident_bytes();
    println!(
        "| {identities} | {:.1} | {poll:.0} | {record:.0} | {:.0} | {:.0} | {:.0} |",
        stored / 1e6,
        each(stored, late),
        each(late, discovered),
        each(late, saved)
    );
    drop((schedule, store, catalog));
}

/// Asks everybody once, then lets all of them miss their turns, so that they wait for the index.
fn all_late(schedule: &mut Schedule, identities: u64) {
    let mut now = Mono::START;
    // Each call lets a thousand begin to wait.
    for (calls, from) in [(identities, 0), (1_000 + identities / 1_000, 10_800)] {
        now = now + Duration::from_secs(from);
        let mut left = calls;
        while left > 0 {
            match schedule.next(now, AT_ONCE, Knowledge::NONE) {
                Step::Wait(until) => now = until,
                Step::Call(call) => {
                    left -= 1;
                    schedule.end_call(call.ticket, None, AfterCall::Finish, now);
                }
            }
        }
    }
}
