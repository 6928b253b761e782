use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::simulator::GuestRole;

/// The status, and the code with its message, of a request to Cognito Sync.
async fn sync(simulator: &Simulator, head: &Parts, body: &str) -> (u16, String, String) {
    let reply = simulator.answer(head, body.as_bytes()).await.unwrap();
    let (status, code, body) = read(reply).await;
    let message = body["message"].as_str().unwrap_or_default();
    (status, code, message.to_owned())
}

async fn get(simulator: &Simulator, guest: &Guest, uri: &str) -> (u16, String, String) {
    let head = guest.sign(Service::CognitoSync, "GET", uri, "");
    sync(simulator, &head, "").await
}

#[tokio::test]
async fn keys_are_good_for_their_own_identity_only() {
    let simulator = simulator(2).await;
    let guest = Guest::of(&simulator, 0).await;
    for (uri, denied) in [
        (path(0, ""), None),
        (path(0, "/datasets?maxResults=5"), None),
        (path(0, "/datasets/saves/records"), None),
        (
            path(1, ""),
            Some((
                "DescribeIdentityUsage",
                format!("/identity/{}", identity(1)),
            )),
        ),
        (
            path(1, "/datasets"),
            Some((
                "ListDatasets",
                format!("/identity/{}/dataset/null", identity(1)),
            )),
        ),
        (
            format!("/identitypools/{POOL}"),
            Some(("DescribeIdentityPoolUsage", String::new())),
        ),
    ] {
        let told = get(&simulator, &guest, &uri).await;
        let Some((action, resource)) = denied else {
            assert_eq!(told, (200, String::new(), String::new()), "{uri}");
            continue;
        };
        let message = format!(
            "User: arn:aws:sts::123456789012:assumed-role/Cognito_Unauth_Role/\
             CognitoIdentityCredentials is not authorized to perform: cognito-sync:{action} on \
             resource: arn:aws:cognito-sync:us-east-1:123456789012:identitypool/{POOL}{resource}"
        );
        assert_eq!(told, (403, "AccessDeniedException".to_owned(), message));
    }
    let calls = simulator.take_call_log();
    let keys_of: Vec<_> = calls.iter().map(|call| call.keys_of.as_deref()).collect();
    let own = identity(0);
    let own = Some(own.as_str());
    // The exchange itself has no key, and apps' operations are not logged.
    assert_eq!(keys_of, [None, own, own, own, own, own]);
}

#[tokio::test]
async fn guests_may_not_list_identities() {
    let simulator = simulator(1).await;
    let guest = Guest::of(&simulator, 0).await;
    let input = json!({"IdentityPoolId": POOL, "MaxResults": 60}).to_string();
    let mut head = guest.sign(Service::CognitoIdentity, "POST", "/", &input);
    let target = "AWSCognitoIdentityService.ListIdentities";
    head.headers.insert("x-amz-target", target.parse().unwrap());
    let reply = simulator.answer(&head, input.as_bytes()).await.unwrap();
    let (status, _, body) = read(reply).await;
    assert_eq!(
        (status, &body["__type"]),
        (400, &json!("AccessDeniedException"))
    );
    let message = body["message"].as_str().unwrap();
    assert!(
        message.contains("cognito-identity:ListIdentities"),
        "{message}"
    );
}

#[tokio::test]
async fn the_sample_role_denies_the_identity_itself() {
    let simulator = simulator(2).await;
    simulator.set_guest_role(POOL, GuestRole::Sample);
    let guest = Guest::of(&simulator, 0).await;
    let mut told = Vec::new();
    for uri in [path(0, ""), path(0, "/datasets"), path(1, "/datasets")] {
        told.push(get(&simulator, &guest, &uri).await.0);
    }
    assert_eq!(told, [403, 200, 403]);
    simulator.set_guest_role(POOL, GuestRole::All);
    assert_eq!(get(&simulator, &guest, &path(0, "")).await.0, 200);
}

#[test]
fn an_id_that_begins_with_another_is_another() {
    for role in [GuestRole::All, GuestRole::Sample] {
        assert!(!role.allows("arn:identity/r:a", "arn:identity/r:ab"));
        assert!(role.allows("arn:identity/r:a", "arn:identity/r:a/dataset/null"));
    }
}

