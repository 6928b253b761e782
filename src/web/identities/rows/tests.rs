mod counts;

use std::cmp::Reverse;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::api::{Answer, Dataset, Failure, Operation};
use crate::clock::Mono;
use crate::job::{Job, Target};
use crate::loading;
use crate::observation::Observation;
use crate::store::Store;

const DAY: f64 = 86_400.0;

fn now() -> Timestamp {
    at(100.0 * DAY)
}

fn at(unix: f64) -> Timestamp {
    Timestamp {
        mono: Mono::START + Duration::from_secs_f64(unix),
        unix,
    }
}

fn store(identities: [usize; 2]) -> Store {
    let [first, second] = identities.map(|identities| {
        let ids = (0..identities).map(|number| format!("'r:{number:08x}'"));
        ids.collect::<Vec<_>>().join(",")
    });
    let text = format!(
        "poll: {{interval: 1d}}\npools:\n\
         - {{id: 'r:a0', name: production, identities: [{first}]}}\n\
         - {{id: 'r:a1', identities: [{second}]}}"
    );
    Store::new(loading::parse(Path::new("file"), &text).unwrap().targets)
}

fn usage(datasets: u32, storage_bytes: u64, days_ago: f64) -> Usage {
    Usage {
        datasets: Some(datasets),
        storage_bytes: Some(storage_bytes),
        last_modified: Some(now().unix - days_ago * DAY),
    }
}

fn record(store: &Store, (pool, identity): (usize, usize), result: Result<Usage, Failure>) {
    // So that no two last successes are equal.
    let asked = at(now().unix - 3_600.0 + (identity * 7 % 11) as f64);
    store.record(&Observation::of_identity(
        PoolIndex(pool),
        identity,
        asked,
        result,
    ));
}

fn list(store: &Store, identity: usize, datasets: &[(u64, u64)]) {
    let dataset = |(bytes, records): &(u64, u64)| Dataset {
        storage_bytes: Some(*bytes),
        records: Some(*records),
        last_modified: Some(now().unix - DAY),
        ..Dataset::default()
    };
    let job = Job {
        operation: Operation::ListDatasets,
        target: Target::identity(PoolIndex(0), identity),
    };
    store.record(&Observation {
        job,
        requested_at: at(now().unix - 60.0),
        took: Duration::ZERO,
        calls: 1,
        is_reported: false,
        result: Ok(Answer::Datasets(datasets.iter().map(dataset).collect())),
    });
}

/// What a query selects, before it is ranked.
fn unranked(store: &Store, query: &str) -> Rows {
    let query = Query::parse(query).unwrap();
    Rows::new(Arc::new(store.snapshot()), query, now()).unwrap()
}

fn ranked(store: &Store, query: &str) -> Rows {
    let mut rows = unranked(store, query);
    while !rows.rank() {}
    rows
}

/// The whole text of what a query selects.
fn text(store: &Store, query: &str) -> String {
    String::from_utf8(ranked(store, query).flatten().collect()).unwrap()
}

fn rows(store: &Store, query: &str) -> Vec<Value> {
    let mut text: Value = serde_json::from_str(&text(store, query)).unwrap();
    let rows = text["identities"].as_array_mut().unwrap();
    rows.iter_mut().map(Value::take).collect()
}

/// The pool's last character and the identity's number of each row.
fn selected(store: &Store, query: &str) -> Vec<String> {
    let rows = rows(store, query);
    let name = |row: &Value| {
        let [pool, id] = ["identity_pool_id", "identity_id"].map(|id| row[id].as_str().unwrap());
        format!("{}{}", &pool[3..], id[2..].trim_start_matches('0'))
    };
    rows.iter().map(name).collect()
}

/// Identities 1 to 7 of the first pool, and one of the second.
fn sample() -> Store {
    let store = store([8, 2]);
    record(&store, (0, 1), Ok(usage(1, 900_000, 40.0)));
    record(&store, (0, 2), Ok(usage(3, 1_200_000, 2.0)));
    record(&store, (0, 3), Ok(usage(20, 3_000, 0.5)));
    record(&store, (0, 4), Err(Failure::NotFound));
    record(&store, (0, 5), Ok(Usage::default()));
    record(&store, (0, 6), Ok(usage(2, 600_000, 1.0)));
    list(&store, 6, &[(590_000, 1_000), (10_000, 3)]);
    record(&store, (1, 1), Ok(usage(2, 1_200_000, 3.0)));
    store
}

