//! What people look at: the status page and the same as JSON.

use cognitosync_exporter::api::{Dataset, Operation};
use cognitosync_exporter::simulator::{Fault, Life};
use serde_json::{Value, json};

use crate::support::{
    Exporter, PASSWORD, Server, configuration, eventually, get, identity_id, pool_id, still_world,
    usage,
};

/// May show identities' ids, as `/metrics` does, so it is not searched for them.
pub(crate) fn page(exporter: &Exporter, path: &str) -> (u16, String) {
    get(&exporter.url(path))
}

pub(crate) fn status(exporter: &Exporter) -> Value {
    serde_json::from_str(&page(exporter, "/api/v1/status").1).unwrap()
}

pub(crate) fn dataset(bytes: u64, records: u64) -> Dataset {
    Dataset {
        name: Some(format!("dataset of {bytes}")),
        storage_bytes: Some(bytes),
        records: Some(records),
        last_modified: Some(1_700_000_000.5),
    }
}

#[test]
fn the_page_and_the_json_tell_what_the_world_is_like() {
    let server = Server::start(still_world(2, 30));
    server.simulator.world(|world| {
        let full = Life::Datasets(vec![dataset(1 << 20, 7)]);
        world.insert(&pool_id(1), &identity_id(41), full);
        world.remove(&pool_id(0), &identity_id(3));
    });
    let text = configuration(
        "interval: 2s, attempts: 1, rate_limit: 100",
        &server.url,
        2,
        30,
    );
    let text = text.replacen(
        "  endpoint_url",
        "  name: \"<script>alert('x')</script> & \\\"co\\\"\"\n  endpoint_url",
        1,
    );
    let exporter = Exporter::start(&text);
    let status = eventually("everyone was polled", || {
        let status = status(&exporter);
        let settled = |pool: usize| status["pools"][pool]["states"]["pending"] == 0;
        (settled(0) && settled(1)).then_some(status)
    });
    assert_eq!(
        status["pools"][0]["states"],
        json!({"pending": 0, "fresh": 29, "failing": 0, "stale": 0, "missing": 1})
    );
    assert_eq!(status["pools"][0]["reasons"], json!({"not_found": 1}));
    let pool = &status["pools"][1];
    assert_eq!(pool["watched_identities"], 30);
    assert_eq!(status["first_sweep"], Value::Null, "everyone was asked");
    assert_eq!(
        pool["dataset_storage_used"][3],
        json!({"ge": 0.99, "lt": null, "count": 1})
    );
    assert_eq!(
        pool["full_within"],
        json!([{"window": "7d", "count": 0}, {"window": "30d", "count": 0}])
    );
    let within = pool["modified_within"].as_array().unwrap();
    assert_eq!((within.len(), &within[1]["window"]), (7, &json!("1d")));
    assert_eq!(
        (&pool["full_identities"], &pool["near_identities"]),
        (&json!(1), &json!(8))
    );
    let near = &pool["near_limits"][0];
    assert_eq!(
        (&near["limit"], &near["full"]),
        (&json!("dataset_storage"), &json!(1))
    );
    let fullest = &status["fullest_identities"];
    assert_eq!(fullest.as_array().unwrap().len(), 10);
    let first = &fullest[0];
    assert_eq!(first["identity_id"], identity_id(41));
    assert_eq!(
        (
            &first["nearest"]["limit"],
            &first["nearest"]["value"],
            &first["nearest"]["used_ratio"]
        ),
        (&json!("dataset_storage"), &json!(1 << 20), &json!(1.0))
    );
    let used = |full: &Value| full["nearest"]["used_ratio"].as_f64();
    let used: Vec<_> = fullest.as_array().unwrap().iter().map(used).collect();
    assert!(used.is_sorted_by(|a, b| a >= b), "{fullest}");
    assert_eq!(
        (&first["full"], &first["full_at"]),
        (&json!(true), &Value::Null)
    );
    let failures = &status["failures"];
    let failed = &failures[0]["latest"];
    assert_eq!(
        (
            failures.as_array().unwrap().len(),
            &failures[0]["reason"],
            &failures[0]["count"],
            &failed[0]["identity_id"],
            &failed[0]["attempts"],
        ),
        (
            1,
            &json!("not_found"),
            &json!(1),
            &json!(identity_id(3)),
            &json!(1)
        ),
        "{failures}"
    );
    assert!(
        failed[0]["next"]["why"]
            .as_str()
            .unwrap()
            .contains("once in 1d"),
        "{failed}"
    );
    let budget = &status["polling"]["budgets"][0];
    assert_eq!(budget["credentials"], json!({"good": true}));
    assert_eq!(
        (&budget["throttled"], &budget["unreachable"]),
        (&json!(false), &Value::Null)
    );
    let of_code = |code: &str| {
        let all = status["attention"].as_array().unwrap();
        let found: Vec<_> = all.iter().filter(|it| it["code"] == code).collect();
        assert_eq!(found.len(), 1, "{code}: {all:#?}");
        found[0].clone()
    };
    // Its dataset was written to years ago.
    let full = json!({
        "code": "full",
        "severity": "info",
        "identity_pool_id": pool_id(1),
        "limit": "dataset_storage",
        "count": 1,
        "text": format!(
            "{}: 1 identity is full: 1.0 MiB in a dataset, and none has written for 30 days.",
            pool_id(1)
        ),
        "identities": [{"identity_id": identity_id(41), "name": null}],
    });
    assert_eq!(of_code("full"), full);
    let missing = of_code("missing");
    assert_eq!(
        (
            &missing["identity_pool_id"],
            &missing["identities"][0]["identity_id"]
        ),
        (&json!(pool_id(0)), &json!(identity_id(3)))
    );

    let (code, html) = page(&exporter, "/");
    assert_eq!(code, 200);
    assert!(
        html.contains(&identity_id(41))
            && html.contains("not_found")
            && html.contains("from 99 % <b>1</b>"),
        "{html}"
    );
    assert!(
        html.contains(&format!("href=\"#pool-{}\"", pool_id(1)))
            && html.contains(&format!("id=\"pool-{}\"", pool_id(1))),
        "the pool's line leads to its card: {html}"
    );
    let link = |words: &str| {
        let (before, _) = html.split_once(&format!("\">{words}</a>")).unwrap();
        let (_, link) = before.rsplit_once("href=\"").unwrap();
        format!("/{}", link.replace("&#38;", "&"))
    };
    let (_, list) = page(&exporter, &link("1 identity is full"));
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["identities"].as_array().unwrap().len(), 1, "{list}");
    let (_, list) = page(&exporter, &link("1 identity is missing"));
    assert!(list.contains(&identity_id(3)), "{list}");
    let named = format!("title=\"{}\" href=\"", identity_id(41));
    let (_, named) = html.split_once(&named).expect("the full one is named");
    let (named, _) = named.split_once('"').unwrap();
    assert_eq!(page(&exporter, &format!("/{named}")).0, 200);
    assert!(
        html.contains("of 29 of 29 identities (1 more does not exist)</p>")
            && html.contains("The fullest of 59 of 59 identities (1 more does not exist)."),
        "sums say of how many they are: {html}"
    );
    assert!(
        html.contains(
            "2 pools, 60 identities, usage known of 59: <a href=\"#full\">1 full, 12 nearly"
        ),
        "{html}"
    );
    assert!(!html.contains("<progress"), "no sweep is under way: {html}");
    assert!(
        !html.contains("<script") && html.contains("&#60;script&#62;alert"),
        "names are escaped: {html}"
    );
    let agent = ureq::get(exporter.url("/")).call().unwrap();
    let policy = agent.headers()["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-")
            && policy.contains("; form-action 'self';")
            && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(agent.headers()["cache-control"], "no-store");
}

