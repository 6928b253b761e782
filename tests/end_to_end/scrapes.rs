//! `/metrics` as a client gets it: formats, codings, framing, and readers that are slow or go away.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use crate::support::{Exporter, Server, configuration, eventually, samples, still_world};

/// An answer as it came over the wire.
struct Answer {
    head: String,
    /// Chunks put together again.
    body: Vec<u8>,
    raw: Vec<u8>,
}

fn ask(exporter: &Exporter, request: &str) -> Answer {
    let mut stream = TcpStream::connect(&exporter.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).unwrap();
    let end = raw
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(raw[..end].to_vec())
        .unwrap()
        .to_ascii_lowercase();
    let rest = &raw[end + 4..];
    let body = if head.contains("transfer-encoding: chunked") {
        unchunked(rest)
    } else {
        rest.to_vec()
    };
    Answer { head, body, raw }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while !rest.is_empty() {
        let end = rest
            .windows(2)
            .position(|window| window == b"\r\n")
            .unwrap();
        let len = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        body.extend_from_slice(&rest[end + 2..end + 2 + len]);
        rest = &rest[end + 2 + len + 2..];
    }
    body
}

fn request(headers: &str) -> String {
    format!("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n")
}

fn unzipped(body: &[u8]) -> std::io::Result<String> {
    let mut text = String::new();
    flate2::bufread::GzDecoder::new(body).read_to_string(&mut text)?;
    Ok(text)
}

/// Few enough identities for flate2, and enough for the stream that we write ourselves.
#[test]
fn formats_and_codings() {
    for identities in [3, 400] {
        let server = Server::start(still_world(1, identities));
        let exporter = Exporter::start(&configuration(
            "interval: 1s, rate_limit: 10000",
            &server.url,
            1,
            identities,
        ));
        eventually("all fresh", || {
            (exporter.in_state(0, "fresh") == identities as f64).then_some(())
        });
        let text = "text/plain; version=0.0.4; charset=utf-8";
        let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        for (accept, content_type) in [
            ("*/*", text),
            (
                "application/openmetrics-text;version=1.0.0,*/*;q=0.1",
                open_metrics,
            ),
        ] {
            for (accept_encoding, coding) in [
                ("identity", ""),
                ("gzip", "gzip"),
                ("gzip;q=0.5, zstd", "zstd"),
                ("br", ""),
            ] {
                let answer = ask(
                    &exporter,
                    &request(&format!(
                        "Accept: {accept}\r\nAccept-Encoding: {accept_encoding}\r\n"
                    )),
                );
                assert!(
                    answer
                        .head
                        .contains(&format!("content-type: {content_type}")),
                    "{}",
                    answer.head
                );
                assert!(
                    answer.head.contains("vary: accept, accept-encoding"),
                    "{}",
                    answer.head
                );
                let named = answer
                    .head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-encoding: "));
                assert_eq!(named.unwrap_or_default(), coding);
                let body = match coding {
                    "gzip" => unzipped(&answer.body).unwrap(),
                    "zstd" => {
                        String::from_utf8(zstd::stream::decode_all(&*answer.body).unwrap()).unwrap()
                    }
                    _ => String::from_utf8(answer.body).unwrap(),
                };
                assert_eq!(body.ends_with("# EOF\n"), content_type == open_metrics);
                let of_identities = |family: &str| {
                    body.matches(&format!("\ncognitosync_identity_{family}{{"))
                        .count()
                };
                assert_eq!(of_identities("storage_bytes"), identities);
                assert_eq!(of_identities("up"), identities);
                assert_eq!(body.contains("_gcount{"), content_type == open_metrics);
            }
        }
    }
}

/// HTTP/1.0 has no chunks, so its answers carry a length. A connection that it wants kept stays.
#[test]
fn http_1_0_gets_a_length() {
    let server = Server::start(still_world(1, 400));
    let exporter = Exporter::start(&configuration(
        "interval: 1s, rate_limit: 10000",
        &server.url,
        1,
        400,
    ));
    for coding in ["identity", "gzip", "zstd"] {
        let answer = ask(
            &exporter,
            &format!("GET /metrics HTTP/1.0\r\nAccept-Encoding: {coding}\r\n\r\n"),
        );
        let length = answer
            .head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .unwrap();
        assert_eq!(length.parse::<usize>().unwrap(), answer.body.len());
        assert!(
            !answer.head.contains("transfer-encoding"),
            "{}",
            answer.head
        );
    }
}

