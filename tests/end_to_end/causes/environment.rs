//! Troubles of the environment: a process has each.

use super::{ROLE, answering, case, check, check_words, pool, without_keys};
use crate::support::{Exporter, Server, still_world};

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
    let garbage = answering(|_| (200, "canary {}".to_owned()));
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
    std::fs::write(home.join("token"), "canary.jwt").unwrap();
    let (token, proxy) = (path("token"), answering(|_| (502, String::new())));
    let proxied = [
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &token),
        ("HTTPS_PROXY", &proxy),
    ];
    let instance = |url| [instance[0], ("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)];
    let (without_role, denying, gone) = (
        instance(&without_role),
        instance(&denying),
        instance(nobody),
    );
    let cases: [(&[(&str, &str)], _); 12] = [
        (
            &[("AWS_USE_FIPS_ENDPOINT", "maybe")],
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
            &proxied,
            case(
                "proxied",
                "",
                "proxy_failed",
                "STS cannot be reached: the proxy opens no tunnel to sts.us-east-1.amazonaws.com: \
                 it answers with status 502 Bad Gateway",
                "check HTTPS_PROXY",
            ),
        ),
        (
            &[(container, nobody)],
            case(
                "container",
                "",
                "connection_refused",
                "the container's endpoint cannot be reached: 127.0.0.1:1 refuses the connection",
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
            &[(container, &garbage)],
            case(
                "garbage",
                "",
                "provider_answer",
                "the container's endpoint answers with status 200, and not as it should",
                "login page",
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
    // Which the SDK passes over, and says so.
    let told = running[0].0.told("FIPS");
    assert!(told[0].contains("component=aws_config"), "{told:#?}");
    assert_eq!(server.simulator.take_call_log(), []);
}
