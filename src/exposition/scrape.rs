//! One scrape: what is written, in which order, and how far it has come.

use std::sync::Arc;

use super::families::IDENTITY_INFO;
use super::identity_series::{self, Column, Lines, Part};
use super::pool_series::{self, Told};
use super::summary::Summary;
use super::text::{FamilyWriter, Format};
use crate::clock::Moment;
use crate::job::PoolIndex;
use crate::store::Snapshot;

/// One scrape: everything as it was at one moment, to be written a part at a time. A clone writes
/// the same again.
#[derive(Clone, Debug)]
pub struct Scrape {
    snapshot: Snapshot,
    now: Moment,
    format: Format,
    /// One for each pool.
    summaries: Arc<[Summary]>,
    /// The exporter's own metrics, written already.
    own: Arc<[u8]>,
    /// What is to be written next.
    next: Place,
}

/// A family, a pool of it, a chunk of that; and whether the family's head is written.
#[derive(Clone, Debug, Default)]
struct Place {
    family: usize,
    pool: usize,
    chunk: usize,
    begun: bool,
}

impl Place {
    fn advance(&mut self, was_chunk: bool) {
        if was_chunk {
            self.chunk += 1;
        } else {
            (self.pool, self.chunk) = (self.pool + 1, 0);
        }
    }

    fn next_family(&mut self) {
        *self = Self {
            family: self.family + 1,
            ..Self::default()
        };
    }
}

impl Scrape {
    pub(super) fn new(
        snapshot: Snapshot,
        now: Moment,
        format: Format,
        summaries: Arc<[Summary]>,
        own: Arc<[u8]>,
    ) -> Self {
        Self {
            snapshot,
            now,
            format,
            summaries,
            own,
            next: Place::default(),
        }
    }

    /// About how many lines [`Scrape::lines`] will write; never fewer than it does.
    pub(super) fn expected_lines(&self) -> usize {
        let pools = self.snapshot.pools().zip(&*self.summaries);
        Column::ALL.len()
            * pools
                .map(|(pool, summary)| summary.selection.len(pool.records))
                .sum::<usize>()
    }

    /// Writes the next few identities' lines; says whether there are any left.
    pub(super) fn lines<L: Lines>(&mut self, lines: &mut L) -> bool {
        let Some(column) = Column::ALL.get(self.next.family) else {
            return false;
        };
        match self.part() {
            Some(part) => {
                let mut begun = self.next.begun;
                let was_chunk = identity_series::write(*column, &part, &mut begun, lines);
                self.next.begun = begun;
                self.next.advance(was_chunk);
            }
            None => self.next.next_family(),
        }
        true
    }

    /// Writes the next few lines of what comes after the identities' lines; says whether there are
    /// any left.
    pub(super) fn rest(&mut self, out: &mut Vec<u8>) -> bool {
        let number = self.next.family - Column::ALL.len();
        if number > pool_series::FAMILIES.len() {
            out.extend_from_slice(&self.own);
            out.extend_from_slice(self.format.end().as_bytes());
            return false;
        }
        let Some(part) = self.part() else {
            self.next.next_family();
            return true;
        };
        // Names come first, and they alone have a line for each identity.
        let of_pools = number
            .checked_sub(1)
            .map(|number| pool_series::FAMILIES[number]);
        let family = of_pools.map_or(&IDENTITY_INFO, |(family, _)| family);
        let mut writer = FamilyWriter::new(self.format, family.head(), out);
        writer.begun = self.next.begun;
        let was_chunk = match of_pools {
            Some((family, write)) => {
                let summary = &self.summaries[self.next.pool];
                write(
                    family,
                    &Told {
                        pool: part.pool,
                        summary,
                        now: self.now,
                    },
                    &mut writer,
                );
                false
            }
            None => identity_series::write_names(&part, &mut writer),
        };
        self.next.begun = writer.begun;
        self.next.advance(was_chunk);
        true
    }

    /// The identities whose turn it is, unless all pools have had theirs.
    fn part(&self) -> Option<Part<'_>> {
        let summary = self.summaries.get(self.next.pool)?;
        Some(Part {
            pool: self.snapshot.pool(PoolIndex(self.next.pool)),
            selection: &summary.selection,
            chunk: self.next.chunk,
            now: self.now,
            format: self.format,
        })
    }
}
