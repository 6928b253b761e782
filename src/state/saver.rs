//! Takes what has changed from the store and saves it. It waits for the disk.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::directory::Directory;
use super::error::FileError;
use super::file::{Batch, Found, StateFile};
use super::forgotten::stale;
use super::known::Known;
use super::restore::{restore, restore_catalog};
use super::row::{self, PoolRow, StandingRow};
use super::saves::Saves;
use super::times::{ClockSteps, Restoring, SavedAt};
use crate::clock::{Clock, Mono};
use crate::discovery::CatalogChange;
use crate::identity::{Hex, PoolId};
use crate::schedule::Standing;
use crate::store::{ChangedRows, Leaver};
use crate::targets::Targets;

/// Identities that are taken from the store at once, and those that are saved at once.
const TAKEN_AT_ONCE: usize = 512;
const SAVED_AT_ONCE: usize = 16_384;
/// When nothing changes, where the schedule stands is saved this often.
const SAVE_ANYWAY: Duration = Duration::from_secs(60);
/// How long usage waits for those that were discovered to become targets.
const MAX_RELIST: Duration = Duration::from_secs(120);
/// How often those are forgotten who are polled no longer and whose usage is stale.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);
/// After a failure, the next attempt waits for this long, twice as long after another, and so on.
const FIRST_RETRY: Duration = Duration::from_secs(2);
const LAST_RETRY: Duration = Duration::from_secs(8);

/// Saves what the store knows in a directory.
#[derive(Debug)]
pub(super) struct Saver {
    path: PathBuf,
    /// `None` before the first time, and after a failure: it is opened anew.
    file: Option<StateFile>,
    /// Which file all that was known was saved in.
    inode: Option<(u64, u64)>,
    /// Whether what a file held was given to the store.
    was_restored: bool,
    /// Usage that was found after polls had begun, and waits for its identities.
    late: Option<Late>,
    known: Known,
    saves: Arc<Saves>,
    clock: Clock,
    steps: ClockSteps,
    standing: Option<Standing>,
    /// Of the list of identities that was saved last.
    fingerprint: Option<(Arc<Targets>, u64)>,
    saved_at: Option<Mono>,
    forget_at: Mono,
    retry_at: Mono,
    retry: Duration,
}

/// What was found in a file, of which the usage is not in the store yet.
#[derive(Debug)]
struct Late {
    found: Found,
    /// It waits no longer.
    until: Mono,
}

impl Saver {
    pub(super) fn new(path: &Path, known: Known, saves: &Arc<Saves>, clock: &Clock) -> Self {
        let now = clock.now();
        let since_boot = clock.since_boot().map(|since| since.time);
        Self {
            path: path.to_owned(),
            file: None,
            inode: None,
            was_restored: false,
            late: None,
            known,
            saves: Arc::clone(saves),
            clock: clock.clone(),
            steps: ClockSteps::new(now, since_boot),
            standing: None,
            fingerprint: None,
            saved_at: None,
            forget_at: now.mono,
            retry_at: now.mono,
            retry: FIRST_RETRY,
        }
    }

