//! HTTP/1 requests, malformed ones and nearly good ones, to the whole server.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::served::{NEVER, assert_no_panics, request, start};
use crate::words::text;

const WORDS: [&str; 24] = [
    "GET ",
    "POST ",
    "CONNECT ",
    "/",
    "/metrics",
    "a:80",
    "http://a/",
    " HTTP/1.1\r\n",
    " HTTP/1.0\r\n",
    " HTTP/2.0\r\n",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "Host: a\r\n",
    "Host:",
    "Transfer-Encoding: chunked\r\n",
    "Content-Length: 5\r\n",
    "Connection: keep-alive\r\n",
    "Expect: 100-continue\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "\0",
    " ",
];

/// All that comes back until the server closes the connection.
fn exchange(address: &str, request: &[u8], is_whole: bool) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(NEVER)).unwrap();
    // The server may have closed the connection already.
    let _ = stream.write_all(request);
    if !is_whole {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut response = Vec::new();
    match stream.read_to_end(&mut response) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => {
            panic!("{error} after {}", request.escape_ascii())
        }
        _ => response,
    }
}

/// A request with all parts of a head, of which the last says that none follows.
fn head(input: &[u8]) -> String {
    let mut fields = request(input);
    let mut part = |name: &str| {
        let found = fields.iter().position(|(known, _)| *known == name);
        found.map(|found| fields.remove(found).1)
    };
    let mut head = format!(
        "{} {} {}\r\n",
        part(":method").unwrap_or_default(),
        part(":path").unwrap_or_default(),
        part(":protocol").unwrap_or("HTTP/1.1".to_owned()),
    );
    part(":scheme");
    if let Some(host) = part(":authority") {
        write!(head, "Host: {host}\r\n").unwrap();
    }
    for (name, value) in fields {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    head + "Connection: close\r\n\r\n"
}

#[test]
fn http1() {
    let address = start(None);
    let mut statuses = BTreeSet::new();
    bolero::check!()
        .with_iterations(1_500)
        .for_each(|input: &[u8]| {
            let head = head(input);
            let response = exchange(&address, head.as_bytes(), true);
            assert!(response.starts_with(b"HTTP/1."), "{head:?}");
            statuses.insert(String::from_utf8_lossy(&response[9..12]).into_owned());
            exchange(&address, text(&WORDS, input).as_bytes(), false);
            assert_no_panics(input);
        });
    for status in ["200", "400", "404", "405", "501"] {
        assert!(statuses.contains(status), "{statuses:?}");
    }
}
