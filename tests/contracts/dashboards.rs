//! Dashboards, rules, their tests and their runbooks name one another. What their queries name is
//! in `queries`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::read;

const SEVERITIES: &[&str] = &["critical", "warning", "info"];
const BOARDS: [&str; 4] = ["exporter", "fleet", "identity", "migration"];
/// Panels that may be red: of what needs a person. An app that is used is not.
const MAY_BE_RED: [&str; 19] = [
    "A dataset is full",
    "Alerts that fire",
    "Configuration",
    "Credentials",
    "Days to full",
    "Exporters",
    "Exporters down",
    "Fullest dataset",
    "Fullest datasets: 99 % stay below",
    "Identities by their fullest dataset",
    "Last poll",
    "Near a limit",
    "Parts of the limits",
    "Polls",
    "Pools without an exporter",
    "Records and datasets: 99 % stay below",
    "The fullest 20 datasets",
    "Web configuration",
    "Written to though drained",
];

/// Names of files in a directory, without their ending.
pub(super) fn names(directory: &str, ending: &str) -> BTreeSet<String> {
    let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    files
        .filter_map(|file| file.strip_suffix(ending).map(str::to_owned))
        .collect()
}

/// So many names people can keep in mind.
const MOST_ALERTS: usize = 20;
/// Where runbooks are, as each alert's link begins.
const RUNBOOKS: &str = "{{ with $externalLabels.cognitosync_runbooks }}{{ . }}\
     {{ else }}dashboards/runbooks{{ end }}";

/// All rules of a file.
pub(super) fn rules(file: &str) -> Vec<Value> {
    let rules: Value = serde_yaml::from_str(&read(file)).unwrap();
    let groups = rules["groups"].as_array().unwrap();
    groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap().clone())
        .collect()
}

pub(super) fn alerts() -> Vec<Value> {
    let mut rules = rules("dashboards/alerts/alerts.yaml");
    rules.retain(|rule| !rule["alert"].is_null());
    rules
}

/// Recording rules stand in both files: where their group's interval is that of alerts, with them.
pub(super) fn recordings() -> Vec<Value> {
    let files =
        ["recording", "alerts"].map(|file| rules(&format!("dashboards/alerts/{file}.yaml")));
    let mut rules = files.concat();
    rules.retain(|rule| !rule["record"].is_null());
    rules
}

pub(super) fn text<'a>(rule: &'a Value, key: &str) -> &'a str {
    rule[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} is missing: {rule}"))
}

pub(super) fn boards() -> BTreeMap<&'static str, Value> {
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
pub(super) fn below<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
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

/// The tests of each alert: `ALERT.yaml`, and `ALERT.WHAT.yaml` where some run at other intervals.
fn tests() -> BTreeMap<String, Vec<String>> {
    let mut tests: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for file in names("dashboards/alerts/tests", ".yaml") {
        let alert = file.split('.').next().unwrap().to_owned();
        let text = read(&format!("dashboards/alerts/tests/{file}.yaml"));
        tests.entry(alert).or_default().push(text);
    }
    tests
}

#[test]
fn every_alert_is_explained_tested_and_complete() {
    let alerts = alerts();
    let named: BTreeSet<_> = alerts
        .iter()
        .map(|alert| text(alert, "alert").to_owned())
        .collect();
    assert!(named.len() <= MOST_ALERTS, "{} names", named.len());
    assert_eq!(
        tests().into_keys().collect::<BTreeSet<_>>(),
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
            format!("{RUNBOOKS}/{name}.md")
        );
        let severity = text(&alert["labels"], "severity").to_owned();
        assert!(
            said.insert((name.to_owned(), severity)),
            "{name} stands twice"
        );
    }
}

#[test]
fn the_page_lists_every_alert() {
    let page = read("docs/alerts.md");
    let (_, rest) = page.split_once("<!-- alerts -->\n").unwrap();
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
        let row = format!(
            "| [`{name}`](../dashboards/runbooks/{name}.md) | {severities} | {patience} | "
        );
        assert!(
            rows.next().is_some_and(|found| found.starts_with(&row)),
            "docs/alerts.md lacks: {row}"
        );
    }
    assert_eq!(rows.next(), None);
}

