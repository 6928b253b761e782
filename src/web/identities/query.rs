//! The parameters of the list of identities.

use std::borrow::Cow;
use std::time::Duration;

use super::write::Form;
use crate::config::parse_duration;
use crate::store::State;
use crate::web::parameters::{self, InvalidParameter, one_of, set};

/// Which identities, in which order and form. Without parameters: all, by pool and id, as JSON.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Query {
    /// The id or the name of their pool.
    pub(super) pool: Option<String>,
    pub(super) state: Option<State>,
    pub(super) modified_within: Option<Duration>,
    pub(super) idle_for: Option<Duration>,
    /// The least share of any limit that they use for certain.
    pub(super) near: Option<f64>,
    pub(super) sort: Option<Sort>,
    /// At most so many.
    pub(super) limit: Option<usize>,
    pub(super) form: Option<Form>,
}

/// What identities are sorted by: numbers with the largest first, times with the earliest first.
/// Those of which it is not known come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    LargestDataset,
    Storage,
    Datasets,
    LastModified,
    LastSuccess,
    FullAt,
}

impl Sort {
    const ALL: [Self; 6] = [
        Self::LargestDataset,
        Self::Storage,
        Self::Datasets,
        Self::LastModified,
        Self::LastSuccess,
        Self::FullAt,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::LargestDataset => "largest_dataset",
            Self::Storage => "storage",
            Self::Datasets => "datasets",
            Self::LastModified => "last_modified",
            Self::LastSuccess => "last_success",
            Self::FullAt => "full_at",
        }
    }
}

const PARAMETERS: &str =
    "pool, state, modified_within, idle_for, near, sort, limit or format, each at most once";

impl Query {
    /// Parses what stands behind the `?` of a URL.
    pub(super) fn parse(query: &str) -> Result<Self, InvalidParameter> {
        let mut parsed = Self::default();
        parameters::parse(query, |name, value| parsed.set(name, value))?;
        Ok(parsed)
    }

    /// The most rows.
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(usize::MAX)
    }

    fn set(&mut self, name: &str, value: Cow<'_, str>) -> Result<(), InvalidParameter> {
        let duration = "a duration such as 90s, 12h or 7d";
        match name {
            "pool" => set(&mut self.pool, name, Some(value.into_owned()), ""),
            "state" => {
                let (state, names) = one_of(&State::ALL, State::as_str, &value);
                set(&mut self.state, name, state, &names)
            }
            "modified_within" => {
                let within = parse_duration(&value).ok();
                set(&mut self.modified_within, name, within, duration)
            }
            "idle_for" => {
                let idle_for = parse_duration(&value).ok();
                set(&mut self.idle_for, name, idle_for, duration)
            }
            "near" => {
                let near = value.parse().ok().filter(|near| (0.0..1e9).contains(near));
                set(&mut self.near, name, near, "a share of a limit such as 0.8")
            }
            "sort" => {
                let (sort, names) = one_of(&Sort::ALL, Sort::as_str, &value);
                set(&mut self.sort, name, sort, &names)
            }
            "limit" => {
                let limit = value.parse().ok().filter(|limit| *limit > 0);
                set(&mut self.limit, name, limit, "a whole number from 1")
            }
            "format" => {
                let (form, names) = one_of(&Form::ALL, Form::as_str, &value);
                set(&mut self.form, name, form, &names)
            }
            _ => Err(InvalidParameter::new(name, PARAMETERS)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter() {
        assert_eq!(Query::parse(""), Ok(Query::default()));
        let all = "pool=a%20b&state=stale&modified_within=1h30m&idle_for=7d&near=0.8\
                   &sort=last_success&limit=3&format=csv";
        let expected = Query {
            pool: Some("a b".to_owned()),
            state: Some(State::Stale),
            modified_within: Some(Duration::from_secs(5_400)),
            idle_for: Some(Duration::from_secs(604_800)),
            near: Some(0.8),
            sort: Some(Sort::LastSuccess),
            limit: Some(3),
            form: Some(Form::Csv),
        };
        assert_eq!(Query::parse(all), Ok(expected));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_was_expected() {
        for (query, expected) in [
            ("colour=red", "colour: expected pool, state,"),
            ("a%0Ab=1", "a\\nb: expected pool"),
            ("=", ": expected pool"),
            (
                "state=",
                "state: expected one of pending, fresh, failing, stale, missing",
            ),
            ("modified_within=7", "modified_within: expected a duration"),
            ("idle_for=-1d", "idle_for: expected a duration"),
            ("near=80%", "near: expected a share of a limit such as 0.8"),
            ("near=nan", "near: expected a share"),
            ("near=-0.1", "near: expected a share"),
            (
                "sort=size",
                "sort: expected one of largest_dataset, storage, datasets, last_modified, \
                 last_success, full_at",
            ),
            ("limit=0", "limit: expected a whole number from 1"),
            ("limit=1e3", "limit: expected a whole number"),
            ("format=xml", "format: expected one of json, csv"),
            ("limit=1&limit=2", "limit: expected it once"),
        ] {
            let error = Query::parse(query).unwrap_err().to_string();
            let expected = format!("parameter {expected}");
            assert!(error.starts_with(&expected), "{query}: {error}");
            assert!(!error.contains('\n'));
        }
    }
}
