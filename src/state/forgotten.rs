//! Which rows of the file are needed no longer.

use super::error::FileError;
use super::file::StateFile;
use super::row::{self, Key, requested_at};
use super::times::milliseconds;
use crate::clock::Timestamp;
use crate::discovery::Catalog;
use crate::identity::IdentityId;
use crate::targets::Targets;

/// The keys of those that are polled no longer and have no usage, or stale one, and of those in
/// lists who have left, or whose pool is not discovered any more.
pub(super) fn stale(
    file: &StateFile,
    targets: &Targets,
    catalog: &Catalog,
    now: Timestamp,
) -> Result<Vec<Vec<u8>>, FileError> {
    let pools = file.pools();
    let mut stale = Vec::new();
    file.each_row(|key, value| {
        let Some(Key {
            pool: number,
            hex,
            is_discovered,
        }) = row::parse_key(key)
        else {
            return Ok(());
        };
        let Some((id, stale_after)) = pools.get(&number) else {
            return Ok(());
        };
        let pool = targets.pools.iter().find(|pool| pool.id == **id);
        if is_discovered {
            if !catalog.knows(id, &hex) {
                stale.push(key.to_vec());
            }
            return Ok(());
        }
        let is_polled = pool.is_some_and(|pool| {
            let id = hex.id(id.region());
            let id = IdentityId::new_unchecked(&id);
            pool.identities.position(id).is_some()
        });
        if !is_polled {
            let stale_after = pool.map_or(*stale_after, |pool| pool.stale_after);
            let is_current = requested_at(value)?
                .is_some_and(|at| at + stale_after.as_millis() as u64 >= milliseconds(now.unix));
            if !is_current {
                stale.push(key.to_vec());
            }
        }
        Ok(())
    })?;
    Ok(stale)
}
