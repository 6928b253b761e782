//! Credentials and settings that do not work, or not yet: what the log says, and what ends it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::credentials::{budget, failures, start};
use crate::support::{
    ACCESS_KEY, Exporter, SECRET_KEY, SESSION_TOKEN, Server, command, configuration, eventually,
    identity_id, pool_id, still_world,
};
use cognitosync_exporter::simulator::Fault;

const NO_KEYS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", ""),
    ("AWS_SECRET_ACCESS_KEY", ""),
    ("AWS_SESSION_TOKEN", ""),
];
const REFUSED: &str = "credentials unavailable or rejected";
const CANNOT_WORK: &str = "the settings for AWS cannot work";

fn server(pools: usize) -> (Server, tempfile::TempDir) {
    let server = Server::start(still_world(pools, 1));
    (server, tempfile::tempdir().unwrap())
}

fn until_failed(exporter: &Exporter, reason: &str) {
    eventually("a failed poll", || {
        (failures(exporter, reason) >= 1.0).then_some(())
    });
}

fn until_fresh(exporter: &Exporter) {
    eventually("a fresh identity", || {
        (exporter.in_state(0, "fresh") == 1.0).then_some(())
    });
}

fn until_signed_with(server: &Server, key: &str) {
    eventually(key, || {
        let calls = server.simulator.take_call_log();
        let signed =
            |call: &cognitosync_exporter::simulator::Call| call.access_key.as_deref() == Some(key);
        calls.iter().any(signed).then_some(())
    });
}

#[test]
fn white_space_around_a_key_is_cut_off() {
    let (server, directory) = server(1);
    let padded = format!(" {ACCESS_KEY}\n");
    let environment = [("AWS_ACCESS_KEY_ID", &*padded)];
    let exporter = start(&server, directory.path(), "", &environment);
    until_signed_with(&server, ACCESS_KEY);
    until_fresh(&exporter);
}

#[test]
fn a_key_that_no_header_can_have_fails_the_calls_of_its_budget_only() {
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", "AKID\nCANARY"),
        ("AWS_SECRET_ACCESS_KEY", "canary\u{7f}secret"),
        ("AWS_SESSION_TOKEN", "canary-tökén"),
    ] {
        let (server, directory) = server(2);
        let text = configuration("interval: 1s, attempts: 1", &server.url, 2, 1);
        let own = format!("- id: {}\n  profile: good\n", pool_id(1));
        let text = text.replace(&format!("- id: {}\n", pool_id(1)), &own);
        let (file, keys) = (directory.path().join("config"), directory.path().join("k"));
        std::fs::write(&file, text).unwrap();
        let good = "[good]\naws_access_key_id = AKIDGOOD\naws_secret_access_key = s\n";
        std::fs::write(&keys, good).unwrap();
        let mut command = command();
        command.env("AWS_SHARED_CREDENTIALS_FILE", keys);
        command.arg("--config.file").arg(file).env(name, value);
        let exporter = Exporter::run(command);
        until_failed(&exporter, "credentials");
        eventually("the other budget's poll", || {
            (exporter.in_state(1, "fresh") == 1.0).then_some(())
        });
        let samples = exporter.samples();
        let is_good = |account| samples[&budget("api_credentials_good", account, &server)];
        assert_eq!(
            (is_good("us-east-1"), is_good("us-east-1 good")),
            (0.0, 1.0)
        );
        let told = exporter.told(REFUSED);
        assert!(
            told[0].contains("is a line break, another control character"),
            "{told:?}"
        );
        assert_eq!(told.len(), 1, "{told:?}");
        let log = exporter.log().join("\n");
        assert!(!log.contains("CANARY") && !log.contains("canary"), "{log}");
    }
}

/// A container's credentials: what is in the cell, for as long as the process lives.
fn container(answer: &Arc<Mutex<String>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let answer = Arc::clone(answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut line = String::new();
            while stream.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            let body = answer.lock().unwrap().clone();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", body.len());
            let reply = format!("{head}connection: close\r\n\r\n{body}");
            stream.get_mut().write_all(reply.as_bytes()).unwrap();
        }
    });
    url
}

/// Keys that have expired already, so that the provider is asked every few seconds.
fn keys(key: &str) -> String {
    format!(
        "{{\"AccessKeyId\":\"{key}\",\"SecretAccessKey\":\"s\",\"Token\":\"t\",\
         \"Expiration\":\"2020-01-01T00:00:00Z\"}}"
    )
}

