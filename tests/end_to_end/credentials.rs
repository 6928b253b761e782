//! Whose key signs the calls: environment, profile, assumed role; and what happens without any.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use crate::support::{
    ACCESS_KEY, Exporter, Server, command, configuration, eventually, identity_id, pool_id,
    still_world,
};
use cognitosync_exporter::simulator::Fault;

/// Runs the exporter with this line added to its only pool, in a directory with AWS configuration
/// files.
pub(crate) fn start(
    server: &Server,
    directory: &Path,
    line: &str,
    environment: &[(&str, &str)],
) -> Exporter {
    let text = configuration("interval: 1s, timeout: 2s, attempts: 1", &server.url, 1, 1);
    std::fs::write(
        directory.join("config.yaml"),
        text.replace("  identities:", &format!("{line}  identities:")),
    )
    .unwrap();
    std::fs::write(
        directory.join("aws"),
        "[profile staging]\nregion = us-east-1\n",
    )
    .unwrap();
    let keys = "[staging]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = canary-profile-secret\n";
    std::fs::write(directory.join("keys"), keys).unwrap();
    let mut command = command();
    command
        .arg("--config.file")
        .arg(directory.join("config.yaml"));
    command
        .env("AWS_CONFIG_FILE", directory.join("aws"))
        .env("AWS_SHARED_CREDENTIALS_FILE", directory.join("keys"));
    for (name, value) in environment {
        if value.is_empty() {
            command.env_remove(name)
        } else {
            command.env(name, value)
        };
    }
    Exporter::run(command)
}

fn signed_with(server: &Server) -> String {
    eventually("a signed call", || {
        server
            .simulator
            .take_call_log()
            .into_iter()
            .find_map(|call| call.access_key)
    })
}

pub(crate) fn failures(exporter: &Exporter, reason: &str) -> f64 {
    exporter.samples()[&format!("cognitosync_exporter_poll_failures_total{{reason=\"{reason}\"}}")]
}

/// The sample of a budget; its label ends in the endpoint, which is not AWS's own.
pub(crate) fn budget(metric: &str, account: &str, server: &Server) -> String {
    let endpoint = server.url.trim_start_matches("http://");
    format!("cognitosync_exporter_{metric}{{budget=\"{account} {endpoint}\"}}")
}

#[test]
fn the_environments_key() {
    let (server, directory) = (
        Server::start(still_world(1, 1)),
        tempfile::tempdir().unwrap(),
    );
    let _exporter = start(&server, directory.path(), "", &[]);
    assert_eq!(signed_with(&server), ACCESS_KEY);
}

#[test]
fn a_profile_asked_for_by_name_wins_over_the_environment() {
    let (server, directory) = (
        Server::start(still_world(1, 1)),
        tempfile::tempdir().unwrap(),
    );
    let exporter = start(&server, directory.path(), "  profile: staging\n", &[]);
    assert_eq!(signed_with(&server), "AKIDPROFILE");
    let budget = budget("api_rate_limit", "us-east-1 staging", &server);
    assert!(exporter.samples().contains_key(&budget));
}

/// One STS that answers every `AssumeRole`, and reports what it was asked.
fn sts() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (asked, hear) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut length = 0;
            let mut head = String::new();
            while stream.read_line(&mut head).unwrap() > 2 {
                let line = head.lines().last().unwrap().to_lowercase();
                length = line
                    .strip_prefix("content-length: ")
                    .map_or(length, |value| value.parse().unwrap());
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let signed_by = head
                .split("Credential=")
                .nth(1)
                .unwrap_or_default()
                .split('/')
                .next()
                .unwrap_or_default();
            let _ = asked.send(format!("{signed_by} {}", String::from_utf8(body).unwrap()));
            let answer = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
                <Credentials><AccessKeyId>AKIDASSUMED</AccessKeyId><SecretAccessKey>canary-role-secret</SecretAccessKey>\
                <SessionToken>canary-session-token</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>\
                <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn><AssumedRoleId>A:s</AssumedRoleId>\
                </AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>";
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                answer.len()
            );
            stream
                .get_mut()
                .write_all(format!("{head}{answer}").as_bytes())
                .unwrap();
        }
    });
    (url, hear)
}

