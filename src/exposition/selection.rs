//! Which identities of a pool get series of their own.

use crate::clock::Mono;
use crate::config::{Limits, Series};
use crate::store::{PoolView, Record};

/// The identities with series of their own, by position.
pub(super) enum Selection {
    All,
    /// These, in order.
    Some(Vec<usize>),
}

impl Selection {
    pub(super) fn of(&self, records: &[Record]) -> impl Iterator<Item = usize> {
        let (all, some) = match self {
            Self::All => (0..records.len(), &[][..]),
            Self::Some(some) => (0..0, &some[..]),
        };
        all.chain(some.iter().copied())
    }

    pub(super) fn left_out(&self, records: &[Record]) -> usize {
        match self {
            Self::All => 0,
            Self::Some(some) => records.len() - some.len(),
        }
    }
}

pub(super) fn select(pool: &PoolView<'_>, now: Mono) -> Selection {
    match pool.target.settings.series {
        Series::Each => Selection::All,
        Series::None => Selection::Some(Vec::new()),
        Series::Top(most) if most >= pool.records.len() => Selection::All,
        Series::Top(most) => Selection::Some(nearest_a_limit(pool, most, now)),
    }
}

/// The `most` identities that have used the largest part of their storage or datasets; the first in order among equals.
fn nearest_a_limit(pool: &PoolView<'_>, most: usize, now: Mono) -> Vec<usize> {
    let limits = pool.target.settings.limits;
    let rank = |record: &Record| used(record, limits, pool, now);
    let mut ranked: Vec<_> = pool.records.iter().map(rank).enumerate().collect();
    ranked.select_nth_unstable_by(most, |(a, used_a), (b, used_b)| used_b.total_cmp(used_a).then(a.cmp(b)));
    let mut nearest: Vec<_> = ranked[..most].iter().map(|(index, _)| *index).collect();
    nearest.sort_unstable();
    nearest
}

/// The larger of the used parts of storage and datasets; -1 when nothing current is known.
fn used(record: &Record, limits: Limits, pool: &PoolView<'_>, now: Mono) -> f64 {
    record.usage(now, pool.stale_after()).map_or(-1.0, |usage| {
        let storage = usage.storage_bytes.unwrap_or(0) as f64 / limits.storage_bytes as f64;
        let datasets = f64::from(usage.datasets.unwrap_or(0)) / f64::from(limits.datasets);
        storage.max(datasets)
    })
}
