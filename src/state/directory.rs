//! The directory in which what is known outlives the process. Ids of identities are personal, so
//! nobody else may read it, and nobody else may write what is believed.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tracing::warn;

const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Group and others may write.
const WRITABLE: u32 = 0o022;
/// Group and others may do anything.
const WIDE: u32 = 0o077;

const FILE: &str = "state.redb";
const ASIDE: &str = "state.redb.unusable";

/// The directory of `--state.path`.
#[derive(Clone, Debug)]
pub(super) struct Directory(PathBuf);

/// Why a directory is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum RefusedDirectory {
    #[error(
        "cannot be made or looked at: {0}; expected a directory that the exporter may make and write"
    )]
    Io(#[from] io::Error),
    #[error("is not a directory; name one, or a name that is free, where it is then made")]
    NotADirectory,
    #[error(
        "can be written by others (mode {0:04o}), who could forge the state; \
         expected 0700: chmod go-w, or name a directory in it, which is then made"
    )]
    Writable(u32),
    #[error(
        "belongs to another user (uid {0}): give it to the one that runs the exporter (chown), or \
         name a directory in it, which is then made"
    )]
    Foreign(u32),
}

impl Directory {
    /// The directory at a path, which is made if it does not exist.
    ///
    /// # Errors
    /// When it cannot be made, is something else, or others may write in it.
    pub(super) fn make(path: &Path) -> Result<Self, RefusedDirectory> {
        DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(path)
            .or_else(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => Ok(()),
                _ => Err(error),
            })?;
        let found = fs::metadata(path)?;
        if !found.is_dir() {
            return Err(RefusedDirectory::NotADirectory);
        }
        let mode = found.mode() & 0o7777;
        if mode & WRITABLE != 0 {
            return Err(RefusedDirectory::Writable(mode));
        }
        let me = rustix::process::geteuid().as_raw();
        if found.uid() != me && found.uid() != 0 {
            return Err(RefusedDirectory::Foreign(found.uid()));
        }
        Ok(Self(path.to_owned()))
    }

    /// Says if others may read it.
    pub(super) fn warn_if_wide(&self) {
        let mode = fs::metadata(&self.0).map_or(0, |found| found.mode() & 0o7777);
        if mode & WIDE != 0 {
            warn!(
                directory = %self.0.display(),
                mode = format!("{mode:04o}"),
                "the directory of --state.path can be read by others, and ids of identities are \
                 personal; expected mode 0700"
            );
        }
    }

    /// Which file is there: its device and its number there.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn inode(&self) -> io::Result<(u64, u64)> {
        let file = fs::metadata(self.0.join(FILE))?;
        Ok((file.dev(), file.ino()))
    }

    /// Opens the file, which is made if it does not exist, for this process alone.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn open(&self) -> io::Result<File> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(self.0.join(FILE))?;
        if file.metadata()?.mode() & WIDE != 0 {
            file.set_permissions(Permissions::from_mode(FILE_MODE))?;
        }
        Ok(file)
    }

    /// Moves the file aside, in the place of one that was before. Returns where it is.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub(super) fn move_aside(&self) -> io::Result<PathBuf> {
        let aside = self.0.join(ASIDE);
        fs::rename(self.0.join(FILE), &aside)?;
        Ok(aside)
    }
}

impl RefusedDirectory {
    /// Whether a disk, rather than the one who named the directory, is to blame, so that it may
    /// pass.
    pub(super) fn may_pass(&self) -> bool {
        use io::ErrorKind::{
            AlreadyExists, InvalidFilename, InvalidInput, NotADirectory, NotFound, PermissionDenied,
        };
        match self {
            Self::Io(error) => !matches!(
                error.kind(),
                AlreadyExists
                    | InvalidFilename
                    | InvalidInput
                    | NotADirectory
                    | NotFound
                    | PermissionDenied
            ),
            Self::NotADirectory | Self::Writable(_) | Self::Foreign(_) => false,
        }
    }
}
