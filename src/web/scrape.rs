//! `/metrics`: a scrape whose body is written while the client reads it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, VARY,
};
use http::{HeaderMap, HeaderValue, Version};
use warp::Reply;
use warp::reply::Response;

use super::negotiation;
use super::state::{AppState, RequestHead};
use crate::exposition::{Blocks, Coding};

/// The response to a scrape.
pub(super) fn metrics(state: &Arc<AppState>, head: &RequestHead) -> Response {
    let RequestHead {
        headers, version, ..
    } = head;
    let began = state.clock.now();
    let (format, content_type) = negotiation::format(&joined(headers, &ACCEPT));
    let coding = negotiation::coding(&joined(headers, &ACCEPT_ENCODING));
    let scrape = state.exposition.scrape(began, format, &*state.telemetry);
    // HTTP/1.0 has no chunks, and without a length a client could not tell that a body is cut.
    let length = (*version < Version::HTTP_11).then(|| Blocks::total(&scrape, coding));
    let blocks = Blocks::new(scrape, coding);
    let took = state.clock.now().mono.since(began.mono);
    // The body of a response to HEAD is not read, so it is never written.
    let mut response = warp::reply::stream(Body {
        state: Arc::clone(state),
        blocks,
        took,
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
    blocks: Blocks,
    /// Time spent on writing.
    took: Duration,
}

impl Stream for Body {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let began = self.state.clock.now().mono;
        let block = self.blocks.next();
        let took = self.state.clock.now().mono.since(began);
        self.took += took;
        if block.is_none() {
            self.state.telemetry.scraped(self.took);
        }
        Poll::Ready(block.map(|block| Ok(block.into())))
    }
}
