//! The exporter's own metrics, in a registry of the prometheus crate, and its logs.

mod by_hand;
mod discovery;
mod encode;
mod log_line;
mod log_queue;
pub mod logging;
mod process;
mod progress;
mod state;

use std::sync::Arc;
use std::time::Duration;

pub use prometheus::Error as RegisterError;
use prometheus::core::Collector;
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

use crate::api::{Failure, Operation};
use crate::clock::Timestamp;
use crate::discovery::Catalog;
use crate::exposition::families::{
    API_DURATION, API_FAILURES, API_REQUESTS, BUILD_INFO, Family, LOG_LINES_DROPPED, PANICS,
    POLL_FAILURES, POLLS, RELOAD_SUCCESS_TIME, RELOAD_SUCCESSFUL, SCRAPE_RENDER, SCRAPES,
    WEB_AUTH_FAILURES, WEB_CONFIG_FAILURES, WEB_CONFIG_SUCCESSFUL, WEB_CONNECTIONS,
    WEB_REQUESTS_REJECTED,
};
use crate::exposition::{Families, Source};
use crate::job::Target;
use crate::observation::Observation;
use crate::panics;
use crate::passes::PassProgress;
use crate::progress::Progress;
use crate::state::Saves;

/// From an answer over loopback to one just before the timeout, in seconds.
const CALL_BUCKETS: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// From a handful of identities to a million, in seconds.
const RENDER_BUCKETS: [f64; 10] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Too many scrapes were in progress.
const BUSY: &str = "busy";
/// Too many connections were open.
const CONNECTIONS: &str = "connections";

/// The exporter's own metrics.
pub struct Telemetry {
    registry: Registry,
    progress: Arc<Progress>,
    /// How saving goes, with `--state.path`.
    saves: Option<Arc<Saves>>,
    /// What is discovered.
    discovery: Option<(Catalog, Arc<PassProgress>)>,
    /// When the process started, in seconds since 1970, as far as it is known.
    started: Option<f64>,
    api_requests: IntCounterVec,
    api_failures: IntCounterVec,
    api_duration: HistogramVec,
    polls: IntCounter,
    poll_failures: IntCounterVec,
    scrapes: IntCounter,
    scrape_render: Histogram,
    web_connections: IntGauge,
    web_auth_failures: IntCounter,
    web_requests_rejected: IntCounterVec,
    web_config_successful: IntGauge,
    web_config_failures: IntCounter,
    reload_successful: IntGauge,
    reload_success_time: Gauge,
}

