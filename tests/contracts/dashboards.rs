//! Dashboards, rules, their tests and their runbooks name one another, and only metrics and labels
//! that there are. Their queries are parsed by the grammar of Prometheus 3; tests/real runs them on
//! the Prometheus of Debian.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::path::Path;

use cognitosync_exporter::exposition::families::{self, Family, Kind};
use promql_parser::parser::{self, Expr, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;

use super::read;

/// What Prometheus itself, the process and the rules' engine tell.
const FOREIGN: &[&str] = &[
    "up",
    "ALERTS",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
];
/// What the age tells as well.
const NOBODY_READS: &[&str] = &["cognitosync_identity_last_modified_timestamp_seconds"];
const SEVERITIES: &[&str] = &["critical", "warning", "info"];
const BOARDS: [&str; 4] = ["exporter", "fleet", "identity", "migration"];

/// Names of files in a directory, without their ending.
fn names(directory: &str, ending: &str) -> BTreeSet<String> {
    let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    files
        .filter_map(|file| file.strip_suffix(ending).map(str::to_owned))
        .collect()
}

/// All rules of a file.
pub(super) fn rules(file: &str) -> Vec<Value> {
    let rules: Value = serde_yaml::from_str(&read(file)).unwrap();
    let groups = rules["groups"].as_array().unwrap();
    groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap().clone())
        .collect()
}

fn alerts() -> Vec<Value> {
    rules("dashboards/alerts/alerts.yaml")
}

pub(super) fn text<'a>(rule: &'a Value, key: &str) -> &'a str {
    rule[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} is missing: {rule}"))
}

fn boards() -> BTreeMap<&'static str, Value> {
    BOARDS
        .into_iter()
        .map(|name| {
            (
                name,
                serde_json::from_str(&read(&format!("dashboards/grafana/{name}.json"))).unwrap(),
            )
        })
        .collect()
}

/// Every text below this key, anywhere.
fn below<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| below(value, key, found)),
        Value::Object(map) => {
            for (name, value) in map {
                match value.as_str() {
                    Some(text) if name == key => found.push(text),
                    _ => below(value, key, found),
                }
            }
        }
        _ => {}
    }
}

/// Every query, and where it stands.
fn queries() -> Vec<(String, String)> {
    let mut queries = Vec::new();
    for file in ["recording", "alerts"] {
        for rule in rules(&format!("dashboards/alerts/{file}.yaml")) {
            queries.push((format!("{file}.yaml"), text(&rule, "expr").to_owned()));
        }
    }
    for (name, board) in boards() {
        let mut found = Vec::new();
        below(&board, "expr", &mut found);
        assert!(found.len() > 10, "{name} has {} queries", found.len());
        below(&board["templating"], "query", &mut found);
        let variable = |query: &str| {
            let selector = query
                .strip_prefix("label_values(")
                .and_then(|rest| rest.rsplit_once(','));
            selector.map_or(query.to_owned(), |(selector, _)| selector.to_owned())
        };
        let found = found
            .into_iter()
            .filter(|query| *query != "prometheus")
            .map(variable);
        queries.extend(found.map(|query| {
            (
                format!("{name}.json"),
                query.replace("$__rate_interval", "5m"),
            )
        }));
    }
    for alert in names("dashboards/runbooks", ".md") {
        let page = read(&format!("dashboards/runbooks/{alert}.md"));
        let blocks = page
            .split("```promql\n")
            .skip(1)
            .map(|rest| rest.split("```").next().unwrap().to_owned());
        queries.extend(blocks.flat_map(|block| {
            block
                .lines()
                .map(|line| (alert.clone(), line.to_owned()))
                .collect::<Vec<_>>()
        }));
    }
    queries
}

#[derive(Default)]
struct Selectors(Vec<VectorSelector>);

impl ExprVisitor for Selectors {
    type Error = Infallible;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Infallible> {
        match expr {
            Expr::VectorSelector(selector) => self.0.push(selector.clone()),
            Expr::MatrixSelector(selector) => self.0.push(selector.vs.clone()),
            _ => {}
        }
        Ok(true)
    }
}

