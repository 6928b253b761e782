use super::super::schema::parse;
use super::*;

const FULL: &str = "\
tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  client_allowed_sans: [prometheus.example]
  min_version: TLS13
  max_version: TLS13
  cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384]
  prefer_server_cipher_suites: true
  curve_preferences: [X25519, CurveP256]
http_server_config:
  http2: false
  headers:
    Strict-Transport-Security: max-age=31536000; includeSubDomains
    X-Frame-Options: deny
basic_auth_users:
  alice: hash
rate_limit:
  interval: 1s
  burst: 20
";

fn protection(text: &str) -> Protection {
    Protection::of(&parse(text).unwrap())
}

fn lost_in(text: &str) -> Option<&'static str> {
    protection(FULL).lost_in(&protection(text))
}

#[test]
fn each_key_that_is_missing_or_weaker_is_found() {
    assert_eq!(lost_in(FULL), None);
    for (line, key) in [
        ("  client_ca_file: ca.crt\n", "client_ca_file"),
        (
            "  client_allowed_sans: [prometheus.example]\n",
            "client_allowed_sans",
        ),
        ("  min_version: TLS13\n", "min_version"),
        (
            "  cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384]\n",
            "cipher_suites",
        ),
        (
            "  curve_preferences: [X25519, CurveP256]\n",
            "curve_preferences",
        ),
        ("  http2: false\n", "http_server_config.http2"),
        ("    X-Frame-Options: deny\n", "http_server_config.headers"),
        ("; includeSubDomains", "http_server_config.headers"),
        ("rate_limit:\n  interval: 1s\n  burst: 20\n", "rate_limit"),
        ("basic_auth_users:\n  alice: hash\n", "basic_auth_users"),
        (
            "  client_auth_type: RequireAndVerifyClientCert\n",
            "client_auth_type",
        ),
    ] {
        assert!(FULL.contains(line), "{line}");
        assert_eq!(lost_in(&FULL.replace(line, "")), Some(key), "{line}");
    }
    for (from, to, key) in [
        ("interval: 1s", "interval: 500ms", "rate_limit"),
        ("burst: 20", "burst: 21", "rate_limit"),
        ("max_version: TLS13", "max_version: TLS12", "max_version"),
        (
            "suites: true",
            "suites: false",
            "prefer_server_cipher_suites",
        ),
        ("CurveP256]", "CurveP384]", "curve_preferences"),
    ] {
        assert_eq!(lost_in(&FULL.replace(from, to)), Some(key), "{to}");
    }
    assert_eq!(lost_in(""), Some("TLS"));
}

#[test]
fn a_login_is_a_password_or_a_certificate_of_a_trusted_authority() {
    let tls = |kind: &str| {
        format!("tls_server_config: {{cert_file: a, key_file: a, client_auth_type: {kind}}}")
    };
    for (text, expected) in [
        (FULL, true),
        ("", false),
        ("basic_auth_users: {}", false),
        ("basic_auth_users: {alice: hash}", true),
        // Which the system's authorities give to anybody.
        (&tls("RequireAndVerifyClientCert"), false),
        (&tls("RequireAndVerifyClientCert, client_ca_file: a"), true),
        (
            &tls("RequireAndVerifyClientCert, client_allowed_sans: [a]"),
            true,
        ),
        (&tls("RequireAnyClientCert"), false),
        (&tls("VerifyClientCertIfGiven"), false),
        (&tls("NoClientCert"), false),
    ] {
        assert_eq!(protection(text).has_login(), expected, "{text}");
    }
}

/// So a server that has one keeps it.
#[test]
fn no_file_without_a_login_is_taken_after_one_with_a_login() {
    let certificates = "tls_server_config: {cert_file: a, key_file: a, client_ca_file: a, \
                        client_auth_type: RequireAndVerifyClientCert}";
    for before in [FULL, certificates, "basic_auth_users: {alice: hash}"] {
        let without = FULL
            .replace("basic_auth_users:\n  alice: hash\n", "")
            .replace("RequireAndVerifyClientCert", "RequireAnyClientCert");
        for after in ["", &without] {
            assert!(!protection(after).has_login());
            let lost = protection(before).lost_in(&protection(after));
            assert!(lost.is_some(), "{before} {after}");
        }
    }
}

#[test]
fn what_asks_for_more_or_renews_is_taken() {
    assert_eq!(Protection::default().lost_in(&protection(FULL)), None);
    for (from, to) in [
        ("server.crt", "renewed.crt"),
        ("ca.crt", "other.crt"),
        ("prometheus.example", "other.example"),
        ("alice: hash", "alice: other\n  bob: hash"),
        ("CurveP256]", "]"),
        ("burst: 20", "burst: 10"),
        ("interval: 1s", "interval: 2s"),
        ("max-age=31536000", "max-age=600"),
    ] {
        assert_eq!(lost_in(&FULL.replace(from, to)), None, "{to}");
    }
}

/// Another file is written over the one in force. What is in force after any beginning of it
/// does not keep the whole out.
#[test]
fn what_is_written_after_a_half_is_taken() {
    let new = FULL
        .replace("hash", "other")
        .replace("X-Frame", "X-XSS-Protection: 0\n    X-Frame");
    let none = "tls_server_config: {cert_file: a, key_file: a}\n";
    let without = |keys: &[&str]| {
        let lines = FULL
            .lines()
            .filter(|line| !keys.iter().any(|key| line.contains(key)));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    let loose =
        without(&["_version"]).replace("suites: true", "suites: false\n  max_version: TLS12");
    let mut taken = 0;
    for before in [FULL, none, "", &loose] {
        for after in [&new, FULL, &loose, &without(&["http2"])] {
            let (old, whole) = (protection(before), protection(after));
            if old.lost_in(&whole).is_some() {
                continue;
            }
            for (end, _) in after.match_indices('\n') {
                let Ok(half) = parse(&after[..=end]) else {
                    continue;
                };
                let half = Protection::of(&half);
                if old.lost_in(&half).is_none() {
                    taken += 1;
                    assert_eq!(half.lost_in(&whole), None, "{}", &after[..=end]);
                }
            }
        }
    }
    assert!(taken > 50, "{taken}");
}

/// A file that is read while it is written, at any moment, is not valid or has no less.
#[test]
fn every_beginning_of_a_file_is_invalid_or_has_less() {
    let mut valid = 0;
    for end in 0..FULL.trim_end().len() {
        if let Ok(file) = parse(&FULL[..end]) {
            valid += 1;
            let lost = protection(FULL).lost_in(&Protection::of(&file));
            // A burst that is cut off is smaller.
            let is_stricter = FULL[..end].ends_with("burst: 2");
            assert!(lost.is_some() || is_stricter, "{}", &FULL[..end]);
        }
    }
    assert!(valid > 20, "{valid}");
}
