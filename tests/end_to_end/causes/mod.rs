//! Every trouble with credentials is one warning with a cause and a remedy, the same on the page
//! and in the JSON, in words and not in Rust's.

mod environment;
mod hosts;
mod profiles;
mod providers;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::Value;

use crate::support::{
    Exporter, Server, command, eventually, get, identity_id, pool_id, still_world,
};

/// One trouble: the profile that has it or the variables that make it, and what is said of it.
struct Case<'a> {
    name: &'a str,
    /// Below the profile's head, or further lines of the pool.
    profile: &'a str,
    pool: &'a str,
    kind: &'a str,
    cause: &'a str,
    remedy: &'a str,
}

const fn case<'a>(
    name: &'a str,
    profile: &'a str,
    kind: &'a str,
    cause: &'a str,
    remedy: &'a str,
) -> Case<'a> {
    Case {
        name,
        profile,
        pool: "",
        kind,
        cause,
        remedy,
    }
}

const ROLE: &str = "arn:aws:iam::123456789012:role/reader";
const KEYS: &str = "aws_access_key_id = AKIDCANARYPROFILE\naws_secret_access_key = canary-s\n";

/// A service that answers each request by its head and body.
fn answering(answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut request, mut length) = (String::new(), 0);
            while stream.read_line(&mut request).unwrap_or_default() > 2 {
                let line = request.lines().last().unwrap().to_lowercase();
                if let Some(value) = line.strip_prefix("content-length: ") {
                    length = value.parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            if stream.read_exact(&mut body).is_err() {
                continue;
            }
            let (status, answer) = answer(&(request + &String::from_utf8_lossy(&body)));
            let reply = format!(
                "HTTP/1.1 {status} X\r\nx-aws-ec2-metadata-token-ttl-seconds: 300\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
                answer.len()
            );
            // The other side may have given up.
            let _ = stream.get_mut().write_all(reply.as_bytes());
        }
    });
    url
}

fn budgets(exporter: &Exporter) -> Vec<Value> {
    let status: Value = serde_json::from_str(&get(&exporter.url("/api/v1/status")).1).unwrap();
    status["polling"]["budgets"].as_array().unwrap().clone()
}

/// Holds what is said of a budget against a case.
fn check(exporter: &Exporter, label: &str, case: &Case<'_>) {
    let Case {
        name,
        kind,
        cause,
        remedy,
        ..
    } = case;
    let of_budget = |budget: &Value| budget["budget"].as_str().unwrap().starts_with(label);
    let credentials = eventually(name, || {
        let budget = budgets(exporter).into_iter().find(of_budget).unwrap();
        let credentials = budget["credentials"].clone();
        (credentials["good"] == false).then_some(credentials)
    });
    let text = |key: &str| credentials[key].as_str().unwrap().to_owned();
    let said = format!("{name}: {credentials:#}");
    assert_eq!(text("kind"), *kind, "{said}");
    assert!(text("cause").contains(cause), "{said}");
    assert!(text("remedy").contains(remedy), "{said}");
    let warnings = eventually(name, || {
        let told = exporter.told(&format!("budget=\"{label}")).into_iter();
        let warnings: Vec<_> = told.filter(|line| line.contains("level=warn")).collect();
        (!warnings.is_empty()).then_some(warnings)
    });
    assert_eq!(warnings.len(), 1, "{name}: {warnings:#?}");
    assert!(
        warnings[0].contains(cause) && warnings[0].contains(remedy),
        "{warnings:?}"
    );
    let (_, page) = get(&exporter.url("/"));
    let escaped = text("cause").replace('\'', "&#39;");
    assert!(page.contains(&escaped), "{said}");
}

/// No text of Rust's own, no secret, and no warning but of budgets, of pools, and of settings.
fn check_words(exporter: &Exporter) {
    let lines = exporter.log();
    let known = [
        " budget=",
        " pool=",
        "poll.timeout: ",
        "component=aws_config",
    ];
    let mut warnings = lines.iter().filter(|line| line.contains("level=warn"));
    let other = warnings.find(|line| !known.iter().any(|known| line.contains(known)));
    assert_eq!(other, None, "{lines:#?}");
    let json = get(&exporter.url("/api/v1/status")).1;
    let page = get(&exporter.url("/")).1;
    for text in [&lines.join("\n"), &json, &page] {
        for bad in [
            "Error(",
            "Error {",
            "{ source: ",
            "Some(",
            "canary",
            "AKID",
            "token-of",
        ] {
            assert!(!text.contains(bad), "{bad}: {text}");
        }
    }
    assert!(!lines.iter().any(|line| line.contains("{ ")), "{lines:#?}");
}

