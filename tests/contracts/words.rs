//! Words that do not come back: archaic ones, and those that make people of machines.

use std::path::Path;

/// Endings of names of files that are read.
const KINDS: &[&str] = &[
    ".css", ".html", ".json", ".md", ".py", ".roff", ".service", ".sh", ".socket", ".spec",
    ".toml", ".txt", ".yaml",
];
/// Scripts without an ending are read as well; they are in these directories or have these names.
const SCRIPTS: &[&str] = &[
    ".ci/",
    "packaging/",
    "tests/long/",
    "tests/run",
    "tests/real/confined",
    "tests/real/copy",
    "tests/real/first-command",
    "tests/real/image",
    "tests/real/kubernetes",
    "tests/real/packages",
    "tests/real/rpm",
    "tests/real/supply-chain",
];
/// This file names them.
const SELF: &str = "tests/contracts/words.rs";

/// What must not stand there, in lower case, and what to write instead. A `*` stands for any
/// ending of a word. Words are compared without what stands between them, so a phrase is found
/// across lines and in names like `every_room`.
const WORDS: &[(&str, &str)] = &[
    ("whoever", "the noun: client, operator, user"),
    ("reckon*", "compute, calculate, measure"),
    ("for want of", "without, because there is no"),
    ("likewise", "the same, also"),
    ("how manieth", "the position, the order"),
    ("is told", "receives, is given, is reported"),
    ("are told", "receive, are given, are reported"),
    ("has told", "has returned, has reported"),
    ("was told", "received, was given"),
    ("were told", "received, were given"),
    ("being told", "receiving, being given"),
    ("tells", "says, shows, returns"),
    ("for whom", "for which identities, for which clients"),
    ("of whom", "of which"),
    ("those who", "those that, or the noun"),
    ("cannot be had", "is unavailable"),
    ("could be had", "was available"),
    ("can be had", "is available"),
    ("begin to fail", "fail, are failing"),
    ("begins to fail", "fails, is failing"),
    ("connection died", "the connection's task panicked"),
    ("nobody but", "only"),
    ("such as never", "those that never"),
    ("user of its own", "a dynamic user, a separate user"),
    ("as may be", "as possible"),
    ("nobody's", "of no one, or a sentence with another subject"),
    ("somebody's", "of a user, of an identity"),
    // A module is a module; a buffer may have room.
    ("rooms", "modules"),
    ("a room", "a module"),
    ("each room", "each module"),
    ("every room", "every module"),
    ("one room", "one module"),
    ("this room", "this module"),
    ("the room", "the module, the space"),
];

fn is_read(path: &str) -> bool {
    path != SELF
        && (KINDS.iter().any(|kind| path.ends_with(kind))
            || SCRIPTS.iter().any(|script| path.starts_with(script))
            || path.ends_with(".rs"))
}

/// Each word in lower case, and the line that it stands on.
fn words(text: &str) -> Vec<(usize, String)> {
    let mut words = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.to_lowercase().replace('’', "'");
        let apart = |letter: char| !letter.is_alphanumeric() && letter != '\'';
        words.extend(
            line.split(apart)
                .map(|word| word.trim_matches('\''))
                .filter(|word| !word.is_empty())
                .map(|word| (number + 1, word.to_owned())),
        );
    }
    words
}

fn is_same(word: &str, wanted: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(beginning) => word.starts_with(beginning),
        None => word == wanted,
    }
}

/// The lines on which a phrase begins.
fn lines_with(words: &[(usize, String)], phrase: &str) -> Vec<usize> {
    let phrase: Vec<_> = phrase.split(' ').collect();
    words
        .windows(phrase.len())
        .filter(|window| {
            window
                .iter()
                .zip(&phrase)
                .all(|((_, word), wanted)| is_same(word, wanted))
        })
        .map(|window| window[0].0)
        .collect()
}

#[test]
fn words_that_do_not_come_back() {
    let mut read = 0;
    let mut found = Vec::new();
    for path in super::tracked().into_iter().filter(|path| is_read(path)) {
        // What is no text has no words.
        let Ok(text) = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&path))
        else {
            continue;
        };
        read += 1;
        let words = words(&text);
        for (phrase, instead) in WORDS {
            for line in lines_with(&words, phrase) {
                found.push(format!("{path}:{line}: \"{phrase}\"; write: {instead}"));
            }
        }
    }
    assert!(read > 50, "only {read} files were read");
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn a_phrase_is_found_across_lines_and_in_names() {
    let words = words("fn every_room() {}\n/// for\n/// want of (Reckoned)\nroomy\nIt's nobody’s.");
    let lines = |phrase: &str| lines_with(&words, phrase);
    assert_eq!(lines("every room"), [1]);
    assert_eq!(lines("for want of"), [2]);
    assert_eq!(lines("reckon*"), [3]);
    assert_eq!(lines("nobody's"), [5]);
    assert_eq!(lines("want"), [3]);
    assert_eq!(lines("room"), [1]);
}
