//! What is wrong with a web configuration, in the exporter-toolkit's words where it has some.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::headers::HeaderError;
use super::read::ReadError;
use super::tls::TlsError;
use crate::unwind::Panicked;

/// A web configuration that cannot be used. Displayed as `file: what` or `file:line:column: what`.
#[derive(Debug)]
pub struct WebConfigError {
    file: PathBuf,
    reason: Reason,
}

/// The first problem in a web configuration.
#[derive(Debug, Error)]
pub(super) enum Reason {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("yaml: the file is UTF-16, expected UTF-8")]
    Utf16,
    #[error("yaml: the file is not UTF-8")]
    NotUtf8,
    #[error("yaml: {message}")]
    Yaml {
        /// Line and column, from 1.
        position: Option<(usize, usize)>,
        message: String,
    },
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error("{message}")]
    Users {
        /// Line and column, from 1.
        position: Option<(usize, usize)>,
        message: String,
    },
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(
        "it is only the beginning of the file before, so it may be half-written; a restart takes it, \
         or a comment at its end"
    )]
    CutOff,
    #[error(
        "{0} is gone or asks for less; a restart is needed for that, as it may be a file half-written"
    )]
    LessProtection(&'static str),
    #[error("the check failed: {0}")]
    Panicked(#[from] Panicked),
}

impl WebConfigError {
    pub(super) fn new(file: &Path, reason: Reason) -> Self {
        Self {
            file: file.to_owned(),
            reason,
        }
    }
}

impl fmt::Display for WebConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Reason::Yaml { position, .. } | Reason::Users { position, .. } = self.reason
            && let Some((line, column)) = position
        {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}", self.reason)
    }
}

impl std::error::Error for WebConfigError {}

impl Reason {
    /// A text that is no hash. A name with a colon may be a password too.
    pub(super) fn of_users(error: &serde_yaml::Error) -> Self {
        let (position, message) = split_position(error);
        let message = match message.rsplit_once(": ") {
            Some((key, what)) if key.contains(':') => format!("basic_auth_users: {what}"),
            _ => message,
        };
        Self::Users { position, message }
    }
}

impl From<serde_yaml::Error> for Reason {
    fn from(error: serde_yaml::Error) -> Self {
        let (position, message) = split_position(&error);
        Self::Yaml {
            position,
            message: without_values(&message),
        }
    }
}

/// The line and column of an error, from 1, and its message without them.
fn split_position(error: &serde_yaml::Error) -> (Option<(usize, usize)>, String) {
    let text = error.to_string();
    match error.location() {
        Some(at) => {
            let (line, column) = (at.line(), at.column());
            let suffix = format!(" at line {line} column {column}");
            (Some((line, column)), text.replacen(&suffix, "", 1))
        }
        None => (None, text),
    }
}

/// serde repeats a value or a key that it did not expect. A value may be a password or a part of a
/// private key, and so may a key with a colon in it; no log may hold those.
fn without_values(message: &str) -> String {
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
    fn no_value_is_repeated() {
        for (text, expected) in [
            (
                "invalid type: string \"secret\", expected a map",
                "invalid type: a string, expected a map",
            ),
            (
                "unknown field `alice:secret`, expected one of `cert`",
                "unknown field, expected one of `cert`",
            ),
            (
                "unknown field `certfile`, expected one of `cert`",
                "unknown field `certfile`, expected one of `cert`",
            ),
        ] {
            assert_eq!(without_values(text), expected);
        }
    }
}
