//! The `process_*` metrics that Prometheus's client libraries have, read anew for each scrape.
//!
//! The prometheus crate's own collector needs /proc/stat, which the service unit hides
//! (`ProcSubset=pid`), shows 0 for what it cannot read, and counts processor time in whole seconds.

use std::time::Duration;

use procfs::process::{LimitValue, Process, Stat};
use prometheus::proto::MetricFamily;
use rustix::time::{ClockId, clock_gettime};

use super::by_hand;
use crate::exposition::families::{Family, Kind};

/// The time when this process started, in seconds since 1970, rounded to hundredths. `now` is the
/// present time, in seconds since 1970. `None` without a /proc file system.
///
/// To be read once: computed again after the wall clock was set, it would look like a restart.
pub(super) fn started(now: f64) -> Option<f64> {
    let started = seconds(Process::myself().ok()?.stat().ok()?.starttime);
    let booted = Duration::try_from(clock_gettime(ClockId::Boottime)).ok()?;
    let running = booted.as_secs_f64() - started;
    Some(((now - running) * 1e2).round() / 1e2)
}

/// What the kernel shows of the process. What it does not show is not exported.
#[derive(Debug, Default)]
struct Readings {
    stat: Option<Stat>,
    open_fds: Option<usize>,
    /// The soft limit, if there is one.
    max_fds: Option<u64>,
    started: Option<f64>,
}

/// The families of this process. `started` is what [`started()`] returned.
pub(super) fn families(started: Option<f64>) -> Vec<MetricFamily> {
    let process = Process::myself().ok();
    let process = process.as_ref();
    Readings {
        stat: process.and_then(|process| process.stat().ok()),
        open_fds: process.and_then(|process| process.fd_count().ok()),
        max_fds: process
            .and_then(|process| process.limits().ok())
            .and_then(|limits| match limits.max_open_files.soft_limit {
                LimitValue::Value(limit) => Some(limit),
                LimitValue::Unlimited => None,
            }),
        started,
    }
    .families()
}

impl Readings {
    #[allow(
        clippy::cast_precision_loss,
        reason = "bytes, files and threads are far below 2^53"
    )]
    fn families(&self) -> Vec<MetricFamily> {
        let of_stat = |value: fn(&Stat) -> f64| self.stat.as_ref().map(value);
        // As client_golang names and explains them, in the order of their names.
        let families = [
            family(
                Kind::Counter,
                "process_cpu_seconds_total",
                "Total user and system CPU time spent in seconds.",
                of_stat(|stat| seconds(stat.utime + stat.stime)),
            ),
            family(
                Kind::Gauge,
                "process_max_fds",
                "Maximum number of open file descriptors.",
                self.max_fds.map(|limit| limit as f64),
            ),
            family(
                Kind::Gauge,
                "process_open_fds",
                "Number of open file descriptors.",
                self.open_fds.map(|open| open as f64),
            ),
            family(
                Kind::Gauge,
                "process_resident_memory_bytes",
                "Resident memory size in bytes.",
                of_stat(|stat| (stat.rss * procfs::page_size()) as f64),
            ),
            family(
                Kind::Gauge,
                "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds.",
                self.started,
            ),
            family(
                Kind::Gauge,
                "process_threads",
                "Number of OS threads in the process.",
                of_stat(|stat| stat.num_threads as f64),
            ),
            family(
                Kind::Gauge,
                "process_virtual_memory_bytes",
                "Virtual memory size in bytes.",
                of_stat(|stat| stat.vsize as f64),
            ),
        ];
        families.into_iter().flatten().collect()
    }
}

/// The kernel's clock ticks, of which there are a hundred in a second, in seconds.
#[allow(clippy::cast_precision_loss, reason = "2^53 ticks are a million years")]
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / procfs::ticks_per_second() as f64
}

/// A family of one metric, if its value is known.
fn family(
    kind: Kind,
    name: &'static str,
    help: &'static str,
    value: Option<f64>,
) -> Option<MetricFamily> {
    let family = Family {
        name,
        kind,
        labels: &[],
        help,
    };
    Some(by_hand::single(&family, value?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use procfs::FromRead;
    use prometheus::proto::{Metric, MetricType};

    use super::*;
    use crate::clock::Clock;

    fn values(families: &[MetricFamily]) -> BTreeMap<&str, f64> {
        let value = |metric: &Metric, kind| match kind {
            MetricType::COUNTER => metric.get_counter().get_value(),
            _ => metric.get_gauge().get_value(),
        };
        let families = families.iter().map(|family| {
            let metric = &family.get_metric()[0];
            (family.name(), value(metric, family.get_field_type()))
        });
        families.collect()
    }

    #[test]
    fn every_reading_is_a_family() {
        // /proc/self/stat: after the name, 11 fields to utime and stime, threads, start, sizes.
        let stat = format!(
            "7 (a (name) S 1 7 7 0 -1 0 0 0 0 0 12345 678 0 0 20 0 3 0 900 4096000 25 {}",
            "0 ".repeat(28)
        );
        let readings = Readings {
            stat: Some(Stat::from_read(stat.as_bytes()).unwrap()),
            open_fds: Some(9),
            max_fds: Some(1024),
            started: Some(1_700_000_000.25),
        };
        let families = readings.families();
        let resident = 25.0 * f64::from(u32::try_from(procfs::page_size()).unwrap());
        let expected = [
            // Hundredths of a second.
            ("process_cpu_seconds_total", 130.23),
            ("process_max_fds", 1024.0),
            ("process_open_fds", 9.0),
            ("process_resident_memory_bytes", resident),
            ("process_start_time_seconds", 1_700_000_000.25),
            ("process_threads", 3.0),
            ("process_virtual_memory_bytes", 4_096_000.0),
        ];
        assert_eq!(values(&families), BTreeMap::from(expected));
    }

    #[test]
    fn what_cannot_be_read_is_not_shown() {
        assert_eq!(Readings::default().families(), []);
    }

    #[test]
    fn this_process_has_all_and_started_when_the_kernel_says() {
        let started = started(Clock::system().now().unix).unwrap();
        let families = families(Some(started));
        assert_eq!(families.len(), 7);
        assert!(values(&families).values().all(|value| *value >= 0.0));
        // Independently: the time of the boot, in whole seconds, which the unit hides.
        let stat = std::fs::read_to_string("/proc/stat").unwrap();
        let booted = stat.lines().find_map(|line| line.strip_prefix("btime "));
        let booted: f64 = booted.unwrap().parse().unwrap();
        let expected = booted + seconds(Process::myself().unwrap().stat().unwrap().starttime);
        assert!((started - expected).abs() < 2.0, "{started} {expected}");
    }
}
