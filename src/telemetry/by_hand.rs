//! Families as the prometheus crate gathers them, made of values that no registry holds.

use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

use crate::exposition::families::{Family, Kind};

/// A counter or gauge without labels.
pub(super) fn single(family: &Family, value: f64) -> MetricFamily {
    match family.kind {
        Kind::Counter => counters(family, vec![counter(family, &[], value)]),
        _ => gauges(family, vec![gauge(family, &[], value)]),
    }
}

/// A family of gauges.
pub(super) fn gauges(family: &Family, metrics: Vec<Metric>) -> MetricFamily {
    of_type(MetricType::GAUGE, family, metrics)
}

/// A family of counters.
pub(super) fn counters(family: &Family, metrics: Vec<Metric>) -> MetricFamily {
    of_type(MetricType::COUNTER, family, metrics)
}

/// One gauge of a family, with the values of its labels.
pub(super) fn gauge(family: &Family, labels: &[&str], value: f64) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = with_labels(family, labels);
    metric.set_gauge(gauge);
    metric
}

/// One counter of a family, with the values of its labels.
pub(super) fn counter(family: &Family, labels: &[&str], value: f64) -> Metric {
    let mut counter = Counter::default();
    counter.set_value(value);
    let mut metric = with_labels(family, labels);
    metric.set_counter(counter);
    metric
}

fn with_labels(family: &Family, labels: &[&str]) -> Metric {
    debug_assert_eq!(labels.len(), family.labels.len(), "{}", family.name);
    let pair = |(name, value): (&&str, &&str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    Metric::from_label(family.labels.iter().zip(labels).map(pair).collect())
}

fn of_type(kind: MetricType, family: &Family, metrics: Vec<Metric>) -> MetricFamily {
    let mut made = MetricFamily::default();
    made.set_name(family.name.to_owned());
    made.set_help(family.help.to_owned());
    made.set_field_type(kind);
    made.set_metric(metrics);
    made
}
