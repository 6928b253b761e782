//! A pool whose identities are discovered: who is polled, while they come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use cognitosync_exporter::api::Operation;
use cognitosync_exporter::clock::{Clock, Mono};
use cognitosync_exporter::simulator::{Collecting, Fault, Life};

use crate::long::parameter;
use crate::support::{
    Exporter, Server, command, eventually, identity_id, patiently, pool_id, still_world, usage,
};

const DATASETS: &str = "cognitosync_identity_datasets";
const LIST: Operation = Operation::ListIdentities;

/// A configuration of a pool that is only discovered, with more keys of it.
fn discovering(server: &Server, poll: &str, discover: &str, more: &str) -> String {
    let (pool, url) = (pool_id(0), &server.url);
    format!(
        "poll: {{{poll}}}\npools:\n- id: {pool}\n  series: each\n  endpoint_url: {url}\n  \
         cognito_identity_endpoint_url: {url}\n  discover: {{{discover}}}\n{more}"
    )
}

const FAST: &str = "interval: 1s, rate_limit: 2000, stale_after: 1h, datasets: off";

/// The numbers of those that have a series of this family.
fn with_series(samples: &BTreeMap<String, f64>, family: &str, most: usize) -> BTreeSet<usize> {
    let pool = pool_id(0);
    let has = |number: &usize| {
        let id = identity_id(*number);
        samples.contains_key(&format!(
            "{family}{{identity_pool_id=\"{pool}\",identity_id=\"{id}\"}}"
        ))
    };
    (0..most).filter(has).collect()
}

fn of_pool(samples: &BTreeMap<String, f64>, family: &str) -> Option<f64> {
    let series = format!(
        "cognitosync_pool_{family}{{identity_pool_id=\"{}\"}}",
        pool_id(0)
    );
    samples.get(&series).copied()
}

fn passes(exporter: &Exporter) -> f64 {
    of_pool(&exporter.samples(), "discovery_passes_total").unwrap()
}

/// Waits for so many more complete passes.
fn wait_for_passes(exporter: &Exporter, more: f64) {
    let before = passes(exporter);
    eventually("passes", || {
        (passes(exporter) >= before + more).then_some(())
    });
}

fn listing_calls(server: &Server) -> usize {
    let calls = server.simulator.take_call_log();
    calls.iter().filter(|call| call.operation == LIST).count()
}

#[test]
fn after_one_pass_all_are_polled_and_those_that_come_and_go_are_noticed() {
    let server = Server::start(still_world(1, 300));
    server.simulator.world(|world| {
        for never in 290..300 {
            world.insert(&pool_id(0), &identity_id(never), Life::NeverSynced);
        }
    });
    let config = discovering(&server, FAST, "interval: 1s, rate_limit: 50", "");
    let exporter = Exporter::start(&config);
    let all = || with_series(&exporter.samples(), DATASETS, 400);
    eventually("all are polled", || {
        (all() == (0..290).collect()).then_some(())
    });
    eventually("guests that never synced are missing", || {
        (exporter.in_state(0, "missing") == 10.0).then_some(())
    });
    let samples = exporter.samples();
    assert_eq!(of_pool(&samples, "discovered_identities"), Some(300.0));
    eventually("a pass is complete", || {
        let samples = exporter.samples();
        of_pool(&samples, "discovery_last_complete_timestamp_seconds")?;
        (of_pool(&samples, "not_listed_identities") == Some(0.0)).then_some(())
    });
    // Fifty come, and fifty go.
    server.simulator.world(|world| {
        for number in 300..350 {
            world.insert(
                &pool_id(0),
                &identity_id(number),
                Life::Still(usage(number)),
            );
        }
        for number in 0..50 {
            world.remove(&pool_id(0), &identity_id(number));
        }
    });
    let before = passes(&exporter);
    let expected: BTreeSet<_> = (50..290).chain(300..350).collect();
    let stay: BTreeSet<_> = (50..290).collect();
    eventually("they are noticed", || {
        let shown = all();
        assert!(shown.is_superset(&stay), "no gap for the others");
        (shown == expected && exporter.in_state(0, "missing") == 10.0).then_some(())
    });
    // The pass that was under way, two that do not list them, and those until lists are read anew.
    let took = passes(&exporter) - before;
    assert!(took >= 2.0, "{took} passes");
    let samples = exporter.samples();
    assert_eq!(of_pool(&samples, "discovered_identities"), Some(300.0));
}

