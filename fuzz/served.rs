//! The whole web server, the panics of its threads, and requests that are nearly good.

use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use exporter_web::WebConfigFile;

use crate::filled::{Served, serve_with, store};

/// A server that has not answered for so long never will: more than any of its deadlines.
pub(crate) const NEVER: Duration = Duration::from_secs(90);

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Fields, and what stands in them. The first ones are HTTP/2's form of a request line.
const FIELDS: [(&str, &[&str]); 20] = [
    (
        ":method",
        &[
            "GET", "HEAD", "POST", "OPTIONS", "CONNECT", "TRACE", "PRI", "get",
        ],
    ),
    (
        ":path",
        &[
            "/",
            "/metrics",
            "/metrics?a=b#c",
            "/api/v1/status",
            "/api/v1/identities/",
            "/api/v1/identities/%zz",
            "/-/healthy",
            "/-/ready",
            "/-/reload",
            "//",
            "/../etc",
            "*",
            "a:80",
            "a",
            "http://a",
            "https://a/metrics",
            "",
            "/ /",
        ],
    ),
    (
        ":authority",
        &[
            "a",
            "a:80",
            "[::1]:80",
            "user@a:99999",
            ":0",
            "",
            "a b",
            "/",
        ],
    ),
    (":scheme", &["https", "http", "ftp", "", ":"]),
    (
        ":protocol",
        &[
            "HTTP/1.0",
            "HTTP/1.1",
            "HTTP/2.0",
            "HTTP/9.9",
            "websocket",
            "",
        ],
    ),
    (":status", &["200"]),
    ("host", &["a", "a, b", "", "[::1]:80"]),
    ("connection", &["close", "keep-alive, upgrade", "te"]),
    ("te", &["trailers", "gzip"]),
    (
        "transfer-encoding",
        &["chunked", "gzip, chunked", "identity", ""],
    ),
    ("content-length", &["0", "5", "-1", "99999999999999999999"]),
    (
        "accept",
        &["*/*", "application/openmetrics-text;version=1.0.0", ";"],
    ),
    ("accept-encoding", &["gzip", "zstd", "identity;q=0", ","]),
    ("authorization", &["Basic YTpi", "Basic", "Bearer x"]),
    ("cookie", &["a=b", ";"]),
    ("expect", &["100-continue", "x"]),
    ("upgrade", &["h2c", "websocket"]),
    ("range", &["bytes=0-1"]),
    ("x", &["\r\n\r\n", "\0", "\u{fffd}"]),
    ("X y", &["", "x"]),
];

/// A good request, as HTTP/2 has it, with some of its fields replaced, removed or added.
pub(crate) fn request(input: &[u8]) -> Vec<(&'static str, String)> {
    let good = [
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/metrics"),
        (":authority", "a"),
    ];
    let mut fields: Vec<_> = good.map(|(name, value)| (name, value.to_owned())).into();
    let pick = |byte: u8, length: usize| usize::from(byte) % length;
    for edit in input.chunks_exact(3).take(3) {
        let (name, values) = FIELDS[pick(edit[0], FIELDS.len())];
        let value = values[pick(edit[1], values.len())].to_owned();
        let known = fields.iter().position(|(known, _)| *known == name);
        match (known, edit[2]) {
            (Some(known), 0..32) => drop(fields.remove(known)),
            (Some(known), 32..192) => fields[known].1 = value,
            (Some(known), 192..224) => fields[known].1 = char::from(edit[1]).to_string(),
            _ => fields.push((name, value)),
        }
    }
    fields
}

/// A server's address.
pub(crate) fn start(web_config: Option<WebConfigFile>) -> String {
    static COUNTING: Once = Once::new();
    COUNTING.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            // A target's own panic is its failure, and counts by itself.
            if std::thread::current().name() == Some("tokio-rt-worker") {
                PANICS.fetch_add(1, Relaxed);
            }
            others(panic);
        }));
    });
    serve_with(store(3), Served::AsAsked, web_config)
}

/// That no thread of a server has panicked so far.
pub(crate) fn assert_no_panics(input: &[u8]) {
    assert_eq!(PANICS.load(Relaxed), 0, "{}", input.escape_ascii());
}
