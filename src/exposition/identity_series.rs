//! The section of families with one series for each identity.

use super::families::Family;
use super::identity_family::IdentityFamily;
use super::lines::{LineWriter, TextLines};
use super::number::{Number, thousandths};
use super::scrape::{Chunk, Cursor, Scrape};
use super::section::Section;
use super::selection::Run;
use super::summary::Summary;
use crate::limits::Listing;
use crate::store::{PoolView, Record};
use crate::targets;

/// All families of [`IdentityFamily`], one after the other.
#[derive(Debug, Default)]
pub(super) struct IdentitySeries {
    position: Position,
    /// The writer of text.
    text: TextLines,
}

#[derive(Debug, Default)]
struct Position {
    family: usize,
    cursor: Cursor,
    head_written: bool,
}

impl Section for IdentitySeries {
    fn next(&mut self, scrape: &Scrape, out: &mut Vec<u8>) -> bool {
        // The writer owns the buffer meanwhile: the inner loops are faster without a reference to
        // it.
        self.text.out = std::mem::take(out);
        let more = self.position.write(scrape, &mut self.text);
        *out = std::mem::take(&mut self.text.out);
        more
    }

    fn next_gzip(&mut self, scrape: &Scrape, lines: &mut deflate::Lines) -> Option<bool> {
        Some(self.position.write(scrape, lines))
    }

    fn gzip_lines(&self, scrape: &Scrape) -> usize {
        let pools = scrape.snapshot.pools().zip(&*scrape.summaries);
        let of_pool = |(pool, summary): (PoolView<'_>, &Summary)| -> usize {
            let with_series = summary.selection.len(pool.records);
            let listed = with_series.min(summary.listed);
            let lines = |family: IdentityFamily| match family.is_listed() {
                true => listed,
                false => with_series,
            };
            let families = IdentityFamily::of(&pool.target.settings);
            families.map(lines).sum()
        };
        pools.map(of_pool).sum()
    }
}

impl Position {
    /// Writes the next chunk of a family; false when there is none left.
    fn write<L: LineWriter>(&mut self, scrape: &Scrape, lines: &mut L) -> bool {
        while let Some(family) = IdentityFamily::ALL.get(self.family) {
            let has_family = |pool: &targets::Pool| family.is_of(&pool.settings);
            if let Some(chunk) = self.cursor.next(scrape, has_family) {
                write(*family, &chunk, &mut self.head_written, lines);
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

/// Writes a family's lines of some identities, and the family's head before the first line of all.
fn write<L: LineWriter>(
    family: IdentityFamily,
    chunk: &Chunk<'_>,
    head_written: &mut bool,
    lines: &mut L,
) {
    let now = chunk.scrape.now;
    let oldest = chunk.pool.oldest_shown(now.mono);
    let current = |record: &Record| record.usage(oldest).copied();
    let now_thousandths = thousandths(now.unix);
    if chunk.number == 0 {
        lines.prefix(&prefix(family.family(), &chunk.pool));
    }
    let mut out = Out {
        family,
        chunk,
        head_written,
        lines,
    };
    // One loop for each family, so that the match is not repeated for each line.
    match family {
        IdentityFamily::Datasets => {
            out.each(|record, _| Some(Number::whole(current(record)?.datasets?.into())));
        }
        IdentityFamily::Storage => {
            out.each(|record, _| Some(Number::whole(current(record)?.storage_bytes?)));
        }
        IdentityFamily::LastModified => {
            out.each(|record, _| Some(Number::real(current(record)?.last_modified?)));
        }
        IdentityFamily::Age => out.each(|record, _| {
            let then = current(record)?.last_modified?;
            Some(match (now_thousandths, thousandths(then)) {
                // Exact, unlike the difference of the floating-point numbers.
                (Some(now), Some(then)) => Number::of_thousandths(now.saturating_sub(then)),
                _ => Number::real((now.unix - then).max(0.0)),
            })
        }),
        IdentityFamily::Up => out.each(|record, _| Some(Number::whole(record.up()?.into()))),
        IdentityFamily::LastSuccess => {
            out.each(|record, _| Some(Number::real(record.last_success()?)));
        }
        IdentityFamily::LargestStorage => out.each(|record, listing| {
            let bytes = listing.exact_storage()?;
            current(record).map(|_| Number::whole(bytes))
        }),
        IdentityFamily::LargestRecords => out.each(|record, listing| {
            let records = listing.exact_records()?;
            current(record).map(|_| Number::whole(records))
        }),
    }
}

struct Out<'a, L> {
    family: IdentityFamily,
    chunk: &'a Chunk<'a>,
    head_written: &'a mut bool,
    lines: &'a mut L,
}

impl<L: LineWriter> Out<'_, L> {
    #[inline]
    fn each(&mut self, value: impl Fn(&Record, Listing) -> Option<Number>) {
        let chunk = self.chunk;
        chunk.runs(
            |Run {
                 start,
                 records,
                 listings,
             }| {
                let ids = chunk.ids(start, L::ENCODED);
                for (offset, (record, listing)) in records.iter().zip(listings).enumerate() {
                    let Some(value) = value(record, *listing) else {
                        continue;
                    };
                    if !*self.head_written {
                        self.write_head();
                    }
                    self.lines.line(ids, offset, value);
                }
            },
        );
    }

    #[cold]
    fn write_head(&mut self) {
        let mut head = Vec::new();
        let format = self.chunk.scrape.format;
        format.head(self.family.family().head(), &mut head);
        self.lines.text(&head);
        *self.head_written = true;
    }
}

/// The beginning of a pool's lines, up to the part of the id that differs.
fn prefix(family: &Family, pool: &PoolView<'_>) -> Vec<u8> {
    let [pool_label, identity_label] = family.labels else {
        unreachable!("checked when the longest prefix is computed")
    };
    let (name, id, region) = (family.name, &pool.target.id, pool.target.id.region());
    // An id has no character that needs escaping.
    format!("{name}{{{pool_label}=\"{id}\",{identity_label}=\"{region}:").into_bytes()
}
