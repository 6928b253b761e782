//! The way to AWS: proxies, private certificate authorities, and settings for them that are wrong.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::pki::Pki;
use crate::support::{Exporter, Server, command, configuration, eventually, output, still_world};

const ENDPOINT: &str = "cognito-sync.us-east-1.amazonaws.com";
const LOGIN: &str = "user:canary-proxy-password";

/// Runs a server of one connection after another in a thread that the test leaves behind.
fn in_thread<F: Future<Output = ()>>(
    serve: impl FnOnce(TcpListener) -> F + Send + 'static,
) -> SocketAddr {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async { serve(TcpListener::from_std(listener).unwrap()).await });
    });
    address
}

/// TLS with a certificate for `name`, before the simulator.
fn tls_before(server: &Server, pki: &Pki, name: &str) -> SocketAddr {
    let (certificate, key) = pki.server_named(name);
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let to: SocketAddr = server.url.trim_start_matches("http://").parse().unwrap();
    in_thread(move |listener| async move {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that does not trust the certificate closes.
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let mut behind = TcpStream::connect(to).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut behind).await;
            }
        }
    })
}

/// A proxy whose tunnels all end at `to`, and the heads of the requests for them.
fn proxy(to: SocketAddr) -> (SocketAddr, Receiver<String>) {
    let (asked, requests) = mpsc::channel();
    let address = in_thread(move |listener| async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let _ = asked.send(String::from_utf8(head).unwrap());
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let mut behind = TcpStream::connect(to).await.unwrap();
            let _ = copy_bidirectional(&mut stream, &mut behind).await;
        }
    });
    (address, requests)
}

/// A configuration with one identity, at `url` or at AWS's own endpoint.
fn one_identity(directory: &Path, url: Option<&str>) -> Command {
    let poll = "interval: 1s, timeout: 5s, attempts: 1, max_in_flight: 1";
    let mut text = configuration(poll, url.unwrap_or_default(), 1, 1);
    if url.is_none() {
        text = text.replace("  endpoint_url: \n", "");
    }
    std::fs::write(directory.join("config.yaml"), text).unwrap();
    let mut command = command();
    command
        .arg("--config.file")
        .arg(directory.join("config.yaml"));
    command
}

fn fresh(exporter: &Exporter) {
    eventually("a fresh identity", || {
        (exporter.in_state(0, "fresh") == 1.0).then_some(())
    });
}

/// What the log has with this text once four polls have failed as unreachable.
fn told_of_failed_polls(exporter: &Exporter, text: &str) -> Vec<String> {
    let unreachable = "cognitosync_exporter_poll_failures_total{reason=\"unreachable\"}";
    eventually("failed polls", || {
        (exporter.samples()[unreachable] >= 4.0).then_some(())
    });
    exporter.told(text)
}

#[test]
fn aws_is_reached_through_the_proxy_with_tls_from_end_to_end() {
    let (server, pki) = (Server::start(still_world(1, 1)), Pki::new());
    let (proxy, requests) = proxy(tls_before(&server, &pki, ENDPOINT));
    let mut command = one_identity(pki.directory.path(), None);
    command
        .env("HTTPS_PROXY", format!("http://{LOGIN}@{proxy}"))
        .env("AWS_CA_BUNDLE", pki.path("ca.crt"));
    let exporter = Exporter::run(command);
    fresh(&exporter);
    let request = requests.recv().unwrap();
    assert!(
        request.starts_with(&format!("CONNECT {ENDPOINT}:443 HTTP/1.1\r\n")),
        "{request}"
    );
    assert!(
        request
            .to_lowercase()
            .contains("proxy-authorization: basic "),
        "{request}"
    );
    exporter.told(&format!("proxy=http://{proxy} "));
    let log = exporter.log().join("\n");
    assert!(!log.contains("canary-proxy-password"), "{log}");
    assert!(!exporter.get("/metrics").1.contains("canary-proxy-password"));
}

