//! Pools for tests.

use std::sync::Arc;
use std::time::Duration;

use super::super::pool::Pool;
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
    /// No poll has succeeded for a day, and the last one failed, or was that one.
    Stale(Option<Failure>),
    Missing,
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
            Known::Stale(failure) => {
                record(identity, at(0), Ok(usage));
                if let Some(failure) = failure {
                    record(identity, now, Err(*failure));
                }
            }
            Known::Missing => record(identity, now, Err(Failure::NotFound)),
        }
    }
    Pool::of(&store.snapshot().pool(PoolIndex(0)), now)
}
