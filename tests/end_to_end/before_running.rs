//! `plan` and `iam-policy`: what is printed of a configuration before one call is made.

use std::io::Write;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::{
    Exporter, Server, command, configuration, eventually, output, pool_id, repository, still_world,
};

fn print(file: &Path, arguments: &[&str]) -> Output {
    output(command().args(arguments).arg("--config.file").arg(file))
}

fn written(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// The number behind a word at a line's beginning, without what groups its digits.
fn number(plan: &str, word: &str) -> f64 {
    let line = plan
        .lines()
        .find_map(|line| line.strip_prefix(word))
        .unwrap_or_else(|| panic!("no {word} in {plan}"));
    line.trim()
        .split(' ')
        .next()
        .unwrap()
        .replace(',', "")
        .parse()
        .unwrap()
}

#[test]
fn a_plan_comes_true() {
    let server = Server::start(still_world(1, 300));
    let text = configuration("interval: 1s, rate_limit: 400", &server.url, 1, 300);
    let told = print(written(&text).path(), &["plan"]);
    assert!(told.status.success(), "{told:?}");
    let plan = String::from_utf8(told.stdout).unwrap();
    assert_eq!(server.simulator.take_call_log(), [], "nobody was asked");

    let exporter = Exporter::start(&text);
    // Those without a dataset, one in twenty, have no series of their fullest one.
    let planned = number(&plan, "series") - 2.0 * 15.0;
    let body = eventually("everyone was listed", || {
        let body = exporter.get("/metrics").1;
        let samples = body.lines().filter(|line| !line.starts_with('#')).count();
        assert!(samples as f64 <= planned, "{plan}");
        (samples as f64 == planned).then_some(body)
    });
    let planned = number(&plan, "a scrape") * 1e3;
    assert!(
        (planned / body.len() as f64 - 1.0).abs() < 0.03,
        "{planned} bytes were planned, there are {}",
        body.len()
    );
    // One for each identity and one for the pool, every second.
    assert_eq!(number(&plan, "calls"), 301.0 * 86_400.0);
}

#[test]
fn a_policy_allows_the_pools_and_nothing_else() {
    let file = written(&configuration("interval: 1m", "http://127.0.0.1:9", 2, 1));
    let told = print(file.path(), &["iam-policy", "--account=123456789012"]);
    let policy: Value = serde_json::from_slice(&told.stdout).unwrap();
    let arn = |pool| {
        format!(
            "arn:aws:cognito-sync:us-east-1:123456789012:identitypool/{}",
            pool_id(pool)
        )
    };
    let [identities, pools] =
        [0, 1].map(|statement| policy["Statement"][statement]["Resource"].clone());
    assert_eq!(
        identities,
        serde_json::json!([
            format!("{}/identity/*", arn(0)),
            format!("{}/identity/*", arn(1))
        ])
    );
    assert_eq!(pools, serde_json::json!([arn(0), arn(1)]));
    assert_eq!(
        print(file.path(), &["iam-policy", "--account=1"])
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn the_page_shows_the_policy_that_is_printed() {
    let page = repository().join("docs/credentials.md");
    let page = std::fs::read_to_string(page).unwrap();
    let shown = page
        .split_once("```json\n")
        .unwrap()
        .1
        .split_once("```")
        .unwrap()
        .0;
    let pool = "us-east-1:7b6bd1a1-5f5c-4f43-9a0b-0f6a3b8d8c11";
    let file = written(&format!(
        "pools: [{{id: '{pool}', identities: ['us-east-1:0']}}]"
    ));
    let told = print(file.path(), &["iam-policy", "--account", "123456789012"]);
    assert_eq!(String::from_utf8(told.stdout).unwrap(), shown);
}

#[test]
fn problems_are_reported_as_ever() {
    let file = written("pools: []");
    for subcommand in ["plan", "iam-policy"] {
        let told = print(file.path(), &[subcommand]);
        assert_eq!(
            (told.status.code(), &told.stdout[..]),
            (Some(78), &b""[..]),
            "{subcommand}: {told:?}"
        );
        assert!(
            String::from_utf8_lossy(&told.stderr).contains("pools"),
            "{told:?}"
        );
    }
    let told = print(file.path(), &["demo"]);
    assert_eq!(told.status.code(), Some(2), "{told:?}");
}
