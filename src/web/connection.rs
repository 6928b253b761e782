//! One connection: HTTP/1.1 or HTTP/2, and a deadline for whatever it is doing. Whether it is
//! encrypted is `handshake`'s business.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::rt::Executor;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use thiserror::Error as ThisError;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::handshake::Stream;
use super::login::Peer;
use super::watch::{Asked, Stage, Watch};

/// How much of a body waits for its client, in bytes, and how long a request's head may be.
const BUFFER: usize = 64 << 10;
/// The same for a head of HTTP/2, where names and values are unpacked.
const HEADERS: u32 = 16 << 10;
/// Requests that a client may have under way in one connection of HTTP/2; Prometheus has one.
const STREAMS: u32 = 16;

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/1.1 or 1.0.
    Http1,
    /// HTTP/2, which only TLS can agree on.
    Http2,
}

/// Why work on a connection ended before it was done.
#[derive(Debug, ThisError)]
pub(super) enum Cut {
    /// What it was at took too long.
    #[error("too long at {0:?}")]
    Late(Stage),
    /// Somebody else needed its place.
    #[error("idle, and its place was needed")]
    Evicted,
    /// The process is to end, and there is little time left for the rest.
    #[error("the process is to end")]
    Stopping,
}

/// Does some work for a connection, to its end, its deadline or its eviction, or until `stop` is
/// told.
#[allow(
    clippy::manual_async_fn,
    reason = "the compiler does not see that an async fn's future can be sent"
)]
pub(super) fn guard<'w, F: Future<Output: Send> + Send>(
    mut work: Pin<&'w mut F>,
    watch: Arc<Watch>,
    stop: CancellationToken,
) -> impl Future<Output = Result<F::Output, Cut>> + Send + 'w {
    async move {
        let mut stopping = pin!(stop.cancelled());
        let mut evicted = pin!(watch.evicted.cancelled());
        let mut until = watch.deadline().1;
        let mut deadline = pin!(watch.clock.sleep_until(until));
        poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Ok(done));
            }
            // What it is at changes only while it is polled, so this is the time to look.
            let (stage, at) = watch.deadline();
            if at != until {
                until = at;
                deadline.set(watch.clock.sleep_until(until));
            }
            if deadline.as_mut().poll(context).is_ready() {
                watch.late(stage);
                return Poll::Ready(Err(Cut::Late(stage)));
            }
            if evicted.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(Cut::Evicted));
            }
            stopping.as_mut().poll(context).map(|()| Err(Cut::Stopping))
        })
        .await
    }
}

/// A service whose requests and answers are watched.
struct Watched<S> {
    service: S,
    peer: Peer,
    watch: Arc<Watch>,
}

impl<S, B> Service<Request<Incoming>> for Watched<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Future: Send + 'static> + Send + 'static,
{
    type Response = Response<Answer<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        let (asked, watch) = (self.watch.asked(), Arc::clone(&self.watch));
        let answer = self.service.call(request);
        Box::pin(async move { Ok(answer.await?.map(|body| Answer { body, asked, watch })) })
    }
}

/// Serves a connection to its end, its deadline, its eviction, or `stop`.
pub(super) async fn serve<S, B>(
    stream: Box<dyn Stream>,
    protocol: Protocol,
    peer: Peer,
    service: S,
    watch: Arc<Watch>,
    stop: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Future: Send + 'static> + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>> + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
{
    let watched = Watched {
        service,
        peer,
        watch: Arc::clone(&watch),
    };
    let tasks = Tasks::default();
    let mut builder = auto::Builder::new(tasks);
    builder.http1().max_buf_size(BUFFER);
    builder
        .http2()
        .max_send_buf_size(BUFFER)
        .max_header_list_size(HEADERS)
        .max_concurrent_streams(STREAMS);
    let builder = match protocol {
        Protocol::Http1 => builder.http1_only(),
        Protocol::Http2 => builder.http2_only(),
    };
    let stream = Socket {
        stream,
        watch: Arc::clone(&watch),
    };
    let mut connection = pin!(
        builder
            .serve_connection(TokioIo::new(stream), watched)
            .into_owned()
    );
    let mut ended = guard(connection.as_mut(), Arc::clone(&watch), stop).await;
    if let Err(Cut::Stopping) = ended {
        watch.stopping();
        // hyper would close on a client that has just connected and is about to ask.
        ended = guard(connection.as_mut(), Arc::clone(&watch), watch.first.clone()).await;
    }
    if let Err(Cut::Stopping) = ended {
        connection.as_mut().graceful_shutdown();
        ended = guard(connection, watch, CancellationToken::new()).await;
    }
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "a connection broke"),
        Err(why) => debug!(%why, "a connection was cut off"),
    }
}

