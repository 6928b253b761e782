//! What the status says of those that are full when AWS does not answer any more.

use cognitosync_exporter::clock::Clock;
use cognitosync_exporter::simulator::Life;
use serde_json::{Value, json};

use crate::status::{dataset, page, status};
use crate::support::{
    Exporter, Server, configuration, eventually, identity_id, pool_id, still_world,
};

#[test]
fn losing_aws_is_no_recovery_of_those_that_are_full() {
    let server = Server::start(still_world(1, 5));
    let full: Vec<_> = (1..=3).map(identity_id).collect();
    server.simulator.world(|world| {
        for identity in &full {
            let mut dataset = dataset(1 << 20, 7);
            dataset.last_modified = Some(Clock::system().now().unix - 60.0);
            world.insert(&pool_id(0), identity, Life::Datasets(vec![dataset]));
        }
    });
    let poll = "interval: 1s, timeout: 500ms, attempts: 1, stale_after: 4s, rate_limit: 100";
    let exporter = Exporter::start(&configuration(poll, &server.url, 1, 5));
    let of_code = |code: &str| -> Option<Value> {
        let status = status(&exporter);
        let mut attention = status["attention"].as_array().unwrap().iter();
        let found = attention.find(|it| it["code"] == code)?;
        Some(json!([found["severity"], found["limit"], found["count"]]))
    };
    let critical = json!(["critical", "dataset_storage", 3]);
    eventually("three are full", || {
        (of_code("full")? == critical).then_some(())
    });

    drop(server);
    eventually("all are lost", || {
        (of_code("lost_sight_of_full")? == critical).then_some(())
    });
    assert_eq!(of_code("full"), None, "nobody is known to be full");
    let (_, page) = page(&exporter, "/");
    assert!(page.contains("3 identities were full when last seen"));
}
