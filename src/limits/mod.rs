//! How near an identity is to what stops its writes: a dataset full of bytes, a dataset full of
//! records, no more datasets.
//!
//! [`Bounds`] is what counts prove, [`Listing`] is what is kept of an answer of `ListDatasets`,
//! [`Standing`] compares both with the limits, and computes how much growth is left until one is
//! reached; [`Level`] says how much of a limit is used, and [`writes_left`] how far the next level
//! is; [`list_need`] says which identities are worth another list. All of it is pure.

mod bounds;
mod forecast;
mod levels;
mod listing;
mod need;
#[cfg(test)]
mod testing;
mod writes_left;

pub use bounds::{Bounds, Certainty};
pub use forecast::seconds_until;
pub use levels::{Level, Thresholds};
pub use listing::Listing;
pub use need::{ListNeed, list_need, weekly_hour};
pub use writes_left::writes_left;

use crate::api::Usage;
use crate::config::Limits;

/// A half of a limit, in percent: the first level that is counted for people.
pub const HALF_PERCENT: u64 = 50;
/// From this percentage of a limit on, an identity is near it.
pub const NEAR_PERCENT: u64 = 80;
/// From this percentage of a dataset's limit on, it is full: the next write may be refused.
pub const FULL_PERCENT: u64 = 99;

/// A limit beyond which AWS refuses writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Bytes in one dataset.
    DatasetStorage,
    /// Records in one dataset.
    DatasetRecords,
    /// Datasets of one identity.
    Datasets,
}

impl Limit {
    /// Every limit, in the order of the metric labels.
    pub const ALL: [Self; 3] = [Self::DatasetStorage, Self::DatasetRecords, Self::Datasets];

    /// The limit's name in metric labels and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DatasetStorage => "dataset_storage",
            Self::DatasetRecords => "dataset_records",
            Self::Datasets => "datasets",
        }
    }

    /// From this percentage of the limit on, it is full.
    #[must_use]
    pub fn full_percent(self) -> u64 {
        match self {
            Self::DatasetStorage | Self::DatasetRecords => FULL_PERCENT,
            Self::Datasets => 100,
        }
    }

    /// The limit's value.
    #[must_use]
    pub fn of(self, limits: Limits) -> u64 {
        match self {
            Self::DatasetStorage => limits.dataset_storage_bytes,
            Self::DatasetRecords => limits.dataset_records.into(),
            Self::Datasets => limits.datasets.into(),
        }
    }
}

/// What is known of one identity, compared with its limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    limits: Limits,
    storage: Option<Bounds>,
    records: Option<Bounds>,
    datasets: Option<Bounds>,
}

impl Standing {
    /// Of an identity with this usage, of which this list is kept.
    #[inline]
    #[must_use]
    pub fn of(usage: &Usage, listing: Listing, limits: Limits) -> Self {
        let proven = || {
            // A dataset beyond the limit shows that AWS has raised it.
            let limit = if listing.last_storage() > Some(limits.dataset_storage_bytes) {
                u64::MAX
            } else {
                limits.dataset_storage_bytes
            };
            Bounds::of_fullest_dataset(usage.datasets?, usage.storage_bytes?, limit)
        };
        Self {
            limits,
            storage: listing.exact_storage().map(Bounds::exactly).or_else(proven),
            records: listing.records_bounds(usage.storage_bytes),
            datasets: usage.datasets.map(|count| Bounds::exactly(count.into())),
        }
    }

    /// What of this limit is used; `None` if nothing is known.
    #[must_use]
    pub fn bounds(&self, limit: Limit) -> Option<Bounds> {
        match limit {
            Limit::DatasetStorage => self.storage,
            Limit::DatasetRecords => self.records,
            Limit::Datasets => self.datasets,
        }
    }

    /// The same of each limit, in the order of [`Limit::ALL`].
    #[inline]
    #[must_use]
    pub fn bounds_of_each(&self) -> [Option<Bounds>; Limit::ALL.len()] {
        [self.storage, self.records, self.datasets]
    }

    /// What of each limit is used at least, in the order of [`Limit::ALL`]; 0 if nothing is known.
    #[inline]
    #[must_use]
    pub fn at_least(&self) -> [u64; Limit::ALL.len()] {
        let at_least = |bounds: Option<Bounds>| bounds.map_or(0, |bounds| bounds.at_least);
        self.bounds_of_each().map(at_least)
    }

    /// What of each limit is used at most, in the order of [`Limit::ALL`]; 0 if nothing is known.
    #[inline]
    #[must_use]
    pub fn at_most(&self) -> [u64; Limit::ALL.len()] {
        let at_most = |bounds: Option<Bounds>| bounds.map_or(0, |bounds| bounds.at_most);
        self.bounds_of_each().map(at_most)
    }

    /// The level of a limit that is used for certain.
    #[must_use]
    pub fn level(&self, limit: Limit) -> Level {
        let uses = |percent| self.reaches(limit, percent) == Certainty::Certain;
        if self.is_above(limit) {
            Level::Above
        } else if self.is_full(limit) {
            Level::Full
        } else if uses(NEAR_PERCENT) {
            Level::Near
        } else if uses(HALF_PERCENT) {
            Level::Half
        } else {
            Level::Low
        }
    }

    /// Whether this percentage of a limit is used, or more.
    #[inline]
    #[must_use]
    pub fn reaches(&self, limit: Limit, percent: u64) -> Certainty {
        self.bounds(limit).map_or(Certainty::Impossible, |bounds| {
            bounds.reaches(percent, limit.of(self.limits))
        })
    }

