//! The parameters of the list of identities.

use std::borrow::Cow;
use std::time::Duration;

use super::write::Form;
use crate::config::parse_duration;
use crate::limits::{Certainty, Level, Limit, Standing};
use crate::store::State;
use crate::web::negotiation::View;
use crate::web::parameters::{self, InvalidParameter, one_of, set};

/// Which identities, in which order and format. Without parameters: all, by pool and id.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Query {
    /// The id or the name of their pool.
    pub(super) pool: Option<String>,
    pub(super) state: Option<State>,
    pub(super) modified_within: Option<Duration>,
    pub(super) idle_for: Option<Duration>,
    /// The least share of a limit that they use.
    pub(super) near: Option<f64>,
    /// Whether they use that share for certain, as without this, or may: only `ListDatasets` can
    /// tell. With `near` only.
    pub(super) certainty: Option<Certainty>,
    /// One of [`LEVELS`], in the place of `near`.
    pub(super) level: Option<Level>,
    /// The limit that `near` or `level` is about; without it, any of them.
    pub(super) near_limit: Option<Limit>,
    /// They have a forecast, and by that they will be full within so long.
    pub(super) full_within: Option<Duration>,
    /// The same by the later date by which they will almost surely be full.
    pub(super) surely_full_within: Option<Duration>,
    pub(super) sort: Option<Sort>,
    /// At most so many.
    pub(super) limit: Option<usize>,
    /// Without it, what the client prefers.
    pub(super) format: Option<Format>,
}

/// What a list is returned as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// For programs, with every row.
    Text(Form),
    /// For people, with the first rows.
    Page,
}

impl Format {
    const ALL: [Self; 3] = [Self::Text(Form::Json), Self::Text(Form::Csv), Self::Page];

    fn as_str(self) -> &'static str {
        match self {
            Self::Text(Form::Json) => "json",
            Self::Text(Form::Csv) => "csv",
            Self::Page => "html",
        }
    }
}

impl From<View> for Format {
    fn from(view: View) -> Self {
        match view {
            View::Json => Self::Text(Form::Json),
            View::Html => Self::Page,
        }
    }
}

/// What identities are sorted by: numbers with the largest first, times with the earliest first
/// unless its name says otherwise. Those of which it is not known come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// The share of the limit of which most is used, or of that of `near_limit`.
    Nearest,
    LargestDataset,
    Storage,
    Datasets,
    LastModified,
    LatestModified,
    LastSuccess,
    FullAt,
}

impl Sort {
    const ALL: [Self; 8] = [
        Self::Nearest,
        Self::LargestDataset,
        Self::Storage,
        Self::Datasets,
        Self::LastModified,
        Self::LatestModified,
        Self::LastSuccess,
        Self::FullAt,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::LargestDataset => "largest_dataset",
            Self::Storage => "storage",
            Self::Datasets => "datasets",
            Self::LastModified => "last_modified",
            Self::LatestModified => "latest_modified",
            Self::LastSuccess => "last_success",
            Self::FullAt => "full_at",
        }
    }
}

/// The levels that can be asked for.
const LEVELS: [Level; 3] = [Level::Near, Level::Full, Level::Above];

const PARAMETERS: &str = "pool, state, modified_within, idle_for, near, certainty, level, near_limit, \
                          full_within, surely_full_within, sort, limit or format, each at most once";

impl Query {
    /// Parses what stands behind the `?` of a URL.
    pub(super) fn parse(query: &str) -> Result<Self, InvalidParameter> {
        let mut parsed = Self::default();
        parameters::parse(query, |name, value| parsed.set(name, value))?;
        parsed.check()?;
        Ok(parsed)
    }

    /// The format that is named behind the `?` of a URL, whatever else is wrong there.
    pub(super) fn named_format(query: &str) -> Option<Format> {
        let mut format = None;
        let _ = parameters::parse(query, |name, value| {
            if name == "format" {
                (format, _) = one_of(&Format::ALL, Format::as_str, &value);
            }
            Ok(())
        });
        format
    }

    /// Some parameters say something together with others only.
    fn check(&self) -> Result<(), InvalidParameter> {
        let wrong = |name, expected| Err(InvalidParameter::new(name, expected));
        match (self.near, self.level) {
            (Some(_), Some(_)) => wrong("level", "it without near, since a level is a share"),
            (None, _) if self.certainty.is_some() => {
                wrong("certainty", "it together with near, such as near=0.8")
            }
            (None, None) if self.near_limit.is_some() => {
                wrong("near_limit", "it together with near or level")
            }
            _ => Ok(()),
        }
    }

