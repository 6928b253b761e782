//! Whether files have changed since they were read.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::digest::Digest;
use tokio::time::Instant;

/// How long files may change again without new stamps, because the clocks of file systems are
/// coarse.
const SETTLING_TIME: Duration = Duration::from_secs(3);

/// The stamps of files when they were read, and a digest of what was read.
///
/// The times of files are those of a clock that may be wrong, so they are only compared, and it is
/// the age of the stamps here that counts.
pub(super) struct FileStamps {
    stamps: Vec<(PathBuf, FileStamp)>,
    content: Digest,
    /// When the reading began.
    read: Instant,
    /// When the reading began that found these stamps first.
    since: Instant,
}

impl FileStamps {
    pub(super) fn new(stamps: Vec<(PathBuf, FileStamp)>, content: Digest, read: Instant) -> Self {
        Self {
            stamps,
            content,
            read,
            since: read,
        }
    }

    /// The files, in the order in which they were read.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.stamps.iter().map(|(path, _)| path.as_path())
    }

    /// Whether any file may have changed.
    pub(super) fn may_have_changed(&self) -> bool {
        let has_settled = self.read.saturating_duration_since(self.since) >= SETTLING_TIME;
        let is_changed = |(path, stamp): &(PathBuf, FileStamp)| *stamp != FileStamp::of(path);
        !has_settled || self.stamps.iter().any(is_changed)
    }

    /// Whether the same contents were read.
    pub(super) fn same_content(&self, other: &Self) -> bool {
        self.content.as_ref() == other.content.as_ref()
    }

    /// These, if they are the same as those of an earlier reading.
    pub(super) fn unchanged_since(self, earlier: &Self) -> Option<Self> {
        let since = earlier.since;
        let is_same = self.stamps == earlier.stamps && self.same_content(earlier);
        is_same.then_some(Self { since, ..self })
    }
}

/// Device, inode, size and times of a file; `None` when it cannot be examined.
#[derive(Debug, PartialEq)]
pub(super) struct FileStamp(Option<[i64; 7]>);

impl FileStamp {
    pub(super) fn of(path: &Path) -> Self {
        let stamp = |file: Metadata| {
            [
                file.dev().cast_signed(),
                file.ino().cast_signed(),
                file.size().cast_signed(),
                file.mtime(),
                file.mtime_nsec(),
                file.ctime(),
                file.ctime_nsec(),
            ]
        };
        Self(fs::metadata(path).ok().map(stamp))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::SystemTime;

    use crate::web_config::load::{read, read_unchanged};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn stamps_settle_whatever_the_clock_of_the_files_says() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("web.yaml");
        fs::write(&path, "rate_limit:\n").unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        let future = SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
        file.set_modified(future).unwrap();
        let (_, first) = read(&path);
        assert!(
            first.may_have_changed(),
            "it may change again with the same stamp"
        );
        tokio::time::advance(SETTLING_TIME * 10).await;
        assert!(first.may_have_changed(), "and may have done so since");
        let settled = read_unchanged(&first).unwrap();
        assert!(!settled.may_have_changed());
        fs::write(&path, "rate_limit: {}\n").unwrap();
        assert!(settled.may_have_changed());
        assert!(read_unchanged(&settled).is_none());
    }
}
