//! Every trouble with credentials is one warning with a cause and a remedy, the same on the page
//! and in the JSON, in words and not in Rust's.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;

use cognitosync_exporter::simulator::Fault;
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
const SSO: &str = "sso_account_id = 123456789012\nsso_role_name = reader\n";
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

/// STS and the portal of IAM Identity Center, which refuse everything.
fn refusing() -> String {
    answering(|request| {
        let error = |code: &str| {
            format!(
                "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
                 <Code>{code}</Code><Message>canary {{ }} message</Message></Error></ErrorResponse>"
            )
        };
        if request.contains("Action=AssumeRoleWithWebIdentity") {
            (400, error("InvalidIdentityToken"))
        } else if request.contains("Action=AssumeRole") {
            (403, error("AccessDenied"))
        } else if request.contains("token-of-one-without-role") {
            (
                403,
                "{\"__type\":\"ForbiddenException\",\"message\":\"canary\"}".into(),
            )
        } else {
            (
                401,
                "{\"__type\":\"UnauthorizedException\",\"message\":\"canary\"}".into(),
            )
        }
    })
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
    let log = exporter.log();
    let of_budget = format!("budget=\"{label}");
    let warnings = log.iter().filter(|line| line.contains("level=warn"));
    let warnings: Vec<_> = warnings.filter(|line| line.contains(&of_budget)).collect();
    assert_eq!(warnings.len(), 1, "{name}: {log:#?}");
    assert!(
        warnings[0].contains(cause) && warnings[0].contains(remedy),
        "{warnings:?}"
    );
    let (_, page) = get(&exporter.url("/"));
    let escaped = text("cause").replace('\'', "&#39;");
    assert!(page.contains(&escaped), "{said}");
}

