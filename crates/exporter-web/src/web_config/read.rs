//! Reads the files that a web configuration is made of.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use rustix::fs::OFlags;
use thiserror::Error;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::stamps::{FileStamp, FileStamps};

/// The longest file that is read, in bytes. All of the system's authorities have a quarter of a
/// MiB.
const MAX_BYTES: u64 = 16 << 20;

/// Reads files and remembers their stamps and a digest of their contents.
pub(super) struct FileReader {
    directory: PathBuf,
    stamps: Vec<(PathBuf, FileStamp)>,
    digest: Context,
}

/// Where a PEM text is: in the web configuration itself, or in a file relative to it.
#[derive(Clone, Copy)]
pub(super) enum PemSource<'a> {
    Inline(&'a str),
    File(&'a Path),
}

impl<'a> PemSource<'a> {
    /// The source that two keys of the configuration give. A file takes precedence; empty texts
    /// count as absent.
    pub(super) fn of(inline: &'a Option<String>, file: &'a Option<String>) -> Option<Self> {
        let given = |text: &'a Option<String>| text.as_deref().filter(|text| !text.is_empty());
        given(file)
            .map(|file| Self::File(Path::new(file)))
            .or_else(|| given(inline).map(Self::Inline))
    }
}

/// A file that cannot be read.
#[derive(Debug, Error)]
#[error("open {}: {}", .path.display(), in_go_words(.error))]
pub(super) struct ReadError {
    path: PathBuf,
    error: io::Error,
}

/// A PEM file that cannot be read.
#[derive(Debug, Error)]
#[error("failed to read {key} ({}): {error}", .error.path.display())]
pub(super) struct ReadPemError {
    key: &'static str,
    error: ReadError,
}

impl FileReader {
    /// For the web configuration at a path, which other paths are relative to.
    pub(super) fn for_config(path: &Path) -> Self {
        Self {
            directory: path.parent().unwrap_or(Path::new("")).to_owned(),
            stamps: Vec::new(),
            digest: Context::new(&SHA256),
        }
    }

    pub(super) fn read(&mut self, path: &Path) -> Result<Zeroizing<Vec<u8>>, ReadError> {
        self.stamps.push((path.to_owned(), FileStamp::of(path)));
        let content = read_regular(path);
        // The lengths keep the end of one file apart from the start of the next.
        let length = content
            .as_ref()
            .map_or(u64::MAX, |content| content.len() as u64);
        self.digest.update(&length.to_be_bytes());
        self.digest
            .update(content.as_deref().map_or(&[], Vec::as_slice));
        content.map_err(|error| ReadError {
            path: path.to_owned(),
            error,
        })
    }

    /// Reads the PEM text of a key of the configuration.
    pub(super) fn read_pem(
        &mut self,
        key: &'static str,
        source: PemSource<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, ReadPemError> {
        match source {
            PemSource::Inline(text) => Ok(Zeroizing::new(text.as_bytes().to_owned())),
            PemSource::File(path) => self
                .read(&self.directory.join(path))
                .map_err(|error| ReadPemError { key, error }),
        }
    }

    /// The stamps of all files that were read, from a time on.
    pub(super) fn into_stamps(self, start: Instant) -> FileStamps {
        FileStamps::new(self.stamps, self.digest.finish(), start)
    }
}

impl ReadPemError {
    /// Whether the exporter-toolkit would read the file.
    pub(super) fn is_ours(&self) -> bool {
        self.error.error.raw_os_error().is_none()
    }
}

/// The content of a regular file. Pipes and devices are never opened, since that may wait or have
/// effects. The file may have become one by the time that it is opened, so no pipe is waited for.
fn read_regular(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    check(&fs::metadata(path)?)?;
    let file = File::options()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(path)?;
    let metadata = file.metadata()?;
    check(&metadata)?;
    // Of the whole length at once, since a buffer that grows leaves copies of keys behind.
    let length = metadata.len().min(MAX_BYTES) as usize + 1;
    let mut content = Zeroizing::new(Vec::with_capacity(length));
    file.take(MAX_BYTES + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("larger than 16 MiB"));
    }
    Ok(content)
}

fn check(metadata: &Metadata) -> io::Result<()> {
    // Go's error for directories comes from reading them.
    if metadata.is_file() || metadata.is_dir() {
        Ok(())
    } else {
        Err(io::Error::other("not a regular file"))
    }
}

/// An error of the system as Go prints it.
fn in_go_words(error: &io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}
