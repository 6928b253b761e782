//! Real components as clients of the simulator and of the exporter. `tests/run` installs them and
//! runs these for certain.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may, and clippy does not see that these are some"
)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/filled.rs"]
mod filled;
#[path = "../support/long.rs"]
mod long;
#[path = "../support/pki.rs"]
mod pki;
#[path = "../support/stores.rs"]
mod stores;

mod aws_clients;
mod boards;
mod chain;
mod codings;
mod exposition;
mod guides;
mod hello;
mod identity_clients;
mod panels;
mod prometheus;
mod rules;
mod service;
mod siege;
mod status_page;
mod tls;
mod troubles;
mod web_config;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A program that `tests/run` installed under target/.
fn installed(name: &str) -> PathBuf {
    support::repository().join("target/venv/bin").join(name)
}

/// Runs a program to its end, with this on its standard input.
fn run(command: &mut Command, input: impl AsRef<[u8]>) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.as_ref().to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    match writer.join().unwrap() {
        // It has ended before it read everything, which its output explains.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        written => written.unwrap(),
    }
    output
}

/// The input is more than a pipe holds, so that it is never written whole.
#[test]
fn a_program_that_does_not_read_is_a_result() {
    let output = run(Command::new("sh").args(["-c", "exit 3"]), vec![0; 1 << 20]);
    assert_eq!(output.status.code(), Some(3));
}

/// Runs one of the Python scripts beside this file; gives what it printed, as JSON.
fn python(script: &str, arguments: &[&str], input: &str) -> serde_json::Value {
    let script = support::repository().join("tests/real").join(script);
    let output = run(
        Command::new(installed("python"))
            .arg(script)
            .args(arguments),
        input,
    );
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}
