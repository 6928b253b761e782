//! One seeded run, written down whole: every call with its time and its answer, and the scrapes of
//! what they left. A change of the core that is meant to keep behaviour keeps this file's bytes.
//!
//! The poller, the store and the exposition are the real ones; the simulator's world answers them
//! in the process, on tokio's paused clock, so that every run takes the same milliseconds.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cognitosync_exporter::api::{
    Answer, Api, Call, Failure, FailureClass, Operation, Reply, Request,
};
use cognitosync_exporter::clock::{Clock, Mono, Timestamp};
use cognitosync_exporter::config::Config;
use cognitosync_exporter::exposition::{Blocks, Coding, Exposition, Format};
use cognitosync_exporter::job::{IdentityIndex, PoolIndex};
use cognitosync_exporter::limits::ListNeed;
use cognitosync_exporter::loading;
use cognitosync_exporter::observation::Observation;
use cognitosync_exporter::poller::{PollObserver, Poller};
use cognitosync_exporter::schedule::Demand;
use cognitosync_exporter::simulator::World;
use cognitosync_exporter::store::Store;
use cognitosync_exporter::targets::{TargetDiff, Targets};
use cognitosync_exporter::telemetry::Telemetry;
use siphasher::sip::SipHasher13;
use tokio_util::sync::CancellationToken;

const BEGAN: f64 = 1_795_000_000.0;
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/wire.txt");
/// Seconds into the run.
const RELOAD: u64 = 150;
const OUTAGE: std::ops::Range<u64> = 60..100;
const FLOOD: std::ops::Range<u64> = 200..215;
const END: u64 = 330;

/// Answers from a world, late or wrongly now and then, and writes every call down.
struct Source {
    world: World,
    clock: Clock,
    log: Mutex<String>,
}

fn draw(what: &str, number: usize) -> u64 {
    use std::hash::Hasher;
    let mut hasher = SipHasher13::new();
    hasher.write(what.as_bytes());
    hasher.write_usize(number);
    hasher.finish()
}

impl Source {
    async fn answer<U>(
        &self,
        operation: Operation,
        subject: &str,
        usage: impl FnOnce(&World, f64) -> Option<U>,
    ) -> Result<U, Failure> {
        let now = self.clock.now().mono.since(Mono::START);
        let (number, fate) = {
            let mut log = self.log.lock().unwrap();
            let number = log.lines().count();
            let fate = match now.as_secs() {
                second if OUTAGE.contains(&second) && subject.starts_with("us-east-1") => {
                    let begins = second < OUTAGE.start + 10;
                    Some(if begins {
                        Failure::Credentials
                    } else {
                        Failure::Configuration
                    })
                }
                second if FLOOD.contains(&second) => Some(Failure::Throttled),
                _ => {
                    let drawn = draw("fate", number) as usize % 60;
                    Failure::ALL
                        .get(drawn)
                        .copied()
                        .filter(|fate| fate.class() != FailureClass::Budget)
                }
            };
            let told = fate.map_or("ok", Failure::as_str);
            let (at, operation) = (now.as_millis(), operation.as_str());
            writeln!(log, "{at:>6} {operation} {subject} {told}").unwrap();
            (number, fate)
        };
        let latency = if fate == Some(Failure::Timeout) {
            3_600_000
        } else {
            5 + draw("latency", number) % 300
        };
        tokio::time::sleep(Duration::from_millis(latency)).await;
        match fate {
            Some(failure) => Err(failure),
            None => usage(&self.world, now.as_secs_f64()).ok_or(Failure::NotFound),
        }
    }
}

impl Api for Source {
    fn call<'a>(&'a self, request: Request<'a>) -> Call<'a> {
        Box::pin(async move {
            let (operation, pool) = (request.operation, request.pool.as_str());
            let subject = request.identity.map_or(pool, |identity| identity.as_str());
            let answer = |world: &World, age| match operation {
                Operation::DescribeIdentityUsage => {
                    world.usage(pool, subject, age, BEGAN).map(Answer::Identity)
                }
                Operation::DescribeIdentityPoolUsage => {
                    world.pool_usage(pool, age, BEGAN).map(Answer::Pool)
                }
                Operation::ListDatasets => world
                    .datasets(pool, subject, age, BEGAN)
                    .map(Answer::Datasets),
                Operation::ListIdentities | Operation::GetCredentialsForIdentity => {
                    unreachable!("it is not polled")
                }
            };
            let answer = self.answer(operation, subject, answer).await?;
            Ok(Reply::Done(answer))
        })
    }
}

/// As the app's.
struct Observers {
    store: Arc<Store>,
    telemetry: Arc<Telemetry>,
}

impl PollObserver for Observers {
    fn called(&self, operation: Operation, took: Duration, failure: Option<Failure>) {
        self.telemetry.called(operation, took, failure);
    }

    fn polled(&self, observation: &Observation) {
        self.store.record(observation);
        self.telemetry.polled(observation);
    }

