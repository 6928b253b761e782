//! Every query of every dashboard and every rule, on a real Prometheus that scrapes the demo and
//! knows five weeks of a past; and the dashboards as pictures.

use serde_json::Value;

use crate::prometheus::{Prometheus, job, shipped_rules};
use crate::support::{Exporter, command, eventually, patiently, repository};
use crate::{python, run};
use std::path::Path;
use std::process::Command;

const BOARDS: [&str; 4] = ["fleet", "identity", "migration", "exporter"];
/// The past has a sample an hour.
const LOOKBACK: &str = "--query.lookback-delta=65m";

/// The demo, and a Prometheus that scrapes it, has the shipped rules and a past.
pub(crate) fn demo() -> (Exporter, Prometheus) {
    let mut demo = command();
    demo.args(["demo", "--faults", "--identities=60", "--pools=2"]);
    let demo = Exporter::run(demo);
    eventually("every identity was polled", || {
        // Of the pool that is discovered, only those with names are pending at first.
        let polled = |(series, _): &(String, f64)| {
            series.starts_with("cognitosync_pool_identities{")
                && !series.contains("state=\"pending\"")
        };
        let polled = demo.samples().into_iter().filter(polled);
        let polled: f64 = polled.map(|(_, identities)| identities).sum();
        (polled == 60.0).then_some(())
    });
    // So that the past, which ends here, leads to what the pictures show.
    patiently(4, "most of the datasets that fill up are full", || {
        let full = demo.samples().into_iter().filter(|(series, _)| {
            series.starts_with("cognitosync_pool_identities_full{")
                && !series.contains("limit=\"datasets\"")
        });
        let full: f64 = full.map(|(_, identities)| identities).sum();
        (full >= 3.0).then_some(())
    });
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let past = python(
        "history.py",
        &[&demo.url(""), &demo.address, &data.display().to_string()],
        "",
    );
    assert!(past["samples"].as_u64().unwrap() > 100_000, "{past}");
    let configuration = format!(
        "global: {{scrape_interval: 5s, scrape_timeout: 5s, evaluation_interval: 5s}}\n{}{}",
        // An alert that has rung stays, also when a scrape is too slow or the world tidies up.
        shipped_rules(directory.path(), None),
        job(&[&demo.address]),
    );
    let prometheus = Prometheus::run(
        &configuration,
        directory,
        &[LOOKBACK, "--storage.tsdb.retention.time=60d"],
    );
    (demo, prometheus)
}

/// As Grafana fills in a query's variables.
fn filled_in(query: &str, identity: &str) -> String {
    let variables = [
        ("$__rate_interval", "1m"),
        ("$cluster", ".*"),
        ("$job", ".+"),
        ("$instance", ".+"),
        ("$pool", ".+"),
        ("$search", ""),
        ("$identity", identity),
    ];
    variables
        .into_iter()
        .fold(query.to_owned(), |query, (variable, value)| {
            query.replace(variable, value)
        })
}

/// The recorded series of identities that were full and are not seen any more.
const EMPTY_WITHOUT_TROUBLE: &str = "identity_name:cognitosync_full_unseen:max";

/// Panels that speak of what the demo does not have.
const EMPTY_IN_THE_DEMO: [&str; 3] = ["Written to though drained", "Projected end", "Full on"];

/// Those in closed rows too.
fn all_panels(board: &Value) -> impl Iterator<Item = &Value> {
    let panels = board["panels"].as_array().unwrap().iter();
    panels.flat_map(|panel| {
        let inside = panel["panels"].as_array().into_iter().flatten();
        inside.chain((panel["type"] != "row").then_some(panel))
    })
}

