//! `list-pools` with flags that lead nowhere: what is said, and when.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::support::{command, output};

/// Nothing listens there.
const NOWHERE: &str = "--endpoint-url=http://127.0.0.1:9";

#[test]
fn the_first_call_that_fails_is_warned_of_with_host_and_cause() {
    let mut command = command();
    command.args(["list-pools", "--region=us-est-1", NOWHERE]);
    let mut listing = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(listing.stderr.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    let region = next();
    assert!(
        region.contains("us-est-1: did you mean `us-east-1`?"),
        "{region}"
    );
    // The list is given up after a minute only.
    let warning = next();
    for part in [
        "level=warn",
        "failing=unreachable",
        "127.0.0.1:9 refuses the connection",
    ] {
        assert!(warning.contains(part), "{warning}");
    }
    listing.kill().unwrap();
    listing.wait().unwrap();
}

#[test]
fn remedies_name_flags_and_no_keys_of_a_configuration() {
    let (none, empty) = ("AWS_ACCESS_KEY_ID", "/nonexistent");
    for (profile, flag) in [(Some("--profile=nosuch"), "--profile"), (None, "--profile")] {
        let mut command = command();
        command
            .args(["list-pools", "--region=us-east-1", NOWHERE])
            .args(profile)
            .env("AWS_CONFIG_FILE", empty)
            .env_remove(none);
        let output = output(&mut command);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains(flag), "{errors}");
        assert!(!errors.contains("of the pool"), "{errors}");
    }
}
