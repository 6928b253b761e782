//! Routes, sockets and health.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use crate::support::{
    Exporter, Server, configuration, eventually, identity_id, output, pool_id, still_world,
};
use cognitosync_exporter::simulator::Fault;

fn exchange(mut stream: impl Read + Write, request: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn request(exporter: &Exporter, line: &str) -> String {
    let stream = std::net::TcpStream::connect(&exporter.address).unwrap();
    exchange(
        stream,
        &format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    )
}

#[test]
fn routes() {
    let server = Server::start(still_world(1, 1));
    let exporter = Exporter::start(&configuration("interval: 1s", &server.url, 1, 1));
    for (line, status, in_answer) in [
        ("GET /", 200, "<a href=\"metrics\">"),
        ("GET /api/v1/status", 200, "content-type: application/json"),
        ("GET /api/v1/identities", 200, "cache-control: no-store"),
        ("GET /api/v1/identities?format=csv", 200, "text/csv"),
        ("GET /api/v1/identities?a=b", 400, "parameter a: expected"),
        ("POST /api/v1/identities", 405, "allow: GET, HEAD"),
        ("GET /api/v1/identities/x", 400, "expected an identity id"),
        ("POST /api/v1/status", 405, "allow: GET, HEAD"),
        ("GET /search", 200, "<form role=\"search\""),
        ("GET /search?id=x", 404, "No identity is found for"),
        ("GET /search?id=1", 303, "location: api/v1/identities/us-"),
        ("GET /search?q=x", 400, "parameter q: expected id"),
        ("POST /search", 405, "allow: GET, HEAD"),
        (
            "GET /metrics",
            200,
            "content-type: text/plain; version=0.0.4; charset=utf-8",
        ),
        ("GET /metrics?x=1", 200, "cognitosync_exporter_build_info"),
        ("GET /-/healthy", 200, "healthy"),
        ("GET /nothing", 404, "there is no such page"),
        ("GET /metrics/", 404, "there is no such page"),
        ("POST /metrics", 405, "allow: GET, HEAD"),
        ("DELETE /-/healthy", 405, "allow: GET, HEAD"),
        ("CONNECT a:80", 400, "the target is not a path"),
        ("GET a:80", 400, "the target is not a path"),
    ] {
        let answer = request(&exporter, line);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{line}: {answer}"
        );
        assert!(answer.contains(in_answer), "{line}: {answer}");
        let delimited = |answer: &str| {
            answer.contains("content-length: ") || answer.contains("transfer-encoding: chunked")
        };
        assert!(delimited(&answer), "{line} is not delimited: {answer}");
        if let Some(path) = line.strip_prefix("GET ") {
            let head = request(&exporter, &format!("HEAD {path}"));
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
            assert!(head.ends_with("\r\n\r\n"), "HEAD has no body: {head}");
        }
    }
    let panics = exporter.samples()["cognitosync_exporter_panics_total"];
    assert!(panics == 0.0, "{panics}");
}

#[test]
fn ready_with_the_first_answer() {
    let server = Server::start(still_world(1, 1));
    for id in [identity_id(0), pool_id(0)] {
        server.simulator.set_fault(&id, Some(Fault::Status(503)));
    }
    let exporter = Exporter::start(&configuration(
        "interval: 1s, attempts: 1",
        &server.url,
        1,
        1,
    ));
    let failures = "cognitosync_exporter_poll_failures_total{reason=\"service_error\"}";
    eventually("a failed poll", || {
        (exporter.samples()[failures] >= 2.0).then_some(())
    });
    let answer = request(&exporter, "GET /-/ready");
    assert!(
        answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 5\r\n"),
        "{answer}"
    );
    assert_eq!(
        exporter.get("/metrics").0,
        200,
        "AWS being down is no reason not to answer"
    );
    server.simulator.set_fault(&pool_id(0), None);
    eventually("ready", || {
        (exporter.get("/-/ready").0 == 200).then_some(())
    });
}

#[test]
fn several_addresses_a_socket_and_another_path() {
    let server = Server::start(still_world(1, 1));
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("exporter.sock");
    // What a killed process left behind is no obstacle.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let unix = format!("--web.listen-address=unix:{}", socket.display());
    let flags = [
        "--web.listen-address=127.0.0.1:0",
        "--web.listen-address=[::1]:0",
        &unix,
        "--web.telemetry-path=/x/y",
    ];
    let mut exporter = Exporter::start_with(
        &configuration("interval: 1s", &server.url, 1, 1),
        &flags,
        |command| command,
    );
    let addresses = eventually("three addresses", || {
        Some(exporter.logged("address")).filter(|all| all.len() == 3)
    });
    assert!(addresses[1].starts_with("[::1]:"), "{addresses:?}");
    for address in &addresses[..2] {
        assert_eq!(
            crate::support::get(&format!("http://{address}/x/y")).0,
            200,
            "{address}"
        );
        assert_eq!(
            crate::support::get(&format!("http://{address}/metrics")).0,
            404,
            "{address}"
        );
    }
    let stream = UnixStream::connect(&socket).unwrap();
    let answer = exchange(
        stream,
        "GET /x/y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    assert!(
        answer.contains("\ncognitosync_exporter_polls_total "),
        "{answer}"
    );
    exporter.signal("TERM");
    assert_eq!(exporter.wait().code(), Some(0));
    assert!(!socket.exists(), "the socket's file goes with the process");
}

#[test]
fn a_socket_that_somebody_serves_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("exporter.sock");
    let _served = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let mut command = crate::support::command();
    command
        .args(["demo", "--identities=1"])
        .arg(format!("--web.listen-address=unix:{}", socket.display()));
    let output = output(&mut command);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("Address already in use")
    );
    assert!(socket.exists(), "somebody else's socket stays");
}

/// A new connection takes the place of an idle one.
#[test]
fn no_more_connections_than_allowed() {
    let server = Server::start(still_world(1, 1));
    let flags = ["--web.max-connections=2"];
    let exporter = Exporter::start_with(
        &configuration("interval: 1s", &server.url, 1, 1),
        &flags,
        |command| command,
    );
    let connect = || std::net::TcpStream::connect(&exporter.address).unwrap();
    let ask = |stream: &mut std::net::TcpStream| {
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        let mut answer = Vec::new();
        let mut part = [0; 4_096];
        while !answer.ends_with(b"0\r\n\r\n") {
            let read = stream.read(&mut part).unwrap();
            assert!(read > 0, "closed within an answer");
            answer.extend_from_slice(&part[..read]);
        }
        String::from_utf8(answer).unwrap()
    };
    let mut clients = [connect(), connect()];
    clients.iter_mut().for_each(|client| drop(ask(client)));
    let answer = ask(&mut connect());
    for sample in [
        "web_connections 2",
        "web_requests_rejected_total{reason=\"connections\"} 1",
    ] {
        let line = format!("\ncognitosync_exporter_{sample}\n");
        assert!(answer.contains(&line), "{answer}");
    }
    for client in &mut clients {
        client.set_nonblocking(true).unwrap();
    }
    let closed = eventually("one is closed", || {
        clients
            .iter_mut()
            .position(|client| matches!(client.read(&mut [0]), Ok(0)))
    });
    let other = &mut clients[1 - closed];
    other.set_nonblocking(false).unwrap();
    ask(other);
}
