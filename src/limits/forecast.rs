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

    /// Seconds until [`FULL_PERCENT`] of the bytes or of the records of one dataset are used, if
    /// the `storage_bytes` of all datasets together grow by so many bytes a second. `None` if that
    /// takes more than ten years, it is not exact what the fullest dataset holds, or a dataset is
    /// full or above a limit already.
    ///
    /// All datasets grow in proportion to what they hold, and records stay as large as they are.
    /// Records count only where a list says how many there are: what was written since may be
    /// many or none. The number of datasets has no forecast, since growth of bytes does not tell
    /// when another is made.
    #[must_use]
    pub fn seconds_until_full(&self, storage_bytes: u64, bytes_per_second: f64) -> Option<f64> {
        let walls = [
            (Limit::DatasetStorage, self.storage),
            (Limit::DatasetRecords, self.records),
        ];
        let is_reached = |(limit, _)| self.is_full(limit) || self.is_above(limit);
        if !self.is_exact() || walls.into_iter().any(is_reached) {
            return None;
        }
        let share_per_second = bytes_per_second / storage_bytes as f64;
        let seconds = walls.into_iter().filter_map(|(limit, used)| {
            let used = used.filter(|used| used.is_exact())?.at_most as f64;
            let full = limit.of(self.limits) as f64 * FULL_PERCENT as f64 / 100.0;
            Some((full - used).max(0.0) / (used * share_per_second))
        });
        let is_in_time = |seconds: &f64| (0.0..=MAX_SECONDS).contains(seconds);
        seconds.filter(is_in_time).reduce(f64::min)
    }
}

#[cfg(test)]
mod tests {
    use crate::api::Usage;
    use crate::limits::testing::{LIMITS, listed, usage};
    use crate::limits::{Listing, Standing};

    fn seconds(usage: Usage, listing: Listing, growth: f64) -> Option<f64> {
        let standing = Standing::of(&usage, listing, LIMITS);
        standing.seconds_until_full(usage.storage_bytes?, growth)
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
