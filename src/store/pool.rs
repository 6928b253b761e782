//! What is known of one pool and its identities.

use super::changed::Changed;
use super::changes::{Added, Changes};
use super::chunked::{ChangesOfEach, Listings, Records};
use super::pool_health::PoolHealth;
use super::pool_log::Logged;
use super::record::{AsOf, Record};
use crate::api::{Answer, Dataset, Failure, FailureClass, PoolUsage, Signer, Usage};
use crate::config::Limits;
use crate::job::IdentityIndex;
use crate::limits::{Listing, writes_left};
use crate::observation::Observation;
use crate::schedule::Demand;
use crate::targets;

/// AWS's usage of an identity lags behind its datasets, whose dates a list returns. By up to this
/// many seconds, a date does not go back, since another operation returned it.
const MAX_LAG: f64 = 600.0;
/// So many polls in a row may go unanswered before an identity waits like any other: by then it is
/// the identity that fails.
const MAX_UNANSWERED: u16 = 3;

#[derive(Debug)]
pub(super) struct Pool {
    pub(super) records: Records,
    pub(super) listings: Listings,
    pub(super) changes: ChangesOfEach,
    /// Who changed since it was saved.
    pub(super) changed: Changed,
    pub(super) health: PoolHealth,
    pub(super) logged: Logged,
    pub(super) usage: Option<AsOf<PoolUsage>>,
}

/// All that is kept of one identity, but for its datasets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) record: Record,
    pub(super) listing: Listing,
    pub(super) changes: Changes,
}

impl Pool {
    pub(super) fn new(pool: &targets::Pool) -> Self {
        Self {
            records: Records::new(pool.identities.len()),
            listings: Listings::new(pool.identities.len()),
            changes: ChangesOfEach::new(pool.identities.len()),
            changed: Changed::default(),
            health: PoolHealth::of_unknown(pool.identities.len()),
            logged: Logged::default(),
            usage: None,
        }
    }

    pub(super) fn facts(&self, identity: IdentityIndex) -> Facts {
        Facts {
            record: self.records[identity],
            listing: self.listings[identity],
            changes: self.changes[identity],
        }
    }

    /// Sets what is known of an identity of which nothing is.
    pub(super) fn put(&mut self, identity: IdentityIndex, facts: Facts) {
        let Facts {
            record,
            listing,
            changes,
        } = facts;
        let known = self.records.get_mut(identity);
        self.health.changed(known, &record);
        *known = record;
        if listing != Listing::default() {
            *self.listings.get_mut(identity) = listing;
        }
        if changes != Changes::default() {
            *self.changes.get_mut(identity) = changes;
        }
    }

    /// Sets what was known of an identity before, as a slow disk gives it back late. Returns false,
    /// and changes nothing, if a poll has succeeded since.
    pub(super) fn put_older(&mut self, identity: IdentityIndex, older: Facts) -> bool {
        let known = self.records[identity];
        if known == Record::default() {
            self.put(identity, older);
            return true;
        }
        if known.answered_at().is_some() || known.is_missing() {
            return false;
        }
        // Its polls have failed since.
        let record = Record::restored(older.record.success(), known.failed_polls(), false);
        self.put(identity, Facts { record, ..older });
        true
    }

    /// Applies the result of a poll of an identity, whose calls these keys sign. Returns false, and
    /// changes nothing, if the poll was requested before the last success.
    pub(super) fn apply(
        &mut self,
        identity: IdentityIndex,
        signer: Signer,
        observation: &Observation,
    ) -> bool {
        let requested_at = observation.requested_at;
        let (record, listing) = (self.records.get_mut(identity), self.listings[identity]);
        let (asked_before, before) = (record.answered_at(), record.last_usage().copied());
        let (result, listing) = match &observation.result {
            // It cannot say that the identity does not exist, so a description comes next. For an
            // identity with keys of its own it need not.
            Ok(Answer::Datasets(datasets)) if datasets.is_empty() && signer == Signer::Account => {
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
        if !applied {
            return false;
        }
        let listing_before = self.listings[identity];
        if listing != listing_before {
            *self.listings.get_mut(identity) = listing;
        }
        if let Some(Ok(usage)) = result {
            let idle = usage
                .last_modified
                .map(|date| (requested_at.unix - date).max(0.0));
            let is_list = matches!(observation.result, Ok(Answer::Datasets(_)));
            let changes = self.changes.get_mut(identity);
            *changes = match asked_before.zip(before) {
                None => Changes::first(idle),
                Some((asked_before, before)) => {
                    // Only a description after a description, or a list after a list, has a date
                    // that can be compared.
                    let has_other_date = usage.last_modified != before.last_modified;
                    let is_changed = if is_list {
                        let is_second = listing_before.is_undescribed();
                        has_other_counts(&before, &usage) || is_second && has_other_date
                    } else if listing_before.is_exact() {
                        has_other_counts(&before, &usage) || listing_before.was_ended_by(listing)
                    } else {
                        has_other_date
                    };
                    let bytes = usage.storage_bytes.zip(before.storage_bytes);
                    let dates = usage.last_modified.zip(before.last_modified);
                    let added = Added {
                        bytes: bytes.map_or(0.0, |(now, before)| now as f64 - before as f64),
                        seconds: dates.map_or(0.0, |(now, before)| now - before),
                    };
                    let gap = requested_at.mono.since(asked_before);
                    changes.after(gap, idle, is_changed.then_some(added))
                }
            };
        }
        true
    }

    /// What asking an identity is worth, at a time in seconds since 1970.
    pub(super) fn demand(&self, identity: IdentityIndex, limits: Limits, now: f64) -> Demand {
        let Facts {
            record,
            listing,
            changes,
        } = self.facts(identity);
        let failures = record.failures().map_or(0, |(failures, _)| failures);
        let is_answer = record.failure().map(Failure::class) == Some(FailureClass::Permanent);
        let was_unanswered = (1..=MAX_UNANSWERED).contains(&failures) && !is_answer;
        let Some(usage) = record.last_usage() else {
            return Demand {
                was_unanswered,
                ..Demand::UNKNOWN
            };
        };
        let idle = usage.last_modified.map(|date| (now - date).max(0.0));
        Demand {
            changes_per_second: changes.per_second(),
            idle_seconds: idle.unwrap_or(f64::INFINITY),
            writes_left: writes_left(usage, listing, limits, changes.write_bytes()),
            was_unanswered,
        }
    }
}

fn has_other_counts(before: &Usage, now: &Usage) -> bool {
    (before.datasets, before.storage_bytes) != (now.datasets, now.storage_bytes)
}

/// The usage that a list shows, where `before` was known. The date does not go back: that of the
/// identity also covers datasets that were deleted. What AWS leaves out stays as it was.
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