/// No text of Rust's own, and no secret.
fn check_words(exporter: &Exporter) {
    let log = exporter.log().join("\n");
    let json = get(&exporter.url("/api/v1/status")).1.to_lowercase();
    for bad in ["Error(", "Error {", "source:", "{ ", "Some("] {
        assert!(!log.contains(bad), "{bad}: {log}");
    }
    for secret in ["canary", "AKID", "token-of"] {
        assert!(!log.contains(secret), "{secret}: {log}");
        assert!(!json.contains(&secret.to_lowercase()), "{secret}: {json}");
    }
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

fn pool(number: usize, server: &Server, lines: &str) -> String {
    let (pool, identity, url) = (pool_id(number), identity_id(number), &server.url);
    format!("- id: {pool}\n  endpoint_url: {url}\n{lines}  identities: [\"{identity}\"]\n")
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

#[test]
fn troubles_of_profiles() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    cache_token(
        home,
        "f0fed7e4932302916b4e9c73fe47edcafeed7c44",
        "canary-1",
        "2020-01-01T00:00:00Z",
    );
    cache_token(
        home,
        "98aadb37083eddd855c27feccb15dc8c5b127fd0",
        "canary-2",
        "2100-01-01T00:00:00Z",
    );
    cache_token(
        home,
        "a503bc1da23a6a8fafc646f69e65cc7d22fd4b53",
        "token-of-one-without-role",
        "2100-01-01T00:00:00Z",
    );
    std::fs::write(home.join("token"), "canary.jwt").unwrap();
    let token = home.join("token").display().to_string();
    let session = |name: &str| format!("sso_session = {name}\n{SSO}");
    let (corp, over, live, refused, none) = (
        session("corp"),
        session("over"),
        session("live"),
        session("refused"),
        session("none"),
    );
    let legacy =
        format!("sso_start_url = https://example.awsapps.com/start\nsso_region = us-east-1\n{SSO}");
    let assumes = format!("role_arn = {ROLE}\nsource_profile = keys\n");
    let lost = format!("role_arn = {ROLE}\nsource_profile = nowhere\n");
    let looped = format!("role_arn = {ROLE}\nsource_profile = looped2\n");
    let web = format!("role_arn = {ROLE}\nweb_identity_token_file = {token}\n");
    let web_absent = format!("role_arn = {ROLE}\nweb_identity_token_file = {token}-absent\n");
    let of_pool = format!("  role_arn: {ROLE}\n");
    let umlaut = "aws_access_key_id = AKIDCÄNARY\naws_secret_access_key = canary-s\n";
    let cases = [
        case(
            "nosuch",
            "",
            "profile_not_defined",
            "the profile nosuch is not defined in",
            "define nosuch",
        ),
        case(
            "lost",
            &lost,
            "profile_not_defined",
            "the profile nowhere is not defined",
            "define nowhere",
        ),
        case(
            "looped",
            &looped,
            "profile_incomplete",
            "infinite loop",
            "aws configure list --profile looped",
        ),
        case(
            "bare",
            "output = json\n",
            "profile_incomplete",
            "the profile bare gives no credentials",
            "complete the profile",
        ),
        case(
            "sessionless",
            &none,
            "profile_incomplete",
            "sso-session named none",
            "complete the profile",
        ),
        case(
            "corp",
            &corp,
            "sso_not_logged_in",
            "no SSO session for the profile corp",
            "aws sso login --sso-session corp",
        ),
        case(
            "legacy",
            &legacy,
            "sso_not_logged_in",
            "no SSO session for the profile legacy",
            "aws sso login --profile legacy",
        ),
        case(
            "over",
            &over,
            "sso_expired",
            "session of the profile over has expired",
            "aws sso login --sso-session over",
        ),
        case(
            "live",
            &live,
            "sso_expired",
            "session of the profile live has expired",
            "aws sso login --sso-session live",
        ),
        case(
            "refused",
            &refused,
            "sso_role_refused",
            "ForbiddenException",
            "sso_role_name",
        ),
        case(
            "login",
            "login_session = arn:aws:iam::123456789012:user/u\n",
            "login_absent",
            "no session of `aws login`",
            "aws login --profile login",
        ),
        case(
            "absent",
            "credential_process = /no/such/helper\n",
            "helper_failed",
            "its command is not found",
            "run credential_process of profile absent",
        ),
        case(
            "fails",
            "credential_process = echo canary >&2; exit 3\n",
            "helper_failed",
            "failed (exit status 3)",
            "as the user that runs the exporter",
        ),
        case(
            "prose",
            "credential_process = echo canary\n",
            "helper_answer",
            "its output is not JSON",
            "Version 1",
        ),
        case(
            "partial",
            "credential_process = echo '{\"Version\": 1, \"AccessKeyId\": \"canary\"}'\n",
            "helper_answer",
            "SecretAccessKey is absent",
            "Version 1",
        ),
        case(
            "assumes",
            &assumes,
            "role_refused",
            "role/reader be assumed (AccessDenied)",
            "trust policy",
        ),
        Case {
            pool: &of_pool,
            ..case(
                "keys",
                KEYS,
                "role_refused",
                "role/reader be assumed (AccessDenied)",
                "external_id",
            )
        },
        case(
            "web",
            &web,
            "web_identity_refused",
            "(InvalidIdentityToken",
            "issuer, audience and subject",
        ),
        case(
            "web_absent",
            &web_absent,
            "token_file",
            "there is no such file",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
        ),
        case(
            "umlaut",
            umlaut,
            "key_unusable",
            "one that no header can have",
            "copy the key again",
        ),
        case(
            "expired",
            KEYS,
            "key_expired",
            "expired (ExpiredTokenException)",
            "renew",
        ),
        case(
            "unknown",
            KEYS,
            "key_unknown",
            "(UnrecognizedClientException)",
            "partition",
        ),
        case(
            "secret",
            KEYS,
            "signature_wrong",
            "(InvalidSignatureException)",
            "does not belong",
        ),
        case(
            "skewed",
            KEYS,
            "clock_wrong",
            "(RequestTimeTooSkewed)",
            "NTP",
        ),
    ];
    let server = Server::start(still_world(cases.len(), 1));
    let mut shared = format!("[profile looped2]\nrole_arn = {ROLE}\nsource_profile = looped\n");
    for session in ["corp", "over", "live", "refused"] {
        shared += &format!(
            "[sso-session {session}]\nsso_start_url = https://example.awsapps.com/start\n\
             sso_region = us-east-1\n"
        );
    }
    let mut pools = String::new();
    for (
        number,
        Case {
            name,
            profile,
            pool: more,
            ..
        },
    ) in cases.iter().enumerate()
    {
        if !profile.is_empty() {
            shared += &format!("[profile {name}]\n{profile}");
        }
        pools += &pool(number, &server, &format!("  profile: {name}\n{more}"));
        let fault = match *name {
            "expired" => "ExpiredTokenException",
            "unknown" => "UnrecognizedClientException",
            "secret" => "InvalidSignatureException",
            "skewed" => "RequestTimeTooSkewed",
            _ => continue,
        };
        for id in [pool_id(number), identity_id(number)] {
            server
                .simulator
                .set_fault(&id, Some(Fault::Error(403, fault)));
        }
    }
    std::fs::write(home.join("aws"), shared).unwrap();
    let url = refusing();
    let mut command = without_keys(home, "50s", &pools);
    command
        .env("AWS_CONFIG_FILE", home.join("aws"))
        .env("AWS_ENDPOINT_URL_STS", &url)
        .env("AWS_ENDPOINT_URL_SSO", &url);
    let exporter = Exporter::run(command);
    for case in &cases {
        let of = if case.pool.is_empty() {
            case.name
        } else {
            ROLE
        };
        let label = format!("us-east-1 {of} ");
        check(&exporter, &label, case);
    }
    check_words(&exporter);
}

#[test]
fn troubles_of_the_environment() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    let path = |name: &str| home.join(name).display().to_string();
    std::fs::write(home.join("broken"), "[default]\ncanary without a sign\n").unwrap();
    let metadata = |role: u16| {
        answering(move |request| match request.starts_with("PUT ") {
            true => (200, "token-of-instance".to_owned()),
            false => (role, "canary {}".to_owned()),
        })
    };
    let refusing = answering(|_| (403, "canary {}".to_owned()));
    // Nobody listens there.
    let nobody = "http://127.0.0.1:1";
    let (without_role, denying) = (metadata(404), metadata(403));
    let broken = path("broken");
    let absent = path("absent");
    let container = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    let instance = [("AWS_EC2_METADATA_DISABLED", "false")];
    let web = [
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &absent),
    ];
    let instance = |url| [instance[0], ("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)];
    let (without_role, denying, gone) = (
        instance(&without_role),
        instance(&denying),
        instance(nobody),
    );
    let cases: [(&[(&str, &str)], _); 10] = [
        (
            &[],
            case(
                "nothing",
                "",
                "none_found",
                "environment (AWS_ACCESS_KEY_ID is not set), profile default (not in",
                "AWS_SECRET_ACCESS_KEY",
            ),
        ),
        (
            &[("AWS_PROFILE", "nope"), ("AWS_CONFIG_FILE", &absent)],
            case(
                "profile",
                "",
                "profile_not_defined",
                "(AWS_CONFIG_FILE, which names no file)",
                "AWS_PROFILE",
            ),
        ),
        (
            &[("AWS_SHARED_CREDENTIALS_FILE", &broken)],
            case(
                "file",
                "",
                "file_not_parsable",
                "broken:2: Expected",
                "correct the file",
            ),
        ),
        (
            &web,
            case(
                "web",
                "",
                "token_file",
                "there is no such file",
                "mount the token",
            ),
        ),
        (
            &[(container, nobody)],
            case(
                "container",
                "",
                "container_unreachable",
                "127.0.0.1:1 refuses the connection",
                "EKS Pod Identity",
            ),
        ),
        (
            &[(container, &refusing)],
            case(
                "refusing",
                "",
                "container_refused",
                "status 403",
                "authorization",
            ),
        ),
        (
            &[(container, "http://192.0.2.1/")],
            case("far", "", "container_refused", "not valid", "AWS_CONTAINER"),
        ),
        (
            &without_role,
            case(
                "roleless",
                "",
                "none_found",
                "the instance has no role",
                "role",
            ),
        ),
        (
            &denying,
            case("denying", "", "instance_refused", "status 403", "hop limit"),
        ),
        (
            &gone,
            case(
                "gone",
                "",
                "none_found",
                "instance metadata (does not answer)",
                "role",
            ),
        ),
    ];
    let server = Server::start(still_world(1, 1));
    let pools = pool(0, &server, "");
    let start = |variables: &[(&str, &str)]| {
        let mut command = without_keys(home, "50s", &pools);
        command.envs(variables.iter().copied());
        Exporter::run(command)
    };
    let running: Vec<_> = cases
        .iter()
        .map(|(variables, case)| (start(variables), case))
        .collect();
    for (exporter, case) in &running {
        check(exporter, "us-east-1 ", case);
        check_words(exporter);
    }
    assert_eq!(server.simulator.take_call_log(), []);
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
    let until = |what: &str| {
        eventually(what, || {
            let log = exporter.log();
            log.iter().any(|line| line.contains(what)).then_some(())
        });
    };
    until("kind=profile_incomplete");
    exporter.signal("HUP");
    std::fs::write(home.join("aws"), "[profile other]\n").unwrap();
    until("kind=profile_not_defined");
    std::fs::write(home.join("aws"), format!("[profile turns]\n{KEYS}")).unwrap();
    exporter.signal("HUP");
    until("credentials accepted again");
    let log = exporter.log();
    let about = |line: &&String| line.contains("budget=\"us-east-1 turns");
    assert_eq!(log.iter().filter(about).count(), 3, "{log:#?}");
    assert_eq!(
        budgets(&exporter)[0]["credentials"],
        serde_json::json!({"good": true})
    );
}
