//! What is known of one pool and its identities.

use super::chunked::{Listings, Records};
use super::pool_health::PoolHealth;
use super::record::{AsOf, Record};
use crate::api::{Answer, Dataset, Failure, PoolUsage, Usage};
use crate::job::IdentityIndex;
use crate::limits::Listing;
use crate::observation::Observation;
use crate::targets;

/// AWS's usage of an identity lags behind its datasets, whose dates a list returns. By up to this
/// many seconds, a date does not go back, since another operation returned it.
const MAX_LAG: f64 = 600.0;

#[derive(Debug)]
pub(super) struct Pool {
    pub(super) records: Records,
    pub(super) listings: Listings,
    pub(super) health: PoolHealth,
    pub(super) usage: Option<AsOf<PoolUsage>>,
}

impl Pool {
    pub(super) fn new(pool: &targets::Pool) -> Self {
        Self {
            records: Records::new(pool.identities.len()),
            listings: Listings::new(pool.identities.len()),
            health: PoolHealth::default(),
            usage: None,
        }
    }

    /// Sets what is known of an identity of which nothing is.
    pub(super) fn put(&mut self, identity: IdentityIndex, record: Record, listing: Listing) {
        *self.records.get_mut(identity) = record;
        if listing != Listing::default() {
            *self.listings.get_mut(identity) = listing;
        }
        self.health.count(record.failure(), |count| count + 1);
    }

    /// Applies the result of a poll of an identity. Returns false, and changes nothing, if the poll
    /// was requested before the last success.
    pub(super) fn apply(&mut self, identity: IdentityIndex, observation: &Observation) -> bool {
        let requested_at = observation.requested_at;
        let (record, listing) = (self.records.get_mut(identity), self.listings[identity]);
        let before = record.last_usage().copied();
        let (result, listing) = match &observation.result {
            // It cannot say that the identity does not exist, so a description comes next.
            Ok(Answer::Datasets(datasets)) if datasets.is_empty() => {
                (None, listing.after_empty_list())
            }
            Ok(Answer::Datasets(datasets)) => {
                let listing = Listing::of(datasets, requested_at.unix);
                (Some(Ok(usage_of_list(datasets, before.as_ref()))), listing)
            }
            Ok(Answer::Identity(usage)) => {
                let before = before.unwrap_or_default();
                let mut known = *usage;
                if listing.exists() {
                    known.last_modified = not_behind(usage.last_modified, before.last_modified);
                }
                (Some(Ok(known)), listing.after_description(&before, usage))
            }
            Ok(Answer::Pool(_)) => return false,
            Err(Failure::NotFound) => (Some(Err(Failure::NotFound)), Listing::default()),
            Err(failure) => (Some(Err(*failure)), listing),
        };
        let applied = match result {
            Some(result) => record.apply(result, requested_at),
            None => record.clear_failures(requested_at),
        };
        if applied && listing != self.listings[identity] {
            *self.listings.get_mut(identity) = listing;
        }
        applied
    }
}

/// The usage that a list shows, where `before` was known. The date does not go back: that of the
/// identity also tells of datasets that were deleted. What AWS leaves out stays as it was.
fn usage_of_list(datasets: &[Dataset], before: Option<&Usage>) -> Usage {
    let usage = Usage::of_datasets(datasets);
    let Some(before) = before else { return usage };
    let dates = [usage.last_modified, before.last_modified];
    Usage {
        storage_bytes: usage.storage_bytes.or(before.storage_bytes),
        last_modified: dates.into_iter().flatten().max_by(f64::total_cmp),
        ..usage
    }
}

/// A date of last modification that does not go back by less than [`MAX_LAG`].
fn not_behind(date: Option<f64>, before: Option<f64>) -> Option<f64> {
    match (date, before) {
        (Some(date), Some(before)) if date < before && before - date < MAX_LAG => Some(before),
        _ => date,
    }
}
