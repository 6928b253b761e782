//! Lists of those that the status and metrics count.

use super::*;
use crate::exposition::{FULL_WITHIN, Summary};

/// Identities on each level of each limit, and some that may be near one.
fn levels() -> Store {
    let store = store([16, 1]);
    let known = [
        usage(1, 900_000, 1.0),
        usage(1, 1 << 20, 1.0),
        usage(1, 1_038_090, 1.0),
        usage(1, 1_038_091, 1.0),
        usage(1, 2 << 20, 1.0),
        usage(3, 1_200_000, 1.0),
        usage(16, 1_000_000, 1.0),
        usage(20, 10, 1.0),
        usage(21, 900_000, 1.0),
    ];
    for (identity, usage) in known.into_iter().enumerate() {
        record(&store, (0, identity), Ok(usage));
    }
    for (identity, records) in [(9, 900), (10, 1_014), (11, 1_025), (12, 800), (13, 1_013)] {
        record(&store, (0, identity), Ok(usage(1, 1_000, 1.0)));
        list(&store, identity, &[(1_000, records)]);
    }
    // What was written since its list may be records.
    let written = Ok(usage(1, 1_100, 0.9));
    store.record(&Observation::of_identity(PoolIndex(0), 12, now(), written));
    record(&store, (0, 14), Err(Failure::NotFound));
    store
}

#[test]
fn levels_of_a_limit_and_what_may_be() {
    let store = levels();
    for (query, expected) in [
        (
            "level=near&near_limit=dataset_storage",
            &["0", "02"] as &[&str],
        ),
        ("level=full&near_limit=dataset_storage", &["01", "03"]),
        ("level=above&near_limit=dataset_storage", &["04"]),
        ("level=near&near_limit=dataset_records", &["09", "0d"]),
        ("level=full", &["01", "03", "07", "0a"]),
        ("level=above", &["04", "08", "0b"]),
        ("near=0.99&near_limit=datasets", &["07", "08"]),
        ("near=0.8&certainty=possible", &["05", "0c"]),
        (
            "near=0.8&certainty=possible&near_limit=dataset_storage",
            &["05", "06", "08"],
        ),
        (
            "near=0.3&certainty=certain&near_limit=dataset_records",
            &["09", "0a", "0b", "0d"],
        ),
    ] {
        let selected = selected(&store, query);
        let selected: Vec<_> = selected.iter().map(String::as_str).collect();
        assert_eq!(selected, expected, "{query}");
    }
}

/// The numbers of rows are those of the status and of metrics.
fn assert_counted(store: &Store) -> Summary {
    let snapshot = store.snapshot();
    let summary = Summary::of(&snapshot.pool(PoolIndex(0)), now(), &[]);
    let rows = |query: &str| selected(store, &format!("pool=r:a0&{query}")).len() as u64;
    for (index, limit) in Limit::ALL.into_iter().enumerate() {
        let of = |query: &str| rows(&format!("{query}&near_limit={}", limit.as_str()));
        let [near, full, above] =
            ["near", "full", "above"].map(|level| of(&format!("level={level}")));
        assert_eq!(full, summary.full[index], "{limit:?}");
        assert_eq!(above, summary.above[index], "{limit:?}");
        assert_eq!(
            near + full + above,
            summary.near_certain[index],
            "{limit:?}"
        );
        assert_eq!(of("near=0.8"), summary.near_certain[index], "{limit:?}");
        assert_eq!(
            of("near=0.8&certainty=possible"),
            summary.near_possible[index],
            "{limit:?}"
        );
    }
    for ((window, _), count) in FULL_WITHIN.into_iter().zip(summary.full_within) {
        assert_eq!(
            rows(&format!("surely_full_within={window}")),
            count,
            "{window}"
        );
    }
    summary
}

#[test]
fn a_list_has_as_many_as_are_counted() {
    let summary = assert_counted(&levels());
    assert_eq!(summary.full, [2, 1, 1]);
    assert_eq!(summary.near_possible, [3, 1, 0]);
}

#[test]
fn who_will_be_full_within_so_long_by_either_date() {
    let store = store([5, 1]);
    // The last one has all its datasets.
    let growing = [(1, 10_000), (1, 14_000), (1, 16_000), (1, 40), (20, 16_000)];
    for half_day in 0..=40_u64 {
        for (identity, (datasets, each)) in growing.into_iter().enumerate() {
            let asked = at(79.5 * DAY + half_day as f64 * DAY / 2.0);
            let usage = Usage {
                datasets: Some(datasets),
                storage_bytes: Some(250_000 + half_day * each),
                last_modified: Some(asked.unix - 60.0),
            };
            let observed = Observation::of_identity(PoolIndex(0), identity, asked, Ok(usage));
            store.record(&observed);
        }
    }
    list(
        &store,
        4,
        &[&[(814_000, 1)][..], &[(4_000, 1); 19]].concat(),
    );
    assert_counted(&store);
    assert_eq!(selected(&store, "full_within=7d"), ["02"]);
    assert_eq!(selected(&store, "full_within=30d"), ["0", "01", "02", "04"]);
    assert_eq!(
        selected(&store, "surely_full_within=30d"),
        ["01", "02", "04"]
    );
}
