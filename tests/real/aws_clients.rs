//! boto3 and the AWS CLI understand the simulator: what they read is what the world holds.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Server, identity_id, pool_id, still_world, usage};
use cognitosync_exporter::simulator::{Fault, Life};

fn ask(server: &Server, questions: &Value) -> Vec<Value> {
    crate::python("sync_client.py", &[&server.url], &questions.to_string())
        .as_array()
        .unwrap()
        .clone()
}

#[test]
#[ignore = "needs boto3, which tests/run installs"]
fn boto3_reads_usage() {
    let server = Server::start(still_world(1, 30));
    server
        .simulator
        .world(|world| world.insert(&pool_id(0), &identity_id(30), Life::Empty));
    let mut questions: Vec<_> = (0..31)
        .map(|number| json!([pool_id(0), identity_id(number)]))
        .collect();
    questions.push(json!([pool_id(0), null]));
    let answers = ask(&server, &Value::from(questions));
    for (number, answer) in answers.iter().take(30).enumerate() {
        let usage = usage(number);
        let expected = json!({
            "IdentityId": identity_id(number),
            "IdentityPoolId": pool_id(0),
            "LastModifiedDate": usage.last_modified,
            "DatasetCount": usage.datasets,
            "DataStorage": usage.storage_bytes,
        });
        assert_eq!(*answer, expected);
    }
    assert_eq!(
        (
            &answers[30]["DatasetCount"],
            &answers[30]["LastModifiedDate"]
        ),
        (&json!(0), &Value::Null)
    );
    let storage: u64 = (0..30)
        .filter_map(|number| usage(number).storage_bytes)
        .sum();
    assert_eq!(answers[31]["DataStorage"], json!(storage));
    assert_eq!(
        answers[31]["LastModifiedDate"],
        json!(usage(29).last_modified)
    );
}

#[test]
#[ignore = "needs boto3, which tests/run installs"]
fn each_exception_comes_back_as_its_own_class() {
    let server = Server::start(still_world(1, 1));
    let mut request_ids = std::collections::BTreeSet::new();
    for fault in Fault::MODELLED {
        let Fault::Error(status, code) = fault else {
            panic!("{fault:?} is no exception")
        };
        for id in [identity_id(0), pool_id(0)] {
            server.simulator.set_fault(&id, Some(fault.clone()));
        }
        for answer in ask(
            &server,
            &json!([[pool_id(0), identity_id(0)], [pool_id(0), null]]),
        ) {
            assert_eq!(
                (&answer["class"], &answer["modelled"]),
                (&json!(code), &json!(true))
            );
            assert_eq!(answer["status"], json!(status));
            assert!(
                request_ids.insert(answer["request_id"].as_str().unwrap().to_owned()),
                "{request_ids:?}"
            );
        }
        assert!(
            server
                .simulator
                .take_call_log()
                .iter()
                .all(|call| call.fault.as_ref() == Some(&fault))
        );
    }
}

#[test]
#[ignore = "needs boto3, which tests/run installs"]
fn the_simulator_refuses_what_the_service_would() {
    let server = Server::start(still_world(1, 1));
    let answers = ask(
        &server,
        &json!([
            [pool_id(0), identity_id(7)],
            [pool_id(7), null],
            [pool_id(0), "us-east-1:UPPER"],
            ["eu-west-1:00000000-0000-4000-8000-000000000000", null],
        ]),
    );
    let classes: Vec<_> = answers
        .iter()
        .map(|answer| answer["class"].as_str().unwrap())
        .collect();
    let not_found = "ResourceNotFoundException";
    assert_eq!(
        classes,
        [not_found, not_found, "InvalidParameterException", not_found]
    );
}

/// Writes these records of datasets with boto3, each update in one request, then reads what the
/// identity has.
fn write(server: &Server, identity: usize, updates: &[(String, Value)]) -> Value {
    let input = json!({
        "pool": pool_id(0),
        "identity": identity_id(identity),
        "updates": updates,
    });
    crate::python("sync_writer.py", &[&server.url], &input.to_string())
}

/// The number, the bytes and the latest date of the datasets that boto3 lists.
fn listed(answer: &Value) -> Value {
    let datasets = answer["datasets"].as_array().unwrap();
    let dates = datasets
        .iter()
        .map(|dataset| dataset["LastModifiedDate"].as_f64().unwrap());
    let bytes = datasets
        .iter()
        .map(|dataset| dataset["DataStorage"].as_u64().unwrap());
    json!([
        datasets.len(),
        bytes.sum::<u64>(),
        dates.max_by(f64::total_cmp)
    ])
}

fn told(answer: &Value) -> Value {
    let usage = &answer["usage"];
    json!([
        usage["DatasetCount"],
        usage["DataStorage"],
        usage["LastModifiedDate"]
    ])
}

