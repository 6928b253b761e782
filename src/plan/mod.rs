//! `plan`: the cost of a configuration, computed without API calls, and the settings to change when
//! it exceeds a limit.

mod exchanges;
mod scrape_size;

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;

use self::exchanges::Exchanges;
use self::scrape_size::ScrapeSize;
use crate::alerts::AlertInput;
use crate::config::{Config, IdentityMetrics, PoolSettings, Series, show_duration};
use crate::exposition::{identity_samples, too_many_samples};
use crate::targets::{Budget, Pool, Targets};

/// Memory of the exporter without identities, and for each identity, in bytes. Source:
/// `benches/polling.rs`.
const BASE_MEMORY: u64 = 6_000_000;
const MEMORY_PER_IDENTITY: u64 = 194;
/// Memory of Prometheus for each series, in bytes. Version 2.42 was measured at 3.7 to 4.5 KB.
const PROMETHEUS_MEMORY_PER_SERIES: u64 = 4_100;

/// How many times sooner than with equal turns a change is seen, where most identities are at rest.
/// Source: `benches/freshness`.
const GAIN: f64 = 7.0;

/// The cost of a configuration.
pub struct Plan<'a> {
    config: &'a Config,
    targets: &'a Targets,
    scrape: ScrapeSize,
}

impl<'a> Plan<'a> {
    /// The plan of `targets`, polled with the settings of `config`. It writes a scrape of generated
    /// usage to measure its size.
    #[must_use]
    pub fn of(config: &'a Config, targets: &'a Arc<Targets>) -> Self {
        Self {
            config,
            targets,
            scrape: ScrapeSize::measure(config, targets),
        }
    }
}

impl Display for Plan<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            config,
            targets,
            scrape,
        } = self;
        let identities = targets.identities() as u64;
        let needed: f64 = (0..targets.budgets.len())
            .map(|budget| targets.calls_per_second(budget))
            .sum();
        writeln!(
            f,
            "{}: {} identities in {} pools\n",
            config.file.display(),
            group_digits(identities),
            targets.pools.len()
        )?;
        writeln!(
            f,
            "calls        {} a day, {} a second, retries not counted",
            group_digits((needed * 86_400.0).round() as u64),
            significant(needed)
        )?;
        let limit = config.poll.rate_limit;
        let budgets = targets.budgets.iter().enumerate();
        let possible: f64 = budgets
            .map(|(index, budget)| targets.calls_per_second(index).min(budget.ceiling(limit)))
            .sum();
        let max_latency = config.poll.max_in_flight as f64 / possible;
        writeln!(
            f,
            "at once      max_in_flight: {} suffices while answers take less than {} s",
            config.poll.max_in_flight,
            significant(max_latency)
        )?;
        for (index, budget) in targets.budgets.iter().enumerate() {
            self.fmt_budget(index, budget, f)?;
        }
        writeln!(
            f,
            "series       {} in each scrape",
            group_digits(scrape.samples)
        )?;
        self.fmt_left_out(f)?;
        writeln!(
            f,
            "a scrape     {} of text, {} in gzip",
            size(scrape.text_bytes),
            size(scrape.gzip_bytes)
        )?;
        let exchanges = Exchanges::of(targets);
        if let Some(exchanges) = exchanges {
            writeln!(
                f,
                "exchanges    {} of guests' ids for keys an hour at most; their quota, 200 a second, \
                 is also that of the app's logins\n             some {} for keys that are kept",
                group_digits(exchanges.per_hour),
                size(exchanges.memory)
            )?;
        }
        let keys = exchanges.map_or(0, |exchanges| exchanges.memory);
        let memory = BASE_MEMORY + MEMORY_PER_IDENTITY * identities + keys;
        writeln!(
            f,
            "memory       some {} here, some {} in Prometheus",
            size(memory),
            size(scrape.samples * PROMETHEUS_MEMORY_PER_SERIES)
        )?;
        if let Some(message) = too_many_samples(targets) {
            writeln!(f, "\nDOES NOT FIT: the pools {message}")?;
        }
        Ok(())
    }
}

