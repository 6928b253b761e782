//! The demo's datasets are full for long enough that each alert about limits fires, and tidied up
//! for long enough that each ends and Alertmanager sends it, with the times of the shipped files.

use cognitosync_exporter::simulator::{TIDY_FOR, TIDY_FROM};
use serde_json::Value;

use super::read;

/// The alerts that fire and end in the demo. `tests/long/chain` fails when another fires.
const IDENTITY: &str = "CognitoSyncIdentityNearLimit";
const POOL: &str = "CognitoSyncPoolNearLimit";
/// Seconds until the demo's datasets are full. Three of a pool are from the start on.
const FILLED: f64 = 60.0;
/// Seconds until the first notification, at most.
const FIRST: f64 = 180.0;
/// Seconds from the demo's start until its exporter knows of those that are full already, at most:
/// they are polled within 15 s, and the next poll lists datasets.
const KNOWN_AT_START: f64 = 2.0 * 15.0;
/// Seconds in which each identity is polled, by default.
const SWEEP: f64 = 300.0;
/// Seconds from a write until the demo's exporter knows of it, at most: the usage that the
/// simulator returns is so old, the next poll comes within 15 s, and the one after lists datasets.
const KNOWN: f64 = 24.1 + 2.0 * 15.0;

fn yaml(file: &str) -> Value {
    serde_yaml::from_str(&read(&format!("dashboards/alerts/{file}.yaml"))).unwrap()
}

/// A time in seconds.
fn seconds(time: &Value) -> f64 {
    humantime::parse_duration(time.as_str().unwrap())
        .unwrap()
        .as_secs_f64()
}

/// The group of a file in which this recording or alert stands.
fn group(file: &str, name: &str) -> Value {
    let groups = yaml(file)["groups"].as_array().unwrap().clone();
    let has = |group: &Value| {
        let mut rules = group["rules"].as_array().unwrap().iter();
        rules.any(|rule| rule["record"] == name || rule["alert"] == name)
    };
    groups.into_iter().find(has).unwrap()
}

struct Times {
    /// Between two scrapes.
    scraped: f64,
    alerts: Vec<Alert>,
    /// Of Alertmanager.
    group_interval: f64,
}

struct Alert {
    name: String,
    severity: String,
    /// From a scrape until the first evaluation that reads it: between two recordings, and between
    /// two evaluations.
    read: f64,
    /// From the first evaluation that finds it until it fires.
    pending: f64,
    /// From the first evaluation that does not find it until it ends.
    held: f64,
    /// From then until Alertmanager sends it.
    group_wait: f64,
}

impl Times {
    fn shipped() -> Self {
        let route = &yaml("alertmanager.example")["route"];
        let groups = [IDENTITY, POOL].map(|name| (name, group("alerts", name)));
        let firing = groups.iter().flat_map(|(name, group)| {
            let rules = group["rules"].as_array().unwrap().iter();
            let of_it = rules.filter(|rule| rule["alert"] == *name);
            of_it.map(|rule| (rule, seconds(&group["interval"])))
        });
        let alerts = firing.map(|(rule, evaluated)| {
            let (name, severity) = (&rule["alert"], &rule["labels"]["severity"]);
            let matchers = [format!("severity={severity}"), format!("alertname={name}")];
            let matches = |route: &&Value| {
                let all = route["matchers"].as_array().unwrap();
                all.iter()
                    .all(|one| matchers.iter().any(|known| one == known))
            };
            let routes = route["routes"].as_array().unwrap();
            let own = routes
                .iter()
                .find(matches)
                .map(|route| &route["group_wait"]);
            let group_wait = own.filter(|wait| !wait.is_null());
            let reads = match (name.as_str(), severity.as_str()) {
                (Some(POOL), Some("critical")) => "pool:cognitosync_identities_full:count",
                (Some(POOL), _) => "pool:cognitosync_identities_near_limit:count",
                _ => "identity_name:cognitosync_limit_used:max",
            };
            assert!(rule["expr"].as_str().unwrap().contains(reads), "{name}");
            Alert {
                name: name.as_str().unwrap().to_owned(),
                severity: severity.as_str().unwrap().to_owned(),
                read: seconds(&group("recording", reads)["interval"]) + evaluated,
                pending: rounded(seconds(&rule["for"]), evaluated),
                held: rounded(seconds(&rule["keep_firing_for"]), evaluated),
                group_wait: seconds(group_wait.unwrap_or(&route["group_wait"])),
            }
        });
        Self {
            scraped: seconds(&yaml("prometheus.example")["global"]["scrape_interval"]),
            alerts: alerts.collect(),
            group_interval: seconds(&route["group_interval"]),
        }
    }

    fn alert(&self, name: &str, severity: &str) -> &Alert {
        let is = |alert: &&Alert| alert.name == name && alert.severity == severity;
        self.alerts.iter().find(is).unwrap()
    }
}

/// Up to the next evaluation.
fn rounded(seconds: f64, evaluated: f64) -> f64 {
    (seconds / evaluated).ceil() * evaluated
}

#[test]
fn each_alert_of_the_demo_fires_and_ends() {
    let times = Times::shipped();
    assert_eq!(times.alerts.len(), 4);
    let mut last = 0_f64;
    for alert in &times.alerts {
        let Alert { name, severity, .. } = alert;
        let seen = KNOWN + times.scraped + alert.read;
        let fires = FILLED + seen + alert.pending + alert.group_wait;
        assert!(fires <= TIDY_FROM, "{name} {severity} fires at {fires}");
        let ends = seen + alert.held + times.group_interval;
        assert!(ends <= TIDY_FOR, "{name} {severity} ends after {ends}");
        last = last.max(ends);
    }
    let pool = times.alert(POOL, "critical");
    let first = KNOWN_AT_START + times.scraped + pool.read + pool.pending + pool.group_wait;
    assert!(first <= FIRST, "the first notification comes at {first}");
    let page = read("docs/alerts.md");
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    for (what, seconds) in [
        ("first notification comes", FIRST),
        ("the last one ends", TIDY_FROM + last),
    ] {
        let words = format!("{what} within {} minutes", (seconds / 60.0).ceil());
        assert!(
            page.contains(&words),
            "docs/alerts.md does not say: {words}"
        );
    }
}

/// Alertmanager sends nothing of an alert that another one mutes, not its end either.
#[test]
fn no_alert_of_an_identity_is_sent_before_that_of_its_pool_mutes_it() {
    let times = Times::shipped();
    let identity = times.alert(IDENTITY, "warning");
    let pool = times.alert(POOL, "critical");
    // In the demo as long as in a sweep, those that fill up later included.
    const { assert!(FILLED + KNOWN <= SWEEP) };
    // The first identity may be recorded and evaluated at once, the third one as late as can be.
    let mutes = SWEEP + times.scraped + pool.read + pool.pending;
    let sent = identity.pending + identity.group_wait;
    assert!(mutes <= sent, "{mutes} {sent}");
}
