//! THE table of families: name, type, unit, labels and help of each. Both formats, the table
//! of docs/metrics.md and the registry of the exporter's own metrics are made from it.

use std::fmt;

/// A family: all series of one name.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// The name. Its last word is the unit, see [`unit()`].
    pub name: &'static str,
    /// The type.
    pub kind: Kind,
    /// The names of the labels, in the order in which they are written.
    pub labels: &'static [&'static str],
    /// The help text, without quotes, backslashes and line breaks.
    pub help: &'static str,
}

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A value that only goes up.
    Counter,
    /// A distribution of observations, whose counts only go up.
    Histogram,
    /// A distribution of the present state. Only OpenMetrics has this type; in the text format it
    /// is a histogram.
    GaugeHistogram,
}

impl fmt::Display for Kind {
    /// The name that OpenMetrics has for the type.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
        })
    }
}

/// Those of Prometheus's base units that occur here.
const UNITS: [&str; 3] = ["bytes", "ratio", "seconds"];

/// The unit in a family's name: its last word, apart from the `total` of a counter.
#[must_use]
pub fn unit(name: &str) -> Option<&'static str> {
    let name = name.strip_suffix("_total").unwrap_or(name);
    UNITS.into_iter().find(|unit| {
        name.strip_suffix(unit)
            .is_some_and(|rest| rest.ends_with('_'))
    })
}

