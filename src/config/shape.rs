//! Problems of syntax and shape, from what the YAML parser reports, with what to do about them.

use std::path::Path;

use super::keys::Section;
use super::places::occurrences;
use super::suggest::unknown_key;
use super::{Place, Problem};
use crate::printable::without_ids;

/// The problem that an error of the parser is; `text` is what it parsed.
pub(super) fn problem(file: &Path, text: &str, error: &serde_yaml::Error) -> Problem {
    let mut message = error.to_string();
    let place = error.location().map(|at| {
        let suffix = format!(" at line {} column {}", at.line(), at.column());
        message = message.replacen(&suffix, "", 1);
        Place {
            line: at.line(),
            column: Some(at.column()),
        }
    });
    let (path, message) = split_path(&message);
    if let Some(number) = conflict(text) {
        return Problem::line(
            file,
            number,
            "is a mark of a conflict that Git has left: keep one of the versions, without the marks",
        );
    }
    // The parser sees it later, or takes the key for a value.
    let is_text_for_a_map =
        message.contains("invalid type: string") && message.contains("a map of");
    if (is_text_for_a_map || message.contains("could not find expected ':'"))
        && let Some(number) = without_colon(text)
    {
        return Problem::line(
            file,
            number,
            "a key without a colon and a space behind it, expected `KEY: VALUE`",
        );
    }
    if let Some(key) = quoted(message, "duplicate field `") {
        return duplicate(file, text, path, key, place);
    }
    let line = place.and_then(|place| text.lines().nth(place.line - 1));
    Problem {
        file: file.into(),
        place,
        key: (!path.is_empty()).then(|| path.to_owned()),
        message: in_our_words(path, message, text, line.unwrap_or_default()),
    }
}

/// A key that a map has twice. The parser's place is that of the map.
fn duplicate(file: &Path, text: &str, path: &str, key: &str, map: Option<Place>) -> Problem {
    let (place, first) = match occurrences(text, &joined(path, key))[..] {
        [first, second, ..] => (Some(second), format!("; line {} has it first", first.line)),
        _ => (map, String::new()),
    };
    let message = format!("`{key}` is there twice, expected once: leave one out{first}");
    Problem {
        place,
        key: (!path.is_empty()).then(|| path.to_owned()),
        ..Problem::whole(file, message)
    }
}

/// The path of a key of a section.
fn joined(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    }
}

/// What stands in backquotes, the first of which ends this.
fn quoted<'a>(message: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = message.split_once(before)?;
    rest.split_once('`').map(|(quoted, _)| quoted)
}

/// The path before a message, such as `pools[0].limits`. All keys in it are known ones.
fn split_path(message: &str) -> (&str, &str) {
    let is_path = |path: &str| {
        path.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.[]".contains(&byte))
    };
    match message.split_once(": ") {
        Some((path, message)) if is_path(path) => (path, message),
        _ => ("", message),
    }
}

/// A message of serde or of the parser, without ids: serde quotes what it did not expect.
fn in_our_words(path: &str, message: &str, text: &str, line: &str) -> String {
    // A key may hold backquotes; what follows it does not.
    let unknown = message
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split_once("`, expected"));
    if let Some((key, _)) = unknown {
        return unknown_field(path, key, text);
    }
    if let Some(key) = quoted(message, "missing field `") {
        let remedy = match path.contains("identities") {
            true => "",
            false => ", which `cognitosync_exporter list-pools` prints",
        };
        return format!("has no `{key}`, expected one such as us-east-1:2a1f8a52-…{remedy}");
    }
    let message = match message.split_once("string \"") {
        Some((before, rest)) => {
            let after = rest.rsplit_once('"').map_or("", |(_, after)| after);
            format!("{}a string{after}", without_ids(before))
        }
        None => without_ids(message),
    };
    let remedy = remedy(path, &message, text, line);
    let message = [
        ("expected a sequence", "expected a list"),
        ("invalid type: sequence", "invalid type: a list"),
        ("invalid type: map", "invalid type: a map"),
        ("invalid type: unit value", "invalid type: nothing"),
        ("invalid type: enum", "invalid type: a tag (`!NAME`)"),
    ]
    .iter()
    .fold(message, |message, (theirs, ours)| {
        message.replace(theirs, ours)
    });
    match remedy {
        Some(remedy) => format!("{message}: {remedy}"),
        None => message,
    }
}

