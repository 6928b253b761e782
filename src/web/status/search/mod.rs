//! `/search`: finds an identity by its id, the beginning of that, or its name.

mod matches;
mod page;
mod words;

use std::sync::Arc;

use http::header::LOCATION;
use http::{HeaderValue, StatusCode};
use warp::reply::Response;

use self::matches::{Finder, Matches};
use self::words::Words;
use super::humanize::Time;
use super::layout::Layout;
use super::refusal::refusal;
use crate::identity::IdentityId;
use crate::store::Snapshot;
use crate::targets::Targets;
use crate::web::response::{private, text};
use crate::web::state::{AppState, RequestHead};
use crate::web::stream::in_slices;

/// The response: the way to the one identity that is meant, or a page of those that may be.
pub(in crate::web) async fn search(state: &AppState, head: &RequestHead) -> Response {
    let now = state.clock.now();
    let mut layout = Layout::new(&head.path, &state.telemetry_path, Time(now.unix));
    let words = match Words::parse(&head.query) {
        Ok(words) => words,
        Err(error) => return refusal(layout, StatusCode::BAD_REQUEST, &error.to_string()),
    };
    layout.searched = &words.text;
    let snapshot = state.store.snapshot();
    if words.text.is_empty() {
        return page::explanation(layout, &snapshot.targets);
    }
    if let Some(id) = words.id().filter(|id| is_listed(*id, &snapshot)) {
        return found(id);
    }
    drop(snapshot);
    let _turn = state.search.lock().await;
    let snapshot = state.store.snapshot();
    let matches = find(state, &words, &snapshot.targets).await;
    match matches.sole(&snapshot.targets) {
        Some(id) => found(id),
        None => page::matches(layout, &matches, &snapshot, now),
    }
}

fn is_listed(id: IdentityId<'_>, snapshot: &Snapshot) -> bool {
    snapshot.targets.of_identity(id).next().is_some()
}

async fn find(state: &AppState, words: &Words, targets: &Arc<Targets>) -> Matches {
    let mut finder = Finder::new(words, targets);
    in_slices(state, || finder.step()).await
}

/// The way to an identity.
fn found(id: IdentityId<'_>) -> Response {
    // Relative, so that a proxy may put all below a path.
    let location = format!("api/v1/identities/{}", id.as_str());
    let mut response = text(StatusCode::SEE_OTHER, format!("{location}\n"));
    let location = HeaderValue::try_from(location).expect("an id is visible ASCII");
    response.headers_mut().insert(LOCATION, location);
    private(response)
}