#[test]
#[ignore = "needs Prometheus, Chromium and uPlot, which tests/run installs"]
fn every_query_has_data_and_every_panel_can_be_read() {
    let (_demo, prometheus) = demo();
    // Which takes a minute. Pictures are of a moment some seconds ago.
    patiently(
        4,
        "there is an alert of each dataset that is full, for a while",
        || {
            let alerts = "ALERTS{alertname=\"CognitoSyncIdentityNearLimit\", alertstate=\"firing\", \
                      severity=\"warning\", limit!=\"datasets\"} offset 10s";
            let full = "cognitosync_pool_identities_full{limit!=\"datasets\"} offset 10s";
            let by = "(identity_pool_id, limit)";
            let told = format!("count by {by} ({alerts})");
            let lacking = format!("({full} > on {by} {told} or {full} > 0 unless on {by} {told})");
            let all_told = format!("count({alerts}) > 2 unless on () {lacking}");
            (!prometheus.query(&all_told).is_empty()).then_some(())
        },
    );
    // Which has grown by its past, and whose list of datasets stays current, as it is quiet.
    let quiet = "topk(1, cognitosync_identity_last_modified_age_seconds \
                 and cognitosync_identity_largest_dataset_records offset 1d \
                 and cognitosync_identity_largest_dataset_records \
                 and deriv(cognitosync_identity_storage_bytes[1d]) > 0)";
    let identity = prometheus.query(quiet)[0].0["identity_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let (mut panels, mut queries, mut empty) = (0, 0, Vec::new());
    for name in BOARDS {
        let file = repository().join(format!("dashboards/grafana/{name}.json"));
        let board: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        for panel in all_panels(&board) {
            panels += 1;
            for target in panel["targets"].as_array().unwrap() {
                queries += 1;
                let query = filled_in(target["expr"].as_str().unwrap(), &identity);
                let answer = prometheus.api("query", &[("query", &query)]);
                assert_eq!(
                    answer["status"], "success",
                    "{name}: {}: {answer}\n{query}",
                    panel["title"]
                );
                let title = panel["title"].as_str().unwrap();
                if answer["data"]["result"].as_array().unwrap().is_empty()
                    && !EMPTY_IN_THE_DEMO.contains(&title)
                {
                    empty.push(query);
                }
            }
        }
        for variable in board["templating"]["list"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|variable| variable["type"] == "query")
        {
            let query = filled_in(variable["query"].as_str().unwrap(), &identity);
            let (selector, _) = query
                .trim_start_matches("label_values(")
                .rsplit_once(',')
                .unwrap();
            assert!(
                !prometheus.query(selector).is_empty(),
                "{name}: {}",
                variable["name"]
            );
        }
    }
    // What happens seldom in the demo, such as a poll that fails, is waited for.
    let waited_for = empty.len();
    patiently(4, &format!("these have data: {empty:#?}"), || {
        empty.retain(|query| prometheus.query(query).is_empty());
        empty.is_empty().then_some(())
    });
    let mut numbers = 0;
    for name in BOARDS {
        let board = repository()
            .join(format!("dashboards/grafana/{name}.json"))
            .display()
            .to_string();
        let picture = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("{name}.png"))
            .display()
            .to_string();
        let uplot = repository()
            .join("target/npm/node_modules/uplot/dist")
            .display()
            .to_string();
        let drawn = python(
            "pictures.py",
            &[&prometheus.url(), &identity, &board, &uplot, &picture],
            "",
        );
        for flaws in ["flaws", "console", "contradictions", "empty"] {
            let mut found = drawn[flaws].as_array().unwrap().clone();
            found.retain(|title| !EMPTY_IN_THE_DEMO.contains(&title.as_str().unwrap()));
            assert!(found.is_empty(), "{name}: {flaws}: {found:?}");
        }
        numbers += drawn["numbers"].as_u64().unwrap();
    }
    assert!(
        numbers > 10,
        "{numbers} numbers that a chart shows over time"
    );
    let rules = prometheus.api("rules", &[]);
    let rules: Vec<_> = rules["data"]["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap().clone())
        .collect();
    let mut ringing = Vec::new();
    for rule in &rules {
        assert_eq!(rule["health"], "ok", "{rule}");
        let alerts = rule["alerts"].as_array();
        for alert in alerts.into_iter().flatten() {
            let text = alert["annotations"].to_string();
            assert!(
                !text.contains("error") && !text.contains("<no value>"),
                "{text}"
            );
            ringing.push(rule["name"].as_str().unwrap());
        }
        let name = rule["name"].as_str().unwrap();
        if rule["type"] == "recording" && name != EMPTY_WITHOUT_TROUBLE {
            assert!(!prometheus.query(name).is_empty(), "{rule}");
        }
    }
    ringing.dedup();
    let alerts = rules
        .iter()
        .filter(|rule| rule["type"] == "alerting")
        .count();
    println!(
        "{panels} panels with {queries} queries, {} recording and {alerts} alerting rules run on Prometheus; {waited_for} waited for; pending or ringing: {}",
        rules.len() - alerts,
        ringing.join(", ")
    );
    assert!(panels > 60 && queries > 80 && alerts > 20);
}

#[test]
#[ignore = "needs Prometheus and Alertmanager, which tests/run installs"]
fn rules_and_their_tests_are_good() {
    let alerts = repository().join("dashboards/alerts");
    let files = |folder: &std::path::Path| {
        let files = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path());
        files
            .filter(|file| file.extension().is_some_and(|ending| ending == "yaml"))
            .collect::<Vec<_>>()
    };
    let told = run(
        Command::new("promtool")
            .args(["check", "rules", "--lint=all"])
            .arg(alerts.join("recording.yaml"))
            .arg(alerts.join("alerts.yaml")),
        "",
    );
    assert!(told.status.success(), "{told:?}");
    let told = run(
        Command::new("promtool")
            .args(["check", "config"])
            .arg(alerts.join("prometheus.example.yaml")),
        "",
    );
    assert!(told.status.success(), "{told:?}");
    let tests = files(&alerts.join("tests"));
    assert!(tests.len() >= 20);
    let told = run(
        Command::new("promtool").args(["test", "rules"]).args(tests),
        "",
    );
    assert!(
        told.status.success(),
        "{}{}",
        String::from_utf8_lossy(&told.stdout),
        String::from_utf8_lossy(&told.stderr)
    );
    let told = run(
        Command::new("amtool")
            .arg("check-config")
            .arg(alerts.join("alertmanager.example.yaml")),
        "",
    );
    assert!(told.status.success(), "{told:?}");
}

#[test]
#[ignore = "needs the generator's library, which tests/run installs"]
fn the_dashboards_are_what_their_generator_makes() {
    let generator = repository().join("dashboards/grafana/generate.py");
    let told = run(
        Command::new(crate::installed("python"))
            .arg(generator)
            .arg("--check"),
        "",
    );
    assert!(
        told.status.success(),
        "{}",
        String::from_utf8_lossy(&told.stderr)
    );
}
