//! Whole scrapes: their golden text, their moment, and which identities have series.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::super::identity_series::IdentitySeries;
use super::super::section::Section;
use super::super::{Blocks, Coding, Exposition, Format, identity_samples, too_many_samples};
use super::{NOW, ago, never_polled, now, parsed, pretty_equal, store, written, written_at};
use crate::api::{Dataset, Failure, Usage};
use crate::clock::Timestamp;
use crate::job::PoolIndex;
use crate::observation::Observation;
use crate::targets::TargetDiff;

/// `GOLDEN=new cargo test` writes the files anew. Explain the difference when you commit it.
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
        let blocks = Blocks::new(exposition.scrape(now(), format, &()), Coding::Identity);
        let text = String::from_utf8(blocks.flatten().collect()).unwrap();
        if std::env::var_os("GOLDEN").is_some() {
            fs::write(&file, &text).unwrap();
        }
        pretty_equal(&text, &fs::read_to_string(file).unwrap());
    }
}

/// Scrapes and lists of identities that begin within a second read one snapshot; ages count to the
/// time of each scrape.
#[test]
fn a_shared_snapshot_is_shown_at_each_scrapes_own_time() {
    let exposition = Exposition::new(Arc::new(store("each")));
    let later = Timestamp {
        mono: now().mono + Duration::from_millis(500),
        unix: NOW + 0.5,
    };
    let first = exposition.scrape(now(), Format::Text, &());
    let second = exposition.scrape(later, Format::Text, &());
    assert!(Arc::ptr_eq(&first.snapshot, &second.snapshot));
    let of_list = exposition.snapshot(later.mono);
    assert!(Arc::ptr_eq(&first.snapshot, &of_list));
    let age = |scrape| {
        let text: Vec<u8> = Blocks::new(scrape, Coding::Identity).flatten().collect();
        let text = String::from_utf8(text).unwrap();
        let family = "cognitosync_identity_last_modified_age_seconds{";
        let line = text
            .lines()
            .find(|line| line.starts_with(family) && line.contains("us-east-1:01"));
        line.unwrap().rsplit_once(' ').unwrap().1.to_owned()
    };
    assert_eq!([age(first), age(second)], ["0.25", "0.75"]);
}

