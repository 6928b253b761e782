//! Worlds in which identities have datasets and write: what the exporter says of the fullest
//! dataset against the truth, with lists that are allowed, denied, throttled, fail or come in
//! pages of one, and with descriptions that lag.
//!
//! The poller, the store and the exposition are the real ones, on tokio's paused clock. Each world
//! writes for a while and is quiet for a while; the truth is compared when it has been quiet.

mod server;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cognitosync_exporter::api::{Dataset, Failure, Operation, Usage};
use cognitosync_exporter::clock::{Clock, Mono, Timestamp};
use cognitosync_exporter::exposition::{Blocks, Coding, Exposition, Format};
use cognitosync_exporter::job::{IdentityIndex, PoolIndex};
use cognitosync_exporter::limits::ListNeed;
use cognitosync_exporter::loading;
use cognitosync_exporter::observation::Observation;
use cognitosync_exporter::poller::{PollObserver, Poller};
use cognitosync_exporter::schedule::Demand;
use cognitosync_exporter::store::Store;
use cognitosync_exporter::targets::{TargetDiff, Targets};
use cognitosync_exporter::telemetry::Telemetry;
use tokio_util::sync::CancellationToken;

use server::{BEGAN, BUSY, IDENTITIES, LIMIT, Lists, PHASES, QUIET, RECORDS, Server, State};

const POOL: &str = "r:0";

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

    fn demand(&self, pool: PoolIndex, identity: IdentityIndex, now: Timestamp) -> Demand {
        self.store.demand(pool, identity, now)
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
    /// Identities that were shown near their limit of records.
    records: usize,
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
            while clock.now().mono < end {
                let next = clock.now().mono + Duration::from_secs(7);
                clock.sleep_until(next.min(end)).await;
                let samples = Samples::of(&exposition, &telemetry, clock.now());
                compare_with_the_last_answers(&server, lag, &samples, &what);
            }
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

/// While identities write: what is shown was true when AWS was asked last, or, of what lags, as
/// long before as it lags.
fn compare_with_the_last_answers(server: &Server, lag: f64, samples: &Samples, what: &str) {
    for identity in 0..IDENTITIES {
        let of = |family: &str| samples.of_identity(family, identity);
        let Some(asked) = of("last_success_timestamp_seconds") else {
            continue;
        };
        let most = |at: f64, number: fn(&Dataset) -> Option<u64>| {
            let state = server.state(identity, at)?;
            let most = state.datasets.iter().filter_map(number).max()?;
            Some(most as f64)
        };
        let largest: [(_, fn(&Dataset) -> _); 2] = [
            ("largest_dataset_storage_bytes", |dataset| {
                dataset.storage_bytes
            }),
            ("largest_dataset_records", |dataset| dataset.records),
        ];
        for (family, number) in largest {
            if let Some(shown) = of(family) {
                let true_once = [asked + 0.1, asked, asked - lag].map(|at| most(at, number));
                assert!(
                    true_once.contains(&Some(shown)),
                    "{what}: {family} of {identity}"
                );
            }
        }
        // The date of an identity is that of a write, and lags; those of its datasets do not, and
        // do not tell of one that was deleted. An answer is up to a call newer than its request;
        // in pages, up to twenty.
        let took = if server.lists == Lists::PagesOfOne {
            2.0
        } else {
            0.1
        };
        let Some(state) = server.state(identity, asked + took) else {
            continue;
        };
        if let Some(date) = of("last_modified_timestamp_seconds") {
            assert!(
                date <= state.since + lag,
                "{what}: {identity} was not written to"
            );
            // What was written and deleted since a description saw it, no answer shows.
            let before = server.state(identity, asked - lag);
            let kept = before.into_iter().flat_map(|state| &state.datasets);
            let kept = kept.filter(|dataset| state.datasets.contains(dataset));
            let before = Usage::of_datasets(&kept.cloned().collect::<Vec<_>>()).last_modified;
            assert!(before <= Some(date), "{what}: {identity} was written to");
        }
    }
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
        // A dataset may fill up with records that are smaller than those before, unseen for a week.
        outcome.records += certain_records;
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
                total.records += outcome.records;
                total.lists += outcome.lists;
            }
        }
        assert!(total.near > 100, "{lists:?}: {total:?}");
        assert!(total.lists > 0, "{lists:?}: the fault fired");
        let brings_lists = matches!(lists, Lists::Allowed | Lists::PagesOfOne);
        assert_eq!(total.compared > 100, brings_lists, "{lists:?}: {total:?}");
        assert_eq!(total.records > 50, lists == Lists::Allowed, "{total:?}");
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
