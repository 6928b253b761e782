//! The lines of an identity file: ids only, or one id and then its name; `#` starts a comment.

use std::path::Path;

use thiserror::Error;

use super::{IdentityList, InvalidIdentity, MAX_PROBLEMS};
use crate::config::{Checked, Problem};
use crate::identity::{IdentityId, canonicalize, ids_in};

/// What stands around the number in the last line of a list that was written whole.
const COMPLETE: &str = "# complete: ";
const IDENTITIES: &str = " identities";

/// Why a line is refused. No message repeats an id.
#[derive(Debug, Error)]
enum InvalidLine {
    #[error(transparent)]
    Identity(#[from] InvalidIdentity),
    #[error(
        "has {0:?} at an id, expected bare ids with white space between them: \
         no commas, quotes or brackets"
    )]
    NotBare(char),
    #[error("does not begin with an id, expected ids only, or one id and then its name")]
    NoIdFirst,
    #[error(
        "is JSON, expected one id on a line: `jq -r '.Identities[].IdentityId'` makes that of what \
         `aws cognito-identity list-identities` prints"
    )]
    Json,
    #[error("is JSON, expected one id on a line: `jq -r '.[]'` makes that of a list of ids")]
    JsonList,
    #[error("has several ids and other words, expected ids only, or one id and then its name")]
    Mixed,
}

/// Adds the identities of a file's text.
pub(super) fn read(path: &Path, text: &str, list: &mut Checked<IdentityList>) {
    if let Some((number, error)) = json(text) {
        let problem = Problem::line(path, number, error.to_string());
        return list.problems.push(problem);
    }
    let mut wrong = 0;
    for (number, line) in numbered(text) {
        let location = || Problem::line(path, number, "");
        if let Err(error) = read_line(line, &mut list.value, location) {
            wrong += 1;
            if wrong <= MAX_PROBLEMS {
                list.problems
                    .push(Problem::line(path, number, error.to_string()));
            }
        }
    }
    if wrong > MAX_PROBLEMS {
        let more = wrong - MAX_PROBLEMS;
        list.problems.push(Problem::whole(
            path,
            format!("has {more} more lines that are not identities"),
        ));
    }
}

/// Whether a text is JSON, and the line on which it begins. No comment and no id begins so.
fn json(text: &str) -> Option<(usize, InvalidLine)> {
    let text = text.trim_start_matches('\u{feff}');
    let start = text.trim_start();
    let after = start.strip_prefix(['{', '['])?.trim_start();
    let line = 1 + text[..text.len() - start.len()].matches('\n').count();
    match (start.starts_with('['), after.starts_with('"')) {
        (true, true) => Some((line, InvalidLine::JsonList)),
        (false, true) => Some((line, InvalidLine::Json)),
        _ => after.starts_with('{').then_some((line, InvalidLine::Json)),
    }
}

/// Whether a file seems to be written still, because its last line does not end.
pub(super) fn is_cut_off(text: &str) -> bool {
    !text.is_empty() && !text.ends_with(ends_line)
}

/// The last line of a list that was written whole, a comment where identities are read.
#[must_use]
pub fn completion(identities: usize) -> String {
    format!("{COMPLETE}{identities}{IDENTITIES}")
}

/// The number of identities that a text has by its last line, if that is a [`completion`].
#[must_use]
pub fn completed(text: &str) -> Option<usize> {
    let last = text.trim_end().rsplit(ends_line).next()?;
    let number = last.strip_prefix(COMPLETE)?.strip_suffix(IDENTITIES)?;
    number.parse().ok()
}

/// The lines of a text with their numbers from 1. Whatever Unicode ends a line with ends one here,
/// so that no id is taken for a part of another's name or of a comment. Two characters that end one
/// line together count once.
fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut number = 0;
    let mut after_return = false;
    text.split_inclusive(ends_line).filter_map(move |line| {
        let is_second_half = after_return && line == "\n";
        after_return = line.ends_with('\r');
        number += usize::from(!is_second_half);
        (!is_second_half).then(|| (number, line.trim_end_matches(ends_line)))
    })
}

