//! When an identity will have a full dataset.

use super::changes::Changes;
use super::record::Record;
use super::snapshot::PoolView;
use crate::clock::Timestamp;
use crate::job::IdentityIndex;
use crate::limits::Standing;

impl Changes {
    /// When a dataset will be full, in whole seconds since 1970, by the growth that was seen; not
    /// before `now`. `standing` is of the usage in `record`. `None` if nothing is known of growth,
    /// or it has ended, and where [`Standing::seconds_until_full`] tells nothing.
    #[must_use]
    pub fn full_at(self, record: &Record, standing: &Standing, now: Timestamp) -> Option<f64> {
        let growth = self.growth(record, now)?;
        let storage_bytes = record.last_usage()?.storage_bytes?;
        let seconds = standing.seconds_until_full(storage_bytes, growth)?;
        // What should have come by now has not come before the next answer.
        Some((record.last_success()? + seconds).max(now.unix).ceil())
    }

    /// Bytes in a second by which an identity with this record grows, more than 0.
    fn growth(self, record: &Record, now: Timestamp) -> Option<f64> {
        let last_modified = record.last_usage()?.last_modified;
        self.growth_per_second(last_modified.map_or(0.0, |date| now.unix - date))
    }
}

impl PoolView<'_> {
    /// When a dataset of an identity will be full, see [`Changes::full_at`]; `None` if its usage is
    /// not shown.
    #[must_use]
    pub fn full_at(&self, identity: IdentityIndex, now: Timestamp) -> Option<f64> {
        let record = &self.records[identity];
        let usage = record.usage(self.oldest_shown(now.mono))?;
        let standing = self.standing(identity, usage);
        self.changes[identity].full_at(record, &standing, now)
    }

    /// Bytes in a second by which all datasets of an identity together grow, more than 0. `None` if
    /// it does not, or that is not known.
    #[must_use]
    pub fn growth(&self, identity: IdentityIndex, now: Timestamp) -> Option<f64> {
        self.changes[identity].growth(&self.records[identity], now)
    }
}
