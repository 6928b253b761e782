//! A crowd of clients who ask for the metrics and do not read them, beside three who do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::front_door::trusting;
use crate::long::parameter;
use crate::pki::{Pki, tls};
use crate::support::{Exporter, Server, configuration, eventually, still_world};

/// Connections of the crowd, half of them HTTP/2 with [`STREAMS`] requests each.
const CROWD: usize = 490;
const STREAMS: usize = 16;
const CODINGS: [&str; 3] = ["zstd", "gzip", "identity"];
const MOST: f64 = 256e6;

struct Target {
    address: SocketAddr,
    http1: TlsConnector,
    http2: TlsConnector,
}

impl Target {
    /// A connection from 127.0.0.`host`.
    async fn connect(&self, tls: &TlsConnector, host: u8) -> std::io::Result<TlsStream<TcpStream>> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4_096)?;
        socket.bind(([127, 0, 0, host], 0).into())?;
        let stream = socket.connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        tls.connect(name, stream).await
    }

    async fn ask(&self, host: u8, coding: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let mut client = self.connect(&self.http1, host).await?;
        let request = format!(
            "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {coding}\r\nConnection: close\r\n\r\n"
        );
        client.write_all(request.as_bytes()).await?;
        Ok(client)
    }

    /// Asks and reads a byte a second until the connection is closed.
    async fn read_slowly(&self, coding: &str) -> std::io::Result<()> {
        let mut client = self.ask(3, coding).await?;
        while client.read(&mut [0]).await? > 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(())
    }

    /// Asks with as many streams as there may be and reads none of them.
    async fn stall_streams(&self, coding: &str) -> Result<(), Box<dyn std::error::Error + Send>> {
        let boxed =
            |error: std::io::Error| -> Box<dyn std::error::Error + Send> { Box::new(error) };
        let stream = self.connect(&self.http2, 4).await.map_err(boxed)?;
        let handshake = h2::client::handshake(stream).await;
        let (client, connection) =
            handshake.map_err(|error| boxed(std::io::Error::other(error)))?;
        let asked = async {
            let mut responses = Vec::new();
            for _ in 0..STREAMS {
                let mut ready = client.clone().ready().await?;
                let request = http::Request::get("https://localhost/metrics")
                    .header("accept-encoding", coding)
                    .body(())
                    .unwrap();
                responses.push(ready.send_request(request, true)?.0);
            }
            // As long as they are held and not read, the streams stall.
            std::future::pending::<()>().await;
            drop(responses);
            Ok::<_, h2::Error>(())
        };
        tokio::select! {
            _ = asked => {}
            _ = connection => {}
        }
        Ok(())
    }

    /// One whole scrape; its status and what it says.
    async fn scrape(&self, host: u8) -> (u16, String) {
        let mut client = self.ask(host, "identity").await.unwrap();
        let mut answer = Vec::new();
        // The server closes without TLS's farewell when it is in a hurry.
        let _ = client.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let status = answer
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        (status.unwrap_or(0), answer)
    }
}

fn value(body: &str, name: &str) -> f64 {
    let line = body
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

fn connector(config: &ClientConfig, protocol: &str) -> TlsConnector {
    let mut config = config.clone();
    config.alpn_protocols = vec![protocol.into()];
    TlsConnector::from(Arc::new(config))
}

/// What the scrapers saw.
#[derive(Debug, Default)]
struct Seen {
    scrapes: u32,
    statuses: std::collections::BTreeMap<u16, u32>,
    lag: f64,
}

#[test]
fn they_take_little_memory_and_keep_no_one_out() {
    let identities = parameter("SLOW_READERS_IDENTITIES", 5_000) as usize;
    let rate = parameter("SLOW_READERS_POLLS", 200) as usize;
    let seconds = parameter("SLOW_READERS_SECONDS", 20);
    let pki = Pki::new();
    let web_config = pki.web_config(&tls(""));
    let server = Server::start(still_world(1, identities));
    // A tenth more time than polling all at the ceiling takes.
    let interval = identities * 11 / rate / 10;
    let poll =
        format!("interval: {interval}s, rate_limit: {rate}, max_in_flight: 256, timeout: 5s");
    let config = configuration(&poll, &server.url, 1, identities);
    let flag = format!("--web.config.file={}", web_config.display());
    let exporter = Exporter::start_with(&config, &[&flag, "--log.level=info"], |command| command);
    let trusting = trusting(&pki);
    let target = Arc::new(Target {
        address: exporter.address.parse().unwrap(),
        http1: connector(&trusting, "http/1.1"),
        http2: connector(&trusting, "h2"),
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let scrape = |host| runtime.block_on(target.scrape(host));
    let fresh = "cognitosync_pool_identities{identity_pool_id=\"us-east-1:00000000-0000-4000-8000-000000000000\",state=\"fresh\"}";
    eventually("all fresh", || {
        (value(&scrape(1).1, fresh) == identities as f64).then_some(())
    });
    (0..9).for_each(|_| assert_eq!(scrape(1).0, 200));
    let before = exporter.resident_bytes();

    let mut crowd = JoinSet::new();
    for number in 0..CROWD {
        let target = Arc::clone(&target);
        crowd.spawn_on(
            async move {
                loop {
                    let coding = CODINGS[number % CODINGS.len()];
                    // Cut off or turned away, it comes again.
                    if number % 2 == 0 {
                        let _ = target.read_slowly(coding).await;
                    } else {
                        let _ = target.stall_streams(coding).await;
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            runtime.handle(),
        );
    }
    let (mut seen, mut most) = (Seen::default(), before);
    for second in 0..seconds {
        std::thread::sleep(Duration::from_secs(1));
        // It would grow.
        drop(server.simulator.take_call_log());
        most = most.max(exporter.resident_bytes());
        // As three Prometheus servers do that scrape every 15 s.
        if second % 5 == 0 {
            let (status, body) = scrape(1 + (second / 5 % 3) as u8 * 10);
            seen.scrapes += 1;
            *seen.statuses.entry(status).or_default() += 1;
            if status == 200 {
                seen.lag = seen
                    .lag
                    .max(value(&body, "cognitosync_exporter_poll_lag_seconds"));
            }
        }
    }
    runtime.block_on(crowd.shutdown());
    let turned_away = "cognitosync_exporter_web_requests_rejected_total{reason=\"busy\"}";
    assert!(value(&scrape(1).1, turned_away) > 0.0, "a crowd");
    let after = eventually("memory that comes back", || {
        assert_eq!(scrape(1).0, 200);
        let now = exporter.resident_bytes();
        (now < before * 1.3).then_some(now)
    });
    println!(
        "resident memory: {:.0} MB before, {:.0} MB at most, {:.0} MB after; {seen:?}",
        before / 1e6,
        most / 1e6,
        after / 1e6
    );
    assert!(most < MOST, "{most}");
    assert_eq!(seen.statuses.keys().collect::<Vec<_>>(), [&200]);
}
