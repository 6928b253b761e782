//! A whole server over a TCP socket, by way of the public interface.

#![allow(
    clippy::unwrap_used,
    reason = "tests may, and clippy does not see that this is one"
)]

use std::convert::Infallible;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::Relaxed};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use exporter_web::service::{Incoming, service_fn};
use exporter_web::{Listener, Metrics, Server, WebConfigFile};
use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

#[derive(Default)]
struct Counters {
    open: AtomicI64,
    opened: AtomicUsize,
    rejected: AtomicUsize,
    valid: AtomicUsize,
    invalid: AtomicUsize,
}

impl Metrics for Counters {
    fn connection_opened(&self) {
        self.open.fetch_add(1, Relaxed);
        self.opened.fetch_add(1, Relaxed);
    }

    fn connection_closed(&self) {
        self.open.fetch_sub(1, Relaxed);
    }

    fn login_rejected(&self) {
        self.rejected.fetch_add(1, Relaxed);
    }

    fn web_config_read(&self, valid: bool) {
        let counter = if valid { &self.valid } else { &self.invalid };
        counter.fetch_add(1, Relaxed);
    }
}

/// A server that runs until dropped, and its web configuration's file.
struct Running {
    address: String,
    counters: Arc<Counters>,
    file: PathBuf,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    _directory: tempfile::TempDir,
}

impl Running {
    async fn start(web_config: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("web.yaml");
        fs::write(&file, web_config).unwrap();
        let counters = Arc::new(Counters::default());
        let server = Server::builder()
            .web_config(Some(WebConfigFile::load(&file).unwrap()))
            .paths_without_login(["/-/healthy"])
            .metrics(Arc::<Counters>::clone(&counters))
            .build();
        let listener = Listener::bind(&"127.0.0.1:0".parse().unwrap()).await;
        let listener = listener.unwrap();
        let address = listener.local_address();
        let stop = CancellationToken::new();
        let (mut tasks, stopped) = (JoinSet::new(), stop.clone());
        tasks.spawn(async move {
            let service = service_fn(|request: Request<Incoming>| async move {
                Ok::<_, Infallible>(Response::new(request.uri().path().to_owned()))
            });
            server.serve(listener, service, stopped.cancelled()).await;
        });
        Self {
            address,
            counters,
            file,
            stop,
            tasks,
            _directory: directory,
        }
    }

    /// The whole response to a request on a connection of its own.
    async fn get(&self, path: &str, credentials: Option<&str>) -> String {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let login = credentials.map_or_else(String::new, |credentials| {
            format!("Authorization: Basic {}\r\n", STANDARD.encode(credentials))
        });
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{login}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        response
    }
}

fn users() -> String {
    let hash = bcrypt::hash_with_salt("secret", 4, [7; 16]).unwrap();
    format!("basic_auth_users: {{alice: \"{hash}\"}}\n")
}

#[tokio::test]
async fn requests_pass_the_login_and_carry_the_headers() {
    let headers = "http_server_config: {headers: {X-Frame-Options: deny}}\n";
    let mut server = Running::start(&(users() + headers)).await;
    for (path, credentials, status) in [
        ("/", None, "401 Unauthorized"),
        ("/", Some("alice:wrong"), "401 Unauthorized"),
        ("/", Some("bob:secret"), "401 Unauthorized"),
        ("/", Some("alice:secret"), "200 OK"),
        ("/-/healthy", None, "200 OK"),
        ("/-/healthy/", None, "401 Unauthorized"),
    ] {
        let response = server.get(path, credentials).await;
        assert!(
            response.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{response}"
        );
        assert!(
            response.contains("\r\nx-frame-options: deny\r\n"),
            "{response}"
        );
        let challenged = response.contains("\r\nwww-authenticate: Basic\r\n");
        assert_eq!(challenged, status.starts_with("401"), "{response}");
    }
    server.stop.cancel();
    server.tasks.join_next().await.unwrap().unwrap();
    assert_eq!(server.counters.rejected.load(Relaxed), 4);
    assert_eq!(server.counters.opened.load(Relaxed), 6);
    assert_eq!(server.counters.open.load(Relaxed), 0);
}

#[tokio::test]
async fn changes_of_the_file_are_in_force_but_for_less_protection() {
    let server = Running::start(&users()).await;
    let status = async |credentials| server.get("/", Some(credentials)).await[9..12].to_owned();
    assert_eq!(status("alice:secret").await, "200");
    fs::write(&server.file, users().replace("alice", "bob")).unwrap();
    assert_eq!(status("alice:secret").await, "401");
    assert_eq!(status("bob:secret").await, "200");
    for broken in ["", "basic_auth_users: {bob: short}\n"] {
        fs::write(&server.file, broken).unwrap();
        assert_eq!(status("bob:secret").await, "200");
        assert_eq!(status("alice:secret").await, "401");
    }
    assert_eq!(server.counters.valid.load(Relaxed), 2);
    assert_eq!(server.counters.invalid.load(Relaxed), 2);
}

#[tokio::test]
async fn the_rate_limit_comes_first() {
    let server = Running::start("rate_limit: {interval: 1h, burst: 2}\n").await;
    for status in ["200", "200", "429"] {
        assert_eq!(server.get("/-/healthy", None).await[9..12], *status);
    }
}
