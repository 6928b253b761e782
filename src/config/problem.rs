//! What is wrong with a configuration, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::printable::{Printable, without_ids};

/// A value, with all that was found wrong or doubtful while it was made.
#[derive(Debug)]
#[must_use]
pub struct Checked<T> {
    /// What could be made. Useful only for finding more problems if there are [`Self::problems`].
    pub value: T,
    /// What keeps the value from being used, in the order it was found.
    pub problems: Vec<Problem>,
    /// What is probably a mistake, but can be used.
    pub warnings: Vec<Problem>,
}

impl<T> Checked<T> {
    /// A value without problems and warnings.
    pub fn good(value: T) -> Self {
        Self {
            value,
            problems: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Another value with the same problems and warnings.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Checked<U> {
        Checked {
            value: change(self.value),
            problems: self.problems,
            warnings: self.warnings,
        }
    }

    /// The result of the next step. What it finds follows what was found before. The step is taken
    /// in any case, so that one run reports the problems of all steps.
    pub fn and_then<U>(mut self, next: impl FnOnce(T) -> Checked<U>) -> Checked<U> {
        let then = next(self.value);
        self.problems.extend(then.problems);
        self.warnings.extend(then.warnings);
        Checked {
            value: then.value,
            problems: self.problems,
            warnings: self.warnings,
        }
    }

    /// The value and its warnings.
    ///
    /// # Errors
    /// All problems, if there are any.
    pub fn accept(self) -> Result<(T, Vec<Problem>), Vec<Problem>> {
        if self.problems.is_empty() {
            Ok((self.value, self.warnings))
        } else {
            Err(self.problems)
        }
    }
}

/// All values, with the problems and warnings of each.
impl<T> FromIterator<Checked<T>> for Checked<Vec<T>> {
    fn from_iter<I: IntoIterator<Item = Checked<T>>>(all: I) -> Self {
        let mut values = Checked::good(Vec::new());
        for one in all {
            values.value.push(one.value);
            values.problems.extend(one.problems);
            values.warnings.extend(one.warnings);
        }
        values
    }
}

/// One problem: `file:line:column: message` or `file: key.path: message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file it was found in.
    pub file: PathBuf,
    /// Where in the file.
    pub location: Location,
    /// What is wrong and what was expected, a fragment in lower case.
    pub message: String,
}

/// Where in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// The file as a whole.
    Whole,
    /// A line and, where known, a column; both from 1.
    Line(usize, Option<usize>),
    /// A key, such as `pools[0].identities[3]`.
    Key(String),
}

impl Problem {
    pub(crate) fn whole(file: &Path, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            location: Location::Whole,
            message: message.into(),
        }
    }

    pub(crate) fn line(file: &Path, line: usize, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            location: Location::Line(line, None),
            message: message.into(),
        }
    }

    pub(crate) fn key(file: &Path, key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            location: Location::Key(key.into()),
            message: message.into(),
        }
    }

    /// A problem of syntax or shape, as the YAML parser reports it.
    pub(crate) fn shape(file: &Path, error: &serde_yaml::Error) -> Self {
        let text = error.to_string();
        let (location, message) = match error.location() {
            Some(at) => {
                let suffix = format!(" at line {} column {}", at.line(), at.column());
                (
                    Location::Line(at.line(), Some(at.column())),
                    text.replacen(&suffix, "", 1),
                )
            }
            None => (Location::Whole, text),
        };
        Self {
            file: file.into(),
            location,
            message: in_our_words(&message),
        }
    }
}

impl std::error::Error for Problem {}

/// One line, whatever the file and its keys are called.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", Printable(self.file.display()))?;
        match &self.location {
            Location::Whole => {}
            Location::Line(line, None) => write!(f, "{line}:")?,
            Location::Line(line, Some(column)) => write!(f, "{line}:{column}:")?,
            Location::Key(key) => write!(f, " {key}:")?,
        }
        write!(f, " {}", Printable(&self.message))
    }
}

/// Serde's messages quote what they did not expect: a string, or a key with a colon, may be an
/// identity id, and ids are kept out of logs.
fn in_our_words(message: &str) -> String {
    if let Some((before, rest)) = message.split_once("string \"") {
        let after = rest.rsplit_once('"').map_or("", |(_, after)| after);
        return format!("{}a string{after}", without_ids(before));
    }
    let unknown = message
        .split_once("unknown field `")
        .and_then(|(before, rest)| Some((before, rest.split_once("`, expected")?)));
    match unknown {
        Some((before, ("<<", _))) => format!(
            "{before}merge keys (`<<`) are not supported, expected each key by itself; its value \
             may be an alias, such as `limits: *limits`"
        ),
        Some((before, (key, after))) if key.contains(':') => {
            format!(
                "{}unknown field, expected{}",
                without_ids(before),
                without_ids(after)
            )
        }
        _ => without_ids(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_is_repeated() {
        for (message, expected) in [
            (
                "invalid type: string \"us-east-1:2a\", expected a sequence",
                "invalid type: a string, expected a sequence",
            ),
            (
                "unknown field `us-east-1:2a`, expected `id` or `name`",
                "unknown field, expected `id` or `name`",
            ),
            (
                "unknown field `regoin`, expected one of `id`",
                "unknown field `regoin`, expected one of `id`",
            ),
            ("missing field `id`", "missing field `id`"),
            (
                "duplicate entry with key \"us-east-1:2a1f8a52-9c6b\"",
                "duplicate entry with key \"…\"",
            ),
            (
                "pools[0]: unknown field `<<`, expected `id`",
                "pools[0]: merge keys (`<<`) are not supported, expected each key by itself; its \
                 value may be an alias, such as `limits: *limits`",
            ),
        ] {
            assert_eq!(in_our_words(message), expected);
        }
    }

    #[test]
    fn a_problem_is_one_line_that_steers_no_terminal() {
        let problem = Problem::key(Path::new("a\nb"), "pools", "unknown `\u{1b}[2J`\n");
        assert_eq!(problem.to_string(), "a\\nb: pools: unknown `\\u{1b}[2J`\\n");
    }

    #[test]
    fn steps_keep_the_findings_of_those_before() {
        let step = |number: u32| {
            move |sum: u32| Checked {
                value: sum + number,
                problems: vec![Problem::whole(Path::new("f"), format!("problem {number}"))],
                warnings: vec![Problem::whole(Path::new("f"), format!("warning {number}"))],
            }
        };
        let checked = Checked::good(1).and_then(step(2)).and_then(step(3));
        assert_eq!(checked.map(|sum| sum * 10).value, 60);
        let checked = Checked::good(1).and_then(step(2)).and_then(step(3));
        assert_eq!(checked.warnings.len(), 2);
        let problems = checked.accept().unwrap_err();
        let messages: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(messages, ["f: problem 2", "f: problem 3"]);
        assert_eq!(Checked::good(1).accept(), Ok((1, Vec::new())));
    }
}
