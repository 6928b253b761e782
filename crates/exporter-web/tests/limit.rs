//! The limit of connections, by way of the public interface.

#![allow(
    clippy::unwrap_used,
    reason = "tests may, and clippy does not see that this is one"
)]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use exporter_web::service::{Incoming, service_fn};
use exporter_web::{Listener, Metrics, Server};
use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const MAX_CONNECTIONS: usize = 3;

#[derive(Default)]
struct Evicted(AtomicUsize);

impl Metrics for Evicted {
    fn connection_evicted(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

async fn start(tasks: &mut JoinSet<()>, evicted: &Arc<Evicted>) -> String {
    let any_port = "127.0.0.1:0".parse().unwrap();
    let listener = Listener::bind(&any_port).await.unwrap();
    let address = listener.local_address();
    let server = Server::builder()
        .max_connections(MAX_CONNECTIONS)
        .metrics(Arc::<Evicted>::clone(evicted))
        .build();
    tasks.spawn(async move {
        let service = service_fn(|_: Request<Incoming>| async {
            Ok::<_, Infallible>(Response::new("answer".to_owned()))
        });
        let never = std::future::pending();
        server.serve(listener, service, never).await;
    });
    address
}

async fn ask(stream: &mut TcpStream) {
    let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut response = Vec::new();
    while !response.ends_with(b"answer") {
        response.push(stream.read_u8().await.unwrap());
    }
}

#[tokio::test]
async fn a_client_that_comes_back_does_not_give_way_to_those_that_ask_once() {
    let mut tasks = JoinSet::new();
    let evicted = Arc::new(Evicted::default());
    let address = start(&mut tasks, &evicted).await;
    let mut kept = TcpStream::connect(&address).await.unwrap();
    for _ in 0..3 {
        ask(&mut kept).await;
    }
    let mut crowd = Vec::new();
    for _ in 0..10 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        ask(&mut stream).await;
        crowd.push(stream);
    }
    assert_eq!(evicted.0.load(Relaxed), 1 + crowd.len() - MAX_CONNECTIONS);
    assert_eq!(crowd[0].read(&mut [0]).await.unwrap(), 0, "closed");
    ask(&mut kept).await;
}

#[tokio::test]
async fn where_all_come_back_the_longest_idle_makes_way() {
    let mut tasks = JoinSet::new();
    let evicted = Arc::new(Evicted::default());
    let address = start(&mut tasks, &evicted).await;
    let mut kept = Vec::new();
    for _ in 0..=MAX_CONNECTIONS {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        for _ in 0..5 {
            ask(&mut stream).await;
        }
        kept.push(stream);
    }
    assert_eq!(evicted.0.load(Relaxed), 1);
    assert_eq!(kept[0].read(&mut [0]).await.unwrap(), 0, "closed");
    ask(&mut kept[1]).await;
}
