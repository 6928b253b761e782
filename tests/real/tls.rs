//! OpenSSL and curl as clients over TLS, and a real Prometheus beside the exporter: its web server
//! is the exporter-toolkit's, so a client that gets in there has to get in here.

use std::process::{Child, Command, Stdio};

use crate::pki::{CLIENT_NAMES, Pki, tls};
use crate::run;
use crate::support::{Exporter, Server, configuration, eventually, still_world};

/// What came of a connection: an answer, or the alert that refused it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Served,
    Alert(u8),
    Else(String),
}

const BAD_CERTIFICATE: Outcome = Outcome::Alert(42);
const CERTIFICATE_EXPIRED: Outcome = Outcome::Alert(45);
const UNKNOWN_CA: Outcome = Outcome::Alert(48);
const PROTOCOL_VERSION: Outcome = Outcome::Alert(70);
const CERTIFICATE_REQUIRED: Outcome = Outcome::Alert(116);

/// Asks for a page with `openssl s_client`.
fn ask(pki: &Pki, address: &str, client: Option<&str>, more: &[&str]) -> Outcome {
    let mut command = Command::new("openssl");
    command
        .args([
            "s_client",
            "-connect",
            address,
            "-ign_eof",
            "-verify_return_error",
            "-CAfile",
        ])
        .arg(pki.path("ca.crt"));
    if let Some(client) = client {
        command.arg("-cert").arg(pki.path(&format!("{client}.crt")));
        command.arg("-key").arg(pki.path(&format!("{client}.key")));
    }
    let output = run(
        command.args(more),
        "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    let told = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let alert = told
        .split_once("SSL alert number ")
        .and_then(|(_, rest)| rest.lines().next()?.trim().parse().ok());
    match alert {
        Some(alert) => Outcome::Alert(alert),
        None if told.contains("HTTP/1.1 200 OK") => Outcome::Served,
        None => Outcome::Else(told),
    }
}

/// The exporter behind a web configuration.
fn exporter(pki: &Pki, web_config: &str) -> Exporter {
    let file = pki.web_config(web_config);
    let mut command = crate::support::command();
    command
        .arg("demo")
        .arg("--identities=1")
        .arg("--web.config.file")
        .arg(file);
    Exporter::run(command)
}

/// A Prometheus behind the same.
struct Prometheus(Child, String);

impl Prometheus {
    fn start(pki: &Pki) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        pki.write("prometheus.yml", "");
        let child = Command::new("prometheus")
            .arg(format!(
                "--config.file={}",
                pki.path("prometheus.yml").display()
            ))
            .arg(format!(
                "--storage.tsdb.path={}",
                pki.path("data").display()
            ))
            .arg(format!(
                "--web.config.file={}",
                pki.path("web.yaml").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = format!("127.0.0.1:{port}");
        eventually("Prometheus", || std::net::TcpStream::connect(&address).ok());
        Self(child, address)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A certificate as `openssl x509 -req` makes it, of version 1, signed by the authority.
fn version_1(pki: &Pki) {
    let openssl = |arguments: &[&str]| {
        let output = run(
            Command::new("openssl")
                .args(arguments)
                .current_dir(pki.directory.path()),
            "",
        );
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    openssl(&[
        "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "v1.key", "-out", "v1.csr", "-subj",
        "/CN=v1",
    ]);
    openssl(&[
        "x509",
        "-req",
        "-in",
        "v1.csr",
        "-CA",
        "ca.crt",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-out",
        "v1.crt",
    ]);
}

#[test]
#[ignore = "needs OpenSSL and Prometheus, which tests/run installs"]
fn clients_get_in_where_the_exporter_toolkit_lets_them_in() {
    let pki = Pki::new();
    version_1(&pki);
    let bundle = ["ca.crt", "own.crt"]
        .map(|name| std::fs::read_to_string(pki.path(name)).unwrap())
        .concat();
    pki.write("cas.crt", &bundle);
    let clients = [
        None,
        Some("right"),
        Some("v1"),
        Some("own"),
        Some("wrong"),
        Some("expired"),
        Some("server"),
    ];
    let (mut prometheus, mut served, mut refused) = (None, 0, 0);
    for kind in [
        "NoClientCert",
        "RequestClientCert",
        "RequireAnyClientCert",
        "VerifyClientCertIfGiven",
        "RequireAndVerifyClientCert",
    ] {
        let authorities = if kind == "NoClientCert" {
            ""
        } else {
            "  client_ca_file: cas.crt\n"
        };
        let exporter = exporter(
            &pki,
            &tls(&format!("  client_auth_type: {kind}\n{authorities}")),
        );
        // It reads the file anew for each handshake.
        let prometheus = prometheus.get_or_insert_with(|| Prometheus::start(&pki));
        for client in clients {
            for version in ["-tls1_2", "-tls1_3"] {
                let ours = ask(&pki, &exporter.address, client, &[version]);
                let theirs = ask(&pki, &prometheus.1, client, &[version]);
                let case =
                    format!("{kind}, {client:?}, {version}: {ours:?}, Prometheus {theirs:?}");
                assert_eq!(ours == Outcome::Served, theirs == Outcome::Served, "{case}");
                if ours == Outcome::Served {
                    served += 1;
                    continue;
                }
                refused += 1;
                // Go told every refusal as bad_certificate until 1.20, with which Debian's
                // Prometheus is built; since 1.21 so. In TLS 1.2 it still sends a client without a
                // certificate so, which rustls cannot.
                let alert = match client {
                    None => CERTIFICATE_REQUIRED,
                    Some("wrong") => UNKNOWN_CA,
                    Some("expired") => CERTIFICATE_EXPIRED,
                    _ => BAD_CERTIFICATE,
                };
                assert_eq!(ours, alert, "{case}");
                assert_eq!(theirs, BAD_CERTIFICATE, "{case}");
            }
        }
    }
    println!("{served} clients got in and {refused} did not, here and at Prometheus");
    assert_eq!(served + refused, 5 * 7 * 2);
    assert!(refused >= 10);
}

#[test]
#[ignore = "needs OpenSSL, which tests/run installs"]
fn names_that_are_allowed() {
    let pki = Pki::new();
    for (names, outcome) in [
        (CLIENT_NAMES[0], Outcome::Served),
        (CLIENT_NAMES[1], Outcome::Served),
        (CLIENT_NAMES[2], Outcome::Served),
        (CLIENT_NAMES[3], Outcome::Served),
        ("example.net, prometheus.example", Outcome::Served),
        ("example", BAD_CERTIFICATE),
        ("PROMETHEUS.example", BAD_CERTIFICATE),
        ("client", BAD_CERTIFICATE),
    ] {
        let more = format!(
            "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n  client_allowed_sans: [{names}]\n"
        );
        let exporter = exporter(&pki, &tls(&more));
        for version in ["-tls1_2", "-tls1_3"] {
            assert_eq!(
                ask(&pki, &exporter.address, Some("right"), &[version]),
                outcome,
                "{names} {version}"
            );
        }
    }
}

#[test]
#[ignore = "needs OpenSSL and curl, which tests/run installs"]
fn versions_suites_and_curves() {
    let pki = Pki::new();
    let ask = |exporter: &Exporter, more: &[&str]| ask(&pki, &exporter.address, None, more);
    let refused = |outcome: &Outcome| matches!(outcome, Outcome::Alert(40 | 70));
    let any = exporter(&pki, &tls(""));
    // OpenSSL itself thinks too little of 1.1 to offer it unless it is set.
    let old = ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"];
    assert_eq!(ask(&any, &old), PROTOCOL_VERSION);
    for more in [
        &["-tls1_2"][..],
        &["-tls1_3"],
        &["-curves", "P-521"],
        &["-tls1_2", "-curves", "P-521:P-256"],
        &["-curves", "P-256"],
        &["-curves", "P-384"],
        &["-curves", "X25519"],
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"],
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"],
    ] {
        assert_eq!(ask(&any, more), Outcome::Served, "{more:?}");
    }
    assert!(
        refused(&ask(
            &any,
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"]
        )),
        "a CBC suite"
    );
    let few = exporter(
        &pki,
        &tls(
            "  min_version: TLS12\n  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, \
              TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]\n  curve_preferences: [CurveP384]\n",
        ),
    );
    few.told("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA is not served");
    assert_eq!(ask(&few, &["-curves", "P-384:P-256"]), Outcome::Served);
    for more in [
        &["-tls1_3"][..],
        &["-curves", "X25519:P-256"],
        &["-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"],
    ] {
        assert!(refused(&ask(&few, more)), "{more:?}: {:?}", ask(&few, more));
    }
}

#[test]
#[ignore = "needs curl, which tests/run installs"]
fn http2_over_tls_and_nowhere_else() {
    let pki = Pki::new();
    let curl = |url: &str, more: &[&str]| {
        let mut command = Command::new("curl");
        command.args([
            "--silent",
            "--show-error",
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_version} %{http_code}",
        ]);
        let output = run(
            command
                .arg("--cacert")
                .arg(pki.path("ca.crt"))
                .args(more)
                .arg(url),
            "",
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let server = Server::start(still_world(1, 1));
    let plain = Exporter::start(&configuration("interval: 1s", &server.url, 1, 1));
    assert_eq!(curl(&plain.url("/metrics"), &[]), "1.1 200");
    assert_ne!(
        curl(&plain.url("/metrics"), &["--http2-prior-knowledge"])
            .split(' ')
            .nth(1),
        Some("200")
    );
    assert_eq!(
        curl(&plain.url("/metrics"), &["--http2"]),
        "1.1 200",
        "no upgrade either"
    );
    for (http2, spoken) in [("true", "2 200"), ("false", "1.1 200")] {
        let exporter = exporter(
            &pki,
            &(tls("") + &format!("http_server_config: {{http2: {http2}}}\n")),
        );
        let port = exporter.address.rsplit(':').next().unwrap();
        let url = format!("https://localhost:{port}/metrics");
        assert_eq!(curl(&url, &[]), spoken);
        assert_eq!(curl(&url, &["--http1.1", "--compressed"]), "1.1 200");
        let plain = run(
            Command::new("curl").arg("--silent").arg(exporter.url("/")),
            "",
        );
        assert_eq!(
            String::from_utf8_lossy(&plain.stdout),
            "Client sent an HTTP request to an HTTPS server.\n"
        );
    }
}
