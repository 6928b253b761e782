//! Hosts that are out of reach: AWS itself, and what provides credentials.

use super::{KEYS, ROLE, cache_token, case, check, check_words, sso_session, without_keys};
use crate::support::{Exporter, get, identity_id, pool_id};
use serde_json::Value;

#[test]
fn hosts_out_of_reach() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    // Nobody listens there.
    let nobody = "http://127.0.0.1:1";
    let mut pools = String::new();
    for (number, lines) in [
        "  profile: keys\n".to_owned(),
        format!("  profile: keys\n  role_arn: {ROLE}\n"),
        "  profile: dev\n".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        let (pool, identity) = (pool_id(number), identity_id(number));
        pools += &format!("- id: {pool}\n  endpoint_url: {nobody}\n{lines}");
        pools += &format!("  identities: [\"{identity}\"]\n");
    }
    let session = "98aadb37083eddd855c27feccb15dc8c5b127fd0";
    cache_token(home, session, "canary-2", "2100-01-01T00:00:00Z");
    let shared = format!(
        "{}[profile keys]\n{KEYS}[profile dev]\nsso_session = live\n\
         sso_account_id = 123456789012\nsso_role_name = reader\n",
        sso_session("live")
    );
    std::fs::write(home.join("aws"), shared).unwrap();
    let mut command = without_keys(home, "50s", &pools);
    command
        .env("AWS_CONFIG_FILE", home.join("aws"))
        .env("AWS_ENDPOINT_URL_SSO", nobody)
        .env("AWS_ENDPOINT_URL_STS", nobody);
    let exporter = Exporter::run(command);
    let cause = "127.0.0.1:1 refuses the connection";
    for (label, provider, settings) in [
        (ROLE, "STS", "AWS_ENDPOINT_URL_STS"),
        ("dev ", "the SSO portal", "AWS_ENDPOINT_URL_SSO"),
    ] {
        let cause = format!("{provider} cannot be reached: {cause}");
        let unreached = case(label, "", "connection_refused", &cause, settings);
        check(&exporter, &format!("us-east-1 {label}"), &unreached);
    }
    let line = &exporter.told("reason=unreachable kind=connection_refused")[0];
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