impl Telemetry {
    /// Registers all metrics. Counters start at 0 for each operation and failure reason.
    /// `now` is the present time, in seconds since 1970, and counts as the time when the
    /// configuration was read.
    ///
    /// # Errors
    /// If the prometheus crate rejects a family of the table, which is a bug.
    pub fn new(progress: Arc<Progress>, now: f64) -> Result<Self, prometheus::Error> {
        let metrics = Metrics(Registry::new());
        let telemetry = Self {
            progress,
            saves: None,
            discovery: None,
            started: process::started(now),
            api_requests: metrics.counters(&API_REQUESTS)?,
            api_failures: metrics.counters(&API_FAILURES)?,
            api_duration: metrics.histograms(&API_DURATION, &CALL_BUCKETS)?,
            polls: metrics.counter(&POLLS)?,
            poll_failures: metrics.counters(&POLL_FAILURES)?,
            scrapes: metrics.counter(&SCRAPES)?,
            scrape_render: metrics.histogram(&SCRAPE_RENDER, &RENDER_BUCKETS)?,
            web_connections: metrics.int_gauge(&WEB_CONNECTIONS)?,
            web_auth_failures: metrics.counter(&WEB_AUTH_FAILURES)?,
            web_requests_rejected: metrics.counters(&WEB_REQUESTS_REJECTED)?,
            web_config_successful: metrics.int_gauge(&WEB_CONFIG_SUCCESSFUL)?,
            web_config_failures: metrics.counter(&WEB_CONFIG_FAILURES)?,
            reload_successful: metrics.int_gauge(&RELOAD_SUCCESSFUL)?,
            reload_success_time: metrics.gauge(&RELOAD_SUCCESS_TIME)?,
            registry: metrics.0.clone(),
        };
        metrics
            .int_gauges(&BUILD_INFO)?
            .with_label_values(&[VERSION, REVISION, RUSTC])
            .set(1);
        telemetry.reloaded(Some(now));
        for reason in [BUSY, CONNECTIONS] {
            telemetry.web_requests_rejected.with_label_values(&[reason]);
        }
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

    /// The same, with what is discovered.
    #[must_use]
    pub fn with_discovery(mut self, catalog: Catalog, passes: Arc<PassProgress>) -> Self {
        self.discovery = Some((catalog, passes));
        self
    }

    /// What is discovered, and how that goes.
    #[must_use]
    pub fn discovery(&self) -> Option<(&Catalog, &PassProgress)> {
        let (catalog, passes) = self.discovery.as_ref()?;
        Some((catalog, passes))
    }

    /// The same, with how saving goes.
    #[must_use]
    pub fn with_saves(mut self, saves: Option<Arc<Saves>>) -> Self {
        self.saves = saves;
        self
    }

    /// How saving goes; `None` if nothing is saved.
    #[must_use]
    pub fn saves(&self) -> Option<&Saves> {
        self.saves.as_deref()
    }

    /// Counts a finished API call.
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

    /// Counts a finished poll of an identity. Polls of pools are not counted: their usage is
    /// optional.
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

    /// Whether any poll of an identity was answered since the start, if only with that it does not
    /// exist. What was restored of earlier polls does not count.
    #[must_use]
    pub fn was_answered(&self) -> bool {
        let of = |failure: Failure| {
            let reason = failure.as_str();
            self.poll_failures.with_label_values(&[reason]).get()
        };
        let polls = self.polls.get();
        let failures = Failure::ALL.map(of).iter().sum::<u64>();
        polls > failures - of(Failure::NotFound)
    }

    /// Notes a reload of the configuration: its time if it succeeded, in seconds since 1970, and
    /// `None` if it failed.
    pub fn reloaded(&self, success: Option<f64>) {
        self.reload_successful.set(i64::from(success.is_some()));
        if let Some(unix) = success {
            self.reload_success_time.set(unix);
        }
    }

    /// Whether the last read of the configuration succeeded, and the time of the last one that did,
    /// in seconds since 1970.
    #[must_use]
    pub fn last_reload(&self) -> (bool, f64) {
        (
            self.reload_successful.get() == 1,
            self.reload_success_time.get(),
        )
    }

    /// Whether the last read of the web configuration succeeded.
    #[must_use]
    pub fn web_config_is_valid(&self) -> bool {
        self.web_config_successful.get() == 1
    }

    /// Counts a scrape that was answered, and the time spent on writing it.
    pub fn scraped(&self, took: Duration) {
        self.scrapes.inc();
        self.scrape_render.observe(took.as_secs_f64());
    }

    /// Counts a request that was answered with 503 because as many scrapes as are allowed were in
    /// progress.
    pub fn rejected_as_busy(&self) {
        self.web_requests_rejected.with_label_values(&[BUSY]).inc();
    }
}

impl Source for Telemetry {
    fn write(&self, now: Timestamp, families: &mut Families<'_>) {
        let mut gathered = self.registry.gather();
        gathered.extend(process::families(self.started));
        let mut others = Vec::new();
        if let Some((catalog, passes)) = &self.discovery {
            gathered.extend(discovery::families(catalog, passes));
            others = passes.budgets();
        }
        gathered.extend(progress::families(&self.progress, others, now.mono));
        gathered.push(by_hand::single(&PANICS, panics::count() as f64));
        if let Some(saves) = &self.saves {
            gathered.extend(state::families(saves));
        }
        let dropped = logging::lines_dropped() as f64;
        gathered.push(by_hand::single(&LOG_LINES_DROPPED, dropped));
        // The order of the registry.
        gathered.sort_by(|a, b| a.name().cmp(b.name()));
        encode::encode(&gathered, families);
    }
}

impl exporter_web::Metrics for Telemetry {
    fn connection_opened(&self) {
        self.web_connections.inc();
    }

    fn connection_closed(&self) {
        self.web_connections.dec();
    }

    fn connection_evicted(&self) {
        self.web_requests_rejected
            .with_label_values(&[CONNECTIONS])
            .inc();
    }

    fn login_rejected(&self) {
        self.web_auth_failures.inc();
    }

    fn web_config_read(&self, valid: bool) {
        self.web_config_successful.set(i64::from(valid));
        if !valid {
            self.web_config_failures.inc();
        }
    }
}

/// The version in Cargo.toml.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The git revision of the build, if known.
pub const REVISION: &str = env!("BUILD_REVISION");
/// The version of the compiler.
pub const RUSTC: &str = env!("BUILD_RUSTC");

/// Makes metrics from the table of families, and registers them.
struct Metrics(Registry);

impl Metrics {
    fn counter(&self, family: &Family) -> Result<IntCounter, prometheus::Error> {
        self.register(IntCounter::with_opts(opts(family)))
    }

    fn counters(&self, family: &Family) -> Result<IntCounterVec, prometheus::Error> {
        self.register(IntCounterVec::new(opts(family), family.labels))
    }

    fn gauge(&self, family: &Family) -> Result<Gauge, prometheus::Error> {
        self.register(Gauge::with_opts(opts(family)))
    }

    fn int_gauge(&self, family: &Family) -> Result<IntGauge, prometheus::Error> {
        self.register(IntGauge::with_opts(opts(family)))
    }

    fn int_gauges(&self, family: &Family) -> Result<IntGaugeVec, prometheus::Error> {
        self.register(IntGaugeVec::new(opts(family), family.labels))
    }

    fn histogram(&self, family: &Family, bounds: &[f64]) -> Result<Histogram, prometheus::Error> {
        let opts = HistogramOpts::from(opts(family)).buckets(bounds.to_vec());
        self.register(Histogram::with_opts(opts))
    }

    fn histograms(
        &self,
        family: &Family,
        bounds: &[f64],
    ) -> Result<HistogramVec, prometheus::Error> {
        let opts = HistogramOpts::from(opts(family)).buckets(bounds.to_vec());
        self.register(HistogramVec::new(opts, family.labels))
    }

    fn register<C: Collector + Clone + 'static>(
        &self,
        metric: Result<C, prometheus::Error>,
    ) -> Result<C, prometheus::Error> {
        let metric = metric?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}

fn opts(family: &Family) -> Opts {
    Opts::new(family.name, family.help)
}
