//! Worlds in which identities have datasets and write: what the exporter tells of the fullest
//! dataset against the truth, with lists that are allowed, denied, throttled, fail or come in
//! pages of one, and with descriptions that lag.
//!
//! The poller, the store and the exposition are the real ones, on tokio's paused clock. Each world
//! writes for a while and is quiet for a while; the truth is compared when it has been quiet.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cognitosync_exporter::api::{
    Answer, Api, Call, Continuation, Dataset, Failure, Operation, PoolUsage, Reply, Request, Usage,
};
use cognitosync_exporter::clock::{Clock, Mono, Timestamp};
use cognitosync_exporter::exposition::{Blocks, Coding, Exposition, Format};
use cognitosync_exporter::job::{IdentityIndex, PoolIndex};
use cognitosync_exporter::limits::ListNeed;
use cognitosync_exporter::loading;
use cognitosync_exporter::observation::Observation;
use cognitosync_exporter::poller::{PollObserver, Poller};
use cognitosync_exporter::store::Store;
use cognitosync_exporter::targets::{TargetDiff, Targets};
use cognitosync_exporter::telemetry::Telemetry;
use siphasher::sip::SipHasher13;
use tokio_util::sync::CancellationToken;

const BEGAN: f64 = 1_795_000_000.0;
const IDENTITIES: usize = 60;
const POOL: &str = "r:0";
/// Seconds in which everybody may write, then seconds in which nobody does, and how often.
const BUSY: f64 = 60.0;
const QUIET: f64 = 190.0;
const PHASES: usize = 3;
const LIMIT: u64 = 1 << 20;
const RECORDS: u64 = 1_024;

/// What becomes of lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lists {
    Allowed,
    PagesOfOne,
    Denied,
    Throttled,
    Failing,
    /// Every page has the token of the first.
    Endless,
}

/// A repeatable sequence of numbers.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        use std::hash::Hasher;
        self.0 += 1;
        let mut hasher = SipHasher13::new();
        hasher.write_u64(self.0);
        hasher.finish() % end
    }

    /// Bytes of a dataset: few, or a part of the limit that is worth a test.
    fn bytes(&mut self) -> u64 {
        match self.below(12) {
            0 => LIMIT,
            1 => LIMIT - self.below(5_000),
            2 => LIMIT * 85 / 100,
            3 => LIMIT * 8 / 10,
            4 => LIMIT * 6 / 10,
            5 => LIMIT * 3 / 10,
            _ => 1 + self.below(40_000),
        }
    }

    fn records(&mut self, bytes: u64) -> u64 {
        match self.below(8) {
            0 => RECORDS.min(bytes),
            1 => (RECORDS * 8 / 10).min(bytes),
            _ => 1 + self.below(RECORDS.min(bytes) / 3 + 1),
        }
    }

    fn dataset(&mut self, number: usize, at: f64) -> Dataset {
        let bytes = self.bytes();
        Dataset {
            name: Some(format!("dataset-{number}")),
            storage_bytes: Some(bytes),
            records: Some(self.records(bytes).min(bytes)),
            last_modified: Some(at),
        }
    }
}

/// All datasets of an identity from a time on, in seconds since 1970.
#[derive(Clone, Debug)]
struct State {
    since: f64,
    datasets: Vec<Dataset>,
}

struct Server {
    /// The states of each identity, the latest last; none of those who do not exist.
    identities: Vec<Vec<State>>,
    lists: Lists,
    lag: f64,
    clock: Clock,
    calls: Mutex<BTreeMap<Operation, usize>>,
}

impl Server {
    fn new(seed: u64, lists: Lists, lag: f64, clock: Clock) -> Self {
        let mut dice = Dice(seed << 32);
        Self {
            identities: (0..IDENTITIES)
                .map(|number| states(number, &mut dice))
                .collect(),
            lists,
            lag,
            clock,
            calls: Mutex::default(),
        }
    }

    /// The state of an identity at a time, in seconds since 1970.
    fn state(&self, identity: usize, at: f64) -> Option<&State> {
        let states = self.identities[identity].iter();
        states.take_while(|state| state.since <= at).last()
    }

    fn describe(&self, identity: usize) -> Result<Answer, Failure> {
        let seen = self.clock.now().unix - self.lag;
        let state = self.state(identity, seen).ok_or(Failure::NotFound)?;
        let Usage { last_modified, .. } = Usage::of_datasets(&state.datasets);
        Ok(Answer::Identity(Usage {
            // A dataset that was deleted is a modification too.
            last_modified: last_modified.map(|_| state.since + self.lag),
            ..Usage::of_datasets(&state.datasets)
        }))
    }

