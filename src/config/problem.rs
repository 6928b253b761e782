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

/// One problem: `file:line:column: key.path: message`, with what is known of the place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// The file it was found in.
    pub file: PathBuf,
    /// Where in the file, if it is not the file as a whole.
    pub place: Option<Place>,
    /// The key it is about, such as `pools[0].identities[3]`.
    pub key: Option<String>,
    /// What is wrong, what was expected and what to do about it, a fragment in lower case.
    pub message: String,
}

/// A line and, where known, a column; both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: Option<usize>,
}

impl Problem {
    pub(crate) fn whole(file: &Path, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            place: None,
            key: None,
            message: message.into(),
        }
    }

    pub(crate) fn line(file: &Path, line: usize, message: impl Into<String>) -> Self {
        let place = Place { line, column: None };
        Self {
            place: Some(place),
            ..Self::whole(file, message)
        }
    }

    /// A problem of a key's value; [`super::locate`] adds its place.
    pub(crate) fn key(file: &Path, key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: Some(key.into()),
            ..Self::whole(file, message)
        }
    }
}

impl std::error::Error for Problem {}

/// One line, whatever the file and its keys are called.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = without_ids(&self.file.to_string_lossy());
        write!(f, "{}:", Printable(file))?;
        if let Some(Place { line, column }) = self.place {
            write!(f, "{line}:")?;
            if let Some(column) = column {
                write!(f, "{column}:")?;
            }
        }
        if let Some(key) = &self.key {
            write!(f, " {}:", Printable(key))?;
        }
        write!(f, " {}", Printable(&self.message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
