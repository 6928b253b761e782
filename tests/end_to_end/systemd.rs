//! What a service manager hears, through a socket that stands in for systemd's.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::{
    Exporter, Server, command, configuration, eventually, output, repository, still_world,
};

/// Receives notifications, line by line.
struct Manager {
    socket: UnixDatagram,
    directory: tempfile::TempDir,
    heard: Vec<String>,
}

impl Manager {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        Self {
            socket,
            directory,
            heard: Vec::new(),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("notify")
    }

    /// The first line from here on that begins so; those before it are heard no more.
    fn next(&mut self, beginning: &str) -> String {
        eventually(beginning, || {
            let mut message = [0; 4_096];
            if let Ok(length) = self.socket.recv(&mut message) {
                self.heard.extend(
                    String::from_utf8_lossy(&message[..length])
                        .lines()
                        .map(str::to_owned),
                );
            }
            let found = self
                .heard
                .iter()
                .position(|line| line.starts_with(beginning))?;
            self.heard.drain(..=found).next_back()
        })
    }

    /// Waits for a status of which this is true.
    fn next_status(&mut self, is_it: impl Fn(&str) -> bool) {
        assert!((0..300).any(|_| is_it(&self.next("STATUS="))));
    }
}

#[test]
fn a_service_manager_hears_how_it_goes() {
    let (server, mut manager) = (Server::start(still_world(1, 10)), Manager::new());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    std::fs::write(&file, configuration("interval: 1s", &server.url, 1, 10)).unwrap();
    let mut command = command();
    command
        .arg("--config.file")
        .arg(&file)
        .env("NOTIFY_SOCKET", manager.path())
        .env("WATCHDOG_USEC", "300000");
    let mut exporter = Exporter::run(command);
    manager.next("READY=1");
    for _ in 0..5 {
        let status = manager.next("STATUS=");
        assert!(
            status.contains("10 identities, 0 failing; ") && status.contains("a sweep takes "),
            "{status}"
        );
        manager.next("WATCHDOG=1");
    }
    manager.next_status(|status| status.contains("polling 10 identities"));
    for configuration in [
        configuration("interval: 2s", &server.url, 1, 10),
        "nonsense: true\n".to_owned(),
    ] {
        std::fs::write(&file, configuration).unwrap();
        exporter.signal("HUP");
        manager.next("RELOADING=1");
        manager.next("MONOTONIC_USEC=");
        manager.next("READY=1");
    }
    let wrong = "config.yaml:1:1: unknown field `nonsense`";
    manager.next_status(|status| status.contains(wrong));
    std::fs::copy(
        repository().join("tests/fixtures/wrong/five-at-once.yaml"),
        &file,
    )
    .unwrap();
    exporter.signal("HUP");
    manager.next_status(|status| !status.contains(wrong) && status.ends_with("(and 4 more)"));
    std::fs::write(&file, configuration("interval: 3s", &server.url, 1, 10)).unwrap();
    exporter.signal("HUP");
    manager.next_status(|status| !status.contains("failed"));
    exporter.signal("TERM");
    manager.next("STOPPING=1");
    assert_eq!(exporter.wait().code(), Some(0));
}

#[test]
fn no_socket_was_passed() {
    let output = output(command().args(["demo", "--web.systemd-socket"]));
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("has passed no socket") && told.contains("leave --web.systemd-socket out"),
        "{told}"
    );
}
