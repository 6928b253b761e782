//! Requests that are malformed, and requests on which the service panics.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may, and clippy does not see that this is one"
)]

use std::convert::Infallible;
use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::Bytes;
use exporter_web::service::{Incoming, service_fn};
use exporter_web::{Listener, Server};
use http::{Request, Response};
use hyper::body::{Body, Frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How often the service has panicked.
static PANICS: AtomicUsize = AtomicUsize::new(0);
/// Held by a request that panics.
static HELD: Mutex<()> = Mutex::new(());

/// A body of one frame, whose second one may be a panic.
struct Text(Option<String>, bool);

impl Body for Text {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = self.0.take();
        if frame.is_none() && self.1 {
            fail();
        }
        Poll::Ready(frame.map(|text| Ok(Frame::data(text.into()))))
    }
}

fn fail() -> ! {
    PANICS.fetch_add(1, Relaxed);
    panic!("on purpose");
}

async fn panic_later() -> Response<Text> {
    tokio::task::yield_now().await;
    let _held = HELD.lock();
    fail()
}

/// Answers with the path, unless the path asks for a panic.
async fn serve(listener: Listener) {
    let service = service_fn(|request: Request<Incoming>| {
        let path = request.uri().path().to_owned();
        if path == "/panic" {
            fail();
        }
        async move {
            let response = match path.as_str() {
                "/panic-later" => panic_later().await,
                "/panic-of-body" => Response::new(Text(Some(path), true)),
                _ => Response::new(Text(Some(path), false)),
            };
            Ok::<_, Infallible>(response)
        }
    });
    let server = Server::builder().build();
    let never = std::future::pending();
    server.serve(listener, service, never).await;
}

async fn start(tasks: &mut JoinSet<()>) -> String {
    let any_port = "127.0.0.1:0".parse().unwrap();
    let listener = Listener::bind(&any_port).await.unwrap();
    let address = listener.local_address();
    tasks.spawn(serve(listener));
    address
}

/// All that comes back on a connection of its own until the server closes it.
async fn exchange(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

#[tokio::test]
async fn malformed_requests_are_refused_and_their_connection_is_closed() {
    let mut tasks = JoinSet::new();
    let address = start(&mut tasks).await;
    for (request, status) in [
        ("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("CONNECT a:80 HTTP/1.0\r\n\r\n", "400"),
        ("GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400"),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\
             Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "501",
        ),
    ] {
        // What follows on the same connection is not taken for a request.
        let followed = format!("{request}GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
        let response = exchange(&address, &followed).await;
        let expected = format!(
            "HTTP/1.{} {status} ",
            i32::from(!request.contains("HTTP/1.0"))
        );
        assert!(response.starts_with(&expected), "{request} {response}");
        assert!(!response.contains("/next"), "{request} {response}");
    }
}

#[tokio::test]
async fn a_panic_ends_one_request() {
    let mut tasks = JoinSet::new();
    let address = start(&mut tasks).await;
    let request = |path| format!("GET {path} HTTP/1.1\r\nHost: a\r\n");
    let last = format!("{}Connection: close\r\n\r\n", request("/good"));
    for path in ["/panic", "/panic-later"] {
        let response = exchange(&address, &format!("{}\r\n{last}", request(path))).await;
        assert!(
            response.starts_with("HTTP/1.1 500 Internal Server Error\r\n"),
            "{response}"
        );
        assert!(
            response.contains("HTTP/1.1 200 OK\r\n"),
            "the connection goes on: {response}"
        );
        assert!(response.ends_with("/good\r\n0\r\n\r\n"), "{response}");
    }
    assert!(HELD.is_poisoned());
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let cut_off = format!("{}\r\n{last}", request("/panic-of-body"));
    stream.write_all(cut_off.as_bytes()).await.unwrap();
    let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
    // Closed, the system would go on sending what it holds.
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(PANICS.load(Relaxed), 3);
    let response = exchange(&address, &last).await;
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(tasks.try_join_next().is_none(), "the server goes on");
}
