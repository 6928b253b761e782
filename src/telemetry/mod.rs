//! What the exporter tells of itself: metrics in a registry of the prometheus crate, and logs.

mod encode;
pub mod logging;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

use crate::api::{Failure, Operation};
use crate::clock::Mono;
use crate::exposition::Format;
use crate::exposition::families::{
    API_CREDENTIALS_GOOD, API_DURATION, API_FAILURES, API_RATE, API_RATE_LIMIT, API_REQUESTS,
    BUILD_INFO, Family, POLL_FAILURES, POLL_LAG, POLLS, RELOAD_SUCCESS_TIME, RELOAD_SUCCESSFUL,
    SCRAPE_RENDER, SCRAPES, SWEEP, WEB_AUTH_FAILURES, WEB_CONFIG_FAILURES, WEB_CONFIG_SUCCESSFUL,
    WEB_CONNECTIONS,
};
use crate::job::Target;
use crate::observation::Observation;
use crate::progress::Progress;

/// From a loopback answer to one that is about to time out, in seconds.
const CALL_BUCKETS: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// From a handful of identities to a million, in seconds.
const RENDER_BUCKETS: [f64; 10] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];

/// The exporter's own metrics.
pub struct Telemetry {
    registry: Registry,
    api_requests: IntCounterVec,
    api_failures: IntCounterVec,
    api_duration: HistogramVec,
    api_rate_limit: GaugeVec,
    api_rate: GaugeVec,
    api_credentials_good: IntGaugeVec,
    polls: IntCounter,
    poll_failures: IntCounterVec,
    poll_lag: Gauge,
    sweep: Gauge,
    scrapes: IntCounter,
    scrape_render: Histogram,
    /// For those who open and close client connections.
    pub web_connections: IntGauge,
    /// For those who refuse requests for want of a good login.
    pub web_auth_failures: IntCounter,
    /// For those who read the web configuration.
    pub web_config_successful: IntGauge,
    /// For them as well.
    pub web_config_failures: IntCounter,
    reload_successful: IntGauge,
    reload_success_time: Gauge,
    progress: Arc<Progress>,
    /// Held while writing: gauges of budgets are set anew each time.
    writing: Mutex<()>,
}

