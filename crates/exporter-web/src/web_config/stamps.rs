//! Whether files have changed since they were read.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::Digest;

/// Seconds after a change in which a file may change again without a new stamp, because the clocks
/// of file systems are coarse.
const SETTLING_SECONDS: f64 = 2.0;

/// The stamps of files when they were read, and a digest of what was read.
pub(super) struct FileStamps {
    stamps: Vec<(PathBuf, FileStamp)>,
    content: Digest,
}

impl FileStamps {
    pub(super) fn new(stamps: Vec<(PathBuf, FileStamp)>, content: Digest) -> Self {
        Self { stamps, content }
    }

    /// Whether any file may have changed. `now` is in seconds since 1970.
    pub(super) fn may_have_changed(&self, now: f64) -> bool {
        self.stamps
            .iter()
            .any(|(path, stamp)| stamp.is_too_recent(now) || *stamp != FileStamp::of(path))
    }

    /// Whether the same contents were read.
    pub(super) fn same_content(&self, other: &Self) -> bool {
        self.content.as_ref() == other.content.as_ref()
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

    /// By the time that the system sets with each change, whatever time of modification people
    /// give a file. One that lies far ahead is of another clock, and says nothing.
    fn is_too_recent(&self, now: f64) -> bool {
        self.0.is_some_and(|[_, _, _, _, _, changed, _]| {
            let ago = now - changed as f64;
            (-SETTLING_SECONDS..SETTLING_SECONDS + 1.0).contains(&ago)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_of_the_last_moments_makes_a_file_too_recent() {
        let stamp = |modified, changed| FileStamp(Some([1, 2, 3, modified, 0, changed, 0]));
        for (modified, changed, is_too_recent) in [
            (100, 100, true),
            (100, 98, true),
            (100, 96, false),
            (5_000, 50, false),
            (5_000, 5_000, false),
        ] {
            let found = stamp(modified, changed).is_too_recent(100.5);
            assert_eq!(found, is_too_recent, "{modified} {changed}");
        }
    }
}
