//! Pools that are polled with the credentials of their guests.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::credentials::budget;
use crate::support::{
    Exporter, Server, configuration, eventually, get, identity_id, identity_series, pool_id,
    still_world, usage,
};
use cognitosync_exporter::api::Operation::{
    DescribeIdentityPoolUsage, DescribeIdentityUsage, GetCredentialsForIdentity, ListDatasets,
};
use cognitosync_exporter::api::{Operation, Service};
use cognitosync_exporter::simulator::{Call, Fault, GuestRole, Simulator};

/// A configuration whose pools are polled with their guests' credentials.
pub(crate) fn guests(poll: &str, server: &Server, pools: usize, identities: usize) -> String {
    let (url, text) = (
        &server.url,
        configuration(poll, &server.url, pools, identities),
    );
    let keys = format!(
        "  cognito_identity_endpoint_url: {url}\n  identity_credentials: guest\n  identities:"
    );
    text.replace("  identities:", &keys)
}

/// An exporter without credentials of its own.
fn start(configuration: &str) -> Exporter {
    start_with(configuration, &[])
}

fn start_with(configuration: &str, flags: &[&str]) -> Exporter {
    Exporter::start_with(configuration, flags, |command| {
        for name in ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"] {
            command.env_remove(format!("AWS_{name}"));
        }
        command
    })
}

fn until_fresh(exporter: &Exporter, pool: usize, identities: usize) {
    eventually("fresh identities", || {
        (exporter.in_state(pool, "fresh") == identities as f64).then_some(())
    });
}

fn count(exporter: &Exporter, metric: &str, labels: &str) -> f64 {
    exporter.samples()[&format!("cognitosync_exporter_{metric}{{{labels}}}")]
}

fn failures(exporter: &Exporter, operation: Operation, reason: &str) -> f64 {
    let operation = operation.as_str();
    let labels = format!("operation=\"{operation}\",reason=\"{reason}\"");
    count(exporter, "api_failures_total", &labels)
}

fn of(calls: &[Call], operation: Operation) -> Vec<&Call> {
    let calls = calls.iter().filter(|call| call.operation == operation);
    calls.collect()
}

/// Collects calls until each of these identities has been asked so often.
fn until_asked(simulator: &Simulator, identities: usize, times: usize) -> Vec<Call> {
    let mut calls = Vec::new();
    eventually("enough polls", || {
        calls.extend(simulator.take_call_log());
        let mut asked: HashMap<_, usize> = HashMap::new();
        for call in calls.iter().filter(|call| call.keys_of.is_some()) {
            *asked.entry(call.identity.clone()).or_default() += 1;
        }
        let enough = asked.values().filter(|asked| **asked >= times).count();
        (enough == identities).then_some(())
    });
    calls
}

/// Every call about an identity is signed with keys that were handed out for it.
fn assert_isolated(calls: &[Call]) {
    for call in calls {
        let is_exchange = call.operation.service() == Service::CognitoIdentity;
        let signed_as = (!is_exchange).then(|| call.identity.clone()).flatten();
        assert_eq!(call.keys_of, signed_as, "{call:?}");
        assert_eq!(call.access_key.is_some(), !is_exchange, "{call:?}");
    }
}

fn assert_gauges(exporter: &Exporter, identities: usize) {
    let samples = exporter.samples();
    for number in 0..identities {
        let usage = usage(number);
        let of = |family| samples[&identity_series(family, 0, number)];
        assert_eq!(of("datasets"), f64::from(usage.datasets.unwrap()));
        // A dataset's bytes are all that an identity without one cannot have.
        if usage.datasets != Some(0) {
            assert_eq!(of("storage_bytes"), usage.storage_bytes.unwrap() as f64);
        }
    }
}

#[test]
fn each_identity_is_polled_with_keys_of_its_own_that_are_exchanged_once() {
    let server = Server::start(still_world(1, 8));
    let exporter = start(&guests("interval: 1s", &server, 1, 8));
    let calls = until_asked(&server.simulator, 8, 4);
    assert_isolated(&calls);
    assert_eq!(of(&calls, GetCredentialsForIdentity).len(), 8);
    assert_eq!(of(&calls, DescribeIdentityPoolUsage), [] as [&Call; 0]);
    until_fresh(&exporter, 0, 8);
    assert_gauges(&exporter, 8);
    let exchanges = "operation=\"GetCredentialsForIdentity\"";
    assert_eq!(count(&exporter, "api_requests_total", exchanges), 8.0);
    let timed = count(&exporter, "api_request_duration_seconds_count", exchanges);
    assert_eq!(timed, 8.0);
    let samples = exporter.samples();
    let pool = pool_id(0);
    let own = format!("cognitosync_pool_storage_bytes{{identity_pool_id=\"{pool}\"}}");
    assert!(!samples.contains_key(&own), "nobody asks for it");
    assert_eq!(
        samples[&budget("api_rate_limit", "us-east-1 guest", &server)],
        10.0
    );
    // With the same settings they survive a reload.
    exporter.signal("HUP");
    exporter.told("configuration in force");
    let calls = until_asked(&server.simulator, 8, 2);
    assert_eq!(of(&calls, GetCredentialsForIdentity), [] as [&Call; 0]);
}

