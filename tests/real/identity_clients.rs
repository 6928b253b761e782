//! boto3 and the AWS CLI as clients of the simulator's Cognito Identity, and of Cognito Sync with
//! guests' keys, whose signatures are verified.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::aws_clients::aws;
use crate::support::{Server, identity_id, pool_id, still_world};
use cognitosync_exporter::api::Operation;
use cognitosync_exporter::simulator::{Fault, GuestRole, Life};

/// An identity's usage as a call of boto3's guest.
fn describe(as_guest: usize, about: usize) -> Value {
    let about = json!({"IdentityPoolId": pool_id(0), "IdentityId": identity_id(about)});
    json!([identity_id(as_guest), "describe_identity_usage", about])
}

fn ask(server: &Server, calls: &[Value]) -> Vec<Value> {
    let calls = Value::from(calls).to_string();
    let answers = crate::python("identity_client.py", &[&server.url], &calls);
    answers.as_array().unwrap().clone()
}

fn is_error(answer: &Value, class: &str, code: &str, status: u16) -> bool {
    let told = (&answer["class"], &answer["code"], &answer["status"]);
    told == (&json!(class), &json!(code), &json!(status))
}

/// The ids in a list of identities, each of which is there once.
fn ids(answer: &Value) -> BTreeSet<String> {
    let identities = answer["Identities"].as_array().unwrap();
    let ids: Vec<_> = identities
        .iter()
        .map(|identity| identity["IdentityId"].as_str().unwrap().to_owned())
        .collect();
    let unique: BTreeSet<_> = ids.iter().cloned().collect();
    assert_eq!(unique.len(), ids.len());
    unique
}

#[test]
#[ignore = "needs boto3, which tests/run installs"]
fn boto3_lists_pools_and_every_identity_once() {
    let server = Server::start(still_world(2, 150));
    server.simulator.world(|world| {
        world.set_pool_name(&pool_id(0), "production");
        world.set_disabled(&pool_id(0), &identity_id(7), true);
    });
    let list = |hide: bool| {
        let parameters =
            json!({"IdentityPoolId": pool_id(0), "MaxResults": 60, "HideDisabled": hide});
        json!(["owner", "list_identities", parameters])
    };
    let pools = json!(["owner", "list_identity_pools", {"MaxResults": 1}]);
    let answers = ask(&server, &[list(false), list(true), pools]);
    let mut expected: BTreeSet<_> = (0..150).map(identity_id).collect();
    assert_eq!(ids(&answers[0]), expected);
    expected.remove(&identity_id(7));
    assert_eq!(ids(&answers[1]), expected);
    let created = answers[0]["Identities"][0]["CreationDate"].as_f64();
    assert!(created.unwrap() > 1.4e9, "{created:?}");
    let named = |number, name| json!({"IdentityPoolId": pool_id(number), "IdentityPoolName": name});
    assert_eq!(
        answers[2]["IdentityPools"],
        json!([named(0, "production"), named(1, "identities")])
    );
    let calls = server.simulator.take_call_log();
    let lists = calls
        .iter()
        .filter(|call| call.operation == Operation::ListIdentities);
    assert_eq!(lists.count(), 3 + 3);
}

#[test]
#[ignore = "needs boto3, which tests/run installs"]
fn boto3_reads_as_a_guest_what_is_its_own() {
    let server = Server::start(still_world(1, 3));
    server
        .simulator
        .world(|world| world.insert(&pool_id(0), &identity_id(3), Life::NeverSynced));
    let get = json!(["nobody", "get_credentials_for_identity", {"IdentityId": identity_id(2)}]);
    let pool = json!({ "IdentityPoolId": pool_id(0) });
    let datasets = json!({"IdentityPoolId": pool_id(0), "IdentityId": identity_id(2)});
    let answers = ask(
        &server,
        &[
            get,
            describe(2, 2),
            json!([identity_id(2), "list_datasets", datasets]),
            describe(2, 1),
            json!([identity_id(2), "describe_identity_pool_usage", pool]),
            describe(1, 1),
            describe(3, 3),
        ],
    );
    let length = |name: &str| &answers[0]["Credentials"][name];
    assert_eq!(
        (length("AccessKeyId"), length("SecretKey")),
        (&json!(20), &json!(40))
    );
    assert_eq!(answers[1]["IdentityUsage"]["DataStorage"], json!(2 * 1_021));
    assert_eq!(answers[2]["Datasets"].as_array().unwrap().len(), 2);
    for denied in [&answers[3], &answers[4]] {
        // IAM's, which no service's model has.
        assert!(
            is_error(denied, "ClientError", "AccessDeniedException", 403),
            "{denied}"
        );
    }
    assert_eq!(answers[5]["IdentityUsage"]["DataStorage"], json!(1_021));
    let class = "ResourceNotFoundException";
    assert!(is_error(&answers[6], class, class, 404), "{}", answers[6]);
    let calls = server.simulator.take_call_log();
    let exchanges: Vec<_> = calls
        .iter()
        .filter(|call| call.operation == Operation::GetCredentialsForIdentity)
        .collect();
    assert_eq!(exchanges.len(), 1 + 3);
    assert!(
        exchanges.iter().all(|call| call.access_key.is_none()),
        "{exchanges:?}"
    );

    server
        .simulator
        .set_guest_role(&pool_id(0), GuestRole::Sample);
    let answers = ask(
        &server,
        &[
            describe(2, 2),
            json!([identity_id(2), "list_datasets", datasets]),
        ],
    );
    assert!(is_error(
        &answers[0],
        "ClientError",
        "AccessDeniedException",
        403
    ));
    assert_eq!(answers[1]["Count"], json!(2));

    server.simulator.set_key_life(Duration::ZERO);
    let expired = &ask(&server, &[describe(2, 2)])[0];
    assert!(
        is_error(expired, "ClientError", "ExpiredTokenException", 403),
        "{expired}"
    );
}

