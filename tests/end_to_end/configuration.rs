//! `--config.check`: every mistake has its exact message, a good file says what would be polled.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::{fixture, output, repository};

fn check(directory: &Path, file: &str) -> Output {
    let mut command = Command::new(crate::support::BINARY);
    output(
        command
            .args(["--config.check", "--config.file", file])
            .current_dir(directory),
    )
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Each fixture begins with the lines that it is to bring, as comments.
#[test]
fn each_mistake_has_its_message() {
    let directory = fixture("wrong");
    let mut seen = 0;
    for entry in directory.read_dir().unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.ends_with(".yaml") {
            continue;
        }
        let text = std::fs::read_to_string(directory.join(&name)).unwrap();
        let expected: Vec<_> = text
            .lines()
            .map_while(|line| line.strip_prefix("# "))
            .collect();
        assert!(!expected.is_empty(), "{name} expects nothing");
        let output = check(&directory, &name);
        assert_eq!(
            stderr(&output).lines().collect::<Vec<_>>(),
            expected,
            "{name}"
        );
        assert_eq!(output.status.code(), Some(78), "{name}");
        assert!(output.stdout.is_empty(), "{name}");
        seen += 1;
    }
    assert!(seen > 50, "{seen} fixtures");
}

#[test]
fn five_mistakes_are_five_lines_with_their_keys() {
    let output = check(&fixture("wrong"), "five-at-once.yaml");
    let keys = [
        "poll.interval",
        "poll.attempts",
        "limits.dataset_storage",
        "pools[0].id",
        "pools[0].endpoint_url",
    ];
    let errors = stderr(&output);
    let lines: Vec<_> = errors.lines().collect();
    assert_eq!(lines.len(), 5, "{lines:?}");
    for (line, key) in lines.iter().zip(keys) {
        assert!(
            line.starts_with(&format!("five-at-once.yaml: {key}: ")),
            "{line}"
        );
    }
}

#[test]
fn a_wrong_configuration_keeps_the_daemon_from_starting() {
    let mut command = Command::new(crate::support::BINARY);
    let output = output(
        command
            .args(["--config.file", "attempts-zero.yaml"])
            .current_dir(fixture("wrong")),
    );
    assert_eq!(output.status.code(), Some(78));
    let log = stderr(&output);
    let problem = r#"msg="attempts-zero.yaml: poll.attempts: `0` is not a number from 1 to 10""#;
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(
        log.contains(" level=error ") && log.contains(problem),
        "{log}"
    );
}

#[test]
fn a_file_that_is_not_there() {
    let output = check(repository(), "absent.yaml");
    assert_eq!(output.status.code(), Some(78));
    assert_eq!(
        stderr(&output),
        "absent.yaml: cannot be read: No such file or directory (os error 2)\n"
    );
}

#[test]
fn a_good_file_says_what_would_be_polled() {
    let output = check(&fixture("good"), "config.yaml");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let golden = std::fs::read_to_string(fixture("good").join("check.txt")).unwrap();
    let shown = String::from_utf8(output.stdout.clone()).unwrap();
    // Which alerts these are is the rules' business.
    let is_about_alerts = |line: &&str| line.starts_with("  alerts without input: CognitoSync");
    assert_eq!(shown.lines().filter(is_about_alerts).count(), 1, "{shown}");
    let others = shown.lines().filter(|line| !line.starts_with("  alerts "));
    assert_eq!(
        others.collect::<Vec<_>>(),
        golden.lines().collect::<Vec<_>>()
    );
    let warnings = std::fs::read_to_string(fixture("good").join("warnings.txt")).unwrap();
    assert_eq!(stderr(&output), warnings);
}