#[test]
fn a_pool_that_is_denied_or_not_found_as_a_whole_is_one_sentence() {
    let server = Server::start(still_world(1, 5));
    let describe = Operation::DescribeIdentityUsage;
    let deny = |fault| {
        let simulator = &server.simulator;
        simulator.set_operation_fault(describe, Some(&pool_id(0)), fault);
    };
    deny(Some(Fault::Error(403, "AccessDeniedException")));
    let poll = "interval: 1s, max_age: 4s, attempts: 1, rate_limit: 100";
    let exporter = Exporter::start(&configuration(poll, &server.url, 2, 5));
    let [denied, unknown] = [pool_id(0), pool_id(1)];
    let is_denied = "is denied (access_denied): iam-policy prints what is needed";
    let is_not_found = "is not found in us-east-1 with these credentials: wrong pool id, region or \
                        account";
    let sentences = [
        format!("every poll of pool {denied} {is_denied}"),
        format!("pool {unknown} {is_not_found}"),
    ];
    let attention = [
        (
            "pool_denied",
            format!("{denied}: every poll of it {is_denied}."),
        ),
        ("pool_not_found", format!("{unknown}: it {is_not_found}.")),
    ];
    let attention = attention.map(|(code, text)| json!([code, "warning", text]));
    eventually("two sentences, and none on identities", || {
        let status = status(&exporter);
        let is_polled = status["pools"][1]["states"]["missing"] == 5;
        let said = status["attention"].as_array().unwrap().iter();
        let said = said.map(|it| json!([it["code"], it["severity"], it["text"]]));
        (is_polled && said.eq(attention.iter().cloned())).then_some(())
    });
    let (_, html) = page(&exporter, "/");
    let line = format!("\">{unknown}</a>: it {is_not_found}</li>");
    assert!(html.contains(&line), "{html}");
    for sentence in &sentences {
        let warnings = exporter.told(sentence);
        assert!(
            warnings.len() == 1 && warnings[0].contains("level=warn"),
            "{warnings:?}"
        );
    }

    deny(None);
    server.simulator.world(|world| {
        for number in 5..10 {
            world.insert(&unknown, &identity_id(number), Life::Still(usage(number)));
        }
    });
    eventually("all is well", || {
        (status(&exporter)["attention"] == json!([])).then_some(())
    });
    for over in [
        format!("polls of pool {denied} are no longer all denied"),
        format!("AWS no longer reports pool {unknown} as not found"),
    ] {
        let ends = exporter.told(&over);
        assert!(
            ends.len() == 1 && ends[0].contains("level=info"),
            "{ends:?}"
        );
    }
}

