//! The TLS handshake, if the web configuration asks for TLS.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::server::Acceptor;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::deadline::{CloseReason, ConnectionState, run_with_deadline};
use crate::stream::{Protocol, Stream};
use crate::web_config::WebConfigWatcher;

/// The response of Go's net/http.
const HTTP_ON_TLS_PORT: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
/// The fatal alert `protocol_version`, in a record that all versions of TLS can read.
const ALERT_PROTOCOL_VERSION: &[u8] = &[21, 3, 1, 0, 2, 2, 70];
/// Buffer for encrypted bytes; larger reads bypass it.
const BUFFER_BYTES: usize = 1 << 10;
/// How long, and for how many bytes, to read from a client that was rejected. If the socket were
/// closed with unread bytes, the client would not receive the alert.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 64 << 10;

/// A stream that HTTP can begin on.
pub(crate) type Handshaken = (Box<dyn Stream>, Protocol);

/// Does the TLS handshake if the web configuration asks for TLS. `None` means that the connection
/// is over.
pub(crate) async fn negotiate(
    stream: Box<dyn Stream>,
    config: Arc<WebConfigWatcher>,
    state: &Arc<ConnectionState>,
    stop: CancellationToken,
) -> Option<Handshaken> {
    if config.current().await.tls.is_none() {
        return Some((stream, Protocol::Http1));
    }
    state.handshake_started();
    let mut handshake = pin!(accept_tls(stream, config));
    let mut ended = run_with_deadline(handshake.as_mut(), Arc::clone(state), stop).await;
    if let Err(CloseReason::Stopping) = ended {
        state.drain_started();
        ended = run_with_deadline(handshake, Arc::clone(state), CancellationToken::new()).await;
    }
    match ended {
        Ok(handshaken) => {
            let protocol = handshaken.as_ref().map(|(_, protocol)| *protocol);
            state.handshake_done(protocol == Some(Protocol::Http2));
            handshaken
        }
        Err(reason) => {
            debug!(%reason, "TLS handshake aborted");
            None
        }
    }
}

/// Uses the certificate and the rules that are in force when the ClientHello arrives. `None` means
/// that the client was rejected and has been sent an alert.
async fn accept_tls(stream: Box<dyn Stream>, config: Arc<WebConfigWatcher>) -> Option<Handshaken> {
    let mut stream = BufReader::with_capacity(BUFFER_BYTES, stream);
    if let Some((reason, response)) = stream.fill_buf().await.ok().and_then(reject_early) {
        debug!(reason, "TLS handshake failed");
        // The client may have gone already.
        let _ = stream.write_all(response).await;
        linger(stream).await;
        return None;
    }
    let mut hello = LazyConfigAcceptor::new(Acceptor::default(), stream);
    let started = match (&mut hello).await {
        Ok(started) => started,
        Err(error) => {
            debug!(%error, "TLS handshake failed");
            linger(hello.take_io()?).await;
            return None;
        }
    };
    let tls = Arc::clone(config.current().await.tls.as_ref()?);
    match started.into_stream(tls).into_fallible().await {
        Ok(stream) => {
            let protocol = match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => Protocol::Http2,
                _ => Protocol::Http1,
            };
            Some((Box::new(stream), protocol))
        }
        Err((error, stream)) => {
            debug!(%error, "TLS handshake failed");
            linger(stream).await;
            None
        }
    }
}

/// The reason and the response to first bytes that cannot succeed, where rustls would send nothing
/// or another alert than Go.
fn reject_early(bytes: &[u8]) -> Option<(&'static str, &'static [u8])> {
    match bytes {
        // The first byte of a TLS record is not a letter.
        [b'A'..=b'Z', ..] => Some(("plain HTTP", HTTP_ON_TLS_PORT)),
        // A handshake record with a ClientHello. TLS 1.2 and 1.3 have version 3.3 in it, earlier
        // ones less.
        [22, _, _, _, _, 1, _, _, _, major, minor, ..] if (*major, *minor) < (3, 3) => {
            Some(("older than TLS 1.2", ALERT_PROTOCOL_VERSION))
        }
        _ => None,
    }
}

async fn linger(mut stream: impl Stream) {
    let drained = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(LINGER_BYTES), &mut tokio::io::sink()).await
    };
    // The connection is over in any case.
    let _ = tokio::time::timeout(LINGER, drained).await;
}