#[test]
fn a_pass_that_is_cut_in_half_drops_nobody() {
    let server = Server::start(still_world(1, 300));
    let config = discovering(&server, FAST, "interval: 1s, rate_limit: 20", "");
    let exporter = Exporter::start(&config);
    let all = || with_series(&exporter.samples(), DATASETS, 300).len();
    eventually("all are polled", || (all() == 300).then_some(()));
    wait_for_passes(&exporter, 1.0);
    let failures = |reason: &str| {
        let samples = exporter.samples();
        samples[&format!(
            "cognitosync_exporter_api_failures_total{{operation=\"ListIdentities\",reason=\"{reason}\"}}"
        )]
    };
    // Tokens that are refused begin a pass anew. Passes of so many pages follow each other.
    server.simulator.set_page_size(10);
    eventually("a token is refused", || {
        server.simulator.forget_page_tokens();
        (failures("invalid_parameter") >= 1.0).then_some(())
    });
    assert_eq!(all(), 300);
    server.simulator.set_page_size(60);
    // Then all calls fail, which is said once for each reason.
    let said = |reason: &str| {
        let said = |line: &&String| {
            line.contains("identities cannot be listed")
                && line.contains(&format!("reason={reason}"))
        };
        exporter.log().iter().filter(said).count()
    };
    for (reason, fault) in [
        ("service_error", Fault::Error(500, "InternalErrorException")),
        ("access_denied", Fault::Error(400, "NotAuthorizedException")),
    ] {
        server
            .simulator
            .set_operation_fault(LIST, None, Some(fault));
        eventually("it fails", || (said(reason) == 1).then_some(()));
        assert!(failures(reason) >= 1.0);
        assert_eq!(all(), 300);
    }
    server.simulator.set_operation_fault(LIST, None, None);
    wait_for_passes(&exporter, 2.0);
    assert_eq!(all(), 300);
    assert_eq!(exporter.in_state(0, "missing"), 0.0);
}

/// Names count, and who is listed by people only is shown as such.
#[test]
fn the_lists_of_people_and_of_cognito_identity_are_joined() {
    let server = Server::start(still_world(1, 100));
    server.simulator.world(|world| {
        world.set_disabled(&pool_id(0), &identity_id(99), true);
    });
    let more = format!(
        "  identities:\n  - {{id: {}, name: canary}}\n  - {}\n",
        identity_id(0),
        identity_id(99)
    );
    let config = discovering(&server, FAST, "interval: 1s, rate_limit: 50", &more);
    let exporter = Exporter::start(&config);
    let all = || with_series(&exporter.samples(), DATASETS, 100).len();
    eventually("all are polled", || (all() == 100).then_some(()));
    eventually("one was not listed", || {
        let samples = exporter.samples();
        (of_pool(&samples, "not_listed_identities") == Some(1.0)).then_some(())
    });
    let samples = exporter.samples();
    assert_eq!(of_pool(&samples, "discovered_identities"), Some(99.0));
    let named = format!(
        "cognitosync_identity_info{{identity_pool_id=\"{}\",identity_id=\"{}\",name=\"canary\"}}",
        pool_id(0),
        identity_id(0)
    );
    assert!(samples.contains_key(&named));
    let warnings = exporter.log().join("\n");
    assert!(
        !warnings.contains("listed once more than needed"),
        "{warnings}"
    );
}

/// The list is there at the first scrape of the next process, which lists nothing before it is due.
#[test]
fn a_restart_knows_the_list_at_once() {
    let server = Server::start(still_world(1, 200));
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.yaml");
    let text = discovering(&server, FAST, "interval: 1h, rate_limit: 50", "");
    std::fs::write(&config, text).unwrap();
    let start = || {
        let mut command = command();
        command.arg("--config.file").arg(&config);
        command
            .arg("--state.path")
            .arg(directory.path().join("state"));
        Exporter::run(command)
    };
    let mut first = start();
    let all = |exporter: &Exporter| with_series(&exporter.samples(), DATASETS, 200).len();
    eventually("all are polled", || (all(&first) == 200).then_some(()));
    wait_until_saved(&first);
    first.signal("KILL");
    first.wait();
    assert!(listing_calls(&server) >= 4);
    let second = start();
    assert_eq!(all(&second), 200);
    let samples = second.samples();
    assert_eq!(of_pool(&samples, "discovered_identities"), Some(200.0));
    assert_eq!(of_pool(&samples, "discovery_passes_total"), Some(1.0));
    thread::sleep(Duration::from_secs(2));
    assert_eq!(listing_calls(&server), 0, "the next pass is due in an hour");
}

