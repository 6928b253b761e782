//! What the server holds is what `/metrics` shows.

use crate::support::{
    Exporter, Server, command, configuration, eventually, get, identity_id, identity_series,
    pool_id, still_world, usage,
};
use cognitosync_exporter::api::Usage;
use cognitosync_exporter::simulator::{Fault, Life};
use serde_json::Value;
use std::time::Duration;

/// Whether a call was answered with a fault since this was last asked.
fn a_fault_fired(server: &Server) -> bool {
    let calls = server.simulator.take_call_log();
    calls.iter().any(|call| call.fault.is_some())
}

#[test]
fn every_gauge_equals_what_the_server_holds() {
    let server = Server::start(still_world(2, 500));
    server.simulator.set_latency(Duration::from_millis(20));
    let poll = "interval: 5s, rate_limit: 300, max_in_flight: 8";
    let exporter = Exporter::start(&configuration(poll, &server.url, 2, 500));
    eventually("all fresh", || {
        (exporter.in_state(0, "fresh") + exporter.in_state(1, "fresh") == 1_000.0).then_some(())
    });
    let samples = exporter.samples();
    for number in 0..1_000 {
        let of = |family: &str| samples[&identity_series(family, number / 500, number)];
        let Usage {
            datasets,
            storage_bytes,
            last_modified,
        } = usage(number);
        assert_eq!(of("datasets"), f64::from(datasets.unwrap()));
        assert_eq!(of("storage_bytes"), storage_bytes.unwrap() as f64);
        assert_eq!(
            of("last_modified_timestamp_seconds"),
            last_modified.unwrap()
        );
        assert_eq!(of("up"), 1.0);
        assert!(of("last_modified_age_seconds") > 0.0);
        assert!(of("last_success_timestamp_seconds") > last_modified.unwrap());
    }
    for pool in 0..2 {
        let of = |family: &str| {
            samples[&format!(
                "cognitosync_pool_{family}{{identity_pool_id=\"{}\"}}",
                pool_id(pool)
            )]
        };
        let storage: u64 = (pool * 500..(pool + 1) * 500)
            .filter_map(|number| usage(number).storage_bytes)
            .sum();
        assert_eq!(of("watched_storage_bytes"), storage as f64);
        assert_eq!(of("watched_datasets"), 4_750.0);
        assert_eq!(
            of("storage_bytes"),
            storage as f64,
            "the simulator sums up its pools"
        );
        assert!(of("sync_sessions") >= 1_500.0);
    }
    assert!(
        server.simulator.max_in_flight() <= 8,
        "{}",
        server.simulator.max_in_flight()
    );
}

#[test]
fn calls_stay_below_the_ceiling_when_there_is_more_to_ask() {
    let server = Server::start(still_world(1, 200));
    let _exporter = Exporter::start(&configuration(
        "interval: 1s, rate_limit: 50, max_in_flight: 3",
        &server.url,
        1,
        200,
    ));
    let mut calls = Vec::new();
    eventually("200 calls", || {
        calls.extend(server.simulator.take_call_log());
        (calls.len() >= 200).then_some(())
    });
    // Over the whole, so that calls which this machine pushed together do not count as the
    // exporter's fault; the pacer's own tests look at every second. The catch-up allowance is a
    // twentieth of a second.
    let took = calls[calls.len() - 1].at.since(calls[0].at).as_secs_f64();
    let allowed = 50.0 * (took + 0.05 + 0.25) + 1.0;
    assert!(
        calls.len() as f64 <= allowed,
        "{} calls in {took} s",
        calls.len()
    );
    assert!(server.simulator.max_in_flight() <= 3);
}