#[test]
fn keys_that_expire_in_between_are_replaced_once_in_the_same_poll() {
    let server = Server::start(still_world(1, 4));
    let exporter = start(&guests(
        "interval: 1s, attempts: 1, datasets: off",
        &server,
        1,
        4,
    ));
    until_fresh(&exporter, 0, 4);
    until_asked(&server.simulator, 4, 1);
    server.simulator.expire_keys();
    let mut calls = Vec::new();
    eventually("new keys for all", || {
        calls.extend(server.simulator.take_call_log());
        (of(&calls, GetCredentialsForIdentity).len() >= 4).then_some(())
    });
    calls.extend(until_asked(&server.simulator, 4, 2));
    assert_isolated(&calls);
    assert_eq!(of(&calls, GetCredentialsForIdentity).len(), 4);
    let refused = failures(&exporter, DescribeIdentityUsage, "credentials");
    assert_eq!(refused, 4.0, "each once");
    let failed = count(&exporter, "poll_failures_total", "reason=\"credentials\"");
    assert_eq!(failed, 0.0, "no poll notices");
    let good = budget("api_credentials_good", "us-east-1 guest", &server);
    assert_eq!(exporter.samples()[&good], 1.0);
}

#[test]
fn keys_are_renewed_before_they_expire() {
    let server = Server::start(still_world(1, 2));
    server
        .simulator
        .set_key_life(std::time::Duration::from_secs(5));
    let exporter = start(&guests("interval: 1s, datasets: off", &server, 1, 2));
    let mut calls = Vec::new();
    eventually("three exchanges each", || {
        calls.extend(server.simulator.take_call_log());
        (of(&calls, GetCredentialsForIdentity).len() >= 6).then_some(())
    });
    assert_isolated(&calls);
    let described = of(&calls, DescribeIdentityUsage).len();
    assert!(described > 6, "{described} calls: keys are used again");
    assert_eq!(
        failures(&exporter, DescribeIdentityUsage, "credentials"),
        0.0
    );
}

#[test]
fn a_forbidden_identity_is_denied_alone_and_one_that_is_unknown_is_missing() {
    let server = Server::start(still_world(1, 6));
    server.simulator.world(|world| {
        world.set_disabled(&pool_id(0), &identity_id(2), true);
        world.remove(&pool_id(0), &identity_id(3));
    });
    let exporter = start(&guests("interval: 1s, max_age: 2s", &server, 1, 6));
    until_fresh(&exporter, 0, 4);
    eventually("one is missing", || {
        (exporter.in_state(0, "missing") == 1.0).then_some(())
    });
    until_asked(&server.simulator, 4, 4);
    let exchanges = |reason| failures(&exporter, GetCredentialsForIdentity, reason);
    assert!(exchanges("access_denied") >= 1.0 && exchanges("not_found") >= 1.0);
    for reason in ["access_denied", "not_found", "credentials"] {
        assert_eq!(failures(&exporter, DescribeIdentityUsage, reason), 0.0);
    }
    let (_, page) = get(&exporter.url(&format!("/api/v1/identities/{}", identity_id(2))));
    assert!(page.contains("access_denied"), "{page}");
    assert_eq!(exporter.in_state(0, "fresh"), 4.0);
    let good = budget("api_credentials_good", "us-east-1 guest", &server);
    assert_eq!(exporter.samples()[&good], 1.0);
}

#[test]
fn where_the_role_allows_lists_only_usage_comes_from_them() {
    let server = Server::start(still_world(1, 8));
    server
        .simulator
        .set_guest_role(&pool_id(0), GuestRole::Sample);
    let exporter = start(&guests("interval: 1s", &server, 1, 8));
    until_fresh(&exporter, 0, 8);
    assert_gauges(&exporter, 8);
    let denied = |calls: &[Call]| of(calls, DescribeIdentityUsage).len();
    let first = until_asked(&server.simulator, 8, 1);
    assert_isolated(&first);
    assert!((1..=8).contains(&denied(&first)));
    let later = until_asked(&server.simulator, 8, 3);
    assert_eq!(denied(&later), 0, "it is remembered");
    let lists = of(&later, ListDatasets).len();
    assert!(lists >= 24, "{lists}");
    let failed = failures(&exporter, DescribeIdentityUsage, "access_denied");
    assert_eq!(failed, denied(&first) as f64);
    let told = exporter.told("usage comes from ListDatasets");
    assert!(
        told.len() == 1 && told[0].contains("level=info"),
        "{told:?}"
    );
    exporter.signal("HUP");
    let mut calls = Vec::new();
    eventually("another attempt", || {
        calls.extend(server.simulator.take_call_log());
        (denied(&calls) >= 1).then_some(())
    });
}

