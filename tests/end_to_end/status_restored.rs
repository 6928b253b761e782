//! The status after a restart, of state that was restored.

use cognitosync_exporter::simulator::Fault;
use serde_json::{Value, json};

use crate::status::status;
use crate::support::{Exporter, Server, configuration, eventually, identity_id, still_world};

/// As for `CognitoSyncExporterNotReady`, which counts the polls since the start.
#[test]
fn restored_state_is_no_answer_since_the_start() {
    let server = Server::start(still_world(1, 3));
    let poll = "interval: 1s, attempts: 1, rate_limit: 100";
    let configuration = configuration(poll, &server.url, 1, 3);
    let state = tempfile::tempdir().unwrap();
    let path = state.path().to_str().unwrap();
    let start = || Exporter::start_with(&configuration, &["--state.path", path], |command| command);
    let mut exporter = start();
    let is_known = |status: &Value| status["pools"][0]["states"]["fresh"] == 3;
    eventually("all are known", || {
        is_known(&status(&exporter)).then_some(())
    });
    exporter.signal("TERM");
    assert!(exporter.wait().success());

    let fault = |fault: Option<Fault>| {
        let ids = (0..3).map(identity_id);
        ids.for_each(|id| server.simulator.set_fault(&id, fault.clone()));
    };
    let denied = Fault::Error(403, "AccessDeniedException");
    fault(Some(denied.clone()));
    let exporter = start();
    let pool_denied = || {
        let status = status(&exporter);
        let attention = status["attention"].as_array().unwrap().iter();
        let mut denied = attention.filter(|it| it["code"] == "pool_denied");
        Some(json!([denied.next()?["severity"], status["ready"]]))
    };
    let before = eventually("all are denied", pool_denied);
    assert_eq!(before, json!(["critical", true]));

    fault(None);
    eventually("all are known again", || {
        status(&exporter)["attention"].eq(&json!([])).then_some(())
    });
    fault(Some(denied));
    let after = eventually("all are denied again", pool_denied);
    assert_eq!(after, json!(["warning", true]));
}
