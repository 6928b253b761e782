//! `dashboards/alerts/inputs.txt` says which series of identities each alert reads and needs, as
//! the rules have it.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use cognitosync_exporter::config::IdentityMetric;
use cognitosync_exporter::exposition::families::{self, Family};
use promql_parser::parser::token::{T_LOR, T_LUNLESS};
use promql_parser::parser::{self, Expr, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;

use super::dashboards::{alerts, recordings, text};

const FILE: &str = "dashboards/alerts/inputs.txt";
const HEAD: &str = "\
# Which series of identities each alert reads and needs. Made by GOLDEN=new cargo test --test contracts
";

fn families_of(metric: IdentityMetric) -> &'static [&'static Family] {
    match metric {
        IdentityMetric::Datasets => &[&families::IDENTITY_DATASETS],
        IdentityMetric::Storage => &[&families::IDENTITY_STORAGE],
        IdentityMetric::LastModified => &[&families::IDENTITY_LAST_MODIFIED],
        IdentityMetric::Age => &[&families::IDENTITY_AGE],
        IdentityMetric::Up => &[&families::IDENTITY_UP],
        IdentityMetric::LastSuccess => &[&families::IDENTITY_LAST_SUCCESS],
        IdentityMetric::LargestDataset => &[
            &families::IDENTITY_LARGEST_STORAGE,
            &families::IDENTITY_LARGEST_RECORDS,
        ],
    }
}

/// What can be left out, by its name in the file, that a series of this name belongs to.
fn input(series: &str) -> Option<&'static str> {
    let metrics = IdentityMetric::ALL.into_iter();
    let mut metrics = metrics.filter(|metric| {
        families_of(*metric)
            .iter()
            .any(|family| family.name == series)
    });
    metrics.next().map(IdentityMetric::as_str)
}

/// The recording rules, by what they record.
struct Rules(BTreeMap<String, Vec<(Expr, Value)>>);

impl Rules {
    fn read() -> Self {
        let mut recorded: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for rule in recordings() {
            let expr = parser::parse(text(&rule, "expr")).unwrap();
            let of_name = recorded
                .entry(text(&rule, "record").to_owned())
                .or_default();
            of_name.push((expr, rule["labels"].clone()));
        }
        Self(recorded)
    }

    /// The rules that record what a selector selects, as far as their own labels tell.
    fn behind<'a>(
        &'a self,
        selector: &'a VectorSelector,
    ) -> Option<impl Iterator<Item = &'a Expr>> {
        let rules = self.0.get(selector.name.as_ref()?)?;
        let is_selected = |labels: &Value| {
            let mut matchers = selector.matchers.matchers.iter();
            matchers.all(|matcher| {
                let value = labels[&matcher.name].as_str();
                value.is_none_or(|value| matcher.is_match(value))
            })
        };
        let selected = rules.iter().filter(move |(_, labels)| is_selected(labels));
        Some(selected.map(|(expr, _)| expr))
    }

    /// Whether a query can have a result while only these inputs are there.
    fn can_answer(&self, expr: &Expr, inputs: &BTreeSet<&str>) -> bool {
        let can = |expr: &Expr| self.can_answer(expr, inputs);
        match expr {
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) => true,
            Expr::VectorSelector(selector) => self.is_there(selector, inputs),
            Expr::MatrixSelector(selector) => self.is_there(&selector.vs, inputs),
            Expr::Aggregate(aggregate) => can(&aggregate.expr),
            Expr::Unary(unary) => can(&unary.expr),
            Expr::Paren(paren) => can(&paren.expr),
            Expr::Subquery(subquery) => can(&subquery.expr),
            Expr::Binary(binary) => match binary.op.id() {
                T_LOR => can(&binary.lhs) || can(&binary.rhs),
                T_LUNLESS => can(&binary.lhs),
                // `and`, arithmetic and comparisons.
                _ => can(&binary.lhs) && can(&binary.rhs),
            },
            Expr::Call(call) => match call.func.name {
                "absent" | "absent_over_time" | "scalar" | "vector" => true,
                _ => call.args.args.iter().all(|argument| can(argument)),
            },
            Expr::Extension(_) => unreachable!("Prometheus has none"),
        }
    }

    fn is_there(&self, selector: &VectorSelector, inputs: &BTreeSet<&str>) -> bool {
        match self.behind(selector) {
            Some(mut rules) => rules.any(|rule| self.can_answer(rule, inputs)),
            None => {
                let name = selector.name.as_deref().unwrap_or_default();
                input(name).is_none_or(|input| inputs.contains(input))
            }
        }
    }

    /// What a query reads, through recording rules too.
    fn read_by(&self, expr: &Expr) -> BTreeSet<&'static str> {
        let mut reading = Reading {
            rules: self,
            inputs: BTreeSet::new(),
        };
        walk_expr(&mut reading, expr).unwrap();
        reading.inputs
    }
}