macro_rules! families {
    ($($id:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
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
        "Time when the identity was last modified, as of the last successful poll. Absent if AWS returns no date.";
    IDENTITY_AGE: Gauge "cognitosync_identity_last_modified_age_seconds" ["identity_pool_id", "identity_id"]
        "Time since the identity was last modified, as of the scrape.";
    IDENTITY_UP: Gauge "cognitosync_identity_up" ["identity_pool_id", "identity_id"]
        "Whether the last poll of the identity succeeded. Absent before the first.";
    IDENTITY_LAST_SUCCESS: Gauge "cognitosync_identity_last_success_timestamp_seconds" ["identity_pool_id", "identity_id"]
        "Time of the last successful poll of the identity.";
    IDENTITY_LARGEST_STORAGE: Gauge "cognitosync_identity_largest_dataset_storage_bytes" ["identity_pool_id", "identity_id"]
        "Bytes in the fullest dataset of the identity, by ListDatasets. Absent unless its datasets are as the last list has them.";
    IDENTITY_LARGEST_RECORDS: Gauge "cognitosync_identity_largest_dataset_records" ["identity_pool_id", "identity_id"]
        "The most records in one dataset of the identity, by ListDatasets. Absent unless its datasets are as the last list has them.";
    IDENTITY_INFO: Gauge "cognitosync_identity_info" ["identity_pool_id", "identity_id", "name"]
        "1, with the configured name of the identity. Only for identities that have one.";

    POOL_INFO: Gauge "cognitosync_pool_info" ["identity_pool_id", "name"]
        "1, with the configured name of the pool, if any.";
    POOL_IDENTITIES: Gauge "cognitosync_pool_identities" ["identity_pool_id", "state"]
        "Polled identities by state: pending, fresh, failing, stale, missing.";
    POOL_WATCHED_IDENTITIES: Gauge "cognitosync_pool_watched_identities" ["identity_pool_id"]
        "Polled identities with current usage. Sums, counts by limit and histograms cover these; the others are in cognitosync_pool_identities as pending, stale or missing.";
    POOL_STALE_AFTER: Gauge "cognitosync_pool_stale_after_seconds" ["identity_pool_id"]
        "Age from which usage is not shown: stale_after of the configuration, or what auto is.";
    POOL_DATASET_STORAGE_LIMIT: Gauge "cognitosync_pool_dataset_storage_limit_bytes" ["identity_pool_id"]
        "Configured limit of the bytes in one dataset.";
    POOL_DATASET_RECORDS_LIMIT: Gauge "cognitosync_pool_dataset_records_limit" ["identity_pool_id"]
        "Configured limit of the records of one dataset.";
    POOL_DATASETS_LIMIT: Gauge "cognitosync_pool_identity_datasets_limit" ["identity_pool_id"]
        "Configured limit of the datasets of one identity.";
    POOL_NEAR_LIMIT: Gauge "cognitosync_pool_identities_near_limit" ["identity_pool_id", "limit", "certainty"]
        "Identities, of cognitosync_pool_watched_identities, that use 80 % of a limit or more for certain, and those of which only ListDatasets can tell (possible). Limits: dataset_storage, dataset_records, datasets.";
    POOL_FULL: Gauge "cognitosync_pool_identities_full" ["identity_pool_id", "limit"]
        "Identities, of cognitosync_pool_watched_identities, that use 99 % of a limit or more for certain, and no more than the limit: AWS refuses writes, or will soon.";
    POOL_FULL_ACTIVE: Gauge "cognitosync_pool_identities_full_active" ["identity_pool_id", "limit"]
        "Identities, of cognitosync_pool_identities_full, that wrote within 30 days, or of whose writes AWS says nothing.";
    POOL_ABOVE_LIMIT: Gauge "cognitosync_pool_identities_above_limit" ["identity_pool_id", "limit"]
        "Identities, of cognitosync_pool_watched_identities, that use more than the configured limit, so that AWS allows more: correct limits in the configuration.";
    POOL_FULL_WITHIN: Gauge "cognitosync_pool_identities_full_within" ["identity_pool_id", "window"]
        "Identities, of cognitosync_pool_watched_identities, that are not full, but of which a dataset almost surely will be within the window (7d, 30d; 30d holds those of 7d), at the growth seen in ten days or more; of those whose fullest dataset is exact, by one dataset or a list.";
    POOL_WATCHED_STORAGE: Gauge "cognitosync_pool_watched_storage_bytes" ["identity_pool_id"]
        "Sum of storage over the polled identities with current usage (cognitosync_pool_watched_identities). Absent if there are none.";
    POOL_WATCHED_DATASETS: Gauge "cognitosync_pool_watched_datasets" ["identity_pool_id"]
        "Sum of datasets over the polled identities with current usage (cognitosync_pool_watched_identities). Absent if there are none.";
    POOL_DATASET_STORAGE_USED: GaugeHistogram "cognitosync_pool_largest_dataset_storage_used_ratio" ["identity_pool_id"]
        "Polled identities with current usage (cognitosync_pool_watched_identities), by the fraction of the limit of bytes that their fullest dataset uses at least. It counts the present state: rate() of it is meaningless.";
    POOL_DATASET_RECORDS_USED: GaugeHistogram "cognitosync_pool_largest_dataset_records_used_ratio" ["identity_pool_id"]
        "Polled identities with current usage whose datasets are as the last list has them, a part of cognitosync_pool_watched_identities, by the fraction of the limit of records that one of them uses. It counts the present state: rate() of it is meaningless.";
    POOL_DATASETS_USED: GaugeHistogram "cognitosync_pool_identity_datasets_used_ratio" ["identity_pool_id"]
        "Polled identities with current usage (cognitosync_pool_watched_identities), by the fraction of their limit of datasets that they use. It counts the present state: rate() of it is meaningless.";
    POOL_IDLE: GaugeHistogram "cognitosync_pool_identity_idle_seconds" ["identity_pool_id"]
        "Polled identities with current usage (cognitosync_pool_watched_identities), by the time since they were last modified. It counts the present state: rate() of it is meaningless.";
    POOL_USAGE_AGE: GaugeHistogram "cognitosync_pool_usage_age_seconds" ["identity_pool_id"]
        "Polled identities with current usage (cognitosync_pool_watched_identities), by the time since AWS answered. It counts the present state: rate() of it is meaningless.";
    POOL_WITHOUT_SERIES: Gauge "cognitosync_pool_identities_without_series" ["identity_pool_id"]
        "Polled identities without series of their own, because the configuration says top or none.";
    POOL_STORAGE: Gauge "cognitosync_pool_storage_bytes" ["identity_pool_id"]
        "Bytes in all datasets of the pool, as counted by AWS. Absent if AWS does not return it.";
    POOL_SYNC_SESSIONS: Gauge "cognitosync_pool_sync_sessions" ["identity_pool_id"]
        "Sync sessions of the pool, as counted by AWS. Absent if AWS does not return it.";
    POOL_LAST_MODIFIED: Gauge "cognitosync_pool_last_modified_timestamp_seconds" ["identity_pool_id"]
        "Time when the pool was last modified. Absent if AWS returns no date.";

    POOL_DISCOVERED: Gauge "cognitosync_pool_discovered_identities" ["identity_pool_id"]
        "Identities that passes of ListIdentities have found and not dropped. Only for pools with discover.";
    POOL_DISCOVERY_LAST_COMPLETE: Gauge "cognitosync_pool_discovery_last_complete_timestamp_seconds" ["identity_pool_id"]
        "When the last complete pass of ListIdentities ended. Only for pools with discover, and absent before the first.";
    POOL_DISCOVERY_INTERVAL: Gauge "cognitosync_pool_discovery_interval_seconds" ["identity_pool_id"]
        "Time from the start of one complete pass of ListIdentities to that of the next, as configured. Only for pools with discover.";
    POOL_DISCOVERY_PASSES: Counter "cognitosync_pool_discovery_passes_total" ["identity_pool_id"]
        "Complete passes of ListIdentities, as far back as is known. Only for pools with discover.";
    POOL_NOT_LISTED: Gauge "cognitosync_pool_not_listed_identities" ["identity_pool_id"]
        "Polled identities that the last complete pass of ListIdentities did not list: of the configuration, or about to be dropped. Only for pools with discover, and absent before the first.";

    BUILD_INFO: Gauge "cognitosync_exporter_build_info" ["version", "revision", "rustc"]
        "1, with the version, the git revision and the compiler of this build.";
    API_REQUESTS: Counter "cognitosync_exporter_api_requests_total" ["operation"]
        "API calls, retries included.";
    API_FAILURES: Counter "cognitosync_exporter_api_failures_total" ["operation", "reason"]
        "API calls that failed, by reason.";
    API_DURATION: Histogram "cognitosync_exporter_api_request_duration_seconds" ["operation"]
        "Duration of API calls, failed ones included.";
    API_RATE_LIMIT: Gauge "cognitosync_exporter_api_rate_limit" ["budget"]
        "Configured ceiling of API calls per second, for each budget.";
    API_RATE: Gauge "cognitosync_exporter_api_rate" ["budget"]
        "Present limit of API calls per second, for each budget.";
    API_CREDENTIALS_GOOD: Gauge "cognitosync_exporter_api_credentials_good" ["budget"]
        "Whether credentials and settings for AWS work, as far as is known, for each budget. While 0, only a probe calls the API.";
    POLLS: Counter "cognitosync_exporter_polls_total" []
        "Finished polls of identities, failed ones included.";
    POLL_FAILURES: Counter "cognitosync_exporter_poll_failures_total" ["reason"]
        "Polls of identities of which every attempt failed, by the reason of the last attempt.";
    POLL_LAG: Gauge "cognitosync_exporter_poll_lag_seconds" []
        "How far the identity that waits longest is past max_age, or past its turn where the rate gives everybody a turn each interval; else 0.";
    SWEEP: Gauge "cognitosync_exporter_sweep_seconds" []
        "Duration of polling every identity once at the present rate, in the slowest budget.";
    RELOAD_SUCCESSFUL: Gauge "cognitosync_exporter_config_last_reload_successful" []
        "Whether the last read of the configuration succeeded.";
    RELOAD_SUCCESS_TIME: Gauge "cognitosync_exporter_config_last_reload_success_timestamp_seconds" []
        "Time of the last successful read of the configuration.";
    SCRAPES: Counter "cognitosync_exporter_scrapes_total" []
        "Scrapes answered.";
    SCRAPE_RENDER: Histogram "cognitosync_exporter_scrape_render_seconds" []
        "Time spent on writing the response to a scrape.";
    WEB_CONNECTIONS: Gauge "cognitosync_exporter_web_connections" []
        "Open client connections.";
    WEB_AUTH_FAILURES: Counter "cognitosync_exporter_web_auth_failures_total" []
        "Requests rejected with 401.";
    WEB_REQUESTS_REJECTED: Counter "cognitosync_exporter_web_requests_rejected_total" ["reason"]
        "Requests for scrapes or lists of identities rejected, or cut off while the client did not read, because too many were in progress (busy), and connections closed because too many were open (connections).";
    WEB_CONFIG_SUCCESSFUL: Gauge "cognitosync_exporter_web_config_last_reload_successful" []
        "Whether the last read of the web configuration succeeded; 1 without one.";
    WEB_CONFIG_FAILURES: Counter "cognitosync_exporter_web_config_reload_failures_total" []
        "Failed reads of the web configuration, after each of which the previous one stays in force.";
    STATE_RESTORED: Gauge "cognitosync_exporter_state_restored_identities" []
        "Identities of which something was known when the process started, from the directory of --state.path. Absent without it.";
    STATE_LAST_SAVE: Gauge "cognitosync_exporter_state_last_save_timestamp_seconds" []
        "Time when all that had changed was last saved in the directory of --state.path. Absent without it, and before the first time.";
    STATE_SAVE_FAILURES: Counter "cognitosync_exporter_state_save_failures_total" []
        "Failed attempts to save in the directory of --state.path, after each of which nothing is lost until the process ends. Absent without it.";
    LOG_LINES_DROPPED: Counter "cognitosync_exporter_log_lines_dropped_total" []
        "Log lines that were not written, because the log was not read fast enough or could not be written.";
    PANICS: Counter "cognitosync_exporter_panics_total" []
        "Panics, each of which is a bug that ended one call, request or reload, and is logged.";
}

/// The table of docs/metrics.md.
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
                "cognitosync_pool_largest_dataset_storage_used_ratio",
                Some("ratio"),
            ),
            ("cognitosync_identity_datasets", None),
            ("bytes", None),
            ("kilobytes", None),
        ] {
            assert_eq!(unit(name), expected, "{name}");
        }
    }

    /// So that neither format needs to escape it.
    #[test]
    fn help_is_plain() {
        for family in ALL {
            assert!(!family.help.contains(['"', '\\', '\n']), "{}", family.name);
        }
    }
}
