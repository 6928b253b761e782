//! From the store to the bytes that Prometheus reads.
//!
//! [`families`] is the table of all exported families. A [`Scrape`] is everything as it was at one
//! moment. [`Blocks`] writes it in one of two formats and three codings, section by section and a
//! block at a time. Series of identities and pools are written straight from the store, because a
//! registry cannot hold a million of them; the exporter's own metrics come from a [`Source`].

mod blocks;
mod encoded_ids;
pub mod families;
mod identity_family;
mod identity_names;
mod identity_series;
mod lines;
mod nearest;
mod number;
mod pool_series;
mod scrape;
mod section;
mod sections;
mod selection;
mod shared_snapshots;
mod source;
mod summary;
mod summing;
mod text;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use blocks::{Blocks, Coding};
pub use number::Number;
pub use scrape::Scrape;
pub use source::{Families, Source};
pub use summary::{ACTIVE_SECONDS, FULL_WITHIN, GaugeHistogram, IDLE, Summary};
pub use summing::{Seen, Summing};
pub use text::{Buckets, FamilyWriter, Format, Head};

use crate::clock::{Mono, Timestamp};
use crate::config::PoolSettings;
use crate::job::IdentityIndex;
use crate::store::{Snapshot, Store};
use crate::targets::{Identities, Pool, Targets};
use encoded_ids::EncodedIds;
use identity_family::IdentityFamily;
use selection::Selection;
use shared_snapshots::SharedSnapshots;

/// More samples in one scrape cause a warning: Prometheus needs about 4 KB of memory for each
/// series.
const MAX_USUAL_SAMPLES: usize = 1_000_000;

/// Makes scrapes of a store.
pub struct Exposition {
    store: Arc<Store>,
    snapshots: Mutex<SharedSnapshots>,
    /// Those of the targets of the latest scrape.
    encoded_ids: Mutex<Option<Arc<EncodedIds>>>,
    last: Mutex<Option<Last>>,
}

/// The identities that had series in the last scrape.
struct Last {
    targets: Arc<Targets>,
    /// One for each pool.
    selections: Vec<Selection>,
}

impl Exposition {
    /// Makes scrapes of everything in `store`.
    #[must_use]
    pub fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            snapshots: Mutex::default(),
            encoded_ids: Mutex::default(),
            last: Mutex::default(),
        }
    }

    /// Everything as it is now, followed by the metrics of `own`.
    #[must_use]
    pub fn scrape(&self, now: Timestamp, format: Format, own: &impl Source) -> Scrape {
        let mut own_text = Vec::new();
        own.write(now, &mut Families::new(format, &mut own_text));
        let (snapshot, encoded_ids) = self.snapshot_with_ids(now.mono);
        let had_series = self.had_series(&snapshot);
        let pools = snapshot.pools().zip(&had_series);
        let summaries: Arc<[_]> = pools
            .map(|(pool, had_series)| Summary::of(&pool, now, had_series))
            .collect();
        let selections = summaries
            .iter()
            .map(|summary| summary.selection.clone())
            .collect();
        let last = Last {
            targets: Arc::clone(&snapshot.targets),
            selections,
        };
        *lock(&self.last) = Some(last);
        Scrape {
            snapshot,
            now,
            format,
            summaries,
            encoded_ids,
            own: own_text.into(),
        }
    }

    /// A snapshot for a reader that may be slow. Scrapes and all such readers share a few.
    #[must_use]
    pub fn snapshot(&self, now: Mono) -> Arc<Snapshot> {
        lock(&self.snapshots).get(now, self.store.snapshot())
    }

    /// A snapshot and the encoded ids of its targets. The snapshot is taken under the lock of the
    /// ids, so that ids of new targets are never replaced by those of old ones.
    fn snapshot_with_ids(&self, now: Mono) -> (Arc<Snapshot>, Arc<EncodedIds>) {
        let mut kept = lock(&self.encoded_ids);
        let snapshot = self.snapshot(now);
        let encoded_ids = kept
            .take()
            .filter(|ids| ids.belong_to(&snapshot.targets))
            .unwrap_or_else(|| Arc::new(EncodedIds::new(Arc::clone(&snapshot.targets))));
        *kept = Some(Arc::clone(&encoded_ids));
        (snapshot, encoded_ids)
    }

    /// For each pool, the present positions of the identities that had series in the last scrape,
    /// in ascending order.
    fn had_series(&self, snapshot: &Snapshot) -> Vec<Vec<u32>> {
        let last = lock(&self.last);
        let Some(last) = &*last else {
            return vec![Vec::new(); snapshot.targets.pools.len()];
        };
        let unchanged = Arc::ptr_eq(&last.targets, &snapshot.targets);
        let of_pool = |(index, pool): (usize, &Pool)| -> Vec<u32> {
            let before = if unchanged {
                Some(index)
            } else {
                last.targets.pools.iter().position(|old| old.id == pool.id)
            };
            match before.map(|before| {
                (
                    &last.targets.pools[before].identities,
                    &last.selections[before],
                )
            }) {
                Some((_, Selection::Some(some))) if unchanged => some.clone(),
                Some((identities, Selection::Some(some))) => {
                    let ids = some
                        .iter()
                        .map(|index| identities.id(IdentityIndex(*index as usize)));
                    ids.filter_map(|id| pool.identities.position(id))
                        .map(|index| index.0 as u32)
                        .collect()
                }
                _ => Vec::new(),
            }
        };
        snapshot
            .targets
            .pools
            .iter()
            .enumerate()
            .map(of_pool)
            .collect()
    }
}

/// Locks a mutex. A panic of another holder is no reason to fail: every value is replaced as a
/// whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A warning, if a scrape of these targets has very many samples.
#[must_use]
pub fn too_many_samples(targets: &Targets) -> Option<String> {
    let of_pool = |pool: &Pool| identity_samples(&pool.settings, &pool.identities);
    let samples: usize = targets.pools.iter().map(of_pool).sum();
    (samples > MAX_USUAL_SAMPLES).then(|| {
        format!(
            "make {samples} samples in each scrape, which is more than most Prometheus servers can take: set `series: top` \
             or fewer `identity_metrics` for large pools; the pools' own series and histograms remain"
        )
    })
}

/// The most samples that the identities of a pool with these settings have in a scrape.
#[must_use]
pub fn identity_samples(settings: &PoolSettings, identities: &Identities) -> usize {
    let with_series = settings.series.count(identities.len());
    let families = IdentityFamily::ALL.into_iter();
    let families = families.filter(|family| settings.can_have(family.metric()));
    with_series * families.count() + with_series.min(identities.named())
}

#[cfg(test)]
mod tests;
