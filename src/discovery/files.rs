//! Identity files: one id on a line, optionally followed by a display name; `#` starts a comment.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use thiserror::Error;

use super::{IdentityList, Listing, Provider};
use crate::config::{Checked, Config, PoolConfig, Problem};

/// The number of wrong lines of one file that are reported each; the rest is only counted.
const MAX_PROBLEMS: usize = 20;

/// Provides the identities of the files that `identity_files` names.
pub struct Files;

/// Why the identities behind a path or glob cannot be read.
#[derive(Debug, Error)]
enum FileError {
    #[error("`{0}` is not a glob: {1}")]
    NotAGlob(String, glob::PatternError),
    #[error("{0}")]
    Directory(#[from] glob::GlobError),
    #[error("`{0}` matches no file")]
    NoMatch(String),
    #[error("cannot read {}: {}", .0.display(), .1)]
    Unreadable(PathBuf, io::Error),
}

impl Provider for Files {
    fn list(&self, file: &Path, pool: &PoolConfig) -> Checked<Listing> {
        let mut list = Checked::good(IdentityList::new(pool.region()));
        for (index, pattern) in pool.identity_files.iter().enumerate() {
            let key = format!("{}.identity_files[{index}]", pool.key);
            read(file, &key, pattern, &mut list);
        }
        list.map(|list| Listing::Complete(Arc::new(list)))
    }
}

/// All identity files of a configuration, those that `list` cannot read included. May block.
pub fn paths(config: &Config) -> impl Iterator<Item = PathBuf> {
    let patterns = config.pools.iter().flat_map(|pool| &pool.identity_files);
    patterns.flat_map(|pattern| matching(&config.file, pattern).unwrap_or_default())
}

/// Reads the files that `pattern` names; `key` is the key of the pattern in the configuration.
fn read(config: &Path, key: &str, pattern: &str, list: &mut Checked<IdentityList>) {
    let paths = match matching(config, pattern) {
        Ok(paths) => paths,
        Err(error) => {
            let problem = Problem::key(config, key, error.to_string());
            return list.problems.push(problem);
        }
    };
    for path in paths {
        match fs::read_to_string(&path) {
            Ok(text) => read_lines(&path, &text, list),
            Err(error) => {
                let error = FileError::Unreadable(path, error);
                list.problems
                    .push(Problem::key(config, key, error.to_string()));
            }
        }
    }
}

/// The files that a path or glob, relative to the configuration's directory, names.
fn matching(config: &Path, pattern: &str) -> Result<Vec<PathBuf>, FileError> {
    let directory = config.parent().unwrap_or(Path::new(""));
    if !pattern.contains(['*', '?', '[']) {
        return Ok(vec![directory.join(pattern)]);
    }
    // Special characters in the directory's name are no pattern.
    let absolute = Path::new(&glob::Pattern::escape(&directory.to_string_lossy())).join(pattern);
    let found = glob::glob(&absolute.to_string_lossy())
        .map_err(|error| FileError::NotAGlob(pattern.to_owned(), error))?;
    let paths: Vec<_> = found.collect::<Result<_, _>>()?;
    let files: Vec<_> = paths.into_iter().filter(|path| !path.is_dir()).collect();
    if files.is_empty() {
        Err(FileError::NoMatch(pattern.to_owned()))
    } else {
        Ok(files)
    }
}

fn read_lines(path: &Path, text: &str, list: &mut Checked<IdentityList>) {
    let mut wrong = 0;
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = without_comment(line).trim();
        if line.is_empty() {
            continue;
        }
        let (id, name) = match line.split_once(char::is_whitespace) {
            Some((id, name)) => (id, Some(name.trim_start())),
            None => (line, None),
        };
        let number = index + 1;
        let location = || format!("{}:{number}", path.display());
        if let Err(error) = list.value.add(id, name, location) {
            wrong += 1;
            if wrong <= MAX_PROBLEMS {
                list.problems
                    .push(Problem::line(path, number, error.to_string()));
            }
        }
    }
    if wrong > MAX_PROBLEMS {
        let more = wrong - MAX_PROBLEMS;
        list.problems.push(Problem::whole(
            path,
            format!("has {more} more lines that are not identities"),
        ));
    }
}

/// A `#` starts a comment at the start of a line or behind white space, so that names may hold one.
fn without_comment(line: &str) -> &str {
    let starts = |at: usize| {
        line[..at]
            .chars()
            .next_back()
            .is_none_or(char::is_whitespace)
    };
    match line.match_indices('#').find(|(at, _)| starts(*at)) {
        Some((at, _)) => &line[..at],
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_start_behind_white_space() {
        for (line, kept) in [
            ("# all", ""),
            ("r:a # b", "r:a "),
            ("r:a issue#7", "r:a issue#7"),
            ("\t#", "\t"),
            ("", ""),
        ] {
            assert_eq!(without_comment(line), kept, "{line:?}");
        }
    }

    #[test]
    fn only_the_first_wrong_lines_are_reported() {
        let mut list = Checked::good(IdentityList::new(None));
        read_lines(Path::new("ids"), &"nonsense\n".repeat(25), &mut list);
        assert_eq!(list.problems.len(), 21);
        assert_eq!(
            list.problems[20].to_string(),
            "ids: has 5 more lines that are not identities"
        );
        assert!(
            list.problems[0]
                .to_string()
                .starts_with("ids:1: has no colon")
        );
    }
}
