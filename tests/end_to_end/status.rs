//! What people look at: the status page, the same as JSON, one identity explained.

use cognitosync_exporter::api::Usage;
use cognitosync_exporter::simulator::{Fault, Life};
use serde_json::{Value, json};

use crate::support::{
    Exporter, PASSWORD, Server, configuration, eventually, get, identity_id, pool_id, still_world,
    usage,
};

/// May show identities' ids, as `/metrics` does, so it is not searched for them.
fn page(exporter: &Exporter, path: &str) -> (u16, String) {
    get(&exporter.url(path))
}

fn status(exporter: &Exporter) -> Value {
    serde_json::from_str(&page(exporter, "/api/v1/status").1).unwrap()
}

fn explained(exporter: &Exporter, id: &str) -> (u16, Value) {
    let (status, text) = page(exporter, &format!("/api/v1/identities/{id}"));
    (status, serde_json::from_str(&text).unwrap())
}

#[test]
fn the_page_and_the_json_tell_what_the_world_is_like() {
    let server = Server::start(still_world(2, 30));
    let full = Usage {
        datasets: Some(19),
        storage_bytes: Some(20 << 20),
        last_modified: Some(1_700_000_000.0),
    };
    server.simulator.world(|world| {
        world.insert(&pool_id(1), &identity_id(41), Life::Still(full));
        world.remove(&pool_id(0), &identity_id(3));
    });
    let text = configuration(
        "interval: 2s, attempts: 1, rate_limit: 100",
        &server.url,
        2,
        30,
    );
    let text = text.replacen(
        "  endpoint_url",
        "  name: \"<script>alert('x')</script> & \\\"co\\\"\"\n  endpoint_url",
        1,
    );
    let exporter = Exporter::start(&text);
    let status = eventually("everyone was polled", || {
        let status = status(&exporter);
        let settled = |pool: usize| status["pools"][pool]["states"]["pending"] == 0;
        (settled(0) && settled(1)).then_some(status)
    });
    assert_eq!(
        status["pools"][0]["states"],
        json!({"pending": 0, "fresh": 29, "failing": 0, "stale": 0, "missing": 1})
    );
    assert_eq!(status["pools"][0]["reasons"], json!({"not_found": 1}));
    assert_eq!(status["pools"][1]["storage_used"]["above_95_percent"], 1);
    let fullest = &status["fullest_identities"];
    assert_eq!(fullest.as_array().unwrap().len(), 20);
    assert_eq!(
        (
            &fullest[0]["identity_id"],
            &fullest[0]["storage_used_ratio"]
        ),
        (&json!(identity_id(41)), &json!(1.0))
    );
    let ratio = |full: &Value| {
        full["storage_used_ratio"]
            .as_f64()
            .unwrap()
            .max(full["datasets_used_ratio"].as_f64().unwrap())
    };
    assert!(
        fullest
            .as_array()
            .unwrap()
            .is_sorted_by(|a, b| ratio(a) >= ratio(b)),
        "{fullest}"
    );
    let failed = &status["recent_failures"];
    assert_eq!(
        (failed.as_array().unwrap().len(), &failed[0]["reason"]),
        (1, &json!("not_found")),
        "{failed}"
    );
    assert!(
        failed[0]["next"]["why"]
            .as_str()
            .unwrap()
            .contains("intervals of 2s"),
        "{failed}"
    );
    assert_eq!(status["polling"]["budgets"][0]["credentials_good"], true);
    let attention = status["attention"].to_string();
    assert!(
        attention.contains("above 95 % of their storage limit: 1.")
            && attention.contains("missing: 1."),
        "{attention}"
    );

    let (code, html) = page(&exporter, "/");
    assert_eq!(code, 200);
    assert!(
        html.contains(&identity_id(41))
            && html.contains("not_found")
            && html.contains("above 95 % <b>1</b>"),
        "{html}"
    );
    assert!(
        !html.contains("<script") && html.contains("&#60;script&#62;alert"),
        "names are escaped: {html}"
    );
    let agent = ureq::get(exporter.url("/")).call().unwrap();
    let policy = agent.headers()["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(agent.headers()["cache-control"], "no-store");
}

#[test]
fn one_identity_explained() {
    let server = Server::start(still_world(1, 3));
    server.simulator.set_fault(
        &identity_id(1),
        Some(Fault::Error(429, "TooManyRequestsException")),
    );
    let exporter = Exporter::start(&configuration(
        "interval: 1s, attempts: 2",
        &server.url,
        1,
        3,
    ));
    let (code, fresh) = eventually("a poll", || {
        Some(explained(&exporter, &identity_id(2)))
            .filter(|(_, answer)| answer["identities"][0]["state"] == "fresh")
    });
    let fresh = &fresh["identities"][0];
    assert_eq!(
        (code, &fresh["usage"]["storage_bytes"]),
        (200, &json!(usage(2).storage_bytes))
    );
    assert_eq!(
        (&fresh["failing"], &fresh["identity_pool_id"]),
        (&Value::Null, &json!(pool_id(0)))
    );
    assert_eq!(fresh["last_polls"][0]["reason"], Value::Null);

    let failing = eventually("two polls that failed", || {
        let answer = explained(&exporter, &identity_id(1)).1["identities"][0].take();
        (answer["failing"]["polls_in_a_row"].as_u64() >= Some(2)).then_some(answer)
    });
    assert_eq!(
        (&failing["state"], &failing["failing"]["reason"]),
        (&json!("failing"), &json!("throttled"))
    );
    assert_eq!(
        (&failing["usage"], &failing["last_success"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        (
            &failing["last_polls"][0]["attempts"],
            &failing["last_polls"][0]["reason"]
        ),
        (&json!(2), &json!("throttled"))
    );
    assert!(failing["next"]["why"].is_string());

    let upper = format!(
        "us-east-1%3A{}",
        identity_id(2).split_once(':').unwrap().1.to_uppercase()
    );
    assert_eq!(
        explained(&exporter, &upper).0,
        200,
        "escaped and in upper case"
    );
    assert_eq!(explained(&exporter, &identity_id(9)).0, 404);
    let (code, wrong) = explained(&exporter, "%3Cscript%3E");
    assert_eq!(code, 400);
    assert!(
        wrong["error"]
            .as_str()
            .unwrap()
            .starts_with("expected an identity id"),
        "{wrong}"
    );
}

#[test]
fn all_of_it_stands_behind_the_login() {
    let server = Server::start(still_world(1, 1));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("web.yaml");
    let hash = bcrypt::hash_with_salt(PASSWORD, 4, [7; 16]).unwrap();
    std::fs::write(&file, format!("basic_auth_users: {{me: \"{hash}\"}}\n")).unwrap();
    let flag = format!("--web.config.file={}", file.display());
    let exporter = Exporter::start_with(
        &configuration("interval: 1s", &server.url, 1, 1),
        &[&flag],
        |command| command,
    );
    for path in [
        "/",
        "/api/v1/status",
        "/api/v1/identities",
        &format!("/api/v1/identities/{}", identity_id(0)),
        "/metrics",
    ] {
        assert_eq!(
            page(&exporter, path),
            (401, "Unauthorized\n".to_owned()),
            "{path}"
        );
    }
}