    fn list_need(&self, pool: PoolIndex, identity: IdentityIndex, now: Timestamp) -> ListNeed {
        self.store.list_need(pool, identity, now)
    }

    fn demand(&self, pool: PoolIndex, identity: IdentityIndex, now: Timestamp) -> Demand {
        self.store.demand(pool, identity, now)
    }

    fn targets_changed(&self, targets: &Arc<Targets>, diff: &TargetDiff) {
        self.store.apply_targets(targets, diff);
    }
}

/// All pools of a world, each with settings of its own, but for every identity that `left_out`
/// names by its number.
fn configuration(world: &World, left_out: impl Fn(usize) -> bool) -> (Config, Arc<Targets>) {
    let mut text = "poll: {interval: 20s, timeout: 2s, attempts: 3, rate_limit: 4, \
                    max_in_flight: 8, stale_after: 70s}\npools:\n"
        .to_owned();
    let settings = [
        "name: production",
        "series: top, top: 5, interval: 10s",
        "role_arn: 'arn:aws:iam::123456789012:role/sync'",
    ];
    let mut number = 0;
    for ((pool, identities), settings) in world.pools().zip(settings) {
        writeln!(text, "- id: {pool}").unwrap();
        for setting in settings.split(", ") {
            writeln!(text, "  {setting}").unwrap();
        }
        writeln!(text, "  identities:").unwrap();
        for identity in identities {
            number += 1;
            if !left_out(number) {
                writeln!(text, "  - {{id: {identity}, name: number {number}}}").unwrap();
            }
        }
    }
    let loaded = loading::parse(Path::new("wire"), &text).unwrap();
    (loaded.config, loaded.targets)
}

/// A scrape without what differs from process to process.
fn scrape(exposition: &Exposition, telemetry: &Telemetry, clock: &Clock, format: Format) -> String {
    let now = clock.now();
    let scrape = exposition.scrape(now, format, telemetry);
    let mut body = Vec::new();
    Blocks::new(scrape, Coding::Identity).for_each(|block| body.extend_from_slice(&block));
    let body = String::from_utf8(body).unwrap();
    let differs = |line: &&str| line.starts_with("process_") || line.contains("_build_info{");
    let lines = body
        .lines()
        .filter(|line| !differs(line) && !line.starts_with("# HELP"));
    lines.map(|line| format!("{line}\n")).collect()
}

async fn run() -> String {
    let clock = Clock::anchored(BEGAN);
    let world = World::scripted(12, 3, 45);
    let (config, targets) = configuration(&world, |number| number % 7 == 0);
    let (reloaded, more) = configuration(&world, |number| number % 5 == 0);
    let log = Mutex::default();
    let source = Arc::new(Source {
        world,
        clock: clock.clone(),
        log,
    });
    let store = Arc::new(Store::new(Arc::clone(&targets)));
    let exposition = Exposition::new(Arc::clone(&store));
    let (poller, handle) = Poller::new(source.clone(), targets, config.poll, clock.clone());
    let progress = Arc::clone(handle.progress());
    let telemetry = Arc::new(Telemetry::new(progress, BEGAN).unwrap());
    let observers = Observers {
        store,
        telemetry: Arc::clone(&telemetry),
    };
    let stop = CancellationToken::new();
    let polling = poller.run(Arc::new(observers), stop.clone());
    let scrapes = async {
        let at = |seconds| clock.sleep_until(Mono::START + Duration::from_secs(seconds));
        let note = |what: &str| source.log.lock().unwrap().push_str(what);
        let mut scrapes = String::new();
        at(OUTAGE.end - 5).await;
        scrapes += &scrape(&exposition, &telemetry, &clock, Format::Text);
        at(RELOAD).await;
        let carry = handle
            .apply_targets(more, source.clone(), reloaded.poll)
            .await
            .unwrap();
        let (added, removed, kept) = (carry.added, carry.removed, carry.kept);
        note(&format!(
            "reload: {added} added, {removed} removed, {kept} kept\n"
        ));
        at(END).await;
        scrapes += &scrape(&exposition, &telemetry, &clock, Format::OpenMetrics);
        stop.cancel();
        scrapes
    };
    let (_, scrapes) = tokio::join!(polling, scrapes);
    let log = source.log.lock().unwrap().clone();
    log + "\n" + &scrapes
}

#[test]
fn a_seeded_run_is_the_same_to_the_byte() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let dump = runtime.block_on(run());
    for reason in Failure::ALL.map(Failure::as_str) {
        assert!(
            dump.contains(&format!(" {reason}\n")),
            "nothing fails as {reason}"
        );
    }
    if std::env::var_os("GOLDEN").is_some() {
        fs::write(GOLDEN, &dump).unwrap();
    }
    let golden = fs::read_to_string(GOLDEN).unwrap();
    let differs = golden
        .lines()
        .zip(dump.lines())
        .position(|(old, new)| old != new);
    let place = differs.map(|line| (line + 1, golden.lines().nth(line), dump.lines().nth(line)));
    assert!(
        golden == dump,
        "the first line that differs, of golden and run: {place:?}"
    );
}
