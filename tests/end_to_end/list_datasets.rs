//! The raw answers of `ListDatasets`, through the real SDK.

use cognitosync_exporter::api::{Answer, Dataset, Failure, Operation, Reply, Usage};
use cognitosync_exporter::simulator::{Fault, Life};

use crate::cognito::{ask, ask_datasets, source};
use crate::support::{Server, identity_id, pool_id, still_world};

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