    fn list(&self, identity: usize, page: Option<&Continuation>) -> Result<Reply, Failure> {
        let state = self.state(identity, self.clock.now().unix);
        let datasets = state.map_or(&[][..], |state| &state.datasets);
        let so_far = match page.map(|page| &page.so_far) {
            Some(Answer::Datasets(so_far)) => so_far.len(),
            _ => 0,
        };
        let all = match self.lists {
            Lists::Allowed => datasets.len(),
            Lists::PagesOfOne | Lists::Endless => so_far + 1,
            Lists::Denied => return Err(Failure::AccessDenied),
            Lists::Throttled => return Err(Failure::Throttled),
            Lists::Failing => return Err(Failure::ServiceError),
        };
        let read = Answer::Datasets(datasets[..all.min(datasets.len())].to_vec());
        match self.lists {
            // What the SDK's answer becomes when a token repeats.
            Lists::Endless if so_far > 0 => Err(Failure::Malformed),
            Lists::Endless => Ok(more(read)),
            _ if all < datasets.len() => Ok(more(read)),
            _ => Ok(Reply::Done(read)),
        }
    }
}

fn more(so_far: Answer) -> Reply {
    let token = "next".to_owned();
    Reply::More(Continuation { token, so_far })
}

/// The life of an identity: what it has at first, and what each of its writes makes of it. Every
/// write changes the sum or the count.
fn states(number: usize, dice: &mut Dice) -> Vec<State> {
    let long_ago = BEGAN - 1e6 - dice.below(1_000_000) as f64;
    let count = match number % 10 {
        0 => 0,
        1 => return Vec::new(),
        2..5 => 1,
        5..7 => 2,
        7 => 20,
        _ => 1 + dice.below(19) as usize,
    };
    let datasets = (0..count)
        .map(|number| dice.dataset(number, long_ago))
        .collect();
    let mut states = vec![State {
        since: long_ago,
        datasets,
    }];
    let mut made = count;
    for phase in 0..PHASES {
        let begins = BEGAN + phase as f64 * (BUSY + QUIET);
        let mut times: Vec<_> = (0..dice.below(4))
            .map(|_| begins + dice.below(BUSY as u64 * 1_000) as f64 / 1e3)
            .collect();
        times.sort_by(f64::total_cmp);
        for at in times {
            let last = states.last().expect("there is a first state");
            let mut datasets = last.datasets.clone();
            let position = dice.below(datasets.len().max(1) as u64) as usize;
            match dice.below(5) {
                0 if datasets.len() < 20 => {
                    datasets.push(dice.dataset(made, at));
                    made += 1;
                }
                1 if datasets.len() > 1 => {
                    datasets.remove(position);
                }
                _ if !datasets.is_empty() => datasets[position] = dice.dataset(position, at),
                _ => {}
            }
            if Usage::of_datasets(&datasets).storage_bytes
                != Usage::of_datasets(&last.datasets).storage_bytes
            {
                states.push(State {
                    since: at,
                    datasets,
                });
            }
        }
    }
    states
}

impl Api for Server {
    fn call<'a>(&'a self, request: Request<'a>) -> Call<'a> {
        Box::pin(async move {
            *self
                .calls
                .lock()
                .unwrap()
                .entry(request.operation)
                .or_default() += 1;
            tokio::time::sleep(Duration::from_millis(30)).await;
            let identity = request.identity.map(|id| {
                let hex = id.as_str().split_once(':').unwrap().1;
                usize::from_str_radix(hex, 16).unwrap()
            });
            Ok(match (request.operation, identity) {
                (Operation::DescribeIdentityUsage, Some(identity)) => {
                    Reply::Done(self.describe(identity)?)
                }
                (Operation::ListDatasets, Some(identity)) => {
                    self.list(identity, request.continuation)?
                }
                _ => Reply::Done(Answer::Pool(PoolUsage::default())),
            })
        })
    }
}

struct Observers {
    store: Arc<Store>,
    failed: Mutex<Vec<Failure>>,
}

impl PollObserver for Observers {
    fn called(&self, _: Operation, _: Duration, _: Option<Failure>) {}

    fn polled(&self, observation: &Observation) {
        self.store.record(observation);
        self.failed.lock().unwrap().extend(observation.failure());
    }

