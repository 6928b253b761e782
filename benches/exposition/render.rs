//! One way to write a scrape, in a process of its own: CPU, size and memory.

use std::hint::black_box;
use std::io::Write;

use cognitosync_exporter::exposition::{Blocks, Coding, Exposition, Format, Scrape};
use flate2::Compression;
use flate2::write::GzEncoder;
use prometheus::{GaugeVec, Opts, Registry, TextEncoder};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::filled;
use crate::measure::{cpu_seconds, forget_peak, peak_bytes, resident_bytes};

/// Seconds; the kernel may count them in steps of four thousandths.
const LONG_ENOUGH: f64 = 0.3;

/// The ways, by name.
pub(crate) const WAYS: [&str; 7] = [
    "plain",
    "gzip",
    "zstd",
    "OpenMetrics, gzip",
    "prometheus-client",
    "prometheus",
    "prometheus + flate2 1",
];

/// What one way took. CPU is of one body, the least of several rounds, beside a copy of the same
/// text.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) cpu: f64,
    pub(crate) memcpy: f64,
    pub(crate) bytes: f64,
    /// How much the process grew while it wrote.
    pub(crate) growth: f64,
    /// Its largest size.
    pub(crate) peak: f64,
}

impl Cost {
    pub(crate) fn to_line(self) -> String {
        format!(
            "{} {} {} {} {}",
            self.cpu, self.memcpy, self.bytes, self.growth, self.peak
        )
    }

    pub(crate) fn from_line(line: &str) -> Self {
        let numbers: Vec<f64> = line
            .split_whitespace()
            .map(|number| number.parse().unwrap())
            .collect();
        let [cpu, memcpy, bytes, growth, peak] = numbers[..] else {
            panic!("{line}")
        };
        Self {
            cpu,
            memcpy,
            bytes,
            growth,
            peak,
        }
    }
}

/// Measures one way, in this process.
pub(crate) fn cost(way: &str, identities: usize, rounds: usize) -> Cost {
    let exposition = Exposition::new(filled::store(identities));
    let text = Blocks::new(scrape(&exposition, Format::Text), Coding::Identity);
    let text_len = text.map(|block| block.len()).sum();
    match way {
        "prometheus" | "prometheus + flate2 1" => {
            let registry = prometheus(&exposition);
            let with_gzip = way != "prometheus";
            measured(text_len, rounds, || {
                let text = TextEncoder::new()
                    .encode_to_string(&registry.gather())
                    .unwrap();
                if !with_gzip {
                    return text.len();
                }
                let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(text.as_bytes()).unwrap();
                encoder.finish().unwrap().len()
            })
        }
        "prometheus-client" => {
            let mut registry = prometheus_client::registry::Registry::default();
            registry.register_collector(Box::new(Samples(families(&exposition))));
            measured(text_len, rounds, || {
                let mut text = String::new();
                prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
                text.len()
            })
        }
        // The pass over all identities with which a scrape begins.
        "sums" => measured(text_len, rounds, || {
            black_box(scrape(&exposition, Format::Text));
            1
        }),
        ours => {
            let (format, coding) = match ours {
                "plain" => (Format::Text, Coding::Identity),
                "gzip" => (Format::Text, Coding::Gzip),
                "zstd" => (Format::Text, Coding::Zstd),
                _ => (Format::OpenMetrics, Coding::Gzip),
            };
            measured(text_len, rounds, || {
                Blocks::new(scrape(&exposition, format), coding)
                    .map(|block| black_box(block).len())
                    .sum()
            })
        }
    }
}

fn scrape(exposition: &Exposition, format: Format) -> Scrape {
    exposition.scrape(filled::now(), format, &())
}

/// Writes a body once to warm up, then a few times more, in turns with a copy of as many bytes into
/// memory that is in use already.
fn measured(text_len: usize, rounds: usize, mut write: impl FnMut() -> usize) -> Cost {
    let mut cost = Cost {
        cpu: f64::MAX,
        memcpy: f64::MAX,
        ..Cost::default()
    };
    write();
    let before = resident_bytes();
    forget_peak();
    cost.bytes = write() as f64;
    cost.peak = peak_bytes();
    cost.growth = cost.peak - before;
    let (from, mut to) = (vec![1_u8; text_len], vec![2_u8; text_len]);
    for _ in 0..rounds {
        cost.cpu = cost.cpu.min(each(&mut write));
        cost.memcpy = cost.memcpy.min(each(|| {
            to.copy_from_slice(black_box(&from));
            black_box(&to).len()
        }));
    }
    cost
}

/// CPU seconds of one of many.
fn each(mut act: impl FnMut() -> usize) -> f64 {
    let (start, mut times) = (cpu_seconds(), 0.0);
    loop {
        black_box(act());
        times += 1.0;
        let took = cpu_seconds() - start;
        if took >= LONG_ENOUGH {
            return took / times;
        }
    }
}

/// The same samples, for others to write.
struct Family {
    name: String,
    help: String,
    samples: Vec<(String, f64)>,
}

/// The identities' families, read back from our own text.
fn families(exposition: &Exposition) -> Vec<Family> {
    let text: Vec<u8> = Blocks::new(scrape(exposition, Format::Text), Coding::Identity)
        .flatten()
        .collect();
    let mut families: Vec<Family> = Vec::new();
    for line in std::str::from_utf8(&text).unwrap().lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            families.push(Family {
                name: name.to_owned(),
                help: help.to_owned(),
                samples: Vec::new(),
            });
        } else if let Some((_, sample)) = line.split_once(",identity_id=\"") {
            let (identity, value) = sample.split_once("\"} ").unwrap();
            families
                .last_mut()
                .unwrap()
                .samples
                .push((identity.to_owned(), value.parse().unwrap()));
        }
    }
    families.retain(|family| !family.samples.is_empty());
    families
}

fn prometheus(exposition: &Exposition) -> Registry {
    let registry = Registry::new();
    for Family {
        name,
        help,
        samples,
    } in families(exposition)
    {
        let gauges =
            GaugeVec::new(Opts::new(name, help), &["identity_pool_id", "identity_id"]).unwrap();
        for (identity, value) in samples {
            gauges
                .with_label_values(&[filled::POOL, &identity])
                .set(value);
        }
        registry.register(Box::new(gauges)).unwrap();
    }
    registry
}

/// Written sample by sample, without a metric object for each: the fastest way this crate has.
struct Samples(Vec<Family>);

impl std::fmt::Debug for Samples {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Samples")
    }
}

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        for Family {
            name,
            help,
            samples,
        } in &self.0
        {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (identity, value) in samples {
                let labels = [
                    ("identity_pool_id", filled::POOL),
                    ("identity_id", identity.as_str()),
                ];
                ConstGauge::new(*value).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
