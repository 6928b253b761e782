//! How much of each limit an identity uses, in levels.

use super::{HALF_PERCENT, Limit, NEAR_PERCENT, Standing};
use crate::config::Limits;

/// How much of a limit an identity uses for certain, in ascending order. It is on one level of each
/// limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Less than [`HALF_PERCENT`], or nothing is known.
    Low,
    /// [`HALF_PERCENT`] or more.
    Half,
    /// [`NEAR_PERCENT`] or more.
    Near,
    /// [`Limit::full_percent`] or more: AWS refuses writes, or may refuse the next one.
    Full,
    /// More than the limit, so that AWS must have raised it.
    Above,
}

impl Level {
    /// Every level, in ascending order.
    pub const ALL: [Self; 5] = [Self::Low, Self::Half, Self::Near, Self::Full, Self::Above];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Half => "half",
            Self::Near => "near",
            Self::Full => "full",
            Self::Above => "above",
        }
    }
}

/// From which numbers on an identity reaches which [`Level`] of its limits, computed once for a
/// pass over many. Each has one number for each limit, in the order of [`Limit::ALL`].
#[derive(Clone, Copy, Debug)]
pub struct Thresholds {
    /// [`HALF_PERCENT`] of the limit.
    pub half: [u64; Limit::ALL.len()],
    /// [`NEAR_PERCENT`] of it.
    pub near: [u64; Limit::ALL.len()],
    /// [`Limit::full_percent`] of it.
    pub full: [u64; Limit::ALL.len()],
    /// The limit itself.
    pub limit: [u64; Limit::ALL.len()],
}

impl Thresholds {
    /// Those of these limits.
    #[must_use]
    pub fn of(limits: Limits) -> Self {
        let level = |percent: u64, limit: Limit| {
            let level = (u128::from(percent) * u128::from(limit.of(limits))).div_ceil(100);
            u64::try_from(level).expect("100 % of a limit or less is no more than the limit")
        };
        Self {
            half: Limit::ALL.map(|limit| level(HALF_PERCENT, limit)),
            near: Limit::ALL.map(|limit| level(NEAR_PERCENT, limit)),
            full: Limit::ALL.map(|limit| level(limit.full_percent(), limit)),
            limit: Limit::ALL.map(|limit| limit.of(limits)),
        }
    }

    /// The level of each limit, in the order of [`Limit::ALL`].
    #[inline]
    #[must_use]
    pub fn levels(&self, standing: &Standing) -> [Level; Limit::ALL.len()] {
        let at_least = standing.at_least();
        std::array::from_fn(|index| {
            let used = at_least[index];
            // Added up, because branches on what identities use are unpredictable.
            let reached = [
                used >= self.half[index],
                used >= self.near[index],
                used >= self.full[index],
                used > self.limit[index],
            ];
            Level::ALL[reached.map(usize::from).into_iter().sum::<usize>()]
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::testing::{LIMITS, listed, usage};
    use super::super::{Bounds, Certainty, Listing};
    use super::*;
    use crate::api::Usage;

    #[test]
    fn thresholds_are_the_least_numbers_that_reach_a_level() {
        let limits = Limits {
            dataset_storage_bytes: u64::MAX,
            ..LIMITS
        };
        for limits in [limits, LIMITS, Limits::default()] {
            let thresholds = Thresholds::of(limits);
            for (index, limit) in Limit::ALL.into_iter().enumerate() {
                for (level, percent) in [
                    (thresholds.half[index], HALF_PERCENT),
                    (thresholds.near[index], NEAR_PERCENT),
                    (thresholds.full[index], limit.full_percent()),
                ] {
                    let reaches =
                        |number| Bounds::exactly(number).reaches(percent, limit.of(limits));
                    assert_eq!(reaches(level), Certainty::Certain);
                    assert_eq!(reaches(level - 1), Certainty::Impossible);
                }
                assert_eq!(thresholds.limit[index], limit.of(limits));
            }
        }
    }

    #[test]
    fn levels_are_those_of_each_limit() {
        let thresholds = Thresholds::of(LIMITS);
        let mut seen = [const { BTreeSet::new() }; Limit::ALL.len()];
        let records = [None, Some(50), Some(80), Some(99), Some(101)];
        for listing in records.map(|it| it.map_or(Listing::default(), |it| listed(&[(9, it)]))) {
            for storage_bytes in [0, 1, 499, 500, 799, 800, 989, 990, 1_000, 1_001] {
                for datasets in [0, 1, 2, 9, 10, 16, 20, 21] {
                    let usage = usage(datasets, storage_bytes);
                    let standing = Standing::of(&usage, listing, LIMITS);
                    let levels = thresholds.levels(&standing);
                    assert_eq!(levels, Limit::ALL.map(|limit| standing.level(limit)));
                    for (seen, level) in seen.iter_mut().zip(levels) {
                        seen.insert(level);
                    }
                }
            }
        }
        assert!(seen.iter().all(|levels| levels.iter().eq(&Level::ALL)));
        let nothing = Standing::of(&Usage::default(), Listing::default(), LIMITS);
        assert_eq!(thresholds.levels(&nothing), [Level::Low; 3]);
    }
}
