//! The files that a path or glob of `identity_files` names. A glob matches as in a shell: hidden
//! files are named with their dot only. Backup files are named with their `~` only.

use std::io;
use std::path::{Component, Path, PathBuf};

use thiserror::Error;

use crate::printable::{Quoted, without_ids};

/// Why a glob names no file.
#[derive(Debug, Error)]
pub(super) enum GlobError {
    #[error("{} is not a glob: {}", Quoted(.0), .1)]
    NotAGlob(String, glob::PatternError),
    #[error("{}", without_ids(&.0.to_string()))]
    Directory(glob::GlobError),
    #[error(
        "{} matches no file, expected at least one; paths are relative to the directory of the \
         configuration{}", Quoted(.0), home(.0)
    )]
    NoMatch(String),
}

fn home(pattern: &str) -> &'static str {
    match pattern.starts_with('~') {
        true => ", and `~` is not expanded",
        false => "",
    }
}

/// The files that a path or glob, relative to the configuration's directory, names.
pub(super) fn matching(config: &Path, pattern: &str) -> Result<Vec<PathBuf>, GlobError> {
    let directory = config.parent().unwrap_or(Path::new(""));
    if !pattern.contains(['*', '?', '[']) {
        return Ok(vec![directory.join(pattern)]);
    }
    // Special characters in the directory's name are no pattern.
    let absolute = Path::new(&glob::Pattern::escape(&directory.to_string_lossy())).join(pattern);
    let absolute = absolute.to_string_lossy();
    let parts: Vec<_> = absolute
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    let found =
        glob::glob(&absolute).map_err(|error| GlobError::NotAGlob(pattern.to_owned(), error))?;
    let mut files = Vec::new();
    for path in found {
        match path {
            Ok(path) if is_named(&parts, &names(&path)) && is_file(&path) => files.push(path),
            // A directory that the pattern does not mean may be closed to us.
            Err(error) if may_be_named(&parts, &names(error.path())) => {
                return Err(GlobError::Directory(error));
            }
            Ok(_) | Err(_) => {}
        }
    }
    if files.is_empty() {
        return Err(GlobError::NoMatch(pattern.to_owned()));
    }
    Ok(files)
}

/// Whether it is more than a directory, or a link to nowhere such as an editor's lock.
fn is_file(path: &Path) -> bool {
    match path.metadata() {
        Ok(metadata) => !metadata.is_dir(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

fn names(path: &Path) -> Vec<String> {
    let is_name = |part: &Component<'_>| !matches!(part, Component::RootDir | Component::CurDir);
    let parts = path.components().filter(is_name);
    parts
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect()
}

/// Whether the parts of a pattern name a path that they match.
fn is_named(pattern: &[&str], path: &[String]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        (["**", pattern @ ..], _) if is_named(pattern, path) => true,
        (["**", ..], [name, path @ ..]) => names_part("**", name) && is_named(pattern, path),
        ([part, pattern @ ..], [name, path @ ..]) => {
            names_part(part, name) && is_named(pattern, path)
        }
        ([], [_, ..]) | ([_, ..], []) => false,
    }
}

/// Whether the parts of a pattern may name something in a directory.
fn may_be_named(pattern: &[&str], directory: &[String]) -> bool {
    (0..=pattern.len()).any(|length| is_named(&pattern[..length], directory))
}

fn names_part(part: &str, name: &str) -> bool {
    let is_hidden = name.starts_with('.') && !part.starts_with('.');
    let is_backup = name.ends_with('~') && !part.ends_with('~');
    let matches = || glob::Pattern::new(part).is_ok_and(|part| part.matches(name));
    !is_hidden && !is_backup && (part == "**" || matches())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    /// The files of a directory that a pattern names, relative to it.
    fn named(directory: &Path, pattern: &str) -> Vec<String> {
        let found = matching(&directory.join("config.yaml"), pattern).unwrap_or_default();
        let name = |path: PathBuf| path.strip_prefix(directory).unwrap().display().to_string();
        let mut names: Vec<_> = found.into_iter().map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn hidden_files_backups_and_links_to_nowhere_are_left_out() {
        let temporary = tempfile::tempdir().unwrap();
        // Neither a pattern nor a hidden directory in the way to the files counts.
        let directory = temporary.path().join(".a [1]*");
        for name in ["ids/sub/..data", "ids/.hidden"] {
            fs::create_dir_all(directory.join(name)).unwrap();
        }
        for name in [
            "a.txt",
            "b~",
            ".#b",
            ".a.txt.swp",
            "._a.txt",
            "sub/c.txt",
            "sub/.c.txt",
            "sub/..data/d.txt",
            ".hidden/e.txt",
        ] {
            fs::write(directory.join("ids").join(name), "").unwrap();
        }
        symlink("nobody@host.1", directory.join("ids/.#a.txt")).unwrap();
        symlink("nowhere", directory.join("ids/lost.txt")).unwrap();
        symlink("a.txt", directory.join("ids/link.txt")).unwrap();
        let not_utf_8 = std::ffi::OsStr::from_bytes(b"ids/\xff.txt");
        fs::write(directory.join(not_utf_8), "").unwrap();
        for (pattern, expected) in [
            ("ids/*", &["ids/a.txt", "ids/link.txt"] as &[&str]),
            ("./ids//*.txt", &["ids/a.txt", "ids/link.txt"]),
            (
                "ids/../ids/[al]*.txt",
                &["ids/../ids/a.txt", "ids/../ids/link.txt"],
            ),
            (
                "ids/**/*.txt",
                &["ids/a.txt", "ids/link.txt", "ids/sub/c.txt"],
            ),
            ("**/?.txt", &["ids/a.txt", "ids/sub/c.txt"]),
            ("ids/.*", &["ids/.#b", "ids/._a.txt", "ids/.a.txt.swp"]),
            ("ids/*/.c*", &["ids/sub/.c.txt"]),
            ("ids/.h*/*", &["ids/.hidden/e.txt"]),
            ("ids/*~", &["ids/b~"]),
            ("ids/[b]~", &["ids/b~"]),
            ("ids/*.csv", &[]),
            ("ids/lost.txt", &["ids/lost.txt"]),
        ] {
            assert_eq!(named(&directory, pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn only_a_directory_that_a_pattern_means_may_be_needed() {
        let names = |path: &str| names(Path::new(path));
        for (pattern, directory, expected) in [
            ("**/*.txt", "a", true),
            ("**/*.txt", ".a", false),
            ("**/*.txt", "a/.b/c", false),
            ("ids/*", "ids", true),
        ] {
            let parts: Vec<_> = pattern.split('/').collect();
            assert_eq!(
                may_be_named(&parts, &names(directory)),
                expected,
                "{pattern}"
            );
        }
    }
}
