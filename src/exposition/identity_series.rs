//! One series for each identity.

use super::families::{
    Family, IDENTITY_AGE, IDENTITY_DATASETS, IDENTITY_INFO, IDENTITY_LAST_MODIFIED,
    IDENTITY_LAST_SUCCESS, IDENTITY_STORAGE, IDENTITY_UP,
};
use super::selection::Selection;
use super::text::{FamilyWriter, Format};
use crate::clock::Moment;
use crate::deflate::{self, Number, thousandths};
use crate::store::{PoolView, Record};
use crate::targets::Identities;

/// A family that has one line for nearly every identity.
#[derive(Clone, Copy, Debug)]
pub(super) enum Column {
    Datasets,
    Storage,
    LastModified,
    Age,
    Up,
    LastSuccess,
}

impl Column {
    pub(super) const ALL: [Self; 6] = [
        Self::Datasets,
        Self::Storage,
        Self::LastModified,
        Self::Age,
        Self::Up,
        Self::LastSuccess,
    ];

    pub(super) fn family(self) -> &'static Family {
        match self {
            Self::Datasets => &IDENTITY_DATASETS,
            Self::Storage => &IDENTITY_STORAGE,
            Self::LastModified => &IDENTITY_LAST_MODIFIED,
            Self::Age => &IDENTITY_AGE,
            Self::Up => &IDENTITY_UP,
            Self::LastSuccess => &IDENTITY_LAST_SUCCESS,
        }
    }

    /// How each line of a pool begins: up to where identities differ.
    pub(super) fn prefix(self, pool: &PoolView<'_>) -> Vec<u8> {
        let [pool_label, identity_label] = self.family().labels else {
            unreachable!("two labels make an identity")
        };
        let (name, id, region) = (self.family().name, &pool.target.id, pool.target.id.region());
        // Ids have nothing that would have to be escaped.
        format!("{name}{{{pool_label}=\"{id}\",{identity_label}=\"{region}:").into_bytes()
    }
}

/// Where the lines go.
pub(super) trait Lines {
    /// Whole lines of any kind.
    fn text(&mut self, text: &[u8]);
    /// How lines begin from here on.
    fn prefix(&mut self, prefix: &[u8]);
    /// A line: prefix, id, `"} `, value.
    fn line(&mut self, identities: &Identities, index: usize, value: Number);
}

/// Lines as text.
#[derive(Debug)]
pub(super) struct TextLines {
    pub(super) out: Vec<u8>,
    /// Followed by room: a copy of a known length is a few instructions, one of any length is a
    /// call.
    prefix: [u8; LONGEST_PREFIX],
    prefix_len: usize,
}

/// A name of 51 characters, two labels, a pool's id of 55 and a region of 54 make 194.
const LONGEST_PREFIX: usize = 256;

impl Default for TextLines {
    fn default() -> Self {
        Self {
            out: Vec::new(),
            prefix: [0; LONGEST_PREFIX],
            prefix_len: 0,
        }
    }
}

impl Lines for TextLines {
    fn text(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    fn prefix(&mut self, prefix: &[u8]) {
        self.prefix[..prefix.len()].copy_from_slice(prefix);
        self.prefix_len = prefix.len();
    }

    #[inline]
    fn line(&mut self, identities: &Identities, index: usize, value: Number) {
        // More than is needed each time, and what is too much cut off again.
        let (near, far) = self.prefix.split_at(LONGEST_PREFIX / 2);
        let id_at = self.out.len() + self.prefix_len;
        push::<{ LONGEST_PREFIX / 2 }>(&mut self.out, near);
        if self.prefix_len > LONGEST_PREFIX / 2 {
            push::<{ LONGEST_PREFIX / 2 }>(&mut self.out, far);
        }
        self.out.truncate(id_at);
        let (id, id_len) = identities.hex_with_room(index);
        self.out.extend_from_slice(id);
        self.out.truncate(id_at + id_len);
        self.out.extend_from_slice(b"\"} ");
        value.write(&mut self.out);
        self.out.push(b'\n');
    }
}

/// Copies `N` bytes, which `from` must have.
#[inline]
fn push<const N: usize>(out: &mut Vec<u8>, from: &[u8]) {
    let from: &[u8; N] = from.first_chunk().expect("there are as many");
    out.extend_from_slice(from);
}

impl Lines for deflate::Lines {
    fn text(&mut self, text: &[u8]) {
        self.text(text);
    }

