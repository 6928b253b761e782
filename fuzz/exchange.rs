//! Whole answers, heads included, through the real SDK over a real socket: each is one of the
//! outcomes, and none makes the SDK panic.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use cognitosync_exporter::api::{Api, Operation, Request, Scope};
use cognitosync_exporter::aws::{Connector, Credentials, Network};
use cognitosync_exporter::clock::Clock;
use cognitosync_exporter::job::IdentityIndex;
use cognitosync_exporter::loading;

use crate::words::text;

const POOL: &str = "us-east-1:7b6bd1a1-5f5c-4f43-9a0b-0f6a3b8d8c11";
const IDENTITY: &str = "us-east-1:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10";
const STATUSES: [&str; 16] = [
    "HTTP/1.1 200 OK",
    "HTTP/1.1 200 OK",
    "HTTP/1.1 200 OK",
    "HTTP/1.1 403 X",
    "HTTP/1.1 403 X",
    "HTTP/1.1 400 X",
    "HTTP/1.1 404 X",
    "HTTP/1.1 429 X",
    "HTTP/1.1 500 X",
    "HTTP/1.1 503 X",
    "HTTP/1.1 204 X",
    "HTTP/1.1 302 X",
    "HTTP/1.1 101 X",
    "HTTP/1.1 999 X",
    "HTTP/1.0 200 OK",
    "",
];
const NAMES: [&str; 16] = [
    "date",
    "date",
    "content-type",
    "content-length",
    "retry-after",
    "transfer-encoding",
    "age",
    "x-amzn-errortype",
    "x-amzn-errortype",
    "x-amz-retry-after",
    "x-amzn-requestid",
    "connection",
    "location",
    "content-encoding",
    "upgrade",
    "",
];
const VALUES: [&str; 32] = [
    "Thu, 01 Jan 2026 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Fri, 31 Dec +294000 23:59:59 GMT",
    "Fri, 31 Dec 294000 23:59:59.999 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Mon, 01 Jan 0000 00:00:00 GMT",
    "Thu, 01 Jan -001 00:00:00 GMT",
    "Thursday, 01-Jan-26 00:00:00 GMT",
    "Thu Jan  1 00:00:00 2026",
    "Thu, 29 Feb 2026 24:60:60 GMT",
    "application/json",
    "text/html; charset=\u{ff}",
    "application/cbor",
    "",
    "0",
    "1",
    "2",
    "-1",
    "18446744073709551616",
    "1e308",
    "chunked",
    "chunked, chunked",
    "gzip",
    "close",
    "keep-alive",
    "TooManyRequestsException",
    "InvalidSignatureException:http://x/",
    "ns#RequestTimeTooSkewed",
    "ExpiredToken",
    ":#:#",
    "h2c",
    "\0",
];
const WHOLE: [&str; 5] = [
    "{\"IdentityUsage\":{\"DatasetCount\":1,\"LastModifiedDate\":1.7e9}}",
    "{\"IdentityPoolUsage\":{\"DataStorage\":1}}",
    "{\"Datasets\":[{\"DataStorage\":1}],\"NextToken\":\"a\"}",
    "{\"__type\":\"InvalidSignatureException\",\"message\":\"Signature expired\"}",
    "",
];
const WORDS: [&str; 24] = [
    "{\"IdentityUsage\":{\"DatasetCount\":1}}",
    "{\"IdentityUsage\":{",
    "\"LastModifiedDate\":",
    "{\"IdentityPoolUsage\":{\"DataStorage\":1}}",
    "{\"Datasets\":[",
    "\"NextToken\":\"a\"",
    "{\"__type\":\"InvalidSignatureException\"}",
    "\"message\":",
    "{\"code\":",
    "253402300800",
    "1e19",
    "-1e19",
    "010",
    "1e308",
    "\"\\ud800\"",
    "]",
    "}",
    "[",
    "{",
    ",",
    "\"",
    "null",
    "2\r\n{}\r\n0\r\n\r\n",
    "\r\n",
];

/// A head of up to five fields, and a body.
fn answer(input: &[u8]) -> Vec<u8> {
    let pick = |index: usize| usize::from(input.get(index).copied().unwrap_or_default());
    let mut answer = format!("{}\r\n", STATUSES[pick(0) % STATUSES.len()]);
    for field in 0..pick(1) % 6 {
        let name = NAMES[pick(2 + 2 * field) % NAMES.len()];
        let value = VALUES[pick(3 + 2 * field) % VALUES.len()];
        answer += &format!("{name}: {value}\r\n");
    }
    answer += "\r\n";
    // Chance hardly ever makes a whole body.
    match WHOLE.get(pick(12) % 8) {
        Some(body) => answer += body,
        None => answer += &text(&WORDS, input.get(13..).unwrap_or_default()),
    }
    answer.into_bytes()
}

#[test]
fn exchange() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served: Arc<Mutex<Vec<u8>>> = Arc::default();
    let to_serve = Arc::clone(&served);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while stream.read_line(&mut head).unwrap_or_default() > 2 {}
            // The client may have enough, and close.
            let _ = stream.get_mut().write_all(&to_serve.lock().unwrap());
        }
    });
    let configuration = format!(
        "poll: {{timeout: 10s}}\npools: [{{id: '{POOL}', endpoint_url: '{url}', identities: ['{IDENTITY}']}}]"
    );
    let loaded = loading::parse(Path::new("fuzz"), &configuration).unwrap();
    let pool = &loaded.targets.pools[0];
    let clock = Clock::system();
    let network = Network::direct(clock.clone());
    let mut connector = Connector::new(Credentials::Simulator, network, clock);
    // It says nothing of panics, and after one it is not used again.
    let api = AssertUnwindSafe(connector.connect(&loaded.targets, &loaded.config.poll));
    let runtime = AssertUnwindSafe(runtime);
    let (mut good, mut failed) = (0, std::collections::BTreeMap::new());
    bolero::check!()
        .with_iterations(1_500)
        .for_each(|input: &[u8]| {
            let (api, runtime) = (&api, &runtime);
            let answer = answer(input);
            served.lock().unwrap().clone_from(&answer);
            for operation in Operation::ALL {
                let identity = pool.identities.id(IdentityIndex(0));
                let request = Request {
                    operation,
                    pool: &pool.id,
                    identity: (operation.scope() == Scope::Identity).then_some(identity),
                    continuation: None,
                };
                match runtime.block_on(api.call(request)) {
                    Ok(_) => good += 1,
                    Err(error) => {
                        let shown = String::from_utf8_lossy(&answer);
                        let cause = error.cause.unwrap_or_default();
                        assert!(!cause.contains("panic"), "{cause} for {shown}");
                        *failed.entry(error.failure.as_str()).or_insert(0) += 1;
                    }
                }
            }
        });
    assert!(
        good > 0 && failed.len() > 4,
        "{good} good answers, {failed:?}"
    );
    for never in ["timeout", "configuration"] {
        assert!(!failed.contains_key(never), "{failed:?}");
    }
}
