//! The section of the pools' families.

use super::families::{
    Family, POOL_ABOVE_LIMIT, POOL_DATASET_RECORDS_LIMIT, POOL_DATASET_RECORDS_USED,
    POOL_DATASET_STORAGE_LIMIT, POOL_DATASET_STORAGE_USED, POOL_DATASETS_LIMIT, POOL_DATASETS_USED,
    POOL_FULL, POOL_FULL_ACTIVE, POOL_FULL_WITHIN, POOL_IDENTITIES, POOL_IDLE, POOL_INFO,
    POOL_LAST_MODIFIED, POOL_NEAR_LIMIT, POOL_STALE_AFTER, POOL_STORAGE, POOL_SYNC_SESSIONS,
    POOL_USAGE_AGE, POOL_WATCHED_DATASETS, POOL_WATCHED_IDENTITIES, POOL_WATCHED_STORAGE,
    POOL_WITHOUT_SERIES,
};
use super::number::Number;
use super::scrape::Scrape;
use super::section::Section;
use super::summary::{FULL_WITHIN, GaugeHistogram, Summary};
use super::text::FamilyWriter;
use crate::api::PoolUsage;
use crate::clock::Timestamp;
use crate::job::PoolIndex;
use crate::limits::Limit;
use crate::store::{PoolView, State};

/// All families of [`FAMILIES`], one pool at a time.
#[derive(Debug, Default)]
pub(super) struct PoolSeries {
    family: usize,
    pool: usize,
    head_written: bool,
}

impl Section for PoolSeries {
    fn next(&mut self, scrape: &Scrape, out: &mut Vec<u8>) -> bool {
        while let Some((family, write)) = FAMILIES.get(self.family) {
            if let Some(summary) = scrape.summaries.get(self.pool) {
                let context = PoolContext {
                    pool: scrape.snapshot.pool(PoolIndex(self.pool)),
                    summary,
                    now: scrape.now,
                };
                let head = family.head();
                let mut writer = FamilyWriter::resume(scrape.format, head, out, self.head_written);
                write(family, &context, &mut writer);
                self.head_written = writer.head_written();
                self.pool += 1;
                return true;
            }
            *self = Self {
                family: self.family + 1,
                ..Self::default()
            };
        }
        false
    }
}

/// One pool, as the families' functions see it.
struct PoolContext<'a> {
    pool: PoolView<'a>,
    summary: &'a Summary,
    now: Timestamp,
}

