//! Everything that one scrape shows, and a cursor over its identities.

use std::sync::Arc;

use super::encoded_ids::EncodedIds;
use super::lines::Ids;
use super::selection::{Run, Selection};
use super::summary::Summary;
use super::text::Format;
use crate::clock::Timestamp;
use crate::job::PoolIndex;
use crate::store::{PoolView, Snapshot};
use crate::targets;

/// One scrape: everything as it was at one moment, and the format it is written in.
#[derive(Clone, Debug)]
pub struct Scrape {
    /// It may be shared with scrapes before, so it may be older than `now`.
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) now: Timestamp,
    pub(super) format: Format,
    /// One for each pool.
    pub(super) summaries: Arc<[Summary]>,
    pub(super) encoded_ids: Arc<EncodedIds>,
    /// The exporter's own metrics as text.
    pub(super) own: Arc<[u8]>,
}

/// A position among the identities with series, of all pools.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    pool: usize,
    chunk: usize,
}

impl Cursor {
    /// The chunk at this position, or the first one of a later pool, of the pools that are
    /// `wanted`. Moves past it.
    pub(super) fn next<'s>(
        &mut self,
        scrape: &'s Scrape,
        wanted: impl Fn(&targets::Pool) -> bool,
    ) -> Option<Chunk<'s>> {
        loop {
            let Summary { selection, .. } = scrape.summaries.get(self.pool)?;
            let pool_index = PoolIndex(self.pool);
            let pool = scrape.snapshot.pool(pool_index);
            if self.chunk < selection.chunks(pool.records) && wanted(pool.target) {
                let chunk = Chunk {
                    scrape,
                    pool,
                    pool_index,
                    selection,
                    number: self.chunk,
                };
                self.chunk += 1;
                return Some(chunk);
            }
            *self = Self {
                pool: self.pool + 1,
                chunk: 0,
            };
        }
    }
}

/// Some of a pool's identities with series.
pub(super) struct Chunk<'s> {
    pub(super) scrape: &'s Scrape,
    pub(super) pool: PoolView<'s>,
    pool_index: PoolIndex,
    selection: &'s Selection,
    /// Counted within the pool, from 0 on.
    pub(super) number: usize,
}

impl Chunk<'_> {
    /// Visits the identities in runs of consecutive ones.
    #[inline]
    pub(super) fn runs(&self, visit: impl FnMut(Run<'_>)) {
        self.selection.runs(&self.pool, self.number, visit);
    }

    /// The ids of a run, with their gzip bits if `encoded` says so.
    #[inline]
    pub(super) fn ids(&self, start: usize, encoded: bool) -> Ids<'_> {
        Ids {
            identities: &self.pool.target.identities,
            start,
            encoded: if encoded {
                self.scrape.encoded_ids.starting_at(self.pool_index, start)
            } else {
                &[]
            },
        }
    }
}