#[test]
fn a_role_is_assumed_with_its_external_id() {
    let (server, directory, (url, asked)) = (
        Server::start(still_world(1, 1)),
        tempfile::tempdir().unwrap(),
        sts(),
    );
    let role = "  role_arn: arn:aws:iam::123456789012:role/reader\n  external_id: a1b2c3\n";
    let exporter = start(
        &server,
        directory.path(),
        role,
        &[("AWS_ENDPOINT_URL_STS", &url)],
    );
    assert_eq!(signed_with(&server), "AKIDASSUMED");
    let asked = asked.recv().unwrap();
    assert!(asked.starts_with(&format!("{ACCESS_KEY} ")), "{asked}");
    assert!(
        asked.contains("Action=AssumeRole") && asked.contains("ExternalId=a1b2c3"),
        "{asked}"
    );
    assert!(
        asked.contains("RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Freader"),
        "{asked}"
    );
    let account = "us-east-1 arn:aws:iam::123456789012:role/reader";
    assert!(
        exporter
            .samples()
            .contains_key(&budget("api_rate_limit", account, &server))
    );
}

#[test]
fn a_role_is_assumed_with_a_profiles_key() {
    let (server, directory, (url, asked)) = (
        Server::start(still_world(1, 1)),
        tempfile::tempdir().unwrap(),
        sts(),
    );
    let role = "  profile: staging\n  role_arn: arn:aws:iam::123456789012:role/reader\n";
    let _exporter = start(
        &server,
        directory.path(),
        role,
        &[("AWS_ENDPOINT_URL_STS", &url)],
    );
    assert_eq!(signed_with(&server), "AKIDASSUMED");
    assert!(asked.recv().unwrap().starts_with("AKIDPROFILE "));
}

#[test]
fn no_key_at_all() {
    let (server, directory) = (
        Server::start(still_world(1, 1)),
        tempfile::tempdir().unwrap(),
    );
    let none = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")];
    let exporter = start(&server, directory.path(), "", &none);
    eventually("a failed poll", || {
        (failures(&exporter, "credentials") >= 1.0).then_some(())
    });
    assert_eq!(
        server.simulator.take_call_log(),
        [],
        "nothing is sent unsigned"
    );
}

#[test]
fn a_credentials_provider_that_hangs_differs_from_a_service_that_does() {
    let (server, directory) = (
        Server::start(still_world(1, 1)),
        tempfile::tempdir().unwrap(),
    );
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let provider = format!("http://{}/credentials", silent.local_addr().unwrap());
    let environment = [
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &*provider),
    ];
    let exporter = start(&server, directory.path(), "", &environment);
    eventually("a failed poll", || {
        (failures(&exporter, "credentials") >= 1.0).then_some(())
    });
    assert!(silent.accept().is_ok(), "the provider was asked");
}

#[test]
fn a_key_that_aws_refuses_costs_a_probe_and_no_more() {
    let server = Server::start(still_world(2, 100));
    let expired = Fault::Error(403, "ExpiredTokenException");
    let all = (0..2).map(pool_id).chain((0..200).map(identity_id));
    all.clone()
        .for_each(|id| server.simulator.set_fault(&id, Some(expired.clone())));
    let exporter = Exporter::start(&configuration(
        "interval: 1s, rate_limit: 1000",
        &server.url,
        2,
        100,
    ));
    let good = &budget("api_credentials_good", "us-east-1", &server);
    eventually("refused", || {
        (exporter.samples()[good] == 0.0).then_some(())
    });
    eventually("a failed poll", || {
        (failures(&exporter, "credentials") >= 1.0).then_some(())
    });
    // Calls that were sent before the first answer arrive at once, the probe after 5 s.
    let mut calls = server.simulator.take_call_log();
    let probes = eventually("a probe", || {
        calls.extend(server.simulator.take_call_log());
        let early = calls.first()?.at + Duration::from_secs(3);
        let late = calls.iter().filter(|call| call.at > early).count();
        (late > 0).then_some(late)
    });
    assert_eq!(probes, 1, "of 200 that are due");
    assert!(
        calls
            .iter()
            .all(|call| call.fault.as_ref() == Some(&expired))
    );
    all.for_each(|id| server.simulator.set_fault(&id, None));
    eventually("all fresh", || {
        (exporter.in_state(0, "fresh") + exporter.in_state(1, "fresh") == 200.0).then_some(())
    });
    assert_eq!(exporter.samples()[good], 1.0);
    for once in [
        "credentials unavailable or rejected",
        "credentials accepted again",
    ] {
        let told = exporter.told(once);
        assert_eq!(told.len(), 1, "{told:#?}");
    }
}

