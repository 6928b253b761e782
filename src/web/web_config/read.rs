//! The files that a web configuration is made of, and whether they have changed since they were
//! looked at.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, Digest, SHA256};
use zeroize::Zeroizing;

use super::tls::Given;

/// Files whose clocks are this near, in seconds, may have changed again without looking any
/// different: file systems keep time as coarsely as that.
const SETTLED_AFTER: f64 = 2.0;

/// Reads files, and remembers what they looked like before.
pub(super) struct Reader {
    directory: PathBuf,
    looks: Vec<(PathBuf, Look)>,
    content: Context,
}

impl Reader {
    /// For the file at that path, which others are relative to.
    pub(super) fn of(file: &Path) -> Self {
        let directory = file.parent().unwrap_or(Path::new("")).to_owned();
        Self {
            directory,
            looks: Vec::new(),
            content: Context::new(&SHA256),
        }
    }

    pub(super) fn read(&mut self, path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
        self.looks.push((path.to_owned(), Look::at(path)));
        let content = fs::read(path).map(Zeroizing::new);
        // Between two files, so that none can pass for a part of the other.
        self.content.update(
            &content
                .as_ref()
                .map_or(u64::MAX, |content| content.len() as u64)
                .to_be_bytes(),
        );
        self.content
            .update(content.as_deref().map_or(&[], Vec::as_slice));
        content.map_err(|error| format!("open {}: {}", path.display(), in_words(&error)))
    }

    /// A text that is given under a key.
    pub(super) fn text(
        &mut self,
        key: &str,
        given: Given<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, String> {
        match given {
            Given::Inline(text) => Ok(Zeroizing::new(text.as_bytes().to_owned())),
            Given::File(path) => {
                let path = self.directory.join(path);
                self.read(&path)
                    .map_err(|error| format!("failed to read {key} ({}): {error}", path.display()))
            }
        }
    }

    pub(super) fn done(self) -> Looks {
        Looks {
            looks: self.looks,
            content: self.content.finish(),
        }
    }
}

/// As Go has it.
fn in_words(error: &io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// What files looked like when they were read.
pub(super) struct Looks {
    looks: Vec<(PathBuf, Look)>,
    content: Digest,
}

impl Looks {
    /// Whether the files may have changed since, seen at this time in seconds since 1970.
    pub(super) fn may_differ(&self, now: f64) -> bool {
        self.looks
            .iter()
            .any(|(path, look)| look.is_fresh(now) || *look != Look::at(path))
    }

    /// Whether the same was read.
    pub(super) fn same_content(&self, other: &Self) -> bool {
        self.content.as_ref() == other.content.as_ref()
    }
}

/// What tells one state of a file from another; nothing when it cannot be seen.
#[derive(Debug, PartialEq)]
struct Look(Option<[i64; 7]>);

impl Look {
    fn at(path: &Path) -> Self {
        let tell = |file: Metadata| {
            [
                file.dev().cast_signed(),
                file.ino().cast_signed(),
                file.size().cast_signed(),
                file.mtime(),
            ]
            .into_iter()
            .chain([file.mtime_nsec(), file.ctime(), file.ctime_nsec()])
            .collect::<Vec<_>>()
        };
        Self(
            fs::metadata(path)
                .ok()
                .and_then(|file| tell(file).try_into().ok()),
        )
    }

    fn is_fresh(&self, now: f64) -> bool {
        self.0.is_some_and(|[_, _, _, changed, _, moved, _]| {
            now - SETTLED_AFTER < changed.max(moved) as f64 + 1.0
        })
    }
}
