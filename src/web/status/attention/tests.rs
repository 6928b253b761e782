//! The codes and the JSON; pools for the tests beside this file.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::super::pool::Pool;
use super::*;
use crate::api::{Failure, Usage};
use crate::clock::{Mono, Timestamp};
use crate::job::PoolIndex;
use crate::observation::Observation;
use crate::store::Store;
use crate::targets::Targets;

/// What is known of an identity.
#[derive(Clone, Copy)]
pub(super) enum Known {
    Nothing,
    /// Current usage: datasets, bytes, seconds since the last write.
    Usage {
        datasets: u32,
        storage: u64,
        ago: f64,
    },
    /// The last poll failed, after one that succeeded.
    Failing(Failure),
    /// Every poll failed.
    Unseen(Failure),
    /// No poll has succeeded for a day, and the last one failed, or was that one.
    Stale(Option<Failure>),
    /// The same after one that showed a full dataset, written to so many seconds before now.
    FullWhenLastSeen(f64),
    Missing,
}

/// Those of which there is nothing to say.
pub(super) const WELL: Known = Known::Usage {
    datasets: 1,
    storage: 0,
    ago: 0.0,
};
pub(super) const DENIED: Known = Known::Failing(Failure::AccessDenied);

/// The code, the severity and the text of each thing that is said of a pool.
pub(super) fn said(pool: &Pool) -> Vec<String> {
    let attention = pool.attention(true).into_iter();
    let said = attention.map(|it| {
        let name = "us-east-1:0: ";
        let text = it.text.strip_prefix(name).expect("the pool is named");
        format!("{} {}: {text}", it.code.as_str(), it.severity.as_str())
    });
    said.collect()
}

/// A pool of so many identities of each kind.
pub(super) fn many(kinds: &[(usize, Known)]) -> Pool {
    let kinds = kinds.iter();
    let known = kinds.flat_map(|(count, known)| std::iter::repeat_n(*known, *count));
    pool_of(&known.collect::<Vec<_>>())
}

/// A pool of such identities.
pub(super) fn pool_of(known: &[Known]) -> Pool {
    let targets = Targets::for_tests(&[("us-east-1:0", known.len())]);
    pool_in(Arc::new(targets), known)
}

/// The first pool of these targets, with such identities.
pub(super) fn pool_in(targets: Arc<Targets>, known: &[Known]) -> Pool {
    let store = Store::new(targets);
    let at = |seconds| Timestamp {
        mono: Mono::START + Duration::from_secs(seconds),
        unix: 1_700_000_000.0 + seconds as f64,
    };
    let now = at(86_400);
    let record = |identity, at, result| {
        store.record(&Observation::of_identity(
            PoolIndex(0),
            identity,
            at,
            result,
        ));
    };
    let usage = Usage::default();
    for (identity, known) in known.iter().enumerate() {
        match known {
            Known::Nothing => {}
            Known::Usage {
                datasets,
                storage,
                ago,
            } => {
                let usage = Usage {
                    datasets: Some(*datasets),
                    storage_bytes: Some(*storage),
                    last_modified: Some(now.unix - ago),
                };
                record(identity, now, Ok(usage));
            }
            Known::Failing(failure) => {
                record(identity, now, Ok(usage));
                record(identity, now, Err(*failure));
            }
            Known::Unseen(failure) => record(identity, now, Err(*failure)),
            Known::Stale(failure) => {
                record(identity, at(0), Ok(usage));
                if let Some(failure) = failure {
                    record(identity, now, Err(*failure));
                }
            }
            Known::FullWhenLastSeen(ago) => {
                let usage = Usage {
                    datasets: Some(1),
                    storage_bytes: Some(1 << 20),
                    last_modified: Some(now.unix - ago),
                };
                record(identity, at(0), Ok(usage));
            }
            Known::Missing => record(identity, now, Err(Failure::NotFound)),
        }
    }
    Pool::of(&store.snapshot().pool(PoolIndex(0)), now)
}

/// Each code has a row with its severities, and each row is a code.
#[test]
fn http_md_lists_the_codes_with_their_severities() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/http.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, table) = page.split_once("<!-- attention -->").unwrap();
    let (table, _) = table.split_once("<!-- /attention -->").unwrap();
    let rows = table.lines().filter(|row| row.starts_with("| `"));
    let rows = rows.map(|row| {
        row.split('|').nth(1).unwrap().trim().to_owned() + " " + {
            let severities = row.split('|').nth(2).unwrap();
            severities.trim()
        }
    });
    let codes = Code::ALL.map(|code| {
        let (word, severities) = code.word_and_severities();
        let severities: Vec<_> = severities.iter().map(|one| one.as_str()).collect();
        format!("`{word}` {}", severities.join(", "))
    });
    assert_eq!(rows.collect::<Vec<_>>(), codes);
}

#[test]
fn what_programs_read() {
    let named = Named {
        identity_id: "us-east-1:1".to_owned(),
        name: Some("canary".to_owned()),
    };
    let full = Phrase::new("2 identities are full", ": 20 datasets").listed("list".to_owned());
    let full = Attention::new(Code::Full, Severity::Info, full)
        .of_limit(Limit::Datasets)
        .of_identities(2, &[named])
        .of_pool("us-east-1:0", "production");
    assert_eq!(
        serde_json::to_value(full).unwrap(),
        json!({
            "code": "full",
            "severity": "info",
            "identity_pool_id": "us-east-1:0",
            "limit": "datasets",
            "count": 2,
            "text": "production: 2 identities are full: 20 datasets.",
            "identities": [{"identity_id": "us-east-1:1", "name": "canary"}],
        })
    );
    let slow = Phrase::new("AWS throttles", "");
    let slow = Attention::new(Code::Throttled, Severity::Warning, slow).of_budget("us-east-1");
    assert_eq!(
        serde_json::to_value(slow).unwrap(),
        json!({
            "code": "throttled",
            "severity": "warning",
            "identity_pool_id": null,
            "budget": "us-east-1",
            "count": null,
            "text": "us-east-1: AWS throttles.",
            "identities": [],
        })
    );
}
