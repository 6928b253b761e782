//! The meaning of a web configuration where promtool is no reference: keys that it does not know
//! yet, and differences.

use std::fs;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};

use super::config::WebConfig;
use super::load::WebConfigFile;
use crate::rate_limit::RateLimit;

struct Directory(tempfile::TempDir);

impl Directory {
    /// With a certificate and its key.
    fn new() -> Self {
        let directory = Self(tempfile::tempdir().unwrap());
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["localhost".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        fs::write(directory.0.path().join("a.crt"), certificate.pem()).unwrap();
        fs::write(directory.0.path().join("a.key"), key.serialize_pem()).unwrap();
        directory
    }

    fn load(&self, text: &str) -> Result<WebConfig, String> {
        let file = self.0.path().join("web.yaml");
        fs::write(&file, text).unwrap();
        WebConfigFile::load(&file)
            .map(|loaded| loaded.config)
            .map_err(|error| error.to_string())
    }

    /// What follows `cert_file` and `key_file`.
    fn load_tls(&self, more: &str) -> Result<WebConfig, String> {
        self.load(&format!(
            "tls_server_config:\n  cert_file: a.crt\n  key_file: a.key\n{more}"
        ))
    }

    /// A file as an inline text.
    fn inline(&self, key: &str, name: &str) -> String {
        let text = fs::read_to_string(self.0.path().join(name)).unwrap();
        format!("  {key}: |\n    {}\n", text.trim().replace('\n', "\n    "))
    }
}

#[test]
fn what_is_no_regular_file_is_refused_and_never_waited_for() {
    let directory = Directory::new();
    let path = directory.0.path();
    let made = std::process::Command::new("mkfifo")
        .arg(path.join("pipe"))
        .status();
    assert!(made.unwrap().success());
    for name in ["pipe", "/dev/zero"] {
        let text = format!("tls_server_config: {{cert_file: {name}, key_file: a.key}}\n");
        let error = directory.load(&text).unwrap_err();
        assert!(
            error.contains(name) && error.ends_with("not a regular file"),
            "{error}"
        );
        let error = WebConfigFile::load(&path.join(name))
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains(name) && error.ends_with("not a regular file"),
            "{error}"
        );
    }
    fs::write(path.join("large"), vec![b' '; (16 << 20) + 1]).unwrap();
    let text = "tls_server_config: {cert_file: large, key_file: a.key}\n";
    assert!(
        directory
            .load(text)
            .unwrap_err()
            .ends_with("larger than 16 mib")
    );
}

#[test]
fn utf_16_is_refused_by_name() {
    let directory = Directory::new();
    let file = directory.0.path().join("utf16.yaml");
    for text in [&b"\xff\xfea\0"[..], b"\xfe\xff\0a", b"a\0b\0", b"\0a\0b"] {
        fs::write(&file, text).unwrap();
        let error = WebConfigFile::load(&file).err().unwrap().to_string();
        assert!(error.contains("UTF-16"), "{error}");
    }
}

#[test]
fn every_beginning_of_a_file_is_half_written() {
    let directory = Directory::new();
    let hash = "$2y$04$aaaaaaaaaaaaaaaaaaaaaOv8UWZ/qXyU0OlJKuFfKSFmYBXgRLwPe";
    let full = format!(
        "tls_server_config:\n  cert_file: a.crt\n  key_file: a.key\n  client_allowed_sans:\n    \
         - a.example\n    - b.example\nbasic_auth_users:\n  alice: {hash}\n  bob: {hash}\n\
         rate_limit:\n  interval: 1s\n  burst: 20\n"
    );
    let before = directory.load(&full).unwrap();
    let mut valid = 0;
    for end in 0..full.trim_end().len() {
        if let Ok(now) = directory.load(&full[..end]) {
            valid += 1;
            assert!(before.half_written(&now).is_some(), "{}", &full[..end]);
        }
    }
    assert!(valid > 10, "{valid}");
    let renewed = full.replace("bob", "carol");
    assert!(
        before
            .half_written(&directory.load(&renewed).unwrap())
            .is_none()
    );
    assert!(
        before
            .half_written(&directory.load(full.trim_end()).unwrap())
            .is_none()
    );
    assert!(!format!("{before:?}").contains(hash));
}

#[test]
fn certificates_may_stand_in_the_file_itself() {
    let directory = Directory::new();
    let inline = ["cert", "key"]
        .map(|key| directory.inline(key, &format!("a.{}", key.replace("cert", "crt"))))
        .concat();
    let text = format!(
        "tls_server_config:\n{inline}{}",
        directory.inline("client_ca", "a.crt")
    );
    assert!(
        directory
            .load(&(text.clone() + "  client_auth_type: RequireAndVerifyClientCert\n"))
            .unwrap()
            .tls
            .is_some()
    );
    // A file takes precedence, and must then exist.
    let error = directory.load(&(text + "  cert_file: gone\n")).unwrap_err();
    assert!(
        error.contains("failed to read cert_file") && error.contains("no such file or directory"),
        "{error}"
    );
}

