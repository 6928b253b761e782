//! `/api/v1/identities/<id>`: one identity explained, as JSON for programs and as a page for
//! people.

mod explained;
mod page;

use std::sync::Arc;

use http::StatusCode;
use http::header::ACCEPT;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use warp::reply::Response;

use self::explained::Explained;
use super::humanize::Time;
use super::layout::Layout;
use super::refusal::refusal;
use super::to_json;
use crate::clock::Timestamp;
use crate::identity::{IdentityId, canonicalize};
use crate::poller::RESPONSE_TIMEOUT;
use crate::web::negotiation::{View, joined, view};
use crate::web::parameters::{self, InvalidParameter, one_of, set};
use crate::web::response::{JSON, by_accept, private, response};
use crate::web::state::{AppState, RequestHead};

/// The response, with the id as it stands in the path.
pub(in crate::web) async fn identity(state: &AppState, head: &RequestHead, id: &str) -> Response {
    let accepted = view(&joined(&head.headers, &ACCEPT));
    let named = named_view(&head.query);
    let view = named
        .as_ref()
        .map_or(accepted, |named| named.unwrap_or(accepted));
    let answer = match named {
        Ok(_) => explain(state, id).await,
        Err(error) => Err((StatusCode::BAD_REQUEST, error.to_string())),
    };
    let layout = |now| Layout::new(&head.path, &state.telemetry_path, now);
    let response = match (answer, view) {
        (Ok((identities, _)), View::Json) => {
            #[derive(Serialize)]
            struct Answer {
                identities: Vec<Explained>,
            }
            json(StatusCode::OK, &Answer { identities })
        }
        (Ok((identities, now)), View::Html) => page::page(layout(Time(now.unix)), &identities),
        (Err((status, error)), View::Json) => json(status, &serde_json::json!({ "error": error })),
        (Err((status, error)), View::Html) => {
            refusal(layout(Time(state.clock.now().unix)), status, &error)
        }
    };
    by_accept(response)
}

/// The view that the parameter `format` names, if it is there.
fn named_view(query: &str) -> Result<Option<View>, InvalidParameter> {
    let mut view = None;
    parameters::parse(query, |name, value| {
        if name != "format" {
            return Err(InvalidParameter::new(name, "format, at most once"));
        }
        let (named, names) = one_of(&View::ALL, View::as_str, &value);
        set(&mut view, name, named, &names)
    })?;
    Ok(view)
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    private(response(status, JSON, to_json(value)))
}

/// What is known of the identity in each pool that lists it, and when that was, or why there is
/// nothing.
async fn explain(
    state: &AppState,
    id: &str,
) -> Result<(Vec<Explained>, Timestamp), (StatusCode, String)> {
    let id = percent_decode_str(id).decode_utf8_lossy();
    let id = canonicalize(&id);
    let Ok(id) = IdentityId::parse(&id) else {
        let expected =
            "expected an identity id such as us-east-1:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10";
        return Err((StatusCode::BAD_REQUEST, expected.to_owned()));
    };
    let unknown = || {
        let error = "no pool of the configuration lists this identity";
        Err((StatusCode::NOT_FOUND, error.to_owned()))
    };
    let targets = Arc::clone(&state.store.snapshot().targets);
    let found: Vec<_> = targets.of_identity(id).collect();
    if found.is_empty() {
        return unknown();
    }
    let explained = state.poller.explain(&targets, &found, RESPONSE_TIMEOUT);
    let mut next = explained.await;
    // Taken last, so that clients that wait for explanations hold no copies.
    let _turn = state.long_work.acquire().await;
    let now = state.clock.now();
    let known = state.store.known_of(id);
    if known.targets.is_empty() {
        return unknown();
    }
    if !Arc::ptr_eq(&known.snapshot.targets, &targets) {
        next = vec![None; known.targets.len()];
    }
    Ok((Explained::of_each(&known, next, now), now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_named_once_or_not_at_all() {
        for (query, view) in [
            ("", None),
            ("format=json", Some(View::Json)),
            ("format=html", Some(View::Html)),
        ] {
            assert_eq!(named_view(query), Ok(view), "{query}");
        }
        for (query, expected) in [
            ("format=csv", "parameter format: expected one of json, html"),
            ("format=", "parameter format: expected one of json, html"),
            (
                "format=json&format=html",
                "parameter format: expected it once",
            ),
            (
                "fromat=json",
                "parameter fromat: expected format, at most once",
            ),
        ] {
            let error = named_view(query).unwrap_err().to_string();
            assert_eq!(error, expected, "{query}");
        }
    }
}
