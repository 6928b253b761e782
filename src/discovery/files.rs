//! Identity files: which there are, and what they hold.

use std::hash::Hasher;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use siphasher::sip::SipHasher13;
use thiserror::Error;

use super::globs::{self, GlobError};
use super::{IdentityList, ListFile, Listing, Provider, lines};
use crate::config::{Checked, Config, PoolConfig, Problem};
use crate::file::{self, ReadError};
use crate::identity::has_variable;
use crate::printable::without_ids;

/// The largest identity file, in bytes.
const MAX_SIZE: u64 = 1 << 30;

/// Provides the identities of the files that `identity_files` names.
pub struct Files;

/// Why the identities behind a path or glob cannot be read.
#[derive(Debug, Error)]
enum FileError {
    #[error(transparent)]
    Glob(#[from] GlobError),
    #[error("cannot read {}: {}{}", without_ids(&.0.to_string_lossy()), .1, remedy(.0, .1))]
    Unreadable(PathBuf, ReadError),
    #[error(
        "has a variable, which is not expanded, expected a path relative to the directory of the \
         configuration, or an absolute one"
    )]
    Variable,
}

impl Provider for Files {
    fn list(&self, file: &Path, pool: &PoolConfig) -> Checked<Listing> {
        let mut list = Checked::good(IdentityList::of_pool(pool));
        for pattern in 0..pool.identity_files.len() {
            if let Err(error) = read(file, pool, pattern, &mut list) {
                let key = format!("{}.identity_files[{pattern}]", pool.key);
                let problem = Problem::key(file, key, error.to_string());
                list.problems.push(problem);
            }
        }
        list.map(|list| Listing::Complete(Arc::new(list)))
    }
}

/// Reads the files that a pattern of the pool names.
fn read(
    config: &Path,
    pool: &PoolConfig,
    pattern: usize,
    list: &mut Checked<IdentityList>,
) -> Result<(), FileError> {
    let pattern_text = &pool.identity_files[pattern];
    if has_variable(pattern_text) {
        return Err(FileError::Variable);
    }
    for path in globs::matching(config, pattern_text)? {
        let (hash, text) = match content(&path) {
            Ok(content) => content,
            Err(error) => return Err(FileError::Unreadable(path, error)),
        };
        let before = list.value.len();
        lines::read(&path, &text, list);
        let identities = list.value.len() - before;
        let file = ListFile {
            pattern,
            hash,
            identities,
            is_cut_off: lines::is_cut_off(&text),
            completed: lines::completed(&text),
            path,
        };
        if let Some(contradiction) = file.contradiction() {
            let warning = Problem::whole(&file.path, contradiction);
            list.warnings.push(warning);
        }
        list.value.add_file(file);
    }
    Ok(())
}

/// What to do about a file that cannot be read.
fn remedy(path: &Path, error: &ReadError) -> &'static str {
    let text = path.to_string_lossy();
    match error {
        ReadError::NotRegular("a directory") => {
            "; a glob such as `DIRECTORY/*.txt` names those in it"
        }
        ReadError::Io(error) if error.kind() == io::ErrorKind::NotFound => {
            if path.iter().any(|part| part == "~") {
                "; `~` is not expanded, expected the whole path"
            } else if text.contains('\\') {
                "; expected `/` between the parts of a path"
            } else {
                "; paths are relative to the directory of the configuration"
            }
        }
        ReadError::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            "; the exporter's user must be able to read it"
        }
        _ => "",
    }
}

fn content(path: &Path) -> Result<(u64, String), ReadError> {
    let content = file::read(path, MAX_SIZE)?;
    Ok((file::hash(&content), file::text(content)?))
}

/// A hash of the names and contents of identity files: equal when the same was read.
#[must_use]
pub fn hash<'a>(files: impl Iterator<Item = &'a ListFile>) -> u64 {
    hash_of(files.map(|file| (&*file.path, Some(file.hash))))
}

/// The same hash of the identity files as they are now. A file that cannot be read has no hash,
/// which is a content too. May block.
#[must_use]
pub fn present_hash(config: &Config) -> u64 {
    let patterns = config.pools.iter().flat_map(|pool| &pool.identity_files);
    let paths = patterns
        .flat_map(|pattern| globs::matching(&config.file, pattern).unwrap_or_default())
        .collect::<Vec<_>>();
    let present = |path: &PathBuf| file::hash_of(path, MAX_SIZE).ok();
    hash_of(paths.iter().map(|path| (&**path, present(path))))
}

fn hash_of<'a>(files: impl Iterator<Item = (&'a Path, Option<u64>)>) -> u64 {
    let mut hasher = SipHasher13::new();
    for (path, hash) in files {
        hasher.write(path.as_os_str().as_encoded_bytes());
        hasher.write_u8(0);
        hasher.write_u8(u8::from(hash.is_some()));
        hasher.write_u64(hash.unwrap_or_default());
    }
    hasher.finish()
}
