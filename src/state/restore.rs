//! Gives what a file holds to the store.

use std::collections::HashMap;

use tracing::{info, warn};

use super::error::FileError;
use super::file::{Found, StateFile};
use super::row;
use super::times::Restoring;
use crate::clock::Mono;
use crate::discovery::Catalog;
use crate::identity::PoolId;
use crate::store::{RestoredRow, Store};
use crate::targets::Targets;

/// Rows that are given to the store or the catalog at once.
const ROWS_AT_ONCE: usize = 4_096;

/// Gives all rows to the store, as far as nothing newer is known. Returns how many identities are
/// polled.
///
/// # Errors
/// When the file cannot be read. What was read before is in the store.
pub(super) fn restore(
    file: &StateFile,
    found: &Found,
    store: &Store,
    targets: &Targets,
    times: &Restoring,
) -> Result<usize, FileError> {
    for (id, row) in found.pools.values() {
        store.restore_pool(id, row.kept(times));
    }
    let now = times.now();
    let mut restored = 0;
    let mut rows = Vec::with_capacity(ROWS_AT_ONCE);
    file.each_row(|key, value| {
        let key = row::parse_key(key).ok_or_else(no_key)?;
        if key.is_discovered {
            return Ok(());
        }
        // A row of a pool that was taken away while it was saved.
        let Some((pool, of_pool)) = found.pools.get(&key.pool) else {
            return Ok(());
        };
        let kept = row::kept(value, times)?;
        let target = targets.pools.iter().find(|target| target.id == *pool);
        let stale_after = target.map_or(of_pool.stale_after, |target| target.stale_after);
        let asked = kept.success.map(|success| success.requested_at.mono);
        rows.push(RestoredRow {
            id: key.hex.id(pool.region()),
            pool: pool.clone(),
            kept,
            stale_at: asked.map_or(Mono::from_bits(0), |asked| asked + stale_after),
        });
        if rows.len() == ROWS_AT_ONCE {
            restored += store.restore(rows.drain(..), now.mono);
        }
        Ok(())
    })?;
    restored += store.restore(rows.drain(..), now.mono);
    say(restored, found, targets, times);
    Ok(restored)
}

/// Gives who was discovered to the catalog, as far as the pool is discovered still and nothing
/// newer is known. Returns whether there is such a pool.
///
/// # Errors
/// When the file cannot be read. What was read before is in the catalog.
pub(super) fn restore_catalog(
    file: &StateFile,
    found: &Found,
    catalog: &Catalog,
    targets: &Targets,
) -> Result<bool, FileError> {
    let is_discovered = |id: &PoolId| {
        let mut pools = targets.pools.iter();
        pools.any(|pool| pool.id == *id && pool.settings.discover.is_some())
    };
    // Rows of each such pool, which are given to the catalog many at once.
    let mut discovered: HashMap<_, Vec<_>> = HashMap::new();
    for (id, row) in found.pools.values() {
        if let Some(passes) = row.passes.filter(|_| is_discovered(id)) {
            catalog.restore_passes(id, passes);
            discovered.insert(row.number, Vec::new());
        }
    }
    if discovered.is_empty() {
        return Ok(false);
    }
    file.each_row(|key, value| {
        let key = row::parse_key(key).ok_or_else(no_key)?;
        let rows = discovered.get_mut(&key.pool);
        if let Some(rows) = rows.filter(|_| key.is_discovered) {
            rows.push((key.hex, row::from_bytes(value)?));
            if rows.len() == ROWS_AT_ONCE {
                catalog.restore(&found.pools[&key.pool].0, rows.drain(..));
            }
        }
        Ok(())
    })?;
    for (number, rows) in discovered {
        catalog.restore(&found.pools[&number].0, rows.into_iter());
    }
    Ok(true)
}

fn no_key() -> FileError {
    FileError::Damaged("a key cannot be read".to_owned())
}

fn say(restored: usize, found: &Found, targets: &Targets, times: &Restoring) {
    if let Some(step) = times.clock_step {
        warn!(
            seconds = step,
            "the clock was changed since the state was saved; saved values keep their ages"
        );
    }
    info!(
        identities = restored,
        of = targets.identities(),
        saved_seconds_ago = times.elapsed().as_secs(),
        same_list = found.fingerprint == targets.fingerprint(),
        "state restored"
    );
}
