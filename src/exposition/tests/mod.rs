//! Tests of the exposition, and the store that they share.

mod encoded_ids;
mod forecast;
mod oracle;
mod scrapes;
mod sections;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Blocks, Coding, Exposition, Format};
use crate::api::{Dataset, Failure, PoolUsage, Usage};
use crate::clock::{Mono, Timestamp};
use crate::job::PoolIndex;
use crate::loading;
use crate::observation::Observation;
use crate::store::Store;

const POOLS: [(&str, &str); 2] = [
    ("us-east-1:0a", "pro\"duct\\ion\n\u{fc}"),
    ("eu-west-1:0b", ""),
];
const NOW: f64 = 1_763_865_600.5;

/// A poll of an identity.
#[derive(Clone, Copy)]
enum Poll {
    Described(Usage),
    /// Bytes and records of each dataset.
    Listed(&'static [(Option<u64>, Option<u64>)]),
    Failed(Failure),
}

use Poll::{Described, Failed, Listed};

impl Poll {
    fn observed(self, identity: usize, requested_at: Timestamp) -> Observation {
        let described =
            |result| Observation::of_identity(PoolIndex(0), identity, requested_at, result);
        match self {
            Described(usage) => described(Ok(usage)),
            Failed(failure) => described(Err(failure)),
            Listed(datasets) => {
                let datasets = datasets.iter().map(|(storage_bytes, records)| Dataset {
                    storage_bytes: *storage_bytes,
                    records: *records,
                    ..Dataset::default()
                });
                let datasets = datasets.collect();
                Observation::of_datasets(PoolIndex(0), identity, requested_at, datasets)
            }
        }
    }
}

/// A description of an identity.
const fn described(datasets: Option<u32>, bytes: u64, last_modified: Option<f64>) -> Poll {
    Described(Usage {
        datasets,
        storage_bytes: Some(bytes),
        last_modified,
    })
}

/// The first pool's identities, in every state, with all fields, with none, and with odd values;
/// with lists that are exact, outdated, incomplete, empty and stale: id, polls, and the seconds
/// since then.
const IDENTITIES: [(&str, &[Poll], u64); 14] = [
    ("us-east-1:00", &[], 0),
    (
        "us-east-1:01",
        &[described(Some(20), 20 << 20, Some(NOW - 0.25))],
        5,
    ),
    (
        "us-east-1:02",
        &[described(Some(0), (1 << 53) - 1, Some(NOW + 60.0))],
        5,
    ),
    ("us-east-1:03", &[described(None, 1, None)], 5),
    ("us-east-1:04", &[Failed(Failure::Timeout)], 5),
    ("us-east-1:05", &[Failed(Failure::NotFound)], 5),
    ("us-east-1:06", &[described(Some(1), 1, Some(0.0))], 5_000),
    (
        "us-east-1:07",
        &[Listed(&[
            (Some(900_000), Some(10)),
            (Some(2_048), Some(1_024)),
            (Some(0), Some(0)),
        ])],
        5,
    ),
    (
        "us-east-1:08",
        &[Listed(&[(None, Some(5)), (Some(1 << 20), Some(7))])],
        5,
    ),
    (
        "us-east-1:09",
        &[
            Listed(&[(Some(1_000_000), Some(1_000)), (Some(1), None)]),
            described(Some(4), 1_200_000, None),
        ],
        5,
    ),
    (
        "us-east-1:0a",
        &[
            Listed(&[(Some(600_000), Some(700)), (Some(10), Some(1))]),
            described(Some(2), 700_000, None),
            described(Some(2), 900_010, None),
        ],
        5,
    ),
    (
        "us-east-1:0b",
        &[
            Listed(&[(Some(2 << 20), Some(2_000))]),
            described(Some(1), 2 << 20, None),
            Failed(Failure::Timeout),
        ],
        5,
    ),
    (
        "us-east-1:0c",
        &[Listed(&[(Some(1 << 20), Some(1_024))])],
        5_000,
    ),
    (
        "us-east-1:0d",
        &[described(Some(20), 838_862, Some(0.0)), Listed(&[])],
        5,
    ),
];

fn store(series: &str) -> Store {
    let mut text = "pools:\n".to_owned();
    for (id, name) in POOLS {
        text += &format!("- {{id: '{id}', series: {series}");
        text += &if name.is_empty() {
            String::new()
        } else {
            ", name: \"pro\\\"duct\\\\ion\\n\u{fc}\"".to_owned()
        };
        text += ", identities: [";
        if id == POOLS[0].0 {
            IDENTITIES
                .iter()
                .for_each(|(id, ..)| text += &format!("{{id: '{id}', name: 'n{}'}},", &id[10..]));
        }
        text += "]}\n";
    }
    let store = parsed(&text);
    for (identity, (_, polls, seconds)) in IDENTITIES.into_iter().enumerate() {
        for poll in polls {
            store.record(&poll.observed(identity, ago(seconds)));
        }
    }
    let usage = PoolUsage {
        storage_bytes: Some(7),
        sync_sessions: None,
        last_modified: Some(1.5),
    };
    store.record(&Observation::of_pool(PoolIndex(0), ago(5), Ok(usage)));
    store
}

fn parsed(configuration: &str) -> Store {
    let loaded = loading::parse(Path::new("test"), configuration).unwrap();
    Store::new(loaded.targets)
}

/// A store of so many identities, none of them polled yet.
fn never_polled(identities: usize) -> Store {
    let ids: String = (0..identities)
        .map(|number| format!("'us-east-1:{number:x}',"))
        .collect();
    parsed(&format!(
        "pools: [{{id: 'us-east-1:0', identities: [{ids}]}}]"
    ))
}

/// The time this many seconds before [`now`].
fn ago(seconds: u64) -> Timestamp {
    Timestamp {
        mono: now().mono.before(Duration::from_secs(seconds)),
        unix: NOW - seconds as f64,
    }
}

fn now() -> Timestamp {
    Timestamp {
        mono: Mono::START + Duration::from_secs(10_000),
        unix: NOW,
    }
}

fn written(store: Store) -> String {
    written_at(&Exposition::new(Arc::new(store)), now())
}

fn written_at(exposition: &Exposition, now: Timestamp) -> String {
    let blocks = Blocks::new(exposition.scrape(now, Format::Text, &()), Coding::Identity);
    String::from_utf8(blocks.flatten().collect()).unwrap()
}

/// Compares line by line, so that the message shows the difference.
fn pretty_equal(text: &str, expected: &str) {
    for (line, expected) in text.lines().zip(expected.lines()) {
        assert_eq!(line, expected);
    }
    assert_eq!(text.len(), expected.len());
}