#[test]
fn without_parameters_all_are_listed_by_pool_and_id() {
    let store = sample();
    let all = ["0", "01", "02", "03", "04", "05", "06", "07", "1", "11"];
    assert_eq!(selected(&store, ""), all);
    let rows = rows(&store, "");
    let of = |row: usize| {
        let columns = [
            "state",
            "largest_dataset_storage_bytes",
            "largest_dataset_records",
            "exact",
        ];
        columns.map(|column| rows[row][column].to_string())
    };
    assert_eq!(of(0), ["\"pending\"", "null", "null", "null"]);
    assert_eq!(of(1), ["\"fresh\"", "900000", "null", "true"]);
    assert_eq!(of(2), ["\"fresh\"", "400000", "null", "false"]);
    assert_eq!(of(4), ["\"missing\"", "null", "null", "null"]);
    assert_eq!(of(5), ["\"fresh\"", "null", "null", "null"]);
    assert_eq!(of(6), ["\"fresh\"", "590000", "1000", "true"]);
    assert_eq!(rows[6]["last_modified"], now().unix - DAY);
    assert_eq!(rows[6]["last_success"], now().unix - 60.0);
}

#[test]
fn filters() {
    let store = sample();
    for (query, expected) in [
        ("pool=r:a1", &["1", "11"] as &[&str]),
        ("pool=production&limit=2", &["0", "01"]),
        ("state=missing", &["04"]),
        ("state=pending", &["0", "07", "1"]),
        ("modified_within=1d", &["03", "06"]),
        ("idle_for=1d", &["01", "02", "06", "11"]),
        ("idle_for=2d&modified_within=3d", &["02", "11"]),
        ("near=0.8", &["01", "03", "06"]),
        ("near=1", &["03"]),
        ("near=0.5&pool=r:a1", &["11"]),
        ("near=1.01", &[]),
        ("state=fresh&near=0.8&limit=1", &["01"]),
    ] {
        assert_eq!(selected(&store, query), expected, "{query}");
    }
    let query = Query::parse("pool=other").unwrap();
    let error = Rows::new(Arc::new(store.snapshot()), query, now())
        .err()
        .unwrap();
    assert!(error.to_string().starts_with("parameter pool: expected"));
}

#[test]
fn orders_with_the_unknown_last_and_equals_by_id() {
    let store = sample();
    let known = "state=fresh";
    for (sort, expected) in [
        ("largest_dataset", ["01", "11", "06", "02", "03", "05"]),
        ("storage", ["02", "11", "01", "06", "03", "05"]),
        ("datasets", ["03", "02", "06", "11", "01", "05"]),
        ("last_modified", ["01", "11", "02", "06", "03", "05"]),
        ("full_at", ["01", "02", "03", "05", "06", "11"]),
    ] {
        let query = format!("{known}&sort={sort}");
        assert_eq!(selected(&store, &query), expected, "{sort}");
        let first = selected(&store, &format!("{query}&limit=2"));
        assert_eq!(first, expected[..2], "{sort}");
    }
    let unknown = selected(&store, "sort=storage").split_off(5);
    assert_eq!(unknown, ["0", "04", "05", "07", "1"]);
    let last_success = rows(&store, "sort=last_success");
    let times = last_success.iter().map(|row| row["last_success"].as_f64());
    let known: Vec<_> = times.flatten().collect();
    assert_eq!(known.len(), 6);
    assert!(known.is_sorted());
}

#[test]
fn who_is_full_first_comes_first() {
    let store = store([4, 1]);
    // Each grows for ten days; the third has two datasets and no list.
    for day in 0..=10 {
        for (identity, datasets, a_day) in [(0, 1, 10_000), (1, 1, 40_000), (2, 2, 80_000)] {
            let asked = at((90 + day) as f64 * DAY);
            let usage = Usage {
                datasets: Some(datasets),
                storage_bytes: Some(200_000 + day * a_day),
                last_modified: Some(asked.unix - 3_600.0),
            };
            let observed = Observation::of_identity(PoolIndex(0), identity, asked, Ok(usage));
            store.record(&observed);
        }
    }
    assert_eq!(
        selected(&store, "sort=full_at"),
        ["01", "0", "02", "03", "1"]
    );
    let days: Vec<_> = rows(&store, "sort=full_at")
        .iter()
        .map(|row| Some((row["full_at"].as_f64()? - now().unix) / DAY))
        .collect();
    // (1,038,090 - 600,000) / 40,000, rather late than early; (1,038,090 - 300,000) / 10,000.
    assert!((10.9..14.0).contains(&days[0].unwrap()), "{days:?}");
    assert!((73.0..90.0).contains(&days[1].unwrap()), "{days:?}");
    assert_eq!(days[2..], [None; 3]);
    let csv = text(&store, "sort=full_at&limit=1&format=csv");
    let cell = csv.trim_end().rsplit(',').next().unwrap();
    assert!(
        cell.starts_with("1970-04-2") && cell.ends_with(".000Z"),
        "{cell}"
    );
}

