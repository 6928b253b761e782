//! boto3 and the AWS CLI understand the simulator: what they read is what the world holds.

use std::process::Command;

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

fn aws(server: &Server, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(crate::installed("aws"));
    command.args([
        "cognito-sync",
        "--endpoint-url",
        &server.url,
        "--region",
        "us-east-1",
        "--output",
        "json",
    ]);
    command
        .env("AWS_ACCESS_KEY_ID", "AKIDCLI")
        .env("AWS_SECRET_ACCESS_KEY", "cli")
        .env("AWS_MAX_ATTEMPTS", "1");
    crate::run(command.args(arguments), "")
}

#[test]
#[ignore = "needs the AWS CLI, which tests/run installs"]
fn the_aws_cli_reads_usage_and_exceptions() {
    let server = Server::start(still_world(1, 3));
    let (pool, identity) = (pool_id(0), identity_id(2));
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
        let output = aws(&server, arguments);
        assert!(output.status.success(), "{output:?}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer[shape]["DataStorage"], json!(storage));
    }
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
        let output = aws(&server, &of_identity);
        assert!(!output.status.success());
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains(&format!("({code})")), "{told}");
    }
}
