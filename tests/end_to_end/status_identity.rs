//! One identity explained.

use cognitosync_exporter::simulator::{Fault, Life};
use serde_json::{Value, json};

use crate::status::{dataset, page};
use crate::support::{
    Exporter, Server, configuration, eventually, identity_id, pool_id, still_world, usage,
};

fn explained(exporter: &Exporter, id: &str) -> (u16, Value) {
    let (status, text) = page(exporter, &format!("/api/v1/identities/{id}"));
    (status, serde_json::from_str(&text).unwrap())
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
    let used = &fresh["limits_used"];
    assert_eq!(
        (&used[0]["limit"], &used[0]["value"]),
        (&json!("dataset_storage"), &json!(1 << 20))
    );

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
fn an_identity_is_shown_with_its_datasets_once_they_are_listed() {
    let server = Server::start(still_world(1, 1));
    let life = Life::Datasets(vec![dataset(900_000, 2), dataset(10_000, 1_000)]);
    let id = identity_id(0);
    server
        .simulator
        .world(|world| world.insert(&pool_id(0), &id, life));
    let exporter = Exporter::start(&configuration("interval: 1s", &server.url, 1, 1));
    let listed = eventually("a list", || {
        let answer = explained(&exporter, &id).1["identities"][0].take();
        answer["listed"].is_object().then_some(answer)
    });
    let datasets = &listed["listed"]["datasets"];
    let by_name = |name: &str| {
        let datasets = datasets.as_array().unwrap().iter();
        datasets
            .clone()
            .find(|dataset| dataset["name"] == name)
            .unwrap()
    };
    let expected = json!({
        "name": "dataset of 900000",
        "storage_bytes": 900_000,
        "storage_used_ratio": 900_000.0 / 1_048_576.0,
        "records": 2,
        "records_used_ratio": 2.0 / 1_024.0,
        "last_modified": "2023-11-14T22:13:20.500Z",
    });
    assert_eq!(*by_name("dataset of 900000"), expected);
    assert_eq!(by_name("dataset of 10000")["records"], 1_000);
    let used = |limit: &str| {
        let used = listed["limits_used"].as_array().unwrap().iter();
        let used = used.clone().find(|used| used["limit"] == limit).unwrap();
        ["at_least", "exact", "near"].map(|key| used[key].clone())
    };
    let certain = json!("certain");
    assert_eq!(
        used("dataset_storage"),
        [json!(900_000), json!(true), certain.clone()]
    );
    assert_eq!(
        used("dataset_records"),
        [json!(1_000), json!(true), certain]
    );
    assert_eq!(
        used("datasets"),
        [json!(2), json!(true), json!("impossible")]
    );
}
