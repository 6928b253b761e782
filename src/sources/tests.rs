//! Which files look half-written, and which have changed.

use super::*;
use crate::config;
use crate::discovery::{Files, Inline, Provider};
use std::fs;

/// The sources of a configuration with these pools and files, in a directory of their own.
fn sources(pools: &str, files: &[(&str, &str)]) -> Sources {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(directory.path().join(name), content).unwrap();
    }
    let file = directory.path().join("config.yaml");
    fs::write(&file, pools).unwrap();
    let config = config::parse(&file, pools).unwrap().value;
    let lists: Vec<_> = config
        .pools
        .iter()
        .map(|pool| {
            vec![
                Inline.list(&file, pool).value,
                Files.list(&file, pool).value,
            ]
        })
        .collect();
    let sources = Sources::new(
        Configuration::file(pools.as_bytes()),
        &config,
        &lists,
        false,
    );
    assert_eq!(sources.fingerprint(), sources.present_fingerprint(&config));
    // So that those of two directories can be compared.
    let mut sources = sources;
    for file in sources.pools.iter_mut().flat_map(|pool| &mut pool.files) {
        file.path = file.path.file_name().unwrap().into();
    }
    sources
}

fn half_written(before: &Sources, now: &Sources) -> Option<String> {
    let problem = now.half_written(before, Path::new("config.yaml"))?;
    Some(problem.to_string())
}

const GLOB: &str = "pools: [{id: 'r:0', identity_files: ['*.txt']}]\n";

#[test]
fn what_a_writer_has_not_finished_is_recognized() {
    let before = sources(GLOB, &[("a.txt", "r:a\nr:b\n"), ("b.txt", "r:c")]);
    for (files, expected) in [
        (&[("a.txt", "r:a\nr:b\n"), ("b.txt", "r:c")] as &[_], None),
        (&[("a.txt", "r:a\n"), ("b.txt", "r:c")], None),
        (&[("c.txt", "r:a\n"), ("d.txt", "r:a\n")], None),
        (&[("a.txt", "r:a\n"), ("b.txt", "r:c"), ("c.txt", "")], None),
        (
            &[("a.txt", "r:a\nr:"), ("b.txt", "r:c")],
            Some("a.txt: has no line feed behind its last line"),
        ),
        (
            &[("a.txt", "r:a\nr:b\n"), ("b.txt", "r:c"), ("c.txt", "r:d")],
            Some("c.txt: has no line feed behind its last line"),
        ),
        (
            &[("a.txt", ""), ("b.txt", "r:c")],
            Some("a.txt: holds no identity, but did before"),
        ),
        (
            &[("a.txt", "# all\n"), ("b.txt", "r:c\n")],
            Some("a.txt: holds no identity, but did before"),
        ),
        (
            &[("a.txt", "r:a\nr:b\n")],
            Some("config.yaml:1:38: pools[0].identity_files[0]: matches 1 file, but did 2 before"),
        ),
        (
            &[("c.txt", ""), ("d.txt", "")],
            Some("config.yaml:1:10: pools[0]: has no identity, but had some before"),
        ),
    ] {
        let now = sources(GLOB, files);
        assert_eq!(
            half_written(&before, &now).as_deref(),
            expected,
            "{files:?}"
        );
    }
}

#[test]
fn a_list_that_says_when_it_is_whole_is_believed() {
    const WHOLE: &str = "r:a\nr:b\n# complete: 2 identities\n";
    for (then, now, expected) in [
        (WHOLE, "r:a\nr:c\nr:d\n# complete: 3 identities\n", None),
        ("r:a\nr:b\n", WHOLE, None),
        (WHOLE, WHOLE, None),
        // Somebody has looked, and there is nobody any more.
        (WHOLE, "# complete: 0 identities\n", None),
        (
            WHOLE,
            "r:a\nr:b\n",
            Some("has no `# complete: N identities` as its last line, but did before"),
        ),
        (
            WHOLE,
            "",
            Some("has no `# complete: N identities` as its last line, but did before"),
        ),
        (
            WHOLE,
            "r:a\nr:b\n# complete: 3 identities\n",
            Some("holds 2 identities, but 3 by its last line"),
        ),
        (
            "r:a\n",
            "r:a\nr:b\n# complete: 1 identities\n",
            Some("holds 2 identities, but 1 by its last line"),
        ),
    ] {
        // Another file keeps the pool from being empty.
        let files = |list| sources(GLOB, &[("a.txt", list), ("b.txt", "r:f\n")]);
        let found = half_written(&files(then), &files(now));
        let expected = expected.map(|message| format!("a.txt: {message}"));
        assert_eq!(found, expected, "{now}");
    }
}

#[test]
fn a_changed_configuration_may_want_fewer_files_but_not_end_in_a_line() {
    let files = [("a.txt", "r:a\n"), ("b.txt", "r:b\n")];
    let before = sources(GLOB, &files);
    for (pools, expected) in [
        ("pools: [{id: 'r:0', identity_files: [a.txt]}]\n", None),
        ("pools: [{id: 'r:1', identity_files: []}]\n", None),
        (
            "pools: [{id: 'r:0', identity_files: [a.txt]}]",
            Some("config.yaml: has no line feed behind its last line"),
        ),
        (
            "pools: [{id: 'r:0', identity_files: []}]\n",
            Some("config.yaml:1:10: pools[0]: has no identity, but had some before"),
        ),
    ] {
        let now = sources(pools, &files);
        assert_eq!(half_written(&before, &now).as_deref(), expected, "{pools}");
        assert_ne!(now.fingerprint(), before.fingerprint());
    }
}

#[test]
fn the_beginning_of_a_configuration_is_half_written() {
    const WHOLE: &str = "pools:\n  - id: r:0\n  - id: r:1\npoll: {rate_limit: 2}\n\n";
    let half_written = |now: &str, before: &str| {
        let before = Configuration::file(before.as_bytes());
        Configuration::file(now.as_bytes()).half_written(&before)
    };
    let is_a_beginning = Some("is the beginning of what it was before");
    for (end, byte) in WHOLE.bytes().enumerate() {
        let expected = match byte {
            _ if end + 2 >= WHOLE.len() => None,
            b'\n' => is_a_beginning,
            _ => Some(NO_LINE_FEED),
        };
        let now = &WHOLE[..=end];
        assert_eq!(half_written(now, WHOLE), expected, "{now}");
    }
    let never_a_line_feed = WHOLE.trim_end();
    for (now, expected) in [
        (never_a_line_feed, None),
        (WHOLE, None),
        (&WHOLE[..30], is_a_beginning),
        ("pools:\n  - id: r:1", None),
    ] {
        assert_eq!(half_written(now, never_a_line_feed), expected, "{now}");
    }
}
