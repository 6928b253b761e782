//! The identities of a pool nearest a limit.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::api::Usage;
use crate::limits::Standing;

/// An identity with series is replaced only by one that is nearer its limit by more than this
/// fraction of the limit. Otherwise two that are equally near would alternate, and each change is a
/// new series in Prometheus.
const HYSTERESIS: f64 = 0.02;

/// A search for the identities nearest a limit, by what they use of it for certain. Of two that are
/// equally near, the one that was modified later comes first.
pub(super) struct Nearest<'a> {
    max: usize,
    /// Those found so far, the farthest from its limit on top.
    heap: BinaryHeap<Reverse<Rank>>,
    /// The positions of those that had series before and are not offered yet, in ascending order.
    before: &'a [u32],
}

/// How near its limit an identity is.
#[derive(Clone, Copy)]
pub(super) struct Nearness {
    /// The fraction of the limit that is used; 0 if nothing is known.
    used: f64,
    /// In seconds since 1970.
    last_modified: Option<f64>,
}

impl Nearness {
    pub(super) fn of(usage: &Usage, standing: &Standing) -> Self {
        Self {
            used: standing.nearest().map_or(0.0, |(_, used)| used),
            last_modified: usage.last_modified,
        }
    }
}

/// The greater, the nearer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    used: Total,
    last_modified: Total,
    position: Reverse<u32>,
}

/// A number, totally ordered.
#[derive(Clone, Copy, PartialEq)]
struct Total(f64);

impl Eq for Total {}

impl Ord for Total {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Total {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
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

    /// Adds an identity, in ascending order of positions; `None` if there is no current usage,
    /// which ranks last.
    pub(super) fn offer(&mut self, index: usize, nearness: Option<Nearness>) {
        let index = index as u32;
        while self.before.first().is_some_and(|before| *before < index) {
            self.before = &self.before[1..];
        }
        let bonus = if self.before.first() == Some(&index) {
            HYSTERESIS
        } else {
            0.0
        };
        let last_modified = nearness.and_then(|nearness| nearness.last_modified);
        let offered = Reverse(Rank {
            used: Total(nearness.map_or(-1.0, |nearness| nearness.used + bonus)),
            last_modified: Total(last_modified.unwrap_or(f64::NEG_INFINITY)),
            position: Reverse(index),
        });
        if self.heap.len() < self.max {
            self.heap.push(offered);
        } else if let Some(mut farthest) = self.heap.peek_mut()
            && offered < *farthest
        {
            *farthest = offered;
        }
    }

    /// The positions of those found, in ascending order.
    pub(super) fn chosen(self) -> Vec<u32> {
        let ranks = self.heap.into_iter();
        let mut chosen: Vec<_> = ranks.map(|Reverse(rank)| rank.position.0).collect();
        chosen.sort_unstable();
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of identities that use these fractions; NaN stands for no current usage.
    fn chosen(max: usize, before: &[u32], used: &[f64]) -> Vec<u32> {
        let mut nearest = Nearest::new(max, before);
        for (index, used) in used.iter().enumerate() {
            let nearness = Nearness {
                used: *used,
                last_modified: None,
            };
            nearest.offer(index, Some(nearness).filter(|_| !used.is_nan()));
        }
        nearest.chosen()
    }

    #[test]
    fn the_largest_fractions_and_the_first_among_equals() {
        assert_eq!(chosen(2, &[], &[0.1, 0.9, 0.5, 0.9]), [1, 3]);
        assert_eq!(chosen(2, &[], &[0.5, 0.9, 0.5, 0.5]), [0, 1]);
        assert_eq!(chosen(2, &[], &[f64::NAN, f64::NAN, 0.0, f64::NAN]), [0, 2]);
        assert_eq!(chosen(0, &[], &[0.5]), [] as [u32; 0]);
        assert_eq!(chosen(9, &[], &[0.5]), [0]);
    }

    #[test]
    fn of_equals_those_modified_last() {
        let mut nearest = Nearest::new(2, &[]);
        for (index, last_modified) in [None, Some(5.0), Some(7.0), Some(6.0)].iter().enumerate() {
            let nearness = Nearness {
                used: 1.0,
                last_modified: *last_modified,
            };
            nearest.offer(index, Some(nearness));
        }
        assert_eq!(nearest.chosen(), [2, 3]);
    }

    #[test]
    fn a_place_is_lost_only_to_a_clear_lead() {
        assert_eq!(
            chosen(1, &[2], &[0.5, 0.515, 0.5]),
            [2],
            "at the edge, series stay"
        );
        assert_eq!(chosen(1, &[2], &[0.5, 0.53, 0.5]), [1], "a clear lead wins");
        assert_eq!(
            chosen(1, &[2], &[0.0, 0.0, f64::NAN]),
            [0],
            "a stale one is not preferred"
        );
        // Two that overtake each other by a little each time: no series comes or goes.
        let mut series = chosen(1, &[], &[0.50, 0.51]);
        for turn in 0..100 {
            let (a, b) = if turn % 2 == 0 {
                (0.51, 0.50)
            } else {
                (0.50, 0.51)
            };
            let next = chosen(1, &series, &[a, b]);
            assert_eq!(next, series);
            series = next;
        }
    }
}
