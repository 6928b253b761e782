//! Requests that no service is asked to answer.

use http::header::{HOST, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request, StatusCode, Version};

/// Why a request is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) status: StatusCode,
    pub(crate) reason: &'static str,
}

/// Checks what hyper leaves to its user: the form of the target (RFC 9112, 3.2), the host and the
/// transfer coding. A service may take a path for granted; warp panics without one.
pub(crate) fn check<B>(request: &Request<B>) -> Result<(), Malformed> {
    if request.method() == Method::CONNECT || request.uri().path_and_query().is_none() {
        return Err(bad("the target is not a path"));
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() == Version::HTTP_11 => {
            return Err(bad("missing required Host header"));
        }
        (Some(_), Some(_)) => return Err(bad("too many Host headers")),
        (Some(host), None) if !host.as_bytes().iter().all(is_of_host) => {
            return Err(bad("malformed Host header"));
        }
        _ => {}
    }
    if has_unknown_transfer_coding(request.headers()) {
        return Err(Malformed {
            status: StatusCode::NOT_IMPLEMENTED,
            reason: "unsupported transfer encoding",
        });
    }
    Ok(())
}

fn bad(reason: &'static str) -> Malformed {
    let status = StatusCode::BAD_REQUEST;
    Malformed { status, reason }
}

/// The bytes that Go's net/http accepts in a host.
fn is_of_host(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!$%&'()*+,-.:;=[]_~".contains(byte)
}

/// Anything but `chunked`, once. Proxies disagree on what the rest means.
fn has_unknown_transfer_coding(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked = |coding: &http::HeaderValue| {
        let coding = coding.as_bytes().trim_ascii();
        coding.eq_ignore_ascii_case(b"chunked")
    };
    codings.next().is_some_and(|coding| !is_chunked(coding)) || codings.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_service_sees() {
        let check = |method: &str, target: &str, version, headers: &[(&str, &str)]| {
            let mut request = Request::builder().method(method).uri(target);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            check(&request.version(version).body(()).unwrap())
                .map_err(|malformed| malformed.status.as_u16())
        };
        let (old, one, two) = (Version::HTTP_10, Version::HTTP_11, Version::HTTP_2);
        let host = ("host", "x");
        let chunked = ("transfer-encoding", "Chunked");
        for (method, target, version, headers, expected) in [
            ("GET", "/", one, &[host][..], Ok(())),
            ("GET", "/?a", old, &[], Ok(())),
            ("GET", "http://a/metrics", one, &[host], Ok(())),
            ("GET", "http://a", one, &[host], Ok(())),
            ("OPTIONS", "*", one, &[host], Ok(())),
            ("GET", "https://a/metrics", two, &[], Ok(())),
            ("CONNECT", "a:80", one, &[host], Err(400)),
            ("CONNECT", "a:80", two, &[], Err(400)),
            ("CONNECT", "/", one, &[host], Err(400)),
            ("GET", "a:80", one, &[host], Err(400)),
            ("GET", "a", old, &[], Err(400)),
            ("GET", "/", one, &[], Err(400)),
            ("GET", "http://a/", one, &[], Err(400)),
            ("GET", "/", one, &[host, host], Err(400)),
            ("GET", "/", old, &[host, host], Err(400)),
            ("GET", "/", two, &[host, host], Err(400)),
            ("GET", "/", one, &[("host", "")], Ok(())),
            ("GET", "/", one, &[("host", "[::1]:80")], Ok(())),
            ("GET", "/", one, &[("host", "a b")], Err(400)),
            ("GET", "/", one, &[("host", "a/b")], Err(400)),
            ("GET", "/", one, &[("host", "a@b")], Err(400)),
            ("POST", "/", one, &[host, chunked], Ok(())),
            ("POST", "/", one, &[host, chunked, chunked], Err(501)),
            (
                "POST",
                "/",
                one,
                &[host, ("transfer-encoding", "chunked, chunked")],
                Err(501),
            ),
            (
                "POST",
                "/",
                one,
                &[host, ("transfer-encoding", "gzip"), chunked],
                Err(501),
            ),
        ] {
            let found = check(method, target, version, headers);
            assert_eq!(found, expected, "{method} {target} {headers:?}");
        }
    }
}