#[test]
fn a_first_sweep_is_shown_with_its_end() {
    let server = Server::start(still_world(1, 200));
    let poll = "interval: 1h, rate_limit: 10, attempts: 1";
    let exporter = Exporter::start(&configuration(poll, &server.url, 1, 200));
    let began = status(&exporter)["first_sweep"].take();
    assert_eq!(
        (&began["identities"], &began["measured"]),
        (&json!(200), &json!(false)),
        "{began}"
    );
    // Each has its turn at a fixed point in the hour.
    let epoch = std::time::SystemTime::UNIX_EPOCH;
    let ends = humantime::parse_rfc3339(began["ends"].as_str().unwrap()).unwrap();
    let ends = ends.duration_since(epoch).unwrap().as_secs_f64();
    let ends = ends - epoch.elapsed().unwrap().as_secs_f64();
    assert!((3_500.0..=3_601.0).contains(&ends), "{ends}");
    let (_, html) = page(&exporter, "/");
    assert!(
        html.contains("<progress max=\"100\" value=\"")
            && html.contains(" of 200 identities were polled; it ends at ")
            && html.contains(" UTC at the earliest (in 60 min)."),
        "{html}"
    );
    let told = exporter.told(" pools=1 identities=200 ");
    assert!(told[0].contains(" first_sweep=1h "), "{told:?}");
}

#[test]
fn the_last_line_of_a_first_sweep_says_how_many_fail() {
    let server = Server::start(still_world(1, 1_000));
    let fault = Fault::Error(500, "InternalErrorException");
    server.simulator.set_fault(&identity_id(1), Some(fault));
    let poll = "interval: 3s, rate_limit: 1000, attempts: 1";
    let exporter = Exporter::start(&configuration(poll, &server.url, 1, 1_000));
    let line = &exporter.told("first sweep complete")[0];
    assert!(line.contains("asked=1000 identities=1000 "), "{line}");
    assert!(line.contains(" failing=1 "), "{line}");
}

#[test]
fn all_of_it_stands_behind_the_login() {
    let server = Server::start(still_world(1, 1));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("web.yaml");
    let hash = bcrypt::hash_with_salt(PASSWORD, 4, [7; 16]).unwrap();
    std::fs::write(&file, format!("basic_auth_users: {{me: \"{hash}\"}}\n")).unwrap();
    let flag = format!("--web.config.file={}", file.display());
    let exporter = Exporter::start_with(
        &configuration("interval: 1s", &server.url, 1, 1),
        &[&flag],
        |command| command,
    );
    for path in [
        "/",
        "/api/v1/status",
        "/api/v1/identities",
        &format!("/api/v1/identities/{}", identity_id(0)),
        "/search?id=a",
        "/metrics",
    ] {
        assert_eq!(
            page(&exporter, path),
            (401, "Unauthorized\n".to_owned()),
            "{path}"
        );
    }
}