#[test]
#[ignore = "needs boto3, which tests/run installs"]
fn boto3_writes_until_it_is_refused() {
    let server = Server::start(still_world(1, 0));
    for identity in 0..3 {
        server
            .simulator
            .world(|world| world.insert(&pool_id(0), &identity_id(identity), Life::Empty));
    }
    server.simulator.set_page_size(100);
    let refused = json!(["LimitExceededException", 400]);
    let one =
        |dataset: &str, key: String, bytes: usize| (dataset.to_owned(), json!([[key, bytes]]));
    // The last update is refused; without it these are the totals.
    let large: Vec<_> = (0..17)
        .map(|number| one("saves", format!("{number}"), 1 << 16))
        .collect();
    let small: Vec<_> = (0..1_023)
        .map(|number| json!([format!("{number:04}"), 20]))
        .collect();
    let mut small = vec![("scores".to_owned(), json!(small))];
    small.extend([1_023, 1_024].map(|number| one("scores", format!("{number:04}"), 20)));
    let many: Vec<_> = (0..21)
        .map(|number| one(&format!("d{number:02}"), "k".to_owned(), 16))
        .collect();
    for (identity, updates, datasets, bytes) in [
        (0, large, 1, 1 << 20),
        (1, small, 1, 20 * 1_024),
        (2, many, 20, 20 * 16),
    ] {
        let answer = write(&server, identity, &updates);
        let outcomes = answer["updates"].as_array().unwrap();
        let (last, before) = outcomes.split_last().unwrap();
        assert!(before.iter().all(Value::is_null), "{outcomes:?}");
        assert_eq!(*last, refused);
        assert_eq!(listed(&answer)[0], json!(datasets));
        assert_eq!(listed(&answer)[1], json!(bytes));
        assert_eq!(answer["datasets"][0]["LastModifiedBy"], Value::Null);
        assert_eq!(told(&answer), json!([0, 0, null]), "usage lags");
    }
    server.simulator.set_usage_lag(Duration::ZERO);
    for identity in 0..3 {
        let answer = write(&server, identity, &[]);
        assert_eq!(listed(&answer), told(&answer), "of {identity}");
    }
    let again = [
        ("d00".to_owned(), Value::Null),
        one("d20", "k".to_owned(), 16),
    ];
    let answer = write(&server, 2, &again);
    assert_eq!(answer["updates"], json!([null, null]));
    assert_eq!(listed(&answer), told(&answer));
}

/// Runs the AWS CLI with these variables as its only credentials.
pub(crate) fn aws(
    server: &Server,
    keys: &[(&str, &str)],
    arguments: &[&str],
) -> std::process::Output {
    let mut command = Command::new(crate::installed("aws"));
    command
        .args(arguments)
        .args(["--endpoint-url", &server.url])
        .args(["--region", "us-east-1", "--output", "json"])
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env_remove("AWS_SESSION_TOKEN")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_MAX_ATTEMPTS", "1")
        .envs(keys.iter().copied());
    crate::run(&mut command, "")
}

#[test]
#[ignore = "needs the AWS CLI, which tests/run installs"]
fn the_aws_cli_reads_usage_and_exceptions() {
    let server = Server::start(still_world(1, 3));
    let (pool, identity) = (pool_id(0), identity_id(2));
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIDCLI"),
        ("AWS_SECRET_ACCESS_KEY", "cli"),
    ];
    let aws = |arguments: &[&str]| aws(&server, &keys, &[&["cognito-sync"], arguments].concat());
    let of_identity = [
        "describe-identity-usage",
        "--identity-pool-id",
        &pool,
        "--identity-id",
        &identity,
    ];
    let of_pool = ["describe-identity-pool-usage", "--identity-pool-id", &pool];
    for (arguments, shape, storage) in [
        (&of_identity[..], "IdentityUsage", 2 * 1_021),
        (&of_pool[..], "IdentityPoolUsage", 3 * 1_021),
    ] {
        let output = aws(arguments);
        assert!(output.status.success(), "{output:?}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer[shape]["DataStorage"], json!(storage));
    }
    let of_datasets = [&["list-datasets"][..], &of_identity[1..]].concat();
    let output = aws(&of_datasets);
    assert!(output.status.success(), "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let bytes = |number: usize| answer["Datasets"][number]["DataStorage"].clone();
    assert_eq!([bytes(0), bytes(1)], [json!(1_021), json!(1_021)]);
    let calls = server.simulator.take_call_log();
    assert!(
        calls
            .iter()
            .all(|call| call.access_key.as_deref() == Some("AKIDCLI")),
        "{calls:?}"
    );
    for fault in Fault::MODELLED {
        let Fault::Error(_, code) = fault else {
            panic!("{fault:?} is no exception")
        };
        server.simulator.set_fault(&identity, Some(fault));
        let output = aws(&of_identity);
        assert!(!output.status.success());
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains(&format!("({code})")), "{told}");
    }
}