#[test]
fn a_long_list_comes_in_bounded_blocks_and_is_the_same_as_csv() {
    let store = store([3_000, 5_000]);
    let pools = [(0, 3_000), (1, 5_000)];
    for (pool, identity) in pools
        .into_iter()
        .flat_map(|(pool, identities)| (0..identities).map(move |identity| (pool, identity)))
    {
        let bytes = (identity as u64 * 7_919 + pool as u64) % 1_000;
        record(&store, (pool, identity), Ok(usage(1, bytes, 1.0)));
    }
    let mut rows = unranked(&store, "sort=storage");
    let mut steps = 1;
    while !rows.rank() {
        steps += 1;
    }
    // Each goes into the order and comes out of it; the last step finds none.
    assert_eq!(steps, (2 * 8_000_usize + 1).div_ceil(BLOCK_IDENTITIES));
    let kept = (rows.ranking.capacity(), rows.ranked.capacity());
    assert_eq!(kept, (0, 8_000));
    for block in rows.clone() {
        assert!(block.len() < BLOCK_SIZE + 1_000, "{}", block.len());
    }
    let json: Value = serde_json::from_slice(&rows.flatten().collect::<Vec<_>>()).unwrap();
    let json = json["identities"].as_array().unwrap();
    let mut expected = json.clone();
    expected.sort_by_key(|row| Reverse(row["storage_bytes"].as_u64()));
    assert_eq!(json.len(), 8_000);
    assert_eq!(*json, expected);
    let csv = text(&store, "sort=storage&format=csv");
    let mut csv = csv::Reader::from_reader(csv.as_bytes());
    let csv: Vec<_> = csv.records().map(Result::unwrap).collect();
    assert_eq!(csv.len(), 8_000);
    for (csv, json) in csv.iter().zip(json) {
        assert_eq!(csv[0], json["identity_pool_id"]);
        assert_eq!(csv[1], json["identity_id"]);
        assert_eq!(csv[5], json["storage_bytes"].to_string());
    }
}

#[test]
fn the_nearest_come_first_by_any_limit_or_by_one() {
    let store = sample();
    // All of 20 datasets, 98 % of the records in one, then 86 %, 57 % and 38 % of the bytes.
    let nearest = ["03", "06", "01", "11", "02"];
    assert_eq!(selected(&store, "sort=nearest")[..5], nearest);
    let of_bytes = "near=0&near_limit=dataset_storage&sort=nearest";
    assert_eq!(selected(&store, of_bytes), ["01", "11", "06", "02", "03"]);
    let latest = ["03", "06", "02", "11", "01"];
    assert_eq!(selected(&store, "sort=latest_modified")[..5], latest);
    // Of equals those that wrote last; a date ahead of now is no later than now.
    for (identity, days_ago) in [(0, 9.0), (5, -1.0), (7, -2.0)] {
        record(&store, (0, identity), Ok(usage(20, 3_000, days_ago)));
    }
    let nearest = ["05", "07", "03", "0"];
    assert_eq!(selected(&store, "sort=nearest")[..4], nearest);
    assert_eq!(selected(&store, "sort=latest_modified")[..2], ["05", "07"]);
}

/// 3,000 identities without usage, and 5,000 that each store another number of bytes.
fn second_pool_known() -> Store {
    let store = store([3_000, 5_000]);
    for identity in 0..5_000 {
        let bytes = identity as u64 * 7_919 % 5_000;
        record(&store, (1, identity), Ok(usage(1, bytes, 1.0)));
    }
    store
}

#[test]
fn a_limit_bounds_what_an_order_keeps() {
    let store = second_pool_known();
    let mut rows = unranked(&store, "sort=storage&limit=10");
    while !rows.rank() {
        assert!(rows.ranking.len() <= 10, "{}", rows.ranking.len());
    }
    assert!(rows.ranked.capacity() <= 10);
    let all = selected(&store, "sort=storage");
    assert_eq!(selected(&store, "sort=storage&limit=10"), all[..10]);
}

#[test]
fn a_search_that_finds_nothing_gives_others_their_turn() {
    let store = store([5_000, 5_000]);
    let blocks: Vec<_> = unranked(&store, "state=missing").collect();
    assert!(
        blocks.len() >= 10_000 / BLOCK_IDENTITIES,
        "{}",
        blocks.len()
    );
    assert!(blocks[1].is_empty());
    assert_eq!(blocks.concat(), b"{\"identities\":[\n]}\n");
}

#[test]
fn a_page_has_the_first_ones_and_counts_all() {
    let store = second_pool_known();
    let numbers = |query: &str| {
        let rows = ranked(&store, &format!("{query}&format=html"));
        let numbers = rows.ranked().map(|(pool, identity)| (pool.0, identity.0));
        let counts = rows.counts();
        assert_eq!((counts.listed, counts.watched), (8_000, 5_000));
        (numbers.collect::<Vec<_>>(), counts.selected)
    };
    let first: Vec<_> = (0..PAGE_ROWS).map(|number| (0, number)).collect();
    assert_eq!(numbers(""), (first, 8_000));
    let of_state: Vec<_> = (0..PAGE_ROWS).map(|number| (1, number)).collect();
    assert_eq!(numbers("state=fresh"), (of_state, 5_000));
    let most = (0..5_000).max_by_key(|number| number * 7_919 % 5_000);
    assert_eq!(
        numbers("sort=storage&limit=1"),
        (vec![(1, most.unwrap())], 8_000)
    );
    assert_eq!(numbers("state=missing"), (vec![], 0));
}