#[tokio::test(start_paused = true)]
async fn keys_expire() {
    let simulator = simulator(1).await;
    let usual = Guest::of(&simulator, 0).await;
    assert_eq!(usual.expiration, START + 3_600.0);
    simulator.set_key_life(Duration::from_secs(60));
    let short = Guest::of(&simulator, 0).await;
    let message = "The security token included in the request is expired".to_owned();
    let expired = (403, "ExpiredTokenException".to_owned(), message);
    let statuses = async || {
        let mut told = Vec::new();
        for guest in [&usual, &short] {
            told.push(get(&simulator, guest, &path(0, "")).await);
        }
        told.iter().map(|told| *told == expired).collect::<Vec<_>>()
    };
    assert_eq!(statuses().await, [false, false]);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(statuses().await, [false, true]);
    simulator.expire_keys();
    assert_eq!(statuses().await, [true, true]);
    let next = Guest::of(&simulator, 0).await;
    assert_eq!(get(&simulator, &next, &path(0, "")).await.0, 200);
}

/// A change of a signed request.
type Tamper<'a> = &'a dyn Fn(&mut Parts);

#[tokio::test]
async fn what_was_not_signed_so_is_refused() {
    let simulator = simulator(2).await;
    let guest = Guest::of(&simulator, 0).await;
    let other = Guest::of(&simulator, 1).await;
    let set = |head: &mut Parts, name: &'static str, value: &str| {
        head.headers.insert(name, value.parse().unwrap());
    };
    let replace = |head: &mut Parts, from: &str, to: &str| {
        let header = head.headers["authorization"].to_str().unwrap();
        let header = header.replace(from, to);
        set(head, "authorization", &header);
    };
    let wrong = "InvalidSignatureException";
    let unknown = "UnrecognizedClientException";
    let uri = path(0, "/datasets?maxResults=5");
    let tampers: [(Tamper<'_>, &str); 12] = [
        (&|_| {}, ""),
        (&|head| replace(head, "Signature=", "Signature=0"), wrong),
        (&|head| replace(head, "20251123/", "20251124/"), wrong),
        (&|head| replace(head, "x-amz-date;", ""), wrong),
        (
            &|head| replace(head, "SignedHeaders=", "SignedHeaders=x-other;"),
            wrong,
        ),
        (&|head| set(head, "x-amz-date", "20251123T000001Z"), wrong),
        (&|head| set(head, "x-amz-date", "yesterday"), wrong),
        (&|head| set(head, "host", "127.0.0.1:81"), wrong),
        (
            &|head| head.uri = path(0, "/datasets?maxResults=6").parse().unwrap(),
            wrong,
        ),
        (
            &|head| head.uri = path(1, "/datasets?maxResults=5").parse().unwrap(),
            wrong,
        ),
        (
            &|head| set(head, "x-amz-security-token", &other.token),
            unknown,
        ),
        (
            &|head| replace(head, &guest.access_key, "ASIAUNKNOWN"),
            unknown,
        ),
    ];
    for (number, (tamper, expected)) in tampers.into_iter().enumerate() {
        let mut head = guest.sign(Service::CognitoSync, "GET", &uri, "");
        tamper(&mut head);
        let (_, code, _) = sync(&simulator, &head, "").await;
        assert_eq!(code, expected, "tamper {number}");
    }
    let mut head = guest.sign(Service::CognitoSync, "GET", &uri, "");
    head.headers.remove("x-amz-security-token");
    assert_eq!(sync(&simulator, &head, "").await.1, unknown);
    let head = guest.sign(Service::CognitoSync, "GET", &uri, "");
    assert_eq!(sync(&simulator, &head, "a body").await.1, wrong);
    // A secret that is not the key's own.
    let stolen = Guest {
        secret: other.secret,
        ..guest
    };
    assert_eq!(get(&simulator, &stolen, &path(0, "")).await.1, wrong);
}

#[tokio::test]
async fn keys_are_never_the_same_twice_and_the_same_in_each_run() {
    let exchange = async || {
        let simulator = simulator(2).await;
        for number in [0, 1, 0, 0] {
            let guest = Guest::of(&simulator, number).await;
            assert!(guest.access_key.starts_with("ASIA") && guest.access_key.len() == 20);
            assert_eq!(guest.secret.len(), 40);
        }
        simulator.secrets().into_iter().collect::<BTreeSet<_>>()
    };
    let first = exchange().await;
    // Without `assert_eq`, which would print them.
    assert!(first.len() == 8 && first == exchange().await);
}
