//! The search for an identity.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::{
    Exporter, Server, configuration, eventually, identity_id, pool_id, still_world,
};

const IDENTITIES: usize = 70;
const NAME: &str = "<script>alert(1)</script> Ünit";

/// A response: its status, its head and its body.
struct Found {
    status: u16,
    head: String,
    body: String,
}

/// Sends this request line and reads the response as a browser does, without following it.
fn request(exporter: &Exporter, line: &str) -> Found {
    let mut stream = TcpStream::connect(&exporter.address).unwrap();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: x\r\nAccept: text/html,*/*;q=0.8\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Found {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

fn search(exporter: &Exporter, text: &str) -> Found {
    let text: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    request(exporter, &format!("GET /search?id={text}"))
}

impl Found {
    /// Where it leads to.
    fn location(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.head);
        let mut lines = self.head.lines();
        lines
            .find_map(|line| line.strip_prefix("location: "))
            .unwrap()
    }

    /// How many identities it lists.
    fn rows(&self) -> usize {
        self.body.matches("<td data-label=\"Identity\">").count()
    }
}

/// Two pools whose second one lists the last identity of the first too; three have names.
fn exporter(server: &Server) -> Exporter {
    let text = configuration("interval: 1s, stale_after: 1h", &server.url, 2, IDENTITIES);
    let mut text = text.replacen(
        &format!("- id: {}\n", pool_id(1)),
        &format!("- id: {}\n  name: second\n", pool_id(1)),
        1,
    );
    for (number, name) in [(3, "Canary 1"), (4, "canary 2"), (5, NAME)] {
        let id = identity_id(number);
        let named = format!("- {{id: '{id}', name: '{name}'}}\n");
        text = text.replace(&format!("- {id}\n"), &named);
    }
    text += &format!("  - {}\n", identity_id(IDENTITIES - 1));
    let exporter = Exporter::start(&text);
    eventually("everyone was polled", || {
        (exporter.in_state(0, "fresh") == IDENTITIES as f64).then_some(())
    });
    exporter
}

#[test]
fn one_identity_is_shown_at_once() {
    let server = Server::start(still_world(2, IDENTITIES));
    let exporter = exporter(&server);
    let hex = |number| identity_id(number).split_once(':').unwrap().1.to_owned();
    for (text, number) in [
        (identity_id(7), 7),
        (format!(" \t{}\r\n", identity_id(7)), 7),
        (format!("us-east-1:{}", hex(10).to_uppercase()), 10),
        (identity_id(7).replace(':', "%3A"), 7),
        (hex(7), 7),
        (hex(10).to_uppercase(), 10),
        // In both pools.
        (hex(IDENTITIES - 1), IDENTITIES - 1),
        ("CANARY 1".to_owned(), 3),
        ("ünit".to_owned(), 5),
    ] {
        let found = search(&exporter, &text);
        let location = format!("api/v1/identities/{}", identity_id(number));
        assert_eq!(found.location(), location, "{text}");
        assert!(
            found.head.contains("cache-control: no-store"),
            "{}",
            found.head
        );
    }
    // Relative, so that it works below the path of a proxy.
    let location = search(&exporter, &identity_id(7)).location().to_owned();
    let page = request(&exporter, &format!("GET /{location}"));
    assert_eq!(page.status, 200);
    assert!(page.body.contains("href=\"../../../\""), "{}", page.body);
}

#[test]
fn several_are_listed_with_how_they_stand() {
    let server = Server::start(still_world(2, IDENTITIES));
    let exporter = exporter(&server);
    let found = search(&exporter, "canary");
    assert_eq!((found.status, found.rows()), (200, 2), "{}", found.body);
    for shown in [
        "2 identities match.",
        "<b>Canary 1</b>",
        "</span>fresh</td>",
        // 4 datasets are 20 % of 20.
        "20 % of 20 datasets",
        &format!(
            "href=\"api/v1/identities/{}\"",
            identity_id(4).replace(':', "%3A")
        ),
        "value=\"canary\"",
    ] {
        assert!(found.body.contains(shown), "{shown}: {}", found.body);
    }

    let all = search(&exporter, "us-east-1:");
    assert_eq!((all.status, all.rows()), (200, 50));
    let count = format!(
        "{} identities match; the first 50 are shown.",
        2 * IDENTITIES + 1
    );
    assert!(all.body.contains(&count), "{}", all.body);
    let tens = search(&exporter, "us-east-1:11111111-1111-4111-8111-00000000001");
    assert_eq!(tens.rows(), 16, "{}", tens.body);

    // The page of a name that looks like HTML.
    let odd = search(&exporter, "a");
    assert!(
        odd.body.contains("&#60;script&#62;alert(1)"),
        "{}",
        odd.body
    );
    assert!(!odd.body.contains("<script"), "{}", odd.body);
}

#[test]
fn what_is_not_found_or_not_asked_is_said() {
    let server = Server::start(still_world(2, IDENTITIES));
    let exporter = exporter(&server);
    for text in [
        "nobody",
        "us-east-1:2",
        "\"><script>alert(2)</script>",
        "100%",
        "%ff",
    ] {
        let found = search(&exporter, text);
        assert_eq!(found.status, 404, "{text}");
        assert!(
            found.body.contains("No identity is found for"),
            "{}",
            found.body
        );
        assert!(!found.body.contains("<script"), "{}", found.body);
        let counts = format!("{} identities are searched, 3 of them", 2 * IDENTITIES + 1);
        assert!(found.body.contains(&counts), "{}", found.body);
    }
    let escaped = search(&exporter, "\"><script>").body;
    assert!(
        escaped.contains("value=\"&#34;&#62;&#60;script&#62;\""),
        "{escaped}"
    );
    for text in ["", "  \t"] {
        let found = search(&exporter, text);
        assert_eq!((found.status, found.rows()), (200, 0));
        assert!(
            found.body.contains("The box takes the id"),
            "{}",
            found.body
        );
    }
    let long = search(&exporter, &"x".repeat(201));
    assert_eq!(long.status, 400);
    assert!(
        long.body.contains("expected at most 200 characters"),
        "{}",
        long.body
    );
    assert!(
        long.body.contains("href=\"./\">Status page"),
        "{}",
        long.body
    );
    for line in ["/search?id=canary", "/search?id=nobody", "/search"] {
        let head = request(&exporter, &format!("HEAD {line}"));
        let get = request(&exporter, &format!("GET {line}"));
        assert_eq!((head.status, &*head.body), (get.status, ""), "{line}");
        for header in [
            "content-type: text/html; charset=utf-8",
            "cache-control: no-store",
            "form-action 'self'",
        ] {
            assert!(get.head.contains(header), "{header}: {}", get.head);
        }
    }
}
