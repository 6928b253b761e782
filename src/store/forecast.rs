//! When an identity will have a full dataset.

use super::changes::Changes;
use super::record::Record;
use crate::clock::Timestamp;
use crate::limits::Standing;

impl Changes {
    /// When a dataset will be full, in seconds since 1970, by the growth that was seen; not before
    /// `now`. `standing` is of the usage in `record`. `None` if nothing is known of growth or it has
    /// ended, and where [`Standing::seconds_until_full`] tells nothing.
    #[must_use]
    pub fn full_at(self, record: &Record, standing: &Standing, now: Timestamp) -> Option<f64> {
        // The cheapest first: most identities do not grow, or have several datasets and no list.
        if !standing.is_exact() {
            return None;
        }
        let usage = record.last_usage()?;
        let idle = usage.last_modified.map_or(0.0, |date| now.unix - date);
        let growth = self.growth_per_second(idle)?;
        let seconds = standing.seconds_until_full(usage.storage_bytes?, growth)?;
        Some((record.last_success()? + seconds).max(now.unix))
    }
}