fn unknown_field(path: &str, key: &str, text: &str) -> String {
    if key == "<<" {
        return "merge keys (`<<`) are not supported, expected each key by itself; its value may be \
                an alias, such as `limits: *limits`"
            .to_owned();
    }
    if let Some(found) = odd_space(key) {
        return format!("has {found} before a key, expected a plain space: type it anew");
    }
    let section = Section::of_path(path).unwrap_or(Section::File);
    // It may be an id, or a key of AWS.
    if key.contains(':') || without_ids(key) != key || is_access_key(key) {
        return format!("unknown key, {}", unknown_key(section, "", |_| false));
    }
    if section == Section::Identity && super::is_known_region(key) {
        return format!("unknown key `{key}`: an id has no space behind its colon");
    }
    let is_present = |name: &str| !occurrences(text, &joined(path, name)).is_empty();
    let remedy = unknown_key(section, key, is_present);
    format!("unknown key `{key}`: {remedy}")
}

/// Whether a text has the form of an access key's id, or of the secret with it.
fn is_access_key(text: &str) -> bool {
    let is_id = text.len() == 20 && (text.starts_with("AKIA") || text.starts_with("ASIA"));
    let is_secret = text.len() == 40 && !text.contains('_');
    is_id || is_secret
}

/// A space that only looks like one, by name.
fn odd_space(text: &str) -> Option<&'static str> {
    text.chars().find_map(|c| match c {
        '\u{a0}' | '\u{202f}' => Some("a no-break space"),
        '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => Some("an invisible character"),
        '\u{2000}'..='\u{200a}' | '\u{3000}' => Some("a wide or narrow space"),
        _ => None,
    })
}

/// What to do about it, by the path, the message and the line of the file.
fn remedy(path: &str, message: &str, text: &str, line: &str) -> Option<String> {
    let is = |part: &str| message.contains(part);
    let name = path.rsplit('.').next().unwrap_or_default();
    let fixed = if is("cannot start any token") || is("found a tab character") {
        match line.trim_start_matches(' ').chars().next() {
            Some('\t') => "a tab; YAML wants spaces for indentation",
            _ => "a text that begins with such a character needs quotes",
        }
    } else if is("mapping values are not allowed") {
        "a text with a colon and a space in it needs quotes, and a key the same indentation as \
         those beside it"
    } else if is("unknown anchor") || is("while scanning an a") {
        "`*NAME` stands for a value marked `&NAME` before it; a glob that begins with `*` needs \
         quotes, such as '*.txt'"
    } else if is("unknown escape character") {
        "`\\` has a meaning between double quotes; write paths with `/`, or between single quotes"
    } else if is("while scanning a quoted scalar") {
        "a quote is not closed"
    } else if is("did not find expected key") {
        "the line is indented unlike those above it, or a quote or bracket is not closed"
    } else if is("did not find expected ',' or") {
        "a bracket is not closed, or a comma is missing"
    } else if is("did not find expected '-' indicator") {
        "the entries of a list begin with `- ` in the same column"
    } else if is("expected a sequence") {
        return Some(match (name, is("invalid type: map")) {
            ("pools", true) => "put `- ` before `id`".to_owned(),
            ("pools", _) => "`- id: REGION:GUID` on a line below it".to_owned(),
            (_, true) => "put `- ` before each entry".to_owned(),
            _ => format!("`{name}: [VALUE, VALUE]`, or each VALUE on a line behind `- `"),
        });
    } else if is("invalid type: sequence") && path.is_empty() && looks_like(text).is_some() {
        looks_like(text)?
    } else if is("invalid type: sequence") && is("expected a map") {
        match line.contains('[') {
            true => "`{ }` stands around a map, `[ ]` around a list",
            false => "leave out the `- ` before its keys",
        }
    } else if is("expected a string") && (is("integer") || is("floating") || is("boolean")) {
        "put it between quotes"
    } else if is("invalid type: a string, expected a map") && path.is_empty() {
        looks_like(text).unwrap_or("keys end in a colon and a space")
    } else if is("invalid type: boolean") && name == "discover" {
        "`discover: {}`, or leave it out"
    } else {
        return None;
    };
    Some(fixed.to_owned())
}

