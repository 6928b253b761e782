//! Tracks a connection's phase (idle, reading a head, responding, draining) and that phase's
//! deadline.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use thiserror::Error;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::clock::now;
use crate::sync::lock;

/// Maximum time between two requests. Prometheus closes its own idle connections after five minutes
/// (prometheus/common, `IdleConnTimeout`), and the client should be the one to close.
const IDLE_TIMEOUT: Duration = Duration::from_secs(330);
/// Maximum time from a request's first byte to the end of its head, and for a TLS handshake from
/// the connection on.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum time from the end of a request's head until the client has the last byte of the
/// response. Prometheus limits a scrape to 10 s by default.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum time for requests in progress once the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);
/// Maximum time for a connection without a request once the server stops. A connection that was
/// just accepted is still answered when its request comes at once.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No byte of a request has come since the last response.
    Idle,
    /// A request's head, or a TLS handshake, has begun to come.
    ReadingHead,
    /// A request is being answered, or the client has not received all of the response.
    Responding,
    /// The server stops.
    Draining,
}

/// When a request came; identifies it on its connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RequestStart(Instant);

/// One connection's phase, reported by its socket, its requests and its response bodies.
#[derive(Debug)]
pub(crate) struct ConnectionState {
    progress: Mutex<Progress>,
    /// Cancelled when another connection needs the slot.
    pub(crate) evicted: CancellationToken,
    /// Cancelled when the first request has come.
    pub(crate) first_request: CancellationToken,
    must_reset: AtomicBool,
}

#[derive(Debug)]
struct Progress {
    /// When the first byte of an incomplete request came.
    head_started: Option<Instant>,
    /// Requests whose response is not yet sent, oldest first, and whether its body is complete.
    requests: Vec<(RequestStart, bool)>,
    /// When the last response was sent.
    idle_since: Instant,
    /// Responses that the client has received.
    responses: u64,
    /// Whether bytes may come that belong to no request, as in HTTP/2.
    is_http2: bool,
    drain_started: Option<Instant>,
}

impl ConnectionState {
    pub(crate) fn new() -> Self {
        Self {
            progress: Mutex::new(Progress {
                head_started: None,
                requests: Vec::new(),
                idle_since: now(),
                responses: 0,
                is_http2: false,
                drain_started: None,
            }),
            evicted: CancellationToken::new(),
            first_request: CancellationToken::new(),
            must_reset: AtomicBool::new(false),
        }
    }

    pub(crate) fn handshake_started(&self) {
        lock(&self.progress).head_started = Some(now());
    }

    pub(crate) fn handshake_done(&self, is_http2: bool) {
        let mut progress = lock(&self.progress);
        progress.head_started = None;
        progress.is_http2 = is_http2;
        progress.idle_since = now();
    }

    /// Bytes have come.
    pub(crate) fn on_read(&self) {
        let mut progress = lock(&self.progress);
        // In HTTP/2 pings and other frames look like later requests, but not like the first one.
        if progress.requests.is_empty()
            && progress.head_started.is_none()
            && !(progress.is_http2 && progress.responses > 0)
        {
            progress.head_started = Some(now());
        }
    }

    /// The head of a request is complete.
    pub(crate) fn on_request(&self) -> RequestStart {
        self.first_request.cancel();
        let request = RequestStart(now());
        let mut progress = lock(&self.progress);
        progress.head_started = None;
        progress.requests.push((request, false));
        request
    }

    /// The response's body is complete; the client may not have received all of it.
    pub(crate) fn body_done(&self, request: RequestStart) {
        let mut progress = lock(&self.progress);
        let found = progress
            .requests
            .iter_mut()
            .find(|known| **known == (request, false));
        if let Some((_, body_done)) = found {
            *body_done = true;
        }
    }

    /// All bytes written so far were handed to the system.
    pub(crate) fn on_flush(&self) {
        let mut progress = lock(&self.progress);
        let before = progress.requests.len();
        progress.requests.retain(|(_, body_done)| !body_done);
        let sent = before - progress.requests.len();
        if sent > 0 {
            progress.responses += sent as u64;
            if progress.requests.is_empty() {
                progress.idle_since = now();
            }
        }
    }

