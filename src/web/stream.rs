//! Bodies that are written while the client reads them, and other long work, in slices.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use thiserror::Error;
use tokio_util::sync::PollSemaphore;
use warp::reply::Response;

use super::places::Place;
use super::response::text;
use super::state::AppState;

/// How long work may take before other tasks have their turn.
const MAX_SLICE: Duration = Duration::from_millis(1);
/// The seconds after which a request that was turned away is worth another attempt.
const BUSY_RETRY_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// The response to a client that finds no place.
pub(super) fn busy(state: &AppState, reason: &'static str) -> Response {
    state.telemetry.rejected_as_busy();
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, reason);
    response
        .headers_mut()
        .insert(RETRY_AFTER, BUSY_RETRY_SECONDS);
    response
}

/// Takes short steps until one has a result.
pub(super) async fn in_slices<T>(state: &AppState, mut step: impl FnMut() -> Option<T>) -> T {
    loop {
        let turn = state.long_work.acquire().await;
        let began = state.clock.now().mono;
        while state.clock.now().mono.since(began) < MAX_SLICE {
            if let Some(result) = step() {
                return result;
            }
        }
        drop(turn);
        tokio::task::yield_now().await;
    }
}

/// The number of bytes in these blocks.
pub(super) async fn length(state: &AppState, mut blocks: impl Iterator<Item = Vec<u8>>) -> u64 {
    let mut length = 0;
    in_slices(state, || {
        let Some(block) = blocks.next() else {
            return Some(length);
        };
        length += block.len() as u64;
        None
    })
    .await
}

/// Blocks, each written when the connection has capacity for it. An empty one gives other tasks
/// their turn.
pub(super) struct Body<T> {
    state: Arc<AppState>,
    turns: PollSemaphore,
    place: Arc<Place<T>>,
    /// Time spent on writing.
    took: Duration,
    /// Time spent on writing since other tasks had their turn.
    slice: Duration,
    /// Receives `took` when all is written.
    written: fn(&AppState, Duration),
}

impl<T> Body<T> {
    /// What the place holds. `took` was spent on it already.
    pub(super) fn new(
        state: &Arc<AppState>,
        place: Arc<Place<T>>,
        took: Duration,
        written: fn(&AppState, Duration),
    ) -> Self {
        Self {
            turns: PollSemaphore::new(Arc::clone(&state.long_work)),
            state: Arc::clone(state),
            place,
            took,
            slice: Duration::ZERO,
            written,
        }
    }
}

/// The body has lost its place.
#[derive(Debug, Error)]
#[error("another request has taken the place of this one, whose client did not read")]
pub(super) struct LostPlace;

impl<T: Iterator<Item = Vec<u8>>> Stream for Body<T> {
    type Item = Result<Bytes, LostPlace>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.slice >= MAX_SLICE {
            self.slice = Duration::ZERO;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.place.client_waits();
        let _turn = ready!(self.turns.poll_acquire(context));
        let began = self.state.clock.now().mono;
        let Some(block) = self.place.with(began, Iterator::next) else {
            self.state.telemetry.rejected_as_busy();
            return Poll::Ready(Some(Err(LostPlace)));
        };
        let took = self.state.clock.now().mono.since(began);
        self.took += took;
        self.slice += took;
        match block {
            Some(block) if block.is_empty() => {
                self.place.client_waits();
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Some(block) => Poll::Ready(Some(Ok(block.into()))),
            None => {
                (self.written)(&self.state, self.took);
                Poll::Ready(None)
            }
        }
    }
}
