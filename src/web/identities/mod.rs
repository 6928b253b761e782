//! `/api/v1/identities`: every identity, filtered and sorted. Written as JSON or CSV while the
//! client reads it; the first ones as a page.

mod query;
mod rows;
mod words;
mod write;

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::{StatusCode, Version};
use warp::Reply;
use warp::reply::Response;

use self::query::{Format, Query};
pub(super) use self::rows::{Counts, Rows};
use self::write::Form;
use super::negotiation::{joined, view};
use super::parameters::{InvalidParameter, with_format};
use super::places::Place;
use super::response::{CSV, JSON, by_accept, private, text};
use super::state::{AppState, RequestHead};
use super::status::list::{List, page, refused};
use super::stream::{Body, busy, in_slices, length};

/// The lists in progress at once. [`Rows`] says the memory of each. Their snapshots are those of
/// scrapes, so that clients that read slowly pin no more of them.
pub(super) const MAX_LISTS: usize = 4;

const BUSY: &str = "as many lists of identities as there may be are in progress\n";

/// The response to a request for a list.
pub(super) async fn list(state: &Arc<AppState>, head: &RequestHead) -> Response {
    let accepted = || view(&joined(&head.headers, &ACCEPT)).into();
    let format = Query::named_format(&head.query).unwrap_or_else(accepted);
    let response = match (try_list(state, head, format).await, format) {
        (Ok(response), _) => response,
        (Err(error), Format::Text(_)) => text(StatusCode::BAD_REQUEST, format!("{error}\n")),
        (Err(error), Format::Page) => refused(state, head, &error.to_string()),
    };
    by_accept(private(response))
}

async fn try_list(
    state: &Arc<AppState>,
    head: &RequestHead,
    format: Format,
) -> Result<Response, InvalidParameter> {
    let mut query = Query::parse(&head.query)?;
    query.format = Some(format);
    let Some(place) = state.lists.take(head.peer, state.clock.now().mono) else {
        return Ok(busy(state, BUSY));
    };
    let now = state.clock.now();
    let mut rows = Rows::new(state.exposition.snapshot(now.mono), query, now)?;
    // The body of a response to HEAD is not read. But a page is written as a whole before its head.
    if !head.is_head() || format == Format::Page {
        in_slices(state, || rows.rank().then_some(())).await;
    }
    Ok(match format {
        Format::Text(form) => written(state, head, place, rows, form).await,
        Format::Page => shown(state, head, &rows),
    })
}

/// The list as a body that is written while the client reads it.
async fn written(
    state: &Arc<AppState>,
    head: &RequestHead,
    place: Arc<Place<Rows>>,
    rows: Rows,
    form: Form,
) -> Response {
    let mut content_length = None;
    // Without chunks and without a length, a client could not tell that a body is cut.
    if head.version < Version::HTTP_11 && !head.is_head() {
        content_length = Some(length(state, rows.clone()).await);
    }
    if place.is_lost() {
        return busy(state, BUSY);
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
    response
}

/// The first rows as a page.
fn shown(state: &AppState, head: &RequestHead, rows: &Rows) -> Response {
    let query = rows.query();
    let list = List {
        criteria: query.criteria(),
        order: query.order(),
        dates: query.is_about_dates(),
        sure: query.surely_full_within.is_some(),
        of_state: query.state.is_some(),
        limit: query.near_limit,
        shown: rows.ranked().collect(),
        counts: rows.counts(),
        json: with_format(&head.query, "json"),
        csv: with_format(&head.query, "csv"),
    };
    page(state, head, &list, rows.snapshot(), rows.now())
}
