//! Identity files: one id on a line, optionally a name behind it; `#` starts a comment.

use std::fs;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

use siphasher::sip::SipHasher13;

use super::identities::Collector;
use crate::config::{Config, Findings, Problem};

/// This many wrong lines of one file are reported; the rest is counted.
const MOST_PROBLEMS: usize = 20;

/// Reads the files that `pattern`, a path or a glob relative to `config`, names; `key` is where the
/// pattern stands.
pub(super) fn read(
    config: &Path,
    key: &str,
    pattern: &str,
    collector: &mut Collector<'_>,
    findings: &mut Findings,
) {
    let directory = config.parent().unwrap_or(Path::new(""));
    for path in match matching(directory, pattern) {
        Ok(paths) => paths,
        Err(message) => {
            findings.problems.push(Problem::key(config, key, message));
            return;
        }
    } {
        match fs::read_to_string(&path) {
            Ok(text) => read_lines(&path, &text, collector, findings),
            Err(error) => {
                findings.problems.push(Problem::key(
                    config,
                    key,
                    format!("cannot read {}: {error}", path.display()),
                ));
            }
        }
    }
}

/// A hash of everything that a configuration is read from, its own file first: it changes when a
/// file's content does, or which files there are, however that came about. A file that cannot be
/// read counts as such.
#[must_use]
pub fn fingerprint(config: &Config) -> u64 {
    let directory = config.file.parent().unwrap_or(Path::new(""));
    let patterns = config.pools.iter().flat_map(|pool| &pool.identity_files);
    let listed = patterns.flat_map(|pattern| matching(directory, pattern).unwrap_or_default());
    let mut hasher = SipHasher13::new();
    for path in std::iter::once(config.file.clone()).chain(listed) {
        hasher.write(path.as_os_str().as_encoded_bytes());
        match fs::read(&path) {
            Ok(content) => {
                hasher.write_usize(content.len());
                hasher.write(&content);
            }
            Err(_) => hasher.write_u8(0xff),
        }
    }
    hasher.finish()
}

fn matching(directory: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    if !pattern.contains(['*', '?', '[']) {
        return Ok(vec![directory.join(pattern)]);
    }
    // The directory is no pattern, whatever characters its name has.
    let absolute = Path::new(&glob::Pattern::escape(&directory.to_string_lossy())).join(pattern);
    let found = glob::glob(&absolute.to_string_lossy())
        .map_err(|error| format!("`{pattern}` is not a glob: {error}"))?;
    let paths: Vec<_> = found
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    let files: Vec<_> = paths.into_iter().filter(|path| !path.is_dir()).collect();
    if files.is_empty() {
        Err(format!("`{pattern}` matches no file"))
    } else {
        Ok(files)
    }
}

fn read_lines(path: &Path, text: &str, collector: &mut Collector<'_>, findings: &mut Findings) {
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
        if let Err(message) = collector.add(id, name, || format!("{}:{number}", path.display())) {
            wrong += 1;
            if wrong <= MOST_PROBLEMS {
                findings.problems.push(Problem::line(path, number, message));
            }
        }
    }
    if wrong > MOST_PROBLEMS {
        let more = wrong - MOST_PROBLEMS;
        findings.problems.push(Problem::whole(
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
    fn only_the_first_wrong_lines_are_told() {
        let mut findings = Findings::default();
        let mut collector = Collector::new(None);
        read_lines(
            Path::new("ids"),
            &"nonsense\n".repeat(25),
            &mut collector,
            &mut findings,
        );
        assert_eq!(findings.problems.len(), 21);
        assert_eq!(
            findings.problems[20].to_string(),
            "ids: has 5 more lines that are not identities"
        );
        assert!(
            findings.problems[0]
                .to_string()
                .starts_with("ids:1: has no colon")
        );
    }
}
