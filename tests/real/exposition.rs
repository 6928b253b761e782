//! A live scrape, before other people's parsers.

use std::process::Command;

use serde_json::json;

use crate::support::{Exporter, Server, configuration, eventually, pool_id, still_world, usage};
use cognitosync_exporter::exposition::families;
use cognitosync_exporter::simulator::Fault;

const NAME: &str = "pro\"duct\\ion\n\u{fc}";

/// A scrape that has something of every family but the pool's own missing: names with all that must be escaped, too.
fn scrape() -> String {
    let server = Server::start(still_world(1, 5));
    let named = configuration("interval: 1s, attempts: 1", &server.url, 1, 5)
        .replace("  identities:", "  name: \"pro\\\"duct\\\\ion\\n\u{fc}\"\n  identities:")
        .replace("000000000001\n", "000000000001, name: \"pro\\\"duct\\\\ion\\n\u{fc}\"}\n")
        .replace(
            "- us-east-1:11111111-1111-4111-8111-000000000001",
            "- {id: us-east-1:11111111-1111-4111-8111-000000000001",
        );
    server.simulator.set_fault(&crate::support::identity_id(3), Some(Fault::Status(500)));
    let exporter = Exporter::start(&named);
    eventually("four fresh, one failing", || {
        (exporter.in_state(0, "fresh") == 4.0 && exporter.in_state(0, "failing") == 1.0).then_some(())
    });
    let sessions = format!("cognitosync_pool_sync_sessions{{identity_pool_id=\"{}\"}}", pool_id(0));
    eventually("the pool's own usage", || exporter.samples().contains_key(&sessions).then_some(()));
    exporter.get("/metrics").1
}

#[test]
#[ignore = "needs promtool, which tests/run installs"]
fn promtool_finds_nothing_to_say() {
    let output = crate::run(Command::new("promtool").args(["check", "metrics"]), &scrape());
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
#[ignore = "needs prometheus-client, which tests/run installs"]
fn prometheus_client_reads_what_was_meant() {
    let text = scrape();
    let parsed = crate::python("parse_text.py", &[], &text);
    let samples = parsed["samples"].as_array().unwrap();
    assert_eq!(samples.len(), text.lines().filter(|line| !line.starts_with('#')).count());
    for family in families::ALL {
        let name = family.name.strip_suffix("_total").unwrap_or(family.name);
        assert_eq!(parsed["types"][name], json!(family.kind.to_string()), "{name}");
        assert_eq!(parsed["helps"][name], json!(family.help));
    }
    let labelled = |label: &str, value: &str| samples.iter().filter(|sample| sample[1][label] == json!(value)).count();
    assert_eq!(labelled("name", NAME), 2, "a pool and an identity have that name");
    for number in [0, 1, 2, 4] {
        let identity = crate::support::identity_id(number);
        let storage = json!([
            "cognitosync_identity_storage_bytes",
            {"identity_pool_id": pool_id(0), "identity_id": identity},
            usage(number).storage_bytes
        ]);
        let similar = samples.iter().find(|sample| sample[0] == storage[0] && sample[1] == storage[1]);
        assert_eq!(similar, Some(&storage));
    }
}