#[test]
#[ignore = "needs boto3, which tests/run installs"]
fn each_exception_of_cognito_identity_comes_back_as_its_own_class() {
    let server = Server::start(still_world(1, 2));
    let get = json!(["nobody", "get_credentials_for_identity", {"IdentityId": identity_id(0)}]);
    for fault in Fault::IDENTITY_MODELLED {
        let Fault::Error(status, code) = fault else {
            panic!("{fault:?} is no exception")
        };
        let operation = Operation::GetCredentialsForIdentity;
        let fault = Some(fault);
        server
            .simulator
            .set_operation_fault(operation, Some(&identity_id(0)), fault.clone());
        let answer = &ask(&server, std::slice::from_ref(&get))[0];
        assert!(is_error(answer, code, code, status), "{answer}");
        let calls = server.simulator.take_call_log();
        assert!(calls.iter().all(|call| call.fault == fault) && !calls.is_empty());
    }
    // Those that the simulator makes itself.
    server
        .simulator
        .world(|world| world.set_disabled(&pool_id(0), &identity_id(1), true));
    let list = |pool: &str, token: &str| {
        let parameters = json!({"IdentityPoolId": pool, "MaxResults": 60, "NextToken": token});
        json!(["owner", "list_identities", parameters])
    };
    let disabled =
        json!(["nobody", "get_credentials_for_identity", {"IdentityId": identity_id(1)}]);
    let unknown = json!({"IdentityPoolId": pool_id(7), "MaxResults": 60});
    let answers = ask(
        &server,
        &[
            disabled,
            json!(["owner", "list_identities", unknown]),
            list(&pool_id(0), "forged"),
        ],
    );
    for (answer, class) in answers.iter().zip([
        "NotAuthorizedException",
        "ResourceNotFoundException",
        "InvalidParameterException",
    ]) {
        assert!(is_error(answer, class, class, 400), "{answer}");
    }
    let forbidden = format!("Access to Identity '{}' is forbidden.", identity_id(1));
    assert_eq!(answers[0]["message"], json!(forbidden));
    server.simulator.set_identity_quota(Some(0.0));
    let class = "TooManyRequestsException";
    let answer = &ask(&server, &[json!(["owner", "list_identities", unknown])])[0];
    assert!(is_error(answer, class, class, 400), "{answer}");
}

#[test]
#[ignore = "needs the AWS CLI, which tests/run installs"]
fn the_aws_cli_lists_identities_and_reads_as_a_guest() {
    let server = Server::start(still_world(1, 61));
    let owner = [
        ("AWS_ACCESS_KEY_ID", "AKIDCLI"),
        ("AWS_SECRET_ACCESS_KEY", "cli"),
    ];
    let answer = |keys: &[(&str, &str)], arguments: &[&str]| -> Value {
        let output = aws(&server, keys, arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let pool = pool_id(0);
    let list = [
        "cognito-identity",
        "list-identities",
        "--identity-pool-id",
        &pool,
        "--max-results",
        "60",
    ];
    let first = answer(&owner, &list);
    let token = first["NextToken"].as_str().unwrap();
    let second = answer(&owner, &[&list[..], &["--next-token", token]].concat());
    let listed: BTreeSet<_> = ids(&first).into_iter().chain(ids(&second)).collect();
    assert_eq!(listed, (0..61).map(identity_id).collect());

    let [own, other] = [2, 1].map(identity_id);
    let get = [
        "cognito-identity",
        "get-credentials-for-identity",
        "--identity-id",
        &own,
    ];
    let keys = answer(&[], &get);
    let key = |name: &str| keys["Credentials"][name].as_str().unwrap();
    let guest = [
        ("AWS_ACCESS_KEY_ID", key("AccessKeyId")),
        ("AWS_SECRET_ACCESS_KEY", key("SecretKey")),
        ("AWS_SESSION_TOKEN", key("SessionToken")),
    ];
    let of_pool = [
        "cognito-sync",
        "describe-identity-usage",
        "--identity-pool-id",
        &pool,
    ];
    let own_usage = [&of_pool[..], &["--identity-id", &own]].concat();
    let other_usage = [&of_pool[..], &["--identity-id", &other]].concat();
    let usage = answer(&guest, &own_usage);
    assert_eq!(usage["IdentityUsage"]["DataStorage"], json!(2 * 1_021));
    let refused = |usage: &[&str], code: &str| {
        let output = aws(&server, &guest, usage);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && told.contains(&format!("({code})")),
            "{told}"
        );
    };
    refused(&other_usage, "AccessDeniedException");
    server.simulator.expire_keys();
    refused(&own_usage, "ExpiredTokenException");
}