#[test]
fn a_provider_that_turns_bad_fails_the_calls_and_is_asked_again() {
    let (server, directory) = server(1);
    let answer = Arc::new(Mutex::new(keys("AKIDGOOD")));
    let url = container(&answer);
    let mut environment = NO_KEYS.to_vec();
    environment.push(("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url));
    let exporter = start(&server, directory.path(), "", &environment);
    until_signed_with(&server, "AKIDGOOD");
    *answer.lock().unwrap() = keys("AKID\\nBAD");
    until_failed(&exporter, "credentials");
    *answer.lock().unwrap() = keys("AKIDAGAIN");
    until_signed_with(&server, "AKIDAGAIN");
    until_fresh(&exporter);
}

#[test]
fn keys_that_are_replaced_are_read_by_the_next_probe() {
    for (line, profile, environment) in [
        ("", "default", ("AWS_PROFILE", "")),
        ("", "work", ("AWS_PROFILE", "work")),
        ("  profile: work\n", "work", ("AWS_PROFILE", "")),
    ] {
        let (server, directory) = server(1);
        let file = directory.path().join("replaced");
        let keys = |key| {
            let keys = format!("aws_access_key_id = {key}\naws_secret_access_key = s\n");
            let new = directory.path().join("new");
            std::fs::write(&new, format!("[{profile}]\n{keys}")).unwrap();
            std::fs::rename(new, &file).unwrap();
        };
        keys("AKIDOLD");
        let mut all = NO_KEYS.to_vec();
        let path = file.to_str().unwrap();
        all.extend([environment, ("AWS_SHARED_CREDENTIALS_FILE", path)]);
        let exporter = start(&server, directory.path(), line, &all);
        until_signed_with(&server, "AKIDOLD");
        let expired = Some(Fault::Error(403, "ExpiredTokenException"));
        for id in [identity_id(0), pool_id(0)] {
            server.simulator.set_fault(&id, expired.clone());
        }
        until_failed(&exporter, "credentials");
        keys("AKIDNEW");
        until_signed_with(&server, "AKIDNEW");
        for id in [identity_id(0), pool_id(0)] {
            server.simulator.set_fault(&id, None);
        }
        until_fresh(&exporter);
        let told = exporter.told(REFUSED);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("ExpiredTokenException"), "{told:?}");
    }
}

#[test]
fn a_requested_reload_reads_keys_that_are_still_good() {
    let (server, directory) = server(1);
    let file = directory.path().join("replaced");
    let keys = |key| {
        let keys = format!("aws_access_key_id = {key}\naws_secret_access_key = s\n");
        std::fs::write(&file, format!("[default]\n{keys}")).unwrap();
    };
    keys("AKIDOLD");
    let mut environment = NO_KEYS.to_vec();
    environment.push(("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap()));
    let exporter = start(&server, directory.path(), "", &environment);
    until_signed_with(&server, "AKIDOLD");
    keys("AKIDNEW");
    exporter.signal("HUP");
    until_signed_with(&server, "AKIDNEW");
}

#[test]
fn slow_credentials_arrive_though_each_call_gives_up() {
    let (server, directory) = server(1);
    let helper = "[default]\ncredential_process = sh -c \"sleep 4; echo \
        '{\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"AKIDSLOW\\\",\\\"SecretAccessKey\\\":\\\"s\\\"}'\"\n";
    let file = directory.path().join("helper");
    std::fs::write(&file, helper).unwrap();
    let mut environment = NO_KEYS.to_vec();
    environment.push(("AWS_CONFIG_FILE", file.to_str().unwrap()));
    let exporter = start(&server, directory.path(), "", &environment);
    until_failed(&exporter, "credentials");
    until_signed_with(&server, "AKIDSLOW");
    until_fresh(&exporter);
    let told = exporter.told(REFUSED);
    assert!(told[0].contains("poll.timeout"), "{told:?}");
}

#[test]
fn a_panic_inside_the_sdk_is_a_failed_call() {
    let (server, directory) = server(1);
    // The SDK's signer panics on DEL in the key id of the profile that a role begins with.
    let role = "[default]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = s\n";
    let source = "[profile s]\naws_access_key_id = A\u{7f}\naws_secret_access_key = s\n";
    let file = directory.path().join("role");
    std::fs::write(&file, format!("{role}{source}")).unwrap();
    let mut environment = NO_KEYS.to_vec();
    environment.push(("AWS_CONFIG_FILE", file.to_str().unwrap()));
    environment.push(("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9"));
    let exporter = start(&server, directory.path(), "", &environment);
    until_failed(&exporter, "credentials");
    let told = exporter.told(REFUSED);
    assert!(
        told[0].contains("a panic while credentials were loaded"),
        "{told:?}"
    );
    std::fs::write(
        &file,
        "[default]\naws_access_key_id = AKIDGOOD\naws_secret_access_key = s\n",
    )
    .unwrap();
    until_signed_with(&server, "AKIDGOOD");
}

/// Runs the exporter on a pool without an endpoint of its own.
fn without_endpoint(directory: &Path, environment: &[(&str, &str)]) -> Exporter {
    let text = configuration("interval: 1s, timeout: 2s", "", 1, 1);
    let file = directory.join("config.yaml");
    std::fs::write(&file, text.replace("  endpoint_url: \n", "")).unwrap();
    let mut command = command();
    command
        .arg("--config.file")
        .arg(file)
        .arg("--log.level=debug");
    command.envs(environment.iter().copied());
    Exporter::run(command)
}

#[test]
fn settings_that_cannot_work_are_logged_once_with_their_cause() {
    let (server, directory) = server(1);
    let fips = start(
        &server,
        directory.path(),
        "",
        &[("AWS_USE_FIPS_ENDPOINT", "true")],
    );
    let mut profile = NO_KEYS.to_vec();
    profile.push(("AWS_PROFILE", "nope"));
    let profile = start(&server, directory.path(), "", &profile);
    let of_pool = start(&server, directory.path(), "  profile: nope\n", &[]);
    let no_url = without_endpoint(directory.path(), &[("AWS_ENDPOINT_URL", "not a url")]);
    let login = ("AWS_ENDPOINT_URL", "http://user:canary-password@192.0.2.1");
    let plain = without_endpoint(directory.path(), &[login]);
    for (exporter, cause) in [
        (&fips, "FIPS and custom endpoint are not supported"),
        (&profile, "the profile nope is not defined"),
        (&of_pool, "the profile nope is not defined"),
        (&no_url, "endpoint is not a valid URI"),
        (&plain, "the endpoint is plain http to another machine"),
    ] {
        let probes = || {
            let calls = "cognitosync_exporter_api_failures_total";
            let calls = exporter.samples().into_iter().filter(|(name, _)| {
                name.starts_with(calls) && name.contains("reason=\"configuration\"")
            });
            calls.map(|(_, value)| value).sum::<f64>()
        };
        eventually("a probe", || (probes() >= 2.0).then_some(()));
        assert!(failures(exporter, "configuration") >= 1.0);
        let told = exporter.told(CANNOT_WORK);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].contains("level=warn") && told[0].contains(cause),
            "{told:?}"
        );
        let log = exporter.log().join("\n");
        let hex = identity_id(0).split_once(':').unwrap().1.to_owned();
        assert!(!log.contains(&hex), "no id in any form: {log}");
        assert!(!log.contains("canary-password"), "{log}");
        assert!(!told[0].contains("{ "), "no debug output: {told:?}");
    }
    assert_eq!(server.simulator.take_call_log(), [], "nothing was sent");
}

#[test]
fn settings_that_the_sdk_reads_do_not_end_the_process() {
    let (server, directory) = server(1);
    let profile = "[default]\nmax_attempts = many\nretry_mode = never\ndefaults_mode = none\n";
    let file = directory.path().join("profile");
    std::fs::write(&file, profile).unwrap();
    for value in ["many", "0", "-1", "99999999999999999999", "é", "a b\nc"] {
        let mut environment = vec![("AWS_CONFIG_FILE", file.to_str().unwrap())];
        for name in [
            "AWS_MAX_ATTEMPTS",
            "AWS_RETRY_MODE",
            "AWS_DEFAULTS_MODE",
            "AWS_STS_REGIONAL_ENDPOINTS",
            "AWS_SDK_UA_APP_ID",
            "AWS_REGION",
            "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES",
            "AWS_ACCOUNT_ID_ENDPOINT_MODE",
            "AWS_USE_DUALSTACK_ENDPOINT",
            "AWS_SIGV4A_SIGNING_REGION_SET",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
        ] {
            environment.push((name, value));
        }
        let exporter = start(&server, directory.path(), "", &environment);
        until_fresh(&exporter);
    }
}

#[test]
fn what_one_endpoint_says_of_credentials_is_its_own() {
    let (refusing, directory) = server(1);
    let answering = Server::start(still_world(2, 1));
    let expired = Some(Fault::Error(403, "ExpiredTokenException"));
    for id in [identity_id(0), pool_id(0)] {
        refusing.simulator.set_fault(&id, expired.clone());
    }
    let text = configuration("interval: 1s", "URL", 2, 1);
    let text = text.replacen("URL", &refusing.url, 1);
    let text = text.replacen("  endpoint_url: URL\n", "", 1);
    let file = directory.path().join("config.yaml");
    std::fs::write(&file, text).unwrap();
    let mut command = command();
    command.arg("--config.file").arg(file);
    command.env("AWS_ENDPOINT_URL_COGNITO_SYNC", &answering.url);
    let exporter = Exporter::run(command);
    until_failed(&exporter, "credentials");
    drop(answering.simulator.take_call_log());
    let mut calls = 0;
    eventually("the other pool's polls go on", || {
        calls += answering.simulator.take_call_log().len();
        (calls >= 6).then_some(())
    });
    let samples = exporter.samples();
    let good = "cognitosync_exporter_api_credentials_good{budget=\"us-east-1\"}";
    assert_eq!(samples[good], 1.0);
    assert_eq!(
        samples[&budget("api_credentials_good", "us-east-1", &refusing)],
        0.0
    );
    eventually("the other pool stays fresh", || {
        (exporter.in_state(1, "fresh") == 1.0).then_some(())
    });
}

#[test]
fn no_secret_is_logged_when_credentials_are_refused() {
    let (server, directory) = server(1);
    for id in [identity_id(0), pool_id(0)] {
        let refused = Fault::Error(403, "SignatureDoesNotMatch");
        server.simulator.set_fault(&id, Some(refused));
    }
    let exporter = start(&server, directory.path(), "", &[]);
    until_failed(&exporter, "credentials");
    exporter.told("(SignatureDoesNotMatch)");
    let log = exporter.log().join("\n");
    for secret in [ACCESS_KEY, SECRET_KEY, SESSION_TOKEN] {
        assert!(!log.contains(secret), "{log}");
    }
}