/// The labels that series of this name have, beside those that every target's have; `None` when
/// there is no such name.
fn labels_of(name: &str, recorded: &BTreeSet<String>) -> Option<Vec<&'static str>> {
    let named = |family: &&&Family| match family.kind {
        Kind::Gauge | Kind::Counter => family.name == name,
        Kind::Histogram | Kind::GaugeHistogram => {
            // Only buckets: sums and counts of what there is now are called differently in each
            // format.
            name.strip_suffix("_bucket") == Some(family.name)
                || family.kind == Kind::Histogram
                    && ["_sum", "_count"]
                        .iter()
                        .any(|end| name.strip_suffix(end) == Some(family.name))
        }
    };
    match families::ALL.iter().find(named) {
        Some(family) => Some(
            family
                .labels
                .iter()
                .copied()
                .chain(["le"].into_iter().filter(|_| name.ends_with("_bucket")))
                .collect(),
        ),
        None if FOREIGN.contains(&name) => Some(vec!["alertname", "alertstate"]),
        None => recorded
            .contains(name)
            .then(|| vec!["identity_pool_id", "above", "reason"]),
    }
}

#[test]
fn queries_name_what_there_is_in_prometheus_3s_grammar() {
    let recorded: BTreeSet<_> = rules("dashboards/alerts/recording.yaml")
        .iter()
        .map(|rule| text(rule, "record").to_owned())
        .collect();
    let queries = queries();
    let mut seen = BTreeSet::new();
    for (place, query) in &queries {
        let expr = parser::parse(query).unwrap_or_else(|error| panic!("{place}: {error}\n{query}"));
        let mut selectors = Selectors::default();
        walk_expr(&mut selectors, &expr).unwrap();
        for selector in selectors.0 {
            let name = selector
                .name
                .unwrap_or_else(|| panic!("{place}: a selector without a name\n{query}"));
            let labels = labels_of(&name, &recorded)
                .unwrap_or_else(|| panic!("{place}: there is no {name}\n{query}"));
            for matcher in selector.matchers.matchers {
                let known = ["job", "instance"].contains(&&*matcher.name)
                    || labels.contains(&&*matcher.name);
                assert!(
                    known,
                    "{place}: {name} has no label {}\n{query}",
                    matcher.name
                );
            }
            seen.insert(name);
        }
    }
    for record in recorded {
        assert!(seen.contains(&record), "nobody reads {record}");
    }
    for family in families::ALL {
        let read = seen.iter().any(|name| name.starts_with(family.name));
        assert!(
            read || NOBODY_READS.contains(&family.name),
            "no dashboard and no rule reads {}",
            family.name
        );
    }
}

#[test]
fn every_alert_is_explained_tested_and_complete() {
    let alerts = alerts();
    let named: BTreeSet<_> = alerts
        .iter()
        .map(|alert| text(alert, "alert").to_owned())
        .collect();
    assert_eq!(
        names("dashboards/alerts/tests", ".yaml"),
        named,
        "a test for each alert"
    );
    assert_eq!(
        names("dashboards/runbooks", ".md"),
        named,
        "a runbook for each alert"
    );
    let mut said = BTreeSet::new();
    for alert in &alerts {
        let name = text(alert, "alert");
        assert!(!text(alert, "for").is_empty());
        assert!(
            SEVERITIES.contains(&text(&alert["labels"], "severity")),
            "{name}"
        );
        let annotations = &alert["annotations"];
        assert!(
            text(annotations, "description").ends_with('.')
                && !text(annotations, "summary").ends_with('.'),
            "{name}"
        );
        assert_eq!(
            text(annotations, "runbook_url"),
            format!("dashboards/runbooks/{name}.md")
        );
        let severity = text(&alert["labels"], "severity").to_owned();
        assert!(
            said.insert((name.to_owned(), severity)),
            "{name} stands twice"
        );
    }
}

