//! What comes before HTTP: TLS, if the web configuration says so.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::server::Acceptor;
use tracing::debug;

use super::connection::Protocol;
use super::web_config::Kept;

/// As Go's net/http answers it.
const NOT_TLS: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
/// The alert `protocol_version`, fatal, in a record that any version reads.
const PROTOCOL_VERSION: &[u8] = &[21, 3, 1, 0, 2, 2, 70];
/// Of encrypted bytes that have come; larger reads do not pass it.
const BUFFER: usize = 1 << 10;
/// How long, and for how many bytes, a client that was refused may still talk. Closing on what it
/// says would take the alert from it.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 64 << 10;

/// Bytes in both directions, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection that HTTP can begin on.
pub(super) type Greeted = (Box<dyn Stream>, Protocol);

/// Shakes hands with the certificate and the rules that hold when the client says hello. `None` is
/// a refusal, told already.
pub(super) async fn tls(stream: Box<dyn Stream>, config: Arc<Kept>) -> Option<Greeted> {
    let mut stream = BufReader::with_capacity(BUFFER, stream);
    let turned_away = stream.fill_buf().await.ok().and_then(turned_away);
    if let Some((why, answer)) = turned_away {
        debug!(why, "a TLS handshake failed");
        // It may have gone already.
        let _ = stream.write_all(answer).await;
        linger(stream).await;
        return None;
    }
    let mut hello = LazyConfigAcceptor::new(Acceptor::default(), stream);
    let started = match (&mut hello).await {
        Ok(started) => started,
        Err(error) => {
            debug!(%error, "a TLS handshake failed");
            linger(hello.take_io()?).await;
            return None;
        }
    };
    let rules = Arc::clone(config.current().await.tls.as_ref()?);
    match started.into_stream(rules).into_fallible().await {
        Ok(stream) => {
            let protocol = match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => Protocol::Http2,
                _ => Protocol::Http1,
            };
            Some((Box::new(stream), protocol))
        }
        Err((error, stream)) => {
            debug!(%error, "a TLS handshake failed");
            linger(stream).await;
            None
        }
    }
}

/// Why the first bytes of a client are no use, and what to say: what rustls would not say, or would
/// say in other words.
fn turned_away(bytes: &[u8]) -> Option<(&'static str, &'static [u8])> {
    match bytes {
        // A record begins with a byte that is no letter.
        [b'A'..=b'Z', ..] => Some(("it is HTTP in clear", NOT_TLS)),
        // A record of a handshake, with a ClientHello in it, whose version is what TLS 1.2 and 1.3
        // have there, or less.
        [22, _, _, _, _, 1, _, _, _, major, minor, ..] if (*major, *minor) < (3, 3) => {
            Some(("it is older than TLS 1.2", PROTOCOL_VERSION))
        }
        _ => None,
    }
}

async fn linger(mut stream: impl Stream) {
    let end = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(LINGER_BYTES), &mut tokio::io::sink()).await
    };
    // Whatever comes of it, the connection is over.
    let _ = tokio::time::timeout(LINGER, end).await;
}
