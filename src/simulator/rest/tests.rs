use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::super::{Life, World};
use super::*;
use crate::clock::Clock;

const POOL: &str = "us-east-1:00000000-0000-4000-8000-000000000000";
const IDENTITY: &str = "us-east-1:11111111-1111-4111-8111-000000000000";
const UNKNOWN: &str = "us-east-1:11111111-1111-4111-8111-000000000001";

async fn simulator() -> Simulator {
    let mut world = World::default();
    world.insert(POOL, IDENTITY, Life::Empty);
    let clock = Clock::anchored(1_763_856_000.0);
    Simulator::bind(world, clock).await.unwrap().0
}

/// The status, the error code and the body of an answer about a dataset.
async fn ask(
    simulator: &Simulator,
    method: &str,
    path: &str,
    body: &Value,
) -> (u16, String, Value) {
    let credential = "AWS4-HMAC-SHA256 Credential=K/D/us-east-1/cognito-sync/aws4_request, S=x";
    let request = http::Request::builder()
        .method(method)
        .uri(format!("/identitypools/{POOL}/identities/{path}"))
        .header("authorization", credential);
    let (head, ()) = request.body(()).unwrap().into_parts();
    let body = body.to_string();
    let reply = simulator.answer(&head, body.as_bytes()).await.unwrap();
    let code = reply.headers().get("x-amzn-errortype");
    let code = code.map_or(String::new(), |code| code.to_str().unwrap().to_owned());
    let status = reply.status().as_u16();
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    (status, code, serde_json::from_slice(&body).unwrap())
}

/// The session in which a dataset can be written.
async fn session(simulator: &Simulator, path: &str) -> Value {
    let (status, _, body) = ask(simulator, "GET", &format!("{path}/records"), &json!({})).await;
    assert_eq!(status, 200);
    body["SyncSessionToken"].clone()
}

fn replace(key: &str, value: &str, sync_count: u64) -> Value {
    json!({"Op": "replace", "Key": key, "Value": value, "SyncCount": sync_count})
}

#[tokio::test]
async fn writes_are_checked_as_the_model_says() {
    let simulator = simulator().await;
    let path = format!("{IDENTITY}/datasets/saves");
    let unknown = format!("{UNKNOWN}/datasets/saves");
    let other = format!("{IDENTITY}/datasets/other");
    let not_a_name = format!("{IDENTITY}/datasets/a%20b");
    let session_here = session(&simulator, &path).await;
    let session_unknown = session(&simulator, &unknown).await;
    let invalid = (400, "InvalidParameterException");
    let good = replace("a", "1", 0);
    for (path, session, patch, expected) in [
        (&path, &session_here, good.clone(), (200, "")),
        (
            &path,
            &session_here,
            good.clone(),
            (409, "ResourceConflictException"),
        ),
        (&path, &session_here, replace("", "1", 0), invalid),
        (
            &path,
            &session_here,
            replace(&"k".repeat(1_025), "1", 0),
            invalid,
        ),
        (
            &path,
            &session_here,
            replace("b", &"x".repeat(1 << 20), 0),
            invalid,
        ),
        (
            &path,
            &session_here,
            json!({"Op": "add", "Key": "b", "SyncCount": 0}),
            invalid,
        ),
        (&path, &session_here, json!({"Op": "remove"}), invalid),
        (&path, &json!("another"), replace("b", "1", 0), invalid),
        // A session is one dataset's.
        (&other, &session_here, good.clone(), invalid),
        (&not_a_name, &session_here, good.clone(), invalid),
        (
            &unknown,
            &session_unknown,
            good,
            (404, "ResourceNotFoundException"),
        ),
    ] {
        let body = json!({"SyncSessionToken": session, "RecordPatches": [patch]});
        let (status, code, told) = ask(&simulator, "POST", path, &body).await;
        assert_eq!((status, code.as_str()), expected, "{path} {told}");
    }
    let (_, _, body) = ask(&simulator, "GET", &format!("{path}/records"), &json!({})).await;
    assert_eq!(body["Records"].as_array().unwrap().len(), 1, "{body}");
}

#[tokio::test]
async fn records_are_listed_from_a_sync_count_on_and_gone_with_their_dataset() {
    let simulator = simulator().await;
    let path = format!("{IDENTITY}/datasets/saves");
    let token = session(&simulator, &path).await;
    for patches in [
        json!([replace("a", "1", 0), replace("b", "2", 0)]),
        json!([{"Op": "remove", "Key": "a", "SyncCount": 1}, replace("c", "3", 0)]),
    ] {
        let body =
            json!({"SyncSessionToken": token, "RecordPatches": patches, "DeviceId": "phone"});
        assert_eq!(ask(&simulator, "POST", &path, &body).await.0, 200);
    }
    let list = async |query: &str| {
        let path = format!("{path}/records?{query}");
        ask(&simulator, "GET", &path, &json!({})).await.2
    };
    let first = list("maxResults=2").await;
    assert_eq!(
        (&first["Count"], &first["NextToken"]),
        (&json!(2), &json!("from-2"))
    );
    let later = list("lastSyncCount=1").await;
    let records = later["Records"].as_array().unwrap();
    let told: Vec<_> = records
        .iter()
        .map(|record| (&record["Key"], &record["Value"], &record["SyncCount"]))
        .collect();
    let removed = (&json!("a"), &Value::Null, &json!(2));
    assert_eq!(told, [removed, (&json!("c"), &json!("3"), &json!(2))]);
    assert_eq!(
        (&later["LastModifiedBy"], &later["DatasetExists"]),
        (&json!("phone"), &json!(true))
    );
    let (status, _, deleted) = ask(&simulator, "DELETE", &path, &json!({})).await;
    assert_eq!(
        (status, &deleted["Dataset"]["NumRecords"]),
        (200, &json!(2))
    );
    let after = list("lastSyncCount=2").await;
    let is_gone = &after["DatasetDeletedAfterRequestedSyncCount"];
    assert_eq!(
        (&after["Count"], &after["DatasetExists"], is_gone),
        (&json!(0), &json!(false), &json!(true))
    );
    let (status, code, _) = ask(&simulator, "DELETE", &path, &json!({})).await;
    assert_eq!((status, code.as_str()), (404, "ResourceNotFoundException"));
}
