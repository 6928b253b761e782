//! What outlives the process: `--state.path`.
//!
//! The store notes which identities change. Every few seconds a [`Saver`] takes them and writes
//! them into the [`file`](file::StateFile) of a [`directory`](directory::Directory), on a thread of
//! its own, so that no poll and no scrape waits for a disk. [`open`] gives all of it back to the
//! store. A file that is damaged is moved aside and begun anew; a disk that is full or slow costs
//! only what would be lost if the process ended now.

mod directory;
mod error;
mod file;
mod journal;
mod keeper;
mod row;
mod saver;
mod saves;
mod times;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use tracing::{error, info, warn};

use crate::clock::{Clock, Mono};
use crate::schedule::Standing;
use crate::store::{RestoredRow, Store};
use crate::targets::Targets;
use directory::{Directory, RefusedDirectory};
use error::FileError;
use file::{Found, StateFile};
pub use keeper::{Keeper, Opening, open_in_time};
use saver::Saver;
pub use saves::Saves;
use times::Restoring;

/// Rows that are given back to the store at once.
const ROWS_AT_ONCE: usize = 4_096;

/// Why a directory cannot be used, so that the daemon does not start.
#[derive(Debug, Error)]
#[error("--state.path: {} {why}", directory.display())]
pub struct StateError {
    directory: PathBuf,
    why: String,
}

/// What was found in a directory, beside what was given to the store.
#[derive(Debug)]
pub struct Opened {
    saver: Saver,
    /// Where the schedule of the process before stood.
    pub standing: Standing,
}

impl Opened {
    /// Saves all that has changed, and where the schedule stands, if that is known. It waits for
    /// the disk.
    pub fn save(&mut self, standing: Option<Standing>) {
        self.saver.save(standing);
    }
}

/// Opens a directory, and gives all that it holds to the store. It waits for the disk.
///
/// # Errors
/// When it cannot be made, another process uses it, or others may write in it.
pub fn open(
    path: &Path,
    store: &Arc<Store>,
    targets: &Targets,
    saves: &Arc<Saves>,
    clock: &Clock,
) -> Result<Opened, StateError> {
    let refused = |why: String| StateError {
        directory: path.to_owned(),
        why,
    };
    store.note_changes();
    let directory = match Directory::make(path) {
        Ok(directory) => directory,
        Err(error) if may_pass(&error) => {
            unusable(path, &error);
            let saver = Saver::new(path, None, store, saves, clock);
            let standing = Standing::default();
            return Ok(Opened { saver, standing });
        }
        Err(error) => return Err(refused(error.to_string())),
    };
    let mut standing = Standing::default();
    let opened = directory.warn_if_wide().map_err(FileError::from);
    let opened = opened
        .and_then(|()| open_file(&directory, clock))
        .and_then(|(file, found)| {
            let Some(found) = found else { return Ok(file) };
            let times = Restoring::new(&found.saved_at, clock.now(), clock.since_boot().as_ref());
            match restore(&file, &found, store, targets, &times) {
                Ok(restored) => {
                    saves.restored(restored);
                    say_restored(restored, &found, targets, &times);
                    standing = found.standing.standing(&times);
                    Ok(file)
                }
                Err(error) if error.is_final() => {
                    drop(file);
                    begin_anew(&directory, &error, clock)
                }
                Err(error) => Err(error),
            }
        });
    let file = match opened {
        Ok(file) => Some(file),
        Err(FileError::InUse) => return Err(refused(FileError::InUse.to_string())),
        Err(error) => {
            unusable(path, &error);
            None
        }
    };
    let saver = Saver::new(path, file, store, saves, clock);
    Ok(Opened { saver, standing })
}

/// Opens the file of a directory; one that can never be used is moved aside, and a new one begun.
fn open_file(
    directory: &Directory,
    clock: &Clock,
) -> Result<(StateFile, Option<Found>), FileError> {
    match StateFile::open(directory.open()?) {
        Err(error) if error.is_final() => Ok((begin_anew(directory, &error, clock)?, None)),
        opened => opened,
    }
}

/// Moves a file aside that can never be used, and begins another one.
fn begin_anew(
    directory: &Directory,
    error: &FileError,
    clock: &Clock,
) -> Result<StateFile, FileError> {
    let aside = directory.move_aside(clock.now().unix)?;
    warn!(
        %error,
        moved_to = %aside.display(),
        "what was known before cannot be read: it was moved aside, and is begun anew"
    );
    Ok(StateFile::open(directory.open()?)?.0)
}

/// Gives all rows to the store. Returns how many identities are polled.
fn restore(
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
    file.each_identity(|key, value| {
        let (number, hex) = row::parse_key(key).ok_or_else(no_key)?;
        let (pool, of_pool) = found.pools.get(&number).ok_or_else(no_key)?;
        let kept = row::kept(value, times)?;
        let target = targets.pools.iter().find(|target| target.id == *pool);
        let stale_after = target.map_or(of_pool.stale_after, |target| target.stale_after);
        let asked = kept.success.map(|success| success.requested_at.mono);
        rows.push(RestoredRow {
            id: format!("{}:{hex}", pool.region()),
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
    Ok(restored)
}

fn no_key() -> FileError {
    FileError::Damaged("a key is of no pool".to_owned())
}

fn say_restored(restored: usize, found: &Found, targets: &Targets, times: &Restoring) {
    if let Some(step) = times.clock_step {
        warn!(
            seconds = step,
            "the clock was set since the state was saved; what is known keeps its age"
        );
    }
    info!(
        identities = restored,
        of = targets.identities(),
        saved_seconds_ago = times.elapsed().as_secs(),
        same_list = found.fingerprint == targets.fingerprint(),
        "what was known before is restored"
    );
}

fn unusable(path: &Path, error: &dyn std::error::Error) {
    error!(
        directory = %path.display(),
        %error,
        "what is known is not saved for now; it is tried again and again"
    );
}

/// Whether a disk, rather than the one who named the directory, is to blame, so that it may pass.
fn may_pass(error: &RefusedDirectory) -> bool {
    use io::ErrorKind::{
        FileTooLarge, Interrupted, QuotaExceeded, ReadOnlyFilesystem, StorageFull, TimedOut,
    };
    match error {
        RefusedDirectory::Io(error) => {
            matches!(
                error.kind(),
                FileTooLarge
                    | Interrupted
                    | QuotaExceeded
                    | ReadOnlyFilesystem
                    | StorageFull
                    | TimedOut
            ) || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
        }
        _ => false,
    }
}