    fn prefix(&mut self, prefix: &[u8]) {
        self.prefix(prefix);
    }

    #[inline]
    fn line(&mut self, identities: &Identities, index: usize, value: Number) {
        self.line(identities.precoded(index), || identities.hex(index), value);
    }
}

/// Some of a pool's identities.
pub(super) struct Part<'a> {
    pub(super) pool: PoolView<'a>,
    pub(super) selection: &'a Selection,
    /// The how-manieth chunk of those selected, from 0 on.
    pub(super) chunk: usize,
    pub(super) now: Moment,
    pub(super) format: Format,
}

/// Writes a column's lines of some identities, ahead of the first one the family's head unless it
/// has `begun`. Says whether there were such identities.
pub(super) fn write<L: Lines>(
    column: Column,
    part: &Part<'_>,
    begun: &mut bool,
    lines: &mut L,
) -> bool {
    let now = part.now;
    let oldest = part.pool.oldest_shown(now.mono);
    let current = |record: &Record| record.usage(oldest).copied();
    let now_thousandths = thousandths(now.unix);
    if part.chunk == 0 {
        lines.prefix(&column.prefix(&part.pool));
    }
    let mut out = Out {
        column,
        part,
        begun,
        lines,
    };
    // One loop for each column, so that none of them asks at each line which it is.
    match column {
        Column::Datasets => {
            out.each(|record| Some(Number::whole(current(record)?.datasets?.into())))
        }
        Column::Storage => out.each(|record| Some(Number::whole(current(record)?.storage_bytes?))),
        Column::LastModified => {
            out.each(|record| Some(Number::real(current(record)?.last_modified?)))
        }
        Column::Age => out.each(|record| {
            let then = current(record)?.last_modified?;
            Some(match (now_thousandths, thousandths(then)) {
                // Exact, which the difference of the two would not be.
                (Some(now), Some(then)) => Number::of_thousandths(now.saturating_sub(then)),
                _ => Number::real((now.unix - then).max(0.0)),
            })
        }),
        Column::Up => out.each(|record| Some(Number::whole(record.up()?.into()))),
        Column::LastSuccess => out.each(|record| Some(Number::real(record.last_success()?))),
    }
}

struct Out<'a, L> {
    column: Column,
    part: &'a Part<'a>,
    begun: &'a mut bool,
    lines: &'a mut L,
}

impl<L: Lines> Out<'_, L> {
    #[inline]
    fn each(&mut self, value: impl Fn(&Record) -> Option<Number>) -> bool {
        let Part {
            pool,
            selection,
            chunk,
            ..
        } = self.part;
        let identities = &pool.target.identities;
        selection.chunk(pool.records, *chunk, &mut |index, record| {
            let Some(value) = value(record) else { return };
            if !*self.begun {
                self.begin();
            }
            self.lines.line(identities, index, value);
        })
    }

    #[cold]
    fn begin(&mut self) {
        let mut head = Vec::new();
        self.part
            .format
            .head(self.column.family().head(), &mut head);
        self.lines.text(&head);
        *self.begun = true;
    }
}

/// Writes the names of some identities. Says whether there were such identities.
pub(super) fn write_names(part: &Part<'_>, out: &mut FamilyWriter<'_>) -> bool {
    let Part {
        pool,
        selection,
        chunk,
        ..
    } = part;
    let identities = &pool.target.identities;
    identities.any_named()
        && selection.chunk(pool.records, *chunk, &mut |index, _| {
            if let Some(name) = identities.name(index) {
                let labels = [pool.target.id.as_str(), identities.id(index).as_str(), name];
                out.sample(IDENTITY_INFO.labelled(labels), Number::whole(1));
            }
        })
}
