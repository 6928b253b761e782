//! The text, against the prometheus crate's encoder and against a golden file.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::proto::{Gauge, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder, HistogramOpts, HistogramVec, TextEncoder};

use super::families::{self, Family, Kind};
use super::{Blocks, Coding, Exposition, Format};
use crate::api::{Failure, PoolUsage, Usage};
use crate::clock::{Moment, Mono};
use crate::config;
use crate::job::PoolIndex;
use crate::observation::Observation;
use crate::reload;
use crate::store::Store;
use crate::targets::Carry;

const POOLS: [(&str, &str); 2] = [
    ("us-east-1:0a", "pro\"duct\\ion\n\u{fc}"),
    ("eu-west-1:0b", ""),
];
const NOW: f64 = 1_763_865_600.5;

/// What the last poll brought, if there was one.
type Polled = Option<Result<Usage, Failure>>;

/// The first pool's identities: in every state, with everything, nothing, and all that is odd.
const IDENTITIES: [(&str, Polled, u64); 7] = [
    ("us-east-1:00", None, 0),
    (
        "us-east-1:01",
        Some(Ok(Usage {
            datasets: Some(20),
            storage_bytes: Some(20 << 20),
            last_modified: Some(NOW - 0.25),
        })),
        5,
    ),
    (
        "us-east-1:02",
        Some(Ok(Usage {
            datasets: Some(0),
            storage_bytes: Some((1 << 53) - 1),
            last_modified: Some(NOW + 60.0),
        })),
        5,
    ),
    (
        "us-east-1:03",
        Some(Ok(Usage {
            datasets: None,
            storage_bytes: Some(1),
            last_modified: None,
        })),
        5,
    ),
    ("us-east-1:04", Some(Err(Failure::Timeout)), 5),
    ("us-east-1:05", Some(Err(Failure::NotFound)), 5),
    (
        "us-east-1:06",
        Some(Ok(Usage {
            datasets: Some(1),
            storage_bytes: Some(1),
            last_modified: Some(0.0),
        })),
        5_000,
    ),
];

fn store(series: &str) -> Store {
    let mut text = "pools:\n".to_owned();
    for (id, name) in POOLS {
        text += &format!("- {{id: '{id}', series: {series}");
        text += &if name.is_empty() {
            String::new()
        } else {
            ", name: \"pro\\\"duct\\\\ion\\n\u{fc}\"".to_owned()
        };
        text += ", identities: [";
        if id == POOLS[0].0 {
            IDENTITIES
                .iter()
                .for_each(|(id, ..)| text += &format!("{{id: '{id}', name: 'n{}'}},", &id[10..]));
        }
        text += "]}\n";
    }
    let store = parsed(&text);
    for (identity, (_, result, seconds)) in IDENTITIES.into_iter().enumerate() {
        if let Some(result) = result {
            store.record(&Observation::of_identity(
                PoolIndex(0),
                identity,
                ago(seconds),
                result,
            ));
        }
    }
    let usage = PoolUsage {
        storage_bytes: Some(7),
        sync_sessions: None,
        last_modified: Some(1.5),
    };
    store.record(&Observation::of_pool(PoolIndex(0), ago(5), Ok(usage)));
    store
}

fn parsed(configuration: &str) -> Store {
    let loaded =
        reload::assemble(|findings| config::parse(Path::new("test"), configuration, findings));
    Store::new(loaded.unwrap().targets)
}

/// So many seconds before [`now`].
fn ago(seconds: u64) -> Moment {
    let mono = now().mono.before(Duration::from_secs(seconds));
    Moment {
        mono,
        unix: NOW - seconds as f64,
    }
}

fn now() -> Moment {
    Moment {
        mono: Mono::START + Duration::from_secs(10_000),
        unix: NOW,
    }
}

fn written(store: Store) -> String {
    written_at(&Exposition::new(Arc::new(store)), now())
}