    /// Saves all that has changed, and where the schedule stands, if that is known. After a failure
    /// it waits for a while before it tries again, unless it `is_last`.
    pub(super) fn save(&mut self, standing: Option<Standing>, is_last: bool) {
        self.standing = standing.or(self.standing.take());
        let now = self.clock.now();
        if now.mono < self.retry_at && !is_last {
            return;
        }
        let saved = self.open().and_then(|_| {
            self.restore_late()?;
            self.save_all()
        });
        match saved {
            Ok(()) => {
                if self.saves.fails() {
                    info!(directory = %self.path.display(), "the state is saved again");
                }
                self.retry = FIRST_RETRY;
                self.saves.saved(self.clock.now().unix);
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Notes a failure, and says the first of several.
    pub(super) fn failed(&mut self, error: &FileError) {
        if !self.saves.fails() {
            warn!(
                directory = %self.path.display(),
                %error,
                "the state cannot be saved; polls go on, and saving is tried again"
            );
        }
        self.saves.failed();
        self.close();
        self.retry_at = self.clock.now().mono + self.retry;
        self.retry = (self.retry * 2).min(LAST_RETRY);
    }

    /// Ends with the file. After a failure, what redb does to end properly may fail too.
    pub(super) fn close(&mut self) {
        let file = self.file.take();
        // A panic was counted and logged.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(file)));
    }

    /// Opens the file if it is not, or if it is not that of the directory any more. The first one
    /// gives what it holds to the store; then it returns where the schedule stood.
    pub(super) fn open(&mut self) -> Result<Option<Standing>, FileError> {
        let directory = Directory::make(&self.path).map_err(std::io::Error::other)?;
        let is_there = |file: &StateFile| directory.inode().ok() == file.inode();
        if self.file.as_ref().is_some_and(is_there) {
            return Ok(None);
        }
        self.close();
        let opened = StateFile::open(directory.open()?);
        let opened = opened.and_then(|(file, found)| Ok((self.restore(&file, found)?, file)));
        let (standing, file) = match opened {
            Err(error) if error.is_final() => {
                let aside = directory.move_aside()?;
                warn!(
                    %error,
                    moved_to = %aside.display(),
                    "the saved state cannot be read; the file was moved aside, and a new one is started"
                );
                (None, StateFile::open(directory.open()?)?.0)
            }
            opened => opened?,
        };
        // Another file does not have what was saved in the one before.
        if self.inode.is_some() && self.inode != file.inode() {
            self.late = None;
        }
        if self.inode != file.inode() && (self.inode.is_some() || standing.is_none()) {
            self.known.store.mark_all_changed();
            self.known.catalog.mark_all_unsaved();
        }
        self.was_restored = true;
        self.inode = file.inode();
        self.file = Some(file);
        Ok(standing)
    }

    fn restore(
        &mut self,
        file: &StateFile,
        found: Option<Found>,
    ) -> Result<Option<Standing>, FileError> {
        let Some(found) = found.filter(|_| !self.was_restored) else {
            return Ok(None);
        };
        let Known {
            store,
            catalog,
            relist,
        } = &self.known;
        let targets = store.snapshot().targets;
        let is_discovered = restore_catalog(file, &found, catalog, &targets)?;
        let since_boot = self.clock.since_boot();
        let times = Restoring::new(&found.saved_at, self.clock.now(), since_boot.as_ref());
        let standing = found.standing.standing(&times);
        if is_discovered && !relist.run() {
            catalog.announce();
            let until = self.clock.now().mono + MAX_RELIST;
            self.late = Some(Late { found, until });
            return Ok(Some(standing));
        }
        self.restore_usage(file, &found, &times)?;
        Ok(Some(standing))
    }

    fn restore_usage(
        &self,
        file: &StateFile,
        found: &Found,
        times: &Restoring,
    ) -> Result<(), FileError> {
        let store = &self.known.store;
        let targets = store.snapshot().targets;
        let restored = restore(file, found, store, &targets, times)?;
        self.saves.restored(restored);
        Ok(())
    }

    /// Restores the usage that waits for discovered identities to become targets: else it would be
    /// that of nobody.
    fn restore_late(&mut self) -> Result<(), FileError> {
        let Some(late) = &self.late else {
            return Ok(());
        };
        let targets = self.known.store.snapshot().targets;
        let is_target = |(pool, known, _): (PoolId, usize, _)| {
            let mut pools = targets.pools.iter();
            pools.any(|of| of.id == pool && of.identities.len() >= known)
        };
        let are_targets = self.known.catalog.all().into_iter().all(is_target);
        if !are_targets && self.clock.now().mono < late.until {
            return Ok(());
        }
        if let (Some(late), Some(file)) = (self.late.take(), &self.file) {
            let since_boot = self.clock.since_boot();
            let (now, saved_at) = (self.clock.now(), &late.found.saved_at);
            let times = Restoring::new(saved_at, now, since_boot.as_ref());
            self.restore_usage(file, &late.found, &times)?;
        }
        Ok(())
    }

    fn save_all(&mut self) -> Result<(), FileError> {
        loop {
            let since_boot = self.clock.since_boot().map(|since| since.time);
            let now = self.clock.now();
            if let Some(seconds) = self.steps.look(now, since_boot) {
                warn!(
                    seconds,
                    "the clock was changed; the whole state is saved again with the new time"
                );
                self.known.store.mark_all_changed();
            }
            let taken = self.take();
            let of_catalog = self.known.catalog.take_changes(SAVED_AT_ONCE);
            let is_last =
                taken.last().is_none_or(|rows| rows.left == 0) && self.known.catalog.is_saved();
            let is_empty = taken.iter().all(ChangedRows::is_empty) && of_catalog.is_empty();
            let is_late = |saved_at: Mono| now.mono.since(saved_at) >= SAVE_ANYWAY;
            if is_empty && !self.saved_at.is_none_or(is_late) {
                return Ok(());
            }
            if let Err(error) = self.save_taken(&taken, &of_catalog) {
                self.known.catalog.put_back(of_catalog);
                taken
                    .into_iter()
                    .for_each(|rows| self.known.store.put_back(rows));
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
            let rows = self.known.store.take_changed(TAKEN_AT_ONCE);
            let is_last = rows.left == 0;
            taken.push(rows);
            if is_last {
                break;
            }
        }
        taken
    }

    fn save_taken(
        &mut self,
        taken: &[ChangedRows],
        of_catalog: &[CatalogChange],
    ) -> Result<(), FileError> {
        let Some((file, latest)) = self.file.as_mut().zip(taken.last()) else {
            return Ok(());
        };
        let mut identities = Vec::new();
        // A reload may come between two that were taken: each pool, and the latest that is known.
        let mut pools = HashMap::new();
        for rows in taken {
            for Leaver { pool, id, kept } in &rows.leavers {
                let number = file.pool_number(pool)?;
                let hex = id.split_once(':').map_or("", |(_, hex)| hex);
                let row = row::identity_row(kept, &self.steps);
                identities.push((row::key(number, &Hex::new(hex)), row));
            }
            for (pool, identity, kept) in &rows.identities {
                let pool = &rows.targets[*pool];
                let number = file.pool_number(&pool.id)?;
                let hex = Hex::new(pool.identities.hex(*identity));
                let key = row::key(number, &hex);
                identities.push((key, row::identity_row(kept, &self.steps)));
            }
            for (pool, kept) in rows.targets.pools.iter().zip(&rows.pools) {
                let number = file.pool_number(&pool.id)?;
                let passes = self
                    .known
                    .catalog
                    .of_pool(&pool.id)
                    .map(|(_, passes)| passes);
                let row = PoolRow::new(number, pool.stale_after, kept, passes, &self.steps);
                pools.insert(pool.id.clone(), row);
            }
        }
        for change in of_catalog {
            let number = file.pool_number(&change.pool)?;
            identities.extend(change.identities.iter().map(|(hex, misses)| {
                let row = misses.map_or(Vec::new(), |misses| row::to_bytes(&misses));
                (row::discovered_key(number, hex), row)
            }));
        }
        let now = self.clock.now();
        if self.forget_at <= now.mono {
            self.forget_at = now.mono + FORGET_EVERY;
            let stale = stale(file, &latest.targets, &self.known.catalog, now)?;
            identities.extend(stale.into_iter().map(|key| (key, Vec::new())));
        }
        let fingerprint = match self.fingerprint.take() {
            Some((of, fingerprint)) if Arc::ptr_eq(&of, &latest.targets) => fingerprint,
            _ => latest.targets.fingerprint(),
        };
        self.fingerprint = Some((Arc::clone(&latest.targets), fingerprint));
        let (now, standing) = (self.clock.now(), self.standing.as_ref());
        file.save(Batch {
            saved_at: SavedAt::new(now, self.clock.since_boot()),
            standing: standing.map(|standing| StandingRow::new(standing, now.mono)),
            fingerprint,
            pools: pools.into_iter().collect(),
            identities,
        })
    }
}
