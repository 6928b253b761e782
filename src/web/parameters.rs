//! Parameters of URLs: what stands behind the `?`.

use std::borrow::Cow;
use std::fmt::Display;

use thiserror::Error;

use crate::printable::Printable;

/// Names and values, in their order.
pub(super) fn of(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(query.as_bytes())
}

/// A parameter that is not known or has a wrong value.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("parameter {}: expected {expected}", Printable(.parameter))]
pub(super) struct InvalidParameter {
    parameter: String,
    expected: String,
}

impl InvalidParameter {
    pub(super) fn new(parameter: &str, expected: impl Display) -> Self {
        Self {
            parameter: parameter.to_owned(),
            expected: expected.to_string(),
        }
    }
}

/// Sets a parameter that may stand there once.
pub(super) fn set<T>(
    slot: &mut Option<T>,
    name: &str,
    value: Option<T>,
    expected: &str,
) -> Result<(), InvalidParameter> {
    if slot.is_some() {
        return Err(InvalidParameter::new(name, "it once"));
    }
    let value = value.ok_or_else(|| InvalidParameter::new(name, expected))?;
    *slot = Some(value);
    Ok(())
}

/// The value of this name, and all names in words.
pub(super) fn one_of<T: Copy>(
    all: &[T],
    name: fn(T) -> &'static str,
    text: &str,
) -> (Option<T>, String) {
    let names: Vec<_> = all.iter().map(|value| name(*value)).collect();
    let value = all.iter().copied().find(|value| name(*value) == text);
    (value, format!("one of {}", names.join(", ")))
}
