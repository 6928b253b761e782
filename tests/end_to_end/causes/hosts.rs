//! Hosts that are out of reach: AWS itself, and what provides credentials.

use super::{KEYS, ROLE, case, check, check_words, without_keys};
use crate::support::{Exporter, eventually, get, identity_id, pool_id};
use serde_json::Value;

#[test]
fn hosts_out_of_reach() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    // The longest label of a name has 63 characters, so no server is asked for it.
    let unknown = format!("https://{}.example", "a".repeat(64));
    // Nobody listens there.
    let nobody = "http://127.0.0.1:1";
    let mut pools = String::new();
    for (number, url, more) in [
        (0, nobody, String::new()),
        (1, &unknown, String::new()),
        (2, nobody, format!("  role_arn: {ROLE}\n")),
    ] {
        let (pool, identity) = (pool_id(number), identity_id(number));
        pools += &format!("- id: {pool}\n  endpoint_url: {url}\n  profile: keys\n{more}");
        pools += &format!("  identities: [\"{identity}\"]\n");
    }
    std::fs::write(home.join("aws"), format!("[profile keys]\n{KEYS}")).unwrap();
    let mut command = without_keys(home, "50s", &pools);
    command
        .env("AWS_CONFIG_FILE", home.join("aws"))
        .env("AWS_ENDPOINT_URL_STS", nobody);
    let exporter = Exporter::run(command);
    let cause = "127.0.0.1:1 refuses the connection";
    let sts = case("sts", "", "connection_refused", cause, "HTTPS_PROXY");
    check(&exporter, &format!("us-east-1 {ROLE}"), &sts);
    for (host, kind, cause) in [
        ("127.0.0.1:1", "connection_refused", cause),
        (
            ".example",
            "host_unknown",
            ".example cannot be resolved (DNS)",
        ),
    ] {
        let what = format!("reason=unreachable kind={kind}");
        let line = eventually(&what, || {
            let log = exporter.log();
            log.into_iter().find(|line| line.contains(&what))
        });
        assert!(
            line.contains("level=warn") && line.contains(cause),
            "{line}"
        );
        let status: Value = serde_json::from_str(&get(&exporter.url("/api/v1/status")).1).unwrap();
        let budgets = status["polling"]["budgets"].as_array().unwrap();
        let said = budgets.iter().any(|budget| {
            let unreachable = &budget["unreachable"];
            unreachable["kind"] == kind && unreachable["cause"].as_str().unwrap().contains(host)
        });
        assert!(said, "{status:#}");
        assert!(
            status["attention"].to_string().contains(cause),
            "{status:#}"
        );
    }
    check_words(&exporter);
}
