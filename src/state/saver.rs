//! Takes what has changed from the store and saves it. It waits for the disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::directory::Directory;
use super::error::FileError;
use super::file::{Batch, StateFile};
use super::row::{self, PoolRow, StandingRow};
use super::saves::Saves;
use super::times::{SavedAt, Saving};
use super::{open_file, row::requested_at};
use crate::clock::{Clock, Mono, Timestamp};
use crate::identity::IdentityId;
use crate::schedule::Standing;
use crate::store::{ChangedRows, Store};
use crate::targets::Targets;

/// Identities that are taken from the store at once, and those that are saved at once.
const TAKEN_AT_ONCE: usize = 512;
const SAVED_AT_ONCE: usize = 16_384;
/// When nothing changes, where the schedule stands is saved this often.
const SAVE_ANYWAY: Duration = Duration::from_secs(60);
/// How often those are forgotten who are polled no longer and whose usage is stale.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);
/// After a failure, the next attempt waits for this long, twice as long after another, and so on.
const FIRST_RETRY: Duration = Duration::from_secs(3);
const LAST_RETRY: Duration = Duration::from_secs(60);

/// Saves what the store knows in a directory.
#[derive(Debug)]
pub(super) struct Saver {
    path: PathBuf,
    /// `None` after a failure: it is opened anew.
    file: Option<StateFile>,
    store: Arc<Store>,
    saves: Arc<Saves>,
    clock: Clock,
    standing: Option<Standing>,
    /// Of the list of identities that was saved last.
    fingerprint: Option<(Arc<Targets>, u64)>,
    /// When it was last tried, and when something was last saved.
    last: Timestamp,
    saved_at: Option<Mono>,
    forget_at: Mono,
    retry_at: Mono,
    retry: Duration,
}

impl Saver {
    pub(super) fn new(
        path: &Path,
        file: Option<StateFile>,
        store: &Arc<Store>,
        saves: &Arc<Saves>,
        clock: &Clock,
    ) -> Self {
        let now = clock.now();
        Self {
            path: path.to_owned(),
            file,
            store: Arc::clone(store),
            saves: Arc::clone(saves),
            clock: clock.clone(),
            standing: None,
            fingerprint: None,
            last: now,
            saved_at: None,
            forget_at: now.mono,
            retry_at: now.mono,
            retry: FIRST_RETRY,
        }
    }

    /// Saves all that has changed, and where the schedule stands, if that is known.
    pub(super) fn save(&mut self, standing: Option<Standing>) {
        self.standing = standing.or(self.standing.take());
        let now = self.clock.now();
        if now.mono < self.retry_at {
            return;
        }
        if Saving::at(now).was_set_since(self.last) {
            warn!("the clock was set; all that is known is saved by the new one");
            self.store.mark_all_changed();
        }
        self.last = now;
        let result = self.save_all(now);
        match result {
            Ok(()) => {
                if self.saves.fails() {
                    info!(directory = %self.path.display(), "what is known is saved again");
                }
                self.retry = FIRST_RETRY;
                self.saves.saved(self.clock.now().unix);
            }
            Err(error) => {
                if !self.saves.fails() {
                    warn!(
                        directory = %self.path.display(),
                        %error,
                        "what is known cannot be saved; it is tried again, and nothing else waits \
                         for it"
                    );
                }
                self.saves.failed();
                close(self.file.take());
                self.retry_at = self.clock.now().mono + self.retry;
                self.retry = (self.retry * 2).min(LAST_RETRY);
            }
        }
    }

    fn save_all(&mut self, now: Timestamp) -> Result<(), FileError> {
        self.reopen()?;
        loop {
            let taken = self.take();
            let is_last = taken.last().is_none_or(|rows| rows.left == 0);
            let is_empty = taken.iter().all(|rows| rows.identities.is_empty());
            let is_late = |saved_at: Mono| now.mono.since(saved_at) >= SAVE_ANYWAY;
            if is_empty && !self.saved_at.is_none_or(is_late) {
                return Ok(());
            }
            if let Err(error) = self.save_taken(&taken, now) {
                taken.iter().for_each(|rows| self.store.put_back(rows));
                return Err(error);
            }
            self.saved_at = Some(now.mono);
            if is_last {
                return Ok(());
            }
        }
    }

