//! Guests' keys and the exchanges for them, through the real SDKs.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use crate::guests::guests;
use crate::support::{Server, identity_id, pool_id, still_world, usage};
use cognitosync_exporter::api::Operation::{
    DescribeIdentityUsage, GetCredentialsForIdentity, ListDatasets,
};
use cognitosync_exporter::api::{
    Answer, Api, CallError, Continuation, Failure, Operation, Reply, Request,
};
use cognitosync_exporter::aws::{AwsApi, Connector, Credentials, Network};
use cognitosync_exporter::clock::Clock;
use cognitosync_exporter::identity::{IdentityId, PoolId};
use cognitosync_exporter::loading;
use cognitosync_exporter::simulator::{Fault, Life};

struct Guests {
    connector: Connector,
    api: AwsApi,
    pool: PoolId,
}

impl Guests {
    /// A pool of three guests.
    fn new(server: &Server, poll: &str) -> Self {
        let clock = Clock::system();
        let network = Network::direct(clock.clone());
        // With no credentials to be found.
        let mut connector = Connector::new(Credentials::Aws, network, clock);
        let api = connect(&mut connector, &guests(poll, server, 1, 3));
        let pool = PoolId::parse(&pool_id(0)).unwrap();
        Self {
            connector,
            api,
            pool,
        }
    }

    fn request<'a>(&'a self, operation: Operation, identity: IdentityId<'a>) -> Request<'a> {
        Request {
            operation,
            pool: &self.pool,
            identity: Some(identity),
            continuation: None,
        }
    }

    /// Whether an exchange has to come before the next call, and what came of it.
    async fn exchange(&self, number: usize) -> Option<Result<(), CallError>> {
        let id = identity_id(number);
        let request = self.request(DescribeIdentityUsage, IdentityId::parse(&id).unwrap());
        Some(self.api.exchange(request)?.await)
    }

    async fn call(
        &self,
        operation: Operation,
        number: usize,
        page: Option<&Continuation>,
    ) -> Result<Reply, Failure> {
        let id = identity_id(number);
        let request = Request {
            continuation: page,
            ..self.request(operation, IdentityId::parse(&id).unwrap())
        };
        let reply = self.api.call(request).await;
        reply.map_err(|error| error.failure)
    }

    fn poll_ended(&self, number: usize) {
        let id = identity_id(number);
        self.api
            .poll_ended(&self.pool, IdentityId::parse(&id).unwrap());
    }
}

fn connect(connector: &mut Connector, text: &str) -> AwsApi {
    let loaded = loading::parse(Path::new("test"), text).unwrap();
    connector.connect(&loaded.targets, &loaded.config.poll)
}

fn server() -> Server {
    Server::start(still_world(1, 3))
}

fn described(number: usize) -> Result<Reply, Failure> {
    Ok(Reply::Done(Answer::Identity(usage(number))))
}

#[tokio::test]
async fn keys_are_exchanged_when_there_are_none_and_kept_where_polls_are_frequent() {
    let server = server();
    for (interval, is_kept) in [("1s", true), ("59m", true), ("1h", false), ("1d", false)] {
        let guests = Guests::new(&server, &format!("interval: {interval}"));
        assert_eq!(guests.exchange(1).await, Some(Ok(())));
        assert_eq!(guests.exchange(1).await, None, "while the poll lasts");
        assert_eq!(
            guests.call(DescribeIdentityUsage, 1, None).await,
            described(1)
        );
        guests.poll_ended(1);
        let again = guests.exchange(1).await;
        assert_eq!(again.is_none(), is_kept, "{interval}");
        assert_eq!(guests.exchange(2).await, Some(Ok(())), "another's");
    }
}

#[tokio::test]
async fn keys_that_expire_within_a_list_are_refused_dropped_and_replaced() {
    let server = server();
    let usage = cognitosync_exporter::api::Usage {
        datasets: Some(4),
        ..usage(1)
    };
    server
        .simulator
        .world(|world| world.insert(&pool_id(0), &identity_id(1), Life::Still(usage)));
    server.simulator.set_page_size(2);
    let guests = Guests::new(&server, "interval: 1d");
    assert_eq!(guests.exchange(1).await, Some(Ok(())));
    let Ok(Reply::More(page)) = guests.call(ListDatasets, 1, None).await else {
        panic!("a page")
    };
    server.simulator.expire_keys();
    let refused = guests.call(ListDatasets, 1, Some(&page)).await;
    assert_eq!(refused, Err(Failure::Credentials));
    assert_eq!(
        guests.exchange(1).await,
        Some(Ok(())),
        "the old ones are gone"
    );
    let whole = guests.call(ListDatasets, 1, Some(&page)).await;
    let Ok(Reply::Done(Answer::Datasets(datasets))) = whole else {
        panic!("{whole:?}")
    };
    assert_eq!(datasets.len(), 4);
}

