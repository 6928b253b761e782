//! The identities of a pool that have series of their own.

use std::ops::Range;
use std::slice;

use crate::job::IdentityIndex;
use crate::limits::Listing;
use crate::store::{CHUNK, PoolView, Record, Records};

/// The identities with series of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    All,
    /// The identities at these positions, in ascending order.
    Some(Vec<u32>),
}

/// Consecutive identities of a pool.
#[derive(Clone, Copy)]
pub(super) struct Run<'s> {
    /// The position of the first.
    pub(super) start: usize,
    pub(super) records: &'s [Record],
    pub(super) listings: &'s [Listing],
}

impl Run<'_> {
    pub(super) fn positions(self) -> Range<usize> {
        self.start..self.start + self.records.len()
    }
}

impl Selection {
    /// The number of identities with series.
    pub(super) fn len(&self, records: &Records) -> usize {
        match self {
            Self::All => records.len(),
            Self::Some(some) => some.len(),
        }
    }

    /// The number of chunks for [`Selection::runs`].
    pub(super) fn chunks(&self, records: &Records) -> usize {
        self.len(records).div_ceil(CHUNK)
    }

    /// Visits the selected identities of a chunk, in runs of consecutive ones. No run extends
    /// beyond a chunk of the records.
    #[inline]
    pub(super) fn runs(&self, pool: &PoolView<'_>, chunk: usize, mut visit: impl FnMut(Run<'_>)) {
        let PoolView {
            records, listings, ..
        } = pool;
        match self {
            Self::All => visit(Run {
                start: chunk * CHUNK,
                records: records.chunk(chunk),
                listings: listings.chunk(chunk),
            }),
            Self::Some(some) => {
                for index in some.iter().skip(chunk * CHUNK).take(CHUNK) {
                    let index = IdentityIndex(*index as usize);
                    visit(Run {
                        start: index.0,
                        records: slice::from_ref(&records[index]),
                        listings: slice::from_ref(&listings[index]),
                    });
                }
            }
        }
    }
}
