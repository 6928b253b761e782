//! The best of many, and in which order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::job::{IdentityIndex, PoolIndex, Target};

/// Where an identity stands in an order: the greater, the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// What decides, and what decides of equals.
    pub(super) by: [u64; 2],
    /// Of identities that are equal in both, the first one of the configuration comes first.
    place: Reverse<(u32, u32)>,
}

impl Rank {
    pub(super) fn new(by: [u64; 2], (PoolIndex(pool), IdentityIndex(identity)): Place) -> Self {
        Self {
            by,
            place: Reverse((pool as u32, identity as u32)),
        }
    }

    pub(super) fn place(&self) -> Place {
        let Reverse((pool, identity)) = self.place;
        (PoolIndex(pool as usize), IdentityIndex(identity as usize))
    }

    pub(super) fn target(&self) -> Target {
        let (pool, identity) = self.place();
        Target::Identity { pool, identity }
    }
}

/// An identity by its pool and its position there.
pub(super) type Place = (PoolIndex, IdentityIndex);

/// A number from 0 on as an integer in the same order.
pub(super) fn ordered(number: f64) -> u64 {
    number.max(0.0).to_bits()
}

/// The number that [`ordered`] was called with.
pub(super) fn number(ordered: u64) -> f64 {
    f64::from_bits(ordered)
}

/// The best identities of those that are offered, at most so many.
#[derive(Debug)]
pub(super) struct Best {
    max: usize,
    /// Those found so far, the worst on top.
    heap: BinaryHeap<Reverse<Rank>>,
    /// What is worse than this by what decides is not among them.
    least: u64,
}

impl Best {
    /// At least one.
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            heap: BinaryHeap::new(),
            least: 0,
        }
    }

    /// Adds an identity if it is among the best so far. Nearly all are not, which takes one
    /// comparison.
    #[inline]
    pub(super) fn offer(&mut self, by: [u64; 2], place: Place) {
        if by[0] >= self.least {
            self.add(Rank::new(by, place));
        }
    }

    #[inline(never)]
    fn add(&mut self, rank: Rank) {
        if self.heap.len() < self.max {
            self.heap.push(Reverse(rank));
        } else if let Some(mut worst) = self.heap.peek_mut()
            && rank > worst.0
        {
            *worst = Reverse(rank);
        }
        if self.heap.len() == self.max
            && let Some(Reverse(worst)) = self.heap.peek()
        {
            self.least = worst.by[0];
        }
    }

    /// Who has less than this by what decides is not among the best.
    pub(super) fn least(&self) -> u64 {
        self.least
    }

    /// Takes those found, the best first.
    pub(super) fn take(&mut self) -> Vec<Rank> {
        let ranks = std::mem::take(&mut self.heap).into_sorted_vec().into_iter();
        ranks.map(|Reverse(rank)| rank).collect()
    }
}

/// Chooses the rows of a table from the best identities of each pool, each with the best first.
///
/// Those that `come_first` do so in rounds: the best one of each pool, then the second of each, and
/// so on, until there are `top`. Every pool that has any has a row, even beyond `top`, so that a
/// crowd in one pool hides no other. Rows that are left have the best of the others. The rows are
/// returned with the best first.
pub(super) fn choose(
    of_each: Vec<Vec<Rank>>,
    top: usize,
    come_first: impl Fn(&Rank) -> bool,
) -> Vec<Rank> {
    let mut pools_with_any = 0;
    let mut rows = Vec::new();
    for of_pool in of_each {
        pools_with_any += usize::from(of_pool.first().is_some_and(&come_first));
        let rounds = of_pool.into_iter().enumerate();
        rows.extend(rounds.map(|(round, rank)| {
            let round = if come_first(&rank) { round } else { usize::MAX };
            (round, Reverse(rank))
        }));
    }
    rows.sort_unstable();
    rows.truncate(top.max(pools_with_any));
    let mut chosen: Vec<_> = rows.into_iter().map(|(_, Reverse(rank))| rank).collect();
    chosen.sort_unstable_by_key(|rank| Reverse(*rank));
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The best of identities of one pool by these numbers: their positions.
    fn best(max: usize, offered: &[[u64; 2]]) -> Vec<usize> {
        let mut best = Best::new(max);
        for (identity, by) in offered.iter().enumerate() {
            best.offer(*by, (PoolIndex(0), IdentityIndex(identity)));
        }
        let found = best.take().into_iter();
        found.map(|rank| rank.place().1.0).collect()
    }

    #[test]
    fn the_best_of_many_whatever_their_order() {
        let offered = [[3, 0], [9, 1], [5, 0], [9, 2], [9, 1], [0, 7]];
        assert_eq!(best(3, &offered), [3, 1, 4]);
        assert_eq!(best(1, &offered), [3]);
        assert_eq!(best(9, &offered), [3, 1, 4, 2, 0, 5]);
        let ascending: Vec<_> = (0..1_000).map(|number| [number, 0]).collect();
        assert_eq!(best(2, &ascending), [999, 998]);
    }

    #[test]
    fn numbers_keep_their_order() {
        let numbers = [0.0, 1e-9, 0.5, 1.0, 1.5, 1_795_000_000.25];
        let ordered = numbers.map(ordered);
        assert!(ordered.is_sorted());
        assert_eq!(ordered.map(number), numbers);
        assert_eq!(super::ordered(-1.0), 0);
    }

    /// The rows of a table of pools whose identities use so much of a limit, in percent: those from
    /// 80 on come first. As pool and percentage.
    fn chosen(pools: &[&[u64]], top: usize) -> Vec<(usize, u64)> {
        let of_pool = |(pool, used): (usize, &&[u64])| {
            let mut best = Best::new(top);
            for (identity, used) in used.iter().enumerate() {
                best.offer([*used, 0], (PoolIndex(pool), IdentityIndex(identity)));
            }
            best.take()
        };
        let of_each = pools.iter().enumerate().map(of_pool).collect();
        let rows = choose(of_each, top, |rank| rank.by[0] >= 80);
        rows.iter()
            .map(|rank| (rank.place().0.0, rank.by[0]))
            .collect()
    }

    #[test]
    fn a_pool_in_trouble_has_a_row_however_many_are_full_elsewhere() {
        let (full, legacy) = ([100; 500], [96; 13]);
        let rows = chosen(&[&full, &full, &legacy], 20);
        let of = |pool| rows.iter().filter(|row| row.0 == pool).count();
        assert_eq!((rows.len(), of(0), of(1), of(2)), (20, 7, 7, 6));
        assert!(rows.is_sorted_by_key(|row| Reverse(row.1)));
    }

    #[test]
    fn each_pool_in_trouble_has_a_row_beyond_the_top() {
        assert_eq!(
            chosen(&[&[81, 99], &[80], &[79], &[100]], 2),
            [(3, 100), (0, 99), (1, 80)]
        );
    }

    #[test]
    fn rows_that_are_left_have_the_fullest_others() {
        assert_eq!(
            chosen(&[&[10, 85], &[70, 60, 50], &[], &[65]], 4),
            [(0, 85), (1, 70), (3, 65), (1, 60)]
        );
        assert_eq!(chosen(&[&[], &[]], 4), []);
        assert_eq!(chosen(&[&[1, 2]], 4), [(0, 2), (0, 1)]);
    }

    #[test]
    fn a_last_round_that_is_cut_has_the_best() {
        assert_eq!(
            chosen(&[&[99, 82], &[98, 97], &[90, 81]], 4),
            [(0, 99), (1, 98), (1, 97), (2, 90)]
        );
    }
}
