//! THE table: name, type, unit, labels and help of every family. Both formats and the README's
//! table are made from it, and the exporter's own metrics are registered from it.

use std::fmt;

/// One family.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name; its unit is the last word of it, see [`unit()`].
    pub name: &'static str,
    /// What its numbers are.
    pub kind: Kind,
    /// Its labels, in the order in which they are written.
    pub labels: &'static [&'static str],
    /// What it means, for people; no quotes, backslashes or line breaks.
    pub help: &'static str,
}

/// What a family's numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only goes up.
    Counter,
    /// Counts of observations by size, which only go up.
    Histogram,
    /// Counts of what there is now by size. OpenMetrics alone knows it; the text format has to call
    /// it a histogram.
    GaugeHistogram,
}

impl fmt::Display for Kind {
    /// OpenMetrics' word.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
        })
    }
}

/// Prometheus's base units that occur here.
const UNITS: [&str; 3] = ["bytes", "ratio", "seconds"];

/// The unit in a family's name: its last word, but for a counter's `total`.
#[must_use]
pub fn unit(name: &str) -> Option<&'static str> {
    let name = name.strip_suffix("_total").unwrap_or(name);
    UNITS.into_iter().find(|unit| {
        name.strip_suffix(unit)
            .is_some_and(|rest| rest.ends_with('_'))
    })
}

