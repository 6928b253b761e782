//! `ListDatasets`, an operation that the daemon does not poll by itself yet: paged, through the
//! real SDK, the poller, the ceiling, the store and the metrics.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cognitosync_exporter::api::{Answer, Dataset, Failure, Operation, Reply, Usage};
use cognitosync_exporter::aws::{Connector, Credentials, Network};
use cognitosync_exporter::clock::{Clock, Timestamp};
use cognitosync_exporter::exposition::{Families, Format, Source};
use cognitosync_exporter::job::{IdentityIndex, PoolIndex};
use cognitosync_exporter::limits::ListNeed;
use cognitosync_exporter::loading::{self, Loaded};
use cognitosync_exporter::observation::Observation;
use cognitosync_exporter::poller::{PollObserver, Poller};
use cognitosync_exporter::simulator::{Fault, Life};
use cognitosync_exporter::store::Store;
use cognitosync_exporter::targets::{TargetDiff, Targets};
use cognitosync_exporter::telemetry::Telemetry;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cognito::{ask, ask_datasets, source};
use crate::support::{Server, configuration, identity_id, pool_id, still_world};

const USAGE: Usage = Usage {
    datasets: Some(7),
    storage_bytes: Some(70_003),
    last_modified: Some(1_412_974_081.336),
};

/// One identity with seven datasets.
fn server() -> Server {
    let server = Server::start(still_world(1, 1));
    let usage = Life::Still(USAGE);
    server
        .simulator
        .world(|world| world.insert(&pool_id(0), &identity_id(0), usage));
    server
}

