//! Every way in which a call can fail, through the real SDK over real sockets, has one name.

use std::net::TcpListener;
use std::path::Path;

use crate::support::{Server, configuration, identity_id, pool_id, still_world, usage};
use cognitosync_exporter::api::{
    Answer, Api, Continuation, Failure, Operation, PoolUsage, Reply, Request, Usage,
};
use cognitosync_exporter::aws::{AwsApi, Connector, Credentials, Network};
use cognitosync_exporter::clock::Clock;
use cognitosync_exporter::identity::{IdentityId, PoolId};
use cognitosync_exporter::loading;
use cognitosync_exporter::simulator::{Fault, Life};

pub(crate) async fn source(url: &str, timeout: &str) -> AwsApi {
    let text = configuration(&format!("timeout: {timeout}"), url, 1, 1);
    let loaded = loading::parse(Path::new("test"), &text).unwrap();
    Connector::new(
        Credentials::Simulator,
        Network::direct(Clock::system()),
        Clock::system(),
    )
    .connect(&loaded.targets, &loaded.config.poll)
}

pub(crate) async fn ask(source: &AwsApi) -> Result<Usage, Failure> {
    let (pool, identity) = (PoolId::parse(&pool_id(0)).unwrap(), identity_id(0));
    let request = Request {
        operation: Operation::DescribeIdentityUsage,
        pool: &pool,
        identity: Some(IdentityId::parse(&identity).unwrap()),
        continuation: None,
    };
    match source.call(request).await.map_err(|error| error.failure)? {
        Reply::Done(Answer::Identity(usage)) => Ok(usage),
        other => panic!("{other:?}"),
    }
}

