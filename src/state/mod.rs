//! What outlives the process: `--state.path`.
//!
//! The store notes which identities change. Every few seconds a `Saver` takes them and writes them
//! into the file of a directory, on a thread for what blocks, so that no poll and no scrape waits
//! for a disk. [`open`] gives all of it back to the store. A file that is damaged is moved aside
//! and a new one is started; a full or slow disk costs only what would be lost if the process ended
//! now.

mod directory;
mod error;
mod file;
mod forgotten;
mod journal;
mod keeper;
mod known;
mod restore;
mod row;
mod saver;
mod saves;
mod times;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::clock::Clock;
use crate::schedule::Standing;
use directory::Directory;
use error::FileError;
pub use keeper::{Keeper, Opening, open_in_time};
pub use known::{Known, Relist};
use saver::Saver;
pub use saves::Saves;

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
        self.saver.save(standing, false);
    }
}

/// Opens a directory, and gives all that it holds to the catalog and the store. It waits for the
/// disk. What a full or broken disk does not give now is given when it does.
///
/// # Errors
/// When it cannot be made, another process uses it, or others may write in it.
pub fn open(
    path: &Path,
    known: Known,
    saves: &Arc<Saves>,
    clock: &Clock,
) -> Result<Opened, StateError> {
    let refused = |why: String| StateError {
        directory: path.to_owned(),
        why,
    };
    match Directory::make(path) {
        Ok(directory) => directory.warn_if_wide(),
        Err(error) if error.may_pass() => {}
        Err(error) => return Err(refused(error.to_string())),
    }
    known.store.note_changes();
    let relist = known.relist.clone();
    let mut saver = Saver::new(path, known, saves, clock);
    let opened = saver.open();
    // From now on the poller may have targets.
    relist.disable();
    let standing = match opened {
        Ok(standing) => standing,
        Err(FileError::InUse) => return Err(refused(FileError::InUse.to_string())),
        Err(error) => {
            saver.failed(&error);
            None
        }
    };
    Ok(Opened {
        saver,
        standing: standing.unwrap_or_default(),
    })
}
