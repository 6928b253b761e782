//! What the hosts that provide credentials answer, and which profile of a chain it concerns.

use std::path::Path;
use std::sync::mpsc::{Sender, channel};

use super::{
    KEYS, answering, cache_token, case, check, check_words, profiles, sso_session, sts_error,
    without_keys,
};
use crate::support::{Exporter, Server, still_world};

/// STS and the portal of IAM Identity Center, which answer by the name of the role, and what renews
/// sessions of `aws login`, which refuses and reports that.
fn by_role(renewals: Sender<()>) -> String {
    let of_sso = "{\"roleCredentials\": {\"accessKeyId\": \"AKIDCANARY\", \"secretAccessKey\": \
        \"canary\", \"sessionToken\": \"canary\", \"expiration\": 4102444800000}}";
    let of_web = "<AssumeRoleWithWebIdentityResponse \
        xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleWithWebIdentityResult>\
        <Credentials><AccessKeyId>AKIDCANARY</AccessKeyId><SecretAccessKey>canary</SecretAccessKey>\
        <SessionToken>canary</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration>\
        </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
    answering(move |request| {
        let has = |what: &str| request.contains(what);
        if has("role_name=slowed") {
            let error = "{\"__type\":\"TooManyRequestsException\",\"message\":\"canary\"}";
            return (429, error.to_owned());
        }
        if has("POST /v1/token") {
            // The test may have ended.
            let _ = renewals.send(());
            let error = "{\"__type\":\"AccessDeniedException\",\"error\":\"TOKEN_EXPIRED\",\
                \"message\":\"canary\"}";
            return (400, error.to_owned());
        }
        match () {
            () if has("role_name=reader") => (200, of_sso.to_owned()),
            () if has("role%2Ftrusting") => (200, of_web.to_owned()),
            () if has("role%2Fslowed") => (400, sts_error("Throttling")),
            () if has("role%2Fabroad") => (403, sts_error("RegionDisabledException")),
            () if has("role%2Fpage") => (200, "<html>canary { x }</html>".to_owned()),
            () if has("busy") => (503, "busy canary".to_owned()),
            () => (403, sts_error("AccessDenied")),
        }
    })
}

/// A session of `aws login` that has to be renewed, in a file named by the SHA-256 of its name.
fn cache_login(home: &Path) {
    let directory = home.join(".aws/login/cache");
    std::fs::create_dir_all(&directory).unwrap();
    // Its number is made of ones: no one signs with it.
    let key = "-----BEGIN EC PRIVATE KEY-----\\nMCUCAQEEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\\n-----END EC PRIVATE KEY-----\\n";
    let session = format!(
        "{{\"accessToken\": {{\"accessKeyId\": \"AKIDLATE\", \"secretAccessKey\": \"canary\", \
         \"sessionToken\": \"canary\", \"accountId\": \"123456789012\", \
         \"expiresAt\": \"2020-01-01T00:00:00Z\"}}, \"tokenType\": \"aws_sigv4\", \
         \"refreshToken\": \"canary\", \"clientId\": \"arn:aws:signin:::devtools/same-device\", \
         \"dpopKey\": \"{key}\"}}"
    );
    let name = "bd1d33c8762eeee09c2dbe8a45bc2395e4880faabb9ec09ef95d662c7793af95.json";
    std::fs::write(directory.join(name), session).unwrap();
}

