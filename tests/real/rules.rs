//! What the shipped rules cost on a real Prometheus, beside those that they replaced, and how large
//! a notification is when a quarter of the identities come near a limit.

use serde_json::json;

use crate::long::parameter;
use crate::python;
use crate::support::repository;

/// The largest notification, in bytes.
const LARGEST: f64 = 100e3;

/// The part of the former cost that the shipped rules may have: in samples read, which are the same
/// on any machine, and in processor time, which only the long run measures for long enough. Both
/// flatter the rules before: their regression over a day finds minutes of samples here.
const MOST: f64 = 0.1;

/// From so many identities on, processor time is held too: of fewer, what every rule costs and what
/// else the machine does weigh more.
const MANY: u64 = 50_000;

#[test]
#[ignore = "needs Prometheus and Alertmanager, which tests/run installs, and some minutes"]
fn rules_cost_a_part_of_what_they_did() {
    let identities = parameter("RULES_IDENTITIES", 5_000);
    let seconds = parameter("RULES_SECONDS", 20);
    let near = identities * 12 / 50;
    let path = |path: &str| repository().join(path).display().to_string();
    let figures = python(
        "rules.py",
        &[
            &path("dashboards/alerts"),
            &path("tests/fixtures/rules_before"),
            &identities.to_string(),
            &seconds.to_string(),
            &near.to_string(),
        ],
        "",
    );
    let cpu = |rules: &str| figures[rules]["cpu"].as_f64().unwrap();
    let cost = |rules: &str| cpu(rules) - cpu("none");
    let part = figures["shipped"]["part"].as_f64().unwrap();
    let (before, shipped) = (cost("before"), part * cost("shipped"));
    for rules in ["before", "shipped"] {
        println!("{rules}: {}", figures[rules]);
    }
    let samples = |rules: &str| figures[rules]["samples"].as_f64().unwrap();
    println!(
        "{identities} identities, samples a minute: rules before {:.0}, shipped {:.0}, a part of \
         {:.3}",
        samples("before"),
        samples("shipped"),
        samples("shipped") / samples("before"),
    );
    println!(
        "{identities} identities, CPU seconds a minute: rules before {before:.2}, shipped \
         {shipped:.2}, a part of {:.3}; scrapes {:.2}",
        shipped / before,
        cpu("none")
    );
    println!(
        "{} identities near a limit: the largest notification has {} bytes",
        figures["alerts"], figures["largest"]
    );
    assert_eq!(figures["shipped"]["bad"], json!([]));
    assert_eq!(figures["shipped"]["missed"], 0.0);
    assert!(figures["alerts"].as_f64().unwrap() >= near as f64);
    assert!(figures["largest"].as_f64().unwrap() < LARGEST);
    assert!(samples("shipped") > 0.0 && samples("shipped") < samples("before") * MOST);
    if identities >= MANY {
        assert!(shipped < before * MOST, "{shipped} of {before}");
    }
    let busiest = figures["shipped"]["busiest"].as_f64().unwrap();
    assert!(busiest < 0.1, "a group takes {busiest} of its interval");
}
