//! Any store, in both formats and all codings.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use cognitosync_exporter::exposition::{Coding, Exposition, Format};

use crate::stores::{body, store};

#[test]
fn render() {
    let mut synthesised = 0;
    bolero::check!()
        .with_iterations(2_000)
        .with_max_len(4_096)
        .for_each(|input: &[u8]| {
            let exposition = Exposition::new(Arc::new(store(input)));
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
            assert_eq!(samples(&text), samples(&canonical(&open_metrics)));
            assert!(!text.contains("# EOF") && open_metrics.ends_with("\n# EOF\n"));
            same_order(&text);
        });
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

/// Identities have the same order in all families, and each with a time of modification has an age
/// too.
fn same_order(text: &str) {
    let mut families: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in text.lines().filter(|line| {
        line.starts_with("cognitosync_identity_") && !line.starts_with("cognitosync_identity_info")
    }) {
        let (name, labels) = line.split_once('{').unwrap();
        families
            .entry(name)
            .or_default()
            .push(labels.split_once('}').unwrap().0);
    }
    let up = families
        .get("cognitosync_identity_up")
        .cloned()
        .unwrap_or_default();
    for (name, identities) in &families {
        let mut all = up.iter();
        assert!(
            identities
                .iter()
                .all(|identity| all.any(|up| up == identity)),
            "{name} has its own order, or more identities"
        );
    }
    let of = |name: &str| families.get(name).cloned().unwrap_or_default();
    assert_eq!(
        of("cognitosync_identity_last_modified_timestamp_seconds"),
        of("cognitosync_identity_last_modified_age_seconds")
    );
}