async fn ask_pool(source: &AwsApi) -> Result<PoolUsage, Failure> {
    let request = Request {
        operation: Operation::DescribeIdentityPoolUsage,
        pool: &PoolId::parse(&pool_id(0)).unwrap(),
        identity: None,
        continuation: None,
    };
    match source.call(request).await.map_err(|error| error.failure)? {
        Reply::Done(Answer::Pool(usage)) => Ok(usage),
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn ask_datasets(
    source: &AwsApi,
    page: Option<&Continuation>,
) -> Result<Reply, Failure> {
    let (pool, identity) = (PoolId::parse(&pool_id(0)).unwrap(), identity_id(0));
    let request = Request {
        operation: Operation::ListDatasets,
        pool: &pool,
        identity: Some(IdentityId::parse(&identity).unwrap()),
        continuation: page,
    };
    source.call(request).await.map_err(|error| error.failure)
}

#[tokio::test]
async fn each_fault_has_its_name() {
    let server = Server::start(still_world(1, 1));
    let source = source(&server.url, "2s").await;
    assert_eq!(
        ask(&source).await,
        Ok(usage(0)),
        "without a fault all is well"
    );
    let body = |text: &str| Fault::Body(text.to_owned());
    for (fault, failure) in [
        (
            Fault::Error(403, "NotAuthorizedException"),
            Failure::AccessDenied,
        ),
        (
            Fault::Error(400, "InvalidParameterException"),
            Failure::InvalidParameter,
        ),
        (
            Fault::Error(404, "ResourceNotFoundException"),
            Failure::NotFound,
        ),
        (
            Fault::Error(500, "InternalErrorException"),
            Failure::ServiceError,
        ),
        (
            Fault::Error(429, "TooManyRequestsException"),
            Failure::Throttled,
        ),
        (Fault::Error(400, "ThrottlingException"), Failure::Throttled),
        (
            Fault::Error(
                429,
                "com.amazonaws.cognito#TooManyRequestsException:http://x/",
            ),
            Failure::Throttled,
        ),
        (
            Fault::Error(403, "ExpiredTokenException"),
            Failure::Credentials,
        ),
        (Fault::Error(400, "ExpiredToken"), Failure::Credentials),
        (
            Fault::Error(403, "UnrecognizedClientException"),
            Failure::Credentials,
        ),
        (
            Fault::Error(403, "InvalidSignatureException"),
            Failure::Credentials,
        ),
        (
            Fault::Error(403, "AccessDeniedException"),
            Failure::AccessDenied,
        ),
        (
            Fault::Error(503, "ServiceUnavailable"),
            Failure::ServiceError,
        ),
        (
            Fault::Error(404, "UnknownOperationException"),
            Failure::ServiceError,
        ),
        (Fault::Status(429), Failure::Throttled),
        (Fault::Status(403), Failure::AccessDenied),
        (Fault::Status(404), Failure::Malformed),
        (Fault::Status(500), Failure::ServiceError),
        (Fault::Status(204), Failure::Malformed),
        (Fault::Html(200), Failure::Malformed),
        (Fault::Html(302), Failure::Malformed),
        (Fault::Html(404), Failure::Malformed),
        (Fault::Html(429), Failure::Throttled),
        (Fault::Html(502), Failure::ServiceError),
        (body(""), Failure::Malformed),
        (body("null"), Failure::Malformed),
        (body("[]"), Failure::Malformed),
        (body("{}"), Failure::Malformed),
        (
            body("{\"IdentityUsage\":{\"DatasetCount\":"),
            Failure::Malformed,
        ),
        (body("{\"IdentityUsage\":{}} trailing"), Failure::Malformed),
        (body("\u{0}\u{ff}\u{fe}"), Failure::Malformed),
        (Fault::Oversized, Failure::Malformed),
        (Fault::Hang, Failure::Timeout),
        (Fault::Close, Failure::Unreachable),
    ] {
        for id in [identity_id(0), pool_id(0)] {
            server.simulator.set_fault(&id, Some(fault.clone()));
        }
        drop(server.simulator.take_call_log());
        assert_eq!(ask(&source).await, Err(failure), "{fault:?}");
        assert_eq!(
            ask_pool(&source).await,
            Err(failure),
            "{fault:?}, of the pool"
        );
        assert_eq!(
            ask_datasets(&source, None).await,
            Err(failure),
            "{fault:?}, of the datasets"
        );
        let struck: Vec<_> = server
            .simulator
            .take_call_log()
            .into_iter()
            .map(|call| call.fault)
            .collect();
        assert_eq!(
            struck,
            vec![Some(fault.clone()); 3],
            "one call each, and the fault fired"
        );
    }
    for id in [identity_id(0), pool_id(0)] {
        server.simulator.set_fault(&id, None);
    }
    assert_eq!(ask(&source).await, Ok(usage(0)), "and well again");
}

/// `{}` stands for the two ids.
async fn answers(
    shape: &str,
    fields: &str,
) -> (Result<Usage, Failure>, Result<PoolUsage, Failure>) {
    let server = Server::start(still_world(1, 1));
    let source = source(&server.url, "2s").await;
    let body = Fault::Body(format!("{{\"{shape}\":{{{fields}}}}}"));
    server
        .simulator
        .set_fault(&identity_id(0), Some(body.clone()));
    server.simulator.set_fault(&pool_id(0), Some(body));
    (ask(&source).await, ask_pool(&source).await)
}

#[tokio::test]
async fn a_field_is_right_or_absent_or_the_answer_is_malformed() {
    let whole = Usage {
        datasets: Some(3),
        storage_bytes: Some(4_096),
        last_modified: Some(1_412_974_081.336),
    };
    let good = "\"DatasetCount\":3,\"DataStorage\":4096,\"LastModifiedDate\":1.412974081336E9";
    let malformed = Err(Failure::Malformed);
    for (fields, expected) in [
        (good.to_owned(), Ok(whole)),
        (format!("{good},\"Unheard\":{{\"of\":[1]}}"), Ok(whole)),
        (
            format!("\"IdentityId\":\"{}\",{good}", identity_id(0)),
            Ok(whole),
        ),
        (
            format!("\"IdentityId\":\"{}\",{good}", identity_id(1)),
            malformed,
        ),
        (
            format!("\"IdentityPoolId\":\"{}\",{good}", pool_id(1)),
            malformed,
        ),
        (
            "\"DataStorage\":4096".to_owned(),
            Ok(Usage {
                storage_bytes: Some(4_096),
                ..Usage::default()
            }),
        ),
        (
            "\"DatasetCount\":null,\"DataStorage\":4096".to_owned(),
            Ok(Usage {
                storage_bytes: Some(4_096),
                ..Usage::default()
            }),
        ),
        (
            "\"DatasetCount\":0".to_owned(),
            Ok(Usage {
                datasets: Some(0),
                ..Usage::default()
            }),
        ),
        (
            "\"DatasetCount\":null,\"DataStorage\":null,\"LastModifiedDate\":null".to_owned(),
            malformed,
        ),
        (
            "\"DatasetCount\":-1,\"DataStorage\":4096".to_owned(),
            malformed,
        ),
        ("\"DatasetCount\":4294967296".to_owned(), malformed),
        ("\"DataStorage\":010".to_owned(), malformed),
        ("\"DataStorage\":1,\"DataStorage\":2".to_owned(), malformed),
        (
            format!("{good},\"Unheard\":[{{\"of\":1,\"of\":1}}]"),
            malformed,
        ),
        ("\"DatasetCount\":2.5".to_owned(), malformed),
        ("\"DatasetCount\":\"3\"".to_owned(), malformed),
        ("\"DataStorage\":-1".to_owned(), malformed),
        (
            "\"DataStorage\":9007199254740992".to_owned(),
            Ok(Usage {
                storage_bytes: Some(1 << 53),
                ..Usage::default()
            }),
        ),
        ("\"DataStorage\":9007199254740993".to_owned(), malformed),
        ("\"DataStorage\":1e308".to_owned(), malformed),
        ("\"LastModifiedDate\":253402300799".to_owned(), malformed),
        ("\"LastModifiedDate\":1e308".to_owned(), malformed),
        ("\"LastModifiedDate\":-1".to_owned(), malformed),
        ("\"LastModifiedDate\":\"yesterday\"".to_owned(), malformed),
        (
            "\"LastModifiedDate\":0".to_owned(),
            Ok(Usage {
                last_modified: Some(0.0),
                ..Usage::default()
            }),
        ),
    ] {
        assert_eq!(
            answers("IdentityUsage", &fields).await.0,
            expected,
            "{fields}"
        );
    }
}

#[tokio::test]
async fn a_pools_field_too() {
    let malformed = Err(Failure::Malformed);
    let stored = |bytes| {
        Ok(PoolUsage {
            storage_bytes: Some(bytes),
            ..PoolUsage::default()
        })
    };
    for (fields, expected) in [
        ("\"DataStorage\":7", stored(7)),
        ("\"DataStorage\":-7", malformed),
        ("\"DataStorage\":07", malformed),
        ("\"DataStorage\":7,\"DataStorage\":7", malformed),
        ("\"DataStorage\":7,\"SyncSessionsCount\":-1", malformed),
        (
            "\"DataStorage\":7,\"SyncSessionsCount\":9007199254740993",
            malformed,
        ),
        (
            "\"DataStorage\":7,\"LastModifiedDate\":253402300799",
            malformed,
        ),
        (
            "\"DataStorage\":7,\"IdentityPoolId\":\"us-east-1:0\"",
            malformed,
        ),
        ("", malformed),
    ] {
        assert_eq!(
            answers("IdentityPoolUsage", fields).await.1,
            expected,
            "{fields}"
        );
    }
}

#[tokio::test]
async fn what_the_simulator_does_not_know_is_not_found() {
    let server = Server::start(still_world(1, 1));
    let source = source(&server.url, "2s").await;
    server
        .simulator
        .world(|world| world.remove(&pool_id(0), &identity_id(0)));
    assert_eq!(ask(&source).await, Err(Failure::NotFound));
    server
        .simulator
        .world(|world| world.insert(&pool_id(0), &identity_id(0), Life::Empty));
    let empty = Usage {
        datasets: Some(0),
        storage_bytes: Some(0),
        last_modified: None,
    };
    assert_eq!(ask(&source).await, Ok(empty));
}

#[tokio::test]
async fn a_quota_throttles() {
    let server = Server::start(still_world(1, 1));
    let source = source(&server.url, "2s").await;
    server.simulator.set_quota(Some(1.0));
    let mut throttled = 0;
    for _ in 0..10 {
        throttled += usize::from(ask(&source).await == Err(Failure::Throttled));
    }
    assert!(throttled > 0);
}

#[tokio::test]
async fn nobody_listens() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    assert_eq!(
        ask(&source(&format!("http://{free}"), "2s").await).await,
        Err(Failure::Unreachable)
    );
}