#[test]
fn the_readme_lists_every_alert() {
    let readme = read("README.md");
    let (_, rest) = readme.split_once("<!-- alerts -->\n").unwrap();
    let mut rows = rest
        .split_once("<!-- /alerts -->")
        .unwrap()
        .0
        .lines()
        .skip(2);
    let alerts = alerts();
    for same in alerts.chunk_by(|a, b| a["alert"] == b["alert"]) {
        let all = |words: Vec<&str>| words.join(", ");
        let severities = all(same
            .iter()
            .map(|alert| text(&alert["labels"], "severity"))
            .collect());
        let patience = all(same.iter().map(|alert| text(alert, "for")).collect());
        let name = text(&same[0], "alert");
        let row =
            format!("| [`{name}`](dashboards/runbooks/{name}.md) | {severities} | {patience} | ");
        assert!(
            rows.next().is_some_and(|found| found.starts_with(&row)),
            "README lacks: {row}"
        );
    }
    assert_eq!(rows.next(), None);
}

#[test]
fn every_test_has_a_case_that_rings_and_one_that_does_not() {
    for alert in alerts() {
        let name = text(&alert, "alert");
        let tests: Value =
            serde_yaml::from_str(&read(&format!("dashboards/alerts/tests/{name}.yaml"))).unwrap();
        let mut rings = BTreeSet::new();
        for case in tests["tests"].as_array().unwrap() {
            for expected in case["promql_expr_test"].as_array().unwrap() {
                assert_eq!(
                    text(expected, "expr"),
                    format!("ALERTS{{alertname=\"{name}\", alertstate=\"firing\"}}")
                );
                rings.insert(!expected["exp_samples"].as_array().unwrap().is_empty());
            }
        }
        assert_eq!(rings, [false, true].into(), "{name}");
        let severity = format!("severity=\"{}\"", text(&alert["labels"], "severity"));
        assert!(
            read(&format!("dashboards/alerts/tests/{name}.yaml")).contains(&severity),
            "{name}: {severity} never rings"
        );
    }
}

#[test]
fn runbooks_have_the_same_four_parts() {
    for alert in names("dashboards/runbooks", ".md") {
        let page = read(&format!("dashboards/runbooks/{alert}.md"));
        let parts: Vec<_> = page.lines().filter(|line| line.starts_with('#')).collect();
        assert_eq!(
            parts,
            [
                &format!("# {alert}"),
                "## Meaning",
                "## Impact",
                "## Diagnosis",
                "## Mitigation"
            ]
        );
        for (_, link) in page
            .split("](")
            .skip(1)
            .filter_map(|rest| Some(("", rest.split_once(')')?.0)))
        {
            assert!(
                names("dashboards/runbooks", "").contains(link),
                "{alert} links to {link}"
            );
        }
    }
}

#[test]
fn dashboards_ask_by_variables_and_explain_every_panel() {
    for (name, board) in boards() {
        assert_eq!(board["uid"], format!("cognitosync-{name}"));
        let variables: Vec<_> = board["templating"]["list"]
            .as_array()
            .unwrap()
            .iter()
            .map(|variable| text(variable, "name"))
            .collect();
        assert!(
            variables.starts_with(&["datasource", "job"]),
            "{name}: {variables:?}"
        );
        let mut titles = BTreeSet::new();
        for panel in board["panels"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|panel| panel["type"] != "row")
        {
            let title = text(panel, "title");
            assert!(titles.insert(title), "{name} has two panels called {title}");
            assert!(
                text(panel, "description").ends_with('.'),
                "{name}: {title} is not explained"
            );
            assert_eq!(
                panel["datasource"]["uid"], "${datasource}",
                "{name}: {title}"
            );
            for target in panel["targets"].as_array().unwrap() {
                let expr = text(target, "expr");
                assert!(
                    expr.contains("$job") || expr.contains("ALERTS{"),
                    "{name}: {title} asks for any job"
                );
                assert!(
                    !expr.contains("us-east-1") && !expr.contains("10520"),
                    "{name}: {title} has an id in it"
                );
            }
        }
    }
}
