//! The shipped alerts that read series of identities, for those that leave some of these out.

use crate::config::{IdentityMetric, PoolSettings, Series};

/// A line for each severity of such an alert: `NAME SEVERITY reads METRIC …; needs METRIC …, METRIC
/// …`, with metrics as `identity_metrics` names them, and the sets of them any of which suffices.
/// Lines of one alert follow one another. A test makes it of the rules beside it.
const INPUTS: &str = include_str!("../dashboards/alerts/inputs.txt");
/// Among what an alert needs: that a pool has identities without series, so that the rules turn to
/// the pool's own.
const WITHOUT_SERIES: &str = "without_series";
/// What a rule reads that reads no series of identities, or needs that has input in any case.
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
    /// The shipped alerts that the settings of a pool with so many identities concern.
    #[must_use]
    pub fn of(settings: &PoolSettings, identities: usize) -> Self {
        Self::of_inputs(INPUTS, settings, identities)
    }

    fn of_inputs(inputs: &'static str, settings: &PoolSettings, identities: usize) -> Self {
        let is_there = |name: &str| match name {
            NOTHING => true,
            WITHOUT_SERIES => {
                settings.series == Series::None || settings.series.count(identities) < identities
            }
            _ => IdentityMetric::parse(name)
                .is_some_and(|metric| settings.series != Series::None && settings.can_have(metric)),
        };
        let all_there = |names: &str| names.split(' ').all(is_there);
        // Whether a rule can fire, and whether it lacks nothing.
        let judged = |(alert, reads, needs): (&'static str, _, &str)| {
            let mut sufficient = needs
                .split(", ")
                .filter(|names| all_there(names))
                .peekable();
            let can_fire = sufficient.peek().is_some();
            let is_whole = all_there(reads) || sufficient.any(|names| names == WITHOUT_SERIES);
            (alert, can_fire, is_whole)
        };
        let rules: Vec<_> = inputs.lines().filter_map(parse).map(judged).collect();
        let mut input = Self::default();
        for rules in rules.chunk_by(|one, other| one.0 == other.0) {
            let alert = rules[0].0;
            if rules.iter().all(|(_, can_fire, _)| !can_fire) {
                input.none.push(alert);
            } else if rules.iter().any(|(_, _, is_whole)| !is_whole) {
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

/// The parts of a line but for the severity, which makes it a line of its own; `None` of a comment.
fn parse(line: &str) -> Option<(&str, &str, &str)> {
    let (rule, rest) = line.split_once(" reads ")?;
    let (alert, _severity) = rule.split_once(' ')?;
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
                let is_known = [NOTHING, WITHOUT_SERIES].contains(&name);
                assert!(is_known || IdentityMetric::parse(name).is_some(), "{line}");
            }
        }
    }

    #[test]
    fn what_is_left_out_decides() {
        let inputs = "# A comment\n\
                      Either info reads age datasets storage; needs datasets storage, age\n\
                      Pool info reads storage; needs storage, without_series\n\
                      Always info reads up; needs nothing\n\
                      Two critical reads nothing; needs nothing\n\
                      Two warning reads age; needs age\n";
        let lines = |series, metrics: &[IdentityMetric]| {
            let metrics = metrics.iter().copied();
            let settings = PoolSettings {
                series,
                identity_metrics: metrics.fold(IdentityMetrics::NONE, IdentityMetrics::with),
                ..PoolSettings::default()
            };
            let lines: Vec<_> = AlertInput::of_inputs(inputs, &settings, 50)
                .lines()
                .collect();
            lines.join("; ")
        };
        use IdentityMetric::{Age, Datasets, Storage, Up};
        for (series, metrics, expected) in [
            (Series::Each, &[Age, Datasets, Storage, Up] as &[_], ""),
            (Series::Top(1), &[Age, Datasets, Storage, Up], ""),
            (
                Series::Each,
                &[Datasets, Storage],
                "alerts with less input: Either, Always, Two",
            ),
            (
                Series::Each,
                &[Age, Up],
                "alerts without input: Pool; alerts with less input: Either",
            ),
            (
                Series::Top(49),
                &[Age, Up],
                "alerts with less input: Either",
            ),
            (
                Series::Top(50),
                &[Age, Up],
                "alerts without input: Pool; alerts with less input: Either",
            ),
            (
                Series::None,
                &[Age, Datasets, Storage, Up],
                "alerts without input: Either; alerts with less input: Always, Two",
            ),
        ] {
            assert_eq!(lines(series, metrics), expected, "{series:?} {metrics:?}");
        }
    }

    #[test]
    fn all_series_are_enough_and_none_are_not() {
        let mut settings = PoolSettings::default();
        assert_eq!(AlertInput::of(&settings, 50), AlertInput::default());
        assert_eq!(AlertInput::default().lines().count(), 0);
        settings.identity_metrics = IdentityMetrics::NONE;
        let without_metrics = AlertInput::of(&settings, 50);
        assert!(!without_metrics.none.is_empty());
        settings.series = Series::None;
        let without_series = AlertInput::of(&settings, 50);
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
        assert_eq!(
            AlertInput::of(&settings, 50).none,
            ["CognitoSyncWritesStopped"]
        );
        settings.datasets = Datasets::Off;
        let of_identities = ["CognitoSyncIdentityNearLimit", "CognitoSyncWritesStopped"];
        assert_eq!(AlertInput::of(&settings, 50).none, of_identities);
    }
}
