//! What the status page and its JSON tell of a pool that is discovered.

use cognitosync_exporter::api::Operation;
use cognitosync_exporter::simulator::{Fault, Life};
use serde_json::{Value, json};

use crate::support::{Exporter, Server, eventually, get, identity_id, pool_id, still_world};

const IDENTITIES: usize = 130;

fn status(exporter: &Exporter) -> Value {
    serde_json::from_str(&get(&exporter.url("/api/v1/status")).1).unwrap()
}

fn attention(status: &Value) -> String {
    status["attention"].to_string()
}

/// Passes that follow each other while few identities are known.
fn exporter(server: &Server) -> Exporter {
    let text = format!(
        "poll: {{interval: 2s, attempts: 1, rate_limit: 200}}\npools:\n- id: {pool}\n  \
         endpoint_url: {url}\n  cognito_identity_endpoint_url: {url}\n  series: each\n  \
         discover: {{interval: 5s, rate_limit: 20}}\n  identities: [{beside}]\n",
        pool = pool_id(0),
        url = server.url,
        // It has synced, but Cognito Identity lists it in no pool.
        beside = identity_id(IDENTITIES),
    );
    Exporter::start(&text)
}

#[test]
fn passes_are_shown_and_guests_that_never_synced_need_no_attention() {
    let server = Server::start(still_world(1, IDENTITIES));
    server.simulator.world(|world| {
        world.insert(&pool_id(0), &identity_id(7), Life::NeverSynced);
        world.insert(&pool_id(0), &identity_id(8), Life::NeverSynced);
        world.set_disabled(&pool_id(0), &identity_id(8), true);
    });
    let exporter = exporter(&server);
    let status = eventually("everyone was discovered and polled", || {
        let status = status(&exporter);
        let pool = &status["pools"][0];
        let is_whole = pool["identities"] == IDENTITIES && pool["states"]["pending"] == 0;
        let is_between = pool["discovery"]["present_pass"] == Value::Null;
        let is_counted = pool["discovery"]["not_listed_identities"] == 1;
        (is_whole && is_between && is_counted).then_some(status)
    });
    let discovery = &status["pools"][0]["discovery"];
    assert_eq!(discovery["discovered_identities"], IDENTITIES - 1);
    assert!(discovery["complete_passes"].as_u64() >= Some(1));
    let last = &discovery["last_pass"];
    assert_eq!(last["listed_identities"], IDENTITIES - 1);
    assert!(last["seconds"].as_f64() > Some(0.0) && last["ended"].is_string());
    assert!(discovery["next_pass"].is_string(), "{discovery}");
    assert_eq!(discovery["failure"], Value::Null);
    // The guest, and the one that nobody knows.
    assert_eq!(status["pools"][0]["states"]["missing"], 2);
    assert!(!attention(&status).contains("missing"), "{status}");
    let budget = &status["polling"]["budgets"][1];
    let label = budget["budget"].as_str().unwrap();
    assert!(label.contains("cognito-identity"), "{label}");
    assert_eq!(
        (&budget["ceiling"], &budget["needed"]),
        (&json!(20.0), &json!(0.6))
    );

    let page = get(&exporter.url("/")).1;
    assert!(
        page.contains("129 identities were listed by Cognito Identity in ")
            && page.contains("without 1 of those that are polled.")
            && page.contains(label),
        "{page}"
    );
}

#[test]
fn a_list_that_is_denied_is_shown_with_its_cause() {
    let server = Server::start(still_world(1, 3));
    let operation = Operation::ListIdentities;
    let fault = Fault::Error(400, "NotAuthorizedException");
    let set = |fault| {
        let simulator = &server.simulator;
        simulator.set_operation_fault(operation, None, fault);
    };
    set(Some(fault));
    let exporter = exporter(&server);
    let failed = eventually("a list that fails", || {
        let status = status(&exporter);
        let is_failed = status["pools"][0]["discovery"]["failure"].is_object();
        is_failed.then_some(status)
    });
    let discovery = &failed["pools"][0]["discovery"];
    assert_eq!(discovery["failure"]["reason"], "access_denied");
    assert!(discovery["failure"]["next_attempt"].is_string());
    assert_eq!(discovery["last_pass"], Value::Null);
    assert_eq!(discovery["present_pass"]["listed_identities"], 0);
    let told = &failed["attention"].as_array().unwrap();
    let told = told.iter().find(|it| it["code"] == "discovery_failing");
    let told = told.unwrap();
    assert_eq!(told["severity"], "warning", "none was listed ever: {told}");
    assert_eq!(told["identity_pool_id"], pool_id(0));
    let page = get(&exporter.url("/")).1;
    assert!(
        page.contains("no pass is complete yet")
            && page.contains("Identities cannot be listed: <code>access_denied</code>"),
        "{page}"
    );

    set(None);
    eventually("a list that works again", || {
        let status = status(&exporter);
        let works = status["pools"][0]["discovery"]["failure"] == Value::Null;
        (works && !attention(&status).contains("cannot be listed")).then_some(())
    });
}
