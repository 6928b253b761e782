//! The parameters of the status.

use std::borrow::Cow;

use crate::web::parameters::{self, InvalidParameter, set};

/// Rows of each table where nothing is said.
const TOP: usize = 10;
const MAX_TOP: usize = 100;
/// Seconds after which the page is loaded again where nothing is said.
const REFRESH: u32 = 30;
const MAX_REFRESH: u32 = 3_600;

/// Of which pools a status is, how long its tables are, and how often its page refreshes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::web) struct Query {
    /// The id or the name of the pools; all without it.
    pub(super) pool: Option<String>,
    /// The rows of each table.
    pub(super) top: usize,
    /// In seconds; 0 if the page does not refresh itself.
    pub(super) refresh: u32,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            pool: None,
            top: TOP,
            refresh: REFRESH,
        }
    }
}

impl Query {
    /// Parses what stands behind the `?` of the page's URL.
    pub(super) fn of_page(query: &str) -> Result<Self, InvalidParameter> {
        Self::parse(query, true)
    }

    /// The same of the JSON, which does not refresh itself.
    pub(super) fn of_json(query: &str) -> Result<Self, InvalidParameter> {
        Self::parse(query, false)
    }

    fn parse(query: &str, is_page: bool) -> Result<Self, InvalidParameter> {
        let (mut pool, mut top, mut refresh) = (None, None, None);
        let known = if is_page {
            "pool, top or refresh, each at most once"
        } else {
            "pool or top, each at most once"
        };
        parameters::parse(query, |name, value: Cow<'_, str>| match name {
            "pool" => set(&mut pool, name, Some(value.into_owned()), ""),
            "top" => {
                let rows = value.parse().ok();
                let rows = rows.filter(|rows| (1..=MAX_TOP).contains(rows));
                set(&mut top, name, rows, "a whole number from 1 to 100")
            }
            "refresh" if is_page => {
                let seconds = value.parse().ok();
                let seconds = seconds.filter(|seconds| *seconds <= MAX_REFRESH);
                let expected = "a whole number of seconds from 0 to 3600";
                set(&mut refresh, name, seconds, expected)
            }
            _ => Err(InvalidParameter::new(name, known)),
        })?;
        Ok(Self {
            pool,
            top: top.unwrap_or(TOP),
            refresh: refresh.unwrap_or(REFRESH),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter() {
        let query = |pool: Option<&str>, top, refresh| Query {
            pool: pool.map(str::to_owned),
            top,
            refresh,
        };
        assert_eq!(Query::of_page(""), Ok(Query::default()));
        assert_eq!(Query::of_page(""), Query::of_json(""));
        assert_eq!(
            Query::of_page("top=100&pool=a%20b&refresh=0"),
            Ok(query(Some("a b"), 100, 0))
        );
        assert_eq!(
            Query::of_json("pool=us-east-1:0&top=1"),
            Ok(query(Some("us-east-1:0"), 1, 30))
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_what_was_expected() {
        for (query, expected) in [
            (
                "colour=red",
                "colour: expected pool, top or refresh, each at most once",
            ),
            ("top=0", "top: expected a whole number from 1 to 100"),
            ("top=101", "top: expected a whole number from 1 to 100"),
            ("top=", "top: expected a whole number from 1 to 100"),
            ("top=1&top=1", "top: expected it once"),
            (
                "refresh=3601",
                "refresh: expected a whole number of seconds from 0 to 3600",
            ),
            (
                "refresh=-1",
                "refresh: expected a whole number of seconds from 0 to 3600",
            ),
            ("pool=a&pool=a", "pool: expected it once"),
        ] {
            let error = Query::of_page(query).unwrap_err().to_string();
            assert_eq!(error, format!("parameter {expected}"));
        }
        let error = Query::of_json("refresh=30").unwrap_err().to_string();
        assert_eq!(
            error,
            "parameter refresh: expected pool or top, each at most once"
        );
    }
}
