//! The identities of a pool that have series of their own.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::slice;

use crate::job::IdentityIndex;
use crate::store::{CHUNK, Record, Records};

/// The identities with series of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    All,
    /// The identities at these positions, in ascending order.
    Some(Vec<u32>),
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

    /// Visits the selected identities of a chunk, in runs of consecutive ones: the position of the
    /// first, and their records. No run extends beyond a chunk of the records.
    #[inline]
    pub(super) fn runs(
        &self,
        records: &Records,
        chunk: usize,
        mut visit: impl FnMut(usize, &[Record]),
    ) {
        match self {
            Self::All => visit(chunk * CHUNK, records.chunk(chunk)),
            Self::Some(some) => {
                for index in some.iter().skip(chunk * CHUNK).take(CHUNK) {
                    let index = *index as usize;
                    visit(index, slice::from_ref(&records[IdentityIndex(index)]));
                }
            }
        }
    }
}

/// An identity with series is replaced only by one that is nearer its limit by more than this
/// fraction of the limit. Otherwise two that are equally near would alternate, and each change is a
/// new series in Prometheus.
const HYSTERESIS: f64 = 0.02;

/// A search for the identities nearest a limit.
pub(super) struct Nearest<'a> {
    max: usize,
    /// Those found so far, the farthest from its limit on top.
    heap: BinaryHeap<Reverse<(Fraction, Reverse<u32>)>>,
    /// The positions of those that had series before and are not offered yet, in ascending order.
    before: &'a [u32],
}

/// A fraction of a limit, totally ordered.
#[derive(Clone, Copy, PartialEq)]
struct Fraction(f64);

impl Eq for Fraction {}

impl Ord for Fraction {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<'a> Nearest<'a> {
    /// A search for at most `max` identities. Those at the positions `before`, in ascending order,
    /// had series before and are preferred by [`HYSTERESIS`].
    pub(super) fn new(max: usize, before: &'a [u32]) -> Self {
        Self {
            max,
            heap: BinaryHeap::new(),
            before,
        }
    }

    /// Adds an identity, in ascending order of positions, with the fraction of its limit that it
    /// uses: `None` if there is no current usage, which ranks last.
    pub(super) fn offer(&mut self, index: usize, used: Option<f64>) {
        let index = index as u32;
        while self.before.first().is_some_and(|before| *before < index) {
            self.before = &self.before[1..];
        }
        let bonus = if self.before.first() == Some(&index) {
            HYSTERESIS
        } else {
            0.0
        };
        let offered = Reverse((
            Fraction(used.map_or(-1.0, |used| used + bonus)),
            Reverse(index),
        ));
        if self.heap.len() < self.max {
            self.heap.push(offered);
        } else if let Some(mut farthest) = self.heap.peek_mut()
            && offered < *farthest
        {
            *farthest = offered;
        }
    }

    /// The positions of the nearest, in ascending order.
    pub(super) fn chosen(self) -> Vec<u32> {
        let mut chosen: Vec<_> = self
            .heap
            .into_iter()
            .map(|Reverse((_, Reverse(index)))| index)
            .collect();
        chosen.sort_unstable();
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(max: usize, before: &[u32], used: &[f64]) -> Vec<u32> {
        let mut nearest = Nearest::new(max, before);
        for (index, used) in used.iter().enumerate() {
            nearest.offer(index, Some(*used).filter(|used| !used.is_nan()));
        }
        nearest.chosen()
    }

    #[test]
    fn the_largest_fractions_and_the_first_among_equals() {
        assert_eq!(nearest(2, &[], &[0.1, 0.9, 0.5, 0.9]), [1, 3]);
        assert_eq!(nearest(2, &[], &[0.5, 0.9, 0.5, 0.5]), [0, 1]);
        assert_eq!(
            nearest(2, &[], &[f64::NAN, f64::NAN, 0.0, f64::NAN]),
            [0, 2]
        );
        assert_eq!(nearest(0, &[], &[0.5]), [] as [u32; 0]);
        assert_eq!(nearest(9, &[], &[0.5]), [0]);
    }

    #[test]
    fn a_place_is_lost_only_to_a_clear_lead() {
        assert_eq!(
            nearest(1, &[2], &[0.5, 0.515, 0.5]),
            [2],
            "at the edge, series stay"
        );
        assert_eq!(
            nearest(1, &[2], &[0.5, 0.53, 0.5]),
            [1],
            "a clear lead wins"
        );
        assert_eq!(
            nearest(1, &[2], &[0.0, 0.0, f64::NAN]),
            [0],
            "a stale one is not preferred"
        );
        // Two that overtake each other by a little each time: no series comes or goes.
        let mut chosen = nearest(1, &[], &[0.50, 0.51]);
        for turn in 0..100 {
            let (a, b) = if turn % 2 == 0 {
                (0.51, 0.50)
            } else {
                (0.50, 0.51)
            };
            let next = nearest(1, &chosen, &[a, b]);
            assert_eq!(next, chosen);
            chosen = next;
        }
    }
}
