//! A real Prometheus goes on scraping while the exporter is besieged.

use serde_json::json;

use crate::long::parameter;
use crate::pki::Pki;
use crate::prometheus::Prometheus;
use crate::python;
use crate::support::{Exporter, PASSWORD, command, eventually};

/// An answer has 60 s and a request's head less; a client that is late has to be gone 30 s later.
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
    let rounds = parameter("SIEGE_ROUNDS", 1);
    for _ in 0..rounds {
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
        // All but those for which there is a place, and a few whose connections made way.
        let turned_away = siege["turned_away"].as_u64().unwrap();
        assert!((160..180).contains(&turned_away), "{turned_away}");
        assert!(
            siege["shortest_reader"].as_f64().unwrap() > 30.0,
            "the readers were there for the most of it"
        );
        assert!(
            siege["statuses"]["401"].as_u64().unwrap() >= 50,
            "wrong logins were checked, and went on being so"
        );
        assert_eq!(siege["statuses"]["200"], json!(null));
    }
    let window = format!("[{}s]", rounds * LONGEST);

    eventually("a scrape after the siege", || {
        (prometheus.value("cognitosync_exporter_web_connections")? < 100.0).then_some(())
    });
    let of = |query: &str| {
        prometheus
            .value(query)
            .unwrap_or_else(|| panic!("nothing for {query}"))
    };
    let over_time =
        |function: &str, metric: &str| of(&format!("{function}_over_time({metric}{window})"));
    let scrapes = over_time("count", "up");
    println!("{scrapes} scrapes, {} of them good", over_time("sum", "up"));
    assert!(scrapes >= 15.0 * rounds as f64);
    assert_eq!(over_time("min", "up"), 1.0);
    let most = over_time("max", "process_resident_memory_bytes");
    println!(
        "resident memory: {} MB before, {} MB at most",
        before / 1e6,
        most / 1e6
    );
    assert!(most - before < 100e6, "{before} {most}");
    assert!(
        of(&format!(
            "increase(cognitosync_exporter_poll_failures_total{{reason=\"unreachable\"}}{window})"
        )) == 0.0
    );
}
