//! What counts prove about the fullest dataset of an identity.
//!
//! AWS refuses writes to a dataset that is full, but `DescribeIdentityUsage` counts all datasets of
//! an identity together. Of `d` datasets with `s` bytes in all, none above the limit `L`, the
//! fullest has at least `s / d` bytes, and at most `s` or `L`. With one dataset that is one number.

/// What can be said of a fact that counts may leave open, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    Impossible,
    /// Only `ListDatasets` can tell.
    Possible,
    Certain,
}

impl Certainty {
    /// Its name in JSON and parameters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Impossible => "impossible",
            Self::Possible => "possible",
            Self::Certain => "certain",
        }
    }
}

/// The least and the most that a number can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub at_least: u64,
    pub at_most: u64,
}

impl Bounds {
    #[must_use]
    pub fn exactly(number: u64) -> Self {
        Self {
            at_least: number,
            at_most: number,
        }
    }

    /// Whether the number is known, not only bounded.
    #[inline]
    #[must_use]
    pub fn is_exact(self) -> bool {
        self.at_least == self.at_most
    }

    /// The bytes of the fullest of so many datasets that have `storage_bytes` in all, of which none
    /// has more than `limit`. Both bounds are reached by some distribution. `None` if the counts
    /// prove nothing: bytes without a dataset.
    ///
    /// Where the counts contradict the limit, AWS has raised it, and it bounds nothing.
    #[inline]
    #[must_use]
    pub fn of_fullest_dataset(datasets: u32, storage_bytes: u64, limit: u64) -> Option<Self> {
        let datasets = u64::from(datasets);
        if datasets == 0 {
            return (storage_bytes == 0).then_some(Self::exactly(0));
        }
        let at_least = storage_bytes.div_ceil(datasets);
        let at_most = if datasets > 1 && at_least <= limit {
            storage_bytes.min(limit)
        } else {
            storage_bytes
        };
        Some(Self { at_least, at_most })
    }

    /// Whether the number is `percent` of `limit` or more.
    #[inline]
    #[must_use]
    pub fn reaches(self, percent: u64, limit: u64) -> Certainty {
        // The least number that does. In a loop over identities it is computed once.
        let level = (u128::from(percent) * u128::from(limit)).div_ceil(100);
        let reaches = |number: u64| u128::from(number) >= level;
        if reaches(self.at_least) {
            Certainty::Certain
        } else if reaches(self.at_most) {
            Certainty::Possible
        } else {
            Certainty::Impossible
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The bytes of the fullest dataset in each way to put `storage` bytes into datasets of at most
    /// `limit` bytes.
    fn possible(datasets: u32, storage: u64, limit: u64) -> BTreeSet<u64> {
        if datasets == 0 {
            return BTreeSet::from_iter((storage == 0).then_some(0));
        }
        let first = 0..=storage.min(limit);
        let with_first = first.flat_map(|first| {
            let rest = possible(datasets - 1, storage - first, limit);
            rest.into_iter().map(move |fullest| fullest.max(first))
        });
        with_first.collect()
    }

    #[test]
    fn the_bounds_are_those_of_all_that_is_possible() {
        for limit in 1..=5 {
            for datasets in 0..=3 {
                for storage in 0..=u64::from(datasets) * limit {
                    let all = possible(datasets, storage, limit);
                    let expected = Bounds {
                        at_least: *all.first().unwrap(),
                        at_most: *all.last().unwrap(),
                    };
                    let bounds = Bounds::of_fullest_dataset(datasets, storage, limit);
                    assert_eq!(bounds, Some(expected), "{datasets} {storage} {limit}");
                    for percent in [1, 20, 50, 80, 99, 100, 101] {
                        let reaches = |bytes: &u64| bytes * 100 >= percent * limit;
                        let reaching = all.iter().filter(|bytes| reaches(bytes)).count();
                        let certainty = match reaching {
                            0 => Certainty::Impossible,
                            some if some == all.len() => Certainty::Certain,
                            _ => Certainty::Possible,
                        };
                        let found = expected.reaches(percent, limit);
                        assert_eq!(found, certainty, "{all:?} {percent}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_raised_limit_bounds_nothing() {
        for (datasets, storage) in [(1, 101), (2, 201), (3, 310)] {
            let bounds = Bounds::of_fullest_dataset(datasets, storage, 100).unwrap();
            assert_eq!(bounds.at_least, storage.div_ceil(datasets.into()));
            assert_eq!(bounds.at_most, storage, "all may be in one of them");
        }
    }

    #[test]
    fn bytes_without_a_dataset_prove_nothing() {
        let bounds = |datasets, storage| Bounds::of_fullest_dataset(datasets, storage, 100);
        assert_eq!(bounds(0, 1), None);
        assert_eq!(bounds(0, 0), Some(Bounds::exactly(0)));
    }

    #[test]
    fn the_largest_numbers() {
        let most = Bounds::of_fullest_dataset(u32::MAX, u64::MAX, u64::MAX).unwrap();
        assert_eq!(most.at_most, u64::MAX);
        assert_eq!(most.reaches(100, u64::MAX), Certainty::Possible);
        assert_eq!(
            Bounds::exactly(u64::MAX).reaches(u64::MAX, 100),
            Certainty::Certain
        );
    }
}
