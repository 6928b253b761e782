//! Which endpoint URLs are allowed. Signed requests carry temporary credentials, so requests to
//! other machines go over TLS only.

use std::net::IpAddr;

use thiserror::Error;

/// Why a URL is refused as an endpoint.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum InvalidEndpoint {
    #[error("is not an endpoint, expected https://HOST or https://HOST:PORT")]
    NoEndpoint,
    #[error("holds a user name, expected https://HOST or https://HOST:PORT")]
    UserName,
    #[error("has a path, expected https://HOST or https://HOST:PORT")]
    Path,
    #[error(
        "is plain http to another machine, expected https: plain http is for loopback only, where a \
         container that shares this one's network is too (`--network container:NAME`, a pod)"
    )]
    PlainHttp,
}

pub(crate) fn check(url: &str) -> Result<(), InvalidEndpoint> {
    let uri: http::Uri = url.parse().map_err(|_| InvalidEndpoint::NoEndpoint)?;
    let authority = uri.authority().ok_or(InvalidEndpoint::NoEndpoint)?;
    if authority.as_str().contains('@') {
        return Err(InvalidEndpoint::UserName);
    }
    if uri.path().len() > 1 || uri.query().is_some() {
        return Err(InvalidEndpoint::Path);
    }
    match uri.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if is_loopback(authority.host()) => Ok(()),
        Some("http") => Err(InvalidEndpoint::PlainHttp),
        _ => Err(InvalidEndpoint::NoEndpoint),
    }
}

/// Whether a URL's host is this machine itself.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        for url in [
            "https://sync.example",
            "https://sync.example:8443/",
            "http://127.0.0.1:4566",
            "http://[::1]:1",
            "http://localhost",
        ] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
        for url in [
            "http://sync.example",
            "http://169.254.169.254",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "http://2130706433",
            "https://user:secret@sync.example",
            "https://sync.example/path",
            "https://sync.example?query",
            "ftp://sync.example",
            "sync.example:80",
            "/path",
            "",
        ] {
            assert!(check(url).is_err(), "{url}");
        }
    }
}