#[tokio::test]
async fn without_an_exchange_there_is_nothing_to_sign_with() {
    let server = server();
    let guests = Guests::new(&server, "interval: 1s");
    let unsigned = guests.call(DescribeIdentityUsage, 0, None).await;
    assert_eq!(unsigned, Err(Failure::Credentials));
    assert_eq!(server.simulator.take_call_log(), []);
}

#[tokio::test]
async fn each_fault_of_an_exchange_has_its_name() {
    let server = server();
    let guests = Guests::new(&server, "interval: 1s, timeout: 2s");
    let body = |text: &str| Fault::Body(text.to_owned());
    let of_another = format!(
        "{{\"IdentityId\":\"{}\",\"Credentials\":{{\"AccessKeyId\":\"ASIACANARY\",\"SecretKey\":\
         \"canary\",\"SessionToken\":\"canary\",\"Expiration\":4e9}}}}",
        identity_id(2)
    );
    for (fault, failure) in [
        (
            Fault::Error(400, "NotAuthorizedException"),
            Failure::AccessDenied,
        ),
        (
            Fault::Error(400, "InvalidIdentityPoolConfigurationException"),
            Failure::AccessDenied,
        ),
        (
            Fault::Error(400, "ResourceNotFoundException"),
            Failure::NotFound,
        ),
        (
            Fault::Error(400, "TooManyRequestsException"),
            Failure::Throttled,
        ),
        (
            Fault::Error(400, "InvalidParameterException"),
            Failure::InvalidParameter,
        ),
        (
            Fault::Error(500, "InternalErrorException"),
            Failure::ServiceError,
        ),
        (Fault::Status(503), Failure::ServiceError),
        (body("{}"), Failure::Malformed),
        (body("<html>"), Failure::Malformed),
        (body(&of_another), Failure::Malformed),
    ] {
        let set = |fault| {
            let simulator = &server.simulator;
            simulator.set_operation_fault(GetCredentialsForIdentity, None, fault);
        };
        set(Some(fault.clone()));
        let error = guests.exchange(1).await.unwrap().unwrap_err();
        assert_eq!(error.failure, failure, "{fault:?}");
        let cause = error.cause.unwrap_or_default();
        assert!(!cause.to_lowercase().contains("canary"), "{cause}");
        set(None);
    }
    assert_eq!(guests.exchange(1).await, Some(Ok(())));
}

/// Its part of the timeout leaves some to the call.
#[tokio::test]
async fn an_exchange_that_hangs_times_out() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let text = guests("timeout: 1s", &server(), 1, 3);
    let (before, _) = text
        .split_once("  cognito_identity_endpoint_url: ")
        .unwrap();
    let text = format!(
        "{before}  cognito_identity_endpoint_url: {url}\n  identity_credentials: guest\n  \
         identities: ['{}']\n",
        identity_id(0)
    );
    let mut guests = Guests::new(&server(), "timeout: 1s");
    guests.api = connect(&mut guests.connector, &text);
    let exchange = tokio::time::timeout(Duration::from_secs(60), guests.exchange(0));
    let error = exchange.await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.failure, Failure::Timeout);
}

#[tokio::test]
async fn keys_survive_a_reload_of_the_same_pool_and_forgotten_clients() {
    let server = server();
    let mut guests = Guests::new(&server, "interval: 1s");
    assert_eq!(guests.exchange(1).await, Some(Ok(())));
    guests.connector.forget_clients();
    let other_settings = crate::guests::guests("interval: 2s, timeout: 3s", &server, 1, 2);
    guests.api = connect(&mut guests.connector, &other_settings);
    assert_eq!(guests.exchange(1).await, None);
    let without = crate::support::configuration("interval: 1s", &server.url, 1, 3);
    guests.api = connect(&mut guests.connector, &without);
    guests.api = connect(&mut guests.connector, &other_settings);
    assert_eq!(guests.exchange(1).await, Some(Ok(())), "the pool had gone");
}

#[tokio::test]
async fn ten_exchanges_a_second_are_made_and_no_more() {
    let server = Server::start(still_world(1, 30));
    let clock = Clock::system();
    let mut connector = Connector::new(
        Credentials::Aws,
        Network::direct(clock.clone()),
        clock.clone(),
    );
    let text = guests("interval: 1s, timeout: 1m", &server, 1, 30);
    let (api, pool) = (
        connect(&mut connector, &text),
        PoolId::parse(&pool_id(0)).unwrap(),
    );
    let ids: Vec<_> = (0..30).map(identity_id).collect();
    let began = clock.now().mono;
    let exchanges = ids.iter().map(|id| {
        let request = Request {
            operation: DescribeIdentityUsage,
            pool: &pool,
            identity: Some(IdentityId::parse(id).unwrap()),
            continuation: None,
        };
        api.exchange(request).unwrap()
    });
    let exchanged = futures_util::future::join_all(exchanges).await;
    assert!(exchanged.iter().all(Result::is_ok));
    let took = clock.now().mono.since(began).as_secs_f64();
    assert!(took >= 29.0 / 10.0 - 0.1, "{took} s");
}
