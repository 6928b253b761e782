//! The text, compared with the prometheus crate's encoder.

use prometheus::core::Collector;
use prometheus::proto::{Gauge, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder, HistogramOpts, HistogramVec, TextEncoder};

use super::super::families::{self, Family, Kind};
use super::{IDENTITIES, NOW, POOLS, Polled, pretty_equal, store, written};
use crate::api::Usage;

/// The samples that a family should have for the store of these tests, computed in the plain way.
fn expected(family: &Family) -> Vec<(Vec<String>, f64)> {
    let shown = |ago: u64| ago <= 900;
    let of_identity = |value: &dyn Fn(&Polled, u64) -> Option<f64>| -> Vec<_> {
        let value = |(id, result, ago): &(&str, _, _)| {
            Some((
                vec![POOLS[0].0.to_owned(), (*id).to_owned()],
                value(result, *ago)?,
            ))
        };
        IDENTITIES.iter().filter_map(value).collect()
    };
    let of_usage = |value: &dyn Fn(&Usage) -> Option<f64>| {
        of_identity(&|result, ago| {
            result
                .and_then(Result::ok)
                .filter(|_| shown(ago))
                .as_ref()
                .and_then(value)
        })
    };
    let of_pools = |values: [Option<f64>; 2]| -> Vec<_> {
        POOLS
            .iter()
            .zip(values)
            .filter_map(|((id, _), value)| Some((vec![(*id).to_owned()], value?)))
            .collect()
    };
    match family.name.strip_prefix("cognitosync_").unwrap() {
        "identity_datasets" => of_usage(&|usage| usage.datasets.map(f64::from)),
        "identity_storage_bytes" => {
            of_usage(&|usage| usage.storage_bytes.map(|bytes| bytes as f64))
        }
        "identity_last_modified_timestamp_seconds" => of_usage(&|usage| usage.last_modified),
        "identity_last_modified_age_seconds" => {
            of_usage(&|usage| usage.last_modified.map(|at| (NOW - at).max(0.0)))
        }
        "identity_up" => {
            of_identity(&|result, _| result.map(|result| if result.is_ok() { 1.0 } else { 0.0 }))
        }
        "identity_last_success_timestamp_seconds" => {
            of_identity(&|result, ago| result.and_then(Result::ok).map(|_| NOW - ago as f64))
        }
        "identity_info" => {
            let mut infos = of_identity(&|_, _| Some(1.0));
            infos
                .iter_mut()
                .for_each(|(labels, _)| labels.push(format!("n{}", &labels[1][10..])));
            infos
        }
        "pool_info" => POOLS
            .iter()
            .map(|(id, name)| (vec![(*id).to_owned(), (*name).to_owned()], 1.0))
            .collect(),
        "pool_identities" => {
            let states = ["pending", "fresh", "failing", "stale", "missing"];
            let counts = [[1.0, 3.0, 1.0, 1.0, 1.0], [0.0; 5]];
            let labelled =
                |(id, _): &(&str, &str), state: &str| vec![(*id).to_owned(), state.to_owned()];
            let of_pool = |(pool, counts): (&_, [f64; 5])| -> Vec<_> {
                states
                    .iter()
                    .zip(counts)
                    .map(|(state, count)| (labelled(pool, state), count))
                    .collect()
            };
            POOLS.iter().zip(counts).flat_map(of_pool).collect()
        }
        "pool_identity_storage_limit_bytes" => of_pools([Some(20_971_520.0); 2]),
        "pool_identity_datasets_limit" => of_pools([Some(20.0); 2]),
        "pool_watched_storage_bytes" => of_pools([Some((20_971_520_u64 + (1 << 53)) as f64), None]),
        "pool_watched_datasets" => of_pools([Some(20.0), None]),
        "pool_identities_without_series" => of_pools([Some(0.0); 2]),
        "pool_storage_bytes" => of_pools([Some(7.0), None]),
        "pool_last_modified_timestamp_seconds" => of_pools([Some(1.5), None]),
        _ => Vec::new(),
    }
}

/// The text that a gauge histogram should have for the store of these tests, written by the
/// prometheus crate.
fn histograms(family: &Family, oracle: &mut Vec<u8>) {
    let (buckets, sizes): (&[f64], [&[f64]; 2]) = match family
        .name
        .strip_prefix("cognitosync_pool_identity_")
        .unwrap()
    {
        "storage_used_ratio" => (
            &[0.1, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 1.0],
            [
                &[
                    1.0,
                    ((1_u64 << 53) - 1) as f64 / f64::from(20 << 20),
                    1.0 / f64::from(20 << 20),
                ],
                &[],
            ],
        ),
        "datasets_used_ratio" => (
            &[0.1, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 1.0],
            [&[1.0, 0.0], &[]],
        ),
        "idle_seconds" => (
            &[
                3_600.0,
                86_400.0,
                604_800.0,
                2_592_000.0,
                7_776_000.0,
                15_552_000.0,
                31_536_000.0,
            ],
            [&[0.25, 0.0], &[]],
        ),
        other => panic!("{other} is not known here"),
    };
    for ((pool, _), sizes) in POOLS.iter().zip(sizes) {
        let opts = HistogramOpts::new(family.name, family.help).buckets(buckets.to_vec());
        let vec = HistogramVec::new(opts, family.labels).unwrap();
        let histogram = vec.with_label_values(&[pool]);
        sizes.iter().for_each(|size| histogram.observe(*size));
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&vec.collect(), &mut text)
            .unwrap();
        let text = String::from_utf8(text).unwrap();
        // The head is written once.
        let skipped = if *pool == POOLS[0].0 { 0 } else { 2 };
        text.lines()
            .skip(skipped)
            .for_each(|line| oracle.extend(format!("{line}\n").bytes()));
    }
}

#[test]
fn byte_for_byte_what_the_prometheus_crate_writes() {
    let mut oracle = Vec::new();
    for family in families::ALL
        .iter()
        .filter(|family| !family.name.starts_with("cognitosync_exporter_"))
    {
        if family.kind == Kind::GaugeHistogram {
            histograms(family, &mut oracle);
            continue;
        }
        assert_eq!(family.kind, Kind::Gauge);
        let metrics: Vec<_> = expected(family)
            .into_iter()
            .map(|(labels, value)| {
                let pairs = family.labels.iter().zip(labels).map(|(name, value)| {
                    let mut pair = LabelPair::default();
                    pair.set_name((*name).to_owned());
                    pair.set_value(value);
                    pair
                });
                let mut metric = Metric::from_label(pairs.collect());
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
                metric
            })
            .collect();
        if metrics.is_empty() {
            continue;
        }
        let mut oracle_family = MetricFamily::default();
        oracle_family.set_name(family.name.to_owned());
        oracle_family.set_help(family.help.to_owned());
        oracle_family.set_field_type(MetricType::GAUGE);
        oracle_family.set_metric(metrics);
        TextEncoder::new()
            .encode(&[oracle_family], &mut oracle)
            .unwrap();
    }
    pretty_equal(&written(store("each")), &String::from_utf8(oracle).unwrap());
}
