//! What clients, readers of the log and readers of the output may do to the process: little.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Output, Stdio};

use socket2::{Domain, Socket, Type};

use crate::support::{
    Exporter, Server, command, configuration, eventually, get, output, samples, still_world,
};

const BUSY: &str = "cognitosync_exporter_web_requests_rejected_total{reason=\"busy\"}";

/// A client at 127.0.0.`host` that receives as little as it can before it reads.
fn client(exporter: &Exporter, host: u8) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let address: SocketAddr = ([127, 0, 0, host], 0).into();
    socket.bind(&address.into()).unwrap();
    let server: SocketAddr = exporter.address.parse().unwrap();
    socket.connect(&server.into()).unwrap();
    socket.into()
}

/// Asks for the metrics, and reads the beginning of the response.
fn scrape(client: &TcpStream) -> String {
    request(client, "/metrics")
}

/// Asks for a page, and reads the beginning of the response.
fn request(mut client: &TcpStream, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    client.write_all(request.as_bytes()).unwrap();
    let mut head = String::new();
    let mut lines = BufReader::with_capacity(512, client);
    while lines.read_line(&mut head).unwrap() > 2 {}
    head
}

/// A demo whose metrics do not fit into the buffers between it and a client.
fn large_demo(max_requests: &str) -> Exporter {
    let mut command = command();
    command.args(["demo", "--identities=20000", max_requests]);
    let exporter = Exporter::run(command);
    eventually("a large body", || {
        (exporter.get("/metrics").1.len() > 5_000_000).then_some(())
    });
    exporter
}

#[test]
fn scrapes_beyond_the_limit_are_turned_away() {
    let exporter = large_demo("--web.max-requests=2");
    // On a slow machine the first two may have stalled so long that their places are given away.
    let refused = eventually("a scrape that is turned away", || {
        let stalled = [client(&exporter, 1), client(&exporter, 1)];
        stalled.iter().for_each(|client| {
            scrape(client);
        });
        let third = scrape(&client(&exporter, 1));
        third
            .starts_with("HTTP/1.1 503 ")
            .then_some((stalled, third))
    });
    let (stalled, head) = refused;
    assert!(head.contains("\r\nretry-after: 1\r\n"), "{head}");
    let elsewhere = scrape(&client(&exporter, 2));
    assert!(elsewhere.starts_with("HTTP/1.1 200 "), "{elsewhere}");
    // All other routes answer, whatever the scrapes do.
    assert_eq!(exporter.get("/-/healthy").0, 200);
    assert_eq!(exporter.get("/api/v1/status").0, 200);
    drop(stalled);
    let rejected = eventually("a place", || {
        let (status, body) = exporter.get("/metrics");
        (status == 200).then(|| samples(&body)[BUSY])
    });
    assert!(rejected >= 1.0);
}

#[test]
fn lists_of_identities_beyond_four_are_turned_away_and_take_no_place_of_a_scrape() {
    let exporter = large_demo("--web.max-requests=1");
    let list = |client: &TcpStream| request(client, "/api/v1/identities?sort=storage");
    // On a slow machine the first may have stalled so long that their places are given away.
    let (_stalled, head) = eventually("a list that is turned away", || {
        let stalled: Vec<_> = (0..4).map(|_| client(&exporter, 1)).collect();
        let heads: Vec<_> = stalled.iter().map(list).collect();
        assert!(
            heads.iter().all(|head| head.starts_with("HTTP/1.1 200 ")),
            "{heads:?}"
        );
        let fifth = list(&client(&exporter, 1));
        fifth
            .starts_with("HTTP/1.1 503 ")
            .then_some((stalled, fifth))
    });
    assert!(head.contains("\r\nretry-after: 1\r\n"), "{head}");
    let scrape = scrape(&client(&exporter, 1));
    assert!(scrape.starts_with("HTTP/1.1 200 "), "{scrape}");
}

#[test]
fn a_client_that_reads_takes_the_place_of_one_that_does_not() {
    let exporter = large_demo("--web.max-requests=1");
    let mut stalled = client(&exporter, 1);
    assert!(scrape(&stalled).starts_with("HTTP/1.1 200 "));
    let body = eventually("the place", || {
        let (status, body) = exporter.get("/metrics");
        (status == 200).then_some(body)
    });
    assert!(samples(&body)[BUSY] >= 1.0, "it was taken for a while");
    let mut rest = Vec::new();
    let ended = stalled.read_to_end(&mut rest);
    assert!(
        ended.is_err() || !rest.ends_with(b"0\r\n\r\n"),
        "a body that is cut must not look whole"
    );
}

