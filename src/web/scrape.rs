//! `/metrics`: a scrape whose body is written while the client reads it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName,
    RETRY_AFTER, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode, Version};
use thiserror::Error;
use tokio_util::sync::PollSemaphore;
use warp::Reply;
use warp::reply::Response;

use super::negotiation;
use super::places::Place;
use super::response::text;
use super::state::{AppState, RequestHead};
use crate::exposition::{Blocks, Coding, Scrape};

/// How long a scrape may be written before other tasks have their turn.
const MAX_SLICE: Duration = Duration::from_millis(1);
/// The seconds after which a scrape that was turned away is worth another attempt.
const BUSY_RETRY_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// The response to a scrape.
pub(super) async fn metrics(state: &Arc<AppState>, head: &RequestHead) -> Response {
    let RequestHead {
        headers,
        version,
        peer,
        ..
    } = head;
    let has_chunks = *version >= Version::HTTP_11;
    let (format, content_type) = negotiation::format(&joined(headers, &ACCEPT));
    let coding = if has_chunks {
        negotiation::coding(&joined(headers, &ACCEPT_ENCODING))
    } else {
        // The length has to be known, so the body is written twice.
        Coding::Identity
    };
    let Some(place) = state.places.take(*peer, state.clock.now().mono) else {
        return busy(state);
    };
    let turn = state.long_work.acquire().await;
    if place.is_lost() {
        return busy(state);
    }
    let began = state.clock.now();
    let scrape = state.exposition.scrape(began, format, &*state.telemetry);
    let now = state.clock.now().mono;
    let took = now.since(began.mono);
    place.fill(now, Blocks::new(scrape.clone(), coding));
    drop(turn);
    if !has_chunks {
        place.client_waits();
    }
    // Without chunks and without a length, a client could not tell that a body is cut.
    let length = if has_chunks || head.is_head() {
        None
    } else {
        Some(length(state, scrape).await)
    };
    // The body of a response to HEAD is not read, so it is never written.
    let mut response = warp::reply::stream(Body {
        turns: PollSemaphore::new(Arc::clone(&state.long_work)),
        state: Arc::clone(state),
        place,
        took,
        slice: Duration::ZERO,
    })
    .into_response();
    let headers = response.headers_mut();
    let content_type = HeaderValue::try_from(content_type).expect("a format's name is plain text");
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    if let Some(coding) = coding_name(coding) {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    response
}

fn busy(state: &AppState) -> Response {
    state.telemetry.rejected_as_busy();
    let mut response = text(
        StatusCode::SERVICE_UNAVAILABLE,
        "as many scrapes as --web.max-requests allows are in progress\n",
    );
    response
        .headers_mut()
        .insert(RETRY_AFTER, BUSY_RETRY_SECONDS);
    response
}

/// The number of bytes of a scrape without a coding.
async fn length(state: &AppState, scrape: Scrape) -> u64 {
    let mut blocks = Blocks::new(scrape, Coding::Identity);
    let mut length = 0;
    loop {
        let turn = state.long_work.acquire().await;
        let began = state.clock.now().mono;
        while state.clock.now().mono.since(began) < MAX_SLICE {
            match blocks.next() {
                Some(block) => length += block.len() as u64,
                None => return length,
            }
        }
        drop(turn);
        tokio::task::yield_now().await;
    }
}

/// The value of a header that may come in several lines.
fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let lines: Vec<_> = headers
        .get_all(name)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .collect();
    lines.join(",")
}

fn coding_name(coding: Coding) -> Option<&'static str> {
    match coding {
        Coding::Identity => None,
        Coding::Gzip => Some("gzip"),
        Coding::Zstd => Some("zstd"),
    }
}

/// The blocks of a scrape, each written when the connection has capacity for it.
struct Body {
    state: Arc<AppState>,
    turns: PollSemaphore,
    place: Arc<Place<Blocks>>,
    /// Time spent on writing.
    took: Duration,
    /// Time spent on writing since other tasks had their turn.
    slice: Duration,
}

/// The scrape has lost its place.
#[derive(Debug, Error)]
#[error("another scrape has taken the place of this one, whose client did not read")]
struct LostPlace;

impl Stream for Body {
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
        if block.is_none() {
            self.state.telemetry.scraped(self.took);
        }
        Poll::Ready(block.map(|block| Ok(block.into())))
    }
}