/// The binary in a directory with shared files, which is its home, without keys in the environment.
fn without_keys(directory: &Path, timeout: &str, pools: &str) -> Command {
    let file = directory.join("config.yaml");
    let text = format!("poll: {{interval: 1s, timeout: {timeout}, attempts: 1}}\npools:\n{pools}");
    std::fs::write(&file, text).unwrap();
    let mut command = command();
    command
        .env("HOME", directory)
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env_remove("AWS_SESSION_TOKEN")
        .args(["--log.level=info", "--config.file"])
        .arg(file);
    command
}

/// The profiles of cases, and a pool with each.
fn profiles(cases: &[Case<'_>], server: &Server) -> (String, String) {
    let (mut shared, mut pools) = (String::new(), String::new());
    for (number, case) in cases.iter().enumerate() {
        if !case.profile.is_empty() {
            shared += &format!("[profile {}]\n{}", case.name, case.profile);
        }
        let lines = format!("  profile: {}\n{}", case.name, case.pool);
        pools += &pool(number, server, &lines);
    }
    (shared, pools)
}

/// A session of IAM Identity Center.
fn sso_session(name: &str) -> String {
    format!(
        "[sso-session {name}]\nsso_start_url = https://example.awsapps.com/start\n\
         sso_region = us-east-1\n"
    )
}

/// A token in the cache of IAM Identity Center, in a file named by the SHA-1 of its session.
fn cache_token(home: &Path, name: &str, token: &str, expires_at: &str) {
    let directory = home.join(".aws/sso/cache");
    std::fs::create_dir_all(&directory).unwrap();
    let token = format!(
        "{{\"accessToken\": \"{token}\", \"expiresAt\": \"{expires_at}\", \
         \"region\": \"us-east-1\", \"startUrl\": \"https://example.awsapps.com/start\"}}"
    );
    std::fs::write(directory.join(format!("{name}.json")), token).unwrap();
}

/// An error of STS.
fn sts_error(code: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
         <Code>{code}</Code><Message>canary {{ }} message</Message></Error></ErrorResponse>"
    )
}

fn pool(number: usize, server: &Server, lines: &str) -> String {
    let (pool, identity, url) = (pool_id(number), identity_id(number), &server.url);
    format!("- id: {pool}\n  endpoint_url: {url}\n{lines}  identities: [\"{identity}\"]\n")
}

#[test]
fn a_helper_that_hangs() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    let shared = "[profile hangs]\ncredential_process = sleep 60\n";
    std::fs::write(home.join("aws"), shared).unwrap();
    let server = Server::start(still_world(1, 1));
    let pools = pool(0, &server, "  profile: hangs\n");
    let mut command = without_keys(home, "1s", &pools);
    command.env("AWS_CONFIG_FILE", home.join("aws"));
    let exporter = Exporter::run(command);
    let cause = "has answered within 0.8 s";
    let slow = case(
        "hangs",
        "",
        "provider_slow",
        cause,
        "one load may take 30 s",
    );
    check(&exporter, "us-east-1 hangs", &slow);
    check_words(&exporter);
}

#[test]
fn another_cause_is_another_warning_and_what_works_again_is_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    let server = Server::start(still_world(1, 1));
    let pools = pool(0, &server, "  profile: turns\n");
    let mut command = without_keys(home, "50s", &pools);
    command.env("AWS_CONFIG_FILE", home.join("aws"));
    std::fs::write(home.join("aws"), "[profile turns]\noutput = json\n").unwrap();
    let exporter = Exporter::run(command);
    exporter.told("kind=profile_incomplete");
    exporter.signal("HUP");
    std::fs::write(home.join("aws"), "[profile other]\n").unwrap();
    exporter.told("kind=profile_not_defined");
    std::fs::write(home.join("aws"), format!("[profile turns]\n{KEYS}")).unwrap();
    exporter.signal("HUP");
    exporter.told("credentials accepted again");
    let told = exporter.told("budget=\"us-east-1 turns");
    assert_eq!(told.len(), 3, "{told:#?}");
    assert_eq!(
        budgets(&exporter)[0]["credentials"],
        serde_json::json!({"good": true})
    );
}