impl Plan<'_> {
    /// What the choice of series saves, and which alerts it costs.
    fn fmt_left_out(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let left_out: u64 = self.targets.pools.iter().map(series_left_out).sum();
        if left_out > 0 {
            writeln!(
                f,
                "left out     {} series, which would take some {} more in Prometheus",
                group_digits(left_out),
                size(left_out * PROMETHEUS_MEMORY_PER_SERIES)
            )?;
        }
        for pool in &self.targets.pools {
            for line in AlertInput::of(&pool.settings, pool.identities.len()).lines() {
                writeln!(f, "             pool {}: {line}", pool.id)?;
            }
        }
        Ok(())
    }

    /// Whether a budget's calls are within its ceiling; if not, the settings that would make them
    /// so.
    fn fmt_budget(&self, index: usize, budget: &Budget, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            config, targets, ..
        } = self;
        let rate_limit = config.poll.rate_limit;
        let limit = budget.ceiling(rate_limit);
        let draws = |pool: &&Pool| pool.budget() == index;
        let pools: Vec<_> = targets.pools.iter().filter(draws).collect();
        let (needed, jobs) = (targets.calls_per_second(index), targets.jobs(index));
        writeln!(
            f,
            "budget       {}: {} of {} calls a second; one sweep takes {} at the ceiling",
            budget.label,
            significant(needed),
            significant(limit),
            humanize_seconds(jobs as f64 / limit)
        )?;
        if needed <= limit {
            let interval = pools.iter().map(|pool| pool.settings.interval).max();
            let interval = interval.unwrap_or_default();
            return writeln!(
                f,
                "             a change is seen after {} on average, {} at the latest",
                show_duration(interval / 2),
                show_duration(interval)
            );
        }
        let turn = targets.one_turn(index, rate_limit);
        let oldest = pools
            .iter()
            .map(|pool| targets.kept_age(pool, rate_limit))
            .max();
        writeln!(
            f,
            "             a change is seen after {} to {} on average, the less the more identities \
             are at rest,\n             {} at the latest",
            show_duration(ceil_to_minutes(turn.as_secs_f64() / 2.0 / GAIN)),
            show_duration(ceil_to_minutes(turn.as_secs_f64() / 2.0)),
            show_duration(oldest.unwrap_or_default())
        )?;
        let overload = needed / limit;
        let interval = |pool: &&Pool| {
            show_duration(ceil_to_minutes(
                pool.settings.interval.as_secs_f64() * overload,
            ))
        };
        let mut intervals: Vec<_> = pools.iter().map(interval).collect();
        intervals.dedup();
        writeln!(
            f,
            "             DOES NOT FIT: a sweep takes {} times the interval. For a turn each interval, set either",
            significant(overload)
        )?;
        writeln!(
            f,
            "             poll.rate_limit: {}, if the quota that your app shares allows it, or",
            needed.ceil()
        )?;
        writeln!(
            f,
            "             interval: {}{}",
            intervals.join(", "),
            if pools.len() > 1 {
                " for its pools, in their order"
            } else {
                ""
            }
        )
    }
}

/// The most series of a pool's identities that `series` and `identity_metrics` leave out.
fn series_left_out(pool: &Pool) -> u64 {
    let all = PoolSettings {
        series: Series::Each,
        identity_metrics: IdentityMetrics::ALL,
        ..pool.settings.clone()
    };
    let [all, chosen] =
        [&all, &pool.settings].map(|settings| identity_samples(settings, &pool.identities));
    (all - chosen) as u64
}

fn size(bytes: u64) -> String {
    ByteSize::b(bytes).display().si().to_string()
}

/// Groups digits, as in `1,234,567`.
fn group_digits(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| String::from_utf8_lossy(group))
        .collect();
    groups.join(",")
}

/// Formats with about three significant digits.
fn significant(number: f64) -> String {
    match number {
        100.0.. => format!("{number:.0}"),
        1.0.. => format!("{number:.1}"),
        _ => format!("{number:.3}"),
    }
}

fn humanize_seconds(seconds: f64) -> String {
    if seconds < 120.0 {
        format!("{seconds:.0}s")
    } else {
        show_duration(ceil_to_minutes(seconds))
    }
}

