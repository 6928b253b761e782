//! Hosts that are out of reach: AWS itself, and what provides credentials.

use super::{KEYS, ROLE, case, check, check_words, without_keys};
use crate::support::{Exporter, eventually, get, identity_id, pool_id};
use serde_json::Value;

#[test]
fn hosts_out_of_reach() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    // Nobody listens there.
    let nobody = "http://127.0.0.1:1";
    let mut pools = String::new();
    for (number, more) in [(0, String::new()), (1, format!("  role_arn: {ROLE}\n"))] {
        let (pool, identity) = (pool_id(number), identity_id(number));
        pools += &format!("- id: {pool}\n  endpoint_url: {nobody}\n  profile: keys\n{more}");
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
    let what = "reason=unreachable kind=connection_refused";
    let line = eventually(what, || {
        let log = exporter.log();
        log.into_iter().find(|line| line.contains(what))
    });
    assert!(
        line.contains("level=warn") && line.contains(cause),
        "{line}"
    );
    let status: Value = serde_json::from_str(&get(&exporter.url("/api/v1/status")).1).unwrap();
    let budgets = status["polling"]["budgets"].as_array().unwrap();
    let unreachable = budgets.iter().map(|budget| &budget["unreachable"]);
    let said = |it: &Value| it["kind"] == "connection_refused" && it["cause"] == cause;
    assert!(unreachable.clone().any(said), "{status:#}");
    assert!(status["attention"].to_string().contains(cause));
    check_words(&exporter);
}
