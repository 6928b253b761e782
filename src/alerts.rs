//! The shipped alerts that read series of identities, for those that leave some of these out.

use crate::config::{IdentityMetric, PoolSettings, Series};

/// A line for each such alert: `NAME reads METRIC …; needs METRIC …, METRIC …`, with metrics as
/// `identity_metrics` names them, and the sets of them any of which suffices. A test makes it of
/// the rules beside it.
const INPUTS: &str = include_str!("../dashboards/alerts/inputs.txt");
/// What an alert needs that has input in any case.
const NOTHING: &str = "nothing";

/// The alerts that the choice of a pool's series concerns.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct AlertInput {
    /// Those that cannot fire.
    none: Vec<&'static str>,
    /// Those that see less than with all series.
    less: Vec<&'static str>,
}

impl AlertInput {
    /// The shipped alerts that the settings of a pool concern.
    #[must_use]
    pub fn of(settings: &PoolSettings) -> Self {
        Self::of_inputs(INPUTS, settings)
    }

    fn of_inputs(inputs: &'static str, settings: &PoolSettings) -> Self {
        let is_there = |name: &str| match name {
            NOTHING => true,
            _ => IdentityMetric::parse(name)
                .is_some_and(|metric| settings.series != Series::None && settings.can_have(metric)),
        };
        let all_there = |names: &str| names.split(' ').all(is_there);
        let mut input = Self::default();
        for (alert, reads, needs) in inputs.lines().filter_map(parse) {
            if !needs.split(", ").any(all_there) {
                input.none.push(alert);
            } else if !all_there(reads) {
                input.less.push(alert);
            }
        }
        input
    }

    /// A line for each kind that there is.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let kinds = [
            ("without input", &self.none),
            ("with less input", &self.less),
        ];
        let kinds = kinds.into_iter().filter(|(_, alerts)| !alerts.is_empty());
        kinds.map(|(kind, alerts)| format!("alerts {kind}: {}", alerts.join(", ")))
    }
}

/// The parts of a line; `None` of a comment.
fn parse(line: &str) -> Option<(&str, &str, &str)> {
    let (alert, rest) = line.split_once(" reads ")?;
    let (reads, needs) = rest.split_once("; needs ")?;
    Some((alert, reads, needs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Datasets, IdentityMetrics};

    #[test]
    fn every_line_is_understood() {
        let lines = INPUTS.lines().filter(|line| !line.starts_with('#'));
        for line in lines {
            let (alert, reads, needs) = parse(line).expect(line);
            assert!(alert.starts_with("CognitoSync"), "{line}");
            for name in reads
                .split(' ')
                .chain(needs.split(", ").flat_map(|set| set.split(' ')))
            {
                let is_known = name == NOTHING || IdentityMetric::parse(name).is_some();
                assert!(is_known, "{line}");
            }
        }
    }

    #[test]
    fn what_is_left_out_decides() {
        let inputs = "# A comment\n\
                      Either reads age datasets storage; needs datasets storage, age\n\
                      Pool reads storage; needs storage\n\
                      Always reads up; needs nothing\n";
        let lines = |series, metrics: &[IdentityMetric]| {
            let metrics = metrics.iter().copied();
            let settings = PoolSettings {
                series,
                identity_metrics: metrics.fold(IdentityMetrics::NONE, IdentityMetrics::with),
                ..PoolSettings::default()
            };
            let input = AlertInput::of_inputs(inputs, &settings);
            input.lines().collect::<Vec<_>>().join("; ")
        };
        use IdentityMetric::{Age, Datasets, Storage, Up};
        for (series, metrics, expected) in [
            (Series::Each, &[Age, Datasets, Storage, Up] as &[_], ""),
            (Series::Top(1), &[Age, Datasets, Storage, Up], ""),
            (
                Series::Each,
                &[Datasets, Storage],
                "alerts with less input: Either, Always",
            ),
            (
                Series::Each,
                &[Age, Up],
                "alerts without input: Pool; alerts with less input: Either",
            ),
            (
                Series::Top(1),
                &[Age, Up],
                "alerts without input: Pool; alerts with less input: Either",
            ),
            (
                Series::None,
                &[Age, Datasets, Storage, Up],
                "alerts without input: Either, Pool; alerts with less input: Always",
            ),
        ] {
            assert_eq!(lines(series, metrics), expected, "{series:?} {metrics:?}");
        }
    }

    #[test]
    fn all_series_are_enough_and_none_are_not() {
        let mut settings = PoolSettings::default();
        assert_eq!(AlertInput::of(&settings), AlertInput::default());
        assert_eq!(AlertInput::default().lines().count(), 0);
        settings.identity_metrics = IdentityMetrics::NONE;
        let without_metrics = AlertInput::of(&settings);
        assert!(!without_metrics.none.is_empty());
        settings.series = Series::None;
        let without_series = AlertInput::of(&settings);
        assert!(!without_series.none.is_empty());
        let line = without_series.lines().next().unwrap();
        assert!(
            line.starts_with("alerts without input: CognitoSync"),
            "{line}"
        );
    }

    #[test]
    fn without_lists_no_dataset_is_known_to_be_the_largest() {
        let only = IdentityMetrics::NONE.with(IdentityMetric::LargestDataset);
        let mut settings = PoolSettings {
            identity_metrics: only,
            ..PoolSettings::default()
        };
        assert_eq!(AlertInput::of(&settings).none, ["CognitoSyncWritesStopped"]);
        settings.datasets = Datasets::Off;
        let of_identities = ["CognitoSyncIdentityNearLimit", "CognitoSyncWritesStopped"];
        assert_eq!(AlertInput::of(&settings).none, of_identities);
    }
}
