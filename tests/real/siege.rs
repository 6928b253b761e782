//! A real Prometheus goes on scraping while the exporter is besieged.

use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::pki::Pki;
use crate::prometheus::Prometheus;
use crate::python;
use crate::support::{Exporter, PASSWORD, command, eventually};

/// A request's head has 10 s and an answer 60 s; whoever is over that has to be gone 30 s later.
const LONGEST: u64 = 60 + 30;

#[test]
#[ignore = "needs Prometheus, which tests/run installs, and a minute and a half"]
fn every_scrape_succeeds_under_siege() {
    let pki = Pki::new();
    let hash = bcrypt::hash_with_salt(PASSWORD, 12, [7; 16]).unwrap();
    let file = pki.web_config(&format!("basic_auth_users: {{prometheus: \"{hash}\"}}\n"));
    let mut command = command();
    command
        .args(["demo", "--identities=5000", "--web.config.file"])
        .arg(file);
    let exporter = Exporter::run(command);
    let login = format!("basic_auth: {{username: prometheus, password: {PASSWORD}}}");
    let prometheus = Prometheus::scraping_with(&exporter.address, "5s", &login);
    eventually("a full scrape", || {
        (prometheus.value("sum(cognitosync_pool_identities)")? == 5_000.0).then_some(())
    });
    let before = prometheus.value("process_resident_memory_bytes").unwrap();

    let seconds = LONGEST.to_string();
    let siege = python(
        "siege.py",
        &[
            &exporter.address,
            &format!("prometheus:{PASSWORD}"),
            &seconds,
        ],
        "",
    );
    println!("{siege}");
    assert_eq!(siege["still_there"], json!({"drips": 0, "readers": 0}));
    assert!(
        siege["shortest_reader"].as_f64().unwrap() > 30.0,
        "the readers were there for the most of it"
    );
    assert!(
        siege["statuses"]["401"].as_u64().unwrap() >= 50,
        "wrong logins were checked, and went on being so"
    );
    assert_eq!(siege["statuses"]["200"], json!(null));

    thread::sleep(Duration::from_secs(5));
    let of = |query: &str| {
        prometheus
            .value(query)
            .unwrap_or_else(|| panic!("nothing for {query}"))
    };
    let scrapes = of("count_over_time(up[90s])");
    println!(
        "{scrapes} scrapes, {} of them good",
        of("sum_over_time(up[90s])")
    );
    assert!(scrapes >= 15.0);
    assert_eq!(of("min_over_time(up[90s])"), 1.0);
    let most = of("max_over_time(process_resident_memory_bytes[90s])");
    println!(
        "resident memory: {} MB before, {} MB at most",
        before / 1e6,
        most / 1e6
    );
    assert!(most - before < 100e6, "{before} {most}");
    assert!(of("cognitosync_exporter_web_connections") < 100.0);
    assert!(
        of("increase(cognitosync_exporter_poll_failures_total{reason=\"unreachable\"}[90s])")
            == 0.0
    );
}
