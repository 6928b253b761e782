//! Servers that speak no HTTP, or break off, or drip, or lie about the time: what the simulator is
//! too well-behaved for.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::cognito::{ask, source};
use cognitosync_exporter::api::{Failure, Usage};

const BODY: &str = "{\"IdentityUsage\":{\"DatasetCount\":3,\"DataStorage\":12345}}";
const USAGE: Usage = Usage {
    datasets: Some(3),
    storage_bytes: Some(12_345),
    last_modified: None,
};

fn answer(headers: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n{BODY}",
        BODY.len()
    )
}

/// A server that does this with each connection, by number; and how many connections there were.
fn server(act: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (act, connections) = (Arc::new(act), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&connections);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (number, act) = (counted.fetch_add(1, Ordering::Relaxed), Arc::clone(&act));
            thread::spawn(move || act(number, stream.unwrap()));
        }
    });
    (url, connections)
}

/// Reads one request; false when the client has gone instead.
fn request(stream: &mut TcpStream) -> bool {
    stream.read(&mut [0; 8_192]).is_ok_and(|read| read > 0)
}

#[tokio::test]
async fn what_is_no_http_or_not_whole() {
    for (answer, failure) in [
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", Failure::Malformed),
        ("", Failure::Unreachable),
        ("HTTP/1.1 200 OK\r\ncontent-le", Failure::Unreachable),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            Failure::Unreachable,
        ),
    ] {
        let (url, connections) = server(|_, mut stream| {
            request(&mut stream);
            stream.write_all(answer.as_bytes()).unwrap();
        });
        assert_eq!(
            ask(&source(&url, "2s").await).await,
            Err(failure),
            "{answer}"
        );
        assert_eq!(connections.load(Ordering::Relaxed), 1);
    }
}

/// Whatever part of an answer arrives, it is never taken for another number.
#[tokio::test]
async fn an_answer_that_breaks_off_at_any_byte_is_no_answer() {
    let whole = answer("");
    let bytes = whole.len();
    let (url, connections) = server(move |number, mut stream| {
        request(&mut stream);
        stream.write_all(&whole.as_bytes()[..number]).unwrap();
        // Every other time the connection is reset rather than closed; what was sent before may
        // then be lost.
        if number % 2 == 0 && number < bytes {
            socket2::SockRef::from(&stream)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
        }
    });
    let source = source(&url, "2s").await;
    for length in 0..bytes {
        assert_eq!(
            ask(&source).await,
            Err(Failure::Unreachable),
            "{length} bytes of {bytes}"
        );
    }
    assert_eq!(ask(&source).await, Ok(USAGE));
    assert_eq!(connections.load(Ordering::Relaxed), bytes + 1);
}

#[tokio::test]
async fn a_byte_at_a_time_runs_into_the_timeout() {
    let (url, connections) = server(|_, mut stream| {
        request(&mut stream);
        for byte in answer("").bytes() {
            if stream.write_all(&[byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(250));
        }
    });
    assert_eq!(ask(&source(&url, "1s").await).await, Err(Failure::Timeout));
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_connection_that_is_accepted_and_forgotten() {
    let (url, connections) = server(|_, stream| {
        thread::sleep(Duration::from_secs(60));
        drop(stream);
    });
    assert_eq!(
        ask(&source(&url, "500ms").await).await,
        Err(Failure::Timeout)
    );
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

/// AWS's clock is not ours: the SDK corrects its signatures by it, but what was answered stays
/// answered.
#[tokio::test]
async fn a_wrong_date_spoils_nothing() {
    let (url, connections) = server(|_, mut stream| {
        while request(&mut stream) {
            stream
                .write_all(answer("date: Mon, 01 Jan 2001 00:00:00 GMT\r\n").as_bytes())
                .unwrap();
        }
    });
    let source = source(&url, "2s").await;
    for _ in 0..5 {
        assert_eq!(ask(&source).await, Ok(USAGE));
    }
    assert_eq!(
        connections.load(Ordering::Relaxed),
        1,
        "connections are kept"
    );
}

/// The server forgets connections after one answer each: some calls may fail for it, but never two
/// in a row.
#[tokio::test]
async fn a_connection_that_went_while_idle_costs_one_call_at_most() {
    let (url, connections) = server(|_, mut stream| {
        request(&mut stream);
        stream.write_all(answer("").as_bytes()).unwrap();
    });
    let source = source(&url, "2s").await;
    let mut failed_last = false;
    for _ in 0..40 {
        let failed = ask(&source).await != Ok(USAGE);
        assert!(!(failed && failed_last));
        failed_last = failed;
    }
    assert!(connections.load(Ordering::Relaxed) >= 20);
}

/// The server goes silent on a connection that it answered on before, as behind a firewall that
/// forgot it.
#[tokio::test]
async fn a_connection_that_went_dead_while_idle_costs_one_timeout() {
    let (url, connections) = server(|number, mut stream| {
        while request(&mut stream) {
            stream.write_all(answer("").as_bytes()).unwrap();
            if number == 0 {
                thread::sleep(Duration::from_secs(30));
            }
        }
    });
    let source = source(&url, "500ms").await;
    assert_eq!(ask(&source).await, Ok(USAGE));
    assert_eq!(ask(&source).await, Err(Failure::Timeout));
    assert_eq!(ask(&source).await, Ok(USAGE));
    assert_eq!(connections.load(Ordering::Relaxed), 2);
}
