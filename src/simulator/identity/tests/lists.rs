use std::collections::BTreeSet;

use super::*;
use crate::api::Operation;
use crate::simulator::Fault;

/// The identities of a page, and the token of the next.
fn page(body: &Value) -> (Vec<String>, Option<Value>) {
    let identities = body["Identities"].as_array().unwrap();
    let ids = identities
        .iter()
        .map(|identity| identity["IdentityId"].as_str().unwrap().to_owned());
    (ids.collect(), body.get("NextToken").cloned())
}

#[tokio::test]
async fn pages_cover_each_identity_once_while_others_come_and_go() {
    let simulator = simulator(150).await;
    let mut input = json!({"IdentityPoolId": POOL, "MaxResults": 60});
    let mut seen = Vec::new();
    let mut sizes = Vec::new();
    loop {
        let (status, _, body) = ask(&simulator, "ListIdentities", &input).await;
        assert_eq!((status, &body["IdentityPoolId"]), (200, &json!(POOL)));
        let (ids, token) = page(&body);
        sizes.push(ids.len());
        seen.extend(ids);
        simulator.world(|world| {
            // One that was listed, one that was not, and a new one before them.
            world.remove(POOL, &identity(3));
            world.remove(POOL, &identity(140));
            world.insert(POOL, "us-east-1:00", Life::NeverSynced);
        });
        let Some(token) = token else { break };
        input["NextToken"] = token;
    }
    assert_eq!(sizes, [60, 60, 29]);
    let unique: BTreeSet<_> = seen.iter().collect();
    assert_eq!(unique.len(), seen.len());
    let expected: Vec<_> = (0..150).filter(|at| *at != 140).map(identity).collect();
    assert_eq!(seen, expected);
    let calls = simulator.take_call_log();
    assert!(
        calls.len() == 3
            && calls
                .iter()
                .all(|call| call.operation == Operation::ListIdentities && call.pool == POOL)
    );
}

#[tokio::test]
async fn disabled_identities_are_hidden_on_request_and_get_no_keys() {
    let simulator = simulator(9).await;
    simulator.set_page_size(4);
    simulator.world(|world| (2..8).for_each(|at| world.set_disabled(POOL, &identity(at), true)));
    for (hide, expected) in [
        (json!(true), vec![0, 1, 8]),
        (json!(false), vec![0, 1, 2, 3]),
        (Value::Null, vec![0, 1, 2, 3]),
    ] {
        let input = json!({"IdentityPoolId": POOL, "MaxResults": 60, "HideDisabled": hide});
        let (ids, token) = page(&ask(&simulator, "ListIdentities", &input).await.2);
        let expected: Vec<_> = expected.into_iter().map(identity).collect();
        assert_eq!(
            (ids, token.is_some()),
            (expected, hide != json!(true)),
            "{hide}"
        );
    }
    let input = json!({ "IdentityId": identity(2) });
    let message = format!("Access to Identity '{}' is forbidden.", identity(2));
    assert_eq!(
        refused(&simulator, "GetCredentialsForIdentity", &input).await,
        (400, "NotAuthorizedException".to_owned(), message)
    );
    simulator.world(|world| world.set_disabled(POOL, &identity(2), false));
    Guest::of(&simulator, 2).await;
}

#[tokio::test]
async fn tokens_are_of_one_list_and_can_be_forgotten() {
    let simulator = simulator(3).await;
    let other = "us-east-1:00000000-0000-4000-8000-000000000001";
    simulator.world(|world| world.set_pool_name(other, "other"));
    let input = json!({"IdentityPoolId": POOL, "MaxResults": 1});
    let token = async || ask(&simulator, "ListIdentities", &input).await.2["NextToken"].clone();
    let first = token().await;
    let list = async |pool: &str, token: &Value| {
        let input = json!({"IdentityPoolId": pool, "MaxResults": 1, "NextToken": token});
        let (status, _, body) = ask(&simulator, "ListIdentities", &input).await;
        (status, body)
    };
    assert_eq!(list(POOL, &first).await.0, 200);
    let refusal = json!({"__type": "InvalidParameterException", "message": "Invalid NextToken"});
    let refusal = (400, refusal);
    assert_eq!(list(other, &first).await, refusal);
    assert_eq!(list(POOL, &json!("forged")).await, refusal);
    simulator.forget_page_tokens();
    assert_eq!(list(POOL, &first).await, refusal);
    assert_eq!(list(POOL, &token().await).await.0, 200);
}

#[tokio::test]
async fn pools_are_listed_by_region_with_their_names() {
    let simulator = simulator(1).await;
    let other = "us-east-1:00000000-0000-4000-8000-000000000001";
    simulator.world(|world| {
        world.set_pool_name(POOL, "production");
        world.set_pool_name(other, "staging");
        world.set_pool_name("eu-west-1:0", "elsewhere");
    });
    let first = ask(&simulator, "ListIdentityPools", &json!({"MaxResults": 1}))
        .await
        .2;
    let named = |id: &str, name: &str| json!([{"IdentityPoolId": id, "IdentityPoolName": name}]);
    assert_eq!(first["IdentityPools"], named(POOL, "production"));
    let input = json!({"MaxResults": 60, "NextToken": first["NextToken"]});
    let second = ask(&simulator, "ListIdentityPools", &input).await.2;
    assert_eq!(second, json!({ "IdentityPools": named(other, "staging") }));
}