#[test]
fn where_both_are_denied_the_identity_is() {
    let server = Server::start(still_world(1, 3));
    for operation in [DescribeIdentityUsage, ListDatasets] {
        let fault = Fault::Error(403, "AccessDeniedException");
        let id = identity_id(1);
        server
            .simulator
            .set_operation_fault(operation, Some(&id), Some(fault));
    }
    let exporter = start(&guests("interval: 1s, datasets: off", &server, 1, 3));
    until_fresh(&exporter, 0, 2);
    eventually("both are denied", || {
        let denied = |operation| failures(&exporter, operation, "access_denied") >= 1.0;
        (denied(DescribeIdentityUsage) && denied(ListDatasets)).then_some(())
    });
    let calls = until_asked(&server.simulator, 2, 4);
    let asked_by_list: HashSet<_> = of(&calls, ListDatasets)
        .into_iter()
        .map(|call| call.identity.clone())
        .collect();
    assert!(asked_by_list.len() <= 1, "the others are described");
    assert_eq!(exporter.in_state(0, "fresh"), 2.0);
}

#[test]
fn throttled_exchanges_lower_the_rate_and_all_are_polled() {
    let server = Server::start(still_world(1, 20));
    server.simulator.set_identity_quota(Some(4.0));
    let exporter = start(&guests(
        "interval: 1s, rate_limit: 500, attempts: 5",
        &server,
        1,
        20,
    ));
    until_fresh(&exporter, 0, 20);
    assert!(failures(&exporter, GetCredentialsForIdentity, "throttled") >= 1.0);
    let calls = server.simulator.take_call_log();
    assert_isolated(&calls);
    let exchanges = of(&calls, GetCredentialsForIdentity);
    // Over the whole, as this machine may push some together, with the catch-up of the pacer.
    let took = exchanges[exchanges.len() - 1].at.since(exchanges[0].at);
    let allowed = 10.0 * (took.as_secs_f64() + 0.05 + 0.25) + 1.0;
    assert!(
        exchanges.len() as f64 <= allowed,
        "whatever rate_limit says"
    );
    let limit = budget("api_rate_limit", "us-east-1 guest", &server);
    assert_eq!(exporter.samples()[&limit], 10.0);
}

/// Nothing that was handed out is anywhere, whatever is logged.
#[test]
fn no_key_and_no_token_is_shown_logged_or_saved() {
    let server = Server::start(still_world(1, 4));
    server
        .simulator
        .world(|world| world.set_disabled(&pool_id(0), &identity_id(3), true));
    let state = tempfile::tempdir().unwrap();
    let path = format!("--state.path={}", state.path().join("state").display());
    let mut exporter = Exporter::start_with(
        &guests("interval: 1s", &server, 1, 4),
        &[&path],
        |command| command.env("RUST_LOG", "trace"),
    );
    until_fresh(&exporter, 0, 3);
    server.simulator.expire_keys();
    eventually("refused keys", || {
        (failures(&exporter, DescribeIdentityUsage, "credentials") >= 1.0).then_some(())
    });
    let calls = until_asked(&server.simulator, 3, 3);
    let mut secrets: HashSet<String> = server.simulator.secrets().into_iter().collect();
    assert!(secrets.len() >= 12, "a secret and a token each, twice");
    secrets.extend(calls.into_iter().filter_map(|call| call.access_key));
    let pages = ["/", "/metrics", "/api/v1/status", "/api/v1/identities"];
    let mut seen: Vec<Vec<u8>> = pages.map(|page| get(&exporter.url(page)).1.into()).into();
    exporter.signal("TERM");
    assert_eq!(exporter.wait().code(), Some(0));
    let log = exporter.log().join("\n");
    assert!(log.contains("level=trace"), "the rest is logged");
    seen.push(log.into());
    seen.extend(files(&state.path().join("state")));
    assert!(seen.iter().all(|text| !text.is_empty()));
    for secret in &secrets {
        for text in &seen {
            let found = text.windows(secret.len()).any(|at| at == secret.as_bytes());
            assert!(!found, "{secret} in {}", String::from_utf8_lossy(text));
        }
    }
}

fn files(directory: &Path) -> Vec<Vec<u8>> {
    let files = std::fs::read_dir(directory).unwrap();
    let files = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let files: Vec<_> = files.filter(|file| !file.is_empty()).collect();
    assert!(!files.is_empty(), "a state is kept");
    files
}
