//! How many identities use which share of a limit.

use serde::Serialize;

use crate::limits::{HALF_PERCENT, Limit, NEAR_PERCENT};

/// The number of identities that use a share of a limit for certain.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Bucket {
    /// At this share or more.
    ge: f64,
    /// Below this share; null for the highest level, which has no end.
    lt: Option<f64>,
    pub(super) count: u64,
}

/// The levels of a limit, the lowest first: between and from a half, near and full. `known` is the
/// number of all whose share is known, `reached` that of those that have reached each of the three.
pub(super) fn of(limit: Limit, known: u64, reached: [u64; 3]) -> Vec<Bucket> {
    let bounds = [HALF_PERCENT, NEAR_PERCENT, limit.full_percent()];
    let bounds = bounds.map(|percent| percent as f64 / 100.0);
    let from = [(0.0, known)]
        .into_iter()
        .chain(bounds.into_iter().zip(reached));
    let below = bounds.into_iter().zip(reached).map(Some).chain([None]);
    let levels = from.zip(below).map(|((ge, from), below)| Bucket {
        ge,
        lt: below.map(|(lt, _)| lt),
        count: from - below.map_or(0, |(_, reached)| reached),
    });
    levels.collect()
}

/// The segments of a bar.
pub(super) fn segments(levels: &[Bucket]) -> Vec<(String, u64)> {
    let segments = levels.iter().map(|level| (level.label(), level.count));
    segments.collect()
}

impl Bucket {
    /// Such as `from 50 to 80 %`.
    fn label(&self) -> String {
        let [ge, lt] = [self.ge, self.lt.unwrap_or(0.0)].map(|share| (share * 100.0).round());
        match self.lt {
            None => format!("from {ge} %"),
            Some(_) if ge == 0.0 => format!("below {lt} %"),
            Some(_) => format!("from {ge} to {lt} %"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_and_labels_are_the_thresholds_of_the_limit() {
        let storage = of(Limit::DatasetStorage, 10, [6, 3, 1]);
        assert_eq!(
            serde_json::to_value(&storage).unwrap(),
            serde_json::json!([
                {"ge": 0.0, "lt": 0.5, "count": 4},
                {"ge": 0.5, "lt": 0.8, "count": 3},
                {"ge": 0.8, "lt": 0.99, "count": 2},
                {"ge": 0.99, "lt": null, "count": 1},
            ])
        );
        let labels = [
            "below 50 %",
            "from 50 to 80 %",
            "from 80 to 99 %",
            "from 99 %",
        ];
        let labelled = segments(&storage).into_iter();
        assert_eq!(labelled.map(|(label, _)| label).collect::<Vec<_>>(), labels);
        let datasets = segments(&of(Limit::Datasets, 1, [1, 1, 1]));
        assert_eq!(datasets[3], ("from 100 %".to_owned(), 1));
    }
}
