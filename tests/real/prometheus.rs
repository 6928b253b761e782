//! A real Prometheus scrapes the demo, and its query API returns what the simulator holds.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use serde_json::Value;

use crate::filled::{SERIES, Served, serve, store};
use crate::support::{Exporter, command, eventually, get, repository};

const GAUGES: [&str; 3] = [
    "datasets",
    "storage_bytes",
    "last_modified_timestamp_seconds",
];

pub(crate) struct Prometheus {
    child: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Prometheus {
    fn scraping(address: &str) -> Self {
        Self::scraping_every(address, "1s")
    }

    fn scraping_every(address: &str, interval: &str) -> Self {
        Self::scraping_with(address, interval, "")
    }

    /// With one more line of the job's configuration.
    pub(crate) fn scraping_with(address: &str, interval: &str, more: &str) -> Self {
        let configuration = format!(
            "global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}\n{}  {more}\n",
            job(&[address])
        );
        Self::run(&configuration, tempfile::tempdir().unwrap(), &[])
    }

    /// With this configuration, its storage in `data` of the directory, and more flags.
    pub(crate) fn run(configuration: &str, directory: tempfile::TempDir, flags: &[&str]) -> Self {
        let port = free_port();
        let file = directory.path().join("prometheus.yml");
        std::fs::write(&file, configuration).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(flags)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let prometheus = Self {
            child,
            port,
            _directory: directory,
        };
        eventually("a scrape", || {
            let up = || prometheus.query("up");
            TcpListener::bind(("127.0.0.1", port))
                .is_err()
                .then(up)?
                .first()
                .cloned()
        });
        prometheus
    }

    /// An instant query that gives one value, or none.
    pub(crate) fn value(&self, query: &str) -> Option<f64> {
        self.query(query).first().map(|(_, value)| *value)
    }

    /// An instant query: the labels and the value of each series.
    pub(crate) fn query(&self, query: &str) -> Vec<(Value, f64)> {
        let answer = self.api("query", &[("query", query)]);
        let series = answer["data"]["result"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        series
            .iter()
            .map(|one| {
                (
                    one["metric"].clone(),
                    one["value"][1].as_str().unwrap().parse().unwrap(),
                )
            })
            .collect()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What its API says.
    pub(crate) fn api(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let escape = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let parameters: Vec<_> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={}", escape(value)))
            .collect();
        let (_, body) = get(&format!(
            "{}/api/v1/{path}?{}",
            self.url(),
            parameters.join("&")
        ));
        serde_json::from_str(&body).unwrap_or_default()
    }
}

/// A port that nobody listens on at this moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// The part of a configuration that has exporters scraped.
pub(crate) fn job(addresses: &[&str]) -> String {
    format!(
        "scrape_configs:\n- job_name: cognitosync\n  static_configs: [{{targets: {addresses:?}}}]\n"
    )
}

/// The line of a configuration that loads the shipped rules: copies in this directory that are
/// evaluated every two seconds, and whose alerts are held for so long, or as shipped.
pub(crate) fn shipped_rules(directory: &Path, held: Option<&str>) -> String {
    let files = ["recording.yaml", "alerts.yaml"].map(|file| {
        let shipped = repository().join("dashboards/alerts").join(file);
        let text = std::fs::read_to_string(shipped).unwrap();
        let hasty = text.lines().map(|line| match (line.trim_start(), held) {
            (rest, _) if rest.starts_with("interval: ") => "    interval: 2s\n".to_owned(),
            (rest, Some(held)) if rest.starts_with("keep_firing_for: ") => {
                format!("        keep_firing_for: {held}\n")
            }
            _ => format!("{line}\n"),
        });
        let copy = directory.join(file);
        std::fs::write(&copy, hasty.collect::<String>()).unwrap();
        copy
    });
    format!("rule_files: {files:?}\n")
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the simulator says of an identity by its usage, and by its datasets: the three gauges, none
/// where it says none.
fn held(endpoint_url: &str, pool: &str, identity: &str) -> [[Option<f64>; 3]; 2] {
    let region = pool.split(':').next().unwrap();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let url = format!("{endpoint_url}/identitypools/{pool}/identities/{identity}");
    let signature = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDTEST/20260101/{region}/cognito-sync/aws4_request, Signature=0"
    );
    let answer = |url: &str| -> Value {
        let request = agent.get(url).header("authorization", &signature);
        let mut response = request.call().unwrap();
        serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap()
    };
    let usage = &answer(&url)["IdentityUsage"];
    let usage =
        ["DatasetCount", "DataStorage", "LastModifiedDate"].map(|field| usage[field].as_f64());
    let list = &answer(&format!("{url}/datasets"))["Datasets"];
    let of_each = |field: &str| -> Vec<f64> {
        let datasets = list.as_array().into_iter().flatten();
        datasets
            .filter_map(|dataset| dataset[field].as_f64())
            .collect()
    };
    let storage = of_each("DataStorage");
    let dates = of_each("LastModifiedDate").into_iter();
    let listed = [
        Some(storage.len() as f64),
        Some(storage.iter().sum()),
        dates.reduce(f64::max),
    ];
    [usage, listed]
}

#[test]
#[ignore = "needs Prometheus, which tests/run installs"]
fn every_gauge_of_the_demo_arrives() {
    let mut demo = command();
    demo.arg("demo");
    let demo = Exporter::run(demo);
    let endpoint_url = demo.logged("endpoint_url").into_iter().next().unwrap();
    let prometheus = Prometheus::scraping(&demo.address);
    let polled = || -> BTreeSet<(String, String)> {
        let of = |labels: &Value, name: &str| labels[name].as_str().unwrap().to_owned();
        let up = prometheus.query("cognitosync_identity_up");
        up.iter()
            .map(|(labels, _)| (of(labels, "identity_pool_id"), of(labels, "identity_id")))
            .collect()
    };
    let mut unseen = eventually("200 identities", || {
        Some(polled()).filter(|polled| polled.len() == 200)
    });

    // The world goes on while we look: what Prometheus has must be something that the simulator
    // said at some time.
    let mut said: BTreeMap<String, Vec<[Option<f64>; 3]>> = BTreeMap::new();
    eventually("equal values", || {
        for (pool, identity) in &unseen {
            said.entry(identity.clone())
                .or_default()
                .extend(held(&endpoint_url, pool, identity));
        }
        let mut stored: BTreeMap<String, [Option<f64>; 3]> = BTreeMap::new();
        for (index, gauge) in GAUGES.iter().enumerate() {
            for (labels, value) in prometheus.query(&format!("cognitosync_identity_{gauge}")) {
                let identity = labels["identity_id"].as_str().unwrap().to_owned();
                stored.entry(identity).or_default()[index] = Some(value);
            }
        }
        unseen.retain(|(_, identity)| {
            // The counts are of one answer. A list moves no date back: that may be of another.
            let [datasets, storage, date] = stored.get(identity).copied().unwrap_or_default();
            let said = &said[identity];
            let has_counts = said.iter().any(|said| said[..2] == [datasets, storage]);
            !(has_counts && said.iter().any(|said| said[2] == date))
        });
        unseen.is_empty().then_some(())
    });
    let scraped = prometheus.query("scrape_samples_scraped")[0].1;
    assert!(scraped > 1_200.0, "{scraped} samples");
}

/// A scrape of 100,000 identities, in both formats: Prometheus has every sample that it was given.
#[test]
#[ignore = "needs Prometheus, which tests/run installs"]
fn a_hundred_thousand_identities_arrive() {
    const IDENTITIES: usize = 100_000;
    let store = store(IDENTITIES);
    for (format, accept) in [
        (Served::AsAsked, "application/openmetrics-text"),
        (Served::TextOnly, "*/*"),
    ] {
        let address = serve(Arc::clone(&store), format);
        let mut response = ureq::get(format!("http://{address}/metrics"))
            .header("accept", accept)
            .call()
            .unwrap();
        let given = response
            .body_mut()
            .with_config()
            .limit(1 << 30)
            .read_to_string()
            .unwrap();
        let given = given.lines().filter(|line| !line.starts_with('#')).count();
        assert!(given > SERIES * IDENTITIES);
        let prometheus = Prometheus::scraping_every(&address, "30s");
        let scraped = eventually("a whole scrape", || {
            let scraped = prometheus.query("scrape_samples_scraped");
            scraped.first().map(|(_, samples)| *samples)
        });
        assert_eq!(prometheus.query("up")[0].1, 1.0);
        assert_eq!(scraped, given as f64);
        let sum = prometheus
            .query("sum(cognitosync_identity_storage_bytes) == scalar(cognitosync_pool_watched_storage_bytes)");
        assert_eq!(
            sum.len(),
            1,
            "the identities' storage is not what the pool's sum is"
        );
    }
}
