//! `plan`: the cost of a configuration, computed without API calls, and the settings to change when
//! it exceeds a limit.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;

use crate::api::{Operation, PoolUsage, Usage};
use crate::clock::{Mono, Timestamp};
use crate::config::{Config, show_duration};
use crate::exposition::{Blocks, Coding, Exposition, Format, too_many_samples};
use crate::job::PoolIndex;
use crate::observation::Observation;
use crate::progress::Progress;
use crate::store::Store;
use crate::targets::{Budget, Pool, Targets};
use crate::telemetry::Telemetry;

/// Memory of the exporter without identities, and for each identity, in bytes. Source:
/// `benches/polling.rs`.
const BASE_MEMORY: u64 = 6_000_000;
const MEMORY_PER_IDENTITY: u64 = 170;
/// Memory of Prometheus for each series, in bytes. Version 2.42 was measured at 3.7 to 4.5 KB.
const PROMETHEUS_MEMORY_PER_SERIES: u64 = 4_100;
/// The time of the sample scrape. Only its number of digits matters.
const SCRAPE_TIME: f64 = 1_763_903_374.25;

/// The cost of a configuration.
pub struct Plan<'a> {
    config: &'a Config,
    targets: &'a Targets,
    scrape: ScrapeSize,
}

/// The size of a scrape when every identity has usage.
struct ScrapeSize {
    samples: u64,
    text_bytes: u64,
    gzip_bytes: u64,
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

impl ScrapeSize {
    fn measure(config: &Config, targets: &Arc<Targets>) -> Self {
        let now = Timestamp {
            mono: Mono::START,
            unix: SCRAPE_TIME,
        };
        let store = Arc::new(Store::new(Arc::clone(targets)));
        for (pool, target) in targets.pools.iter().enumerate() {
            let pool = PoolIndex(pool);
            let half = target.settings.limits.dataset_storage_bytes / 2;
            // Numbers of realistic length and variety, because gzip compresses equal ones better.
            let usage = |identity: u64| Usage {
                datasets: Some((identity % 20) as u32),
                storage_bytes: Some(half + identity * 7_919 % half.max(1)),
                last_modified: Some(SCRAPE_TIME - (identity * 104_729 % 9_999_991) as f64 / 1e3),
            };
            for identity in 0..target.identities.len() {
                let usage = usage(identity as u64);
                store.record(&Observation::of_identity(pool, identity, now, Ok(usage)));
            }
            let pool_usage = PoolUsage {
                storage_bytes: Some(half),
                sync_sessions: Some(1_000),
                last_modified: Some(SCRAPE_TIME - 60.5),
            };
            store.record(&Observation::of_pool(pool, now, Ok(pool_usage)));
        }
        let progress = Arc::new(Progress::new(now.mono, targets, config.poll.rate_limit));
        let telemetry = Telemetry::new(progress, SCRAPE_TIME)
            .expect("the families are the same at every start");
        let exposition = Exposition::new(store);
        let scrape = || exposition.scrape(now, Format::Text, &telemetry);
        let (mut samples, mut text_bytes) = (0, 0);
        let mut at_line_start = true;
        for block in Blocks::new(scrape(), Coding::Identity) {
            text_bytes += block.len() as u64;
            for byte in &block[..] {
                samples += u64::from(at_line_start && *byte != b'#');
                at_line_start = *byte == b'\n';
            }
        }
        let gzip_bytes = Blocks::new(scrape(), Coding::Gzip)
            .map(|block| block.len() as u64)
            .sum();
        Self {
            samples,
            text_bytes,
            gzip_bytes,
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
        let possible: f64 = (0..targets.budgets.len())
            .map(|budget| targets.calls_per_second(budget).min(limit))
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
        let size = |bytes: u64| ByteSize::b(bytes).display().si().to_string();
        writeln!(
            f,
            "series       {} in each scrape",
            group_digits(scrape.samples)
        )?;
        writeln!(
            f,
            "a scrape     {} of text, {} in gzip",
            size(scrape.text_bytes),
            size(scrape.gzip_bytes)
        )?;
        let memory = BASE_MEMORY + MEMORY_PER_IDENTITY * identities;
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
    /// Whether a budget's calls are within its ceiling; if not, the settings that would make them
    /// so.
    fn fmt_budget(&self, index: usize, budget: &Budget, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            config, targets, ..
        } = self;
        let limit = config.poll.rate_limit;
        let draws = |pool: &&Pool| pool.budget(Operation::DescribeIdentityUsage.service()) == index;
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
            return Ok(());
        }
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
            "             DOES NOT FIT: a sweep takes {} times the interval. Set either",
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
        // Six for each identity, and those of the pool and the exporter.
        let series: u64 = plan.split("series       6,").nth(1).unwrap()[..3]
            .parse()
            .unwrap();
        assert!((100..300).contains(&series), "{plan}");
        assert!(plan.contains("memory       some 6.2 MB here"), "{plan}");
    }

    #[test]
    fn a_configuration_that_does_not_fit_is_reported_with_the_settings_to_change() {
        let plan = plan("interval: 1m, rate_limit: 2", "series: none,", 599);
        assert!(
            plan.contains("DOES NOT FIT: a sweep takes 5.0 times the interval. Set either"),
            "{plan}"
        );
        assert!(
            plan.contains("poll.rate_limit: 10, if") && plan.contains("interval: 5m\n"),
            "{plan}"
        );
        assert!(plan.contains("one sweep takes 5m at the ceiling"), "{plan}");
    }
}
