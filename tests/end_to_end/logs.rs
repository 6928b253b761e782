//! One line for each change, and no secret in any.

use crate::support::{
    Exporter, Server, configuration, eventually, identity_id, pool_id, still_world,
};
use cognitosync_exporter::simulator::Fault;

/// A pool's life from bad to worse to good again, at this level; gives the log.
fn a_troubled_life(level: &str, format: &str) -> Vec<String> {
    let server = Server::start(still_world(1, 4));
    let flags = [
        &*format!("--log.level={level}"),
        &*format!("--log.format={format}"),
    ];
    let poll = "interval: 2s, max_age: 4s, stale_after: 1h, attempts: 1, timeout: 1s";
    let mut exporter =
        Exporter::start_with(&configuration(poll, &server.url, 1, 4), &flags, |command| {
            command
        });
    eventually("all fresh", || {
        (exporter.in_state(0, "fresh") == 4.0).then_some(())
    });
    server.simulator.set_fault(
        &identity_id(0),
        Some(Fault::Error(403, "AccessDeniedException")),
    );
    eventually("one failing", || {
        (exporter.in_state(0, "failing") == 1.0).then_some(())
    });
    (0..4).for_each(|number| {
        server
            .simulator
            .set_fault(&identity_id(number), Some(Fault::Status(500)));
    });
    eventually("all failing", || {
        (exporter.in_state(0, "failing") == 4.0).then_some(())
    });
    let polls = |exporter: &Exporter| exporter.samples()["cognitosync_exporter_polls_total"];
    let before = polls(&exporter);
    eventually("more failed polls", || {
        (polls(&exporter) >= before + 8.0).then_some(())
    });
    (0..4).for_each(|number| server.simulator.set_fault(&identity_id(number), None));
    eventually("all fresh again", || {
        (exporter.in_state(0, "fresh") == 4.0).then_some(())
    });
    server
        .simulator
        .world(|world| world.remove(&pool_id(0), &identity_id(2)));
    eventually("one missing", || {
        (exporter.in_state(0, "missing") == 1.0).then_some(())
    });
    exporter.signal("TERM");
    assert_eq!(exporter.wait().code(), Some(0));
    // On a slow machine a minute is over, and the first two come too; for its sake the timeout is
    // long, which is warned of.
    let others = [
        "poll summary",
        "polls no longer failing",
        "poll.timeout: is longer",
    ];
    let log = exporter.log().into_iter();
    log.filter(|line| !others.iter().any(|other| line.contains(other)))
        .collect()
}

#[test]
fn each_change_is_one_line() {
    let log = a_troubled_life("info", "logfmt");
    let messages = [
        "listening",
        "started",
        "polls failing",
        "all polls failing",
        "identities missing",
        "stopping",
    ];
    assert_eq!(log.len(), messages.len(), "{log:#?}");
    for (line, message) in log.iter().zip(messages) {
        assert!(
            line.starts_with("ts=2") && line.contains(" level="),
            "{line}"
        );
        let quoted = if message.contains(' ') {
            format!(" msg=\"{message}\"")
        } else {
            format!(" msg={message}")
        };
        assert!(line.contains(&quoted), "{line}");
    }
    assert!(
        log[2].contains(" failing=1 of=4 reason=access_denied")
            && log[3].contains(" failing=4 of=4 reason=service_error")
            && log[4].contains(" missing=1 of=4"),
        "{log:#?}"
    );
}

#[test]
fn json_is_json() {
    let log = a_troubled_life("info", "json");
    assert_eq!(log.len(), 6, "{log:#?}");
    for line in log {
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(
            ["ts", "level", "component", "msg"]
                .iter()
                .all(|&key| line[key].is_string()),
            "{line}"
        );
    }
}

#[test]
fn debug_shows_each_identity_and_names_none() {
    let log = a_troubled_life("debug", "logfmt").join("\n");
    assert!(log.contains("identity=1 reason=access_denied"), "{log}");
    assert!(log.contains("AccessDeniedException"), "{log}");
}

#[test]
fn the_level_and_the_environment_say_how_much() {
    let server = Server::start(still_world(1, 1));
    let configuration = configuration("interval: 1s", &server.url, 1, 1);
    let socket = ["--log.level=error", "--web.listen-address=127.0.0.1:0"];
    let mut exporter = Exporter::start_with(&configuration, &socket, |command| {
        command.env("RUST_LOG", "cognitosync_exporter::app=info")
    });
    exporter.signal("TERM");
    assert_eq!(exporter.wait().code(), Some(0));
    assert_eq!(
        exporter.log().len(),
        3,
        "RUST_LOG takes the level's place: {:#?}",
        exporter.log()
    );
}

#[test]
fn the_start_names_what_it_starts_with_and_warns_of_an_open_listener() {
    let server = Server::start(still_world(1, 2));
    let configuration = configuration("interval: 1s, rate_limit: 7", &server.url, 1, 2);
    let start = |address: &str| {
        let flags = [
            "--log.level=info",
            &format!("--web.listen-address={address}"),
        ];
        Exporter::start_with(&configuration, &flags, |command| command)
    };
    let mut log = Vec::new();
    for address in ["127.0.0.1:0", "0.0.0.0:0"] {
        let mut exporter = start(address);
        exporter.told("msg=started");
        exporter.signal("TERM");
        assert_eq!(exporter.wait().code(), Some(0));
        log.push(exporter.log());
    }
    let started = log[0].iter().find(|line| line.contains("msg=started"));
    let started = started.unwrap();
    for part in [
        " config=",
        " pools=1 identities=2 ",
        " budgets=\"us-east-1 ",
        " 7/s\" ",
        " page=http://127.0.0.1:",
    ] {
        assert!(started.contains(part), "{started}");
    }
    let [local, open] = [0, 1].map(|at: usize| {
        let warnings = log[at]
            .iter()
            .filter(|line| line.contains("neither TLS nor a login"));
        warnings.count()
    });
    assert_eq!((local, open), (0, 1), "{log:#?}");
    let page = log[1]
        .iter()
        .any(|line| line.contains(" page=http://localhost:"));
    assert!(page, "{log:#?}");
}
