//! `--config.check`: every mistake has its exact message, a good file says what would be polled.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::{fixture, output, repository};

fn check(directory: &Path, file: &str) -> Output {
    let mut command = Command::new(crate::support::BINARY);
    output(
        command
            .args(["--config.check", "--config.file", file])
            .env("AWS_CONFIG_FILE", "aws-config")
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
        let (place, _) = line.split_once(&format!(": {key}: ")).unwrap();
        let place: Vec<_> = place.split(':').collect();
        assert_eq!((place.len(), place[0]), (3, "five-at-once.yaml"), "{line}");
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
    let problem =
        r#"msg="attempts-zero.yaml:2:18: poll.attempts: `0` is not a whole number from 1 to 10""#;
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
        "absent.yaml: cannot be read: No such file or directory (os error 2): name another with \
         --config.file=PATH, begin with `cp config.example.yaml config.yaml`, or try \
         `cognitosync_exporter demo`, which needs none\n"
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

/// The mistakes of newcomers: file, place, key, what was expected, and the way out.
#[test]
fn each_message_has_place_key_expectation_and_remedy() {
    for (name, place, key, expected, remedy) in MISTAKES {
        let output = check(&fixture("wrong"), &format!("{name}.yaml"));
        let errors = stderr(&output);
        let line = errors.lines().next().unwrap();
        let start = match (*place, *key) {
            (place, "") => format!("{place}: "),
            (place, key) => format!("{name}.yaml:{place}: {key}: "),
        };
        assert!(line.contains(&start), "{name}: {line}");
        assert!(line.contains(expected), "{name}: {line}");
        assert!(line.contains(remedy), "{name}: {line}");
    }
}

#[rustfmt::skip]
const MISTAKES: &[(&str, &str, &str, &str, &str)] = &[
    ("tab", "3:1", "", "spaces", "a tab; YAML wants spaces"),
    ("pool-id-of-a-user-pool", "3:7", "pools[0].id", "identity pool", "list-pools"),
    ("key-misspelt", "4:3", "pools[0]", "identities", "did you mean `identities`?"),
    ("key-region", "4:3", "pools[0]", "part of the pool's id", "leave the key out"),
    ("key-access-key", "4:3", "pools[0]", "environment", "leave it out"),
    ("identity-of-another-region", "6:5", "pools[0].identities[0]", "us-east-1", "eu-west-1"),
    ("interval-no-unit", "2:18", "poll.interval", "90s, 5m or 1h30m", "did you mean `300s`?"),
    ("rate-limit-with-unit", "3:37", "poll.attempts", "from 1 to 10", "did you mean `3`?"),
    ("key-of-poll-at-top", "2:1", "", "under `poll`", "it belongs"),
    ("identity-file-json", "identities/cli.json:1", "", "one id on a line", "jq -r"),
    ("identity-file-csv", "identities/with-commas.txt:1", "", "bare ids", "white space between"),
    ("identity-file-utf-16", "4:20", "pools[0].identity_files[0]", "expected UTF-8", "iconv"),
    ("identity-file-glob-without-match", "4:20", "pools[0].identity_files[0]", "at least one", "relative to the directory"),
    ("identity-file-absent", "4:20", "pools[0].identity_files[0]", "No such file", "relative to the directory"),
    ("identity-file-a-directory", "4:20", "pools[0].identity_files[0]", "regular file", "a glob such as"),
    ("identity-file-tilde", "5:20", "pools[0].identity_files[0]", "whole path", "`~` is not expanded"),
    ("identity-file-variable", "5:20", "pools[0].identity_files[0]", "relative", "not expanded"),
    ("pool-id-a-variable", "3:7", "pools[0].id", "the id itself", "not expanded"),
    ("role-arn-of-a-user", "4:13", "pools[0].role_arn", "that of a role", ":role/NAME"),
    ("role-arn-with-11-digits", "4:13", "pools[0].role_arn", "expected 12 digits", "11"),
    ("endpoint-plain-http", "4:17", "pools[0].endpoint_url", "expected https", "--network container:NAME"),
    ("stale-after-below-interval", "2:35", "poll.stale_after", "interval", "come and go"),
    ("pools-a-map", "3:3", "pools", "expected a list", "put `- ` before `id`"),
    ("prometheus-configuration", "2:1", "", "that of the exporter", "--config.file"),
    ("pool-id-the-examples", "4:7", "pools[0].id", "your identity pool's id", "list-pools"),
    // Ten and more that are not in the newcomers' table.
    ("conflict-of-git", "conflict-of-git.yaml:2", "", "one of the versions", "without the marks"),
    ("key-without-a-space", "key-without-a-space.yaml:4", "", "`KEY: VALUE`", "a space behind it"),
    ("key-pool", "2:1", "", "pools", "did you mean `pools`?"),
    ("numbers-with-separators", "5:20", "poll.attempts", "a whole number", "from 1 to 10"),
    ("identity-of-the-pool", "4:16", "pools[0].identities[0]", "that of an identity", "list-identities"),
    ("pool-id-in-capitals", "3:7", "pools[0].id", "us-east-1", "did you mean"),
    ("poll-a-flow-list", "2:7", "poll", "expected a map", "`{ }` stands around a map"),
    ("key-duplicate", "4:3", "poll", "expected once", "leave one out"),
    ("pools-empty", "2:1", "pools", "at least one", "list-pools"),
    ("name-with-colon", "4:19", "", "quotes", "needs quotes"),
    ("windows-path-in-quotes", "4:23", "", "`/`", "single quotes"),
    ("identity-file-windows-path", "4:20", "pools[0].identity_files[0]", "expected `/`", "between the parts"),
    ("key-upper-case", "2:1", "", "pools", "did you mean `pools`?"),
    ("poll-a-list", "3:1", "poll", "expected a map", "leave out the `- `"),
    ("identities-a-string", "4:15", "pools[0].identities", "expected a list", "behind `- `"),
    ("identity-an-arn", "4:16", "pools[0].identities[0]", "the id alone", "behind `identity/`"),
    ("pool-id-an-arn", "3:7", "pools[0].id", "the id alone", "behind `identitypool/`"),
    ("pool-id-a-name", "3:7", "pools[0].id", "REGION:HEX", "list-pools"),
    ("series-all", "4:11", "pools[0].series", "each, top, none", "did you mean `each`?"),
    ("datasets-misspelt", "2:18", "poll.datasets", "near, each, off", "did you mean `near`?"),
    ("role-arn-of-an-instance-profile", "4:13", "pools[0].role_arn", "the role in it", ":role/NAME"),
    ("role-arn-of-a-session", "4:13", "pools[0].role_arn", "that of its role", ":role/NAME"),
    ("limits-datasets-a-size", "2:20", "limits.datasets", "1 to 1000000", "`dataset_storage`"),
    ("discover-true", "4:13", "pools[0].discover", "expected a map", "`discover: {}`"),
    ("glob-without-quotes", "4:21", "", "quotes", "'*.txt'"),
    ("pool-id-in-typographic-quotes", "3:7", "pools[0].id", "the id alone", "type it anew"),
    ("key-after-no-break-space", "4:1", "", "a plain space", "type it anew"),
    ("quote-not-closed", "6:1", "", "not closed", "line 4"),
    ("identity-without-region", "4:16", "pools[0].identities[0]", "REGION:GUID", "put the pool's region"),
];

/// The example says that its ids are to be replaced, each at its line.
#[test]
fn the_example_cannot_be_run_by_mistake() {
    let output = check(repository(), "config.example.yaml");
    assert_eq!(output.status.code(), Some(78));
    let errors = stderr(&output);
    let first = "pools[0].id: is still a placeholder: put your identity pool's id here";
    assert!(errors.lines().next().unwrap().contains(first), "{errors}");
}

#[test]
fn a_directory_is_no_configuration() {
    let output = check(&fixture(""), "wrong");
    assert!(
        stderr(&output).contains("name the file in it"),
        "{output:?}"
    );
}

#[test]
fn a_profile_that_no_file_defines_is_a_warning() {
    let mut command = Command::new(crate::support::BINARY);
    command
        .args(["--config.check", "--config.file=config.yaml"])
        .current_dir(fixture("good"))
        .env("AWS_CONFIG_FILE", "absent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "absent");
    let output = output(&mut command);
    let warning = "warning: config.yaml:17:14: pools[1].profile: is a profile that";
    assert!(stderr(&output).contains(warning), "{output:?}");
    assert_eq!(output.status.code(), Some(0));
}