fn written_at(exposition: &Exposition, now: Moment) -> String {
    let blocks = Blocks::new(
        exposition.scrape(now, Format::Text, Vec::new()),
        Coding::Identity,
    );
    String::from_utf8(blocks.flatten().collect()).unwrap()
}

/// What should be exported of the store above, reckoned the plain way.
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

/// What should be exported of the pools' spreads, by the crate's own histograms.
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
        // One head is enough.
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

/// `GOLDEN=new cargo test` writes the files anew; the difference is then yours to explain.
#[test]
fn both_formats_are_golden() {
    let exposition = Exposition::new(Arc::new(store("each")));
    for (format, name) in [
        (Format::Text, "metrics.txt"),
        (Format::OpenMetrics, "metrics.openmetrics.txt"),
    ] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/golden")
            .join(name);
        let blocks = Blocks::new(
            exposition.scrape(now(), format, Vec::new()),
            Coding::Identity,
        );
        let text = String::from_utf8(blocks.flatten().collect()).unwrap();
        if std::env::var_os("GOLDEN").is_some() {
            fs::write(&file, &text).unwrap();
        }
        pretty_equal(&text, &fs::read_to_string(file).unwrap());
    }
}

/// A scrape is of one moment, however long its reader takes, whatever is polled meanwhile, and in
/// every coding.
#[test]
fn what_is_polled_meanwhile_is_for_the_next_scrape() {
    const MANY: usize = 3_000;
    let ids: String = (0..MANY)
        .map(|number| format!("'us-east-1:{number:x}',"))
        .collect();
    let text = format!("pools: [{{id: 'us-east-1:0', identities: [{ids}]}}]");
    let store = Arc::new(parsed(&text));
    let usage = Usage {
        datasets: Some(1),
        storage_bytes: Some(1),
        last_modified: Some(1.0),
    };
    let poll_all = |of: &dyn Fn(usize) -> Result<Usage, Failure>| {
        for identity in 0..MANY {
            store.record(&Observation::of_identity(
                PoolIndex(0),
                identity,
                ago(1),
                of(identity),
            ));
        }
    };
    poll_all(&|identity| {
        if identity % 2 == 0 {
            Ok(usage)
        } else {
            Err(Failure::Timeout)
        }
    });
    let exposition = Exposition::new(Arc::clone(&store));
    for coding in [Coding::Identity, Coding::Gzip, Coding::Zstd] {
        let scrape = exposition.scrape(now(), Format::Text, Vec::new());
        let expected: Vec<u8> = Blocks::new(scrape.clone(), coding).flatten().collect();
        assert_eq!(Blocks::total(&scrape, coding), expected.len() as u64);
        let mut blocks = Blocks::new(scrape, coding);
        let mut body = blocks.next().unwrap();
        assert!(body.len() < expected.len(), "{coding:?} is made in one go");
        poll_all(&|identity| {
            if identity % 3 == 0 {
                Err(Failure::NotFound)
            } else {
                Ok(Usage {
                    datasets: Some(9),
                    ..usage
                })
            }
        });
        body.extend(blocks.flatten());
        assert!(body == expected, "{coding:?}");
    }
}