    /// Whether this fraction of a limit is used, or more.
    #[must_use]
    pub fn uses(&self, limit: Limit, share: f64) -> Certainty {
        let value = limit.of(self.limits) as f64;
        match self.bounds(limit) {
            Some(bounds) if bounds.at_least as f64 / value >= share => Certainty::Certain,
            Some(bounds) if bounds.at_most as f64 / value >= share => Certainty::Possible,
            _ => Certainty::Impossible,
        }
    }

    /// The fraction of a limit that is used for certain; above 1 beyond it. `None` if nothing
    /// is known.
    #[inline]
    #[must_use]
    pub fn used(&self, limit: Limit) -> Option<f64> {
        let bounds = self.bounds(limit)?;
        Some(bounds.at_least as f64 / limit.of(self.limits) as f64)
    }

    /// The limit of which the greatest fraction is used for certain, and that fraction.
    #[inline]
    #[must_use]
    pub fn nearest(&self) -> Option<(Limit, f64)> {
        let used = Limit::ALL.map(|limit| Some((limit, self.used(limit)?)));
        used.into_iter()
            .flatten()
            .reduce(|nearest, other| if other.1 > nearest.1 { other } else { nearest })
    }

    /// Whether AWS refuses writes for certain, or may refuse the next one, unless it has raised the
    /// limit.
    #[inline]
    #[must_use]
    pub fn is_full(&self, limit: Limit) -> bool {
        self.reaches(limit, limit.full_percent()) == Certainty::Certain && !self.is_above(limit)
    }

    /// Whether any limit [is full](Self::is_full).
    #[must_use]
    pub fn is_any_full(&self) -> bool {
        Limit::ALL.into_iter().any(|limit| self.is_full(limit))
    }

    /// Whether more than the limit is used, so that AWS must have raised it.
    #[inline]
    #[must_use]
    pub fn is_above(&self, limit: Limit) -> bool {
        let used = self.bounds(limit).map_or(0, |bounds| bounds.at_least);
        used > limit.of(self.limits)
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{LIMITS, usage};
    use super::*;
    use crate::api::Dataset;

    fn dataset(bytes: u64, records: u64) -> Dataset {
        Dataset {
            storage_bytes: Some(bytes),
            records: Some(records),
            ..Dataset::default()
        }
    }

    #[test]
    fn one_full_dataset_is_full() {
        let standing = Standing::of(&usage(1, 1_000), Listing::default(), LIMITS);
        assert!(standing.is_full(Limit::DatasetStorage));
        assert!(!standing.is_above(Limit::DatasetStorage));
        assert_eq!(standing.nearest(), Some((Limit::DatasetStorage, 1.0)));
        assert!(!standing.is_full(Limit::DatasetRecords), "nothing is known");
    }

    #[test]
    fn a_list_clears_and_convicts() {
        let usage = usage(4, 1_200);
        let unlisted = Standing::of(&usage, Listing::default(), LIMITS);
        let near = |standing: Standing| standing.reaches(Limit::DatasetStorage, NEAR_PERCENT);
        assert_eq!(near(unlisted), Certainty::Possible);
        let even = [300; 4].map(|bytes| dataset(bytes, 10));
        let cleared = Standing::of(&usage, Listing::of(&even, 0.0), LIMITS);
        assert_eq!(near(cleared), Certainty::Impossible);
        let uneven = [999, 67, 67, 67].map(|bytes| dataset(bytes, 10));
        let convicted = Standing::of(&usage, Listing::of(&uneven, 0.0), LIMITS);
        assert_eq!(near(convicted), Certainty::Certain);
        assert!(convicted.is_full(Limit::DatasetStorage));
    }

    #[test]
    fn records_are_known_by_a_list_only() {
        let usage = usage(1, 20 * 99);
        let listed = Listing::of(&[dataset(20 * 99, 99)], 0.0);
        let standing = Standing::of(&usage, listed, LIMITS);
        assert!(standing.is_full(Limit::DatasetRecords));
        assert_eq!(standing.used(Limit::DatasetRecords), Some(0.99));
        assert_eq!(
            Standing::of(&usage, Listing::default(), LIMITS).used(Limit::DatasetRecords),
            None
        );
    }

    #[test]
    fn usage_beyond_a_limit_is_not_full_but_above() {
        let standing = Standing::of(&usage(21, 30_000), Listing::default(), LIMITS);
        for limit in [Limit::Datasets, Limit::DatasetStorage] {
            assert!(standing.is_above(limit) && !standing.is_full(limit));
            assert_eq!(standing.reaches(limit, 100), Certainty::Certain);
        }
        assert_eq!(standing.nearest(), Some((Limit::DatasetStorage, 1.429)));
    }

    #[test]
    fn a_limit_that_aws_has_raised_bounds_nothing_after_the_list_either() {
        let before = usage(2, 1_510);
        let raised = Listing::of(&[dataset(1_500, 1), dataset(10, 1)], 0.0);
        let after = usage(2, 1_520);
        let outdated = raised.after_description(&before, &after);
        let standing = Standing::of(&after, outdated, LIMITS);
        let bounds = standing.bounds(Limit::DatasetStorage).unwrap();
        assert_eq!((bounds.at_least, bounds.at_most), (760, 1_520));
    }

    #[test]
    fn datasets_are_full_when_no_other_can_be_made() {
        let limits = Limits {
            datasets: 200,
            ..LIMITS
        };
        let full = |datasets| {
            let standing = Standing::of(&usage(datasets, 1), Listing::default(), limits);
            standing.is_full(Limit::Datasets)
        };
        assert!(!full(199) && full(200) && !full(201));
    }

    #[test]
    fn nothing_known_is_near_nothing() {
        let standing = Standing::of(&Usage::default(), Listing::default(), LIMITS);
        assert_eq!(standing.nearest(), None);
        for limit in Limit::ALL {
            assert_eq!(standing.reaches(limit, 1), Certainty::Impossible);
        }
    }
}