#[test]
fn what_changes_at_the_server_changes_on_metrics() {
    let server = Server::start(still_world(1, 3));
    let exporter = Exporter::start(&configuration("interval: 1s", &server.url, 1, 3));
    let storage = identity_series("storage_bytes", 0, 1);
    eventually("first value", || {
        (exporter.samples().get(&storage) == Some(&1_021.0)).then_some(())
    });

    let changed = Usage {
        storage_bytes: Some(20 << 20),
        datasets: Some(20),
        last_modified: None,
    };
    server
        .simulator
        .world(|world| world.insert(&pool_id(0), &identity_id(1), Life::Still(changed)));
    eventually("second value", || {
        (exporter.samples().get(&storage) == Some(&20_971_520.0)).then_some(())
    });
    let samples = exporter.samples();
    assert_eq!(samples[&identity_series("datasets", 0, 1)], 20.0);
    // A list of datasets without dates says nothing of the identity's, a description does.
    eventually("AWS gives no date any more", || {
        let samples = exporter.samples();
        let dates = [
            "last_modified_timestamp_seconds",
            "last_modified_age_seconds",
        ];
        let has = |family| samples.contains_key(&identity_series(family, 0, 1));
        (!dates.into_iter().any(has)).then_some(())
    });

    server
        .simulator
        .world(|world| world.remove(&pool_id(0), &identity_id(1)));
    eventually("missing", || {
        (exporter.in_state(0, "missing") == 1.0).then_some(())
    });
    let samples = exporter.samples();
    for family in [
        "datasets",
        "storage_bytes",
        "last_modified_timestamp_seconds",
        "last_modified_age_seconds",
    ] {
        assert!(
            !samples.contains_key(&identity_series(family, 0, 1)),
            "{family}"
        );
    }
    assert_eq!(samples[&identity_series("up", 0, 1)], 0.0);
    assert_eq!(
        exporter.in_state(0, "fresh"),
        2.0,
        "the others are not concerned"
    );
}

#[test]
fn a_server_that_goes_and_comes_back() {
    let server = Server::start(still_world(1, 5));
    let port = server.port();
    let poll = "interval: 1s, timeout: 500ms, attempts: 1, stale_after: 4s";
    let exporter = Exporter::start(&configuration(poll, &server.url, 1, 5));
    eventually("all fresh", || {
        (exporter.in_state(0, "fresh") == 5.0).then_some(())
    });

    drop(server);
    let storage = identity_series("storage_bytes", 0, 3);
    eventually("all failing", || {
        (exporter.in_state(0, "failing") == 5.0).then_some(())
    });
    assert!(
        exporter.samples().contains_key(&storage),
        "what is not stale yet is shown on"
    );
    eventually("all stale", || {
        (exporter.in_state(0, "stale") == 5.0).then_some(())
    });
    let samples = exporter.samples();
    assert!(!samples.contains_key(&storage));
    assert_eq!(samples[&identity_series("up", 0, 3)], 0.0);
    let unreachable = "cognitosync_exporter_poll_failures_total{reason=\"unreachable\"}";
    assert!(samples[unreachable] >= 5.0, "{}", samples[unreachable]);

    let _server = Server::start_at(still_world(1, 5), port);
    eventually("all fresh again", || {
        (exporter.in_state(0, "fresh") == 5.0).then_some(())
    });
    assert!(exporter.samples().contains_key(&storage));
}

#[test]
fn a_poll_is_tried_again_before_it_counts_as_failed() {
    let server = Server::start(still_world(1, 1));
    server
        .simulator
        .set_fault(&identity_id(0), Some(Fault::Status(429)));
    let exporter = Exporter::start(&configuration(
        "interval: 1s, attempts: 2",
        &server.url,
        1,
        1,
    ));
    let failures = "cognitosync_exporter_poll_failures_total{reason=\"throttled\"}";
    eventually("a failed poll", || {
        (exporter.samples()[failures] >= 1.0).then_some(())
    });
    let samples = exporter.samples();
    let calls =
        samples["cognitosync_exporter_api_requests_total{operation=\"DescribeIdentityUsage\"}"];
    assert!(calls >= 2.0 * samples[failures], "{calls} calls");
    server.simulator.set_fault(&identity_id(0), None);
    eventually("fresh", || {
        (exporter.in_state(0, "fresh") == 1.0).then_some(())
    });
    assert!(a_fault_fired(&server));
}