/// However much of an answer is missing, a real HTTP client, a real decoder or the format's own end
/// says that it is.
#[test]
fn a_cut_body_is_never_taken_for_a_whole_one() {
    let server = Server::start(still_world(1, 2));
    let exporter = Exporter::start(&configuration("interval: 1s", &server.url, 1, 2));
    eventually("both fresh", || {
        (exporter.in_state(0, "fresh") == 2.0).then_some(())
    });
    let open_metrics = "Accept: application/openmetrics-text\r\n";
    let chunked = ask(&exporter, &request(""));
    let zipped = ask(
        &exporter,
        &request(&format!("{open_metrics}Accept-Encoding: gzip\r\n")),
    );
    let with_length = ask(&exporter, "GET /metrics HTTP/1.0\r\n\r\n");
    for answer in [chunked, with_length] {
        cut_everywhere(&answer, 41);
    }
    cut_everywhere(&zipped, 1);
    for len in 0..zipped.body.len() {
        assert!(
            unzipped(&zipped.body[..len]).is_err(),
            "{len} bytes are taken for all {}",
            zipped.body.len()
        );
    }
    let whole = unzipped(&zipped.body).unwrap();
    assert_eq!(
        whole
            .match_indices("# EOF\n")
            .map(|(at, _)| at)
            .collect::<Vec<_>>(),
        [whole.len() - 6]
    );
}

/// Serves beginnings of an answer to an HTTP client, which must refuse all that do not have the
/// whole body: each that ends in the head or near the end, and one in `step` of the others.
fn cut_everywhere(answer: &Answer, step: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (raw, all) = (answer.raw.clone(), answer.raw.len());
    let cuts: Vec<_> = (0..=all)
        .filter(|cut| *cut < 500 || all - cut < 100 || cut % step == 0)
        .collect();
    let served = cuts.clone();
    let server = thread::spawn(move || {
        for cut in served {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4_096];
            assert!(stream.read(&mut request).unwrap() > 0);
            stream.write_all(&raw[..cut]).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        }
    });
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_idle_connections(0)
        .build()
        .into();
    for cut in cuts {
        match agent
            .get(&url)
            .call()
            .and_then(|mut response| response.body_mut().read_to_vec())
        {
            Ok(body) => assert!(
                body == answer.body,
                "{cut} of {all} bytes are taken for a whole answer"
            ),
            Err(error) => assert!(cut < all, "the whole answer is refused: {error}"),
        }
    }
    server.join().unwrap();
}

/// Readers that do not read hold up neither polls nor other readers, nor the end.
#[test]
fn a_slow_reader_delays_nobody() {
    const IDENTITIES: usize = 5_000;
    let server = Server::start(still_world(1, IDENTITIES));
    let mut exporter = Exporter::start(&configuration(
        "interval: 5s, rate_limit: 10000",
        &server.url,
        1,
        IDENTITIES,
    ));
    eventually("all fresh", || {
        (exporter.in_state(0, "fresh") == IDENTITIES as f64).then_some(())
    });
    let slow: Vec<_> = (0..20)
        .map(|_| {
            let stream =
                socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            stream.set_recv_buffer_size(4_096).unwrap();
            stream
                .connect(
                    &exporter
                        .address
                        .parse::<std::net::SocketAddr>()
                        .unwrap()
                        .into(),
                )
                .unwrap();
            let mut stream = TcpStream::from(stream);
            stream.write_all(request("").as_bytes()).unwrap();
            let mut first = [0; 16];
            stream.read_exact(&mut first).unwrap();
            stream
        })
        .collect();
    let before = exporter.samples();
    assert_eq!(
        before["cognitosync_exporter_web_connections"], 21.0,
        "the slow ones are there"
    );
    let polls = before["cognitosync_exporter_polls_total"];
    eventually("more polls", || {
        (exporter.samples()["cognitosync_exporter_polls_total"] > polls).then_some(())
    });
    // What the slow ones asked for is whole, and of the moment when they asked.
    let mut late = slow.into_iter().next().unwrap();
    let mut rest = String::new();
    late.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("0\r\n\r\n"));
    assert_eq!(
        rest.matches("cognitosync_identity_up{").count(),
        IDENTITIES,
        "no chunk ends within a name"
    );
    exporter.signal("TERM");
    assert_eq!(exporter.wait().code(), Some(0));
}

/// The one that counts is not counted yet.
#[test]
fn scrapes_are_counted_when_they_are_answered() {
    let server = Server::start(still_world(1, 1));
    let exporter = Exporter::start(&configuration("interval: 1s", &server.url, 1, 1));
    let scrapes = |answer: &Answer| samples(std::str::from_utf8(&answer.body).unwrap())["cognitosync_exporter_scrapes_total"];
    let head = ask(
        &exporter,
        "HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    assert!(head.body.is_empty());
    assert_eq!(
        scrapes(&ask(&exporter, &request(""))),
        0.0,
        "a HEAD reads nothing"
    );
    assert_eq!(scrapes(&ask(&exporter, &request(""))), 1.0);
}
