//! config.example.yaml is good, says every key, and says its default.

use std::path::Path;

use cognitosync_exporter::config::{self, Config};
use cognitosync_exporter::loading;

fn parse(text: &str, file: &Path) -> Config {
    let loaded = loading::parse(file, text).unwrap();
    assert_eq!(loaded.warnings, []);
    loaded.config
}

/// The keys that a section knows, by what the parser says of one that it does not.
fn keys(section: &str) -> Vec<String> {
    let error = config::parse(Path::new(""), section)
        .unwrap_err()
        .to_string();
    let (_, known) = error
        .split_once("expected ")
        .unwrap_or_else(|| panic!("{error}"));
    known
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[test]
fn it_is_good_and_shows_defaults() {
    let example = super::read("config.example.yaml");
    let shown = parse(&example, Path::new("config.example.yaml"));
    let pool = "us-east-1:7b6bd1a1-5f5c-4f43-9a0b-0f6a3b8d8c11";
    let identity = "us-east-1:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10";
    let least = parse(
        &format!("pools: [{{id: '{pool}', identities: ['{identity}']}}]"),
        Path::new("least"),
    );
    assert_eq!(shown.poll, least.poll);
    assert_eq!(shown.pools[0].settings, least.pools[0].settings);
    let top = example.replace("    top: 100", "    #");
    assert_ne!(top, example);
    assert_eq!(
        parse(&top, Path::new("top")).pools[1].settings,
        shown.pools[1].settings
    );
}

#[test]
fn it_shows_every_key() {
    let example = super::read("config.example.yaml");
    for section in [
        "{x: 1}",
        "poll: {x: 1}",
        "limits: {x: 1}",
        "pools: [{x: 1}]",
        "pools: [{id: a, identities: [{x: 1}]}]",
        "pools: [{id: a, discover: {x: 1}}]",
    ] {
        let keys = keys(section);
        assert!(!keys.is_empty());
        for key in keys {
            assert!(
                example.lines().any(|line| line
                    .trim_start_matches([' ', '#', '-'])
                    .starts_with(&format!("{key}:"))),
                "{key}"
            );
        }
    }
}

/// What stands in comments is good too once it is uncommented.
#[test]
fn its_comments_are_good_too() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("identities")).unwrap();
    std::fs::write(
        directory.path().join("identities/one.txt"),
        "us-east-1:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10 # a comment\n",
    )
    .unwrap();
    let mut uncommented = 0;
    let lines: Vec<_> = super::read("config.example.yaml")
        .lines()
        .map(|line| match line.strip_prefix("    # ") {
            Some(rest)
                if rest.split_once(": ").is_some_and(|(key, _)| {
                    key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
                }) =>
            {
                uncommented += 1;
                format!("    {rest}")
            }
            _ => line.to_owned(),
        })
        .collect();
    assert_eq!(uncommented, 14);
    let config = parse(&lines.join("\n"), &directory.path().join("config.yaml"));
    assert_eq!(
        config.pools[0].settings.account.external_id.as_deref(),
        Some("a1b2c3")
    );
    assert_eq!(config.pools[1].identity_files, ["identities/*.txt"]);
}