/// A scrape shows one moment in every coding, however long its reader takes and whatever is polled
/// meanwhile.
#[test]
fn what_is_polled_meanwhile_is_for_the_next_scrape() {
    const MANY: usize = 3_000;
    let store = Arc::new(never_polled(MANY));
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
        let scrape = exposition.scrape(now(), Format::Text, &());
        let expected: Vec<u8> = Blocks::new(scrape.clone(), coding).flatten().collect();
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

/// The identities of a pool nearest a limit keep their series through a reload that moves them.
#[test]
fn the_preference_of_those_with_series_outlives_a_reload() {
    let of =
        |ids: &str| format!("pools: [{{id: 'r:0', series: top, top: 1, identities: [{ids}]}}]");
    let store = Arc::new(parsed(&of("'r:1', 'r:2'")));
    let exposition = Exposition::new(Arc::clone(&store));
    let poll = |identity, storage_bytes| {
        let usage = Usage {
            datasets: Some(1),
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
    poll(0, 215_000);
    assert_eq!(shown().unwrap(), "r:2", "not enough to take its place");
    let (old, new) = (
        Arc::clone(&store.snapshot().targets),
        Arc::clone(&parsed(&of("'r:0', 'r:1', 'r:2'")).snapshot().targets),
    );
    store.apply_targets(&new, &TargetDiff::new(&old, &new));
    assert_eq!(shown().unwrap(), "r:2", "nor by a reload");
    poll(1, 1_000_000);
    assert_eq!(shown().unwrap(), "r:1");
}

#[test]
fn the_samples_of_identities_follow_the_configuration() {
    let of = |settings: &str| {
        let ids = "{id: 'r:0', name: n}, 'r:1', 'r:2'";
        let store = parsed(&format!(
            "pools: [{{id: 'r:0', {settings}, identities: [{ids}]}}]"
        ));
        let pool = &store.snapshot().targets.pools[0];
        identity_samples(&pool.settings, &pool.identities)
    };
    assert_eq!(of("series: each"), 3 * 8 + 1);
    assert_eq!(of("series: top, top: 2"), 2 * 8 + 1);
    assert_eq!(of("series: top, top: 9"), 3 * 8 + 1);
    assert_eq!(of("series: none"), 0);
    assert_eq!(of("identity_metrics: [up, largest_dataset]"), 3 * 3 + 1);
    assert_eq!(of("identity_metrics: []"), 1);
    assert_eq!(of("datasets: off"), 3 * 6 + 1);
}

#[test]
fn very_many_samples_are_warned_of() {
    let of = |identities| too_many_samples(&never_polled(identities).snapshot().targets);
    assert_eq!(of(125_000), None);
    let warning = of(125_001).unwrap();
    assert!(
        warning.starts_with("make 1000008 samples in each scrape"),
        "{warning}"
    );
}

/// After a step of the wall clock by an hour or a year, states and usage are the same. Only ages
/// follow, and none is negative.
#[test]
fn a_step_of_the_wall_clock_changes_ages_only() {
    let exposition = Exposition::new(Arc::new(store("each")));
    let without_ages = |text: &str| -> Vec<String> {
        // The active ones are counted by ages.
        let is_age = |line: &&str| {
            let of_age = ["_age_seconds{", "_idle_seconds_", "_full_active{"];
            of_age.iter().any(|part| line.contains(part))
        };
        text.lines()
            .filter(|line| !is_age(line))
            .map(str::to_owned)
            .collect()
    };
    let unmoved = without_ages(&written_at(&exposition, now()));
    for step in [-31_536_000.0, -3_600.0, 3_600.0, 31_536_000.0] {
        let text = written_at(
            &exposition,
            Timestamp {
                unix: NOW + step,
                ..now()
            },
        );
        assert_eq!(without_ages(&text), unmoved);
        let ages = text.lines().filter(|line| line.contains("_age_seconds{"));
        let ages: Vec<f64> = ages
            .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(ages.len(), 3);
        assert!(ages.iter().all(|age| *age >= 0.0), "{ages:?}");
    }
}

#[test]
fn without_identity_series_the_pools_remain() {
    let text = written(store("none"));
    assert!(!text.contains("\ncognitosync_identity_"));
    let left_out =
        "cognitosync_pool_identities_without_series{identity_pool_id=\"us-east-1:0a\"} 14\n";
    assert!(text.contains(left_out), "{text}");
    assert!(
        text.contains("cognitosync_pool_watched_datasets{identity_pool_id=\"us-east-1:0a\"} 52\n")
    );
}

/// By the number that is certain: exact where it was listed, else a lower bound.
#[test]
fn the_nearest_to_a_limit_have_series() {
    let shown = |top: usize| -> Vec<String> {
        let text = written(store(&format!("top, top: {top}")));
        let prefix =
            "cognitosync_identity_up{identity_pool_id=\"us-east-1:0a\",identity_id=\"us-east-1:";
        let ids = text.lines().filter_map(|line| line.strip_prefix(prefix));
        ids.map(|rest| rest[..2].to_owned()).collect()
    };
    assert_eq!(shown(1), ["0b"], "above two limits");
    assert_eq!(
        shown(2),
        ["01", "0b"],
        "of those at a limit, who wrote last"
    );
    assert_eq!(shown(4), ["01", "07", "0b", "0d"]);
    assert_eq!(
        shown(5),
        ["01", "07", "0a", "0b", "0d"],
        "not 09, which may be nearer"
    );
}

#[test]
fn a_pools_identities_have_the_families_that_it_is_configured_with() {
    let of_pool = |pool: &str, metrics: &str| {
        format!(
            "- {{id: '{pool}', identity_metrics: [{metrics}], identities: [{{id: '{pool}1', name: n}}]}}\n"
        )
    };
    let store = parsed(&format!(
        "pools:\n{}{}{}",
        of_pool("r:0", "storage, largest_dataset"),
        of_pool("r:a", ""),
        of_pool("r:b", "up, storage"),
    ));
    for pool in 0..3 {
        let datasets = vec![Dataset {
            storage_bytes: Some(7),
            records: Some(2),
            ..Dataset::default()
        }];
        let observation = Observation::of_datasets(PoolIndex(pool), 0, ago(1), datasets);
        store.record(&observation);
    }
    let text = written(store);
    let series = text.lines().filter_map(|line| {
        let (name, rest) = line
            .strip_prefix("cognitosync_identity_")?
            .split_once('{')?;
        Some((name, rest.split('"').nth(1)?))
    });
    let expected = [
        ("storage_bytes", "r:0"),
        ("storage_bytes", "r:b"),
        ("up", "r:b"),
        ("largest_dataset_storage_bytes", "r:0"),
        ("largest_dataset_records", "r:0"),
        ("info", "r:0"),
        ("info", "r:a"),
        ("info", "r:b"),
    ];
    assert_eq!(series.collect::<Vec<_>>(), expected);
    for family in expected.map(|(name, _)| name) {
        let head = format!("# TYPE cognitosync_identity_{family} ");
        assert_eq!(text.matches(&head).count(), 1, "{family}");
    }
}

/// Which decides how a body is compressed.
#[test]
fn the_number_of_lines_is_bounded_closely() {
    for series in ["each", "top, top: 5", "none"] {
        let text = written(store(series));
        let lines = |prefix: &str| text.lines().filter(|line| line.starts_with(prefix)).count();
        let lines = lines("cognitosync_identity_") - lines("cognitosync_identity_info{");
        let exposition = Exposition::new(Arc::new(store(series)));
        let scrape = exposition.scrape(now(), Format::Text, &());
        let bound = IdentitySeries::default().gzip_lines(&scrape);
        let with_series = match series {
            "each" => 14,
            "none" => 0,
            _ => 5,
        };
        // Three of the lists are exact.
        assert_eq!(bound, 6 * with_series + 2 * with_series.min(3), "{series}");
        assert!(lines <= bound, "{series}: {lines} of {bound}");
    }
}
