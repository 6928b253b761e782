//! Series of pools.

use super::families::{
    Family, POOL_DATASETS_LIMIT, POOL_DATASETS_USED, POOL_IDENTITIES, POOL_IDLE, POOL_INFO,
    POOL_LAST_MODIFIED, POOL_STORAGE, POOL_STORAGE_LIMIT, POOL_STORAGE_USED, POOL_SYNC_SESSIONS,
    POOL_WATCHED_DATASETS, POOL_WATCHED_STORAGE, POOL_WITHOUT_SERIES,
};
use super::summary::Summary;
use super::text::{Buckets, FamilyWriter};
use crate::api::PoolUsage;
use crate::clock::Moment;
use crate::deflate::Number;
use crate::store::{PoolView, State};

/// What there is to tell of a pool.
pub(super) struct Told<'a> {
    pub(super) pool: PoolView<'a>,
    pub(super) summary: &'a Summary,
    pub(super) now: Moment,
}

/// Writes a family's samples of one pool.
type Write = fn(&'static Family, &Told<'_>, &mut FamilyWriter<'_>);

/// The families, in the order in which they are written.
pub(super) const FAMILIES: [(&Family, Write); 13] = [
    (&POOL_INFO, |family, told, out| {
        let name = told
            .pool
            .target
            .settings
            .name
            .as_deref()
            .unwrap_or_default();
        out.sample(family.labelled([told.id(), name]), Number::whole(1));
    }),
    (&POOL_IDENTITIES, |family, told, out| {
        for (state, count) in State::ALL.into_iter().zip(told.summary.states) {
            out.sample(
                family.labelled([told.id(), state.as_str()]),
                Number::whole(count),
            );
        }
    }),
    (&POOL_STORAGE_LIMIT, |family, told, out| {
        told.one(
            family,
            Some(Number::whole(
                told.pool.target.settings.limits.storage_bytes,
            )),
            out,
        );
    }),
    (&POOL_DATASETS_LIMIT, |family, told, out| {
        told.one(
            family,
            Some(Number::whole(
                told.pool.target.settings.limits.datasets.into(),
            )),
            out,
        );
    }),
    (&POOL_WATCHED_STORAGE, |family, told, out| {
        told.one(family, told.summary.storage_bytes.map(Number::whole), out);
    }),
    (&POOL_WATCHED_DATASETS, |family, told, out| {
        told.one(family, told.summary.datasets.map(Number::whole), out);
    }),
    (&POOL_STORAGE_USED, |family, told, out| {
        told.spread(family, &told.summary.storage_used.buckets(), out);
    }),
    (&POOL_DATASETS_USED, |family, told, out| {
        told.spread(family, &told.summary.datasets_used.buckets(), out);
    }),
    (&POOL_IDLE, |family, told, out| {
        told.spread(family, &told.summary.idle.buckets(), out);
    }),
    (&POOL_WITHOUT_SERIES, |family, told, out| {
        let hidden = told.pool.records.len() - told.summary.selection.len(told.pool.records);
        told.one(family, Some(Number::whole(hidden as u64)), out);
    }),
    (&POOL_STORAGE, |family, told, out| {
        told.one(
            family,
            told.usage()
                .and_then(|usage| usage.storage_bytes)
                .map(Number::whole),
            out,
        );
    }),
    (&POOL_SYNC_SESSIONS, |family, told, out| {
        told.one(
            family,
            told.usage()
                .and_then(|usage| usage.sync_sessions)
                .map(Number::whole),
            out,
        );
    }),
    (&POOL_LAST_MODIFIED, |family, told, out| {
        told.one(
            family,
            told.usage()
                .and_then(|usage| usage.last_modified)
                .map(Number::real),
            out,
        );
    }),
];

impl Told<'_> {
    fn id(&self) -> &str {
        self.pool.target.id.as_str()
    }

    fn usage(&self) -> Option<&PoolUsage> {
        self.pool.usage(self.now.mono)
    }

    fn one(&self, family: &'static Family, value: Option<Number>, out: &mut FamilyWriter<'_>) {
        if let Some(value) = value {
            out.sample(family.labelled([self.id()]), value);
        }
    }

    fn spread(&self, family: &'static Family, buckets: &Buckets, out: &mut FamilyWriter<'_>) {
        out.histogram(family.labelled([self.id()]), buckets);
    }
}
