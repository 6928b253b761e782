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
    /// or it has ended, if the identity is full already, be it of datasets, and where
    /// [`Standing::seconds_until_full`] says nothing.
    #[must_use]
    pub fn full_at(self, record: &Record, standing: &Standing, now: Timestamp) -> Option<f64> {
        if standing.is_any_full() {
            return None;
        }
        full_at(self.growth(record, now)?, record, standing, now)
    }

    /// The same by when it will almost surely be full, for those that count and alert: later than
    /// [`Changes::full_at`], and `None` for those that were watched for less than ten days, or have
    /// changed seldom. An identity that has all the datasets it may have has a date here: an app
    /// may be made so, and its datasets still fill up.
    #[inline]
    #[must_use]
    pub fn surely_full_at(
        self,
        record: &Record,
        standing: &Standing,
        now: Timestamp,
    ) -> Option<f64> {
        let growth = self.sure_growth_per_second(idle(record, now)?)?;
        full_at(growth, record, standing, now)
    }

    /// Bytes in a second by which an identity with this record grows, more than 0.
    fn growth(self, record: &Record, now: Timestamp) -> Option<f64> {
        self.growth_per_second(idle(record, now)?)
    }
}

/// Seconds since an identity with this record was last modified, as far as is known.
#[inline]
fn idle(record: &Record, now: Timestamp) -> Option<f64> {
    let last_modified = record.last_usage()?.last_modified;
    Some(last_modified.map_or(0.0, |date| now.unix - date))
}

/// When a dataset will be full, if all grow by so many bytes a second together.
fn full_at(growth: f64, record: &Record, standing: &Standing, now: Timestamp) -> Option<f64> {
    let storage_bytes = record.last_usage()?.storage_bytes?;
    let seconds = standing.seconds_until_full(storage_bytes, growth)?;
    // What should have come by now has not come before the next answer.
    Some((record.last_success()? + seconds).max(now.unix).ceil())
}

impl PoolView<'_> {
    /// When a dataset of an identity will almost surely be full by, see
    /// [`Changes::surely_full_at`]; `None` if its usage is not shown.
    #[must_use]
    pub fn surely_full_at(&self, identity: IdentityIndex, now: Timestamp) -> Option<f64> {
        let record = &self.records[identity];
        let usage = record.usage(self.oldest_shown(now.mono))?;
        let standing = self.standing(identity, usage);
        self.changes[identity].surely_full_at(record, &standing, now)
    }

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