fn ends_line(c: char) -> bool {
    matches!(
        c,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

fn read_line(
    line: &str,
    list: &mut IdentityList,
    location: impl Fn() -> Problem,
) -> Result<(), InvalidLine> {
    // A byte order mark is left in the middle when files are joined.
    let line = without_comment(line.trim_start_matches('\u{feff}')).trim();
    let mut words = line.split_whitespace();
    let Some(first) = words.next() else {
        return Ok(());
    };
    let others = words;
    if !is_id(first) {
        if let Some(found) = first.chars().find(|c| ",;|\"'`[]{}()<>".contains(*c)) {
            return Err(InvalidLine::NotBare(found));
        }
        if others.clone().any(|word| ids_in(word).next().is_some()) {
            return Err(InvalidLine::NoIdFirst);
        }
    }
    if others.clone().all(is_id) {
        list.add(first, None, &location)?;
        for id in others {
            list.add(id, None, &location)?;
        }
        return Ok(());
    }
    if others.clone().any(is_id) {
        return Err(InvalidLine::Mixed);
    }
    let name = line[first.len()..].trim_start();
    Ok(list.add(first, Some(name), location)?)
}

fn is_id(word: &str) -> bool {
    IdentityId::parse(&canonicalize(word)).is_ok()
}

/// A `#` starts a comment at the start of a line or behind white space, so that names may hold one.
fn without_comment(line: &str) -> &str {
    let starts = |at: usize| {
        line[..at]
            .chars()
            .next_back()
            .is_none_or(char::is_whitespace)
    };
    match line.match_indices('#').find(|(at, _)| starts(*at)) {
        Some((at, _)) => &line[..at],
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "us-east-1:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10";
    const B: &str = "us-east-1:9BE2CF05-60d4-4d8a-8a51-5a4a8e6d2f77";

    /// What a text is read as: ids by letter, names in parentheses; or all problems.
    fn read_as(text: &str) -> Result<String, Vec<String>> {
        let mut list = Checked::good(IdentityList::new(Some("us-east-1")));
        let text = text.replace("$A", A).replace("$B", B);
        read(Path::new("ids"), &text, &mut list);
        let (list, _) = list.accept().map_err(|problems| {
            let problems = problems.iter().map(ToString::to_string);
            problems
                .inspect(|problem| assert!(!problem.contains("2a1f8a52-9"), "{problem}"))
                .collect::<Vec<_>>()
        })?;
        let entry = |index| {
            let letter = if list.id(index).as_str() == A {
                "A"
            } else {
                "B"
            };
            list.name(index)
                .map_or(letter.to_owned(), |name| format!("{letter}({name})"))
        };
        Ok((0..list.len()).map(entry).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_line_holds_ids_only_or_one_and_its_name() {
        for (text, expected) in [
            ("", ""),
            ("$A\n$B\n", "A B"),
            ("\u{feff}$A\n\u{feff}$B", "A B"),
            ("$A name\r\n\r\n $B\r\n", "A(name) B"),
            ("$A\tthe  name \n", "A(the  name)"),
            ("$A\tcanary # $B\n#$B\n", "A(canary)"),
            ("$A issue#7", "A(issue#7)"),
            ("$A $B\t$A\u{a0}$B\u{2003}$A\u{3000}$B", "A B A B A B"),
            // Each of these ends a line.
            ("$A\r$B one\r", "A B(one)"),
            ("$A one\u{b}$B two", "A(one) B(two)"),
            ("# one\u{c}$A\u{85}$B\u{2028}$A\u{2029}$B", "A B A B"),
        ] {
            assert_eq!(read_as(text).as_deref(), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn what_is_read_as_fewer_identities_than_there_are_ids_is_refused() {
        for (text, place, part) in [
            ("$A\n$A name $B", 2, "has several ids and other words"),
            ("$A $B name", 1, "has several ids and other words"),
            ("\n\n$A,$B", 3, "has ',' at an id"),
            ("$A, $B", 1, "has ',' at an id"),
            ("$A;$B", 1, "has ';' at an id"),
            ("$A|$B", 1, "has '|' at an id"),
            ("\"$A\"", 1, "has '\"' at an id"),
            ("'$A'", 1, "has '\\'' at an id"),
            ("[$A]", 1, "has '[' at an id"),
            (
                "\n[\n\"$A\",\n\"$B\"]",
                2,
                "is JSON, expected one id on a line: `jq -r '.[]'`",
            ),
            (
                "{\"IdentityId\": \"$A\"}",
                1,
                "is JSON, expected one id on a line: `jq",
            ),
            ("{\n  \"Identities\": [", 1, "is JSON"),
            ("[{\"IdentityId\": \"$A\"}]", 1, "is JSON"),
            ("$A \"$B\"", 1, "has an id in its name"),
            ("$A canary,$B", 1, "has an id in its name"),
            ("$A us-east-1:mistyped", 1, "has an id in its name"),
            ("- $A", 1, "does not begin with an id"),
            ("IDENTITIES\t$A", 1, "does not begin with an id"),
            ("name $A", 1, "does not begin with an id"),
            ("$A eu-west-1:7b", 1, "is of region eu-west-1"),
            ("$A\rx\r", 2, "has no colon"),
            ("$A\r\nx\r\n", 2, "has no colon"),
            ("$A\u{200b}$B", 1, "has '\\u{200b}' in it"),
            ("$A one\ttwo", 1, "has '\\t' in its name"),
        ] {
            let problems = read_as(text).unwrap_err();
            let start = format!("ids:{place}: {part}");
            assert!(problems[0].starts_with(&start), "{text:?}: {problems:?}");
        }
    }

    #[test]
    fn comments_start_behind_white_space() {
        for (line, kept) in [
            ("# all", ""),
            ("r:a # b", "r:a "),
            ("r:a issue#7", "r:a issue#7"),
            ("\t#", "\t"),
            ("", ""),
        ] {
            assert_eq!(without_comment(line), kept, "{line:?}");
        }
    }

    #[test]
    fn only_the_first_wrong_lines_are_reported() {
        let problems = read_as(&"nonsense\n".repeat(25)).unwrap_err();
        assert_eq!(problems.len(), 21);
        assert_eq!(
            problems[20],
            "ids: has 5 more lines that are not identities"
        );
        assert!(problems[0].starts_with("ids:1: has no colon"));
    }

    #[test]
    fn a_whole_list_says_how_many_identities_it_has() {
        let whole = format!("{A}\n{}\n", completion(1));
        assert_eq!(whole, format!("{A}\n# complete: 1 identities\n"));
        assert_eq!(read_as(&whole).as_deref(), Ok("A"));
        for (text, expected) in [
            (whole.as_str(), Some(1)),
            ("# complete: 0 identities", Some(0)),
            ("\r\n# complete: 30000 identities\r\n\r\n", Some(30_000)),
            ("# complete: 1 identities\nr:a\n", None),
            ("# complete: 1 identities # r:a\n", None),
            ("# complete: 1 pools\n", None),
            ("# complete: identities\n", None),
            ("r:a # complete: 1 identities\n", None),
            ("", None),
        ] {
            assert_eq!(completed(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_last_line_that_does_not_end_is_cut_off() {
        for (text, expected) in [("", false), ("a\n", false), ("a\r", false), ("a\nb", true)] {
            assert_eq!(is_cut_off(text), expected, "{text:?}");
        }
    }
}
