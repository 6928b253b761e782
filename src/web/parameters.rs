//! Parameters behind the `?` of a URL.

use std::borrow::Cow;
use std::fmt::Display;

use thiserror::Error;

use crate::printable::Printable;
use crate::targets::{Pool, Targets};

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

/// Takes what stands behind the `?` apart: name and value of each parameter, in their order.
pub(super) fn parse(
    query: &str,
    mut set: impl FnMut(&str, Cow<'_, str>) -> Result<(), InvalidParameter>,
) -> Result<(), InvalidParameter> {
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    parameters.try_for_each(|(name, value)| set(&name, value))
}

/// A path with these parameters behind it, if there are any.
pub(super) fn link<T: AsRef<str>>(path: &str, parameters: &[(T, String)]) -> String {
    if parameters.is_empty() {
        return path.to_owned();
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    format!("{path}?{}", query.extend_pairs(parameters).finish())
}

/// The same parameters in another format, as a link relative to the present page.
pub(super) fn with_format(query: &str, format: &str) -> String {
    let parameters = form_urlencoded::parse(query.as_bytes()).into_owned();
    let mut parameters: Vec<_> = parameters.filter(|(name, _)| name != "format").collect();
    parameters.push(("format".to_owned(), format.to_owned()));
    link("", &parameters)
}

/// Sets a parameter that may stand there once. `value` is `None` if it is not what was expected.
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

/// Whether each pool has this id or name; all do without one. It is an error if none does.
pub(super) fn pools_called(
    called: Option<&str>,
    targets: &Targets,
) -> Result<Vec<bool>, InvalidParameter> {
    let is_called = |pool: &Pool| {
        let names = [Some(pool.id.as_str()), pool.settings.name.as_deref()];
        called.is_none() || names.contains(&called)
    };
    let pools: Vec<_> = targets.pools.iter().map(is_called).collect();
    if called.is_some() && !pools.contains(&true) {
        let expected = "the id or the name of a pool of the configuration";
        return Err(InvalidParameter::new("pool", expected));
    }
    Ok(pools)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_format_keeps_the_other_parameters() {
        for (query, link) in [
            ("", "?format=csv"),
            ("format=html", "?format=csv"),
            (
                "pool=a%26b&format=json&near=0.8",
                "?pool=a%26b&near=0.8&format=csv",
            ),
        ] {
            assert_eq!(with_format(query, "csv"), link);
        }
    }
}