impl Telemetry {
    /// Registers everything; counters of every known reason begin at 0. `config_read` is when the
    /// configuration was read, in seconds since 1970.
    ///
    /// # Errors
    /// When the prometheus crate does not take a family of the table, which would be a bug.
    pub fn new(progress: Arc<Progress>, config_read: f64) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let telemetry = Self {
            api_requests: add(
                &registry,
                IntCounterVec::new(opts(&API_REQUESTS), API_REQUESTS.labels),
            )?,
            api_failures: add(
                &registry,
                IntCounterVec::new(opts(&API_FAILURES), API_FAILURES.labels),
            )?,
            api_duration: add(
                &registry,
                HistogramVec::new(
                    histogram_opts(&API_DURATION, &CALL_BUCKETS),
                    API_DURATION.labels,
                ),
            )?,
            api_rate_limit: add(
                &registry,
                GaugeVec::new(opts(&API_RATE_LIMIT), API_RATE_LIMIT.labels),
            )?,
            api_rate: add(&registry, GaugeVec::new(opts(&API_RATE), API_RATE.labels))?,
            api_credentials_good: add(
                &registry,
                IntGaugeVec::new(opts(&API_CREDENTIALS_GOOD), API_CREDENTIALS_GOOD.labels),
            )?,
            polls: add(&registry, IntCounter::with_opts(opts(&POLLS)))?,
            poll_failures: add(
                &registry,
                IntCounterVec::new(opts(&POLL_FAILURES), POLL_FAILURES.labels),
            )?,
            poll_lag: add(&registry, Gauge::with_opts(opts(&POLL_LAG)))?,
            sweep: add(&registry, Gauge::with_opts(opts(&SWEEP)))?,
            scrapes: add(&registry, IntCounter::with_opts(opts(&SCRAPES)))?,
            scrape_render: add(
                &registry,
                Histogram::with_opts(histogram_opts(&SCRAPE_RENDER, &RENDER_BUCKETS)),
            )?,
            web_connections: add(&registry, IntGauge::with_opts(opts(&WEB_CONNECTIONS)))?,
            web_auth_failures: add(&registry, IntCounter::with_opts(opts(&WEB_AUTH_FAILURES)))?,
            web_config_successful: add(
                &registry,
                IntGauge::with_opts(opts(&WEB_CONFIG_SUCCESSFUL)),
            )?,
            web_config_failures: add(&registry, IntCounter::with_opts(opts(&WEB_CONFIG_FAILURES)))?,
            reload_successful: add(&registry, IntGauge::with_opts(opts(&RELOAD_SUCCESSFUL)))?,
            reload_success_time: add(&registry, Gauge::with_opts(opts(&RELOAD_SUCCESS_TIME)))?,
            registry: registry.clone(),
            progress,
            writing: Mutex::new(()),
        };
        let build_info = add(
            &registry,
            IntGaugeVec::new(opts(&BUILD_INFO), BUILD_INFO.labels),
        )?;
        build_info
            .with_label_values(&[VERSION, REVISION, RUSTC])
            .set(1);
        telemetry.reloaded(Some(config_read));
        registry.register(Box::new(ProcessCollector::for_self()))?;
        for operation in Operation::ALL.map(Operation::as_str) {
            telemetry.api_requests.with_label_values(&[operation]);
            telemetry.api_duration.with_label_values(&[operation]);
            for reason in Failure::ALL.map(Failure::as_str) {
                telemetry
                    .api_failures
                    .with_label_values(&[operation, reason]);
                telemetry.poll_failures.with_label_values(&[reason]);
            }
        }
        Ok(telemetry)
    }

    /// One API call has ended.
    pub fn called(&self, operation: Operation, took: Duration, failure: Option<Failure>) {
        let operation = operation.as_str();
        self.api_requests.with_label_values(&[operation]).inc();
        self.api_duration
            .with_label_values(&[operation])
            .observe(took.as_secs_f64());
        if let Some(failure) = failure {
            self.api_failures
                .with_label_values(&[operation, failure.as_str()])
                .inc();
        }
    }

    /// One poll has ended. Only those of identities are counted: what a pool itself answers is a
    /// bonus.
    pub fn polled(&self, observation: &Observation) {
        if let Target::Identity { .. } = observation.job.target {
            self.polls.inc();
            if let Some(failure) = observation.failure() {
                self.poll_failures
                    .with_label_values(&[failure.as_str()])
                    .inc();
            }
        }
    }

    /// The configuration was read again: a good one at this time, in seconds since 1970, or a wrong
    /// one.
    pub fn reloaded(&self, success: Option<f64>) {
        self.reload_successful.set(i64::from(success.is_some()));
        if let Some(unix) = success {
            self.reload_success_time.set(unix);
        }
    }

    /// Whether the configuration was good when it was last read, and when a good one was, in
    /// seconds since 1970.
    #[must_use]
    pub fn last_reload(&self) -> (bool, f64) {
        (
            self.reload_successful.get() == 1,
            self.reload_success_time.get(),
        )
    }

    /// One scrape was answered, after writing for this long.
    pub fn scraped(&self, took: Duration) {
        self.scrapes.inc();
        self.scrape_render.observe(took.as_secs_f64());
    }

    /// All of it as it is now, in a format.
    #[must_use]
    pub fn write(&self, now: Mono, format: Format) -> Vec<u8> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.poll_lag.set(self.progress.lag(now).as_secs_f64());
        self.sweep.set(self.progress.sweep_seconds());
        // Budgets come and go with the configuration.
        self.api_rate_limit.reset();
        self.api_rate.reset();
        self.api_credentials_good.reset();
        for budget in self.progress.budgets() {
            let label = [budget.label.as_str()];
            self.api_rate_limit
                .with_label_values(&label)
                .set(budget.limit);
            self.api_rate.with_label_values(&label).set(budget.rate);
            self.api_credentials_good
                .with_label_values(&label)
                .set(i64::from(budget.credentials_good));
        }
        let mut out = Vec::new();
        encode::encode(&self.registry.gather(), format, &mut out);
        out
    }
}

/// The version in Cargo.toml.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The git revision it was built from, if there was one.
pub const REVISION: &str = env!("BUILD_REVISION");
/// The compiler's version.
pub const RUSTC: &str = env!("BUILD_RUSTC");

fn opts(family: &Family) -> Opts {
    Opts::new(family.name, family.help)
}

fn histogram_opts(family: &Family, buckets: &[f64]) -> HistogramOpts {
    HistogramOpts::from(opts(family)).buckets(buckets.to_vec())
}

fn add<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: Result<C, prometheus::Error>,
) -> Result<C, prometheus::Error> {
    let collector = collector?;
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}
