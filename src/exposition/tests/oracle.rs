//! The text, compared with the prometheus crate's encoder.

use prometheus::core::Collector;
use prometheus::proto::{Gauge, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder, HistogramOpts, HistogramVec, TextEncoder};

use super::super::families::{self, Family, Kind};
use super::Poll::{self, Described, Failed, Listed};
use super::{IDENTITIES, NOW, POOLS, pretty_equal, store, written};
use crate::api::{Failure, Usage};

const DATASET_STORAGE: f64 = 1_048_576.0;
const DATASET_RECORDS: f64 = 1_024.0;
const DATASETS: f64 = 20.0;

/// Bytes and records of a dataset.
type Counts = (Option<u64>, Option<u64>);

/// What some polls tell of an identity, found in the plain way.
#[derive(Default)]
struct Known {
    usage: Option<Usage>,
    /// The last list, and whether no description has shown a change since.
    list: Option<(&'static [Counts], bool)>,
    failure: Option<Failure>,
}

impl Known {
    fn by(polls: &[Poll]) -> Self {
        let mut known = Self::default();
        for poll in polls {
            known.failure = None;
            let counts = known
                .usage
                .map(|usage| (usage.datasets, usage.storage_bytes));
            match *poll {
                Listed([]) => {}
                Listed(list) => {
                    known.usage = Some(Usage {
                        datasets: Some(list.len() as u32),
                        storage_bytes: list.iter().map(|(bytes, _)| *bytes).sum(),
                        last_modified: None,
                    });
                    known.list = Some((list, true));
                }
                Described(usage) => {
                    if let Some((_, exact)) = &mut known.list {
                        *exact &= counts == Some((usage.datasets, usage.storage_bytes));
                    }
                    known.usage = Some(usage);
                }
                Failed(failure) => known.failure = Some(failure),
            }
        }
        known
    }

    fn of_usage(&self, value: fn(&Usage) -> Option<f64>) -> Option<f64> {
        self.usage.as_ref().and_then(value)
    }

    /// The most of its datasets, by an exact list.
    fn exact(&self, number: fn(&Counts) -> Option<u64>) -> Option<f64> {
        let (list, true) = self.list? else {
            return None;
        };
        let numbers: Option<Vec<_>> = list.iter().map(number).collect();
        numbers?.into_iter().max().map(|most| most as f64)
    }

    fn exact_storage(&self) -> Option<f64> {
        self.exact(|(bytes, _)| *bytes)
    }

    fn exact_records(&self) -> Option<f64> {
        self.exact(|(_, records)| *records)
    }

