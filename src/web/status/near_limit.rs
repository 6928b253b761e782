//! How many identities are near a limit.

use serde::Serialize;

use super::used;
use crate::limits::{Limit, NEAR_PERCENT};

/// How many identities are near one limit.
#[derive(Clone, Debug, Serialize)]
pub(super) struct NearLimit {
    #[serde(serialize_with = "used::name")]
    pub(super) limit: Limit,
    pub(super) value: u64,
    /// At [`NEAR_PERCENT`] or more, full ones and those above included.
    pub(super) certain: u64,
    /// Perhaps there: only `ListDatasets` can tell.
    pub(super) possible: u64,
    pub(super) full: u64,
    pub(super) above: u64,
}

impl NearLimit {
    /// The heading above the counts of identities by what they use of it.
    pub(super) fn heading(&self) -> String {
        let limit = used::limit(self.limit, self.value);
        match self.limit {
            Limit::DatasetStorage => format!("The fullest dataset at least, of {limit}"),
            Limit::DatasetRecords => format!("The fullest dataset, of {limit}, where listed"),
            Limit::Datasets => format!("Datasets, of {}", self.value),
        }
    }

    /// The counts in words.
    pub(super) fn counts(&self) -> String {
        let Self {
            certain,
            possible,
            full,
            above,
            ..
        } = self;
        let possible = match possible {
            0 => String::new(),
            _ => format!(" for certain, {possible} more perhaps"),
        };
        let above = match above {
            0 => String::new(),
            _ => format!(", {above} above the limit"),
        };
        format!("{NEAR_PERCENT} % or more: {certain}{possible}; full: {full}{above}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;

    #[test]
    fn counts_in_words() {
        let near = |limit, [certain, possible, full, above]: [u64; 4]| NearLimit {
            limit,
            value: limit.of(Limits::default()),
            certain,
            possible,
            full,
            above,
        };
        assert_eq!(
            near(Limit::DatasetStorage, [10, 1, 3, 2]).counts(),
            "80 % or more: 10 for certain, 1 more perhaps; full: 3, 2 above the limit"
        );
        assert_eq!(
            near(Limit::Datasets, [1, 0, 1, 0]).counts(),
            "80 % or more: 1; full: 1"
        );
    }
}
