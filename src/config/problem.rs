//! What is wrong with a configuration, and where.

use std::fmt;
use std::path::{Path, PathBuf};

/// Problems and warnings found so far.
#[derive(Debug, Default)]
pub struct Findings {
    /// What keeps the configuration from being used.
    pub problems: Vec<Problem>,
    /// What is probably not meant, but can be used.
    pub warnings: Vec<Problem>,
}

/// One thing wrong: `file:line:column: what` or `file: key.path: what`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file it was found in.
    pub file: PathBuf,
    /// Where in the file.
    pub place: Place,
    /// What is wrong and what was expected, a fragment in lower case.
    pub message: String,
}

/// Where in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
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
            place: Place::Whole,
            message: message.into(),
        }
    }

    pub(crate) fn line(file: &Path, line: usize, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            place: Place::Line(line, None),
            message: message.into(),
        }
    }

    pub(crate) fn key(file: &Path, key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            place: Place::Key(key.into()),
            message: message.into(),
        }
    }

    /// A problem of syntax or shape, as the YAML parser tells it.
    pub(crate) fn shape(file: &Path, error: &serde_yaml::Error) -> Self {
        let told = error.to_string();
        let (place, message) = match error.location() {
            Some(at) => {
                let suffix = format!(" at line {} column {}", at.line(), at.column());
                (
                    Place::Line(at.line(), Some(at.column())),
                    told.replacen(&suffix, "", 1),
                )
            }
            None => (Place::Whole, told),
        };
        Self {
            file: file.into(),
            place,
            message: without_ids(&message),
        }
    }
}

impl std::error::Error for Problem {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        match &self.place {
            Place::Whole => {}
            Place::Line(line, None) => write!(f, "{line}:")?,
            Place::Line(line, Some(column)) => write!(f, "{line}:{column}:")?,
            Place::Key(key) => write!(f, " {key}:")?,
        }
        write!(f, " {}", self.message)
    }
}

/// Serde repeats what it did not expect; a string, or a key with a colon, may be an identity id,
/// which no log may hold.
fn without_ids(message: &str) -> String {
    if let Some((before, rest)) = message.split_once("string \"") {
        let after = rest.rsplit_once('"').map_or("", |(_, after)| after);
        return format!("{before}a string{after}");
    }
    match message
        .split_once("unknown field `")
        .and_then(|(before, rest)| Some((before, rest.split_once('`')?)))
    {
        Some((before, (key, after))) if key.contains(':') => {
            format!("{before}unknown field{after}")
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_is_repeated() {
        for (told, kept) in [
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
        ] {
            assert_eq!(without_ids(told), kept);
        }
    }
}