/// What a file seems to be that is no configuration, from its first line with a content.
fn looks_like(text: &str) -> Option<&'static str> {
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let mut content = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let first = content.next()?;
    let word = first.split_whitespace().next()?;
    if crate::identity::ids_in(word).any(|id| id.start == 0) {
        Some("it looks like an identity file, which a pool's `identity_files` names")
    } else if first.starts_with('[') && first.ends_with(']') && content.any(|it| it.contains('=')) {
        Some("it is TOML or INI, expected YAML")
    } else {
        None
    }
}

/// A line that Git has left between two versions, and its number.
fn conflict(text: &str) -> Option<usize> {
    let is_marker = |line: &str| {
        let marks = ["<<<<<<< ", ">>>>>>> "];
        marks.iter().any(|mark| line.starts_with(mark))
    };
    text.lines().position(is_marker).map(|at| at + 1)
}

/// The first line of a map where a colon, or the space behind it, is missing.
fn without_colon(text: &str) -> Option<usize> {
    let is_key = |name: &str| {
        let mut keys = Section::ALL.into_iter().flat_map(Section::keys);
        keys.any(|key| key.name == name)
    };
    let lacks = |line: &str| {
        let line = line.trim().trim_start_matches("- ");
        let name = line
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .next();
        let Some(name) = name.filter(|name| is_key(name)) else {
            return false;
        };
        let rest = &line[name.len()..];
        let is_value =
            rest.starts_with(':') && !rest[1..].starts_with([' ', '\t']) && rest.len() > 1;
        let is_equation = rest.trim_start().starts_with('=');
        is_value || is_equation || rest.is_empty()
    };
    text.lines().position(lacks).map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem_of(text: &str) -> String {
        let error = super::super::schema::parse(text).unwrap_err();
        problem(Path::new("f"), text, &error).to_string()
    }

    #[test]
    fn no_id_is_repeated() {
        let id = "us-east-1:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10";
        for (text, expected) in [
            (
                format!("pools: {id}"),
                "f:1:8: pools: invalid type: a string, expected a list: `- id: REGION:GUID` on a \
                 line below it",
            ),
            (
                format!("'{id}': 1"),
                "f:1:1: unknown key, expected one of `poll`, `limits`, `pools`",
            ),
            (
                "AKIAIOSFODNN7EXAMPLE: 1".to_owned(),
                "f:1:1: unknown key, expected one of `poll`, `limits`, `pools`",
            ),
            (
                format!("{}: 1", &id["us-east-1:".len()..]),
                "f:1:1: unknown key, expected one of `poll`, `limits`, `pools`",
            ),
            (
                format!("pools: [{{id: a, discover: {{'{id}': 1}}}}]"),
                "f:1:28: pools[0].discover: unknown key, expected one of `interval`, `rate_limit`",
            ),
            (
                format!("{id}\n"),
                "f:1:1: invalid type: a string, expected a map of `poll`, `limits` and `pools`: \
                 it looks like an identity file, which a pool's `identity_files` names",
            ),
        ] {
            assert_eq!(problem_of(&text), expected, "{text}");
        }
        let error = <serde_yaml::Error as serde::de::Error>::custom(format!("about {id}"));
        assert_eq!(problem(Path::new("f"), "", &error).message, "about …");
    }
}