#[test]
fn answers_of_providers_and_the_profiles_that_they_concern() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let session = "98aadb37083eddd855c27feccb15dc8c5b127fd0";
    cache_token(home, session, "canary-2", "2100-01-01T00:00:00Z");
    cache_login(home);
    std::fs::write(home.join("token"), "canary.jwt").unwrap();
    let token = home.join("token").display().to_string();
    let role = |name: &str| format!("role_arn = arn:aws:iam::123456789012:role/{name}\n");
    let from = |name: &str, source: &str| format!("{}source_profile = {source}\n", role(name));
    let of_sso = |name: &str| {
        format!("sso_session = live\nsso_account_id = 123456789012\nsso_role_name = {name}\n")
    };
    let web = |name: &str| format!("{}web_identity_token_file = {token}\n", role(name));
    let nameless = "sso_account_id = 123456789012\nsso_role_name = reader\n";
    let without_region = format!("sso_start_url = https://example.awsapps.com/start\n{nameless}");
    let legacy = format!("{without_region}sso_region = us-east-1\n");
    let sources = [
        ("keys", KEYS.to_owned()),
        ("dev", of_sso("reader")),
        ("legacy", legacy),
        ("middle", from("inner", "keys")),
        ("trusting", web("trusting")),
        ("strange", web("strange")),
        ("fails", "credential_process = exit 3\n".to_owned()),
        (
            "user",
            "login_session = arn:aws:iam::123456789012:user/u\n".to_owned(),
        ),
    ];
    let (admin, outer) = (from("admin", "dev"), from("outer", "middle"));
    let (over_legacy, over_helper) = (from("outer", "legacy"), from("outer", "fails"));
    let (over_login, over_trusting) = (from("outer", "user"), from("cross", "trusting"));
    let over_strange = from("outer", "strange");
    let over_regionless = from("outer", "regionless");
    let (slowed, abroad, page) = (
        from("slowed", "keys"),
        from("abroad", "keys"),
        from("page", "keys"),
    );
    let (busy, slowed_sso, busy_sso) = (from("busy", "keys"), of_sso("slowed"), of_sso("busy"));
    let of_pool = "  role_arn: arn:aws:iam::123456789012:role/busy\n";
    let empty = format!("{}credential_source = Environment\n", role("outer"));
    let cases = [
        case(
            "admin",
            &admin,
            "role_refused",
            "STS does not let the role arn:aws:iam::123456789012:role/admin be assumed (AccessDenied)",
            "trust policy",
        ),
        case(
            "outer",
            &outer,
            "role_refused",
            "role/inner be assumed",
            "trust policy",
        ),
        case(
            "over_legacy",
            &over_legacy,
            "sso_not_logged_in",
            "for the profile legacy",
            "aws sso login --profile legacy`",
        ),
        case(
            "over_helper",
            &over_helper,
            "helper_failed",
            "of the profile fails failed (exit status 3)",
            "profile fails",
        ),
        case(
            "over_login",
            &over_login,
            "login_absent",
            "for the profile user",
            "aws login --profile user`",
        ),
        case(
            "late",
            "login_session = arn:aws:iam::123456789012:user/late\n",
            "login_expired",
            "the session of `aws login` of the profile late has expired",
            "aws login --profile late`",
        ),
        case(
            "over_trusting",
            &over_trusting,
            "role_refused",
            "role/cross be assumed",
            "trust policy",
        ),
        case(
            "over_strange",
            &over_strange,
            "web_identity_refused",
            "for the role arn:aws:iam::123456789012:role/strange (AccessDenied)",
            "audience",
        ),
        case(
            "regionless",
            &without_region,
            "profile_incomplete",
            "the profile regionless gives no credentials: sso_region is not set",
            "complete the profile regionless",
        ),
        case(
            "over_regionless",
            &over_regionless,
            "profile_incomplete",
            "the profile regionless gives no credentials: sso_region is not set",
            "complete the profile regionless",
        ),
        case(
            "slowed",
            &slowed,
            "provider_throttled",
            "STS throttles (Throttling)",
            "asked again at each probe",
        ),
        case(
            "slowed_sso",
            &slowed_sso,
            "provider_throttled",
            "the SSO portal throttles (TooManyRequestsException)",
            "asked again at each probe",
        ),
        case(
            "abroad",
            &abroad,
            "sts_region_disabled",
            "STS is not enabled in this region",
            "enable STS",
        ),
        case(
            "page",
            &page,
            "provider_answer",
            "STS answers with status 200, and not as it should",
            "AWS_ENDPOINT_URL_STS",
        ),
        case(
            "busy",
            &busy,
            "provider_unavailable",
            "STS is not available (status 503)",
            "AWS_ENDPOINT_URL_STS",
        ),
        case(
            "busy_sso",
            &busy_sso,
            "provider_unavailable",
            "the SSO portal is not available (status 503)",
            "AWS_ENDPOINT_URL_SSO",
        ),
        case(
            "empty",
            &empty,
            "source_empty",
            "the profile empty takes its credentials from Environment, which has none",
            "credential_source",
        ),
        super::Case {
            pool: of_pool,
            ..case(
                "of_pool",
                KEYS,
                "provider_unavailable",
                "STS is not available (status 503)",
                "VPC endpoint",
            )
        },
    ];
    let server = Server::start(still_world(cases.len(), 1));
    let (of_cases, pools) = profiles(&cases, &server);
    let mut shared = sso_session("live") + &of_cases;
    shared.extend(sources.map(|(name, lines)| format!("[profile {name}]\n{lines}")));
    std::fs::write(home.join("aws"), shared).unwrap();
    let (renewals, renewed) = channel();
    let url = by_role(renewals);
    let mut command = without_keys(home, "50s", &pools);
    command
        .env("AWS_CONFIG_FILE", home.join("aws"))
        .env("AWS_ENDPOINT_URL_STS", &url)
        .env("AWS_ENDPOINT_URL_SIGNIN", &url)
        .env("AWS_ENDPOINT_URL_SSO", &url);
    let exporter = Exporter::run(command);
    for case in &cases {
        let of = match case.pool {
            "" => case.name,
            _ => "arn:aws:iam::123456789012:role/busy",
        };
        check(&exporter, &format!("us-east-1 {of} "), case);
    }
    check_words(&exporter);
    assert!(renewed.try_recv().is_ok());
    assert_eq!(server.simulator.take_call_log(), []);
}