#[test]
fn a_proxy_that_opens_no_tunnel_is_reported_once() {
    let directory = tempfile::tempdir().unwrap();
    let address = in_thread(|listener| async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
            while stream.read_u8().await.is_ok_and(|byte| byte != b'\n') {}
            let _ = stream.write_all(refusal).await;
        }
    });
    let mut command = one_identity(directory.path(), None);
    command
        .env("https_proxy", format!("{LOGIN}@{address}"))
        .arg("--log.level=info");
    let exporter = Exporter::run(command);
    let reports = told_of_failed_polls(&exporter, "AWS is out of reach");
    assert_eq!(reports.len(), 1, "{reports:#?}");
    for part in [
        "reason=unreachable kind=proxy_failed",
        "it answers with status 407 Proxy Authentication Required",
        "check HTTPS_PROXY",
    ] {
        assert!(reports[0].contains(part), "{reports:#?}");
    }
    let log = exporter.log().join("\n");
    assert!(!log.contains("canary-proxy-password"), "{log}");
}

#[test]
fn endpoints_on_loopback_are_reached_without_the_proxy() {
    let server = Server::start(still_world(1, 1));
    let directory = tempfile::tempdir().unwrap();
    let mut command = one_identity(directory.path(), Some(&server.url));
    // Nobody is there.
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "all_proxy"] {
        command.env(name, "http://127.0.0.1:1");
    }
    fresh(&Exporter::run(command));
}

#[test]
fn a_private_authority_is_trusted_where_it_is_named() {
    let (server, pki) = (Server::start(still_world(1, 1)), Pki::new());
    let ca = pki.path("ca.crt");
    let profile = format!("[default]\nca_bundle = {}\n", ca.display());
    std::fs::write(pki.path("aws"), profile).unwrap();
    for (name, value) in [
        ("AWS_CA_BUNDLE", ca.clone()),
        ("SSL_CERT_FILE", ca),
        ("AWS_CONFIG_FILE", pki.path("aws")),
    ] {
        let address = tls_before(&server, &pki, "localhost");
        let url = format!("https://localhost:{}", address.port());
        let mut command = one_identity(pki.directory.path(), Some(&url));
        command.env(name, value);
        fresh(&Exporter::run(command));
    }
}

#[test]
fn a_certificate_that_is_not_trusted_is_reported_as_such_and_once() {
    let (server, pki, other) = (Server::start(still_world(1, 1)), Pki::new(), Pki::new());
    let address = tls_before(&server, &pki, "localhost");
    let url = format!("https://localhost:{}", address.port());
    let mut command = one_identity(pki.directory.path(), Some(&url));
    command
        .env("AWS_CA_BUNDLE", other.path("ca.crt"))
        .arg("--log.level=info");
    let exporter = Exporter::run(command);
    let reports = told_of_failed_polls(&exporter, "kind=certificate_not_trusted");
    assert_eq!(reports.len(), 1, "{reports:#?}");
    assert!(
        reports[0].contains("level=warn") && reports[0].contains("AWS_CA_BUNDLE"),
        "{reports:#?}"
    );
    assert_eq!(server.simulator.take_call_log(), []);
}

#[test]
fn settings_of_the_network_that_are_wrong_are_refused_at_start() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name| directory.path().join(name);
    std::fs::write(path("empty.pem"), "no certificate").unwrap();
    let profile = format!("[default]\nca_bundle = {}\n", path("absent.pem").display());
    std::fs::write(path("aws"), profile).unwrap();
    let text = |name| path(name).display().to_string();
    for (name, value, message) in [
        ("AWS_CA_BUNDLE", text("absent.pem"), "AWS_CA_BUNDLE: "),
        ("AWS_CA_BUNDLE", text("empty.pem"), "holds no certificate"),
        ("AWS_CA_BUNDLE", text(""), "expected a regular file"),
        (
            "AWS_CONFIG_FILE",
            text("aws"),
            "ca_bundle of profile default: ",
        ),
        (
            "HTTPS_PROXY",
            format!("socks5://{LOGIN}@127.0.0.1:1"),
            "HTTPS_PROXY: this kind of",
        ),
        (
            "https_proxy",
            format!("http://{LOGIN}@127.0.0.1:x"),
            "https_proxy: is not a proxy",
        ),
    ] {
        let mut command = one_identity(directory.path(), Some("http://127.0.0.1:1"));
        command
            .arg("--web.listen-address=127.0.0.1:0")
            .env(name, &value);
        let ended = output(&mut command);
        let log = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{name}={value}: {log}");
        assert!(log.contains(message), "{name}={value}: {log}");
        assert!(!log.contains("canary-proxy-password"), "{log}");
    }
}
