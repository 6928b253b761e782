//! The web configuration at work: TLS, logins, headers, the rate limit, and files that change while
//! the exporter runs.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::pki::{Pki, tls};
use crate::support::{Exporter, PASSWORD, command};

/// bcrypt of [`PASSWORD`], as cheap as can be.
fn hash(password: &str) -> String {
    bcrypt::hash_with_salt(password, 4, [7; 16])
        .unwrap()
        .to_string()
}

pub(crate) fn exporter(pki: &Pki, web_config: &str, flags: &[&str]) -> Exporter {
    let file = pki.web_config(web_config);
    let mut command = command();
    command
        .args(["demo", "--identities=1", "--web.config.file"])
        .arg(file)
        .args(flags);
    Exporter::run(command)
}

/// An answer: its head in lower case, and its body.
pub(crate) struct Answer {
    head: String,
    body: String,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

fn ask(
    stream: &mut (impl Read + Write),
    path: &str,
    login: Option<&str>,
) -> std::io::Result<Answer> {
    use base64::Engine;
    let login = login.map(|login| base64::engine::general_purpose::STANDARD.encode(login));
    let login = login
        .map(|login| format!("Authorization: Basic {login}\r\n"))
        .unwrap_or_default();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{login}\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or(std::io::ErrorKind::UnexpectedEof)?;
    Ok(Answer {
        head: head.to_lowercase(),
        body: body.to_owned(),
    })
}

fn plain(exporter: &Exporter, path: &str, login: Option<&str>) -> Answer {
    ask(
        &mut TcpStream::connect(&exporter.address).unwrap(),
        path,
        login,
    )
    .unwrap()
}

pub(crate) fn trusting(pki: &Pki) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(pki.path("ca.crt")).unwrap())
        .unwrap();
    Arc::new(
        ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth(),
    )
}

/// An answer over TLS, and the server's certificate.
pub(crate) fn encrypted(
    config: &Arc<ClientConfig>,
    address: &str,
    path: &str,
    login: Option<&str>,
) -> std::io::Result<(Answer, Vec<u8>)> {
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(Arc::clone(config), name).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(client, TcpStream::connect(address)?);
    let answer = ask(&mut stream, path, login)?;
    Ok((answer, stream.conn.peer_certificates().unwrap()[0].to_vec()))
}

#[test]
fn who_is_not_known_does_not_get_in() {
    let pki = Pki::new();
    let web_config = format!(
        "basic_auth_users:\n  alice: {}\nhttp_server_config:\n  headers:\n    X-Frame-Options: deny\n    X-XSS-Protection: 0\n",
        hash(PASSWORD)
    );
    let exporter = exporter(&pki, &web_config, &[]);
    let good = format!("alice:{PASSWORD}");
    let mut refused = 0;
    for (login, status) in [
        (None, 401),
        (Some("alice:wrong"), 401),
        (Some("bob:bob"), 401),
        (Some("alice:"), 401),
        (Some(":"), 401),
        (Some("nocolon"), 401),
        (Some(good.as_str()), 200),
        (Some(good.as_str()), 200),
    ] {
        for path in ["/metrics", "/", "/-/healthy", "/-/reload", "/nowhere"] {
            let answer = plain(&exporter, path, login);
            let behind = match path {
                "/-/reload" => 405,
                "/nowhere" => 404,
                _ => 200,
            };
            assert_eq!(
                answer.status(),
                if status == 200 { behind } else { 401 },
                "{path} {login:?}: {}",
                answer.head
            );
            assert!(
                answer.head.contains("\r\nx-frame-options: deny"),
                "{}",
                answer.head
            );
            assert!(
                answer.head.contains("\r\nx-xss-protection: 0"),
                "{}",
                answer.head
            );
            assert_eq!(
                answer.head.contains("\r\nwww-authenticate: basic\r\n"),
                status == 401,
                "{}",
                answer.head
            );
            if status == 401 {
                assert_eq!(answer.body, "Unauthorized\n");
                refused += 1;
            }
        }
    }
    let metrics = plain(&exporter, "/metrics", Some(&good)).body;
    assert!(
        metrics.contains(&format!(
            "\ncognitosync_exporter_web_auth_failures_total {refused}\n"
        )),
        "{refused}"
    );
}

#[test]
fn health_without_a_login_if_told_so() {
    let pki = Pki::new();
    let exporter = exporter(
        &pki,
        &format!("basic_auth_users: {{alice: \"{}\"}}\n", hash("x")),
        &["--web.health-without-login"],
    );
    for (path, status) in [
        ("/-/healthy", 200),
        ("/-/ready", 200),
        ("/metrics", 401),
        ("/", 401),
        ("/-/healthy/", 401),
    ] {
        let answered = || plain(&exporter, path, None).status();
        let answered = if path == "/-/ready" {
            crate::support::eventually("ready", || {
                Some(answered()).filter(|answered| *answered != 503)
            })
        } else {
            answered()
        };
        assert_eq!(answered, status, "{path}");
    }
}