#[test]
fn old_clients_get_a_length_and_no_coding() {
    let server = Server::start(still_world(1, 3));
    let exporter = Exporter::start(&configuration("interval: 1s", &server.url, 1, 3));
    let ask = |method: &str| {
        let mut client = client(&exporter, 1);
        let request = format!("{method} /metrics HTTP/1.0\r\nAccept-Encoding: zstd, gzip\r\n\r\n");
        client.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    };
    let (head, body) = ask("GET");
    let length = format!("\r\ncontent-length: {}\r\n", body.len());
    assert!(head.contains(&length), "{head}");
    assert!(!head.contains("content-encoding"), "{head}");
    assert!(body.ends_with('\n') && body.contains("cognitosync_exporter_build_info"));
    let (head, body) = ask("HEAD");
    assert!(
        head.starts_with("HTTP/1.0 200 ") && body.is_empty(),
        "{head}"
    );
}

#[test]
fn a_log_that_is_not_read_stops_nothing() {
    // Nothing listens there, so each call is a line.
    let url = "http://127.0.0.1:1";
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    let poll = "interval: 1s, attempts: 1, timeout: 2s, rate_limit: 1000";
    std::fs::write(&file, configuration(poll, url, 1, 500)).unwrap();
    let mut command = command();
    command.arg("--config.file").arg(file);
    command.args(["--web.listen-address=127.0.0.1:0", "--log.level=debug"]);
    let mut exporter = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::with_capacity(64, exporter.stderr.take().unwrap());
    let mut line = String::new();
    let url = loop {
        line.clear();
        log.read_line(&mut line).unwrap();
        if let Some((_, page)) = line.trim_end().rsplit_once(" url=") {
            break format!("{page}metrics");
        }
    };
    // From here on the log is not read.
    let of = |name: &str| samples(&get(&url).1)[&format!("cognitosync_exporter_{name}_total")];
    eventually("dropped lines", || {
        (of("log_lines_dropped") > 0.0).then_some(())
    });
    let polls = of("polls");
    eventually("polls that go on", || {
        (of("polls") > polls + 100.0).then_some(())
    });
    // Once it is read again, it says how much is missing.
    let mut lines = log.lines().map(|line| line.unwrap());
    assert!(lines.any(|line| line.contains("log lines were dropped")));
    let pid = exporter.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status();
    assert!(sent.unwrap().success());
    let status = eventually("the end", || exporter.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

fn with_configuration(
    arguments: &[&str],
    text: &str,
    adjust: fn(&mut std::process::Command),
) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    std::fs::write(&file, text).unwrap();
    let mut command = command();
    command.args(arguments).arg("--config.file").arg(file);
    adjust(&mut command);
    output(&mut command)
}

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// The writing end of a pipe that has no reader any more.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn the_exit_code_shows_when_the_output_cannot_be_written() {
    let good = configuration("interval: 1m", "http://127.0.0.1:1", 50, 1);
    for arguments in [
        &["--config.check"][..],
        &["plan"],
        &["iam-policy"],
        &["--help"],
    ] {
        let gone = with_configuration(arguments, &good, |command| {
            command.stdout(closed_pipe());
        });
        assert_eq!(gone.status.code(), Some(0), "{gone:?}");
        let lost = with_configuration(arguments, &good, |command| {
            command.stdout(full());
        });
        assert_eq!(lost.status.code(), Some(1), "{lost:?}");
        let errors = String::from_utf8_lossy(&lost.stderr);
        let about = |line: &&str| line.contains("standard output") && line.contains("space");
        let expected = usize::from(arguments != ["--help"]);
        assert_eq!(errors.lines().filter(about).count(), expected, "{errors}");
    }
    for arguments in [&["--config.check"][..], &[], &["plan"]] {
        let wrong = with_configuration(arguments, "pools: 7\n", |command| {
            command.stdout(full()).stderr(full());
        });
        assert_eq!(wrong.status.code(), Some(78), "{wrong:?}");
    }
}

#[test]
fn problems_of_a_daemon_are_log_lines() {
    let daemon = with_configuration(&["--log.format=json"], "pools: 7\n", |_| ());
    assert_eq!(daemon.status.code(), Some(78));
    let line: serde_json::Value = serde_json::from_slice(&daemon.stderr).unwrap();
    assert_eq!(line["level"], "error");
    assert!(
        line["msg"].as_str().unwrap().contains("config.yaml:1"),
        "{line}"
    );
    let check = with_configuration(
        &["--config.check", "--log.format=json"],
        "pools: 7\n",
        |_| (),
    );
    let text = String::from_utf8(check.stderr).unwrap();
    assert!(
        !text.starts_with('{') && text.contains("config.yaml:1"),
        "{text}"
    );
}