    /// Takes some of the identities that have changed, a few at a time, since polls wait meanwhile.
    fn take(&self) -> Vec<ChangedRows> {
        let mut taken = Vec::new();
        for _ in 0..SAVED_AT_ONCE / TAKEN_AT_ONCE {
            let rows = self.store.take_changed(TAKEN_AT_ONCE);
            let is_last = rows.left == 0;
            taken.push(rows);
            if is_last {
                break;
            }
        }
        taken
    }

    fn save_taken(&mut self, taken: &[ChangedRows], now: Timestamp) -> Result<(), FileError> {
        let Some((file, latest)) = self.file.as_mut().zip(taken.last()) else {
            return Ok(());
        };
        let times = Saving::at(now);
        let mut identities = Vec::new();
        for rows in taken {
            for (pool, identity, kept) in &rows.identities {
                let pool = &rows.targets[*pool];
                let number = file.pool_number(&pool.id)?;
                let key = row::key(number, pool.identities.hex(*identity));
                identities.push((key, row::identity_row(kept, times)));
            }
        }
        let mut pools = Vec::new();
        for (pool, kept) in latest.targets.pools.iter().zip(&latest.pools) {
            let number = file.pool_number(&pool.id)?;
            let row = PoolRow::new(number, pool.stale_after, kept, times);
            pools.push((pool.id.clone(), row));
        }
        if self.forget_at <= now.mono {
            self.forget_at = now.mono + FORGET_EVERY;
            let stale = stale(file, &latest.targets, times)?;
            identities.extend(stale.into_iter().map(|key| (key, Vec::new())));
        }
        let fingerprint = match self.fingerprint.take() {
            Some((of, fingerprint)) if Arc::ptr_eq(&of, &latest.targets) => fingerprint,
            _ => latest.targets.fingerprint(),
        };
        self.fingerprint = Some((Arc::clone(&latest.targets), fingerprint));
        let standing = self.standing.as_ref();
        file.save(Batch {
            saved_at: SavedAt::new(now, self.clock.since_boot()),
            standing: standing.map(|standing| StandingRow::new(standing, times)),
            fingerprint,
            pools,
            identities,
        })
    }

    /// Opens the file if it is not, or if it is not that of the directory any more.
    fn reopen(&mut self) -> Result<(), FileError> {
        let directory = Directory::make(&self.path).map_err(std::io::Error::other)?;
        let is_there = |file: &StateFile| file.is_in(&directory);
        if self.file.as_ref().is_some_and(is_there) {
            return Ok(());
        }
        close(self.file.take());
        let (file, found) = open_file(&directory, &self.clock)?;
        if found.is_none() {
            self.store.mark_all_changed();
        }
        self.file = Some(file);
        Ok(())
    }
}

/// Ends with a file. After a failure, what it does to end properly may fail too.
fn close(file: Option<StateFile>) {
    // A panic was counted and logged.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(file)));
}

/// The keys of those who are polled no longer and have no usage, or stale one.
fn stale(file: &StateFile, targets: &Targets, times: Saving) -> Result<Vec<Vec<u8>>, FileError> {
    let pools = file.pools();
    let mut stale = Vec::new();
    file.each_identity(|key, value| {
        let Some((number, hex)) = row::parse_key(key) else {
            return Ok(());
        };
        let Some((id, stale_after)) = pools.get(&number) else {
            return Ok(());
        };
        let pool = targets.pools.iter().find(|pool| pool.id == **id);
        let whole = format!("{}:{hex}", id.region());
        let is_polled = pool.is_some_and(|pool| {
            let id = IdentityId::new_unchecked(&whole);
            pool.identities.position(id).is_some()
        });
        if !is_polled {
            let stale_after = pool.map_or(*stale_after, |pool| pool.stale_after);
            let is_current = requested_at(value)?
                .is_some_and(|at| at + stale_after.as_millis() as u64 >= times.now());
            if !is_current {
                stale.push(key.to_vec());
            }
        }
        Ok(())
    })?;
    Ok(stale)
}
