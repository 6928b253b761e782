//! HTTP/1.1 or HTTP/2 on one connection, within the deadlines of [`crate::deadline`].

use std::error::Error;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::rt::Executor;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::deadline::{CloseReason, ConnectionState, RequestStart, run_with_deadline};
use crate::peer::Peer;
use crate::stream::{Hooked, Hooks, Protocol, Stream};
use crate::sync::lock;
use crate::unwind::catch;

/// Maximum bytes of a response that wait for the client, and of a request's head.
const BUFFER_BYTES: usize = 64 << 10;
/// Maximum bytes of a request's head in HTTP/2, once decompressed.
const HTTP2_HEAD_BYTES: u32 = 16 << 10;
/// Maximum requests in progress on one HTTP/2 connection. Prometheus has one.
const MAX_CONCURRENT_STREAMS: u32 = 16;

/// A service that reports its requests and responses to the connection's state.
struct Tracked<S> {
    service: S,
    peer: Peer,
    state: Arc<ConnectionState>,
}

impl<S, B> Service<Request<Incoming>> for Tracked<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Future: Send + 'static> + Send + 'static,
{
    type Response = Response<TrackedBody<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        let (start, state) = (self.state.on_request(), Arc::clone(&self.state));
        let response = self.service.call(request);
        Box::pin(async move {
            Ok(response
                .await?
                .map(|body| TrackedBody { body, start, state }))
        })
    }
}

/// Serves a connection until the client closes it, a deadline passes, it is evicted, or `stop` is
/// cancelled.
pub(crate) async fn serve<S, B>(
    stream: Box<dyn Stream>,
    protocol: Protocol,
    peer: Peer,
    service: S,
    state: Arc<ConnectionState>,
    stop: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Future: Send + 'static> + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>> + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
{
    let tracked = Tracked {
        service,
        peer,
        state: Arc::clone(&state),
    };
    let mut builder = auto::Builder::new(StreamTasks::default());
    builder.http1().max_buf_size(BUFFER_BYTES);
    builder
        .http2()
        .max_send_buf_size(BUFFER_BYTES)
        .max_header_list_size(HTTP2_HEAD_BYTES)
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS);
    let builder = match protocol {
        Protocol::Http1 => builder.http1_only(),
        Protocol::Http2 => builder.http2_only(),
    };
    let stream = Hooked::new(stream, TrackProgress(Arc::clone(&state)));
    let mut connection = pin!(
        builder
            .serve_connection(TokioIo::new(stream), tracked)
            .into_owned()
    );
    let mut ended = run_with_deadline(connection.as_mut(), Arc::clone(&state), stop).await;
    if let Err(CloseReason::Stopping) = ended {
        state.drain_started();
        // hyper would close a new connection at once, even when its request is on the way.
        let first = state.first_request.clone();
        ended = run_with_deadline(connection.as_mut(), Arc::clone(&state), first).await;
    }
    if let Err(CloseReason::Stopping) = ended {
        connection.as_mut().graceful_shutdown();
        let state = Arc::clone(&state);
        ended = run_with_deadline(connection.as_mut(), state, CancellationToken::new()).await;
    }
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            state.failed();
            debug!(%error, "connection failed");
        }
        Err(reason) => debug!(%reason, "connection aborted"),
    }
}

/// The tasks of a connection's HTTP/2 streams, which end with the connection.
#[derive(Clone, Default)]
struct StreamTasks(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for StreamTasks {
    fn execute(&self, stream: F) {
        let mut tasks = lock(&self.0);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(stream);
    }
}

/// Reports when a request begins to come and when a response has been sent. hyper flushes when it
/// has written all that it has.
struct TrackProgress(Arc<ConnectionState>);

impl<S> Hooks<S> for TrackProgress {
    fn on_read(&self) {
        self.0.on_read();
    }

    fn on_flush(&self) {
        self.0.on_flush();
    }
}

/// A response's body, which reports when it is complete.
struct TrackedBody<B> {
    body: B,
    start: RequestStart,
    state: Arc<ConnectionState>,
}

impl<B> Body for TrackedBody<B>
where
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    type Data = B::Data;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        // After an error no frame is asked for, so the body is not polled again.
        let polled = catch(|| Pin::new(&mut self.body).poll_frame(context))?;
        polled.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for TrackedBody<B> {
    fn drop(&mut self) {
        self.state.body_done(self.start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now;
    use bytes::Bytes;
    use http_body_util::Full;
    use hyper::service::service_fn;
    use std::convert::Infallible;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::Instant;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    const BODY: &[u8] = &[b'x'; 100_000];

    /// A client of a connection that responds to anything with `BODY`, through a pipe that holds
    /// ten bytes.
    fn client(tasks: &mut JoinSet<()>) -> DuplexStream {
        let (ours, theirs) = duplex(10);
        let state = Arc::new(ConnectionState::new());
        let answer =
            |_| async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(BODY)))) };
        tasks.spawn(async move {
            serve(
                Box::new(theirs),
                Protocol::Http1,
                Peer::LOCAL,
                service_fn(answer),
                state,
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

    fn seconds(start: Instant) -> u64 {
        now().saturating_duration_since(start).as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_scraper_that_comes_every_five_minutes_stays() {
        let (mut tasks, start) = (JoinSet::new(), now());
        let mut client = client(&mut tasks);
        for _ in 0..5 {
            ask(&mut client).await;
            tokio::time::sleep(Duration::from_secs(300)).await;
        }
        ask(&mut client).await;
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(
            seconds(start),
            1_500 + 330,
            "and is closed when it comes no more"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_drips_a_head_is_cut_off() {
        let (mut tasks, start) = (JoinSet::new(), now());
        let mut client = client(&mut tasks);
        tokio::time::sleep(Duration::from_secs(100)).await;
        let mut dripped = 0;
        while client.write_all(&REQUEST[dripped..=dripped]).await.is_ok() {
            dripped += 1;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert!((10..=11).contains(&dripped), "{dripped}");
        // The same holds for a second request.
        let mut again = super::tests::client(&mut tasks);
        ask(&mut again).await;
        let asked = seconds(start);
        again.write_all(b"GET").await.unwrap();
        assert_eq!(again.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(seconds(start), asked + 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_a_response_by_the_byte_is_cut_off() {
        let mut tasks = JoinSet::new();
        let mut client = client(&mut tasks);
        client.write_all(REQUEST).await.unwrap();
        let mut bytes_read = 0;
        while client.read_u8().await.is_ok() {
            bytes_read += 1;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert!((60..=80).contains(&bytes_read), "{bytes_read}");
        assert_eq!(
            tasks.join_next().await.map(|ended| ended.is_ok()),
            Some(true)
        );
    }
}
