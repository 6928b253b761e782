//! The source files, and what they mention.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// All source files by path below src/, without their unit tests and comments.
pub(crate) fn sources() -> BTreeMap<String, String> {
    sources_below("src")
}

/// All source files of a directory, without their unit tests and comments.
pub(crate) fn sources_below(directory: &str) -> BTreeMap<String, String> {
    fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("tests") {
                continue;
            }
            if path.is_dir() {
                collect(&path, files);
            } else {
                files.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let mut files = Vec::new();
    collect(&root, &mut files);
    let name = |path: &Path| {
        path.strip_prefix(&root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    let code = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap().to_owned();
        text.lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    files
        .iter()
        .filter(|path| !path.ends_with("tests.rs"))
        .map(|path| (name(path), code(path)))
        .collect()
}

/// The words that follow `crate::` anywhere, grouped imports included.
pub(crate) fn imported(code: &str) -> Vec<&str> {
    let word = |text: &str| {
        text.split(|c: char| !c.is_alphanumeric() && c != '_')
            .next()
            .unwrap_or_default()
            .len()
    };
    code.match_indices("crate::")
        .map(|(at, path)| &code[at + path.len()..])
        .map(|rest| &rest[..word(rest)])
        .collect()
}

/// The words that stand before `::`.
pub(crate) fn paths(code: &str) -> Vec<&str> {
    let word = |before: &'_ str| {
        before
            .chars()
            .rev()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .count()
    };
    code.match_indices("::")
        .map(|(at, _)| &code[at - word(&code[..at])..at])
        .collect()
}
