//! How many identities are near a limit.

use serde::Serialize;

use super::humanize::identities_that;
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

    /// What an operator should look at.
    pub(super) fn attention(&self) -> impl Iterator<Item = String> {
        let limit = used::limit(self.limit, self.value);
        let refused = match self.limit {
            Limit::DatasetStorage | Limit::DatasetRecords => "AWS refuses writes, or will soon",
            Limit::Datasets => "no dataset can be added",
        };
        let near = self.certain - self.full - self.above;
        let lines = [
            (
                self.full,
                ["is", "are"],
                format!("at the limit of {limit}: {refused}"),
            ),
            (
                near,
                ["uses", "use"],
                format!("{NEAR_PERCENT} % or more of {limit}"),
            ),
            (
                self.possible,
                ["may use"; 2],
                format!("{NEAR_PERCENT} % or more of {limit}"),
            ),
            (
                self.above,
                ["uses", "use"],
                format!("more than {limit}, so AWS has raised the limit: correct `limits`"),
            ),
        ];
        let lines = lines.into_iter().filter(|(identities, ..)| *identities > 0);
        lines
            .map(|(identities, verb, what)| format!("{} {what}", identities_that(identities, verb)))
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
    fn attention_shows_the_full_the_near_the_possible_and_those_above() {
        let near = |limit, [certain, possible, full, above]: [u64; 4]| NearLimit {
            limit,
            value: limit.of(Limits::default()),
            certain,
            possible,
            full,
            above,
        };
        let said = |near: NearLimit| near.attention().collect::<Vec<_>>();
        assert_eq!(said(near(Limit::DatasetRecords, [0; 4])), [""; 0]);
        let storage = near(Limit::DatasetStorage, [10, 1, 3, 2]);
        let expected = [
            "3 identities are at the limit of 1.0 MiB in a dataset: AWS refuses writes, or will \
             soon",
            "5 identities use 80 % or more of 1.0 MiB in a dataset",
            "1 identity may use 80 % or more of 1.0 MiB in a dataset",
            "2 identities use more than 1.0 MiB in a dataset, so AWS has raised the limit: \
             correct `limits`",
        ];
        assert_eq!(
            storage.counts(),
            "80 % or more: 10 for certain, 1 more perhaps; full: 3, 2 above the limit"
        );
        assert_eq!(said(storage), expected);
        let datasets = near(Limit::Datasets, [1, 0, 1, 0]);
        assert_eq!(datasets.counts(), "80 % or more: 1; full: 1");
        assert_eq!(
            said(datasets),
            ["1 identity is at the limit of 20 datasets: no dataset can be added"]
        );
    }
}