#[tokio::test]
async fn a_list_in_pages_adds_up_to_the_usage() {
    let server = server();
    server.simulator.set_page_size(3);
    let source = source(&server.url, "2s").await;
    let (mut page, mut sizes) = (None, Vec::new());
    let whole = loop {
        match ask_datasets(&source, page.as_ref()).await.unwrap() {
            Reply::Done(Answer::Datasets(datasets)) => break datasets,
            Reply::More(more) => {
                let Answer::Datasets(so_far) = &more.so_far else {
                    panic!("{more:?}")
                };
                sizes.push(so_far.len());
                page = Some(more);
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((sizes, whole.len()), (vec![3, 6], 7));
    assert_eq!(Ok(Usage::of_datasets(&whole)), ask(&source).await);
    let first = Dataset {
        name: Some("dataset-1".to_owned()),
        storage_bytes: Some(10_003),
        records: Some(7),
        last_modified: USAGE.last_modified,
    };
    assert_eq!(whole[0], first);
    let operations: Vec<_> = server
        .simulator
        .take_call_log()
        .into_iter()
        .map(|call| call.operation)
        .collect();
    assert_eq!(
        operations[..3],
        [Operation::ListDatasets; 3],
        "each page is one call"
    );
}

#[tokio::test]
async fn a_list_is_right_or_malformed() {
    let server = server();
    let source = source(&server.url, "2s").await;
    let dataset = |fields: &str| format!("{{\"Datasets\":[{{{fields}}}],\"NextToken\":null}}");
    let whole = Dataset {
        name: Some("a".to_owned()),
        storage_bytes: Some(16),
        records: Some(1),
        last_modified: Some(1_412_974_057.244),
    };
    let good = "\"DatasetName\":\"a\",\"DataStorage\":16,\"NumRecords\":1,\
                \"LastModifiedDate\":1.412974057244E9";
    let done = |datasets: &[Dataset]| Ok(Reply::Done(Answer::Datasets(datasets.to_vec())));
    let malformed = Err(Failure::Malformed);
    for (body, expected) in [
        (dataset(good), done(std::slice::from_ref(&whole))),
        (
            dataset(&format!("{good},\"IdentityId\":\"{}\"", identity_id(0))),
            done(&[whole]),
        ),
        (dataset(""), done(&[Dataset::default()])),
        ("{\"Datasets\":[],\"Count\":0}".to_owned(), done(&[])),
        ("{\"Datasets\":[],\"NextToken\":\"\"}".to_owned(), done(&[])),
        ("{}".to_owned(), malformed.clone()),
        ("{\"Datasets\":null}".to_owned(), malformed.clone()),
        (
            dataset(&format!("{good},\"IdentityId\":\"{}\"", identity_id(1))),
            malformed.clone(),
        ),
        (dataset("\"DataStorage\":-1"), malformed.clone()),
        (
            dataset("\"NumRecords\":9007199254740993"),
            malformed.clone(),
        ),
        (dataset("\"LastModifiedDate\":1e300"), malformed.clone()),
        (dataset("\"DatasetName\":7"), malformed.clone()),
    ] {
        server
            .simulator
            .set_fault(&identity_id(0), Some(Fault::Body(body.clone())));
        assert_eq!(ask_datasets(&source, None).await, expected, "{body}");
    }
    // The same token again would never end.
    let body = "{\"Datasets\":[],\"NextToken\":\"again\"}".to_owned();
    server
        .simulator
        .set_fault(&identity_id(0), Some(Fault::Body(body)));
    let Ok(Reply::More(page)) = ask_datasets(&source, None).await else {
        panic!("a page")
    };
    assert_eq!(ask_datasets(&source, Some(&page)).await, malformed);
}

struct Observer {
    store: Store,
    telemetry: Telemetry,
    polls: mpsc::UnboundedSender<Observation>,
}

impl PollObserver for Observer {
    fn called(&self, operation: Operation, took: Duration, failure: Option<Failure>) {
        self.telemetry.called(operation, took, failure);
    }

    fn polled(&self, observation: &Observation) {
        self.store.record(observation);
        self.telemetry.polled(observation);
        let _ = self.polls.send(observation.clone());
    }

    fn list_need(&self, _: PoolIndex, _: IdentityIndex, _: Timestamp) -> ListNeed {
        ListNeed::None
    }

    fn targets_changed(&self, _: &Arc<Targets>, _: &TargetDiff) {}
}

#[tokio::test]
async fn polls_of_lists_keep_to_the_ceiling_page_by_page() {
    const IDENTITIES: usize = 4;
    const RATE: f64 = 20.0;
    let server = Server::start(still_world(1, IDENTITIES));
    for identity in 0..IDENTITIES {
        let life = Life::Still(USAGE);
        server
            .simulator
            .world(|world| world.insert(&pool_id(0), &identity_id(identity), life));
    }
    // One dataset a page: 28 calls a second are due where 20 are allowed.
    server.simulator.set_page_size(1);
    let poll = format!("interval: 1s, rate_limit: {RATE}, timeout: 5s");
    let text = configuration(&poll, &server.url, 1, IDENTITIES);
    let Loaded {
        config, targets, ..
    } = loading::parse(Path::new("test"), &text).unwrap();
    let clock = Clock::system();
    let connector = Connector::new(
        Credentials::Simulator,
        Network::direct(clock.clone()),
        clock.clone(),
    );
    let api = { connector }.connect(&targets, &config.poll);
    let (poller, handle) = Poller::of_operations(
        &[Operation::ListDatasets],
        Arc::new(api),
        Arc::clone(&targets),
        config.poll.clone(),
        clock.clone(),
    );
    let (polls, mut polled) = mpsc::unbounded_channel();
    let telemetry = Telemetry::new(Arc::clone(handle.progress()), 0.0).unwrap();
    let observer = Arc::new(Observer {
        store: Store::new(targets),
        telemetry,
        polls,
    });
    let stop = CancellationToken::new();
    let began = clock.now().mono;
    let enough = async {
        for _ in 0..5 * IDENTITIES {
            let poll = polled.recv().await.unwrap();
            assert_eq!((poll.calls, poll.failure()), (7, None), "{poll:?}");
        }
        stop.cancel();
    };
    tokio::join!(poller.run(Arc::clone(&observer), stop.clone()), enough);
    let now = clock.now();
    let calls = server.simulator.take_call_log().len();
    let allowed = RATE * 1.05 * now.mono.since(began).as_secs_f64() + 1.0;
    assert!(
        calls as f64 <= allowed,
        "{calls} calls where {allowed} are allowed"
    );

    let snapshot = observer.store.snapshot();
    let pool = snapshot.pool(PoolIndex(0));
    for identity in 0..IDENTITIES {
        let usage = pool.records[IdentityIndex(identity)].usage(pool.oldest_shown(now.mono));
        assert_eq!(usage, Some(&USAGE));
        let list = observer
            .store
            .datasets(PoolIndex(0), IdentityIndex(identity))
            .unwrap();
        assert_eq!(list.value.len(), 7);
    }
    let mut metrics = Vec::new();
    observer
        .telemetry
        .write(now, &mut Families::new(Format::Text, &mut metrics));
    let metrics = String::from_utf8(metrics).unwrap();
    let told = metrics.lines().find_map(|line| {
        line.strip_prefix("cognitosync_exporter_api_requests_total{operation=\"ListDatasets\"} ")
    });
    let counted: usize = told.unwrap().parse().unwrap();
    assert!(
        (7 * 5 * IDENTITIES..=calls).contains(&counted),
        "{counted} of {calls} calls"
    );
}
