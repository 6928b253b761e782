//! Identity lists and configurations of other forms than a regular file with an id on each line.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::thread;

use crate::support::{
    Exporter, Server, command, configuration, eventually, identity_id, output, pool_id, still_world,
};

fn make_pipe(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

/// `--config.check` of a pool whose identities stand in files.
fn check(directory: &Path, files: &str) -> Output {
    let file = directory.join("config.yaml");
    let text = format!(
        "pools: [{{id: '{}', identity_files: {files}}}]\n",
        pool_id(0)
    );
    fs::write(&file, text).unwrap();
    output(
        command()
            .arg("--config.check")
            .arg("--config.file")
            .arg(file),
    )
}

#[test]
fn all_ids_of_a_line_are_identities() {
    let directory = tempfile::tempdir().unwrap();
    let ids = [0, 1, 2].map(identity_id).join("\t");
    fs::write(directory.path().join("ids.txt"), ids + "\n").unwrap();
    let checked = check(directory.path(), "[ids.txt]");
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    let report = String::from_utf8(checked.stdout).unwrap();
    assert!(report.contains("is good: 3 identities"), "{report}");
}

#[test]
fn a_pipe_among_identity_files_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    make_pipe(&directory.path().join("pipe.txt"));
    for files in ["[pipe.txt]", "['*.txt']"] {
        let checked = check(directory.path(), files);
        assert_eq!(checked.status.code(), Some(78), "{checked:?}");
        let errors = String::from_utf8(checked.stderr).unwrap();
        let expected = "pipe.txt: it is a pipe, expected a regular file\n";
        assert!(errors.ends_with(expected), "{errors}");
    }
}

#[test]
fn a_configuration_from_a_pipe_is_read_once() {
    let server = Server::start(still_world(1, 2));
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    make_pipe(&pipe);
    let text = configuration("interval: 1s", &server.url, 1, 2);
    let (written_to, text) = (pipe.clone(), text);
    let writing = thread::spawn(move || fs::write(written_to, text).unwrap());
    let mut command = command();
    command
        .arg("--config.file")
        .arg(&pipe)
        .arg("--web.enable-lifecycle");
    let mut exporter = Exporter::run(command);
    writing.join().unwrap();
    eventually("all fresh", || {
        (exporter.in_state(0, "fresh") == 2.0).then_some(())
    });
    let agent = ureq::Agent::new_with_defaults();
    let mut response = agent.post(exporter.url("/-/reload")).send_empty().unwrap();
    let answer = response.body_mut().read_to_string().unwrap();
    assert_eq!(
        answer,
        "reloaded: 0 identities added, 0 removed, 2 kept; the configuration itself is no \
         regular file, so it was not read again\n"
    );
    exporter.signal("HUP");
    let told = exporter.told("why=SIGHUP");
    assert!(told[0].contains("so it was not read again"), "{told:?}");
    let successful = "cognitosync_exporter_config_last_reload_successful";
    assert_eq!(exporter.samples()[successful], 1.0);
    exporter.signal("TERM");
    assert_eq!(exporter.wait().code(), Some(0));
}

#[test]
fn an_exporter_without_an_identity_is_ready() {
    // A server that nothing answers for: it is ready because there is nothing to wait for.
    let text = configuration("interval: 1s", "http://127.0.0.1:9", 1, 0)
        .replace("  identities:", "  identities: []");
    let exporter = Exporter::start(&text);
    assert_eq!(exporter.get("/-/ready").0, 200);
}
