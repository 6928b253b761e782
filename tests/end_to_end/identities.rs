//! The list of identities as JSON and CSV, read by other people's parsers, and as a page.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::support::{
    Exporter, Server, configuration, eventually, get, identity_id, pool_id, still_world, usage,
};

const IDENTITIES: usize = 300;

/// All identities polled, one of them with a name that looks like a formula.
fn exporter(server: &Server) -> Exporter {
    let poll = "interval: 1s, stale_after: 1h, rate_limit: 10000";
    let text = configuration(poll, &server.url, 1, IDENTITIES);
    let id = identity_id(7);
    let named = format!("- {{id: {id}, name: '=1+1'}}\n");
    let exporter = Exporter::start(&text.replace(&format!("- {id}\n"), &named));
    eventually("everyone was polled", || {
        (exporter.in_state(0, "fresh") == IDENTITIES as f64).then_some(())
    });
    exporter
}

#[test]
fn both_formats_show_the_world_in_order() {
    let server = Server::start(still_world(1, IDENTITIES));
    let exporter = exporter(&server);
    let list = |query: &str| get(&exporter.url(&format!("/api/v1/identities?{query}")));

    let (status, json) = list("sort=storage&limit=290");
    let json: Value = serde_json::from_str(&json).unwrap();
    let rows = json["identities"].as_array().unwrap();
    assert_eq!((status, rows.len()), (200, 290));
    for (row, number) in rows.iter().zip((0..IDENTITIES).rev()) {
        let expected = usage(number);
        assert_eq!(row["identity_pool_id"], pool_id(0));
        assert_eq!(row["identity_id"], identity_id(number));
        assert_eq!(row["storage_bytes"], expected.storage_bytes.unwrap());
        assert_eq!(row["datasets"], expected.datasets.unwrap());
        assert_eq!(row["last_modified"], expected.last_modified.unwrap());
        assert_eq!(row["full_at"], Value::Null);
    }

    let (status, csv) = list("sort=storage&format=csv");
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let columns = reader.headers().unwrap().clone();
    let of_json = rows[0].as_object().unwrap();
    assert_eq!((status, columns.len()), (200, of_json.len()));
    assert!(columns.iter().all(|column| of_json.contains_key(column)));
    let cells: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(cells.len(), IDENTITIES);
    for (cells, row) in cells.iter().zip(rows) {
        assert_eq!(cells[1], row["identity_id"]);
        assert_eq!(cells[5], row["storage_bytes"].to_string());
    }
    let named = &cells[IDENTITIES - 1 - 7];
    assert_eq!((&named[1], &named[2]), (&*identity_id(7), "'=1+1"));
    assert_eq!(&named[9], "2023-11-14T22:13:27.125Z");

    let (status, error) = list("sort=size");
    assert_eq!(status, 400);
    assert!(error.starts_with("parameter sort: expected one of nearest, "));
    assert_eq!(error.lines().count(), 1);
}

#[test]
fn a_browser_is_shown_the_first_ones() {
    let server = Server::start(still_world(1, IDENTITIES));
    let exporter = exporter(&server);
    let browser = |query: &str| {
        let request = ureq::get(exporter.url(&format!("/api/v1/identities{query}")));
        let request = request.config().http_status_as_error(false).build();
        let mut response = request
            .header("accept", "text/html,*/*;q=0.8")
            .call()
            .unwrap();
        assert_eq!(response.headers()["vary"], "accept");
        let content_type = response.headers()["content-type"].to_str().unwrap();
        (
            response.status().as_u16(),
            content_type.to_owned(),
            response.body_mut().read_to_string().unwrap(),
        )
    };
    let html = "text/html; charset=utf-8";
    let rows = |page: &str| page.matches("<td data-label=\"Identity\">").count();

    let (status, content_type, page) = browser("");
    assert_eq!((status, &*content_type, rows(&page)), (200, html, 100));
    assert!(page.contains("The first 100 of 300 identities, by pool and id."));
    assert!(!page.contains("show all"), "all are shown");
    assert!(page.contains("<b>=1+1</b>"));

    let (_, _, page) =
        browser("?sort=storage&limit=2&pool=us-east-1%3A00000000-0000-4000-8000-000000000000");
    assert_eq!(rows(&page), 2);
    assert!(page.contains("The first 2 of 300 identities, those with most bytes first."));
    let most = page.find(&identity_id(IDENTITIES - 1)).unwrap();
    assert!(most < page.find(&identity_id(IDENTITIES - 2)).unwrap());
    let pool = format!("<b class=\"name\">in pool {}</b>", pool_id(0));
    assert!(page.contains(&pool), "{page}");
    // The links of the page are to the same list.
    let link = page.split("href=\"?").nth(2).unwrap();
    let link = link.split('"').next().unwrap().replace("&#38;", "&");
    let (_, content_type, csv) = browser(&format!("?{link}"));
    assert!(content_type.starts_with("text/csv"), "{link}");
    assert_eq!(csv.lines().count(), 3, "{csv}");

    assert!(page.contains("<a href=\"identities\">show all</a>"));
    let head = ureq::head(exporter.url("/api/v1/identities?format=html&limit=2"));
    let head = head.call().unwrap();
    assert_eq!(head.headers()["content-type"], html);

    let (_, _, page) = browser("?state=missing");
    assert!(page.contains("<p>None is known.</p>"), "{page}");
    let (_, content_type, _) = browser("?format=json");
    assert_eq!(content_type, "application/json");
    let (status, content_type, page) = browser("?pool=other");
    assert_eq!((status, &*content_type), (400, html));
    assert!(page.contains("parameter pool: expected the id or the name of a pool"));
    let (status, content_type, _) = browser("?pool=other&format=json");
    assert_eq!((status, &*content_type), (400, "text/plain; charset=utf-8"));
    let (status, text) = get(&exporter.url("/api/v1/identities?format=html&limit=1"));
    assert_eq!((status, rows(&text)), (200, 1), "named, it is for all");
}

#[test]
fn a_client_without_chunks_gets_the_length() {
    let server = Server::start(still_world(1, IDENTITIES));
    let exporter = exporter(&server);
    let mut stream = TcpStream::connect(&exporter.address).unwrap();
    stream
        .write_all(b"GET /api/v1/identities?sort=datasets HTTP/1.0\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let length = format!("content-length: {}", body.len());
    assert!(head.lines().any(|line| line == length), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["identities"].as_array().unwrap().len(), IDENTITIES);
}