fn ceil_to_minutes(seconds: f64) -> Duration {
    Duration::from_secs((seconds / 60.0).ceil() as u64 * 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loading;
    use std::path::Path;

    fn plan(poll: &str, pool: &str, identities: usize) -> String {
        let ids: Vec<_> = (0..identities)
            .map(|number| format!("'us-east-1:00000000-0000-4000-8000-{number:012x}'"))
            .collect();
        let text = format!(
            "poll: {{{poll}}}\npools: [{{id: 'us-east-1:7b6bd1a1-5f5c-4f43-9a0b-0f6a3b8d8c11', {pool} identities: [{}]}}]",
            ids.join(",")
        );
        let loaded = loading::parse(Path::new("config.yaml"), &text).unwrap();
        Plan::of(&loaded.config, &loaded.targets).to_string()
    }

    fn series(plan: &str) -> u64 {
        let (_, rest) = plan.split_once("\nseries       ").unwrap();
        let digits: String = rest.split(' ').next().unwrap().replace(',', "");
        digits.parse().unwrap()
    }

    #[test]
    fn a_choice_of_series_is_shown_with_what_it_saves_and_the_alerts_that_it_costs() {
        let all = series(&plan("", "", 1_000));
        for (pool, left_out) in [
            (
                "identity_metrics: [storage, datasets],",
                "6,000 series, which would take some 24.6 MB",
            ),
            ("identity_metrics: [largest_dataset],", "6,000 series"),
            ("series: top, top: 10,", "7,920 series"),
            ("series: none,", "8,000 series"),
        ] {
            let plan = plan("", pool, 1_000);
            assert!(
                plan.contains(&format!("\nleft out     {left_out}")),
                "{plan}"
            );
            let number: u64 = left_out[..5].replace(',', "").parse().unwrap();
            // Where not all have series, a few of the pool's own are more.
            assert!(
                (all - number..all - number + 5).contains(&series(&plan)),
                "{plan}"
            );
        }
        let off = plan("", "datasets: 'off', series: none,", 1_000);
        assert!(off.contains("left out     6,000 series"), "{off}");
        assert!(
            off.contains("7b6bd1a1-5f5c-4f43-9a0b-0f6a3b8d8c11: alerts without input: CognitoSync")
        );
    }

    #[test]
    fn a_configuration_that_fits() {
        let plan = plan("interval: 5m", "", 1_000);
        assert!(
            plan.starts_with("config.yaml: 1,000 identities in 1 pools\n\ncalls        288,288 a day, 3.3 a second"),
            "{plan}"
        );
        assert!(
            plan.contains("suffices while answers take less than 9.6 s\n"),
            "{plan}"
        );
        assert!(
            plan.contains("budget       us-east-1: 3.3 of 10.0 calls a second; one sweep takes 100s at the ceiling\n"),
            "{plan}"
        );
        assert!(!plan.contains("DOES NOT FIT"), "{plan}");
        assert!(
            plan.contains("a change is seen after 2m 30s on average, 5m at the latest\n"),
            "{plan}"
        );
        // Eight for each identity, and those of the pool and the exporter.
        assert!((8_100..8_300).contains(&series(&plan)), "{plan}");
        assert!(
            !plan.contains("left out") && !plan.contains("alerts"),
            "{plan}"
        );
        assert!(plan.contains("memory       some 6.2 MB here"), "{plan}");
    }

    #[test]
    fn a_configuration_that_does_not_fit_is_reported_with_the_settings_to_change() {
        let plan = plan("interval: 1m, rate_limit: 2", "series: none,", 599);
        assert!(
            plan.contains(
                "DOES NOT FIT: a sweep takes 5.0 times the interval. For a turn each interval, set"
            ),
            "{plan}"
        );
        assert!(
            plan.contains(
                "a change is seen after 1m to 3m on average, the less the more identities are at \
                 rest,\n             1d at the latest\n"
            ),
            "{plan}"
        );
        assert!(
            plan.contains("poll.rate_limit: 10, if") && plan.contains("interval: 5m\n"),
            "{plan}"
        );
        assert!(plan.contains("one sweep takes 5m at the ceiling"), "{plan}");
    }
}
