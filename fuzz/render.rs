//! Any store, in both formats and all codings.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::sync::Arc;

use cognitosync_exporter::config::{IdentityMetric, PoolSettings};
use cognitosync_exporter::exposition::{Coding, Exposition, Format};
use cognitosync_exporter::targets::Targets;

use crate::counts::counted;
use crate::stores::{body, store};

#[test]
fn render() {
    let (mut synthesised, mut near) = (0, 0);
    bolero::check!()
        .with_iterations(200)
        .with_max_len(4_096)
        .for_each(|input: &[u8]| {
            let store = store(input);
            let targets = Arc::clone(&store.snapshot().targets);
            let exposition = Exposition::new(Arc::new(store));
            let plain = [Format::Text, Format::OpenMetrics].map(|format| {
                let plain = body(&exposition, format, Coding::Identity);
                let gzip = body(&exposition, format, Coding::Gzip);
                assert!(unzipped(&gzip) == plain, "gzip is another text");
                assert!(
                    unzipped_by_zlib_rs(&gzip, plain.len()) == plain,
                    "to zlib-rs, gzip is another text"
                );
                let zstd = body(&exposition, format, Coding::Zstd);
                assert!(
                    zstd::stream::decode_all(&*zstd).unwrap() == plain,
                    "zstd is another text"
                );
                String::from_utf8(plain).unwrap()
            });
            synthesised += usize::from(plain[0].matches("\ncognitosync_identity_").count() > 2_048);
            let [text, open_metrics] = plain;
            let samples = samples(&text);
            assert_eq!(samples, self::samples(&canonical(&open_metrics)));
            assert!(!text.contains("# EOF") && open_metrics.ends_with("\n# EOF\n"));
            in_order(&text, &targets);
            targets
                .pools
                .iter()
                .for_each(|pool| near += counted(pool, &samples));
        });
    assert!(near > 0, "no identity was near a limit");
    assert!(
        synthesised > 0,
        "no store was large enough for the gzip that we write ourselves"
    );
}

fn unzipped(gzip: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    flate2::bufread::GzDecoder::new(gzip)
        .read_to_end(&mut text)
        .unwrap();
    text
}

/// flate2 has one backend at a time; zlib-rs is another one.
fn unzipped_by_zlib_rs(gzip: &[u8], len: usize) -> Vec<u8> {
    let mut inflate = zlib_rs::Inflate::new(false, 15);
    let mut text = vec![0; len + 1];
    // Without the member's header of ten bytes. Its trailer has eight.
    let status = inflate
        .decompress(&gzip[10..], &mut text, zlib_rs::InflateFlush::Finish)
        .unwrap();
    assert_eq!(status, zlib_rs::Status::StreamEnd);
    assert_eq!(
        inflate.total_in() as usize,
        gzip.len() - 18,
        "nothing follows the one member"
    );
    text.truncate(inflate.total_out() as usize);
    text
}

/// OpenMetrics with the names and bounds of the text format.
fn canonical(open_metrics: &str) -> String {
    let line = |line: &str| {
        let line = line
            .replace("_gcount{", "_count{")
            .replace("_gsum{", "_sum{");
        match line
            .split_once("le=\"")
            .and_then(|(before, rest)| Some((before, rest.split_once('"')?)))
        {
            Some((before, (bound, rest))) => {
                format!(
                    "{before}le=\"{}\"{rest}\n",
                    bound.strip_suffix(".0").unwrap_or(bound)
                )
            }
            None => line + "\n",
        }
    };
    open_metrics.lines().map(line).collect()
}

/// Each series and its value; none twice.
fn samples(text: &str) -> BTreeMap<String, String> {
    let mut samples = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let _: f64 = value.parse().unwrap();
        assert_eq!(
            samples.insert(series.to_owned(), value.to_owned()),
            None,
            "{series}"
        );
    }
    samples
}

/// The families of identities, and what the configuration calls them.
const FAMILIES: [(&str, IdentityMetric); 8] = [
    ("datasets", IdentityMetric::Datasets),
    ("storage_bytes", IdentityMetric::Storage),
    (
        "last_modified_timestamp_seconds",
        IdentityMetric::LastModified,
    ),
    ("last_modified_age_seconds", IdentityMetric::Age),
    ("up", IdentityMetric::Up),
    (
        "last_success_timestamp_seconds",
        IdentityMetric::LastSuccess,
    ),
    (
        "largest_dataset_storage_bytes",
        IdentityMetric::LargestDataset,
    ),
    ("largest_dataset_records", IdentityMetric::LargestDataset),
];

/// Identities have the order of the targets in all families, and those families that their pools
/// are configured with. Each with a time of modification has an age too.
fn in_order(text: &str, targets: &Targets) {
    let mut identities = HashMap::new();
    for pool in &targets.pools {
        for id in pool.identities.ids() {
            let labels = format!(
                "identity_pool_id=\"{}\",identity_id=\"{}\"",
                pool.id,
                id.as_str()
            );
            identities.insert(labels, (identities.len(), &pool.settings));
        }
    }
    let with_both = |settings: &PoolSettings| {
        let both = [IdentityMetric::LastModified, IdentityMetric::Age];
        both.iter()
            .all(|metric| settings.identity_metrics.has(*metric))
    };
    let mut dated = [Vec::new(), Vec::new()];
    for (family, metric) in FAMILIES {
        let prefix = format!("cognitosync_identity_{family}{{");
        let lines = text.lines().filter_map(|line| line.strip_prefix(&prefix));
        let found = lines.map(|line| identities[line.split_once('}').unwrap().0]);
        let found: Vec<_> = found.collect();
        assert!(
            found.is_sorted_by(|(a, _), (b, _)| a < b),
            "{family} has its own order"
        );
        for (position, settings) in found {
            assert!(
                settings.identity_metrics.has(metric),
                "{family} is not wanted"
            );
            match metric {
                IdentityMetric::LastModified if with_both(settings) => dated[0].push(position),
                IdentityMetric::Age if with_both(settings) => dated[1].push(position),
                _ => {}
            }
        }
    }
    assert_eq!(dated[0], dated[1]);
}
