//! Tests of the exposition, and the store that they share.

mod encoded_ids;
mod oracle;
mod scrapes;
mod sections;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Blocks, Coding, Exposition, Format};
use crate::api::{Failure, PoolUsage, Usage};
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

/// The result of the last poll, if there was one.
type Polled = Option<Result<Usage, Failure>>;

/// The first pool's identities, in every state, with all fields, with none, and with odd values:
/// id, last result, and the seconds since then.
const IDENTITIES: [(&str, Polled, u64); 7] = [
    ("us-east-1:00", None, 0),
    (
        "us-east-1:01",
        Some(Ok(Usage {
            datasets: Some(20),
            storage_bytes: Some(20 << 20),
            last_modified: Some(NOW - 0.25),
        })),
        5,
    ),
    (
        "us-east-1:02",
        Some(Ok(Usage {
            datasets: Some(0),
            storage_bytes: Some((1 << 53) - 1),
            last_modified: Some(NOW + 60.0),
        })),
        5,
    ),
    (
        "us-east-1:03",
        Some(Ok(Usage {
            datasets: None,
            storage_bytes: Some(1),
            last_modified: None,
        })),
        5,
    ),
    ("us-east-1:04", Some(Err(Failure::Timeout)), 5),
    ("us-east-1:05", Some(Err(Failure::NotFound)), 5),
    (
        "us-east-1:06",
        Some(Ok(Usage {
            datasets: Some(1),
            storage_bytes: Some(1),
            last_modified: Some(0.0),
        })),
        5_000,
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
    for (identity, (_, result, seconds)) in IDENTITIES.into_iter().enumerate() {
        if let Some(result) = result {
            let requested_at = ago(seconds);
            store.record(&Observation::of_identity(
                PoolIndex(0),
                identity,
                requested_at,
                result,
            ));
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
