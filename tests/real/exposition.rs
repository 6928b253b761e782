//! Expositions before other people's parsers: a live scrape, and any store there can be.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::stores::{body, store};
use crate::support::{Exporter, Server, configuration, eventually, pool_id, still_world, usage};
use cognitosync_exporter::exposition::families::{self, Kind, unit};
use cognitosync_exporter::exposition::{Coding, Exposition, Format};
use cognitosync_exporter::simulator::Fault;

const NAME: &str = "pro\"duct\\ion\n\u{fc}";
/// An identity's may not hold a line break.
const IDENTITY_NAME: &str = "pro\"duct\\ion\u{fc}";

/// A scrape in a format that has something of every family but the pool's own missing: names with
/// all that must be escaped, too.
fn scrape(accept: &str) -> String {
    let server = Server::start(still_world(1, 5));
    let named = configuration("interval: 1s, attempts: 1", &server.url, 1, 5)
        .replace(
            "  identities:",
            "  name: \"pro\\\"duct\\\\ion\\n\u{fc}\"\n  identities:",
        )
        .replace(
            "000000000001\n",
            "000000000001, name: \"pro\\\"duct\\\\ion\u{fc}\"}\n",
        )
        .replace(
            "- us-east-1:11111111-1111-4111-8111-000000000001",
            "- {id: us-east-1:11111111-1111-4111-8111-000000000001",
        );
    server
        .simulator
        .set_fault(&crate::support::identity_id(3), Some(Fault::Status(500)));
    let exporter = Exporter::start(&named);
    eventually("four fresh, one failing", || {
        (exporter.in_state(0, "fresh") == 4.0 && exporter.in_state(0, "failing") == 1.0)
            .then_some(())
    });
    let sessions = format!(
        "cognitosync_pool_sync_sessions{{identity_pool_id=\"{}\"}}",
        pool_id(0)
    );
    eventually("the pool's own usage", || {
        exporter.samples().contains_key(&sessions).then_some(())
    });
    eventually("a list of datasets", || {
        let samples = exporter.samples();
        let mut series = samples.keys();
        series
            .find(|series| series.contains("identity_largest_dataset_records"))
            .cloned()
    });
    let mut response = ureq::get(exporter.url("/metrics"))
        .header("accept", accept)
        .call()
        .unwrap();
    response.body_mut().read_to_string().unwrap()
}

fn promtool(text: &str) -> String {
    let output = crate::run(Command::new("promtool").args(["check", "metrics"]), text);
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    // 3 is for names that could be better, which `said` says too.
    assert!([Some(0), Some(3)].contains(&output.status.code()), "{said}");
    said.into_owned()
}

#[test]
#[ignore = "needs promtool, which tests/run installs"]
fn promtool_finds_nothing_to_say() {
    assert_eq!(promtool(&scrape("*/*")), "");
}

#[test]
#[ignore = "needs prometheus-client, which tests/run installs"]
fn prometheus_client_reads_what_was_meant() {
    for (format, accept) in [
        ("text", "*/*"),
        ("openmetrics", "application/openmetrics-text"),
    ] {
        let text = scrape(accept);
        let parsed = crate::python("parse.py", &[format], &text);
        let samples = parsed["samples"].as_array().unwrap();
        assert_eq!(
            samples.len(),
            text.lines().filter(|line| !line.starts_with('#')).count()
        );
        for family in families::ALL {
            let name = family.name.strip_suffix("_total").unwrap_or(family.name);
            let are_absent = ["exporter_state_", "pool_discover", "pool_not_listed_"];
            let is_absent = |start: &&str| name.starts_with(&format!("cognitosync_{start}"));
            if are_absent.iter().any(is_absent) {
                // Nothing is saved and nobody discovered here. The demo's scrape has them.
                assert_eq!(parsed["types"][name], Value::Null);
                continue;
            }
            let kind = if format == "text" && family.kind == Kind::GaugeHistogram {
                Kind::Histogram
            } else {
                family.kind
            };
            assert_eq!(parsed["types"][name], json!(kind.to_string()), "{name}");
            assert_eq!(parsed["helps"][name], json!(family.help));
            if format == "openmetrics" {
                assert_eq!(
                    parsed["units"][name],
                    json!(unit(name).unwrap_or_default()),
                    "{name}"
                );
            }
        }
        let labelled = |label: &str, value: &str| {
            samples
                .iter()
                .filter(|sample| sample[1][label] == json!(value))
                .count()
        };
        assert_eq!(labelled("name", NAME), 1, "a pool has that name");
        assert_eq!(labelled("name", IDENTITY_NAME), 1);
        for number in [0, 1, 2, 4] {
            let identity = crate::support::identity_id(number);
            let name = json!("cognitosync_identity_storage_bytes");
            let labels = json!({"identity_pool_id": pool_id(0), "identity_id": identity});
            let similar = samples
                .iter()
                .find(|sample| sample[0] == name && sample[1] == labels)
                .unwrap();
            let value: f64 = similar[2].as_str().unwrap().parse().unwrap();
            assert_eq!(value, usage(number).storage_bytes.unwrap() as f64);
        }
    }
}

/// The strictest parsers there are, promtool among them, take any store in both formats, and find
/// the same samples in both.
#[test]
#[ignore = "needs promtool and prometheus-client, which tests/run installs"]
fn any_store_is_well_formed() {
    let mut random = fastrand::Rng::with_seed(4);
    let mut samples = 0;
    for _ in 0..25 {
        let bytes: Vec<u8> = (0..random.usize(0..3_000)).map(|_| random.u8(..)).collect();
        let exposition = Exposition::new(std::sync::Arc::new(store(&bytes)));
        let written =
            |format| String::from_utf8(body(&exposition, format, Coding::Identity)).unwrap();
        let text = written(Format::Text);
        let lints = promtool(&text);
        // Only the line that stands for the exporter's own metrics has no help.
        assert!(
            lints.lines().all(|lint| lint.starts_with("own_metric ")),
            "{lints}"
        );
        let text = series(&crate::python("parse.py", &["text"], &text));
        let open_metrics = series(&crate::python(
            "parse.py",
            &["openmetrics"],
            &written(Format::OpenMetrics),
        ));
        samples += text.len();
        assert_eq!(text, open_metrics);
    }
    assert!(samples > 10_000, "only {samples} samples were seen");
}

/// Names, labels and values, in one spelling for both formats.
fn series(parsed: &Value) -> BTreeSet<String> {
    let samples = parsed["samples"].as_array().unwrap().iter().map(|sample| {
        let mut labels = sample[1].clone();
        if let Some(bound) = labels["le"].as_str() {
            labels["le"] = json!(bound.parse::<f64>().unwrap().to_string());
        }
        let name = sample[0]
            .as_str()
            .unwrap()
            .replace("_gcount", "_count")
            .replace("_gsum", "_sum");
        format!("{name} {labels} {}", sample[2])
    });
    samples.collect()
}
