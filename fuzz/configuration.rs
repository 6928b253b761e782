//! Configuration files of any text.

use std::path::Path;

use cognitosync_exporter::loading;

use crate::words::text;

const WORDS: [&str; 48] = [
    "poll:",
    "limits:",
    "pools:",
    "\n",
    "\n  ",
    "\n    ",
    "\n- ",
    "\n  - ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    ": ",
    "interval",
    "timeout",
    "attempts",
    "rate_limit",
    "max_in_flight",
    "stale_after",
    "storage",
    "datasets",
    "id: ",
    "name: ",
    "role_arn: ",
    "external_id: ",
    "profile: ",
    "endpoint_url: ",
    "series: ",
    "top: ",
    "identities:",
    "identity_files: ",
    "each",
    "none",
    "5m",
    "1h30m",
    "20MiB",
    "-1",
    "1e999",
    "0",
    "~",
    "'",
    "\"",
    "&a",
    "*a",
    "arn:aws:iam::123456789012:role/x",
    "us-east-1:7b6bd1a1-5f5c-4f43-9a0b-0f6a3b8d8c11",
    "http://127.0.0.1:4566",
];

/// The example with ids in place of its placeholders.
fn filled_example() -> String {
    let example = include_str!("../config.example.yaml");
    let mut pieces = example.split("REPLACE-WITH-");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.zip(10..).fold(first, |filled, (piece, number)| {
        let of_placeholder = |letter: char| letter.is_ascii_uppercase() || letter == '-';
        let rest = piece.trim_start_matches(of_placeholder);
        format!("{filled}2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e{number}{rest}")
    })
}

/// The example, of which a piece is taken out and another put in.
fn mutated(input: &[u8]) -> String {
    let example = filled_example();
    let example = example.as_bytes();
    let (at, length) = match input {
        [high, low, length, ..] => (
            usize::from(*high) * 256 + usize::from(*low),
            usize::from(*length),
        ),
        _ => (0, 0),
    };
    let at = at % example.len();
    let (before, after) = (&example[..at], &example[(at + length).min(example.len())..]);
    let piece = text(&WORDS, input.get(3..).unwrap_or_default());
    String::from_utf8_lossy(&[before, piece.as_bytes(), after].concat()).into_owned()
}

#[test]
fn configuration() {
    let mut good = 0;
    bolero::check!()
        .with_iterations(4_000)
        .for_each(|input: &[u8]| {
            for text in [text(&WORDS, input), mutated(input)] {
                match loading::parse(Path::new("config.yaml"), &text) {
                    Ok(loaded) => {
                        good += 1;
                        assert!(!loaded.targets.pools.is_empty());
                        assert!(
                            loaded.config.poll.rate_limit > 0.0 && loaded.config.poll.attempts > 0
                        );
                    }
                    Err(problems) => {
                        assert!(!problems.is_empty());
                        let told = problems.iter().map(ToString::to_string);
                        told.for_each(|told| {
                            assert!(
                                told.starts_with("config.yaml:") && told.len() > 14,
                                "{told}"
                            );
                        });
                    }
                }
            }
        });
    // Without a fuzzing engine there are enough; with one the process ends elsewhere.
    assert!(good > 0, "no good configuration was tried");
}
