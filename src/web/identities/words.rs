//! A query in words.

use super::query::{Query, Sort};
use crate::config::show_duration;
use crate::limits::{Certainty, FULL_PERCENT, Level, Limit, NEAR_PERCENT};

impl Query {
    /// What the identities have in common that it selects; empty if it selects all.
    pub(super) fn criteria(&self) -> Vec<String> {
        let criteria = [
            self.pool.as_ref().map(|pool| format!("in pool {pool}")),
            self.state
                .map(|state| format!("in state {}", state.as_str())),
            self.modified_within
                .map(|within| format!("written within {}", show_duration(within))),
            self.idle_for
                .map(|idle_for| format!("not written for {}", show_duration(idle_for))),
            self.near.map(|near| self.near_in_words(near)),
            self.level.map(|level| self.level_in_words(level)),
            self.full_within
                .map(|within| format!("expected to be full within {}", show_duration(within))),
            self.surely_full_within
                .map(|within| format!("almost surely full within {}", show_duration(within))),
        ];
        criteria.into_iter().flatten().collect()
    }

    fn near_in_words(&self, near: f64) -> String {
        // Without what binary fractions add to what was typed.
        let (near, limit) = ((near * 1e8).round() / 1e6, self.limit_in_words());
        match self.certainty {
            Some(Certainty::Possible) => format!(
                "which may use {near} % or more of {limit}, as only a list of their datasets can tell"
            ),
            _ => format!("which use {near} % or more of {limit}"),
        }
    }

    fn level_in_words(&self, level: Level) -> String {
        let limit = self.limit_in_words();
        match level {
            Level::Above => format!("above {limit}, so that AWS must have raised it"),
            Level::Full => match self.near_limit {
                Some(Limit::Datasets) => format!("full: at {limit}"),
                Some(_) => format!("full: which use {FULL_PERCENT} % or more of {limit}"),
                None => format!("full: at {limit}, or within 1 % of one of a dataset"),
            },
            _ => format!("which use {NEAR_PERCENT} % or more of {limit}, but are not full"),
        }
    }

    fn limit_in_words(&self) -> &'static str {
        match self.near_limit {
            None => "a limit",
            Some(Limit::DatasetStorage) => "the limit of bytes in a dataset",
            Some(Limit::DatasetRecords) => "the limit of records in a dataset",
            Some(Limit::Datasets) => "the limit of datasets",
        }
    }

    /// Which ones come first.
    pub(super) fn order(&self) -> &'static str {
        match self.sort {
            None => "by pool and id",
            Some(Sort::Nearest) => "those nearest a limit first",
            Some(Sort::LargestDataset) => "the fullest dataset first, by bytes",
            Some(Sort::Storage) => "those with most bytes first",
            Some(Sort::Datasets) => "those with most datasets first",
            Some(Sort::LastModified) => "the earliest last write first",
            Some(Sort::LatestModified) => "the latest write first",
            Some(Sort::LastSuccess) => "the earliest last success of a poll first",
            Some(Sort::FullAt) => "by when they will be full, those that are or have no date last",
        }
    }

    /// Whether it is about dates on which identities will be full.
    pub(super) fn is_about_dates(&self) -> bool {
        self.sort == Some(Sort::FullAt)
            || self.full_within.is_some()
            || self.surely_full_within.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_in_words() {
        for (query, criteria) in [
            ("", &[][..]),
            ("sort=storage&limit=3&format=csv", &[]),
            ("pool=a%20b&state=stale", &["in pool a b", "in state stale"]),
            (
                "modified_within=12h&idle_for=7d",
                &["written within 12h", "not written for 7d"],
            ),
            ("full_within=60h", &["expected to be full within 2d 12h"]),
            ("near=0.99999", &["which use 99.999 % or more of a limit"]),
            ("near=0.8", &["which use 80 % or more of a limit"]),
            (
                "near=0.29&certainty=certain&near_limit=datasets",
                &["which use 29 % or more of the limit of datasets"],
            ),
            (
                "near=0.955&certainty=possible&near_limit=dataset_records",
                &[
                    "which may use 95.5 % or more of the limit of records in a dataset, as only a list of their datasets can tell",
                ],
            ),
            (
                "level=near",
                &["which use 80 % or more of a limit, but are not full"],
            ),
            (
                "level=full&near_limit=dataset_storage",
                &["full: which use 99 % or more of the limit of bytes in a dataset"],
            ),
            (
                "level=full&near_limit=datasets",
                &["full: at the limit of datasets"],
            ),
            (
                "level=full",
                &["full: at a limit, or within 1 % of one of a dataset"],
            ),
            (
                "level=above",
                &["above a limit, so that AWS must have raised it"],
            ),
            (
                "full_within=30d&surely_full_within=7d",
                &[
                    "expected to be full within 30d",
                    "almost surely full within 7d",
                ],
            ),
        ] {
            assert_eq!(Query::parse(query).unwrap().criteria(), criteria, "{query}");
        }
    }

    #[test]
    fn dates_matter_where_they_are_asked_for() {
        for query in ["sort=full_at", "full_within=30d", "surely_full_within=7d"] {
            assert!(Query::parse(query).unwrap().is_about_dates(), "{query}");
        }
        assert!(
            !Query::parse("near=0.8&sort=storage")
                .unwrap()
                .is_about_dates()
        );
    }
}
