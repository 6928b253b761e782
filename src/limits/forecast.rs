//! When a dataset will be full, if it grows as it has.

use super::{Bounds, FULL_PERCENT, Limit, Standing};

/// Who takes longer has no forecast: ten years, in seconds.
const MAX_SECONDS: f64 = 10.0 * 365.25 * 86_400.0;

impl Standing {
    /// Whether it is known, not only bounded, what the fullest dataset holds: there is one dataset,
    /// or an exact list.
    #[inline]
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.storage.is_some_and(Bounds::is_exact)
    }

    /// Bytes that all datasets, which hold `storage_bytes` together, may grow by until
    /// [`FULL_PERCENT`] of the bytes or of the records of one dataset are used. `None` if it is not
    /// exact what the fullest dataset holds, it holds nothing, or a dataset is full or above a
    /// limit already.
    ///
    /// All datasets grow in proportion to what they hold, and records stay as large as they are.
    /// Records count only where a list says how many there are: what was written since may be
    /// many or none. The number of datasets has no forecast, since growth of bytes does not tell
    /// when another is made.
    #[must_use]
    pub fn bytes_until_full(&self, storage_bytes: u64) -> Option<f64> {
        let walls = [
            (Limit::DatasetStorage, self.storage),
            (Limit::DatasetRecords, self.records),
        ];
        if !self.is_exact() || storage_bytes == 0 {
            return None;
        }
        let mut least = f64::INFINITY;
        for (limit, used) in walls {
            let Some(used) = used else { continue };
            let full = limit.of(self.limits) as f64 * FULL_PERCENT as f64 / 100.0;
            if used.at_least as f64 >= full {
                return None;
            }
            if used.is_exact() {
                let used = used.at_least as f64;
                least = least.min((full - used) * storage_bytes as f64 / used);
            }
        }
        least.is_finite().then_some(least)
    }
}

/// Seconds in which so many bytes are added, if it is so many each second. `None` if that is never,
/// or takes more than ten years.
#[inline]
#[must_use]
pub fn seconds_until(bytes: f64, bytes_per_second: f64) -> Option<f64> {
    let seconds = bytes / bytes_per_second;
    (0.0..=MAX_SECONDS).contains(&seconds).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::seconds_until;
    use crate::api::Usage;
    use crate::limits::testing::{LIMITS, listed, usage};
    use crate::limits::{Listing, Standing};

    fn seconds(usage: Usage, listing: Listing, growth: f64) -> Option<f64> {
        let standing = Standing::of(&usage, listing, LIMITS);
        seconds_until(standing.bytes_until_full(usage.storage_bytes?)?, growth)
    }

    #[test]
    fn one_dataset_grows_by_all_that_is_added() {
        let one = |bytes, growth| seconds(usage(1, bytes), Listing::default(), growth);
        assert_eq!(one(490, 2.0), Some(250.0));
        assert_eq!(one(989, 1.0), Some(1.0));
        for (bytes, growth) in [(490, 0.0), (490, -1.0), (0, 1.0), (490, 1e-9)] {
            assert_eq!(one(bytes, growth), None, "{bytes} {growth}");
        }
        assert_eq!(one(990, 1.0), None, "full");
        assert_eq!(one(1_001, 1.0), None, "above");
    }

    #[test]
    fn of_several_datasets_only_a_list_shows() {
        let several = usage(2, 800);
        assert_eq!(seconds(several, Listing::default(), 1.0), None);
        let exact = listed(&[(600, 6), (200, 2)]);
        assert_eq!(seconds(several, exact, 4.0), Some(390.0 / 3.0));
        let outdated = exact.after_description(&several, &usage(2, 801));
        assert_eq!(seconds(usage(2, 801), outdated, 4.0), None);
        assert_eq!(
            seconds(usage(2, 1_000), listed(&[(990, 1), (10, 1)]), 1.0),
            None
        );
    }

    #[test]
    fn records_may_be_the_nearest_wall() {
        let (before, now) = (usage(1, 400), usage(1, 480));
        let small = listed(&[(400, 80)]);
        assert_eq!(seconds(before, small, 5.0), Some(19.0));
        // The list is outdated: up to 16 more were written since, or 20. Bytes are left.
        let outdated = small.after_description(&before, &now);
        assert_eq!(seconds(now, outdated, 5.0), Some(102.0));
        let more = usage(1, 500);
        let perhaps = outdated.after_description(&now, &more);
        assert_eq!(seconds(more, perhaps, 5.0), Some(98.0), "perhaps full");
        assert_eq!(seconds(usage(1, 500), listed(&[(500, 100)]), 1.0), None);
    }
}