#[tokio::test]
async fn requests_are_checked_as_the_model_says() {
    let simulator = simulator(1).await;
    let unknown = identity(7);
    for (operation, input, code) in [
        (
            "ListIdentities",
            json!({"IdentityPoolId": POOL}),
            "InvalidParameterException",
        ),
        (
            "ListIdentities",
            json!({"IdentityPoolId": POOL, "MaxResults": 0}),
            "InvalidParameterException",
        ),
        (
            "ListIdentityPools",
            json!({"MaxResults": 61}),
            "InvalidParameterException",
        ),
        (
            "ListIdentities",
            json!({"MaxResults": 1}),
            "InvalidParameterException",
        ),
        (
            "ListIdentities",
            json!({"IdentityPoolId": "us-east-1:A", "MaxResults": 1}),
            "InvalidParameterException",
        ),
        (
            "ListIdentities",
            json!({"IdentityPoolId": "us-east-1:a", "MaxResults": 1}),
            "ResourceNotFoundException",
        ),
        (
            "ListIdentities",
            json!({"IdentityPoolId": "eu-west-1:a", "MaxResults": 1}),
            "ResourceNotFoundException",
        ),
        (
            "ListIdentities",
            json!({"MaxResults": "1"}),
            "SerializationException",
        ),
        (
            "GetCredentialsForIdentity",
            json!({}),
            "InvalidParameterException",
        ),
        (
            "GetCredentialsForIdentity",
            json!({ "IdentityId": unknown }),
            "ResourceNotFoundException",
        ),
        (
            "GetCredentialsForIdentity",
            json!({"IdentityId": identity(0), "Logins": {"example.com": "token"}}),
            "NotAuthorizedException",
        ),
        ("GetId", json!({}), "UnknownOperationException"),
    ] {
        let (status, found, message) = refused(&simulator, operation, &input).await;
        assert_eq!(
            (status, found.as_str()),
            (400, code),
            "{operation} {input}: {message}"
        );
    }
}

#[tokio::test]
async fn a_guest_that_never_synced_is_listed_and_unknown_to_cognito_sync() {
    let simulator = simulator(1).await;
    simulator.world(|world| world.insert(POOL, &identity(1), Life::NeverSynced));
    let input = json!({"IdentityPoolId": POOL, "MaxResults": 60});
    let (ids, _) = page(&ask(&simulator, "ListIdentities", &input).await.2);
    assert_eq!(ids, [identity(0), identity(1)]);
    let guest = Guest::of(&simulator, 1).await;
    let describe = async || {
        let head = guest.sign(Service::CognitoSync, "GET", &path(1, ""), "");
        let (status, code, _) = read(simulator.answer(&head, b"").await.unwrap()).await;
        (status, code)
    };
    let not_found = (404, "ResourceNotFoundException".to_owned());
    assert_eq!(describe().await, not_found);
    simulator.set_usage_lag(std::time::Duration::ZERO);
    simulator.change(POOL, &identity(1), Life::Empty);
    assert_eq!(describe().await, (200, String::new()));
}

#[tokio::test]
async fn faults_quotas_and_the_call_log_work_here_too() {
    let simulator = simulator(2).await;
    let list = json!({"IdentityPoolId": POOL, "MaxResults": 60});
    let get = |number| json!({ "IdentityId": identity(number) });
    let fault = |code| Some(Fault::Error(400, code));
    let operation = Operation::GetCredentialsForIdentity;
    simulator.set_operation_fault(operation, None, fault("ExternalServiceException"));
    simulator.set_operation_fault(
        operation,
        Some(&identity(1)),
        fault("NotAuthorizedException"),
    );
    let lists = Operation::ListIdentities;
    simulator.set_operation_fault(lists, Some(POOL), Some(Fault::Status(503)));
    let status = ask(&simulator, "ListIdentities", &list).await.0;
    assert_eq!(status, 503);
    for (number, code) in [
        (0, "ExternalServiceException"),
        (1, "NotAuthorizedException"),
    ] {
        let told = refused(&simulator, "GetCredentialsForIdentity", &get(number)).await;
        assert_eq!((told.0, told.1.as_str()), (400, code));
    }
    let pool_fault = fault("ResourceConflictException");
    simulator.set_operation_fault(operation, Some(POOL), pool_fault.clone());
    refused(&simulator, "GetCredentialsForIdentity", &get(0)).await;
    let calls = simulator.take_call_log();
    assert_eq!(calls.len(), 4);
    assert!(
        calls
            .iter()
            .all(|call| call.fault.is_some() && call.pool == POOL)
    );
    assert_eq!(calls[3].fault, pool_fault);
    for (operation, id) in [
        (operation, None),
        (operation, Some(identity(1))),
        (operation, Some(POOL.to_owned())),
        (lists, Some(POOL.to_owned())),
    ] {
        simulator.set_operation_fault(operation, id.as_deref(), None);
    }

    // The quota of one service is not the other's.
    simulator.set_quota(Some(0.0));
    Guest::of(&simulator, 0).await;
    simulator.set_quota(None);
    simulator.set_identity_quota(Some(0.0));
    let (status, code, message) = refused(&simulator, "ListIdentities", &list).await;
    assert_eq!(
        (status, code.as_str(), message.as_str()),
        (400, "TooManyRequestsException", "Rate exceeded")
    );
    simulator.set_identity_quota(None);

    simulator.set_random_faults(Some(1));
    let mut codes = BTreeSet::new();
    for _ in 0..100 {
        let target = (
            "x-amz-target",
            "AWSCognitoIdentityService.ListIdentityPools",
        );
        let Ok(reply) = simulator.answer(&head("POST", "/", &[target]), b"{}").await else {
            continue;
        };
        let (status, _, body) = read(reply).await;
        codes.extend(
            body["__type"]
                .as_str()
                .map(|code| (status, code.to_owned())),
        );
    }
    let expected = [
        (400, "TooManyRequestsException"),
        (500, "InternalErrorException"),
    ];
    assert!(
        codes
            .into_iter()
            .eq(expected.map(|(status, code)| (status, code.to_owned())))
    );
}
