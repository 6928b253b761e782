//! The whole way: simulator, exporter, Prometheus with the shipped rules, Alertmanager with the
//! shipped example, a webhook.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use cognitosync_exporter::api::Usage;
use cognitosync_exporter::clock::Clock;
use cognitosync_exporter::identity::{IdentityId, PoolId, phase};
use cognitosync_exporter::simulator::{Fault, Life};
use serde_json::{Value, json};

use crate::prometheus::{Prometheus, free_port, job, shipped_rules};
use crate::support::{
    Exporter, Server, command, configuration, eventually, get, identity_id, patiently, pool_id,
    repository, still_world,
};

/// Keeps what Alertmanager sends it; its thread ends with the process.
struct Webhook {
    port: u16,
    told: Arc<Mutex<Vec<Value>>>,
}

impl Webhook {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, told) = (
            listener.local_addr().unwrap().port(),
            Arc::new(Mutex::new(Vec::new())),
        );
        let keep = Arc::clone(&told);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut length = 0;
                for line in reader
                    .by_ref()
                    .lines()
                    .map_while(Result::ok)
                    .take_while(|line| !line.is_empty())
                {
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
                        length = value.parse().unwrap();
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                keep.lock()
                    .unwrap()
                    .push(serde_json::from_slice(&body).unwrap());
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    .unwrap();
            }
        });
        Self { port, told }
    }

    /// The alerts of this name that were sent in this status, severities first.
    fn alerts(&self, name: &str, status: &str) -> Vec<Value> {
        let told = self.told.lock().unwrap();
        let alerts = told
            .iter()
            .flat_map(|message| message["alerts"].as_array().unwrap());
        alerts
            .filter(|alert| alert["labels"]["alertname"] == name && alert["status"] == status)
            .cloned()
            .collect()
    }
}