/// Collects what a query reads.
struct Reading<'a> {
    rules: &'a Rules,
    inputs: BTreeSet<&'static str>,
}

impl ExprVisitor for Reading<'_> {
    type Error = Infallible;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Infallible> {
        let selector = match expr {
            Expr::VectorSelector(selector) => selector,
            Expr::MatrixSelector(selector) => &selector.vs,
            _ => return Ok(true),
        };
        match self.rules.behind(selector) {
            Some(rules) => rules.for_each(|rule| self.inputs.extend(self.rules.read_by(rule))),
            None => self.inputs.extend(selector.name.as_deref().and_then(input)),
        }
        Ok(true)
    }
}

/// The smallest sets of inputs with any of which an alert can fire.
fn needs(
    rules: &Rules,
    exprs: &[Expr],
    read: &BTreeSet<&'static str>,
) -> Vec<BTreeSet<&'static str>> {
    let all: Vec<_> = read.iter().copied().collect();
    let mut sets: Vec<BTreeSet<_>> = (0..1_u32 << all.len())
        .map(|bits| {
            let names = all.iter().enumerate();
            let names = names.filter(|(bit, _)| bits & 1 << bit != 0);
            names.map(|(_, name)| *name).collect()
        })
        .collect();
    sets.sort_by_key(BTreeSet::len);
    let mut smallest: Vec<BTreeSet<_>> = Vec::new();
    for set in sets {
        let is_enough = exprs.iter().any(|expr| rules.can_answer(expr, &set));
        if is_enough && !smallest.iter().any(|smaller| smaller.is_subset(&set)) {
            smallest.push(set);
        }
    }
    smallest
}

fn joined(names: &BTreeSet<&str>) -> String {
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.iter().copied().collect::<Vec<_>>().join(" ")
    }
}

/// The file as the rules have it.
fn inputs() -> String {
    let alerts = alerts();
    let rules = Rules::read();
    let mut by_name: BTreeMap<String, Vec<Expr>> = BTreeMap::new();
    for alert in alerts {
        let expr = parser::parse(text(&alert, "expr")).unwrap();
        by_name
            .entry(text(&alert, "alert").to_owned())
            .or_default()
            .push(expr);
    }
    let mut lines = HEAD.to_owned();
    for (alert, exprs) in &by_name {
        let read: BTreeSet<_> = exprs.iter().flat_map(|expr| rules.read_by(expr)).collect();
        if read.is_empty() {
            continue;
        }
        let needs = needs(&rules, exprs, &read);
        assert!(!needs.is_empty(), "{alert} can never fire");
        let needs: Vec<_> = needs.iter().map(joined).collect();
        lines += &format!(
            "{alert} reads {}; needs {}\n",
            joined(&read),
            needs.join(", ")
        );
    }
    lines
}

#[test]
fn the_inputs_of_alerts_are_those_of_the_rules() {
    let expected = inputs();
    if std::env::var_os("GOLDEN").is_some() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
        std::fs::write(path, &expected).unwrap();
    }
    assert_eq!(super::read(FILE), expected, "it should be:\n{expected}");
}

#[test]
fn every_family_of_identities_is_a_metric_that_can_be_left_out() {
    let of_identities = families::ALL.iter().filter(|family| {
        family.name.starts_with("cognitosync_identity_") && **family != &families::IDENTITY_INFO
    });
    for family in of_identities {
        assert!(input(family.name).is_some(), "{}", family.name);
    }
}

#[test]
fn what_a_query_needs() {
    let rules = Rules(BTreeMap::new());
    let [storage, datasets, age] = ["storage_bytes", "datasets", "last_modified_age_seconds"]
        .map(|name| format!("cognitosync_identity_{name}"));
    let of_pool = families::POOL_WITHOUT_SERIES.name;
    for (query, expected) in [
        (format!("{storage} / {datasets} > 1"), "datasets storage"),
        (format!("{storage} or {datasets}"), "datasets, storage"),
        (format!("{storage} unless {age} > 3"), "storage"),
        (
            format!("sum by (x) (rate({storage}[5m])) and {age}"),
            "age storage",
        ),
        (format!("up and {of_pool} > 0 or {storage}"), "nothing"),
        (format!("absent({storage})"), "nothing"),
        (format!("max_over_time({storage}[1h:1m])"), "storage"),
    ] {
        let expr = parser::parse(&query).unwrap();
        let read = rules.read_by(&expr);
        let needs = needs(&rules, &[expr], &read);
        let needs: Vec<_> = needs.iter().map(joined).collect();
        assert_eq!(needs.join(", "), expected, "{query}");
    }
}
