//! When an identity will have a full dataset.

use super::changes::{Changes, Growth};
use super::record::Record;
use super::snapshot::PoolView;
use crate::clock::Timestamp;
use crate::job::IdentityIndex;
use crate::limits::{Standing, seconds_until};

/// When a dataset of an identity will be full, if all grow as they have: in whole seconds since
/// 1970, and not before the time that it was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// By the growth that was seen.
    pub full_at: f64,
    /// Later than that: when it will almost surely be full by, for those that count and alert.
    /// `None` of those that were watched for less than ten days, or have changed seldom.
    pub surely_full_at: Option<f64>,
}

impl Changes {
    /// The forecast of an identity with this record. `standing` is of the usage in it. `None` if
    /// nothing is known of growth, or it has ended, and where [`Standing::bytes_until_full`] or
    /// [`seconds_until`] says nothing.
    #[inline]
    #[must_use]
    pub fn forecast(
        self,
        record: &Record,
        standing: &Standing,
        now: Timestamp,
    ) -> Option<Forecast> {
        let growth = self.growth_at(record, now)?;
        let bytes = standing.bytes_until_full(record.last_usage()?.storage_bytes?)?;
        let since = record.last_success()?;
        // What should have come by now has not come before the next answer.
        let full_at = |growth| {
            let seconds = seconds_until(bytes, growth)?;
            Some((since + seconds).max(now.unix).ceil())
        };
        Some(Forecast {
            full_at: full_at(growth.expected)?,
            surely_full_at: growth.sure.and_then(full_at),
        })
    }

    /// By how much an identity with this record grows.
    #[inline]
    fn growth_at(self, record: &Record, now: Timestamp) -> Option<Growth> {
        let last_modified = record.last_usage()?.last_modified;
        // Seconds since then, as far as is known.
        self.growth(last_modified.map_or(0.0, |date| now.unix - date))
    }
}

impl PoolView<'_> {
    /// See [`Changes::forecast`]; `None` if the identity's usage is not shown.
    #[must_use]
    pub fn forecast(&self, identity: IdentityIndex, now: Timestamp) -> Option<Forecast> {
        let record = &self.records[identity];
        let usage = record.usage(self.oldest_shown(now.mono))?;
        let standing = self.standing(identity, usage);
        self.changes[identity].forecast(record, &standing, now)
    }

    /// [`Forecast::full_at`] of an identity.
    #[must_use]
    pub fn full_at(&self, identity: IdentityIndex, now: Timestamp) -> Option<f64> {
        self.forecast(identity, now)
            .map(|forecast| forecast.full_at)
    }

    /// [`Forecast::surely_full_at`] of an identity.
    #[must_use]
    pub fn surely_full_at(&self, identity: IdentityIndex, now: Timestamp) -> Option<f64> {
        self.forecast(identity, now)?.surely_full_at
    }

    /// Bytes in a second by which all datasets of an identity together grow, more than 0. `None` if
    /// it does not, or that is not known.
    #[must_use]
    pub fn growth(&self, identity: IdentityIndex, now: Timestamp) -> Option<f64> {
        let growth = self.changes[identity].growth_at(&self.records[identity], now)?;
        Some(growth.expected)
    }
}