#[test]
fn a_rate_limit_comes_before_the_login() {
    let pki = Pki::new();
    let users = format!("basic_auth_users: {{alice: \"{}\"}}\n", hash("x"));
    let exporter = exporter(
        &pki,
        &format!("{users}rate_limit: {{interval: 1h, burst: 3}}\n"),
        &[],
    );
    let statuses: Vec<_> = (0..5)
        .map(|_| plain(&exporter, "/", None).status())
        .collect();
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
    let refused = plain(&exporter, "/", Some("alice:x"));
    assert_eq!(
        (refused.status(), refused.body.as_str()),
        (429, "Too Many Requests\n")
    );
    pki.web_config(&users);
    assert_eq!(
        plain(&exporter, "/", Some("alice:x")).status(),
        429,
        "without the limit the file may be half-written"
    );
    pki.web_config(&format!("{users}rate_limit: {{interval: 2h, burst: 3}}\n"));
    assert_eq!(
        plain(&exporter, "/", Some("alice:x")).status(),
        200,
        "a stricter limit begins anew"
    );
}

#[test]
fn what_changes_holds_from_the_next_request_on() {
    let pki = Pki::new();
    let config = |password: &str, more: &str| {
        tls("") + &format!("basic_auth_users:\n  alice: {}\n{more}", hash(password))
    };
    let exporter = exporter(&pki, &config("one", ""), &[]);
    let client = trusting(&pki);
    let ask = |login: &str| encrypted(&client, &exporter.address, "/metrics", Some(login)).unwrap();
    let (answer, first) = ask("alice:one");
    assert_eq!(answer.status(), 200);
    assert_eq!(ask("alice:two").0.status(), 401);

    for round in 0..20 {
        let (old, new) = if round % 2 == 0 {
            ("one", "two")
        } else {
            ("two", "one")
        };
        let headers = format!(
            "http_server_config: {{headers: {{Content-Security-Policy: round-{round}}}}}\n"
        );
        let text = config(new, &headers);
        if round % 3 == 0 {
            pki.replace("web.yaml", &text);
        } else {
            pki.write("web.yaml", &text);
        }
        assert_eq!(
            ask(&format!("alice:{old}")).0.status(),
            401,
            "round {round}"
        );
        let (answer, _) = ask(&format!("alice:{new}"));
        assert_eq!(answer.status(), 200, "round {round}");
        assert!(
            answer
                .head
                .contains(&format!("\r\ncontent-security-policy: round-{round}\r\n")),
            "{}",
            answer.head
        );
    }

    // A certificate without its key is not taken, with it it is.
    let (certificate, key) = pki.server();
    pki.write("server.crt", &certificate);
    let (answer, second) = ask("alice:one");
    assert_eq!(second, first);
    assert!(
        answer
            .body
            .contains("\ncognitosync_exporter_web_config_last_reload_successful 0\n")
    );
    pki.write("server.key", &key);
    let (answer, third) = ask("alice:one");
    assert_ne!(third, first);
    assert!(
        answer
            .body
            .contains("\ncognitosync_exporter_web_config_last_reload_successful 1\n")
    );
}

#[test]
fn what_is_broken_or_asks_for_less_changes_nothing() {
    let pki = Pki::new();
    let good = tls(
        "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.crt\n  client_allowed_sans: [prometheus.example]\n",
    ) + &format!("basic_auth_users:\n  alice: {}\n", hash("one"));
    let exporter = exporter(&pki, &good, &[]);
    let client = trusting(&pki);
    let metrics = || {
        encrypted(&client, &exporter.address, "/metrics", Some("alice:one"))
            .unwrap()
            .0
    };
    let value = |body: &str, name: &str| -> f64 {
        let line = body.lines().find_map(|line| {
            line.strip_prefix(&format!("cognitosync_exporter_web_config_{name} "))
        });
        line.unwrap().parse().unwrap()
    };
    // Every beginning of the file may be seen while it is written.
    let (mut kept, mut failures) = (0, 0.0);
    for end in (0..good.len() - 2).step_by(7).chain([good.len() - 2]) {
        pki.write("web.yaml", &good[..end]);
        let answer = metrics();
        assert_eq!(answer.status(), 200, "{}", &good[..end]);
        assert_eq!(
            encrypted(&client, &exporter.address, "/", None)
                .unwrap()
                .0
                .status(),
            401,
            "{}",
            &good[..end]
        );
        assert_eq!(
            value(&answer.body, "last_reload_successful"),
            0.0,
            "{}",
            &good[..end]
        );
        failures = value(&answer.body, "reload_failures_total");
        kept += 1;
    }
    assert_eq!(failures, f64::from(kept));
    for (from, to, less) in [
        ("basic_auth_users", "#", "basic_auth_users"),
        ("  client_allowed_sans", "  #", "client_allowed_sans"),
        (
            "VerifyClientCertIfGiven",
            "RequireAnyClientCert",
            "client_auth_type",
        ),
    ] {
        let text: String = good
            .split_inclusive('\n')
            .map(|line| {
                if line.contains("alice") && from == "basic_auth_users" {
                    String::new()
                } else {
                    line.replace(from, to)
                }
            })
            .collect();
        pki.write("web.yaml", &text);
        assert_eq!(metrics().status(), 200);
        exporter.told(&format!("{less} is gone or asks for less"));
    }
    std::fs::remove_file(pki.path("web.yaml")).unwrap();
    assert_eq!(value(&metrics().body, "last_reload_successful"), 0.0);
    pki.write("web.yaml", &good);
    assert_eq!(value(&metrics().body, "last_reload_successful"), 1.0);
}
