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
use crate::api::{IDENTITIES_OF_PAGE, Signer};
use crate::config::{Config, IdentityMetrics, PoolSettings, Series, show_duration};
use crate::exposition::{identity_samples, too_many_samples};
use crate::figures::{counted, significant};
use crate::targets::{Budget, PassBudget, Pool, Targets};

/// Memory of the exporter without identities, and for each identity, in bytes. Source:
/// `benches/polling.rs`.
const BASE_MEMORY: u64 = 6_000_000;
const MEMORY_PER_IDENTITY: u64 = 194;
/// The same of each that is discovered, beside it.
const MEMORY_PER_DISCOVERED: u64 = 70;
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
            "{}: {} {} in {}\n",
            config.file.display(),
            group_digits(identities),
            if identities == 1 {
                "identity"
            } else {
                "identities"
            },
            counted(targets.pools.len(), "pool", "pools")
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
        let passes = targets.pass_budgets();
        for budget in &passes {
            fmt_passes(budget, f)?;
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
        let discovered: usize = passes.iter().map(PassBudget::identities).sum();
        let memory = BASE_MEMORY
            + MEMORY_PER_IDENTITY * identities
            + MEMORY_PER_DISCOVERED * discovered as u64
            + keys;
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
            for line in AlertInput::of(&pool.settings).lines() {
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
        write!(
            f,
            "             DOES NOT FIT: a sweep takes {} times the interval. For a turn each interval, set",
            significant((overload * 10.0).ceil() / 10.0)
        )?;
        match budget.signer {
            Signer::Account => writeln!(
                f,
                " either\n             poll.rate_limit: {}, if the quota that your app shares allows it, or",
                needed.ceil()
            )?,
            // Its exchanges have a ceiling that nobody sets.
            Signer::Guest => writeln!(f)?,
        }
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

/// What the passes over the pools of a budget cost, for the identities that are listed.
fn fmt_passes(budget: &PassBudget<'_>, f: &mut Formatter<'_>) -> fmt::Result {
    let needed = budget.calls_per_second();
    writeln!(
        f,
        "discovery    {}: {} calls of ListIdentities a day; one pass takes {} at {} calls a second",
        budget.label,
        group_digits((needed * 86_400.0).ceil() as u64),
        humanize_seconds(budget.one_pass().as_secs_f64().ceil()),
        budget.ceiling
    )?;
    writeln!(
        f,
        "             for the {} identities that are listed here: how many there are, and what \
         polling them costs, is known\n             after the first pass; {} calls list a million",
        group_digits(budget.identities() as u64),
        group_digits(1_000_000_usize.div_ceil(IDENTITIES_OF_PAGE) as u64)
    )?;
    if needed > budget.ceiling {
        writeln!(
            f,
            "             DOES NOT FIT: raise discover.rate_limit to {}, or make discover.interval \
             {} times as long",
            significant(needed),
            significant(needed / budget.ceiling)
        )?;
    }
    Ok(())
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

fn humanize_seconds(seconds: f64) -> String {
    if seconds < 1.0 {
        "less than 1s".to_owned()
    } else if seconds < 120.0 {
        format!("{seconds:.0}s")
    } else {
        show_duration(ceil_to_minutes(seconds))
    }
}

fn ceil_to_minutes(seconds: f64) -> Duration {
    Duration::from_secs((seconds / 60.0).ceil() as u64 * 60)
}

#[cfg(test)]
mod tests;
