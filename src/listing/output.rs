//! Where a list goes: to standard output as it comes, or to a file that appears when it is whole.

use std::ffi::OsString;
use std::fs::{self, File, Permissions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use thiserror::Error;

use crate::file;

/// Of a new file: ids of identities are personal, and a guest's is a secret.
const MODE: u32 = 0o600;
/// Links in a row that Linux follows (path_resolution(7)); those that go round in a circle end.
const MAX_LINKS: u32 = 40;
/// No last line of a list is longer.
const LAST_LINE: u64 = 64;

/// Where a list is written. All of it may block.
#[derive(Debug)]
pub(super) enum Output {
    /// The list as far as it has come.
    Stdout,
    /// Nothing before the list is whole.
    File(AsideFile),
}

/// A file that is written beside the one whose place it takes, and removed unless it does.
#[derive(Debug)]
pub(super) struct AsideFile {
    /// Held under a lock.
    file: File,
    aside: PathBuf,
    path: PathBuf,
}

/// Why a list cannot be written.
#[derive(Debug, Error)]
pub enum OutputError {
    /// Who reads standard output has gone: it had what it wanted.
    #[error("standard output is closed")]
    Closed,
    #[error("cannot write to standard output: {0}")]
    Stdout(io::Error),
    #[error("cannot write {}: its directory does not exist; make it, or correct --output", .0.display())]
    NoDirectory(PathBuf),
    #[error("cannot write {}: {error}", .path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("{} is no regular file; leave --output out to write to standard output", .0.display())]
    NotRegular(PathBuf),
    #[error("{} is being written by another process", .0.display())]
    Locked(PathBuf),
}

impl Output {
    /// Standard output, or this file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, OutputError> {
        path.map_or(Ok(Self::Stdout), |path| {
            AsideFile::open(path).map(Self::File)
        })
    }

    /// Writes whole lines.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn write(&mut self, lines: &str) -> Result<(), OutputError> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                let written = stdout.write_all(lines.as_bytes());
                written.and_then(|()| stdout.flush()).map_err(of_stdout)
            }
            Self::File(it) => {
                let written = it.file.write_all(lines.as_bytes());
                written.map_err(|error| it.error(error))
            }
        }
    }

    /// The list is whole: the file takes its place.
    ///
    /// # Errors
    /// When it cannot.
    pub(super) fn complete(self) -> Result<(), OutputError> {
        match self {
            Self::Stdout => Ok(()),
            Self::File(it) => it.take_place().map_err(|error| it.error(error)),
        }
    }
}

fn of_stdout(error: io::Error) -> OutputError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => OutputError::Closed,
        _ => OutputError::Stdout(error),
    }
}

impl AsideFile {
    fn open(path: &Path) -> Result<Self, OutputError> {
        let path = followed(path);
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => OutputError::NoDirectory(path.clone()),
            _ => OutputError::File {
                path: path.clone(),
                error,
            },
        };
        match fs::metadata(&path) {
            Ok(found) if !found.is_file() => return Err(OutputError::NotRegular(path)),
            // A circle of links has no end.
            Err(_) if path.is_symlink() => return Err(OutputError::NotRegular(path)),
            Ok(_) | Err(_) => {}
        }
        let Some(name) = path.file_name() else {
            return Err(OutputError::NotRegular(path));
        };
        let mut aside = OsString::from(".");
        aside.push(name);
        aside.push(".partial");
        let aside = path.with_file_name(aside);
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(MODE)
            .custom_flags(OFlags::NOFOLLOW.bits() as i32)
            .open(&aside)
            .map_err(failed)?;
        // What a killed process left has no lock; some file systems have none at all. A file that
        // has taken its place meanwhile is the list itself.
        let is_locked = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        if is_locked || !is_at(&file, &aside) {
            return Err(OutputError::Locked(path));
        }
        let emptied = file.set_len(0);
        let private = emptied.and_then(|()| file.set_permissions(Permissions::from_mode(MODE)));
        private.map_err(failed)?;
        Ok(Self { file, aside, path })
    }

    /// With the mode of the file that was there, and its owner where that is allowed.
    fn take_place(&self) -> io::Result<()> {
        if let Ok(found) = fs::metadata(&self.path) {
            let own = self.file.metadata()?;
            if (own.uid(), own.gid()) != (found.uid(), found.gid()) {
                // Without privileges it stays as it is.
                let _ = fchown(&self.file, Some(found.uid()), Some(found.gid()));
            }
            let mode = Permissions::from_mode(found.mode() & 0o777);
            self.file.set_permissions(mode)?;
        }
        self.file.sync_all()?;
        fs::rename(&self.aside, &self.path)?;
        let directory = self.path.parent().filter(|it| !it.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    }

    fn error(&self, error: io::Error) -> OutputError {
        let path = self.path.clone();
        OutputError::File { path, error }
    }
}