    /// Whether what an identity uses of its limits is as `near` or `level` says, if one is there.
    /// `standing` is `None` if nothing is known.
    pub(super) fn is_use_selected(&self, standing: Option<&Standing>) -> bool {
        if self.near.is_none() && self.level.is_none() {
            return true;
        }
        let Some(standing) = standing else {
            return false;
        };
        let is_meant = |limit: &Limit| self.near_limit.is_none_or(|only| only == *limit);
        let mut limits = Limit::ALL.into_iter().filter(is_meant);
        if let Some(level) = self.level {
            return limits.any(|limit| standing.level(limit) == level);
        }
        // Who is certainly near one limit is not one that may be near a limit.
        let uses = limits.map(|limit| standing.uses(limit, self.near.unwrap_or_default()));
        uses.max() == Some(self.certainty.unwrap_or(Certainty::Certain))
    }

    /// Whether the order is found before the first row. Those of a page are counted by that too.
    pub(super) fn is_ranked(&self) -> bool {
        self.sort.is_some() || self.format == Some(Format::Page)
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
            "certainty" => {
                let all = [Certainty::Certain, Certainty::Possible];
                let (certainty, names) = one_of(&all, Certainty::as_str, &value);
                set(&mut self.certainty, name, certainty, &names)
            }
            "level" => {
                let (level, names) = one_of(&LEVELS, Level::as_str, &value);
                set(&mut self.level, name, level, &names)
            }
            "near_limit" => {
                let (limit, names) = one_of(&Limit::ALL, Limit::as_str, &value);
                set(&mut self.near_limit, name, limit, &names)
            }
            "full_within" => {
                let within = parse_duration(&value).ok();
                set(&mut self.full_within, name, within, duration)
            }
            "surely_full_within" => {
                let within = parse_duration(&value).ok();
                set(&mut self.surely_full_within, name, within, duration)
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
                let (format, names) = one_of(&Format::ALL, Format::as_str, &value);
                set(&mut self.format, name, format, &names)
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
                   &certainty=possible&near_limit=dataset_records&full_within=30d\
                   &surely_full_within=7d&sort=last_success&limit=3&format=csv";
        let expected = Query {
            pool: Some("a b".to_owned()),
            state: Some(State::Stale),
            modified_within: Some(Duration::from_secs(5_400)),
            idle_for: Some(Duration::from_secs(604_800)),
            near: Some(0.8),
            certainty: Some(Certainty::Possible),
            level: None,
            near_limit: Some(Limit::DatasetRecords),
            full_within: Some(Duration::from_secs(30 * 86_400)),
            surely_full_within: Some(Duration::from_secs(604_800)),
            sort: Some(Sort::LastSuccess),
            limit: Some(3),
            format: Some(Format::Text(Form::Csv)),
        };
        assert_eq!(Query::parse(all), Ok(expected));
        let full = Query {
            level: Some(Level::Full),
            near_limit: Some(Limit::Datasets),
            ..Query::default()
        };
        assert_eq!(Query::parse("near_limit=datasets&level=full"), Ok(full));
    }

    #[test]
    fn a_format_is_named_beside_what_is_wrong() {
        for (query, format) in [
            ("", None),
            ("pool=a", None),
            ("a=b&format=html", Some(Format::Page)),
            ("format=csv&near=x", Some(Format::Text(Form::Csv))),
            ("format=xml", None),
        ] {
            assert_eq!(Query::named_format(query), format, "{query}");
        }
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
                "near=0.8&certainty=impossible",
                "certainty: expected one of certain, possible",
            ),
            (
                "certainty=possible",
                "certainty: expected it together with near, such as near=0.8",
            ),
            (
                "level=near&certainty=certain",
                "certainty: expected it together with near",
            ),
            ("level=high", "level: expected one of near, full, above"),
            (
                "level=full&near=0.8",
                "level: expected it without near, since a level is a share",
            ),
            (
                "near_limit=datasets",
                "near_limit: expected it together with near or level",
            ),
            (
                "near=1&near_limit=storage",
                "near_limit: expected one of dataset_storage, dataset_records, datasets",
            ),
            ("full_within=soon", "full_within: expected a duration"),
            (
                "surely_full_within=7",
                "surely_full_within: expected a duration",
            ),
            (
                "sort=size",
                "sort: expected one of nearest, largest_dataset, storage, datasets, \
                 last_modified, latest_modified, last_success, full_at",
            ),
            ("limit=0", "limit: expected a whole number from 1"),
            ("limit=1e3", "limit: expected a whole number"),
            ("format=xml", "format: expected one of json, csv, html"),
            ("limit=1&limit=2", "limit: expected it once"),
        ] {
            let error = Query::parse(query).unwrap_err().to_string();
            let expected = format!("parameter {expected}");
            assert!(error.starts_with(&expected), "{query}: {error}");
            assert!(!error.contains('\n'));
        }
    }
}
