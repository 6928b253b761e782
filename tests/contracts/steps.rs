//! The steps of tests/run, the scripts in tests/long and the minimum Rust version, in the documents
//! and the workflow that repeat them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use super::read;

/// The names that `tests/run --list` prints.
fn steps() -> BTreeSet<String> {
    let listed = Command::new("bash")
        .args(["tests/run", "--list"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(listed.status.success(), "{listed:?}");
    let listed = String::from_utf8(listed.stdout).unwrap();
    let names = listed
        .lines()
        .map(|line| line.split_whitespace().next().unwrap().to_owned());
    names.collect()
}

#[test]
fn the_workflow_runs_every_step_with_the_minimum_rust_version() {
    let workflow = read(".github/workflows/ci.yaml");
    let run: BTreeSet<_> = workflow
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- run: tests/run "))
        .flat_map(|steps| steps.split(' ').map(str::to_owned))
        .collect();
    assert_eq!(run, steps());
    let minimum = env!("CARGO_PKG_RUST_VERSION");
    assert!(workflow.contains(&format!("rust: [{minimum}, \"1\"]")));
    for image in workflow.lines().filter_map(|line| {
        let line = line.trim();
        line.strip_prefix("container: rust:")
            .or_else(|| line.strip_prefix("image: rust:"))
    }) {
        let version = image.strip_suffix("-bookworm").unwrap();
        assert!(
            [minimum, "${{ matrix.rust }}"].contains(&version),
            "{image}"
        );
    }
}

#[test]
fn contributing_lists_every_step_and_every_long_script() {
    let contributing = read("CONTRIBUTING.md");
    let rows: BTreeSet<_> = contributing
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .map(str::to_owned)
        .collect();
    let long = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/long")).unwrap();
    let long = long
        .map(|script| script.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "bounded")
        .map(|name| format!("tests/long/{name}"));
    assert_eq!(rows, steps().into_iter().chain(long).collect());
}

#[test]
fn another_name_is_no_step() {
    let ran = Command::new("bash")
        .args(["tests/run", "format", "tests format"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(2));
    let told = String::from_utf8(ran.stderr).unwrap();
    assert!(steps().iter().all(|step| told.contains(step)), "{told}");
    assert!(ran.stdout.is_empty(), "no step has run");
}
