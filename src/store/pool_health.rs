//! What is counted of a pool without a pass over its identities, and what is logged of that: when
//! its polls start and cease to fail.

use tracing::{info, warn};

use super::record::Record;
use crate::api::Failure;
use crate::targets;

/// How many identities of a pool are in which state, as far as that is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PoolHealth {
    /// Number of identities of which no poll has finished yet.
    pub(super) pending: usize,
    /// Number of identities whose last poll failed, except missing ones.
    pub(super) failing: usize,
    /// Number of identities that AWS reports as not found.
    pub(super) missing: usize,
    /// Why the last poll of the pool's own usage failed.
    pub(super) pool_failure: Option<Failure>,
}

impl PoolHealth {
    /// That of so many identities of which nothing is known.
    pub(super) fn of_unknown(identities: usize) -> Self {
        Self {
            pending: identities,
            ..Self::default()
        }
    }

    /// An identity of which one record was known has another now.
    pub(super) fn changed(&mut self, before: &Record, after: &Record) {
        self.count(before, |count| count - 1);
        self.count(after, |count| count + 1);
    }

    fn count(&mut self, record: &Record, change: fn(usize) -> usize) {
        match (record.failure(), record.up()) {
            (Some(Failure::NotFound), _) => self.missing = change(self.missing),
            (Some(_), _) => self.failing = change(self.failing),
            (None, None) => self.pending = change(self.pending),
            (None, Some(_)) => {}
        }
    }
}

/// Logs a line when polls of a pool's identities start to fail, when all fail, and when none fails
/// any more. Missing identities and the pool's own usage are logged in the same way.
pub(super) fn log_change(
    pool: &targets::Pool,
    (before, after): (PoolHealth, PoolHealth),
    failure: Option<Failure>,
) {
    let (id, identities, reason) = (&pool.id, pool.identities.len(), reason(failure));
    match (before.failing, after.failing) {
        (before, after) if before == after => {}
        (_, 0) => info!(pool = %id, identities, "polls succeeding again"),
        (0, _) if identities > 1 => warn!(pool = %id, identities, reason, "polls failing"),
        (_, failing) if failing == identities => {
            warn!(pool = %id, identities, reason, "all polls failing");
        }
        _ => {}
    }
    // Of those that are discovered, many guests never synced.
    let is_discovered = pool.settings.discover.is_some();
    match (before.missing, after.missing) {
        _ if is_discovered => {}
        (0, 1..) => warn!(pool = %id, identities, "identities missing"),
        (1.., 0) => info!(pool = %id, identities, "no identities missing"),
        _ => {}
    }
    match (before.pool_failure, after.pool_failure) {
        (None, Some(_)) => warn!(pool = %id, reason, "pool usage unavailable"),
        (Some(_), None) => info!(pool = %id, "pool usage available again"),
        _ => {}
    }
}

/// The word for a failure in a log line.
pub(super) fn reason(failure: Option<Failure>) -> &'static str {
    failure.map_or("none", Failure::as_str)
}