#[test]
fn throttling_is_one_warning_until_it_is_over_on_the_page_and_in_the_json() {
    let server = Server::start(still_world(1, 50));
    let throttled = Fault::Error(429, "TooManyRequestsException");
    let fault = |fault: Option<Fault>| {
        let numbers = 0..50;
        numbers.for_each(|number| {
            server
                .simulator
                .set_fault(&identity_id(number), fault.clone());
        });
    };
    fault(Some(throttled));
    let with_limit = |limit: u32| {
        let poll = format!("interval: 1s, attempts: 1, rate_limit: {limit}");
        configuration(&poll, &server.url, 1, 50)
    };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    std::fs::write(&file, with_limit(20)).unwrap();
    let mut command = command();
    command.arg("--config.file").arg(&file);
    let exporter = Exporter::run(command);
    let budget = || {
        let status: Value = serde_json::from_str(&get(&exporter.url("/api/v1/status")).1).unwrap();
        status["polling"]["budgets"][0].clone()
    };
    let warning = &exporter.told("AWS throttles:")[0];
    for words in [
        "level=warn",
        "of 20 calls/s",
        "calls throttled; lower poll.rate_limit",
    ] {
        assert!(warning.contains(words), "{warning}");
    }
    eventually("the JSON says so", || {
        (budget()["throttled"] == true).then_some(())
    });
    assert!(get(&exporter.url("/")).1.contains("AWS throttles: "));
    assert!(a_fault_fired(&server));
    fault(None);
    // As the warning says.
    std::fs::write(&file, with_limit(5)).unwrap();
    exporter.signal("HUP");
    exporter.told("AWS throttles no more");
    eventually("the JSON says so", || {
        (budget()["throttled"] == false).then_some(())
    });
    let told = exporter.told("AWS throttles");
    assert_eq!(told.len(), 2, "{told:#?}");
}

#[test]
fn identities_may_be_left_out_of_metrics() {
    let server = Server::start(still_world(1, 10));
    let base = configuration("interval: 1s", &server.url, 1, 10);
    for (series, shown) in [("none", vec![]), ("top\n  top: 3", vec![7, 8, 9])] {
        let exporter = Exporter::start(&base.replace(
            "  identities:",
            &format!("  series: {series}\n  identities:"),
        ));
        eventually("all fresh", || {
            (exporter.in_state(0, "fresh") == 10.0).then_some(())
        });
        let samples = exporter.samples();
        for number in 0..10 {
            let has_series = samples.contains_key(&identity_series("storage_bytes", 0, number));
            assert_eq!(has_series, shown.contains(&number), "{number} of {series}");
        }
        let left_out = format!(
            "cognitosync_pool_identities_without_series{{identity_pool_id=\"{}\"}}",
            pool_id(0)
        );
        assert_eq!(samples[&left_out], 10.0 - shown.len() as f64);
    }
}

/// One identity fails in each way in turn; nobody else is the worse for it.
#[test]
fn one_that_fails_harms_no_other() {
    let server = Server::start(still_world(1, 500));
    let poll = "interval: 2s, max_age: 4s, rate_limit: 1000, timeout: 500ms, attempts: 2, stale_after: 30s";
    let exporter = Exporter::start(&configuration(poll, &server.url, 1, 500));
    eventually("all fresh", || {
        (exporter.in_state(0, "fresh") == 500.0).then_some(())
    });
    let bad = identity_id(77);
    let faults = Fault::MODELLED.into_iter().chain([
        Fault::Error(403, "AccessDeniedException"),
        Fault::Error(403, "ExpiredTokenException"),
        Fault::Error(400, "ThrottlingException"),
        Fault::Status(429),
        Fault::Status(403),
        Fault::Status(404),
        Fault::Html(500),
        Fault::Html(200),
        Fault::Body("{\"IdentityUsage\":{\"DatasetCount\":".to_owned()),
        Fault::Body("{\"IdentityUsage\":{\"DatasetCount\":-1}}".to_owned()),
        Fault::Oversized,
        Fault::Hang,
        Fault::Close,
    ]);
    let mut struck = 0;
    for fault in faults {
        server.simulator.set_fault(&bad, Some(fault.clone()));
        drop(server.simulator.take_call_log());
        eventually("the fault fired", || {
            let fresh = exporter.in_state(0, "fresh");
            assert!(fresh >= 499.0, "{fresh} fresh under {fault:?}");
            a_fault_fired(&server).then_some(())
        });
        server.simulator.set_fault(&bad, None);
        struck += 1;
        eventually("all fresh again", || {
            (exporter.in_state(0, "fresh") == 500.0).then_some(())
        });
    }
    assert_eq!(struck, 18);
}
