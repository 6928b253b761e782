//! Which identities of a pool get series of their own.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::store::{CHUNK, Record, Records};

/// The identities with series of their own, by position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    All,
    /// These, in order.
    Some(Vec<u32>),
}

impl Selection {
    /// How many they are.
    pub(super) fn len(&self, records: &Records) -> usize {
        match self {
            Self::All => records.len(),
            Self::Some(some) => some.len(),
        }
    }

    /// Visits one chunk of the selected, from 0 on. Says whether there was such a chunk.
    #[inline]
    pub(super) fn chunk(
        &self,
        records: &Records,
        chunk: usize,
        visit: &mut impl FnMut(usize, &Record),
    ) -> bool {
        match self {
            Self::All => {
                let (start, records) = (chunk * CHUNK, records.chunk(chunk));
                records
                    .iter()
                    .enumerate()
                    .for_each(|(index, record)| visit(start + index, record));
                !records.is_empty()
            }
            Self::Some(some) => {
                let some = some.chunks(CHUNK).nth(chunk).unwrap_or_default();
                some.iter()
                    .for_each(|index| visit(*index as usize, &records[*index as usize]));
                !some.is_empty()
            }
        }
    }
}

/// How much nearer a limit an identity without series must be than one with, to take its place, in
/// parts of the limit. Without it, two that are equally near would take turns, and each turn is a
/// new series in Prometheus.
const LEAD: f64 = 0.02;

/// The identities nearest a limit, while they are being looked for.
pub(super) struct Nearest<'a> {
    most: usize,
    /// The worst of them on top.
    heap: BinaryHeap<Reverse<(Part, Reverse<u32>)>>,
    /// Those that had series before, in order.
    before: &'a [u32],
}

/// A part of a limit, in its total order.
#[derive(Clone, Copy, PartialEq)]
struct Part(f64);

impl Eq for Part {}

impl Ord for Part {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Part {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<'a> Nearest<'a> {
    /// At most `most`; those who were chosen `before` have a lead, which keeps series from coming
    /// and going at the edge.
    pub(super) fn new(most: usize, before: &'a [u32]) -> Self {
        Self {
            most,
            heap: BinaryHeap::new(),
            before,
        }
    }

    /// One more, in order, and which part of its limit it uses; `None` when nothing current is
    /// known of it.
    pub(super) fn offer(&mut self, index: usize, used: Option<f64>) {
        let index = index as u32;
        while self.before.first().is_some_and(|before| *before < index) {
            self.before = &self.before[1..];
        }
        let lead = if self.before.first() == Some(&index) {
            LEAD
        } else {
            0.0
        };
        // Whoever is unknown comes behind all others.
        let offered = Reverse((Part(used.map_or(-1.0, |used| used + lead)), Reverse(index)));
        if self.heap.len() < self.most {
            self.heap.push(offered);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && offered < *worst
        {
            *worst = offered;
        }
    }

    /// The nearest, in order.
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

    fn nearest(most: usize, before: &[u32], used: &[f64]) -> Vec<u32> {
        let mut nearest = Nearest::new(most, before);
        for (index, used) in used.iter().enumerate() {
            nearest.offer(index, Some(*used).filter(|used| !used.is_nan()));
        }
        nearest.chosen()
    }

    #[test]
    fn the_largest_parts_and_the_first_among_equals() {
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
            "whoever is stale has no lead"
        );
        // Two that pass each other by a little at each turn: nothing comes or goes.
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