/// The tasks of a connection's streams, which end with it.
#[derive(Clone, Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, stream: F) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(stream);
    }
}

/// A socket that tells when a request begins to come, and when an answer has gone.
struct Socket<S> {
    stream: S,
    watch: Arc<Watch>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.watch.heard();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
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

    /// hyper flushes when it has written all it has.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.watch.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// An answer's body, which tells when it is made.
struct Answer<B> {
    body: B,
    asked: Asked,
    watch: Arc<Watch>,
}

impl<B: Body + Unpin> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Answer<B> {
    fn drop(&mut self) {
        self.watch.made(self.asked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, Mono};
    use bytes::Bytes;
    use http_body_util::Full;
    use hyper::service::service_fn;
    use std::convert::Infallible;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    const BODY: &[u8] = &[b'x'; 100_000];

    /// A client of a connection that answers anything with `BODY`, through a pipe that holds ten
    /// bytes.
    fn client(tasks: &mut JoinSet<()>, clock: &Clock) -> DuplexStream {
        let (ours, theirs) = duplex(10);
        let watch = Arc::new(Watch::new(clock.clone()));
        let peer = Peer::new(None);
        let answer =
            |_| async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(BODY)))) };
        tasks.spawn(async move {
            serve(
                Box::new(theirs),
                Protocol::Http1,
                peer,
                service_fn(answer),
                watch,
                CancellationToken::new(),
            )
            .await;
        });
        ours
    }

    async fn ask(client: &mut DuplexStream) {
        client.write_all(REQUEST).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(client.read_u8().await.unwrap());
        }
        let mut body = vec![0; BODY.len()];
        client.read_exact(&mut body).await.unwrap();
    }

    fn seconds(clock: &Clock) -> u64 {
        clock.now().mono.since(Mono::START).as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_scraper_that_comes_every_five_minutes_stays() {
        let (mut tasks, clock) = (JoinSet::new(), Clock::anchored(0.0));
        let mut client = client(&mut tasks, &clock);
        for _ in 0..5 {
            ask(&mut client).await;
            tokio::time::sleep(Duration::from_secs(300)).await;
        }
        ask(&mut client).await;
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(
            seconds(&clock),
            1_500 + 330,
            "and is closed when it comes no more"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_drips_a_head_is_cut_off() {
        let (mut tasks, clock) = (JoinSet::new(), Clock::anchored(0.0));
        let mut client = client(&mut tasks, &clock);
        tokio::time::sleep(Duration::from_secs(100)).await;
        let mut dripped = 0;
        while client.write_all(&REQUEST[dripped..=dripped]).await.is_ok() {
            dripped += 1;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert!((10..=11).contains(&dripped), "{dripped}");
        // Not within a request only: a second one is no better.
        let mut again = super::tests::client(&mut tasks, &clock);
        ask(&mut again).await;
        let asked = seconds(&clock);
        again.write_all(b"GET").await.unwrap();
        assert_eq!(again.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(seconds(&clock), asked + 10);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_drinks_an_answer_by_the_byte_is_cut_off() {
        let (mut tasks, clock) = (JoinSet::new(), Clock::anchored(0.0));
        let mut client = client(&mut tasks, &clock);
        client.write_all(REQUEST).await.unwrap();
        let mut drunk = 0;
        while client.read_u8().await.is_ok() {
            drunk += 1;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert!((60..=80).contains(&drunk), "{drunk}");
        assert_eq!(
            tasks.join_next().await.map(|ended| ended.is_ok()),
            Some(true)
        );
    }
}
