//! Another configuration while the daemon runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::{
    Exporter, Server, command, configuration, eventually, identity_id, identity_series, patiently,
    still_world,
};

const SUCCESSFUL: &str = "cognitosync_exporter_config_last_reload_successful";

/// The exporter with a configuration of identities 0 to `identities` in `directory`.
fn start(server: &Server, directory: &Path, identities: usize, flags: &[&str]) -> Exporter {
    write(server, directory, identities);
    let mut command = command();
    command
        .arg("--config.file")
        .arg(directory.join("config.yaml"))
        .args(flags);
    Exporter::run(command)
}

fn write(server: &Server, directory: &Path, identities: usize) {
    fs::write(
        directory.join("config.yaml"),
        configuration("interval: 1s, rate_limit: 1000", &server.url, 1, identities),
    )
    .unwrap();
}

fn post(exporter: &Exporter) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let mut response = agent.post(exporter.url("/-/reload")).send_empty().unwrap();
    (
        response.status().as_u16(),
        response.body_mut().read_to_string().unwrap(),
    )
}

#[test]
fn a_hangup_takes_over_what_changed_and_keeps_the_rest() {
    let (server, directory) = (
        Server::start(still_world(1, 20)),
        tempfile::tempdir().unwrap(),
    );
    let mut exporter = start(&server, directory.path(), 10, &[]);
    eventually("all fresh", || {
        (exporter.in_state(0, "fresh") == 10.0).then_some(())
    });
    write(&server, directory.path(), 15);
    exporter.signal("HUP");
    eventually("more fresh", || {
        let samples = exporter.samples();
        let shown = (0..10)
            .all(|number| samples.contains_key(&identity_series("storage_bytes", 0, number)));
        assert!(shown, "those that stay never leave");
        samples
            .contains_key(&identity_series("storage_bytes", 0, 14))
            .then_some(())
    });
    write(&server, directory.path(), 5);
    exporter.signal("HUP");
    eventually("fewer", || {
        (exporter.in_state(0, "fresh") == 5.0).then_some(())
    });
    let samples = exporter.samples();
    for family in ["storage_bytes", "up", "last_success_timestamp_seconds"] {
        assert!(
            !samples.contains_key(&identity_series(family, 0, 7)),
            "{family} leaves wholly"
        );
    }
    exporter.told("added=5 removed=0 kept=10");
    exporter.told("added=0 removed=10 kept=5");
    exporter.signal("TERM");
    assert_eq!(exporter.wait().code(), Some(0));
}

#[test]
fn a_wrong_file_changes_nothing_and_is_reported() {
    let (server, directory) = (
        Server::start(still_world(1, 5)),
        tempfile::tempdir().unwrap(),
    );
    let exporter = start(&server, directory.path(), 5, &["--web.enable-lifecycle"]);
    eventually("all fresh", || {
        (exporter.in_state(0, "fresh") == 5.0).then_some(())
    });
    assert_eq!(
        post(&exporter),
        (
            200,
            "reloaded: 0 identities added, 0 removed, 5 kept\n".to_owned()
        )
    );
    assert_eq!(exporter.samples()[SUCCESSFUL], 1.0);

    let file = directory.path().join("config.yaml");
    fs::write(&file, "poll: {interval: never, attempts: 0}\npools: []\n").unwrap();
    let (status, problems) = post(&exporter);
    assert_eq!(status, 400);
    let keys: Vec<_> = problems
        .lines()
        .map(|line| line.split(": ").nth(1).unwrap())
        .collect();
    assert_eq!(
        keys,
        ["poll.interval", "poll.attempts", "pools"],
        "{problems}"
    );
    let samples = exporter.samples();
    assert_eq!(samples[SUCCESSFUL], 0.0);
    let polls = |exporter: &Exporter| exporter.samples()["cognitosync_exporter_polls_total"];
    let before = polls(&exporter);
    eventually("polling goes on", || {
        (polls(&exporter) >= before + 10.0).then_some(())
    });
    assert_eq!(exporter.in_state(0, "fresh"), 5.0);

    fs::remove_file(&file).unwrap();
    assert_eq!(post(&exporter).0, 400);
    write(&server, directory.path(), 4);
    assert_eq!(
        post(&exporter),
        (
            200,
            "reloaded: 0 identities added, 1 removed, 4 kept\n".to_owned()
        )
    );
    assert_eq!(exporter.samples()[SUCCESSFUL], 1.0);
}

#[test]
fn a_request_needs_permission_and_a_verb_that_changes() {
    let (server, directory) = (
        Server::start(still_world(1, 1)),
        tempfile::tempdir().unwrap(),
    );
    let exporter = start(&server, directory.path(), 1, &[]);
    assert_eq!(post(&exporter).0, 403);
    assert_eq!(exporter.get("/-/reload").0, 405);
}

#[test]
fn a_hundred_reloads_under_load() {
    let (server, directory) = (
        Server::start(still_world(1, 60)),
        tempfile::tempdir().unwrap(),
    );
    let exporter = start(&server, directory.path(), 40, &["--web.enable-lifecycle"]);
    eventually("all fresh", || {
        (exporter.in_state(0, "fresh") == 40.0).then_some(())
    });
    let mut broken = 0;
    for reload in 0..100 {
        if reload % 3 == 2 {
            fs::write(directory.path().join("config.yaml"), "pools: [").unwrap();
            broken += 1;
        } else {
            write(&server, directory.path(), 40 + reload % 20);
        }
        let (status, answer) = post(&exporter);
        assert_eq!(status, if reload % 3 == 2 { 400 } else { 200 }, "{answer}");
        let samples = exporter.samples();
        let gone = (0..40)
            .find(|number| !samples.contains_key(&identity_series("storage_bytes", 0, *number)));
        assert_eq!(gone, None, "a gap after reload {reload}");
    }
    assert_eq!(broken, 33);
    eventually("all fresh", || {
        (exporter.in_state(0, "fresh") >= 40.0).then_some(())
    });
    assert_eq!(exporter.get("/-/healthy").0, 200);
}

#[test]
fn a_file_that_changes_is_seen_even_behind_a_link() {
    let (server, directory) = (
        Server::start(still_world(1, 3)),
        tempfile::tempdir().unwrap(),
    );
    let path = |name: &str| directory.path().join(name);
    fs::write(path("one"), format!("{}\n", identity_id(0))).unwrap();
    fs::write(
        path("two"),
        format!("{}\n{}\n", identity_id(0), identity_id(1)),
    )
    .unwrap();
    symlink(path("one"), path("identities")).unwrap();
    let text = configuration("interval: 1s", &server.url, 1, 0)
        .replace("  identities:", "  identity_files: [identities]");
    fs::write(path("config.yaml"), text).unwrap();
    let mut command = command();
    command.arg("--config.file").arg(path("config.yaml"));
    let exporter = Exporter::run(command);
    eventually("one fresh", || {
        (exporter.in_state(0, "fresh") == 1.0).then_some(())
    });
    symlink(path("two"), path("swapped")).unwrap();
    fs::rename(path("swapped"), path("identities")).unwrap();
    patiently(3, "two fresh", || {
        (exporter.in_state(0, "fresh") == 2.0).then_some(())
    });
    exporter.told("why=\"changed file\" added=1 removed=0 kept=1");
}
