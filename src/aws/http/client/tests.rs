use std::error::Error;
use std::net::SocketAddr;

use http_body_util::LengthLimitError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::super::unreached::causes;
use super::*;
use crate::clock::Clock;

const OK: &str = "HTTP/1.1 200 OK\r\n";

/// Reads a head from each connection, and writes `start`, then `more` again and again until it is
/// not read any more.
async fn stand_in(start: String, more: &'static str) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_head(&mut stream).await;
            stream.write_all(start.as_bytes()).await.unwrap();
            while !more.is_empty() && stream.write_all(more.as_bytes()).await.is_ok() {
                tokio::task::yield_now().await;
            }
        }
    });
    (address, tasks)
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

fn connector(timeout: Duration) -> Connector {
    let time = ServiceTime::new(Clock::system());
    let connections = Connections::new(None, RootCertStore::empty());
    Client::new(Arc::new(connections), time).connector(None, timeout)
}

async fn get(connector: &Connector, url: &str) -> Result<HttpResponse, ConnectorError> {
    let request = Request::get(url).header(AUTHORIZATION, "signed");
    let request = request.body(SdkBody::empty()).unwrap();
    connector.call(request.try_into().unwrap()).await
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn plain_http_to_another_machine_is_not_sent() {
    for url in [
        "http://192.0.2.1/",
        "http://sts.amazonaws.com/",
        "http://[2001:db8::1]/",
    ] {
        let error = get(&connector(LONG), url).await.unwrap_err();
        assert!(error.is_user(), "{error:?}");
        assert!(error.into_source().is::<PlainHttp>());
    }
}

#[tokio::test]
async fn an_endless_answer_ends_with_an_error() {
    const MORE: &str = "10\r\n0123456789abcdef\r\n";
    for head in [
        "content-length: 9999999999\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n",
        "\r\n",
    ] {
        let (address, _tasks) = stand_in(format!("{OK}{head}"), MORE).await;
        let error = get(&connector(LONG), &format!("http://{address}/"))
            .await
            .unwrap_err();
        let source = error.into_source();
        let too_long = causes(&*source).any(<dyn Error>::is::<LengthLimitError>);
        assert!(too_long, "{head:?}: {source:?}");
    }
}

#[tokio::test]
async fn a_slow_answer_ends_when_its_time_is_over() {
    let unfinished = format!("{OK}content-length: 3\r\n\r\nab");
    for start in [String::new(), OK.to_owned(), unfinished] {
        let (address, _tasks) = stand_in(start.clone(), "").await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let held = format!("http://{}/", listener.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_head(&mut stream).await;
            stream.write_all(start.as_bytes()).await.unwrap();
            std::future::pending::<()>().await;
        });
        let error = get(&connector(Duration::from_millis(50)), &held)
            .await
            .unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        // And one that breaks off.
        let error = get(&connector(LONG), &format!("http://{address}/"))
            .await
            .unwrap_err();
        assert!(!error.is_timeout() && !error.is_user(), "{error:?}");
    }
}

#[tokio::test]
async fn the_sdk_sees_no_date() {
    for (date, told) in [
        ("Thu, 01 Jan 2026 00:00:00 GMT", Some(1_767_225_600.0)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("\u{221e}", None),
    ] {
        let head = format!("{OK}date: {date}\r\ncontent-length: 2\r\n\r\n{{}}");
        let (address, _tasks) = stand_in(head, "").await;
        let answer = get(&connector(LONG), &format!("http://{address}/"))
            .await
            .unwrap();
        assert_eq!(answer.headers().get("date"), None);
        let found = answer.extension().map(|AnswerDate(date)| *date);
        assert_eq!(found, told, "{date}");
        assert_eq!(answer.body().bytes(), Some(&b"{}"[..]));
    }
}

#[test]
fn only_an_answer_about_the_signature_is_its_refusal() {
    let header = |code| {
        let mut headers = HeaderMap::new();
        headers.insert("x-amzn-errortype", http::HeaderValue::from_static(code));
        headers
    };
    let none = HeaderMap::new;
    for (status, headers, body, expected) in [
        (200, none(), "{}", Signature::Accepted),
        (
            403,
            header("InvalidSignatureException:http://x/"),
            "",
            Signature::Refused,
        ),
        (
            403,
            none(),
            "<Code>SignatureDoesNotMatch</Code>",
            Signature::Refused,
        ),
        (
            400,
            none(),
            "{\"__type\":\"RequestExpired\"}",
            Signature::Refused,
        ),
        (
            403,
            header("NotAuthorizedException"),
            "",
            Signature::Unknown,
        ),
        (
            500,
            header("InvalidSignatureException"),
            "",
            Signature::Unknown,
        ),
        (302, none(), "", Signature::Unknown),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let found = signature(true, status, &headers, body.as_bytes());
        assert_eq!(found, expected, "{status} {body}");
        assert_eq!(
            signature(false, status, &headers, body.as_bytes()),
            Signature::Unknown
        );
    }
}