#[test]
fn http2_needs_a_suite_that_it_requires() {
    let directory = Directory::new();
    let suites =
        "  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n";
    let error = directory.load_tls(suites).unwrap_err();
    assert!(error.contains("is missing an HTTP/2-required"), "{error}");
    let without = format!("{suites}http_server_config: {{http2: false}}\n");
    assert!(directory.load_tls(&without).is_ok());
    assert!(
        directory
            .load_tls(&suites.replace("256_GCM_SHA384", "128_GCM_SHA256"))
            .is_ok()
    );
    assert!(directory.load_tls(&suites.replace("max", "# max")).is_ok());
}

#[test]
fn a_missing_policy_is_found_before_a_file_without_certificates() {
    let directory = Directory::new();
    fs::write(directory.0.path().join("none.crt"), "none\n").unwrap();
    let error = directory
        .load_tls("  client_ca_file: none.crt\n")
        .unwrap_err();
    let expected = "client CA's have been configured without a Client Auth Policy";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn what_is_never_served_is_warned_of_until_nothing_is_left() {
    let directory = Directory::new();
    for (more, warnings) in [
        ("", 0),
        ("  min_version: TLS10\n", 1),
        (
            "  cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]\n",
            1,
        ),
        // TLS 1.3 is left.
        ("  cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]\n", 1),
        ("  client_allowed_sans: [prometheus]\n", 1),
    ] {
        let config = directory.load_tls(more).unwrap();
        assert_eq!(
            config.warnings.len(),
            warnings,
            "{more}: {:?}",
            config.warnings
        );
    }
    for more in [
        "  max_version: TLS11\n",
        "  min_version: TLS13\n  max_version: TLS12\n",
        "  max_version: TLS12\n  cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]\n",
        "  max_version: TLS12\n  cipher_suites: [TLS_AES_128_GCM_SHA256]\n",
    ] {
        let error = directory.load_tls(more).unwrap_err();
        assert!(error.contains("is left to be served"), "{more}: {error}");
    }
}

#[test]
fn authorities_that_are_none_are_refused() {
    let directory = Directory::new();
    for (text, expected) in [
        (
            "nothing",
            "failed to find any certificate among the client CAs",
        ),
        (
            "-----BEGIN CERTIFICATE-----\nMIIB\n",
            "failed to parse client CA PEM",
        ),
        (
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
            "no certificate among the client CAs can be used",
        ),
    ] {
        fs::write(directory.0.path().join("ca.crt"), text).unwrap();
        let more = "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.crt\n";
        let error = directory.load_tls(more).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_rate_limit() {
    let directory = Directory::new();
    let limit = |text: &str| {
        directory
            .load(&format!("rate_limit: {text}\n"))
            .unwrap()
            .rate_limit
    };
    let expected = |seconds, burst| {
        Some(RateLimit {
            interval: Duration::from_secs_f64(seconds),
            burst,
        })
    };
    assert_eq!(limit("{interval: 1.5s, burst: 3}"), expected(1.5, 3));
    assert_eq!(
        limit("{interval: 2000000000, burst: 1}"),
        expected(2.0, 1),
        "Go's nanoseconds"
    );
    assert_eq!(limit("{burst: 3}"), None);
    assert_eq!(limit("{interval: 0s, burst: 3}"), None);
    assert_eq!(limit("{interval: -1s, burst: 3}"), None);
    for text in ["{interval: 1 minute}", "{burst: -1}", "{burst: many}", "7"] {
        let error = directory
            .load(&format!("rate_limit: {text}\n"))
            .unwrap_err();
        assert!(error.contains("yaml: "), "{text}: {error}");
    }
}

#[test]
fn a_configuration_in_words() {
    let directory = Directory::new();
    assert_eq!(WebConfig::default().to_string(), "no TLS, no login");
    let hash = bcrypt::hash_with_salt("x", 4, [7; 16]).unwrap();
    let text = format!(
        "basic_auth_users: {{alice: \"{hash}\", bob: \"{hash}\"}}\nrate_limit: {{interval: 1s, burst: 5}}\n"
    );
    let config = directory.load(&text).unwrap();
    assert_eq!(
        config.to_string(),
        "no TLS, 2 users, 5 requests and one more each 1s"
    );
    assert_eq!(config.warnings.len(), 1, "passwords in clear");
    let config = directory
        .load_tls("  client_auth_type: RequestClientCert\n")
        .unwrap();
    assert_eq!(config.to_string(), "TLS, RequestClientCert, no login");
}
