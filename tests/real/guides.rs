//! The guides for newcomers and the examples: a Python program types what they say, in namespaces
//! of its own.

use std::process::Command;

use crate::support::repository;

fn types(program: &str, arguments: &[&str]) {
    let output = crate::run(
        Command::new(crate::installed("python"))
            .arg(repository().join("tests/real").join(program))
            .arg(env!("CARGO_BIN_EXE_cognitosync_exporter"))
            .args(arguments),
        "",
    );
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{errors}");
    println!("{printed}");
}

#[test]
#[ignore = "needs namespaces, Prometheus and Alertmanager; tests/run installs them and runs it"]
fn a_stranger_gets_from_the_demo_to_an_alert() {
    types("getting_started.py", &["path"]);
}

#[test]
#[ignore = "needs namespaces and the AWS CLI; tests/run installs it and runs it"]
fn each_place_has_credentials() {
    types("getting_started.py", &["places"]);
}

#[test]
#[ignore = "needs namespaces; tests/run runs it"]
fn a_pool_is_migrated() {
    types("migration.py", &[]);
}

#[test]
#[ignore = "needs namespaces; tests/run runs it"]
fn the_examples_run() {
    types("examples.py", &[]);
}
