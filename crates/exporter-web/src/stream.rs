//! The byte streams that connections are made of.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::deadline::ConnectionState;

/// Bytes in both directions, encrypted or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// The version of HTTP on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1 or 1.0.
    Http1,
    /// HTTP/2, which is negotiated by TLS only.
    Http2,
}

/// What to do at certain moments of a stream's life.
pub(crate) trait Hooks<S> {
    /// Bytes were read.
    fn on_read(&self) {}
    /// All bytes written so far were handed to the stream below.
    fn on_flush(&self) {}
    /// The stream is about to be closed.
    fn on_drop(&self, _stream: &S) {}
}

/// A stream with [`Hooks`].
pub(crate) struct Hooked<S, H: Hooks<S>> {
    stream: S,
    hooks: H,
}

impl<S, H: Hooks<S>> Hooked<S, H> {
    pub(crate) fn new(stream: S, hooks: H) -> Self {
        Self { stream, hooks }
    }
}

impl<S, H: Hooks<S>> Drop for Hooked<S, H> {
    fn drop(&mut self) {
        self.hooks.on_drop(&self.stream);
    }
}

impl<S: AsyncRead + Unpin, H: Hooks<S> + Unpin> AsyncRead for Hooked<S, H> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.hooks.on_read();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin, H: Hooks<S> + Unpin> AsyncWrite for Hooked<S, H> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.hooks.on_flush();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Resets a TCP connection that missed a deadline, or whose response failed, instead of closing it:
/// the system would go on sending what it still holds to a client that hardly reads.
pub(crate) struct ResetIfCutOff(pub(crate) Arc<ConnectionState>);

impl Hooks<TcpStream> for ResetIfCutOff {
    fn on_drop(&self, stream: &TcpStream) {
        if self.0.must_reset() {
            // On failure it is closed like any other.
            let _ = stream.set_zero_linger();
        }
    }
}