    /// The server stops.
    pub(crate) fn drain_started(&self) {
        lock(&self.progress).drain_started.get_or_insert(now());
    }

    /// The order in which idle connections are evicted, lowest first: by responses, then the
    /// longest idle. `None` while a request is in progress.
    pub(crate) fn eviction_order(&self) -> Option<(u64, Instant)> {
        let progress = lock(&self.progress);
        let is_idle = progress.requests.is_empty();
        is_idle.then_some((progress.responses, progress.idle_since))
    }

    /// The deadline of a phase has passed.
    fn timed_out(&self, phase: Phase) {
        let must_reset = matches!(phase, Phase::ReadingHead | Phase::Responding);
        self.must_reset.store(must_reset, Ordering::Relaxed);
    }

    /// The connection failed. One that fails in a response is of use to nobody.
    pub(crate) fn failed(&self) {
        let in_response = !lock(&self.progress).requests.is_empty();
        self.must_reset.store(in_response, Ordering::Relaxed);
    }

    /// Whether the connection is to be reset rather than closed.
    pub(crate) fn must_reset(&self) -> bool {
        self.must_reset.load(Ordering::Relaxed)
    }

    /// The present phase and its deadline.
    fn deadline(&self) -> (Phase, Instant) {
        let progress = lock(&self.progress);
        let (phase, deadline) = match (progress.requests.first(), progress.head_started) {
            (Some((RequestStart(since), _)), _) => (Phase::Responding, *since + RESPONSE_TIMEOUT),
            (None, Some(since)) => (Phase::ReadingHead, since + HEAD_TIMEOUT),
            (None, None) => (Phase::Idle, progress.idle_since + IDLE_TIMEOUT),
        };
        let timeout = if phase == Phase::Idle {
            FIRST_REQUEST_TIMEOUT
        } else {
            DRAIN_TIMEOUT
        };
        match progress.drain_started.map(|since| since + timeout) {
            Some(end) if end < deadline => (Phase::Draining, end),
            _ => (phase, deadline),
        }
    }
}

/// Why work on a connection ended before it was complete.
#[derive(Debug, Error)]
pub(crate) enum CloseReason {
    /// A phase exceeded its deadline.
    #[error("deadline exceeded in phase {0:?}")]
    DeadlineExceeded(Phase),
    /// Another connection needed the slot.
    #[error("evicted while idle")]
    Evicted,
    /// The server stops.
    #[error("the server stops")]
    Stopping,
}

/// Does some work of a connection until it is complete, its deadline passes, the connection is
/// evicted, or `stop` is cancelled.
#[allow(
    clippy::manual_async_fn,
    reason = "the compiler does not see that an async fn's future is Send"
)]
pub(crate) fn run_with_deadline<'w, F: Future<Output: Send> + Send>(
    mut work: Pin<&'w mut F>,
    state: Arc<ConnectionState>,
    stop: CancellationToken,
) -> impl Future<Output = Result<F::Output, CloseReason>> + Send + 'w {
    async move {
        let mut stopping = pin!(stop.cancelled());
        let mut evicted = pin!(state.evicted.cancelled());
        let mut armed_for = state.deadline().1;
        let mut timer = pin!(sleep_until(armed_for));
        poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Ok(done));
            }
            // The phase changes only while the work is polled, so the timer is re-armed here.
            let (phase, deadline) = state.deadline();
            if deadline != armed_for {
                armed_for = deadline;
                timer.set(sleep_until(armed_for));
            }
            if timer.as_mut().poll(context).is_ready() {
                state.timed_out(phase);
                return Poll::Ready(Err(CloseReason::DeadlineExceeded(phase)));
            }
            if evicted.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(CloseReason::Evicted));
            }
            stopping
                .as_mut()
                .poll(context)
                .map(|()| Err(CloseReason::Stopping))
        })
        .await
    }
}
