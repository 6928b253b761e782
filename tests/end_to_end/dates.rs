//! Dates in answers, and a clock of the host that is not AWS's.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cognitosync_exporter::api::Failure;
use cognitosync_exporter::clock::Clock;

use crate::cognito::{ask, source};

const DAY: f64 = 86_400.0;

fn now() -> f64 {
    Clock::system().now().unix
}

/// In a `Date` header.
fn header(unix: f64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs_f64(unix))
}

/// The time of a signature, in seconds since 1970, in `YYYYMMDDTHHMMSSZ`.
fn signed_at(head: &str) -> f64 {
    let found = head
        .lines()
        .find_map(|line| line.strip_prefix("x-amz-date: "))
        .unwrap();
    let number = |from: usize, to: usize| found[from..to].parse::<u64>().unwrap();
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = months[number(4, 6) as usize - 1];
    // The day of the week is not looked at, but has to be one.
    let date = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        .iter()
        .find_map(|day| {
            let (y, d, h, m, s) = (
                &found[0..4],
                &found[6..8],
                number(9, 11),
                number(11, 13),
                number(13, 15),
            );
            let text = format!("{day}, {d} {month} {y} {h:02}:{m:02}:{s:02} GMT");
            httpdate::parse_http_date(&text).ok()
        });
    date.unwrap()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
}

/// An endpoint that answers each request by when it was signed: status, date, body. Returns the
/// times of signatures as well.
fn endpoint(
    answer: impl Fn(usize, f64) -> (u16, String, String) + Send + 'static,
) -> (String, Receiver<f64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, signatures) = mpsc::channel();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while stream.read_line(&mut head).unwrap() > 2 {}
            let signed_at = signed_at(&head);
            let _ = sender.send(signed_at);
            let (status, date, body) = answer(number, signed_at);
            let answer = format!(
                "HTTP/1.1 {status} X\r\ndate: {date}\r\nconnection: close\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    (url, signatures)
}

fn usage(last_modified: f64) -> String {
    format!("{{\"IdentityUsage\":{{\"DatasetCount\":1,\"LastModifiedDate\":{last_modified}}}}}")
}

#[tokio::test]
async fn an_odd_date_moves_no_signature() {
    let dates = [
        now() + 3.0 * DAY,
        now() - 3.0 * DAY,
        now() + 3.0 * DAY,
        253_402_300_799.0,
        0.0,
        now(),
    ];
    let (url, signatures) =
        endpoint(move |number, _| (200, header(dates[number % dates.len()]), usage(1.7e9)));
    let source = source(&url, "5s").await;
    for _ in 0..2 * dates.len() {
        ask(&source).await.unwrap();
        assert!((signatures.recv().unwrap() - now()).abs() < 60.0);
    }
}

#[tokio::test]
async fn a_date_of_no_calendar_is_no_panic() {
    let dates = [
        "Fri, 31 Dec +294000 23:59:59 GMT",
        "Fri, 31 Dec 294000 23:59:59 GMT",
        "",
        "-1",
    ];
    let (url, signatures) =
        endpoint(move |number, _| (200, dates[number % dates.len()].to_owned(), usage(1.7e9)));
    let source = source(&url, "5s").await;
    for _ in 0..2 * dates.len() {
        ask(&source).await.unwrap();
        assert!((signatures.recv().unwrap() - now()).abs() < 60.0);
    }
}

#[tokio::test]
async fn dates_in_an_answer_are_judged_by_its_own() {
    let ahead = 2.0 * DAY;
    let (url, _) = endpoint(move |_, _| (200, header(now() + ahead), usage(now() + ahead)));
    let modified = ask(&source(&url, "5s").await).await.unwrap().last_modified;
    assert!((modified.unwrap() - now() - ahead).abs() < 60.0);
    let (url, _) = endpoint(move |_, _| (200, header(now()), usage(now() + ahead)));
    assert_eq!(
        ask(&source(&url, "5s").await).await,
        Err(Failure::Malformed)
    );
}

#[tokio::test]
async fn signatures_follow_aws_where_it_refuses_the_hosts_clock() {
    let ahead = 2.0 * DAY;
    // As AWS: it takes signatures of the last five minutes by its own clock.
    let (url, signatures) = endpoint(move |_, signed_at| {
        let aws = now() + ahead;
        if (signed_at - aws).abs() < 300.0 {
            (200, header(aws), usage(aws))
        } else {
            let body = "{\"__type\":\"InvalidSignatureException\"}";
            (403, header(aws), body.to_owned())
        }
    });
    let source = source(&url, "5s").await;
    assert_eq!(ask(&source).await, Err(Failure::Credentials));
    for _ in 0..3 {
        ask(&source).await.unwrap();
    }
    assert!(
        (signatures.recv().unwrap() - now()).abs() < 60.0,
        "the first by the own clock"
    );
}