#[test]
fn every_test_has_a_case_that_rings_and_one_that_does_not() {
    let tests = tests();
    for alert in alerts() {
        let name = text(&alert, "alert");
        let mut rings = BTreeSet::new();
        for file in &tests[name] {
            let file: Value = serde_yaml::from_str(file).unwrap();
            for case in file["tests"].as_array().unwrap() {
                for expected in case["promql_expr_test"].as_array().unwrap() {
                    let firing = format!("ALERTS{{alertname=\"{name}\", alertstate=\"firing\"}}");
                    assert!(text(expected, "expr").contains(&firing), "{name}");
                    rings.insert(!expected["exp_samples"].as_array().unwrap().is_empty());
                }
            }
        }
        assert_eq!(rings, [false, true].into(), "{name}");
        let severity = format!("severity=\"{}\"", text(&alert["labels"], "severity"));
        assert!(
            tests[name].iter().any(|file| file.contains(&severity)),
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

/// All panels of a dashboard, those in closed rows too.
fn panels(board: &Value) -> impl Iterator<Item = &Value> {
    let panels = board["panels"].as_array().unwrap().iter();
    panels.flat_map(|panel| {
        let inside = panel["panels"].as_array().into_iter().flatten();
        inside.chain((panel["type"] != "row").then_some(panel))
    })
}

#[test]
fn dashboards_ask_by_variables_and_explain_every_panel() {
    for (name, board) in boards() {
        assert_eq!(board["uid"], format!("cognitosync-{name}"));
        assert_eq!(board["editable"], false);
        assert_eq!(
            board["annotations"]["list"].as_array().unwrap().len(),
            3,
            "restarts, reloads, alerts"
        );
        let variables = board["templating"]["list"].as_array().unwrap();
        let named: Vec<_> = variables.iter().map(|one| text(one, "name")).collect();
        assert!(
            named.starts_with(&["datasource", "cluster", "job", "instance"]),
            "{name}: {named:?}"
        );
        for variable in variables.iter().filter(|one| one["type"] == "query") {
            // Targets need not have a cluster.
            let optional = text(variable, "name") == "cluster";
            let all = if optional { ".*" } else { ".+" };
            assert_eq!(variable["allValue"], all, "{name}: {variable}");
            let query = text(variable, "query");
            assert!(
                !query.contains("cognitosync_identity"),
                "{name}: a list of all identities"
            );
        }
        let mut titles = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for panel in panels(&board) {
            let title = text(panel, "title");
            assert!(titles.insert(title), "{name} has two panels called {title}");
            assert!(
                ids.insert(panel["id"].as_u64().unwrap()),
                "{name}: {title}: its id"
            );
            assert!(
                text(panel, "description").ends_with('.'),
                "{name}: {title} is not explained"
            );
            assert!(
                !text(&panel["fieldConfig"]["defaults"], "noValue").is_empty(),
                "{name}: {title} does not say that nothing is known"
            );
            let red = panel["fieldConfig"].to_string().contains("\"red\"");
            assert!(
                !red || MAY_BE_RED.contains(&title),
                "{name}: {title} is red"
            );
            assert_eq!(
                panel["datasource"]["uid"], "${datasource}",
                "{name}: {title}"
            );
            for target in panel["targets"].as_array().unwrap() {
                let expr = text(target, "expr");
                let matchers = |variable: &str| expr.matches(&format!("=~\"${variable}")).count();
                assert!(matchers("job") > 0, "{name}: {title} asks for any job");
                assert_eq!(matchers("job"), matchers("cluster"), "{name}: {title}");
                assert!(
                    !expr.contains("us-east-1") && !expr.contains("10520"),
                    "{name}: {title} has an id in it"
                );
                assert!(
                    !expr.contains("vector(0)"),
                    "{name}: {title} says 0 of what is not known"
                );
            }
        }
        // A number that is shown over time leads to a chart of its dashboard.
        let views = board.to_string();
        for view in views.split("viewPanel=").skip(1) {
            let view = view.split('&').next().unwrap().parse().unwrap();
            assert!(ids.contains(&view), "{name}: no panel {view}");
        }
    }
}
