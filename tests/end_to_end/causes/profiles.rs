//! Troubles of profiles: one process polls a pool with each.

use cognitosync_exporter::simulator::Fault;

use super::{
    Case, KEYS, ROLE, answering, cache_token, case, check, check_words, profiles, sso_session,
    sts_error, without_keys,
};
use crate::support::{Exporter, Server, identity_id, pool_id, still_world};

const SSO: &str = "sso_account_id = 123456789012\nsso_role_name = reader\n";

/// STS and the portal of IAM Identity Center, which refuse everything.
fn refusing() -> String {
    answering(|request| {
        if request.contains("Action=AssumeRoleWithWebIdentity") {
            (400, sts_error("InvalidIdentityToken"))
        } else if request.contains("Action=AssumeRole") {
            (403, sts_error("AccessDenied"))
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
            "control character or not ASCII",
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
    let (of_cases, pools) = profiles(&cases, &server);
    let mut shared = format!("[profile looped2]\nrole_arn = {ROLE}\nsource_profile = looped\n");
    shared.extend(["corp", "over", "live", "refused"].map(sso_session));
    shared += &of_cases;
    for (number, case) in cases.iter().enumerate() {
        let fault = match case.name {
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
