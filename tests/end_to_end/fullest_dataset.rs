//! Whose writes AWS refuses, or is about to: what `/metrics` says of the fullest dataset.

use std::time::Duration;

use cognitosync_exporter::api::{Dataset, Operation};
use cognitosync_exporter::simulator::{Fault, Life};

use crate::support::{
    Exporter, Server, configuration, eventually, identity_id, identity_series, pool_id, still_world,
};

const POLL: &str = "interval: 1s, rate_limit: 50, attempts: 1";
const LISTS: &str = "cognitosync_exporter_api_requests_total{operation=\"ListDatasets\"}";

/// An identity with datasets of these bytes and records, in a pool of so many that have little.
fn server(identities: usize, contents: &[(u64, u64)]) -> Server {
    let server = Server::start(still_world(1, 0));
    for number in 1..identities {
        let life = Life::Datasets(datasets(&[(1_000 + number as u64, 10)]));
        let id = identity_id(number);
        server
            .simulator
            .world(|world| world.insert(&pool_id(0), &id, life));
    }
    let life = Life::Datasets(datasets(contents));
    server
        .simulator
        .world(|world| world.insert(&pool_id(0), &identity_id(0), life));
    server
}

fn datasets(contents: &[(u64, u64)]) -> Vec<Dataset> {
    let dataset = |(number, &(bytes, records)): (usize, &(u64, u64))| Dataset {
        name: Some(format!("dataset-{number}")),
        storage_bytes: Some(bytes),
        records: Some(records),
        last_modified: Some(1_795_000_000.5),
    };
    contents.iter().enumerate().map(dataset).collect()
}

/// A gauge of the identity.
fn gauge(exporter: &Exporter, family: &str) -> Option<f64> {
    exporter
        .samples()
        .get(&identity_series(family, 0, 0))
        .copied()
}

/// A gauge of the pool.
fn count(exporter: &Exporter, family: &str, labels: &str) -> f64 {
    let pool = pool_id(0);
    exporter.samples()
        [&format!("cognitosync_pool_{family}{{identity_pool_id=\"{pool}\",{labels}}}")]
}

#[test]
fn one_dataset_full_of_bytes_is_full_at_once() {
    let server = server(1, &[(1 << 20, 1)]);
    let exporter = Exporter::start(&configuration(POLL, &server.url, 1, 1));
    eventually("polled", || {
        (exporter.in_state(0, "fresh") == 1.0).then_some(())
    });
    assert_eq!(
        count(&exporter, "identities_full", "limit=\"dataset_storage\""),
        1.0
    );
    let near = "limit=\"dataset_storage\",certainty=\"certain\"";
    assert_eq!(count(&exporter, "identities_near_limit", near), 1.0);
}

#[test]
fn records_are_found_by_the_second_poll_and_followed() {
    let server = server(5, &[(20 * 1_023, 1_023)]);
    server.simulator.set_usage_lag(Duration::ZERO);
    server.simulator.keep_call_log();
    let exporter = Exporter::start(&configuration(POLL, &server.url, 1, 5));
    let records = |expected: f64| {
        eventually("its records", || {
            (gauge(&exporter, "largest_dataset_records") == Some(expected)).then_some(())
        });
    };
    records(1_023.0);
    let calls = server.simulator.take_call_log().into_iter();
    let about_it: Vec<_> = calls
        .filter(|call| call.identity.as_deref() == Some(&identity_id(0)))
        .map(|call| call.operation)
        .take(2)
        .collect();
    assert_eq!(
        about_it,
        [Operation::DescribeIdentityUsage, Operation::ListDatasets]
    );
    assert_eq!(
        count(&exporter, "identities_full", "limit=\"dataset_records\""),
        1.0
    );
    let life = Life::Datasets(datasets(&[(20 * 1_024, 1_024)]));
    server.simulator.change(&pool_id(0), &identity_id(0), life);
    records(1_024.0);
}