fn wait_until_saved(exporter: &Exporter) {
    let saved = || {
        exporter
            .samples()
            .get("cognitosync_exporter_state_last_save_timestamp_seconds")
            .copied()
    };
    let before = eventually("saved", saved);
    eventually("saved again", || (saved()? > before).then_some(()));
}

/// A pool of many that appears does not keep those that are known from their turns, and all calls
/// stay within both ceilings.
#[test]
fn many_who_appear_delay_nobody_and_no_ceiling_is_passed() {
    let many = parameter("DISCOVERED_IDENTITIES", 3_000) as usize;
    let pages = parameter("DISCOVERED_PAGES", 5);
    let server = Server::start(still_world(1, 0));
    server.simulator.set_usage_lag(Duration::ZERO);
    let writes = Life::Collecting(Collecting {
        datasets: 2,
        bytes: 1_000.0,
        write: 1.0,
        every: 2.0,
        record_bytes: 100.0,
    });
    server.simulator.world(|world| {
        for number in 0..40 {
            world.insert(&pool_id(0), &identity_id(number), writes.clone());
        }
    });
    let poll = "interval: 1s, rate_limit: 20, stale_after: 1h, datasets: off";
    let discover = format!("interval: 1s, rate_limit: {pages}");
    let config = discovering(&server, poll, &discover, "");
    let exporter = Exporter::start(&config.replace("series: each", "series: none"));
    eventually("all are polled", || {
        (exporter.in_state(0, "fresh") == 40.0).then_some(())
    });
    server.simulator.world(|world| {
        for number in 40..many {
            let life = if number.is_multiple_of(3) {
                Life::Still(usage(number))
            } else {
                Life::NeverSynced
            };
            world.insert(&pool_id(0), &identity_id(number), life);
        }
    });
    let (began, memory) = (Clock::system(), exporter.resident_bytes());
    let polls_before = exporter.samples()["cognitosync_exporter_polls_total"];
    let share = parameter("DISCOVERED_SHARE", 33) as f64 / 100.0;
    patiently(
        1 + (many as u64 / pages / 1_000) as u32,
        "some of them are known",
        || {
            let samples = exporter.samples();
            (of_pool(&samples, "discovered_identities")? >= many as f64 * share).then_some(())
        },
    );
    let took = began.now().mono.since(Mono::START).as_secs_f64();
    let polls = exporter.samples()["cognitosync_exporter_polls_total"] - polls_before;
    println!(
        "{:.0} identities were found in {took:.1} s; meanwhile {:.1} polls/s of 20, and {:.0} bytes \
         of memory an identity",
        many as f64 * share,
        polls / took,
        (exporter.resident_bytes() - memory) / (many as f64 * share)
    );
    drop(server.simulator.take_call_log());
    thread::sleep(Duration::from_secs(10));
    let calls = server.simulator.take_call_log();
    let known: BTreeSet<_> = (0..40).map(identity_id).collect();
    let polls = calls
        .iter()
        .filter(|call| call.operation == Operation::DescribeIdentityUsage);
    let of_known = polls
        .clone()
        .filter(|call| known.contains(call.identity.as_ref().unwrap()));
    let (all, of_known) = (polls.count(), of_known.count());
    assert!(all > 50, "{all} polls");
    assert!(
        of_known * 8 > all,
        "{of_known} of {all} are for those that were known"
    );
    assert!(all - of_known > all / 4, "{of_known} of {all}");
    for (operation, rate) in [(LIST, 5.0), (Operation::DescribeIdentityUsage, 20.0)] {
        let times: Vec<_> = calls
            .iter()
            .filter(|call| call.operation == operation)
            .map(|call| call.at)
            .collect();
        // A slow machine delivers some together.
        for (index, first) in times.iter().enumerate() {
            let second = Duration::from_secs(1);
            let within = times[index..]
                .iter()
                .take_while(|at| at.since(*first) < second);
            let within = within.count();
            assert!(
                within as f64 <= rate * 1.2 + 2.0,
                "{within} {operation:?} calls in a second"
            );
        }
    }
}
