//! Starting, stopping, and what keeps either from happening.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Output;
use std::time::Duration;

use crate::support::{
    Exporter, Server, command, configuration, eventually, get, identity_id, output, patiently,
    still_world,
};
use cognitosync_exporter::exposition::families;
use cognitosync_exporter::simulator::Fault;

/// Runs until it ends by itself.
fn run(arguments: &[&str]) -> Output {
    output(command().args(arguments))
}

#[test]
fn a_stop_is_clean_whatever_the_clients_do() {
    for signal in ["TERM", "INT"] {
        let server = Server::start(still_world(1, 20));
        // A call that hangs, and polls under way.
        server
            .simulator
            .set_fault(&identity_id(3), Some(Fault::Hang));
        let mut exporter = Exporter::start(&configuration(
            "interval: 1s, timeout: 60s",
            &server.url,
            1,
            20,
        ));
        let hangs = || {
            server
                .simulator
                .take_call_log()
                .iter()
                .any(|call| call.fault == Some(Fault::Hang))
        };
        eventually("a call that hangs", || hangs().then_some(()));
        let mut clients: Vec<_> = (0..12)
            .map(|_| TcpStream::connect(&exporter.address).unwrap())
            .collect();
        for (number, client) in clients.iter_mut().enumerate() {
            match number % 3 {
                0 => {}                                                         // says nothing
                1 => client.write_all(b"GET /metrics HTTP/1.1\r\nHo").unwrap(), // half a request
                _ => client
                    .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                    .unwrap(), // never reads the answer
            }
        }
        let open = "cognitosync_exporter_web_connections";
        eventually("all connected", || {
            (exporter.samples()[open] >= 12.0).then_some(())
        });
        exporter.signal(signal);
        let status = exporter.wait_for(Duration::from_secs(5));
        assert_eq!(status.code(), Some(0), "SIG{signal}: {status}");
        assert!(TcpStream::connect(&exporter.address).is_err());
        let log = exporter.log().join("\n");
        assert!(log.contains(&format!("why=SIG{signal}")), "{log}");
    }
}

#[test]
fn a_request_under_way_is_answered_before_the_end() {
    let server = Server::start(still_world(1, 1));
    let mut exporter = Exporter::start(&configuration("interval: 1s", &server.url, 1, 1));
    let mut client = TcpStream::connect(&exporter.address).unwrap();
    client
        .write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n")
        .unwrap();
    // The listener sees the first half before the signal.
    eventually("connected", || {
        (exporter.samples()["cognitosync_exporter_web_connections"] >= 2.0).then_some(())
    });
    exporter.signal("TERM");
    eventually("stopping", || exporter.logged("why").first().cloned());
    client.write_all(b"\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("healthy\n"),
        "{answer}"
    );
    assert_eq!(exporter.wait().code(), Some(0));
}

/// A pipe that nothing is written to stands for files that take long to read.
#[test]
fn a_stop_while_the_files_are_read_is_clean() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("config.yaml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let mut child = command()
        .arg("--config.file")
        .arg(&pipe)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut line = || lines.next().unwrap().unwrap();
    let reading = line();
    assert!(
        reading.contains("msg=\"reading the configuration"),
        "{reading}"
    );
    let pid = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(sent.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let stopping = line();
    assert!(
        stopping.ends_with("msg=\"stopping before the start\" why=SIGINT"),
        "{stopping}"
    );
}

#[test]
fn a_taken_port() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(&[
        "demo",
        "--identities=1",
        &format!("--web.listen-address={address}"),
    ]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains(&format!(
            "cannot listen on {address}: Address already in use (os error 98); another process \
             listens there: stop it, or choose another address with --web.listen-address"
        )),
        "{told}"
    );
}

#[test]
fn a_wrong_command_line() {
    for arguments in [
        &["--no.such.flag"][..],
        &["--web.listen-address=nonsense"],
        &["--log.level=loud"],
        &["--web.telemetry-path=metrics"],
        &["demo", "--identities=0"],
        &["serve"],
    ] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
    for flag in ["--version", "--help"] {
        let output = run(&[flag]);
        assert_eq!(output.status.code(), Some(0));
        assert!(
            String::from_utf8(output.stdout)
                .unwrap()
                .contains("cognitosync_exporter")
        );
    }
}

#[test]
fn the_demo_needs_nothing() {
    let mut command = command();
    command
        .args(["demo", "--identities=20", "--pools=3"])
        .env_remove("AWS_ACCESS_KEY_ID")
        .current_dir("/");
    let exporter = Exporter::run(command);
    let fresh = || -> f64 {
        let samples = exporter.samples();
        samples
            .iter()
            .filter(|(series, _)| series.ends_with("state=\"fresh\"}"))
            .map(|(_, count)| count)
            .sum()
    };
    eventually("all fresh", || (fresh() >= 19.0).then_some(()));
    let samples = exporter.samples();
    let of = |family: &str| {
        samples
            .keys()
            .filter(|series| series.starts_with(&format!("{family}{{")))
            .count()
    };
    assert!(of("cognitosync_identity_storage_bytes") >= 19);
    assert_eq!(of("cognitosync_identity_info"), 9);
    assert_eq!(of("cognitosync_pool_info"), 3);
}

/// A pool that is discovered is shown as whole as one that is listed.
#[test]
fn the_demo_shows_all_200_identities() {
    let mut command = command();
    command.arg("demo");
    let exporter = Exporter::run(command);
    let polled = || {
        let samples = exporter.samples();
        let up = |series: &&String| series.starts_with("cognitosync_identity_up{");
        (samples.keys().filter(up).count() == 200).then_some(samples)
    };
    let samples = patiently(2, "all polled", polled);
    let sum = |family: &str, label: &str| -> f64 {
        let of = samples
            .iter()
            .filter(|(series, _)| series.starts_with(family) && series.contains(label));
        of.map(|(_, value)| value).sum()
    };
    assert!(sum("cognitosync_pool_discovered_identities{", "") >= 60.0);
    let exchanges = sum("cognitosync_exporter_api_requests_total{", "GetCredentials");
    assert!(
        (60.0..=80.0).contains(&exchanges),
        "one for each guest: {exchanges}"
    );
    assert!(sum("cognitosync_pool_discovery_passes_total{", "") >= 1.0);
    let missing = sum("cognitosync_pool_identities{", "state=\"missing\"");
    assert!(missing >= 1.0, "guests that never synced");
}

/// So that people see of each what it looks like.
#[test]
fn every_family_is_on_the_scrape_of_the_demo() {
    let mut command = command();
    command.arg("demo");
    let exporter = Exporter::run(command);
    let all: BTreeSet<_> = families::ALL.iter().map(|family| family.name).collect();
    patiently(2, "every family", || {
        let text = get(&exporter.url("/metrics")).1;
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let found: BTreeSet<_> = types.filter_map(|line| line.split(' ').next()).collect();
        all.is_subset(&found).then_some(())
    });
}

#[test]
fn the_demo_survives_its_faults() {
    let mut command = command();
    command.args(["demo", "--identities=100", "--faults"]);
    let exporter = Exporter::run(command);
    let failed = || -> f64 {
        let samples = exporter.samples();
        samples
            .iter()
            .filter(|(series, _)| series.starts_with("cognitosync_exporter_api_failures_total"))
            .map(|(_, n)| n)
            .sum()
    };
    eventually("faults", || (failed() >= 5.0).then_some(()));
    assert_eq!(exporter.get("/-/healthy").0, 200);
}
