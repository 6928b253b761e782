//! Reads files that people name: never waits for what is not a regular file, and never reads
//! without end.

use std::fs::{self, File, FileType, Metadata};
use std::hash::Hasher;
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use siphasher::sip::SipHasher13;
use thiserror::Error;

/// Bytes that are hashed at once.
const PIECE: usize = 64 << 10;

/// Why a file cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it is {0}, expected a regular file")]
    NotRegular(&'static str),
    #[error("it is larger than {} MiB", .0 >> 20)]
    TooLarge(u64),
    #[error(
        "it is UTF-16, expected UTF-8: save it as UTF-8 (PowerShell: `| Out-File -Encoding utf8`), \
         or use `iconv -f UTF-16 -t UTF-8`"
    )]
    Utf16,
    #[error("it is not UTF-8, expected text in UTF-8 (line {0})")]
    NotUtf8(usize),
}

/// The content of a regular file of at most `max` bytes.
///
/// # Errors
/// When it cannot be read, is something else, or is larger.
pub fn read(path: &Path, max: u64) -> Result<Vec<u8>, ReadError> {
    let mut content = Vec::new();
    open(path, max)?
        .take(max + 1)
        .read_to_end(&mut content)
        .map_err(ReadError::Io)?;
    check_size(content.len() as u64, max)?;
    Ok(content)
}

/// The content of anything that can be read: a regular file, or a pipe or device, which may be
/// waited for, and which another reading would find empty. The second value says whether it is a
/// regular file.
///
/// # Errors
/// When it cannot be read, or holds more than `max` bytes.
pub fn read_any(path: &Path, max: u64) -> Result<(Vec<u8>, bool), ReadError> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_file() || kind.is_dir() || kind.is_socket() {
        return Ok((read(path, max)?, true));
    }
    let mut content = Vec::new();
    File::open(path)?.take(max + 1).read_to_end(&mut content)?;
    check_size(content.len() as u64, max)?;
    Ok((content, false))
}

/// The hash of a regular file's content, as [`hash`] makes it.
///
/// # Errors
/// As [`read`].
pub fn hash_of(path: &Path, max: u64) -> Result<u64, ReadError> {
    let mut file = open(path, max)?.take(max + 1);
    let (mut hasher, mut piece, mut size) = (SipHasher13::new(), vec![0; PIECE], 0);
    loop {
        match file.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => {
                hasher.write(&piece[..read]);
                size += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    check_size(size, max)?;
    Ok(hasher.finish())
}

/// A hash of a file's content, to see whether it changes.
#[must_use]
pub fn hash(content: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(content);
    hasher.finish()
}

/// A file's content as text.
///
/// # Errors
/// When it is not UTF-8.
pub fn text(content: Vec<u8>) -> Result<String, ReadError> {
    // Text in UTF-16 begins with a byte order mark or, in a language of commands, with ASCII.
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=0xff, ..] | [1..=0xff, 0, ..] = content[..]
    {
        return Err(ReadError::Utf16);
    }
    String::from_utf8(content).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        ReadError::NotUtf8(1 + good.iter().filter(|byte| **byte == b'\n').count())
    })
}

/// Opens a regular file. What it is is looked at before, because opening a device may have effects,
/// and again afterwards, because it may be another one by then; no pipe is waited for.
pub(crate) fn open(path: &Path, max: u64) -> Result<File, ReadError> {
    check(&fs::metadata(path)?, max)?;
    let file = File::options()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(path)?;
    check(&file.metadata()?, max)?;
    Ok(file)
}

fn check(metadata: &Metadata, max: u64) -> Result<(), ReadError> {
    if !metadata.is_file() {
        return Err(ReadError::NotRegular(name(metadata.file_type())));
    }
    check_size(metadata.len(), max)
}

fn check_size(size: u64, max: u64) -> Result<(), ReadError> {
    if size > max {
        return Err(ReadError::TooLarge(max));
    }
    Ok(())
}

fn name(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

/// Makes a named pipe. No child process does, since one test ends those.
#[cfg(test)]
pub(crate) fn make_pipe(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    const MAX: u64 = 1 << 20;
    const UTF_16: &str = "it is UTF-16, expected UTF-8: save it as UTF-8 (PowerShell: `| Out-File \
                          -Encoding utf8`), or use `iconv -f UTF-16 -t UTF-8`";

    #[test]
    fn only_regular_files_are_opened() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let _socket = UnixListener::bind(path("socket")).unwrap();
        make_pipe(&path("pipe"));
        for (path, expected) in [
            (path("pipe"), "it is a pipe, expected a regular file"),
            (path("socket"), "it is a socket, expected a regular file"),
            (
                "/dev/zero".into(),
                "it is a device, expected a regular file",
            ),
            (path(""), "it is a directory, expected a regular file"),
        ] {
            assert_eq!(read(&path, MAX).unwrap_err().to_string(), expected);
            assert_eq!(hash_of(&path, MAX).unwrap_err().to_string(), expected);
        }
        assert!(matches!(
            read_any(&path(""), MAX),
            Err(ReadError::NotRegular(_))
        ));
        assert!(matches!(
            read_any(&path("socket"), MAX),
            Err(ReadError::NotRegular(_))
        ));
        assert!(matches!(
            read_any(Path::new("/dev/zero"), MAX),
            Err(ReadError::TooLarge(MAX))
        ));
        assert_eq!(
            read_any(Path::new("/dev/null"), MAX).unwrap(),
            (Vec::new(), false)
        );
    }

    #[test]
    fn a_size_has_a_bound() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, vec![7; 3 * PIECE + 1]).unwrap();
        assert_eq!(
            hash_of(&path, MAX).unwrap(),
            hash(&read(&path, MAX).unwrap())
        );
        assert!(read_any(&path, MAX).unwrap().1);
        // Sparse, so that it takes no space.
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(MAX + 1)
            .unwrap();
        for error in [
            read(&path, MAX).unwrap_err(),
            hash_of(&path, MAX).unwrap_err(),
        ] {
            assert_eq!(error.to_string(), "it is larger than 1 MiB");
        }
        // A size that the system does not tell.
        let endless = read(Path::new("/proc/self/maps"), 1);
        assert!(
            matches!(endless, Err(ReadError::TooLarge(1))),
            "{endless:?}"
        );
    }

    #[test]
    fn text_is_utf_8() {
        let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (content, expected) in [
            (utf_16("\u{feff}pools:"), Some(UTF_16)),
            (utf_16("pools:"), Some(UTF_16)),
            (b"\xfe\xff\0p".to_vec(), Some(UTF_16)),
            (b"\0p\0o".to_vec(), Some(UTF_16)),
            (
                b"a\nb\n\xe9".to_vec(),
                Some("it is not UTF-8, expected text in UTF-8 (line 3)"),
            ),
            (b"".to_vec(), None),
            (b"\n".to_vec(), None),
            ("é".into(), None),
        ] {
            let refused = text(content).err().map(|error| error.to_string());
            assert_eq!(refused.as_deref(), expected);
        }
    }
}
