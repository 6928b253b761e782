//! `/metrics`: a scrape as a body that is made while it is read.

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

use super::{Site, negotiation};
use crate::exposition::{Blocks, Coding};

pub(super) fn answer(site: &Arc<Site>, headers: &HeaderMap, version: Version) -> Response {
    let began = site.clock.now();
    let (format, content_type) = negotiation::format(&all(headers, &ACCEPT));
    let coding = negotiation::coding(&all(headers, &ACCEPT_ENCODING));
    let scrape = site.exposition.scrape(began, format, &*site.telemetry);
    // HTTP/1.0 knows no chunks, and a body that ends with its connection may have been cut; so its
    // length is told ahead.
    let length = (version < Version::HTTP_11).then(|| Blocks::total(&scrape, coding));
    let blocks = Blocks::new(scrape, coding);
    let took = site.clock.now().mono.since(began.mono);
    // The answer to a HEAD is not read, so that nothing of it is written.
    let mut response = warp::reply::stream(Body {
        site: Arc::clone(site),
        blocks,
        took,
    })
    .into_response();
    let headers = response.headers_mut();
    let content_type = HeaderValue::try_from(content_type).expect("a format's name is plain text");
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    if let Some(coding) = name(coding) {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    response
}

/// A header that may come in several lines.
fn all(headers: &HeaderMap, name: &HeaderName) -> String {
    let lines: Vec<_> = headers
        .get_all(name)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .collect();
    lines.join(",")
}

fn name(coding: Coding) -> Option<&'static str> {
    match coding {
        Coding::Identity => None,
        Coding::Gzip => Some("gzip"),
        Coding::Zstd => Some("zstd"),
    }
}

/// Blocks of a scrape, each made when the connection has room for it.
struct Body {
    site: Arc<Site>,
    blocks: Blocks,
    /// Time spent on writing so far.
    took: Duration,
}

impl Stream for Body {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let began = self.site.clock.now().mono;
        let block = self.blocks.next();
        let took = self.site.clock.now().mono.since(began);
        self.took += took;
        if block.is_none() {
            self.site.telemetry.scraped(self.took);
        }
        Poll::Ready(block.map(|block| Ok(block.into())))
    }
}