/// Alertmanager with the shipped example, but for the webhook's address and its patience.
struct Alertmanager {
    child: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Alertmanager {
    fn telling(webhook: &Webhook) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let example = std::fs::read_to_string(
            repository().join("dashboards/alerts/alertmanager.example.yaml"),
        )
        .unwrap();
        let mut configuration =
            example.replace("127.0.0.1:9999", &format!("127.0.0.1:{}", webhook.port));
        for (patient, impatient) in [
            ("group_wait: 30s", "group_wait: 1s"),
            ("group_wait: 10s", "group_wait: 1s"),
            ("group_wait: 5m", "group_wait: 1s"),
            ("group_interval: 5m", "group_interval: 2s"),
        ] {
            assert!(configuration.contains(patient));
            configuration = configuration.replace(patient, impatient);
        }
        let file = directory.path().join("alertmanager.yml");
        std::fs::write(&file, configuration).unwrap();
        let port = free_port();
        let child = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.path={}",
                directory.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            child,
            port,
            _directory: directory,
        }
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn now() -> f64 {
    Clock::system().now().unix
}

#[test]
#[ignore = "needs Prometheus and Alertmanager; tests/run installs them and runs it"]
fn an_identity_that_fills_up_rings_and_is_quiet_again_when_it_is_tidied_up() {
    let server = Server::start(still_world(1, 5));
    let poll = "interval: 1s, rate_limit: 50, attempts: 1";
    let (pool, identity) = (pool_id(0), identity_id(2));
    let text = configuration(poll, &server.url, 1, 5)
        .replace(
            &format!("- id: {pool}"),
            &format!("- id: {pool}\n  name: production"),
        )
        .replace(
            &format!("  - {identity}"),
            &format!("  - {{id: '{identity}', name: canary-1}}"),
        );
    let exporter = Exporter::start(&text);
    let webhook = Webhook::start();
    let alertmanager = Alertmanager::telling(&webhook);
    let directory = tempfile::tempdir().unwrap();
    let prometheus = format!(
        "global: {{scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 2s}}\n\
         alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{}']}}]}}]}}\n{}{}",
        alertmanager.port,
        shipped_rules(directory.path(), Some("10s")),
        job(&[&exporter.address]),
    );
    let prometheus = Prometheus::run(&prometheus, directory, &[]);
    // An app with one dataset, which its user writes to.
    let of = |storage_bytes| Usage {
        datasets: Some(1),
        storage_bytes: Some(storage_bytes),
        last_modified: Some(now()),
    };
    let live = |usage| {
        server
            .simulator
            .world(|world| world.insert(&pool, &identity, Life::Still(usage)));
    };
    live(of(1 << 20));
    // Beside it, something that must not ring.
    server
        .simulator
        .set_fault(&identity_id(4), Some(Fault::Status(503)));

    let name = "CognitoSyncIdentityNearLimit";
    let rung = patiently(3, "the webhook heard of it", || {
        webhook.alerts(name, "firing").first().cloned()
    });
    assert_eq!(
        rung["labels"],
        json!({
            "alertname": name, "severity": "warning", "job": "cognitosync", "limit": "dataset_storage",
            "identity_pool_id": pool, "pool_name": "production",
            "identity_id": identity, "identity_name": "canary-1",
        })
    );
    let page = exporter.url(&format!("/api/v1/identities/{identity}"));
    assert_eq!(
        rung["annotations"],
        json!({
            "summary": "canary-1 is full: at least 1MiB of 1MiB in a dataset",
            "description": "A dataset of identity canary-1 of pool production is full. \
                AWS refuses what would make it larger, and since clients send all changes of a \
                dataset in one request, every later sync of it fails.",
            "page_url": page,
            "runbook_url": format!("dashboards/runbooks/{name}.md"),
        })
    );
    assert_eq!(get(&page).0, 200, "the link leads to the identity");
    assert_eq!(webhook.told.lock().unwrap()[0]["receiver"], "tickets");

    live(of(1 << 18));
    let resolved = eventually("the webhook heard that it ended", || {
        webhook.alerts(name, "resolved").first().cloned()
    });
    assert_eq!(resolved["labels"], rung["labels"]);
    assert_eq!(
        prometheus.query(&format!("ALERTS{{alertname=\"{name}\"}}")),
        []
    );
    let told = webhook.told.lock().unwrap().clone();
    let told = told
        .iter()
        .flat_map(|message| message["alerts"].as_array().unwrap());
    let others: Vec<_> = told
        .filter(|alert| alert["labels"]["alertname"] != name)
        .collect();
    assert!(others.is_empty(), "{others:?}");
}

/// An alert does not end when the exporter is killed and started again, before AWS was asked again;
/// without a state it does.
#[test]
#[ignore = "needs Prometheus and Alertmanager; tests/run installs them and runs it"]
fn the_alert_of_a_full_identity_survives_a_kill() {
    const IDENTITIES: usize = 5;
    let server = Server::start(still_world(1, IDENTITIES));
    let pool = PoolId::parse(&pool_id(0)).unwrap();
    // Whose turn comes last after a start that knows nothing.
    let turn = |number: &usize| {
        let id = identity_id(*number);
        phase(&pool, Some(IdentityId::parse(&id).unwrap()))
    };
    let full = (0..IDENTITIES).max_by_key(turn).unwrap();
    let usage = Usage {
        datasets: Some(1),
        storage_bytes: Some(1 << 20),
        last_modified: Some(now()),
    };
    server
        .simulator
        .world(|world| world.insert(pool.as_str(), &identity_id(full), Life::Still(usage)));
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.yaml");
    let poll = "interval: 1m, rate_limit: 50, attempts: 1, datasets: off";
    let text = configuration(poll, &server.url, 1, IDENTITIES);
    std::fs::write(&config, text).unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let start = |with_state: bool| {
        let mut command = command();
        command.arg("--config.file").arg(&config);
        command.arg(format!("--web.listen-address={address}"));
        if with_state {
            command
                .arg("--state.path")
                .arg(directory.path().join("state"));
        }
        Exporter::run(command)
    };
    let kill = |mut exporter: Exporter| {
        exporter.signal("KILL");
        assert!(!exporter.wait().success());
    };
    let exporter = start(true);
    let webhook = Webhook::start();
    let alertmanager = Alertmanager::telling(&webhook);
    let rules = tempfile::tempdir().unwrap();
    let prometheus = format!(
        "global: {{scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 2s}}\n\
         alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{}']}}]}}]}}\n{}{}",
        alertmanager.port,
        shipped_rules(rules.path(), Some("10s")),
        job(&[&address]),
    );
    let prometheus = Prometheus::run(&prometheus, rules, &[]);
    let name = "CognitoSyncIdentityNearLimit";
    patiently(5, "the webhook heard of it", || {
        webhook.alerts(name, "firing").first().cloned()
    });
    let is_firing = || {
        let firing = format!("ALERTS{{alertname=\"{name}\",alertstate=\"firing\"}}");
        !prometheus.query(&firing).is_empty()
    };
    thread::sleep(Duration::from_secs(5));
    kill(exporter);
    let exporter = start(true);
    // Longer than an alert is held, and shorter than all turns take.
    for _ in 0..40 {
        assert!(is_firing(), "it ended");
        thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(webhook.alerts(name, "resolved"), Vec::<Value>::new());
    kill(exporter);
    let _exporter = start(false);
    eventually("the webhook heard that it ended", || {
        webhook.alerts(name, "resolved").first().cloned()
    });
}