#[test]
fn a_list_clears_and_convicts_whom_two_numbers_leave_open() {
    let half = (1 << 19, 10);
    let server = server(5, &[half; 2]);
    server.simulator.set_usage_lag(Duration::ZERO);
    let exporter = Exporter::start(&configuration(POLL, &server.url, 1, 5));
    let largest = |expected: u64| {
        eventually("its fullest dataset", || {
            let shown = gauge(&exporter, "largest_dataset_storage_bytes");
            (shown == Some(expected as f64)).then_some(())
        });
    };
    let near = |certainty: &str| {
        let labels = format!("limit=\"dataset_storage\",certainty=\"{certainty}\"");
        count(&exporter, "identities_near_limit", &labels)
    };
    largest(1 << 19);
    assert_eq!((near("certain"), near("possible")), (0.0, 0.0));
    let life = Life::Datasets(datasets(&[((1 << 20) - 1, 10), (1, 1)]));
    server.simulator.change(&pool_id(0), &identity_id(0), life);
    largest((1 << 20) - 1);
    assert_eq!((near("certain"), near("possible")), (1.0, 0.0));
}

#[test]
fn twenty_small_datasets_are_full_of_datasets_only() {
    let server = server(5, &[(1 << 15, 10); 20]);
    let exporter = Exporter::start(&configuration(POLL, &server.url, 1, 5));
    eventually("all fresh", || {
        (exporter.in_state(0, "fresh") == 5.0).then_some(())
    });
    assert_eq!(
        count(&exporter, "identities_full", "limit=\"datasets\""),
        1.0
    );
    for limit in ["dataset_storage", "dataset_records"] {
        let limit = format!("limit=\"{limit}\"");
        assert_eq!(count(&exporter, "identities_full", &limit), 0.0);
    }
}

#[test]
fn where_lists_fail_descriptions_go_on() {
    let denied = Fault::Error(403, "AccessDeniedException");
    let throttled = Fault::Error(429, "TooManyRequestsException");
    let broken = Fault::Error(500, "InternalErrorException");
    // Calls of a list, and how many lists fail before they pause.
    for (fault, reason, calls, lists) in [
        (denied, "access_denied", 1, 1),
        (throttled, "throttled", 1, 1),
        (broken, "service_error", 1, 3),
        (Fault::repeated_token(), "malformed", 2, 3),
    ] {
        let server = server(5, &[(500_000, 10); 2]);
        let set = server.simulator.clone();
        set.set_operation_fault(Operation::ListDatasets, None, Some(fault));
        let exporter = Exporter::start(&configuration(POLL, &server.url, 1, 5));
        let polls = "cognitosync_exporter_polls_total";
        eventually("several polls of each", || {
            (exporter.samples()[polls] >= 20.0).then_some(())
        });
        let samples = exporter.samples();
        assert_eq!(exporter.in_state(0, "fresh"), 5.0, "{reason}");
        assert_eq!(samples[LISTS], f64::from(calls * lists), "{reason}");
        let failures = format!(
            "cognitosync_exporter_api_failures_total{{operation=\"ListDatasets\",\
             reason=\"{reason}\"}}"
        );
        assert_eq!(samples[&failures], f64::from(lists), "{reason}");
        let labels = "limit=\"dataset_storage\",certainty=\"possible\"";
        let near = count(&exporter, "identities_near_limit", labels);
        assert_eq!(near, 1.0, "a description leaves it open");
        let told = exporter.log().into_iter();
        let told = told.filter(|line| line.contains("cognito-sync:ListDatasets"));
        assert_eq!(told.count(), usize::from(reason == "access_denied"));
    }
}

#[test]
fn pages_of_one_dataset_keep_to_the_ceiling() {
    const RATE: f64 = 20.0;
    let server = server(4, &[(400_000, 5); 7]);
    server.simulator.set_page_size(1);
    server.simulator.keep_call_log();
    let poll = format!("interval: 1s, rate_limit: {RATE}, datasets: each");
    let exporter = Exporter::start(&configuration(&poll, &server.url, 1, 4));
    eventually("a list of several pages", || {
        let shown = gauge(&exporter, "largest_dataset_storage_bytes");
        (shown == Some(400_000.0)).then_some(())
    });
    let polls = "cognitosync_exporter_polls_total";
    eventually("more polls", || {
        (exporter.samples()[polls] >= 16.0).then_some(())
    });
    let calls: Vec<_> = server.simulator.take_call_log();
    let lists = calls
        .iter()
        .filter(|call| call.operation == Operation::ListDatasets);
    assert!(lists.count() >= 7, "seven pages");
    for (index, first) in calls.iter().enumerate() {
        let second = Duration::from_secs(1);
        let within = calls[index..].partition_point(|call| call.at.since(first.at) < second);
        assert!(
            within as f64 <= RATE * 1.1 + 1.0,
            "{within} calls in a second"
        );
    }
}
