//! The two answers about an identity, its usage and its datasets, through the real SDK: when they
//! agree, and when only one of them fails.

use std::time::Duration;

use cognitosync_exporter::api::{Answer, Dataset, Failure, Operation, Reply, Usage};
use cognitosync_exporter::simulator::{Fault, Life};

use crate::cognito::{ask, ask_datasets, source};
use crate::support::{Server, identity_id, pool_id, still_world, usage};

const WRITTEN: f64 = 1_412_974_057.244;

/// Datasets of these bytes and records.
fn datasets(contents: &[(u64, u64)]) -> Vec<Dataset> {
    let dataset = |(number, &(bytes, records)): (usize, &(u64, u64))| Dataset {
        name: Some(format!("d{number}")),
        storage_bytes: Some(bytes),
        records: Some(records),
        last_modified: Some(WRITTEN),
    };
    contents.iter().enumerate().map(dataset).collect()
}

#[tokio::test]
async fn usage_follows_the_datasets_with_a_lag() {
    let before = datasets(&[(16, 1)]);
    let mut after = datasets(&[(16, 1), (1 << 20, 1), (20_480, 1_024)]);
    // AWS requires no field.
    after[0].last_modified = None;
    let server = Server::start(still_world(1, 0));
    let simulator = &server.simulator;
    let life = Life::Datasets(before.clone());
    simulator.world(|world| world.insert(&pool_id(0), &identity_id(0), life));
    let source = source(&server.url, "2s").await;
    let list = async || ask_datasets(&source, None).await;
    let done = |datasets: &[Dataset]| Ok(Reply::Done(Answer::Datasets(datasets.to_vec())));
    let told = |datasets: &[Dataset], lag: f64| {
        let usage = Usage::of_datasets(datasets);
        let last_modified = usage.last_modified.map(|date| date + lag);
        Ok(Usage {
            last_modified,
            ..usage
        })
    };
    // As in AWS's published answers.
    assert_eq!(ask(&source).await, told(&before, 24.092));
    assert_eq!(list().await, done(&before));
    let life = Life::Datasets(after.clone());
    simulator.change(&pool_id(0), &identity_id(0), life);
    assert_eq!(ask(&source).await, told(&before, 24.092));
    assert_eq!(list().await, done(&after));
    simulator.set_usage_lag(Duration::ZERO);
    assert_eq!(ask(&source).await, told(&after, 0.0));
}

#[tokio::test]
async fn one_operation_can_fail_alone() {
    let server = Server::start(still_world(1, 2));
    let source = source(&server.url, "2s").await;
    let denied = Fault::Error(403, "AccessDeniedException");
    let (pool, identity) = (pool_id(0), identity_id(0));
    for about in [None, Some(pool.as_str()), Some(identity.as_str())] {
        let set = |fault| {
            let list = Operation::ListDatasets;
            server.simulator.set_operation_fault(list, about, fault);
        };
        set(Some(denied.clone()));
        let refused = ask_datasets(&source, None).await;
        assert_eq!(refused, Err(Failure::AccessDenied));
        assert_eq!(ask(&source).await, Ok(usage(0)));
        set(Some(Fault::repeated_token()));
        let Ok(Reply::More(page)) = ask_datasets(&source, None).await else {
            panic!("a page")
        };
        let repeated = ask_datasets(&source, Some(&page)).await;
        assert_eq!(repeated, Err(Failure::Malformed));
        set(None);
        assert!(ask_datasets(&source, None).await.is_ok());
    }
}
