//! The parameters of the status: of one pool, with so many rows.

use cognitosync_exporter::simulator::Life;
use serde_json::{Value, json};

use crate::status::{dataset, page, status};
use crate::support::{
    Exporter, Server, configuration, eventually, identity_id, pool_id, still_world,
};

#[test]
fn a_status_of_one_pool_with_as_many_rows_as_are_wanted() {
    let server = Server::start(still_world(2, 30));
    server.simulator.world(|world| {
        for identity in 0..25 {
            let full = Life::Datasets(vec![dataset(1 << 20, 7)]);
            world.insert(&pool_id(0), &identity_id(identity), full);
        }
        let nearly_full = Life::Datasets(vec![dataset(900_000, 7)]);
        world.insert(&pool_id(1), &identity_id(41), nearly_full);
        world.remove(&pool_id(1), &identity_id(42));
    });
    let poll = "interval: 2s, attempts: 1, rate_limit: 100";
    let text = configuration(poll, &server.url, 2, 30);
    let name = "  name: 'the first'\n  endpoint_url";
    let exporter = Exporter::start(&text.replacen("  endpoint_url", name, 1));
    let all = eventually("everyone was polled", || {
        let status = status(&exporter);
        let settled = |pool: usize| status["pools"][pool]["states"]["pending"] == 0;
        (settled(0) && settled(1)).then_some(status)
    });
    let pools = |rows: &Value| -> Vec<String> {
        let rows = rows.as_array().unwrap().iter();
        let pools = rows.map(|row| row["identity_pool_id"].as_str().unwrap().to_owned());
        pools.collect()
    };
    let fullest = pools(&all["fullest_identities"]);
    assert_eq!(
        (fullest.len(), &fullest[9]),
        (10, &pool_id(1)),
        "25 that are full hide none that is nearly full"
    );

    let of = |query: &str| -> Value {
        let (code, body) = page(&exporter, &format!("/api/v1/status?{query}"));
        assert_eq!(code, 200, "{body}");
        assert!(body.starts_with("{\n  \"schema_version\": 1,\n"), "{body}");
        serde_json::from_str(&body).unwrap()
    };
    let first = of("pool=the%20first&top=3");
    assert_eq!(first["pools"].as_array().unwrap().len(), 1);
    assert_eq!(first["failures"], json!([]));
    assert_eq!(first["polling"]["budgets"].as_array().unwrap().len(), 1);
    assert_eq!(pools(&first["fullest_identities"]), vec![pool_id(0); 3]);
    assert_eq!(first["writers"], json!([]), "nobody has written for years");
    let attention = first["attention"].to_string();
    assert!(
        attention.contains("the first") && !attention.contains(&pool_id(1)),
        "{attention}"
    );
    let second = of(&format!("top=1&pool={}", pool_id(1)));
    assert_eq!(pools(&second["fullest_identities"]), [pool_id(1)]);
    assert_eq!(second["failures"][0]["count"], 1);
    let one_of_each = of("top=1");
    assert_eq!(
        pools(&one_of_each["fullest_identities"]),
        [pool_id(0), pool_id(1)],
        "each pool with one that is near has a row"
    );
}

/// Each of the two pools has a budget of its own, and one of them no credentials.
#[test]
fn a_pool_is_not_late_because_another_is() {
    let server = Server::start(still_world(2, 3));
    let text = configuration("interval: 1s", &server.url, 2, 3);
    let (good, refused) = text.split_at(text.rfind("- id").unwrap());
    let refused = refused.replacen("  endpoint_url", "  profile: nosuch\n  endpoint_url", 1);
    let exporter = Exporter::start(&format!("{good}{refused}"));
    let of = |pool: usize| -> Value {
        let path = format!("/api/v1/status?pool={}", pool_id(pool));
        serde_json::from_str(&page(&exporter, &path).1).unwrap()
    };
    let late = |status: &Value| status["polling"]["late_seconds"].as_f64().unwrap();
    let good = eventually("one pool is late, the other is not", || {
        let (good, refused) = (of(0), of(1));
        let all = status(&exporter);
        let is_late = late(&refused) > 4.0 && late(&all) > 4.0;
        let calls = &refused["polling"]["calls_per_second"];
        (is_late && late(&good) < 3.0 && *calls == 0.0).then_some(good)
    });
    let codes = |status: &Value| -> Vec<Value> {
        let attention = status["attention"].as_array().unwrap().iter();
        attention.map(|it| it["code"].clone()).collect()
    };
    assert_eq!(codes(&good), [] as [Value; 0]);
    for status in [of(1), status(&exporter)] {
        assert_eq!(codes(&status)[0], "credentials_refused", "{status}");
    }
}

