//! Queries of dashboards, rules, alerts' texts and runbooks name only metrics and labels that there
//! are. They are parsed by the grammar of Prometheus 3; tests/real runs them on the Prometheus of
//! Debian.

use std::collections::BTreeSet;
use std::convert::Infallible;

use cognitosync_exporter::exposition::families::{self, Family, Kind};
use promql_parser::parser::{self, Expr, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};

use super::dashboards::{below, boards, names, rules, text};
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
    "process_start_time_seconds",
];
/// What the age says as well.
const NOBODY_READS: &[&str] = &["cognitosync_identity_last_modified_timestamp_seconds"];
/// The queries in an alert's text, `query (printf "QUERY" LABEL...)`.
fn of_text(text: &str) -> Vec<String> {
    let queries = text.split("query (printf \"").skip(1);
    let query = |rest: &str| rest.split("\" $").next().unwrap().replace("%q", "\"x\"");
    queries.map(query).collect()
}

/// Every query, and where it stands.
fn queries() -> Vec<(String, String)> {
    let mut queries = Vec::new();
    for file in ["recording", "alerts", "own.example"] {
        for rule in rules(&format!("dashboards/alerts/{file}.yaml")) {
            queries.push((format!("{file}.yaml"), text(&rule, "expr").to_owned()));
            let mut texts = Vec::new();
            below(&rule["annotations"], "description", &mut texts);
            let in_texts = texts.into_iter().flat_map(of_text);
            queries.extend(in_texts.map(|query| (format!("{file}.yaml"), query)));
        }
    }
    for (name, board) in boards() {
        let mut found = Vec::new();
        below(&board, "expr", &mut found);
        assert!(found.len() > 10, "{name} has {} queries", found.len());
        let variables = board["templating"]["list"].as_array().unwrap().iter();
        for variable in variables.filter(|variable| variable["type"] == "query") {
            below(variable, "query", &mut found);
        }
        let variable = |query: &str| {
            let selector = query
                .strip_prefix("label_values(")
                .and_then(|rest| rest.rsplit_once(','));
            selector.map_or(query.to_owned(), |(selector, _)| selector.to_owned())
        };
        let found = found.into_iter().map(variable);
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
        None if FOREIGN.contains(&name) => Some(vec![
            "alertname",
            "alertstate",
            "severity",
            "limit",
            "identity_pool_id",
        ]),
        None => recorded
            .contains(name)
            .then(|| vec!["identity_pool_id", "identity_id", "limit", "pool_name"]),
    }
}

#[test]
fn queries_name_what_there_is_in_prometheus_3s_grammar() {
    let rules =
        ["recording", "alerts"].map(|file| rules(&format!("dashboards/alerts/{file}.yaml")));
    let recorded: BTreeSet<_> = rules
        .iter()
        .flatten()
        .filter(|rule| !rule["record"].is_null())
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
                let known = ["cluster", "job", "instance"].contains(&&*matcher.name)
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
