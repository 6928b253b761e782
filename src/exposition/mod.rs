//! From the store to the bytes that Prometheus reads.
//!
//! [`families`] is the table of everything that is exported. A [`Scrape`] is everything as it was
//! at one moment; [`Blocks`] writes it, a part at a time, in one of two formats and three codings.
//! Identity and pool series are written straight from the store, because a million of them cannot
//! pass through a registry; the exporter's own few are kept by [`crate::telemetry`].

mod blocks;
pub mod families;
mod identity_series;
mod pool_series;
mod scrape;
mod selection;
mod summary;
mod text;

use std::sync::{Arc, Mutex, PoisonError};

pub use blocks::{Blocks, Coding};
pub use scrape::Scrape;
pub use summary::{Spread, Summary, Used, nearest_limits};
pub use text::{Buckets, FamilyWriter, Format, Head};

use crate::clock::Moment;
use crate::config::Series;
use crate::store::{Snapshot, Store};
use crate::targets::{Pool, Targets};
use identity_series::Column;
use selection::Selection;

/// More samples than this in one scrape are seldom meant: Prometheus needs some 4 KB of memory for
/// each series.
const MANY_SAMPLES: usize = 1_000_000;

/// Makes scrapes, and remembers which identities had series in the last one.
pub struct Exposition {
    store: Arc<Store>,
    last: Mutex<Option<Last>>,
}

/// Who had series, where not all of a pool's identities have.
struct Last {
    targets: Arc<Targets>,
    /// One for each pool.
    selections: Vec<Selection>,
}

impl Exposition {
    /// Of everything in a store.
    #[must_use]
    pub fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            last: Mutex::new(None),
        }
    }

    /// Everything as it is now, followed by the exporter's `own` metrics, which are written in the
    /// same format.
    #[must_use]
    pub fn scrape(&self, now: Moment, format: Format, own: Vec<u8>) -> Scrape {
        let snapshot = self.store.snapshot();
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
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
        Scrape::new(snapshot, now, format, summaries, own.into())
    }

    /// For each pool, those who had series in the last scrape, by their present positions, in
    /// order.
    fn had_series(&self, snapshot: &Snapshot) -> Vec<Vec<u32>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
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
                    let ids = some.iter().map(|index| identities.id(*index as usize));
                    ids.filter_map(|id| pool.identities.position(id))
                        .map(|index| index as u32)
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

/// A warning, if a scrape of these targets has very many samples.
#[must_use]
pub fn too_many_samples(targets: &Targets) -> Option<String> {
    let with_series = |pool: &Pool| match pool.settings.series {
        Series::Each => pool.identities.len(),
        Series::Top(most) => most.min(pool.identities.len()),
        Series::None => 0,
    };
    let samples = Column::ALL.len() * targets.pools.iter().map(with_series).sum::<usize>();
    (samples > MANY_SAMPLES).then(|| {
        format!(
            "make {samples} samples in each scrape, which is more than most Prometheus servers can take: set `series: top` \
             for large pools; the pools' own series and histograms remain"
        )
    })
}

#[cfg(test)]
mod tests;