#[test]
fn an_endpoint_from_the_environment_is_held_to_https_too() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = command();
    let text = configuration("interval: 1s, timeout: 2s, attempts: 1", "", 1, 1)
        .replace("  endpoint_url: \n", "");
    std::fs::write(directory.path().join("config.yaml"), text).unwrap();
    command
        .arg("--config.file")
        .arg(directory.path().join("config.yaml"))
        .arg("--log.level=debug");
    // Reserved for documentation (RFC 5737): nobody is there, and nothing is sent.
    command.env("AWS_ENDPOINT_URL", "http://192.0.2.1");
    let exporter = Exporter::run(command);
    eventually("a failed poll", || {
        (failures(&exporter, "configuration") >= 1.0).then_some(())
    });
    exporter.told("the endpoint is plain http to another machine");
}

#[test]
fn a_session_of_aws_login() {
    let (server, directory) = (
        Server::start(still_world(1, 1)),
        tempfile::tempdir().unwrap(),
    );
    let profile = "[profile dev]\nlogin_session = arn:aws:iam::123456789012:user/u\n";
    let file = directory.path().join("config");
    std::fs::write(&file, profile).unwrap();
    let session = "{\"accessToken\": {\"accessKeyId\": \"AKIDLOGIN\", \"secretAccessKey\": \
        \"canary-login-secret\", \"sessionToken\": \"t\", \"accountId\": \"123456789012\", \
        \"expiresAt\": \"2100-01-01T00:00:00Z\"}, \"tokenType\": \"aws_sigv4\", \"refreshToken\": \
        \"r\", \"clientId\": \"arn:aws:signin:::devtools/same-device\", \"dpopKey\": \"k\"}";
    // The SHA-256 of the session's name.
    let name = "88929adfce05bf7ccf2ae7272cfbb0b23141302ba0339a173f53232e95660515.json";
    std::fs::write(directory.path().join(name), session).unwrap();
    let environment = [
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("AWS_SESSION_TOKEN", ""),
        ("AWS_PROFILE", "dev"),
        ("AWS_CONFIG_FILE", file.to_str().unwrap()),
        (
            "AWS_LOGIN_CACHE_DIRECTORY",
            directory.path().to_str().unwrap(),
        ),
    ];
    let _exporter = start(&server, directory.path(), "", &environment);
    assert_eq!(signed_with(&server), "AKIDLOGIN");
}

#[test]
fn a_role_is_not_assumed_in_plain_http_on_another_machine() {
    let (server, directory) = (
        Server::start(still_world(1, 1)),
        tempfile::tempdir().unwrap(),
    );
    let role = "  role_arn: arn:aws:iam::123456789012:role/reader\n";
    // Reserved for documentation (RFC 5737).
    let sts = [("AWS_ENDPOINT_URL_STS", "http://192.0.2.1")];
    let exporter = start(&server, directory.path(), role, &sts);
    eventually("a failed poll", || {
        (failures(&exporter, "configuration") >= 1.0).then_some(())
    });
    exporter.told("the endpoint is plain http to another machine");
}
