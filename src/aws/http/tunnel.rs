//! A tunnel through the proxy, by CONNECT. hyper-util's own does not say with which status a proxy
//! refuses it.

use std::io;

use aws_smithy_runtime_api::box_error::BoxError;
use http::{HeaderValue, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest head of a proxy's answer, in bytes.
const MAX_HEAD: usize = 8 * 1024;
const PORT: u16 = 443;

/// The proxy cannot be reached, or opens no tunnel.
#[derive(Debug, Error)]
pub(super) enum ProxyFailed {
    #[error("no connection to the proxy")]
    Unreached(#[source] BoxError),
    #[error("the connection to the proxy broke")]
    Broken(#[from] io::Error),
    #[error("it answers with status {0}")]
    Refused(StatusCode),
    #[error("what answers there is no HTTP proxy")]
    NoProxy,
}

/// Has the proxy at the other end of a connection open a tunnel.
pub(super) async fn open<C>(
    proxy: C,
    to: &Uri,
    login: Option<&HeaderValue>,
) -> Result<C, ProxyFailed>
where
    TokioIo<C>: AsyncRead + AsyncWrite + Unpin,
{
    let mut proxy = TokioIo::new(proxy);
    let host = to.host().unwrap_or_default();
    let port = to.port_u16().unwrap_or(PORT);
    let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
    if let Some(login) = login.and_then(|login| login.to_str().ok()) {
        request += &format!("Proxy-Authorization: {login}\r\n");
    }
    request += "\r\n";
    proxy.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > MAX_HEAD {
            return Err(ProxyFailed::NoProxy);
        }
        if proxy.read_buf(&mut head).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
    match status(&head) {
        Some(status) if status.is_success() => Ok(proxy.into_inner()),
        Some(status) => Err(ProxyFailed::Refused(status)),
        None => Err(ProxyFailed::NoProxy),
    }
}

fn status(head: &[u8]) -> Option<StatusCode> {
    let mut words = head
        .strip_prefix(b"HTTP/1.")?
        .split(u8::is_ascii_whitespace);
    StatusCode::from_bytes(words.nth(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::status;

    #[test]
    fn the_status_of_an_answer() {
        for (head, expected) in [
            ("HTTP/1.1 200 Connection established\r\n\r\n", Some(200)),
            ("HTTP/1.0 502\r\nVia: x\r\n\r\n", Some(502)),
            ("HTTP/1.1 2000 OK\r\n\r\n", None),
            ("SSH-2.0-x 200\r\n\r\n", None),
            ("\r\n\r\n", None),
        ] {
            let status = status(head.as_bytes()).map(|status| status.as_u16());
            assert_eq!(status, expected, "{head:?}");
        }
    }
}
