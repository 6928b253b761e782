//! Bodies of `DescribeIdentityUsage` of any text, through the real SDK over a real socket.

use std::panic::AssertUnwindSafe;
use std::path::Path;

use cognitosync_exporter::api::{
    Answer, Api, CallError, Failure, Operation, Reply, Request, Usage,
};
use cognitosync_exporter::aws::{Connector, Credentials, Network};
use cognitosync_exporter::clock::Clock;
use cognitosync_exporter::job::IdentityIndex;
use cognitosync_exporter::loading;
use cognitosync_exporter::simulator::{Fault, Life, Simulator, World, endpoint_url};
use tokio_util::sync::CancellationToken;

use crate::words::text;

const POOL: &str = "us-east-1:7b6bd1a1-5f5c-4f43-9a0b-0f6a3b8d8c11";
const IDENTITY: &str = "us-east-1:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10";
const FIELDS: [&str; 6] = [
    "DatasetCount",
    "DataStorage",
    "LastModifiedDate",
    "IdentityId",
    "IdentityPoolId",
    "Unknown",
];
const VALUES: [&str; 20] = [
    "0",
    "7",
    "20971520",
    "1.7e9",
    "1700000000.123",
    "null",
    "\"us-east-1:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10\"",
    "\"us-east-1:7b6bd1a1-5f5c-4f43-9a0b-0f6a3b8d8c11\"",
    "\"us-east-1:somebody-else\"",
    "-1",
    "1.5",
    "1e308",
    "9007199254740993",
    "2147483648",
    "NaN",
    "true",
    "\"7\"",
    "[[[[1]]]]",
    "{}",
    "\"\\u0000\"",
];
const WORDS: [&str; 16] = [
    "{\"IdentityUsage\":{",
    "\"DatasetCount\":",
    "}}",
    "7",
    "null",
    ",",
    "[",
    "]",
    "{",
    "}",
    "\"",
    ":",
    " ",
    "<html>",
    "\u{feff}",
    "\0",
];

/// A whole answer, of fields and values that fit or do not.
fn fields(input: &[u8]) -> String {
    let field = |pair: &[u8]| {
        let (name, value) = (
            FIELDS[usize::from(pair[0]) % FIELDS.len()],
            VALUES[usize::from(pair[1]) % VALUES.len()],
        );
        format!("\"{name}\":{value}")
    };
    let fields: Vec<_> = input.chunks_exact(2).take(4).map(field).collect();
    format!("{{\"IdentityUsage\":{{{}}}}}", fields.join(","))
}

#[test]
fn answer() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (mut good, mut malformed) = (0, 0);
    let clock = Clock::system();
    let mut world = World::default();
    world.insert(POOL, IDENTITY, Life::Still(Usage::default()));
    let (simulator, listener) = runtime
        .block_on(Simulator::bind(world, clock.clone()))
        .unwrap();
    let configuration = format!(
        "pools: [{{id: '{POOL}', endpoint_url: '{}', identities: ['{IDENTITY}']}}]",
        endpoint_url(&listener).unwrap()
    );
    let (stop, serving) = (CancellationToken::new(), simulator.clone());
    let serving = runtime.spawn(serving.run(listener, stop.clone()));
    let loaded = loading::parse(Path::new("fuzz"), &configuration).unwrap();
    let (pool, now) = (&loaded.targets.pools[0], clock.now().unix);
    let mut connector = Connector::new(
        Credentials::Simulator,
        Network::direct(clock.clone()),
        clock.clone(),
    );
    // It says nothing of panics, and after one it is not used again.
    let api = AssertUnwindSafe(connector.connect(&loaded.targets, &loaded.config.poll));
    // A panic is a failed call too, but one that must not happen.
    let is_malformed = |error: &CallError| {
        let panicked = error.cause.as_deref() == Some("a panic inside the AWS SDK");
        error.failure == Failure::Malformed && !panicked
    };
    bolero::check!()
        .with_iterations(1_500)
        .for_each(|input: &[u8]| {
            let api = &api;
            for body in [fields(input), text(&WORDS, input)] {
                simulator.set_fault(IDENTITY, Some(Fault::Body(body.clone())));
                let request = Request {
                    operation: Operation::DescribeIdentityUsage,
                    pool: &pool.id,
                    identity: Some(pool.identities.id(IdentityIndex(0))),
                    continuation: None,
                };
                match runtime.block_on(api.call(request)) {
                    Ok(Reply::Done(Answer::Identity(usage))) => {
                        good += 1;
                        assert_ne!(usage, Usage::default(), "{body}");
                        assert!(
                            usage.storage_bytes.is_none_or(|bytes| bytes <= 1 << 53),
                            "{body}"
                        );
                        let is_date =
                            |seconds: f64| (0.0..=now + 2.0 * 86_400.0).contains(&seconds);
                        assert!(usage.last_modified.is_none_or(is_date), "{body}");
                        // Of a field that stands there twice, the last one counts.
                        let about = body
                            .rsplit_once("\"IdentityId\":")
                            .map_or("", |(_, about)| about);
                        assert!(!about.starts_with("\"us-east-1:somebody-else\""), "{body}");
                    }
                    Err(error) if is_malformed(&error) => malformed += 1,
                    other => panic!("{other:?} for {body}"),
                }
            }
        });
    stop.cancel();
    runtime.block_on(serving).unwrap();
    assert!(
        good > 0 && malformed > good,
        "{good} good answers, {malformed} malformed"
    );
}
