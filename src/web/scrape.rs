//! `/metrics`: a scrape whose body is written while the client reads it.

use std::sync::Arc;

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use http::{HeaderValue, Version};
use warp::Reply;
use warp::reply::Response;

use super::negotiation::{self, joined};
use super::state::{AppState, RequestHead};
use super::stream::{Body, busy, length};
use crate::exposition::{Blocks, Coding};

const BUSY: &str = "as many scrapes as --web.max-requests allows are in progress\n";

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
        return busy(state, BUSY);
    };
    let turn = state.long_work.acquire().await;
    if place.is_lost() {
        return busy(state, BUSY);
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
        let blocks = Blocks::new(scrape, Coding::Identity);
        Some(length(state, blocks).await)
    };
    // The body of a response to HEAD is not read, so it is never written.
    let body = Body::new(state, place, took, |state, took| {
        state.telemetry.scraped(took);
    });
    let mut response = warp::reply::stream(body).into_response();
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

fn coding_name(coding: Coding) -> Option<&'static str> {
    match coding {
        Coding::Identity => None,
        Coding::Gzip => Some("gzip"),
        Coding::Zstd => Some("zstd"),
    }
}