/// A pool's nearest keep their series through a reload that moves them.
#[test]
fn the_lead_of_those_with_series_outlives_a_reload() {
    let of =
        |ids: &str| format!("pools: [{{id: 'r:0', series: top, top: 1, identities: [{ids}]}}]");
    let store = Arc::new(parsed(&of("'r:1', 'r:2'")));
    let exposition = Exposition::new(Arc::clone(&store));
    let poll = |identity, storage_bytes| {
        let usage = Usage {
            datasets: None,
            storage_bytes: Some(storage_bytes),
            last_modified: None,
        };
        store.record(&Observation::of_identity(
            PoolIndex(0),
            identity,
            ago(1),
            Ok(usage),
        ));
    };
    let shown = || {
        written_at(&exposition, now()).lines().find_map(|line| {
            Some(
                line.strip_prefix(
                    "cognitosync_identity_up{identity_pool_id=\"r:0\",identity_id=\"",
                )?
                .get(..3)?
                .to_owned(),
            )
        })
    };
    poll(0, 100_000);
    poll(1, 200_000);
    assert_eq!(shown().unwrap(), "r:2");
    poll(0, 300_000);
    assert_eq!(shown().unwrap(), "r:2", "not enough to take its place");
    let (old, new) = (
        Arc::clone(&store.snapshot().targets),
        Arc::clone(&parsed(&of("'r:0', 'r:1', 'r:2'")).snapshot().targets),
    );
    store.apply_targets(&new, &Carry::between(&old, &new));
    assert_eq!(shown().unwrap(), "r:2", "nor by a reload");
    poll(1, 1_000_000);
    assert_eq!(shown().unwrap(), "r:1");
}

#[test]
fn very_many_samples_are_warned_of() {
    let of = |ids: usize, series: &str| {
        let ids: String = (0..ids).map(|number| format!("'r:{number:x}',")).collect();
        let store = parsed(&format!(
            "pools: [{{id: 'r:0', series: {series}, identities: [{ids}]}}]"
        ));
        super::too_many_samples(&store.snapshot().targets)
    };
    assert_eq!(of(166_666, "each"), None);
    assert!(
        of(166_667, "each")
            .unwrap()
            .starts_with("make 1000002 samples in each scrape")
    );
    assert_eq!(of(166_667, "none"), None);
    assert_eq!(of(166_667, "top, top: 10"), None);
}

/// The wall clock jumps, an hour or a year either way: states and usage stay, only ages follow, and
/// none is negative.
#[test]
fn a_step_of_the_wall_clock_makes_no_lie() {
    let exposition = Exposition::new(Arc::new(store("each")));
    let without_ages = |text: &str| -> Vec<String> {
        let is_age =
            |line: &&str| line.contains("_age_seconds{") || line.contains("_idle_seconds_");
        text.lines()
            .filter(|line| !is_age(line))
            .map(str::to_owned)
            .collect()
    };
    let unmoved = without_ages(&written_at(&exposition, now()));
    for step in [-31_536_000.0, -3_600.0, 3_600.0, 31_536_000.0] {
        let text = written_at(
            &exposition,
            Moment {
                unix: NOW + step,
                ..now()
            },
        );
        assert_eq!(without_ages(&text), unmoved);
        let ages = text.lines().filter(|line| line.contains("_age_seconds{"));
        let ages: Vec<f64> = ages
            .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(ages.len(), 2);
        assert!(ages.iter().all(|age| *age >= 0.0), "{ages:?}");
    }
}

#[test]
fn without_identity_series_the_pools_remain() {
    let text = written(store("none"));
    assert!(!text.contains("\ncognitosync_identity_"));
    let left_out =
        "cognitosync_pool_identities_without_series{identity_pool_id=\"us-east-1:0a\"} 7\n";
    assert!(text.contains(left_out), "{text}");
    assert!(
        text.contains("cognitosync_pool_watched_datasets{identity_pool_id=\"us-east-1:0a\"} 20\n")
    );
}

#[test]
fn the_nearest_to_a_limit_come_first() {
    let text = written(store("top, top: 2"));
    let storage: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("cognitosync_identity_storage_bytes{"))
        .collect();
    assert_eq!(storage.len(), 2, "{text}");
    assert!(
        storage[0].contains("us-east-1:01") && storage[1].contains("us-east-1:02"),
        "{storage:?}"
    );
}

/// Lines one by one, so that a difference can be read.
fn pretty_equal(text: &str, expected: &str) {
    for (line, expected) in text.lines().zip(expected.lines()) {
        assert_eq!(line, expected);
    }
    assert_eq!(text.len(), expected.len());
}
