//! `http_server_config.headers`: the headers that a web configuration may set.

use http::{HeaderName, HeaderValue};
use thiserror::Error;

/// The headers that may be set, with their permitted values; an empty list permits any.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];

/// A header that may not be set so.
#[derive(Debug, Error)]
pub(super) enum HeaderError {
    #[error("HTTP header {0:?} can not be configured")]
    Name(String),
    #[error(
        "invalid value for {name}. Expected one of: [{permitted}], but got: {value:?}",
        permitted = quoted(.permitted)
    )]
    NotPermitted {
        name: String,
        permitted: &'static [&'static str],
        value: String,
    },
    #[error("invalid value for {name}: {value:?}")]
    Malformed { name: HeaderName, value: String },
}

fn quoted(values: &[&str]) -> String {
    let values: Vec<_> = values.iter().map(|value| format!("{value:?}")).collect();
    values.join(" ")
}

pub(super) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), HeaderError> {
    let known = HEADERS.iter().find(|(known, _)| *known == name);
    let (_, permitted) = known.ok_or_else(|| HeaderError::Name(name.to_owned()))?;
    if !permitted.is_empty() && !permitted.contains(&value) {
        return Err(HeaderError::NotPermitted {
            name: name.to_owned(),
            permitted,
            value: value.to_owned(),
        });
    }
    let name = HeaderName::try_from(name).expect("the names above are header names");
    match HeaderValue::try_from(value) {
        Ok(value) => Ok((name, value)),
        Err(_) => Err(HeaderError::Malformed {
            name,
            value: value.to_owned(),
        }),
    }
}
