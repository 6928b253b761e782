//! `promtool check web-config` and the exporter's own check of the same files.

use std::process::Command;

use crate::pki::{Pki, tls};
use crate::support::{command, fixture};
use crate::{installed, run};

/// What a check says of a file.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    good: bool,
    why: String,
}

fn promtool(pki: &Pki) -> Said {
    let output = run(
        Command::new("promtool")
            .args(["check", "web-config"])
            .arg(pki.path("web.yaml")),
        "",
    );
    let why = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    Said {
        good: output.status.success(),
        why,
    }
}

fn ours(pki: &Pki) -> Said {
    let mut command = command();
    command
        .arg("--config.check")
        .arg("--config.file")
        .arg(fixture("good/config.yaml"));
    let output = run(
        command.arg("--web.config.file").arg(pki.path("web.yaml")),
        "",
    );
    assert!(
        [Some(0), Some(78)].contains(&output.status.code()),
        "{output:?}"
    );
    Said {
        good: output.status.success(),
        why: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

const HASH: &str = "$2y$04$aaaaaaaaaaaaaaaaaaaaaOv8UWZ/qXyU0OlJKuFfKSFmYBXgRLwPe";

/// What follows `cert_file` and `key_file`, and what promtool and we say; nothing of both is fine.
const TLS: &[(&str, &str)] = &[
    ("", ""),
    (
        "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n",
        "",
    ),
    ("  client_auth_type: RequireClientCert\n", ""),
    ("  client_auth_type: VerifyClientCertIfGiven\n", ""),
    (
        "  client_auth_type: Sometimes\n",
        "nvalid ClientAuth: Sometimes",
    ),
    (
        "  client_ca_file: ca.crt\n",
        "lient CA's have been configured without a Client Auth Policy",
    ),
    // The exporter-toolkit's `noAuth.bad.yml`.
    (
        "  client_ca_file: /dev/null\n",
        "lient CA's have been configured without a Client Auth Policy",
    ),
    (
        "  client_auth_type: NoClientCert\n  client_ca_file: ca.crt\n",
        "lient CA's have been configured without a Client Auth Policy",
    ),
    (
        "  client_auth_type: RequestClientCert\n  client_ca_file: gone.crt\n",
        "no such file or directory",
    ),
    ("  min_version: TLS13\n", ""),
    ("  min_version: TLS10\n  max_version: TLS12\n", ""),
    ("  min_version: TLS99\n", "unknown TLS version: TLS99"),
    ("  max_version: tls13\n", "unknown TLS version: tls13"),
    (
        "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]\n",
        "",
    ),
    (
        "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]\n",
        "",
    ),
    (
        "  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n",
        "unknown cipher: TLS_RSA_WITH_RC4_128_SHA",
    ),
    ("  cipher_suites: []\n", ""),
    (
        "  curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]\n",
        "",
    ),
    (
        "  curve_preferences: [secp256r1]\n",
        "unknown curve: secp256r1",
    ),
    ("  prefer_server_cipher_suites: off\n", ""),
    ("  prefer_server_cipher_suites: maybe\n", "yaml"),
    ("  certfile: server.crt\n", "yaml"),
    ("  cert_file: server.crt\n", "yaml"),
];

/// Whole files.
const FILES: &[(&str, &str)] = &[
    ("", ""),
    ("---\n", ""),
    (
        "tls_server_config:\nhttp_server_config:\nbasic_auth_users:\n",
        "",
    ),
    ("tls_server_config: {}\n", ""),
    ("tls_server_config: {min_version: TLS13}\n", ""),
    ("nonsense: true\n", "yaml"),
    ("tls_server_config: [\n", "yaml"),
    ("just a text\n", "yaml"),
    ("http_server_config: {http2: yes}\n", ""),
    ("http_server_config: {http2: 7}\n", "yaml"),
    (
        "http_server_config: {headers: {X-Frame-Options: deny, Content-Security-Policy: x, X-XSS-Protection: 0}}\n",
        "",
    ),
    (
        "http_server_config: {headers: {X-Frame-Options: allow}}\n",
        r#"invalid value for X-Frame-Options. Expected one of: ["deny" "sameorigin"], but got: "allow""#,
    ),
    (
        "http_server_config: {headers: {X-Content-Type-Options: sniff}}\n",
        r#"invalid value for X-Content-Type-Options. Expected one of: ["nosniff"], but got: "sniff""#,
    ),
    (
        "http_server_config: {headers: {X-Mine: 1}}\n",
        r#"HTTP header "X-Mine" can not be configured"#,
    ),
    (
        "http_server_config: {headers: {x-frame-options: deny}}\n",
        r#"HTTP header "x-frame-options" can not be configured"#,
    ),
    ("basic_auth_users: {alice: secret}\n", "bcrypt"),
    ("basic_auth_users: {alice: }\n", "bcrypt"),
    ("basic_auth_users: {alice: _HASH_, bob: _HASH_}\n", ""),
    ("basic_auth_users: {alice: _HASH_, alice: _HASH_}\n", "yaml"),
    ("basic_auth_users: {alice: x_HASH_}\n", "bcrypt"),
    ("basic_auth_users: [alice]\n", "yaml"),
    // promtool repeats a character of what may be a password; our words for hashes are others.
    // The order of checks: the first one that fails is reported.
    (
        "http_server_config: {headers: {X-Mine: 1}}\nbasic_auth_users: {alice: short}\n",
        r#"HTTP header "X-Mine""#,
    ),
    (
        "basic_auth_users: {alice: short}\ntls_server_config: {cert_file: gone}\n",
        "bcrypt",
    ),
    ("tls_server_config: {key_file: gone}\n", "missing "),
    ("tls_server_config: {cert_file: gone}\n", "missing "),
    (
        "tls_server_config: {client_auth_type: Sometimes}\n",
        "missing ",
    ),
    (
        "tls_server_config: {cert_file: gone, key_file: gone, client_auth_type: Sometimes}\n",
        "no such file or directory",
    ),
    (
        "tls_server_config: {cert_file: server.crt, key_file: right.key}\n",
        "private key does not match public key",
    ),
    (
        "tls_server_config: {cert_file: server.key, key_file: server.key}\n",
        "failed to load X509KeyPair: tls: failed to find certificate PEM data in certificate input, but did find a private key",
    ),
    (
        "tls_server_config: {cert_file: server.crt, key_file: server.crt}\n",
        "found a certificate rather than a key in the PEM for the private key",
    ),
    (
        "tls_server_config: {cert_file: server.crt, key_file: server.key, client_ca_file: gone, client_auth_type: X}\n",
        "no such file or directory",
    ),
];

#[test]
#[ignore = "needs promtool, which tests/run installs"]
fn a_check_says_what_promtool_says() {
    let pki = Pki::new();
    let files = FILES
        .iter()
        .map(|(file, why)| (file.replace("_HASH_", HASH), *why));
    let tls = TLS.iter().map(|(more, why)| (tls(more), *why));
    let (mut good, mut wrong) = (0, 0);
    for (file, why) in files.chain(tls) {
        pki.web_config(&file);
        let (theirs, ours) = (promtool(&pki), ours(&pki));
        let case = format!("{file}\npromtool {theirs:?}\nwe {ours:?}");
        assert_eq!(theirs.good, why.is_empty(), "{case}");
        assert_eq!(ours.good, why.is_empty(), "{case}");
        assert!(theirs.why.contains(why) && ours.why.contains(why), "{case}");
        *if why.is_empty() {
            &mut good
        } else {
            &mut wrong
        } += 1;
    }
    println!("{good} good and {wrong} wrong files, said so by promtool and by us");
}

/// Those that htpasswd and Python make, in all versions.
#[test]
#[ignore = "needs htpasswd and Python's bcrypt, which tests/run installs"]
fn hashes_that_others_make() {
    let pki = Pki::new();
    let htpasswd = run(
        Command::new("htpasswd").args(["-nbBC", "5", "alice", "correct horse"]),
        "",
    );
    let script = "import bcrypt\nfor prefix in b'2a', b'2b':\n print(bcrypt.hashpw(b'correct horse', bcrypt.gensalt(5, prefix)).decode())";
    let python = run(Command::new(installed("python")).args(["-c", script]), "");
    let made = String::from_utf8(htpasswd.stdout)
        .unwrap()
        .trim()
        .replacen("alice:", "", 1)
        + "\n"
        + &String::from_utf8(python.stdout).unwrap();
    let hashes: Vec<_> = made.lines().collect();
    assert_eq!(hashes.len(), 3, "{made}");
    for hash in hashes {
        pki.web_config(&format!("basic_auth_users: {{alice: \"{hash}\"}}\n"));
        let mut command = command();
        command
            .args(["demo", "--identities=1", "--web.config.file"])
            .arg(pki.path("web.yaml"));
        let exporter = crate::support::Exporter::run(command);
        let status = |password: &str| {
            let mut curl = Command::new("curl");
            curl.args([
                "--silent",
                "--output",
                "/dev/null",
                "--write-out",
                "%{http_code}",
                "--user",
                password,
            ]);
            String::from_utf8(run(curl.arg(exporter.url("/-/healthy")), "").stdout).unwrap()
        };
        assert_eq!(status("alice:correct horse"), "200", "{hash}");
        assert_eq!(status("alice:correct horse "), "401", "{hash}");
    }
}
