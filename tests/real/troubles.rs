//! Every trouble that a minute can bring about, made with real exporters: its alert becomes pending
//! on a real Prometheus, so what the rule asks for is what an exporter in trouble says. That it
//! rings after its time is what promtool tests.

use std::collections::BTreeSet;

use cognitosync_exporter::api::Usage;
use cognitosync_exporter::clock::Clock;
use cognitosync_exporter::simulator::{Fault, Life};

use crate::prometheus::{Prometheus, job, shipped_rules};
use crate::support::{
    Exporter, Server, configuration, eventually, identity_id, patiently, pool_id, still_world,
};

/// Rings by what there is, without a past of hours or days.
const EXPECTED: [&str; 12] = [
    "CognitoSyncCoverageLow",
    "CognitoSyncCredentialsRefused",
    "CognitoSyncExporterDown",
    "CognitoSyncExporterNotReady",
    "CognitoSyncIdentitiesMissing",
    "CognitoSyncIdentityNearLimit",
    "CognitoSyncLimitOutdated",
    "CognitoSyncPollsFailing",
    "CognitoSyncPoolNearLimit",
    "CognitoSyncReloadFailed",
    "CognitoSyncSweepOverrun",
    "CognitoSyncThrottled",
];
const DRAINED: &str = "CognitoSyncWritesOnDrainedPool";
const POLL: &str = "interval: 1s, stale_after: 2s, rate_limit: 100, attempts: 1";

/// An identity with one dataset, written to just now.
fn stores(storage_bytes: u64) -> Usage {
    Usage {
        datasets: Some(1),
        storage_bytes: Some(storage_bytes),
        last_modified: Some(Clock::system().now().unix),
    }
}

fn exporter(server: &Server, poll: &str, identities: usize) -> Exporter {
    Exporter::start(&configuration(poll, &server.url, 1, identities))
}

#[test]
#[ignore = "needs Prometheus, which tests/run installs"]
fn each_trouble_is_seen_by_its_rule() {
    let healthy = Server::start(still_world(1, 20));

    // A full identity in a pool with series, and three in one without; one above the limit; one
    // that writes to a pool that is drained; one missing; files that are broken while it runs.
    let limits = Server::start(still_world(2, 5));
    limits.simulator.world(|world| {
        world.insert(&pool_id(0), &identity_id(1), Life::Still(stores(1 << 20)));
        world.insert(&pool_id(0), &identity_id(3), Life::Still(stores(2 << 20)));
        for number in [6, 8, 9] {
            world.insert(
                &pool_id(1),
                &identity_id(number),
                Life::Still(stores(1 << 20)),
            );
        }
        world.insert(&pool_id(1), &identity_id(7), Life::Steady(0.0));
        world.remove(&pool_id(0), &identity_id(2));
    });
    let directory = tempfile::tempdir().unwrap();
    let [config, web] = ["config.yaml", "web.yaml"].map(|name| directory.path().join(name));
    let named = format!(
        "- id: {}\n  name: legacy (drained)\n  series: none",
        pool_id(1)
    );
    let text =
        configuration(POLL, &limits.url, 2, 5).replace(&format!("- id: {}", pool_id(1)), &named);
    std::fs::write(&config, text).unwrap();
    std::fs::write(
        &web,
        "http_server_config: {headers: {X-Frame-Options: deny}}\n",
    )
    .unwrap();
    let mut command = crate::support::command();
    command
        .arg("--config.file")
        .arg(&config)
        .arg("--web.config.file")
        .arg(&web);
    let limits_exporter = Exporter::run(command);
    std::fs::write(&config, "pools: [").unwrap();
    std::fs::write(&web, "http_server_config: [").unwrap();
    limits_exporter.signal("HUP");

    let refusing = Server::start(still_world(1, 5));
    let failing = Server::start(still_world(1, 20));
    for identity in 0..5 {
        refusing.simulator.set_fault(
            &identity_id(identity),
            Some(Fault::Error(403, "UnrecognizedClientException")),
        );
    }
    refusing.simulator.set_fault(
        &pool_id(0),
        Some(Fault::Error(403, "UnrecognizedClientException")),
    );
    let refused = exporter(&refusing, POLL, 5);
    let troubled = exporter(&failing, POLL, 20);
    eventually("everybody is fresh", || {
        (troubled.in_state(0, "fresh") == 20.0).then_some(())
    });
    for identity in 0..10 {
        failing.simulator.set_fault(
            &identity_id(identity),
            Some(Fault::Error(429, "TooManyRequestsException")),
        );
    }
    let overrun = exporter(&healthy, "interval: 1s, max_age: 10s, rate_limit: 0.1", 20);
    let killed = exporter(&healthy, POLL, 20);

    let exporters = [&limits_exporter, &refused, &troubled, &overrun, &killed]
        .map(|exporter| &*exporter.address);
    // A job for each, since they have the same pools and are no pair. It is called by the address.
    let jobs = exporters.map(|address| {
        job(&[address])
            .replace("scrape_configs:\n", "")
            .replace("job_name: cognitosync", &format!("job_name: {address:?}"))
    });
    let directory = tempfile::tempdir().unwrap();
    let configuration = format!(
        "global: {{scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 2s}}\n{}scrape_configs:\n{}",
        shipped_rules(directory.path(), Some("10s")),
        jobs.concat(),
    );
    let prometheus = Prometheus::run(&configuration, directory, &[]);
    eventually("all are up", || {
        (prometheus.query("up == 1").len() == exporters.len()).then_some(())
    });
    let down = killed.address.clone();
    drop(killed);

    let expected: BTreeSet<_> = EXPECTED
        .into_iter()
        .chain([DRAINED])
        .map(str::to_owned)
        .collect();
    let mut seen = BTreeSet::new();
    patiently(3, "every alert is pending or rings", || {
        let alerts = prometheus.query("ALERTS");
        seen.extend(
            alerts
                .iter()
                .map(|(labels, _)| labels["alertname"].as_str().unwrap().to_owned()),
        );
        // Before its first scrape Prometheus knows of none.
        seen.remove("CognitoSyncExporterAbsent");
        let missing: Vec<_> = expected.difference(&seen).collect();
        missing.is_empty().then_some(())
    });
    assert_eq!(seen, expected, "and no other");
    let of = |alert: &str| {
        let alerts = prometheus.query(&format!("ALERTS{{alertname=\"{alert}\"}}"));
        alerts
            .iter()
            .map(|(labels, _)| labels["job"].as_str().unwrap().to_owned())
            .collect::<BTreeSet<_>>()
    };
    for (alert, instance) in [
        ("CognitoSyncExporterDown", &down),
        ("CognitoSyncExporterNotReady", &refused.address),
        ("CognitoSyncCredentialsRefused", &refused.address),
        ("CognitoSyncThrottled", &troubled.address),
        ("CognitoSyncSweepOverrun", &overrun.address),
        ("CognitoSyncReloadFailed", &limits_exporter.address),
        (DRAINED, &limits_exporter.address),
    ] {
        assert_eq!(of(alert), [instance.clone()].into(), "{alert}");
    }
}
