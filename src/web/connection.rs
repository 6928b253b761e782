//! One connection: HTTP/1.1, and a deadline for whatever it is doing.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::clock::{Clock, Mono};

/// How much of a body waits for its client, in bytes, and how long a request's head may be.
const BUFFER: usize = 64 << 10;
/// What requests under way get when the process is to end; with the poller's stop it stays well below 5 s.
const DRAIN: Duration = Duration::from_secs(3);

/// How long a connection may be idle between requests. Prometheus keeps idle ones for five minutes (prometheus/common,
/// `IdleConnTimeout`); it, not we, should be the one to close them.
const IDLE: Duration = Duration::from_secs(330);
/// From a request's first byte to the end of its head.
const HEAD: Duration = Duration::from_secs(10);
/// From there until the client has the last byte of its answer. Prometheus gives a scrape 10 s unless told otherwise, and this is more
/// than one of a million identities takes.
const ANSWER: Duration = Duration::from_secs(60);

/// What a connection does, seen from its socket, its requests and its answers.
#[derive(Debug)]
pub(super) struct Watch {
    clock: Clock,
    stage: Mutex<(Stage, Mono)>,
    /// Somebody else needs its place.
    pub(super) evicted: CancellationToken,
}

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing: no byte of a request has come since the last answer.
    Idle,
    /// A request has begun to come.
    Head,
    /// It is being answered.
    Answer,
    /// The answer is made; the client may not have all of it.
    Made,
}

impl Watch {
    pub(super) fn new(clock: Clock) -> Self {
        let stage = Mutex::new((Stage::Idle, clock.now().mono));
        Self { clock, stage, evicted: CancellationToken::new() }
    }

    fn stage(&self) -> MutexGuard<'_, (Stage, Mono)> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes from one stage to another, unless it is in neither.
    fn goes(&self, from: &[Stage], to: Stage) {
        let mut stage = self.stage();
        if from.contains(&stage.0) {
            // An answer's deadline does not begin anew when it is made.
            let since = if to == Stage::Made { stage.1 } else { self.clock.now().mono };
            *stage = (to, since);
        }
    }

    /// Since when it does nothing, if so.
    pub(super) fn idle_since(&self) -> Option<Mono> {
        let (stage, since) = *self.stage();
        (stage == Stage::Idle).then_some(since)
    }

    /// What it must have ended, and when.
    fn deadline(&self) -> (Stage, Mono) {
        let (stage, since) = *self.stage();
        let longest = match stage {
            Stage::Idle => IDLE,
            Stage::Head => HEAD,
            Stage::Answer | Stage::Made => ANSWER,
        };
        (stage, since + longest)
    }
}

/// Serves a connection to its end, its deadline, its eviction, or `stop`.
pub(super) async fn serve<S, B>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    service: S,
    watch: Arc<Watch>,
    stop: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + Unpin + 'static,
{
    let seen = Arc::clone(&watch);
    let watched = service_fn(move |request| {
        seen.goes(&[Stage::Idle, Stage::Head], Stage::Answer);
        let (answer, watch) = (service.call(request), Arc::clone(&seen));
        async { Ok::<_, S::Error>(answer.await?.map(|body| Answer { body, watch })) }
    });
    let stream = Socket { stream, watch: Arc::clone(&watch) };
    let connection = http1::Builder::new().max_buf_size(BUFFER).serve_connection(TokioIo::new(stream), watched);
    let mut connection = pin!(connection);
    let mut stopping = pin!(stop.cancelled());
    let mut evicted = pin!(watch.evicted.cancelled());
    let mut until = watch.deadline().1;
    let mut deadline = pin!(watch.clock.sleep_until(until));
    let ended = poll_fn(|context| {
        if let Poll::Ready(ended) = connection.as_mut().poll(context) {
            return Poll::Ready(Ended::Itself(ended));
        }
        // Its stage changes only while it is polled, so this is the time to look.
        if watch.deadline().1 != until {
            until = watch.deadline().1;
            deadline.set(watch.clock.sleep_until(until));
        }
        if deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ended::Late(watch.deadline().0));
        }
        if evicted.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ended::Evicted);
        }
        stopping.as_mut().poll(context).map(|()| Ended::Stopping)
    })
    .await;
    match ended {
        Ended::Itself(Ok(())) => {}
        Ended::Itself(Err(error)) => debug!(%error, "a connection broke"),
        Ended::Late(stage) => debug!(?stage, "a connection was cut off, it took too long"),
        Ended::Evicted => debug!("an idle connection was closed, because there were too many"),
        Ended::Stopping => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(DRAIN, connection).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => debug!(%error, "a connection broke"),
                Err(_) => debug!("a connection was cut off, its request was not done in time"),
            }
        }
    }
}

enum Ended {
    Itself(hyper::Result<()>),
    Late(Stage),
    Evicted,
    Stopping,
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
            self.watch.goes(&[Stage::Idle], Stage::Head);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
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
        self.watch.goes(&[Stage::Made], Stage::Idle);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// An answer's body, which tells when it is made.
struct Answer<B> {
    body: B,
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
        self.watch.goes(&[Stage::Answer], Stage::Made);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http_body_util::Full;
    use std::convert::Infallible;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::task::JoinSet;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    const BODY: &[u8] = &[b'x'; 100_000];

    /// A client of a connection that answers anything with `BODY`, through a pipe that holds ten bytes.
    fn client(tasks: &mut JoinSet<()>, clock: &Clock) -> DuplexStream {
        let (ours, theirs) = duplex(10);
        let watch = Arc::new(Watch::new(clock.clone()));
        let answer = |_| async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(BODY)))) };
        tasks.spawn(async move { serve(theirs, service_fn(answer), watch, CancellationToken::new()).await });
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
        assert_eq!(seconds(&clock), 1_500 + 330, "and is closed when it comes no more");
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
        assert_eq!(tasks.join_next().await.map(|ended| ended.is_ok()), Some(true));
    }
}
