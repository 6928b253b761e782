//! One identity as a page for people.

use cognitosync_exporter::simulator::{Fault, Life};
use serde_json::Value;

use crate::status::dataset;
use crate::support::{
    Exporter, Server, configuration, eventually, identity_id, pool_id, still_world,
};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// A response: its status, the values of two headers and its body.
#[derive(Debug)]
struct Answer {
    status: u16,
    content_type: String,
    vary: String,
    body: String,
}

fn ask(exporter: &Exporter, path: &str, accept: Option<&str>) -> Answer {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .accept(accept.unwrap_or_default())
        .build()
        .into();
    let mut response = agent.get(exporter.url(path)).call().unwrap();
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    Answer {
        status: response.status().as_u16(),
        content_type: header("content-type"),
        vary: header("vary"),
        body: response.body_mut().read_to_string().unwrap(),
    }
}

/// The page about an identity.
fn shown(exporter: &Exporter, id: &str) -> String {
    let path = format!("/api/v1/identities/{id}");
    ask(exporter, &path, Some(BROWSER)).body
}

#[test]
fn browsers_are_shown_a_page_and_programs_json() {
    let server = Server::start(still_world(1, 2));
    let exporter = Exporter::start(&configuration("interval: 1h", &server.url, 1, 2));
    let path = format!("/api/v1/identities/{}", identity_id(0));
    let html = "text/html; charset=utf-8";
    let json = "application/json";
    for (query, accept, expected) in [
        ("", Some(BROWSER), html),
        ("", Some("*/*"), json),
        ("", Some("application/json"), json),
        ("", Some("text/html;q=0.1, application/json"), json),
        ("", Some("image/png"), json),
        ("", None, json),
        ("?format=json", Some(BROWSER), json),
        ("?format=html", Some("*/*"), html),
    ] {
        let answer = ask(&exporter, &format!("{path}{query}"), accept);
        assert_eq!(
            (answer.status, &*answer.content_type, &*answer.vary),
            (200, expected, "accept"),
            "{query} {accept:?}"
        );
        let is_json = serde_json::from_str::<Value>(&answer.body).is_ok();
        assert_eq!(is_json, expected == json, "{query} {accept:?}");
    }
    let unknown = format!("/api/v1/identities/{}", identity_id(9));
    for (path, status, why) in [
        (
            "/api/v1/identities/%3Cscript%3E",
            400,
            "expected an identity id such as us-",
        ),
        (
            &*unknown,
            404,
            "no pool of the configuration lists this identity",
        ),
        (
            &format!("{path}?format=xml"),
            400,
            "parameter format: expected one of json, html",
        ),
    ] {
        let page = ask(&exporter, path, Some(BROWSER));
        assert_eq!((page.status, &*page.content_type), (status, html), "{path}");
        for shown in [
            why,
            "href=\"../../../\">Status page",
            "action=\"../../../search\"",
        ] {
            assert!(page.body.contains(shown), "{shown}: {}", page.body);
        }
        assert!(!page.body.contains("<script"), "{}", page.body);
        let answer = ask(&exporter, path, Some("*/*"));
        assert_eq!(
            (answer.status, &*answer.content_type, &*answer.vary),
            (status, json, "accept")
        );
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        assert!(
            answer["error"].as_str().unwrap().starts_with(why),
            "{answer}"
        );
    }
}

#[test]
fn a_page_says_what_is_known_and_why_polls_fail() {
    let server = Server::start(still_world(2, 2));
    let datasets = Life::Datasets(vec![dataset(900_000, 2), dataset(10_000, 1_020)]);
    let [full, failing] = [identity_id(0), identity_id(1)];
    server.simulator.world(|world| {
        world.insert(&pool_id(0), &full, datasets.clone());
        world.insert(&pool_id(1), &full, datasets);
    });
    let denied = Fault::Error(403, "AccessDeniedException");
    server.simulator.set_fault(&failing, Some(denied));
    let text = configuration("interval: 1s, attempts: 1", &server.url, 2, 2);
    let text = text.replace(
        &format!("- {full}\n"),
        &format!("- {{id: '{full}', name: '<i>canary</i>'}}\n"),
    );
    let text = text.replacen("- id:", "- name: first\n  id:", 1) + &format!("  - {full}\n");
    let exporter = Exporter::start(&text);
    let page = eventually("lists in both pools", || {
        let page = shown(&exporter, &full);
        (page.matches("dataset of 900000").count() == 2).then_some(page)
    });
    for shown in [
        "<h1>&#60;i&#62;canary&#60;/i&#62;</h1>",
        &full,
        "<h2>In pool first</h2>",
        &format!("<h2>In pool {}</h2>", pool_id(1)),
        "fresh: the last poll succeeded",
        "85 % of 1.0 MiB in a dataset: <b>nearly full</b>",
        "99 % of 1024 records in a dataset: <b>full: AWS refuses writes, or will soon</b>",
        "10 % of 20 datasets",
        "888.7 KiB in 2 datasets",
        "878.9 KiB, 85 %",
        "1,020, 99 %",
        "<b class=\"name\">dataset of 10000</b>: full",
        "as far as AWS shows, they have not changed since.",
        "a dataset is full",
        "at most every 1 s (interval), and at least every",
        "<td data-label=\"Result\">succeeded</td>",
        "href=\"?format=json\"",
        "href=\"../../../metrics\"",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(!page.contains("<i>"), "names are escaped: {page}");

    let page = eventually("a poll that failed", || {
        let page = shown(&exporter, &failing);
        page.contains("<code>access_denied</code>").then_some(page)
    });
    for shown in [
        "<h1>Identity</h1>",
        "failing: the last poll failed, and none has succeeded yet",
        "none has succeeded yet.",
        "Not known; the limit is 1.0 MiB in a dataset.",
        "its usage is not known",
        "AWS denies it or does not know it",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
}