/// Writes a family's samples of one pool.
type Write = fn(&'static Family, &PoolContext<'_>, &mut FamilyWriter<'_>);

/// The families in the order of the exposition.
const FAMILIES: [(&Family, Write); 23] = [
    (&POOL_INFO, |family, context, out| {
        let name = context.pool.target.settings.name.as_deref();
        let labels = [context.id(), name.unwrap_or_default()];
        out.sample(family.labelled(labels), Number::whole(1));
    }),
    (&POOL_IDENTITIES, |family, context, out| {
        for (state, count) in State::ALL.into_iter().zip(context.summary.states) {
            let labels = [context.id(), state.as_str()];
            out.sample(family.labelled(labels), Number::whole(count));
        }
    }),
    (&POOL_WATCHED_IDENTITIES, |family, context, out| {
        let watched = Number::whole(context.summary.watched);
        context.sample(family, Some(watched), out);
    }),
    (&POOL_STALE_AFTER, |family, context, out| {
        let seconds = context.pool.target.stale_after.as_secs_f64();
        context.sample(family, Some(Number::real(seconds)), out);
    }),
    (&POOL_DATASET_STORAGE_LIMIT, |family, context, out| {
        context.limit(family, Limit::DatasetStorage, out);
    }),
    (&POOL_DATASET_RECORDS_LIMIT, |family, context, out| {
        context.limit(family, Limit::DatasetRecords, out);
    }),
    (&POOL_DATASETS_LIMIT, |family, context, out| {
        context.limit(family, Limit::Datasets, out);
    }),
    (&POOL_NEAR_LIMIT, |family, context, out| {
        let Summary {
            near_certain,
            near_possible,
            ..
        } = context.summary;
        let counts = near_certain.iter().zip(near_possible);
        for (limit, (certain, possible)) in Limit::ALL.into_iter().zip(counts) {
            for (certainty, count) in [("certain", certain), ("possible", possible)] {
                let labels = [context.id(), limit.as_str(), certainty];
                out.sample(family.labelled(labels), Number::whole(*count));
            }
        }
    }),
    (&POOL_FULL, |family, context, out| {
        context.by_limit(family, context.summary.full, out);
    }),
    (&POOL_FULL_ACTIVE, |family, context, out| {
        context.by_limit(family, context.summary.full_active, out);
    }),
    (&POOL_ABOVE_LIMIT, |family, context, out| {
        context.by_limit(family, context.summary.above, out);
    }),
    (&POOL_FULL_WITHIN, |family, context, out| {
        for ((window, _), count) in FULL_WITHIN.into_iter().zip(context.summary.full_within) {
            out.sample(
                family.labelled([context.id(), window]),
                Number::whole(count),
            );
        }
    }),
    (&POOL_WATCHED_STORAGE, |family, context, out| {
        let sum = context.summary.storage_bytes;
        context.sample(family, sum.map(Number::whole), out);
    }),
    (&POOL_WATCHED_DATASETS, |family, context, out| {
        let sum = context.summary.datasets;
        context.sample(family, sum.map(Number::whole), out);
    }),
    (&POOL_DATASET_STORAGE_USED, |family, context, out| {
        context.histogram(family, &context.summary.dataset_storage_used, out);
    }),
    (&POOL_DATASET_RECORDS_USED, |family, context, out| {
        context.histogram(family, &context.summary.dataset_records_used, out);
    }),
    (&POOL_DATASETS_USED, |family, context, out| {
        context.histogram(family, &context.summary.datasets_used, out);
    }),
    (&POOL_IDLE, |family, context, out| {
        context.histogram(family, &context.summary.idle, out);
    }),
    (&POOL_USAGE_AGE, |family, context, out| {
        context.histogram(family, &context.summary.usage_age, out);
    }),
    (&POOL_WITHOUT_SERIES, |family, context, out| {
        let records = context.pool.records;
        let hidden = records.len() - context.summary.selection.len(records);
        context.sample(family, Some(Number::whole(hidden as u64)), out);
    }),
    (&POOL_STORAGE, |family, context, out| {
        let bytes = context.usage().and_then(|usage| usage.storage_bytes);
        context.sample(family, bytes.map(Number::whole), out);
    }),
    (&POOL_SYNC_SESSIONS, |family, context, out| {
        let sessions = context.usage().and_then(|usage| usage.sync_sessions);
        context.sample(family, sessions.map(Number::whole), out);
    }),
    (&POOL_LAST_MODIFIED, |family, context, out| {
        let time = context.usage().and_then(|usage| usage.last_modified);
        context.sample(family, time.map(Number::real), out);
    }),
];

impl PoolContext<'_> {
    fn id(&self) -> &str {
        self.pool.target.id.as_str()
    }

    fn usage(&self) -> Option<&PoolUsage> {
        self.pool.usage(self.now.mono)
    }

    fn sample(&self, family: &'static Family, value: Option<Number>, out: &mut FamilyWriter<'_>) {
        if let Some(value) = value {
            out.sample(family.labelled([self.id()]), value);
        }
    }

    fn limit(&self, family: &'static Family, limit: Limit, out: &mut FamilyWriter<'_>) {
        let limit = limit.of(self.pool.target.settings.limits);
        self.sample(family, Some(Number::whole(limit)), out);
    }

    /// A sample for each limit.
    fn by_limit(
        &self,
        family: &'static Family,
        counts: [u64; Limit::ALL.len()],
        out: &mut FamilyWriter<'_>,
    ) {
        for (limit, count) in Limit::ALL.into_iter().zip(counts) {
            let labels = [self.id(), limit.as_str()];
            out.sample(family.labelled(labels), Number::whole(count));
        }
    }

    fn histogram<const N: usize>(
        &self,
        family: &'static Family,
        histogram: &GaugeHistogram<N>,
        out: &mut FamilyWriter<'_>,
    ) {
        out.histogram(family.labelled([self.id()]), &histogram.buckets());
    }
}