#[test]
fn the_page_loads_itself_again_and_its_parameters_are_checked() {
    let server = Server::start(still_world(2, 3));
    let exporter = Exporter::start(&configuration("interval: 1s", &server.url, 2, 3));
    let refresh = "<meta http-equiv=\"refresh\" content=\"";
    for (query, seconds) in [
        ("", Some(30)),
        ("?refresh=5&top=1", Some(5)),
        ("?refresh=0", None),
    ] {
        let (code, html) = page(&exporter, &format!("/{query}"));
        assert_eq!(code, 200);
        match seconds {
            Some(seconds) => assert!(html.contains(&format!("{refresh}{seconds}\">")), "{html}"),
            None => assert!(!html.contains("http-equiv"), "{html}"),
        }
    }
    // A reload may bring a pool back, but nothing mends a wrong parameter.
    let (code, html) = page(&exporter, "/?pool=third&refresh=7");
    assert!(
        code == 400 && html.contains(&format!("{refresh}7\">")),
        "{html}"
    );
    assert!(html.contains("<a href=\"./\">Status page</a>"), "{html}");
    let (_, html) = page(&exporter, "/?pool=third&refresh=7&colour=red");
    assert!(!html.contains("http-equiv"), "{html}");
    for (path, expected) in [
        ("/?top=0", "top: expected a whole number from 1 to 100"),
        (
            "/?colour=red",
            "colour: expected pool, top or refresh, each at most once",
        ),
        (
            "/?refresh=1d",
            "refresh: expected a whole number of seconds from 0 to 3600",
        ),
        (
            "/api/v1/status?refresh=0",
            "refresh: expected pool or top, each at most once",
        ),
        ("/api/v1/status?top=1&top=2", "top: expected it once"),
        (
            "/api/v1/status?pool=third",
            "pool: expected the id or the name of a pool of the configuration",
        ),
    ] {
        let (code, body) = page(&exporter, path);
        assert_eq!(code, 400, "{path}");
        let expected = format!("parameter {expected}");
        if path.starts_with("/?") {
            assert!(body.contains(&expected) && body.contains("<html"), "{body}");
        } else {
            assert_eq!(body, expected + "\n", "{path}");
        }
    }
}

#[test]
fn links_keep_the_parameters_of_the_page() {
    let server = Server::start(still_world(1, 3));
    let text = configuration("interval: 1s", &server.url, 1, 3);
    let name = "  name: 'a & b'\n  endpoint_url";
    let exporter = Exporter::start(&text.replacen("  endpoint_url", name, 1));
    let html = |query: &str| page(&exporter, &format!("/{query}")).1;
    let all = html("");
    for link in [
        "\"./?refresh=0\"",
        "\"api/v1/status\"",
        "\"api/v1/identities?near=0.8&#38;sort=nearest\"",
    ] {
        assert!(all.contains(link), "{link}: {all}");
    }
    let one = html("?refresh=0&pool=a%20%26%20b&top=3");
    for link in [
        "\"./?pool=a+%26+b&#38;top=3\"",
        "\"api/v1/status?pool=a+%26+b&#38;top=3\"",
        "\"api/v1/identities?pool=a+%26+b&#38;full_within=30d&#38;sort=full_at\"",
        "<b class=\"name\">a &#38; b</b>: <a href=\"./\">show all pools</a>",
    ] {
        assert!(one.contains(link), "{link}: {one}");
    }
    assert!(!all.contains("show all pools"), "{all}");
}