    /// The least and the most that is used of each limit, as fractions of it.
    fn used(&self) -> [Option<(f64, f64)>; 3] {
        let datasets = self.of_usage(|usage| usage.datasets.map(f64::from));
        let storage = self.of_usage(|usage| usage.storage_bytes.map(|bytes| bytes as f64));
        let counted = || match (datasets?, storage?) {
            (0.0, 0.0) => Some((0.0, 0.0)),
            (0.0, _) => None,
            (1.0, storage) => Some((storage, storage)),
            (datasets, storage) => Some((
                (storage / datasets).ceil(),
                storage.min(DATASET_STORAGE.max(storage / datasets)),
            )),
        };
        let exactly = |number: f64| (number, number);
        // By the bytes a record, in the dataset with most records.
        let outdated = || match self.list?.0 {
            [(_, Some(700)), ..] => Some((0.0, 700.0 + ((storage? - 600_010.0) / 857.0).ceil())),
            _ => None,
        };
        let of = |(least, most), limit| (least / limit, most / limit);
        [
            self.exact_storage()
                .map(exactly)
                .or_else(counted)
                .map(|used| of(used, DATASET_STORAGE)),
            self.exact_records()
                .map(exactly)
                .or_else(outdated)
                .map(|used| of(used, DATASET_RECORDS)),
            datasets.map(exactly).map(|used| of(used, DATASETS)),
        ]
    }
}

/// Of the first pool's identities with current usage, and how many seconds ago AWS answered.
fn watched_and_ages() -> impl Iterator<Item = (Known, u64)> {
    let shown = IDENTITIES.iter().filter(|(.., ago)| *ago <= 900);
    let known = shown.map(|(_, polls, ago)| (Known::by(polls), *ago));
    let exists = |known: &Known| known.failure != Some(Failure::NotFound);
    known.filter(move |(known, _)| known.usage.is_some() && exists(known))
}

fn watched() -> Vec<Known> {
    watched_and_ages().map(|(known, _)| known).collect()
}

/// The samples that a family should have for the store of these tests, computed in the plain way.
fn expected(family: &Family) -> Vec<(Vec<String>, f64)> {
    let of_identity = |value: &dyn Fn(&Known, u64) -> Option<f64>| -> Vec<_> {
        let value = |(id, polls, ago): &(&str, &[Poll], _)| {
            Some((
                vec![POOLS[0].0.to_owned(), (*id).to_owned()],
                value(&Known::by(polls), *ago)?,
            ))
        };
        IDENTITIES.iter().filter_map(value).collect()
    };
    let of_current = |value: &dyn Fn(&Known) -> Option<f64>| {
        of_identity(&|known, ago| value(known).filter(|_| ago <= 900))
    };
    let of_pools = |values: [Option<f64>; 2]| -> Vec<_> {
        POOLS
            .iter()
            .zip(values)
            .filter_map(|((id, _), value)| Some((vec![(*id).to_owned()], value?)))
            .collect()
    };
    let labelled = |labels: &[&str], counts: [&[f64]; 2]| -> Vec<_> {
        let of_pool = |((id, _), counts): (&(&str, &str), &[f64])| -> Vec<_> {
            let with_pool = |labels: &str| {
                let pool = [(*id).to_owned()].into_iter();
                pool.chain(labels.split(' ').map(str::to_owned)).collect()
            };
            let labels = labels.iter().map(|labels| with_pool(labels));
            labels.zip(counts.iter().copied()).collect()
        };
        POOLS.iter().zip(counts).flat_map(of_pool).collect()
    };
    let count = |limit: usize, holds: fn((f64, f64)) -> bool| {
        let used = watched()
            .into_iter()
            .filter_map(|known| known.used()[limit]);
        used.filter(|used| holds(*used)).count() as f64
    };
    let by_limit = |holds: fn((f64, f64)) -> bool| {
        let limits = ["dataset_storage", "dataset_records", "datasets"];
        labelled(
            &limits,
            [&[0, 1, 2].map(|limit| count(limit, holds)), &[0.0; 3]],
        )
    };
    match family.name.strip_prefix("cognitosync_").unwrap() {
        "identity_datasets" => {
            of_current(&|known| known.of_usage(|usage| usage.datasets.map(f64::from)))
        }
        "identity_storage_bytes" => of_current(&|known| {
            known.of_usage(|usage| usage.storage_bytes.map(|bytes| bytes as f64))
        }),
        "identity_last_modified_timestamp_seconds" => {
            of_current(&|known| known.of_usage(|usage| usage.last_modified))
        }
        "identity_last_modified_age_seconds" => of_current(&|known| {
            known.of_usage(|usage| usage.last_modified.map(|at| (NOW - at).max(0.0)))
        }),
        "identity_up" => of_identity(&|known, _| match (known.failure, known.usage) {
            (Some(_), _) => Some(0.0),
            (None, Some(_)) => Some(1.0),
            (None, None) => None,
        }),
        "identity_last_success_timestamp_seconds" => {
            of_identity(&|known, ago| known.usage.map(|_| NOW - ago as f64))
        }
        "identity_largest_dataset_storage_bytes" => of_current(&Known::exact_storage),
        "identity_largest_dataset_records" => of_current(&Known::exact_records),
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
        "pool_identities" => labelled(
            &["pending", "fresh", "failing", "stale", "missing"],
            [&[1.0, 8.0, 2.0, 2.0, 1.0], &[0.0; 5]],
        ),
        "pool_watched_identities" => of_pools([Some(9.0), Some(0.0)]),
        "pool_dataset_storage_limit_bytes" => of_pools([Some(DATASET_STORAGE); 2]),
        "pool_dataset_records_limit" => of_pools([Some(DATASET_RECORDS); 2]),
        "pool_identity_datasets_limit" => of_pools([Some(DATASETS); 2]),
        "pool_identities_near_limit" => {
            let certain = |limit| count(limit, |(least, _)| least >= 0.8);
            let possible = |limit| count(limit, |(least, most)| least < 0.8 && most >= 0.8);
            let both = [0, 1, 2].map(|limit| [certain(limit), possible(limit)]);
            assert_eq!(
                both,
                [[3.0, 3.0], [2.0, 1.0], [2.0, 0.0]],
                "the store has all kinds"
            );
            labelled(
                &[
                    "dataset_storage certain",
                    "dataset_storage possible",
                    "dataset_records certain",
                    "dataset_records possible",
                    "datasets certain",
                    "datasets possible",
                ],
                [both.as_flattened(), &[0.0; 6]],
            )
        }
        "pool_identities_full" => by_limit(|(least, _)| (0.99..=1.0).contains(&least)),
        "pool_identities_full_active" => {
            let gone = |known: &Known| {
                let date = known.of_usage(|usage| usage.last_modified);
                date.is_some_and(|at| NOW - at > 30.0 * 86_400.0)
            };
            let active: Vec<_> = watched().into_iter().filter(|known| !gone(known)).collect();
            let full = [0, 1, 2].map(|limit| {
                let used = active.iter().filter_map(|known| known.used()[limit]);
                let full = used.filter(|(least, _)| (0.99..=1.0).contains(least));
                full.count() as f64
            });
            assert_eq!(full, [1.0, 1.0, 1.0], "of two full of datasets one is gone");
            labelled(
                &["dataset_storage", "dataset_records", "datasets"],
                [&full, &[0.0; 3]],
            )
        }
        "pool_identities_above_limit" => by_limit(|(least, _)| least > 1.0),
        // Nobody was seen to change twice.
        "pool_identities_full_within" => labelled(&["7d", "30d"], [&[0.0; 2]; 2]),
        "pool_stale_after_seconds" => of_pools([Some(900.0); 2]),
        "pool_watched_storage_bytes" => {
            let described = (20 << 20) + (1_u64 << 53) + 838_862;
            let listed = 902_048 + 1_200_000 + 900_010 + (2 << 20);
            of_pools([Some((described + listed) as f64), None])
        }
        "pool_watched_datasets" => of_pools([Some(52.0), None]),
        "pool_identities_without_series" => of_pools([Some(0.0); 2]),
        "pool_storage_bytes" => of_pools([Some(7.0), None]),
        "pool_last_modified_timestamp_seconds" => of_pools([Some(1.5), None]),
        _ => Vec::new(),
    }
}

/// The text that a gauge histogram should have for the store of these tests, written by the
/// prometheus crate.
fn histograms(family: &Family, oracle: &mut Vec<u8>) {
    const FRACTIONS: &[f64] = &[0.1, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 0.99, 1.0];
    let least = |limit: usize| {
        let used = watched()
            .into_iter()
            .filter_map(|known| known.used()[limit]);
        used.map(|(least, _)| least).collect::<Vec<_>>()
    };
    let (buckets, sizes): (&[f64], Vec<f64>) =
        match family.name.strip_prefix("cognitosync_pool_").unwrap() {
            "largest_dataset_storage_used_ratio" => (FRACTIONS, least(0)),
            "largest_dataset_records_used_ratio" => {
                let records = watched()
                    .into_iter()
                    .filter_map(|known| known.exact_records());
                (
                    FRACTIONS,
                    records.map(|records| records / DATASET_RECORDS).collect(),
                )
            }
            "identity_datasets_used_ratio" => {
                (&[0.1, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 1.0], least(2))
            }
            "identity_idle_seconds" => (
                &[
                    3_600.0,
                    86_400.0,
                    604_800.0,
                    2_592_000.0,
                    7_776_000.0,
                    15_552_000.0,
                    31_536_000.0,
                ],
                vec![0.25, 0.0, NOW],
            ),
            "usage_age_seconds" => (
                &[60.0, 300.0, 900.0, 3_600.0, 21_600.0, 86_400.0, 604_800.0],
                watched_and_ages().map(|(_, ago)| ago as f64).collect(),
            ),
            other => panic!("{other} is not known here"),
        };
    for ((pool, _), sizes) in POOLS.iter().zip([sizes, Vec::new()]) {
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

/// Whether the prometheus crate has it already, as it is not of the store.
fn is_of_telemetry(family: &Family) -> bool {
    let of_passes = ["cognitosync_pool_discover", "cognitosync_pool_not_listed"];
    let mut others = ["cognitosync_exporter_"].into_iter().chain(of_passes);
    others.any(|start| family.name.starts_with(start))
}

#[test]
fn byte_for_byte_what_the_prometheus_crate_writes() {
    let mut oracle = Vec::new();
    for family in families::ALL
        .iter()
        .filter(|family| !is_of_telemetry(family))
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
