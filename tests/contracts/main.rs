//! What the code promises itself and others: which module may import which, and that documents
//! and the example are true.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may, and clippy does not see that these are some"
)]

mod alert_inputs;
mod circles;
mod code;
mod dashboards;
mod demo;
mod documents;
mod example;
mod imports;
mod keys;
mod lengths;
mod links;
mod modules;
mod packaging;
mod queries;
mod steps;
mod words;

use std::path::Path;
use std::process::Command;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The files that git knows, but for those that are deleted and not yet committed.
fn tracked() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = Command::new("git")
        .args([
            // A checkout may be another user's.
            "-c",
            "safe.directory=*",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(listed.status.success(), "{listed:?}");
    let listed = String::from_utf8(listed.stdout).unwrap();
    let paths = listed.split_terminator('\0').map(str::to_owned);
    paths.filter(|path| root.join(path).is_file()).collect()
}