macro_rules! families {
    ($($(#[$doc:meta])* $id:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $id: Family = Family { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };
        )*

        /// Every family, in the order of the exposition.
        pub const ALL: &[&Family] = &[$(&$id),*];
    };
}

families! {
    IDENTITY_DATASETS: Gauge "cognitosync_identity_datasets" ["identity_pool_id", "identity_id"]
        "Datasets of the identity, as of the last successful poll.";
    IDENTITY_STORAGE: Gauge "cognitosync_identity_storage_bytes" ["identity_pool_id", "identity_id"]
        "Bytes in all datasets of the identity, as of the last successful poll.";
    IDENTITY_LAST_MODIFIED: Gauge "cognitosync_identity_last_modified_timestamp_seconds" ["identity_pool_id", "identity_id"]
        "When the identity was last modified, as of the last successful poll. Absent when AWS gives no date.";
    IDENTITY_AGE: Gauge "cognitosync_identity_last_modified_age_seconds" ["identity_pool_id", "identity_id"]
        "Time since the identity was last modified, reckoned when scraped.";
    IDENTITY_UP: Gauge "cognitosync_identity_up" ["identity_pool_id", "identity_id"]
        "Whether the last poll of the identity succeeded. Absent before the first.";
    IDENTITY_LAST_SUCCESS: Gauge "cognitosync_identity_last_success_timestamp_seconds" ["identity_pool_id", "identity_id"]
        "When AWS last answered for the identity.";
    IDENTITY_INFO: Gauge "cognitosync_identity_info" ["identity_pool_id", "identity_id", "name"]
        "1, with the name that the identity was given. Only for those that were given one.";

    POOL_INFO: Gauge "cognitosync_pool_info" ["identity_pool_id", "name"]
        "1, with the name that the pool was given, if any.";
    POOL_IDENTITIES: Gauge "cognitosync_pool_identities" ["identity_pool_id", "state"]
        "Identities polled, by state: pending, fresh, failing, stale, missing.";
    POOL_STORAGE_LIMIT: Gauge "cognitosync_pool_identity_storage_limit_bytes" ["identity_pool_id"]
        "Bytes that one identity may store, from the configuration.";
    POOL_DATASETS_LIMIT: Gauge "cognitosync_pool_identity_datasets_limit" ["identity_pool_id"]
        "Datasets that one identity may have, from the configuration.";
    POOL_WATCHED_STORAGE: Gauge "cognitosync_pool_watched_storage_bytes" ["identity_pool_id"]
        "Sum of storage over the identities polled whose usage is current. Absent while there is none.";
    POOL_WATCHED_DATASETS: Gauge "cognitosync_pool_watched_datasets" ["identity_pool_id"]
        "Sum of datasets over the identities polled whose usage is current. Absent while there is none.";
    POOL_STORAGE_USED: GaugeHistogram "cognitosync_pool_identity_storage_used_ratio" ["identity_pool_id"]
        "Identities polled whose usage is current, by the part of their storage limit that they use. It counts what is there now, so rate() makes no sense on it.";
    POOL_DATASETS_USED: GaugeHistogram "cognitosync_pool_identity_datasets_used_ratio" ["identity_pool_id"]
        "Identities polled whose usage is current, by the part of their limit of datasets that they have. It counts what is there now, so rate() makes no sense on it.";
    POOL_IDLE: GaugeHistogram "cognitosync_pool_identity_idle_seconds" ["identity_pool_id"]
        "Identities polled whose usage is current, by the time since they were last modified. It counts what is there now, so rate() makes no sense on it.";
    POOL_WITHOUT_SERIES: Gauge "cognitosync_pool_identities_without_series" ["identity_pool_id"]
        "Identities polled that have no series of their own, because the configuration says top or none.";
    POOL_STORAGE: Gauge "cognitosync_pool_storage_bytes" ["identity_pool_id"]
        "Bytes in all datasets of the pool, by AWS's own count. Absent when AWS refuses to tell.";
    POOL_SYNC_SESSIONS: Gauge "cognitosync_pool_sync_sessions" ["identity_pool_id"]
        "Sync sessions of the pool, by AWS's own count. Absent when AWS refuses to tell.";
    POOL_LAST_MODIFIED: Gauge "cognitosync_pool_last_modified_timestamp_seconds" ["identity_pool_id"]
        "When the pool was last modified. Absent when AWS gives no date.";

    BUILD_INFO: Gauge "cognitosync_exporter_build_info" ["version", "revision", "rustc"]
        "1, with what this exporter was built from.";
    API_REQUESTS: Counter "cognitosync_exporter_api_requests_total" ["operation"]
        "API calls made, retries included.";
    API_FAILURES: Counter "cognitosync_exporter_api_failures_total" ["operation", "reason"]
        "API calls that failed, by reason.";
    API_DURATION: Histogram "cognitosync_exporter_api_request_duration_seconds" ["operation"]
        "Time that API calls took, failed ones included.";
    API_RATE_LIMIT: Gauge "cognitosync_exporter_api_rate_limit" ["budget"]
        "Ceiling of API calls per second, for each account and region.";
    API_RATE: Gauge "cognitosync_exporter_api_rate" ["budget"]
        "API calls per second that may be made at present, for each account and region.";
    API_CREDENTIALS_GOOD: Gauge "cognitosync_exporter_api_credentials_good" ["budget"]
        "Whether credentials are good as far as is known; while 0, only a probe asks, for each account and region.";
    POLLS: Counter "cognitosync_exporter_polls_total" []
        "Polls of identities that have ended, failed ones included.";
    POLL_FAILURES: Counter "cognitosync_exporter_poll_failures_total" ["reason"]
        "Polls of identities that failed, all attempts included, by the reason of the last.";
    POLL_LAG: Gauge "cognitosync_exporter_poll_lag_seconds" []
        "How late the most overdue poll is.";
    SWEEP: Gauge "cognitosync_exporter_sweep_seconds" []
        "What polling every identity once takes at the present rate, in the slowest account and region.";
    RELOAD_SUCCESSFUL: Gauge "cognitosync_exporter_config_last_reload_successful" []
        "Whether the configuration was good when it was last read.";
    RELOAD_SUCCESS_TIME: Gauge "cognitosync_exporter_config_last_reload_success_timestamp_seconds" []
        "When a good configuration was last read.";
    SCRAPES: Counter "cognitosync_exporter_scrapes_total" []
        "Scrapes answered.";
    SCRAPE_RENDER: Histogram "cognitosync_exporter_scrape_render_seconds" []
        "Time that writing the answer to a scrape took.";
    WEB_CONNECTIONS: Gauge "cognitosync_exporter_web_connections" []
        "Client connections that are open.";
    WEB_AUTH_FAILURES: Counter "cognitosync_exporter_web_auth_failures_total" []
        "Requests refused for want of a good login.";
    WEB_CONFIG_SUCCESSFUL: Gauge "cognitosync_exporter_web_config_last_reload_successful" []
        "Whether the web configuration was good when it was last read; 1 without one.";
    WEB_CONFIG_FAILURES: Counter "cognitosync_exporter_web_config_reload_failures_total" []
        "Times that the web configuration was read and was not good, so that the one before stayed in force.";
}

/// The README's table of metrics, in Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut table =
        "| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n".to_owned();
    for Family {
        name,
        kind,
        labels,
        help,
    } in ALL
    {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        let unit = unit(name).unwrap_or_default();
        table += &format!(
            "| `{name}` | {kind} | {unit} | {} | {help} |\n",
            labels.join(", ")
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        for (name, expected) in [
            ("cognitosync_identity_storage_bytes", Some("bytes")),
            ("process_cpu_seconds_total", Some("seconds")),
            (
                "cognitosync_pool_identity_storage_used_ratio",
                Some("ratio"),
            ),
            ("cognitosync_identity_datasets", None),
            ("bytes", None),
            ("kilobytes", None),
        ] {
            assert_eq!(unit(name), expected, "{name}");
        }
    }

    /// So that neither format has to escape it.
    #[test]
    fn help_is_plain() {
        for family in ALL {
            assert!(!family.help.contains(['"', '\\', '\n']), "{}", family.name);
        }
    }
}