    fn list_need(&self, pool: PoolIndex, identity: IdentityIndex, now: Timestamp) -> ListNeed {
        self.store.list_need(pool, identity, now)
    }

    fn targets_changed(&self, _: &Arc<Targets>, _: &TargetDiff) {}
}

/// The samples of a scrape.
struct Samples(BTreeMap<String, f64>);

impl Samples {
    fn of(exposition: &Exposition, telemetry: &Telemetry, now: Timestamp) -> Self {
        let scrape = exposition.scrape(now, Format::Text, telemetry);
        let mut body = Vec::new();
        Blocks::new(scrape, Coding::Identity).for_each(|block| body.extend_from_slice(&block));
        let body = String::from_utf8(body).unwrap();
        let lines = body.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap())
        });
        Self(samples.collect())
    }

    fn of_identity(&self, family: &str, identity: usize) -> Option<f64> {
        let series = format!(
            "cognitosync_identity_{family}{{identity_pool_id=\"{POOL}\",\
             identity_id=\"r:{identity:x}\"}}"
        );
        self.0.get(&series).copied()
    }

    fn of_pool(&self, family: &str, labels: &str) -> usize {
        let series = format!("cognitosync_pool_{family}{{identity_pool_id=\"{POOL}\",{labels}}}");
        let value = self.0.get(&series);
        *value.unwrap_or_else(|| panic!("{series} is missing")) as usize
    }

    fn near(&self, limit: &str, certainty: &str) -> usize {
        let labels = format!("limit=\"{limit}\",certainty=\"{certainty}\"");
        self.of_pool("identities_near_limit", &labels)
    }

    fn full(&self, limit: &str) -> usize {
        self.of_pool("identities_full", &format!("limit=\"{limit}\""))
    }
}

/// What one world came to.
#[derive(Debug, Default)]
struct Outcome {
    calls: usize,
    lists: usize,
    /// Comparisons of a gauge of a fullest dataset with the truth.
    compared: usize,
    /// Identities that were near a limit of a dataset, by the truth.
    near: usize,
}

/// Lives through a world, and compares at the end of each phase.
async fn live(seed: u64, lists: Lists, lag: f64, datasets: &str) -> Outcome {
    let what = format!("seed {seed}, {lists:?}, lag {lag}, {datasets}");
    let mut text = format!(
        "poll: {{interval: 10s, rate_limit: 100, attempts: 2, datasets: {datasets}}}\n\
         pools:\n- id: '{POOL}'\n  identities:\n"
    );
    for identity in 0..IDENTITIES {
        writeln!(text, "  - 'r:{identity:x}'").unwrap();
    }
    let loaded = loading::parse(Path::new("datasets"), &text).unwrap();
    let clock = Clock::anchored(BEGAN);
    let server = Arc::new(Server::new(seed, lists, lag, clock.clone()));
    let targets = loaded.targets;
    let store = Arc::new(Store::new(Arc::clone(&targets)));
    let exposition = Exposition::new(Arc::clone(&store));
    let (poller, handle) = Poller::new(server.clone(), targets, loaded.config.poll, clock.clone());
    let telemetry = Telemetry::new(Arc::clone(handle.progress()), BEGAN).unwrap();
    let failed = Mutex::default();
    let observers = Arc::new(Observers { store, failed });
    let stop = CancellationToken::new();
    let mut outcome = Outcome::default();
    let comparisons = async {
        for phase in 1..=PHASES {
            let end = phase as f64 * (BUSY + QUIET);
            let end = Mono::START + Duration::from_secs_f64(end);
            clock.sleep_until(end).await;
            let samples = Samples::of(&exposition, &telemetry, clock.now());
            compare(&server, &samples, datasets, &what, &mut outcome);
        }
        stop.cancel();
    };
    tokio::join!(
        poller.run(Arc::clone(&observers), stop.clone()),
        comparisons
    );
    let failed = observers.failed.lock().unwrap();
    let are_missing = failed.iter().all(|failure| *failure == Failure::NotFound);
    assert!(are_missing, "{what}: a failed list fails no poll");
    let calls = server.calls.lock().unwrap();
    outcome.calls = calls.values().sum();
    outcome.lists = calls.get(&Operation::ListDatasets).copied().unwrap_or(0);
    assert!(
        4 * outcome.lists <= outcome.calls + 16,
        "{what}: {outcome:?}"
    );
    outcome
}

