//! What of a limit an identity uses.

use serde::{Serialize, Serializer};

use super::humanize::{bytes, percent};
use crate::config::Limits;
use crate::limits::{Limit, NEAR_PERCENT, Standing};

/// What an identity uses of one limit.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Used {
    #[serde(serialize_with = "name")]
    pub(super) limit: Limit,
    /// The limit itself.
    value: u64,
    /// What is used, of the fullest dataset if the limit is of a dataset: between these two.
    pub(super) at_least: u64,
    pub(super) at_most: u64,
    pub(super) exact: bool,
    /// What is used for certain, as a fraction of the limit.
    pub(super) used_ratio: f64,
    /// Whether that is [`NEAR_PERCENT`] or more.
    pub(super) near: &'static str,
    pub(super) full: bool,
    pub(super) above: bool,
}

impl Used {
    /// What is known of each limit.
    pub(super) fn of_all(standing: &Standing, limits: Limits) -> Vec<Self> {
        let used = Limit::ALL.map(|limit| Self::of(standing, limit, limits));
        used.into_iter().flatten().collect()
    }

    /// Of the limit of which most is used for certain.
    pub(super) fn of_nearest(standing: &Standing, limits: Limits) -> Option<Self> {
        let (limit, _) = standing.nearest()?;
        Self::of(standing, limit, limits)
    }

    /// Of this limit; `None` if nothing is known.
    pub(super) fn of(standing: &Standing, limit: Limit, limits: Limits) -> Option<Self> {
        let bounds = standing.bounds(limit)?;
        Some(Self {
            limit,
            value: limit.of(limits),
            at_least: bounds.at_least,
            at_most: bounds.at_most,
            exact: bounds.is_exact(),
            used_ratio: standing.used(limit)?,
            near: standing.reaches(limit, NEAR_PERCENT).as_str(),
            full: standing.is_full(limit),
            above: standing.is_above(limit),
        })
    }

    /// Such as `at least 81 % of 1.0 MiB in a dataset`.
    pub(super) fn words(&self) -> String {
        let at_least = if self.exact { "" } else { "at least " };
        let limit = limit(self.limit, self.value);
        format!("{at_least}{} of {limit}", percent(self.used_ratio))
    }
}

/// Such as `1.0 MiB in a dataset`.
pub(super) fn limit(limit: Limit, value: u64) -> String {
    match limit {
        Limit::DatasetStorage => format!("{} in a dataset", bytes(value)),
        Limit::DatasetRecords => format!("{value} records in a dataset"),
        Limit::Datasets => format!("{value} datasets"),
    }
}

pub(super) fn name<S: Serializer>(limit: &Limit, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(limit.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Usage;
    use crate::limits::Listing;

    #[test]
    fn the_nearest_limit_in_words_and_as_json() {
        let used = |datasets, storage_bytes| {
            let usage = Usage {
                datasets: Some(datasets),
                storage_bytes: Some(storage_bytes),
                last_modified: None,
            };
            let limits = Limits::default();
            let standing = Standing::of(&usage, Listing::default(), limits);
            Used::of_nearest(&standing, limits).unwrap()
        };
        for (datasets, bytes, words) in [
            (1, 1 << 20, "100 % of 1.0 MiB in a dataset"),
            (2, 1 << 20, "at least 50 % of 1.0 MiB in a dataset"),
            (20, 10, "100 % of 20 datasets"),
        ] {
            assert_eq!(used(datasets, bytes).words(), words);
        }
        assert_eq!(
            serde_json::to_value(used(2, 900_001)).unwrap(),
            serde_json::json!({
                "limit": "dataset_storage",
                "value": 1_048_576,
                "at_least": 450_001,
                "at_most": 900_001,
                "exact": false,
                "used_ratio": 450_001.0 / 1_048_576.0,
                "near": "possible",
                "full": false,
                "above": false,
            })
        );
    }
}
