//! The units in systemd/, and the exporter as a service manager treats it.

use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use crate::long::parameter;
use crate::support::{BINARY, Exporter, command, eventually, get, repository};
use crate::{python, run};

const SERVICE: &str = "systemd/cognitosync_exporter.service";

fn unit(name: &str) -> PathBuf {
    repository().join(name)
}

#[test]
#[ignore = "needs systemd-analyze, which tests/run installs"]
fn the_units_are_sound_and_tight() {
    // In tenths, the lowest that a service gets which talks to AWS (facts of systemd 252; see the
    // unit's first lines).
    let mut analyze = Command::new("systemd-analyze");
    let security = analyze
        .args(["security", "--offline=true", "--threshold=11", "--no-pager"])
        .arg(unit(SERVICE));
    let output = run(security, "");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    // verify wants the program to be where the unit says, which is no place of ours.
    let directory = tempfile::tempdir().unwrap();
    for name in [
        "cognitosync_exporter.service",
        "cognitosync_exporter.socket",
    ] {
        let text = std::fs::read_to_string(unit("systemd").join(name)).unwrap();
        std::fs::write(
            directory.path().join(name),
            text.replace("/usr/local/bin/cognitosync_exporter", BINARY),
        )
        .unwrap();
    }
    let files = [
        "cognitosync_exporter.service",
        "cognitosync_exporter.socket",
    ]
    .map(|name| directory.path().join(name));
    let output = run(
        Command::new("systemd-analyze")
            .args(["verify", "--man=no"])
            .args(files),
        "",
    );
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.is_empty(), "{told}");
}

/// That what `tests/run` runs the end-to-end tests under is no empty promise.
#[test]
#[ignore = "needs Python's seccomp and systemd-analyze, which tests/run installs"]
fn the_filter_filters() {
    let script = "import os, socket, mmap\n\
        def told(call):\n try: call(); return 0\n except OSError as error: return error.errno\n\
        print([told(call) for call in [lambda: os.sched_setaffinity(0, {0}), lambda: os.chroot('/'), \
        lambda: socket.socket(socket.AF_NETLINK), lambda: mmap.mmap(-1, 4096, prot=7), lambda: socket.socket().close()]])";
    let mut confined = Command::new(unit("tests/real/confined"));
    let output = run(
        confined
            .arg(unit(SERVICE))
            .args(["/usr/bin/python3", "-c", script]),
        "",
    );
    // EPERM, EPERM, EAFNOSUPPORT, EPERM, and nothing.
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "[1, 1, 97, 1, 0]\n",
        "{output:?}"
    );
}

#[test]
#[ignore = "needs systemd-socket-activate, which tests/run installs"]
fn systemd_passes_its_sockets_on() {
    let directory = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let (tcp, unix) = (format!("127.0.0.1:{port}"), directory.path().join("socket"));
    let mut activate = Command::new("systemd-socket-activate");
    activate
        .arg("--listen")
        .arg(&tcp)
        .arg("--listen")
        .arg(&unix)
        .arg(BINARY);
    activate.args([
        "demo",
        "--identities=1",
        "--web.systemd-socket",
        "--web.listen-address=never-bound:1",
    ]);
    let mut activate = activate
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // The first connection starts it.
    eventually("the socket", || std::net::TcpStream::connect(&tcp).ok());
    assert_eq!(
        get(&format!("http://{tcp}/-/healthy")),
        (200, "healthy\n".to_owned())
    );
    let curl = run(
        Command::new("curl")
            .arg("--silent")
            .arg("--unix-socket")
            .arg(&unix)
            .arg("http://x/-/healthy"),
        "",
    );
    assert_eq!(String::from_utf8_lossy(&curl.stdout), "healthy\n");
    // The process is the exporter's by now.
    assert!(
        Command::new("kill")
            .arg(activate.id().to_string())
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(activate.wait().unwrap().code(), Some(0));
    assert!(unix.exists(), "systemd's socket is systemd's to remove");
}

#[test]
#[ignore = "takes a while; tests/run runs it"]
fn restarts_refuse_nobody_and_cut_nobody_off() {
    let restarts = parameter("RESTARTS", 50);
    let told = python(
        "restarts.py",
        &[
            &restarts.to_string(),
            BINARY,
            "demo",
            "--identities=20",
            "--web.systemd-socket",
        ],
        "",
    );
    println!("{told}");
    assert_eq!(told["codes"], json!({"0": restarts + 1}));
    let outcomes = told["outcomes"].as_object().unwrap();
    assert!(
        outcomes.len() == 1 && outcomes["whole"].as_u64().unwrap() > 4 * restarts,
        "{told}"
    );
}

#[test]
#[ignore = "takes a while; tests/run runs it"]
fn a_stop_at_any_time_among_any_clients() {
    let stops = parameter("STOPS", 60);
    let told = python(
        "stops.py",
        &[&stops.to_string(), BINARY, "demo", "--identities=2000"],
        "",
    );
    println!("{told}");
    assert_eq!(told["codes"], json!({"0": stops}));
    assert!(told["clients"].as_u64().unwrap() > 5 * stops);
}

#[test]
#[ignore = "takes a while; tests/run runs it"]
fn a_crowd_does_not_keep_the_poller_from_connecting() {
    let seconds = parameter("CROWD_SECONDS", 10);
    let told = python(
        "crowd.py",
        &[
            "64",
            "500",
            &seconds.to_string(),
            BINARY,
            "demo",
            "--identities=500",
        ],
        "",
    );
    println!("{told}");
    let of = |when: &str, what: &str| told[when][what].as_f64().unwrap();
    // All 500 connected, and no more stayed than there is room for.
    assert!(
        of("arrived", "connections") <= 8.0 && of("during", "files") < 64.0,
        "{told}"
    );
    assert!(
        of("during", "polls") >= of("arrived", "polls") + 20.0 * seconds as f64,
        "{told}"
    );
    assert_eq!(of("after", "unreachable"), 0.0);
    assert_eq!(told["code"], 0);
}

/// What the unit's first line of credentials stands for: a file with nothing in it but a comment.
#[test]
#[ignore = "belongs to the unit; tests/run runs it"]
fn credentials_that_are_not_there_do_no_harm() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("none");
    std::fs::write(&file, "# none").unwrap();
    let mut command = command();
    command
        .arg("demo")
        .arg("--identities=1")
        .arg("--web.config.file")
        .arg(&file)
        .env("AWS_SHARED_CREDENTIALS_FILE", &file);
    assert_eq!(Exporter::run(command).get("/-/healthy").0, 200);
}
