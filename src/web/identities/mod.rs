//! `/api/v1/identities`: every identity, filtered and sorted, written while the client reads it.

mod query;
mod rows;
mod write;

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{StatusCode, Version};
use warp::Reply;
use warp::reply::Response;

use self::query::Query;
pub(super) use self::rows::Rows;
use self::write::Form;
use super::parameters::InvalidParameter;
use super::response::{CSV, JSON, private, text};
use super::state::{AppState, RequestHead};
use super::stream::{Body, busy, in_slices, length};

/// The lists in progress at once. [`Rows`] says the memory of each. Their snapshots are those of
/// scrapes, so that clients that read slowly pin no more of them.
pub(super) const MAX_LISTS: usize = 4;

const BUSY: &str = "as many lists of identities as there may be are in progress\n";

/// The response to a request for a list.
pub(super) async fn list(state: &Arc<AppState>, head: &RequestHead) -> Response {
    match try_list(state, head).await {
        Ok(response) => private(response),
        Err(error) => private(text(StatusCode::BAD_REQUEST, format!("{error}\n"))),
    }
}

async fn try_list(state: &Arc<AppState>, head: &RequestHead) -> Result<Response, InvalidParameter> {
    let query = Query::parse(&head.query)?;
    let Some(place) = state.lists.take(head.peer, state.clock.now().mono) else {
        return Ok(busy(state, BUSY));
    };
    let now = state.clock.now();
    let mut rows = Rows::new(state.exposition.snapshot(now.mono), query, now)?;
    let form = rows.form();
    let mut content_length = None;
    // The body of a response to HEAD is not read.
    if !head.is_head() {
        in_slices(state, || rows.rank().then_some(())).await;
        // Without chunks and without a length, a client could not tell that a body is cut.
        if head.version < Version::HTTP_11 {
            content_length = Some(length(state, rows.clone()).await);
        }
    }
    if place.is_lost() {
        return Ok(busy(state, BUSY));
    }
    place.fill(state.clock.now().mono, rows);
    let body = Body::new(state, place, Duration::ZERO, |_, _| {});
    let mut response = warp::reply::stream(body).into_response();
    let headers = response.headers_mut();
    let content_type = match form {
        Form::Json => JSON,
        Form::Csv => CSV,
    };
    headers.insert(CONTENT_TYPE, content_type);
    if let Some(length) = content_length {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    Ok(response)
}