/// Where links lead, which go on to name the file, be there one or not.
fn followed(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(target) = fs::read_link(&path) else {
            break;
        };
        path = path.with_file_name(target);
    }
    path
}

/// Whether the file at a path is this one.
fn is_at(file: &File, path: &Path) -> bool {
    let of = |found: fs::Metadata| (found.dev(), found.ino());
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(file), Ok(found)) => of(file) == of(found),
        _ => false,
    }
}

impl Drop for AsideFile {
    fn drop(&mut self) {
        // Once it has taken its place, there is none aside; another process would find it locked.
        if is_at(&self.file, &self.aside) {
            let _ = fs::remove_file(&self.aside);
        }
    }
}

/// The last line of the list that a file holds, if there is one. May block.
pub(super) fn last_line(path: &Path) -> Option<String> {
    let mut file = file::open(path, u64::MAX).ok()?;
    let start = file.metadata().ok()?.len().saturating_sub(LAST_LINE);
    file.seek(SeekFrom::Start(start)).ok()?;
    let mut end = Vec::new();
    file.take(LAST_LINE).read_to_end(&mut end).ok()?;
    // It may begin within a character.
    let end = String::from_utf8_lossy(&end);
    end.lines().last().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
        let mut names: Vec<_> = entries.map(|entry| name(entry).unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_whole_and_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ids");
        let mut output = Output::open(Some(&path)).unwrap();
        output.write("r:a\n").unwrap();
        assert_eq!(names(directory.path()), [".ids.partial"]);
        output.write("r:b\n").unwrap();
        output.complete().unwrap();
        assert_eq!(names(directory.path()), ["ids"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "r:a\nr:b\n");
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn the_file_before_stays_until_then_and_leaves_its_mode() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("ids"), directory.path().join("link"));
        fs::write(&path, "r:0\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        symlink("ids", &link).unwrap();
        let mut output = Output::open(Some(&link)).unwrap();
        output.write("r:a\n").unwrap();
        drop(output);
        assert_eq!(names(directory.path()), ["ids", "link"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "r:0\n");
        let mut output = Output::open(Some(&link)).unwrap();
        output.write("r:a\n").unwrap();
        output.complete().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "r:a\n");
        assert_eq!(mode(&path), 0o640);
    }

    #[test]
    fn links_name_a_file_that_is_yet_to_come() {
        let directory = tempfile::tempdir().unwrap();
        let [link, second, circle] =
            ["link", "second", "circle"].map(|name| directory.path().join(name));
        fs::create_dir(directory.path().join("sub")).unwrap();
        symlink("second", &link).unwrap();
        symlink("sub/ids", &second).unwrap();
        let mut output = Output::open(Some(&link)).unwrap();
        output.write("r:a\n").unwrap();
        output.complete().unwrap();
        let of_sub = directory.path().join("sub").join("ids");
        assert_eq!(fs::read_to_string(of_sub).unwrap(), "r:a\n");
        assert!(link.is_symlink() && second.is_symlink());
        symlink("circle", &circle).unwrap();
        let error = Output::open(Some(&circle)).unwrap_err();
        assert!(matches!(error, OutputError::NotRegular(_)), "{error}");
        assert!(circle.is_symlink());
    }

    #[test]
    fn what_a_killed_process_left_is_overwritten_and_what_another_writes_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ids");
        fs::write(directory.path().join(".ids.partial"), "r:0\nr:1\nr:2\n").unwrap();
        let mut output = Output::open(Some(&path)).unwrap();
        output.write("r:a\n").unwrap();
        let second = Output::open(Some(&path)).unwrap_err();
        assert!(matches!(second, OutputError::Locked(_)), "{second}");
        output.complete().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "r:a\n");
    }

    #[test]
    fn what_is_no_regular_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        for path in [directory.path(), Path::new("/dev/null"), Path::new("/")] {
            let error = Output::open(Some(path)).unwrap_err();
            assert!(matches!(error, OutputError::NotRegular(_)), "{error}");
        }
        let nowhere = directory.path().join("none").join("ids");
        let error = Output::open(Some(&nowhere)).unwrap_err();
        let error = error.to_string();
        assert!(error.ends_with("make it, or correct --output"), "{error}");
    }

    #[test]
    fn the_last_line_is_read_from_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ids");
        for (text, expected) in [
            ("", None),
            (
                "r:a\n# complete: 1 identities\n",
                Some("# complete: 1 identities"),
            ),
            ("r:a", Some("r:a")),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(last_line(&path).as_deref(), expected);
        }
        fs::write(&path, "r:a\n".repeat(100_000) + "# end\n").unwrap();
        assert_eq!(last_line(&path).as_deref(), Some("# end"));
        assert_eq!(last_line(directory.path()), None);
    }
}