fn compare(server: &Server, samples: &Samples, datasets: &str, what: &str, outcome: &mut Outcome) {
    let now = server.clock.now().unix;
    let states: Vec<_> = (0..IDENTITIES)
        .map(|number| server.state(number, now))
        .collect();
    let most = |number: fn(&Dataset) -> Option<u64>| -> Vec<u64> {
        let of = |state: &State| state.datasets.iter().filter_map(number).max();
        states
            .iter()
            .map(|state| state.and_then(of).unwrap_or(0))
            .collect()
    };
    let bytes = most(|dataset| dataset.storage_bytes);
    let records = most(|dataset| dataset.records);
    for identity in 0..IDENTITIES {
        for (family, truth) in [
            ("largest_dataset_storage_bytes", bytes[identity]),
            ("largest_dataset_records", records[identity]),
        ] {
            if let Some(shown) = samples.of_identity(family, identity) {
                assert_eq!(shown, truth as f64, "{what}: {family} of {identity}");
                outcome.compared += 1;
            }
        }
    }
    let at_least = |values: &[u64], percent: u64, limit: u64| {
        let reaches = |value: &&u64| **value * 100 >= percent * limit;
        values.iter().filter(reaches).count()
    };
    let counts: Vec<_> = states
        .iter()
        .map(|state| state.map_or(0, |state| state.datasets.len() as u64))
        .collect();
    assert_eq!(
        samples.near("datasets", "certain"),
        at_least(&counts, 80, 20),
        "{what}"
    );
    assert_eq!(samples.near("datasets", "possible"), 0, "{what}");
    assert_eq!(
        samples.full("datasets"),
        at_least(&counts, 99, 20),
        "{what}"
    );

    let truth = at_least(&bytes, 80, LIMIT);
    let certain = samples.near("dataset_storage", "certain");
    let possible = samples.near("dataset_storage", "possible");
    assert!(certain <= truth, "{what}: {certain} certain of {truth}");
    assert!(
        certain + possible >= truth,
        "{what}: {certain}, {possible} of {truth}"
    );
    assert!(
        samples.full("dataset_storage") <= at_least(&bytes, 99, LIMIT),
        "{what}"
    );
    let certain_records = samples.near("dataset_records", "certain");
    assert!(certain_records <= at_least(&records, 80, RECORDS), "{what}");
    assert!(
        samples.full("dataset_records") <= at_least(&records, 99, RECORDS),
        "{what}"
    );
    let with_lists = matches!(server.lists, Lists::Allowed) && datasets != "off";
    if with_lists {
        assert_eq!((certain, possible), (truth, 0), "{what}");
        assert_eq!(
            samples.full("dataset_storage"),
            at_least(&bytes, 99, LIMIT),
            "{what}"
        );
        assert_eq!(certain_records, at_least(&records, 80, RECORDS), "{what}");
    }
    outcome.near += truth;
}

fn run(seed: u64, lists: Lists, lag: f64, datasets: &str) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(live(seed, lists, lag, datasets))
}

#[test]
fn what_is_shown_of_the_fullest_dataset_is_true() {
    for lists in [
        Lists::Allowed,
        Lists::PagesOfOne,
        Lists::Denied,
        Lists::Throttled,
        Lists::Failing,
        Lists::Endless,
    ] {
        let mut total = Outcome::default();
        for seed in 0..3 {
            for lag in [0.0, 24.0] {
                let outcome = run(seed, lists, lag, "near");
                total.compared += outcome.compared;
                total.near += outcome.near;
                total.lists += outcome.lists;
            }
        }
        assert!(total.near > 100, "{lists:?}: {total:?}");
        assert!(total.lists > 0, "{lists:?}: the fault fired");
        let brings_lists = matches!(lists, Lists::Allowed | Lists::PagesOfOne);
        assert_eq!(total.compared > 100, brings_lists, "{lists:?}: {total:?}");
    }
}

#[test]
fn each_lists_whom_it_may_and_off_nobody() {
    let each = run(9, Lists::Allowed, 24.0, "each");
    assert!(5 * each.lists > each.calls, "{each:?}");
    let off = run(9, Lists::Allowed, 24.0, "off");
    assert_eq!((off.lists, off.compared), (0, 0));
    assert!(off.near > 0);
}

#[test]
fn lists_cost_no_additional_call() {
    let off = run(5, Lists::Allowed, 24.0, "off").calls;
    for datasets in ["near", "each"] {
        let calls = run(5, Lists::Allowed, 24.0, datasets).calls;
        assert!(
            calls.abs_diff(off) * 100 < off,
            "{datasets}: {calls}, off: {off}"
        );
    }
}
