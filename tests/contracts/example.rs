//! config.example.yaml is good, says every key, and says its default.

use std::path::Path;

use cognitosync_exporter::config::keys::KEYS;
use cognitosync_exporter::config::{Config, Problem};
use cognitosync_exporter::loading;

fn parse(text: &str, file: &Path) -> Config {
    let loaded = loading::parse(file, text).unwrap();
    assert_eq!(loaded.warnings, []);
    loaded.config
}

/// The example with ids in place of its placeholders.
fn example() -> String {
    let mut text = super::read("config.example.yaml");
    for (placeholder, id) in [
        ("THE-ID-OF-YOUR-IDENTITY-POOL", POOL),
        (
            "THE-ID-OF-ANOTHER-POOL",
            "us-east-1:7b6bd1a1-5f5c-4f43-9a0b-0f6a3b8d8c12",
        ),
        ("THE-ID-OF-AN-IDENTITY", IDENTITY),
        (
            "THE-ID-OF-ANOTHER-IDENTITY",
            "us-east-1:9be2cf05-60d4-4d8a-8a51-5a4a8e6d2f77",
        ),
    ] {
        let placeholder = format!("us-east-1:REPLACE-WITH-{placeholder}");
        assert_eq!(
            text.matches(&format!("{placeholder}\n")).count(),
            1,
            "{placeholder}"
        );
        text = text.replace(&format!("{placeholder}\n"), &format!("{id}\n"));
    }
    text
}

const POOL: &str = "us-east-1:7b6bd1a1-5f5c-4f43-9a0b-0f6a3b8d8c11";
const IDENTITY: &str = "us-east-1:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10";

/// As it is it cannot be run by mistake: each id is a problem of its own, and there is no other.
#[test]
fn its_placeholders_are_refused() {
    let text = super::read("config.example.yaml");
    let problems = loading::parse(Path::new("config.yaml"), &text).unwrap_err();
    let keys: Vec<_> = problems
        .iter()
        .map(|it| it.key.as_deref().unwrap())
        .collect();
    let (first, second) = ("pools[0].identities[0]", "pools[1].identities[0]");
    assert_eq!(keys, ["pools[0].id", "pools[1].id", first, second]);
    for problem in &problems {
        let line = text.lines().nth(problem.place.unwrap().line - 1).unwrap();
        assert!(line.contains("REPLACE"), "{problem}");
        assert!(
            problem.message.starts_with("is still a placeholder: put "),
            "{problem}"
        );
    }
}

/// Nor can an example for Kubernetes be applied by mistake.
#[test]
fn the_placeholders_of_kubernetes_are_refused() {
    let is_example = |path: &&String| {
        path.starts_with("deploy/kubernetes/examples/") && path.ends_with("/config.yaml")
    };
    let tracked = super::tracked();
    let examples: Vec<_> = tracked.iter().filter(is_example).collect();
    assert_eq!(examples.len(), 6);
    for path in examples {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let problems = loading::parse(&file, &super::read(path)).unwrap_err();
        let is_known = |it: &Problem| it.message.contains("is still a placeholder: put ");
        assert!(problems.iter().all(is_known), "{problems:?}");
    }
}

#[test]
fn it_is_good_and_shows_defaults() {
    let example = example();
    let shown = parse(&example, Path::new("config.example.yaml"));
    let least = parse(
        &format!("pools: [{{id: '{POOL}', identities: ['{IDENTITY}']}}]"),
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
    for key in KEYS {
        let name = format!("{}:", key.name);
        let shows = |line: &str| line.trim_start_matches([' ', '#', '-']).starts_with(&name);
        assert!(example.lines().any(shows), "{name}");
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
    let lines: Vec<_> = example()
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
