//! The status page, the same as JSON, and the explanation of one identity.

mod attention;
mod best;
mod budget;
pub(super) mod cache;
mod discovery;
mod failures;
pub(super) mod humanize;
mod identity;
mod level;
mod model;
mod near_limit;
mod page;
mod pool;
pub(super) mod query;
mod rows;
mod shown;
mod survey;
mod sweep;
mod turns;
mod used;

use std::sync::Arc;

use http::StatusCode;
use http::header::CONTENT_SECURITY_POLICY;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use warp::reply::Response;

use self::cache::Made;
use self::failures::Reason;
use self::identity::Explained;
use self::model::{Sources, Status};
use self::query::Query;
use self::survey::Survey;
use super::parameters::{InvalidParameter, pools_called};
use super::response::{HTML, JSON, private, response, text};
use super::state::{AppState, RequestHead};
use super::stream::in_slices;
use crate::identity::{IdentityId, canonicalize};
use crate::job::PoolIndex;

/// `/`
pub(super) async fn page(state: &AppState, head: &RequestHead) -> Response {
    let (query, made) = match status(state, Query::of_page(&head.query)).await {
        Ok(made) => made,
        Err(error) => return refused(&error),
    };
    let page = made
        .page
        .get_or_init(|| page::render(&made.status, &state.telemetry_path, query.refresh).into());
    let mut response = response(StatusCode::OK, HTML, page.clone());
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, page::CONTENT_SECURITY.clone());
    private(response)
}

/// `/api/v1/status`
pub(super) async fn json(state: &AppState, head: &RequestHead) -> Response {
    match status(state, Query::of_json(&head.query)).await {
        Ok((_, made)) => {
            let json = made.json.get_or_init(|| to_json(&made.status).into());
            private(response(StatusCode::OK, JSON, json.clone()))
        }
        Err(error) => refused(&error),
    }
}

/// The response to wrong parameters, in the form of that of a list of identities.
fn refused(error: &InvalidParameter) -> Response {
    private(text(StatusCode::BAD_REQUEST, format!("{error}\n")))
}

/// `/api/v1/identities/<id>`, with the id as it stands in the path.
pub(super) async fn identity(state: &AppState, id: &str) -> Response {
    let id = percent_decode_str(id).decode_utf8_lossy();
    let id = canonicalize(&id);
    let Ok(id) = IdentityId::parse(&id) else {
        let expected =
            "expected an identity id such as us-east-1:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10";
        return refusal(StatusCode::BAD_REQUEST, expected);
    };
    let targets = Arc::clone(&state.store.snapshot().targets);
    let found: Vec<_> = targets.of_identity(id).collect();
    let unknown = || {
        let error = "no pool of the configuration lists this identity";
        refusal(StatusCode::NOT_FOUND, error)
    };
    if found.is_empty() {
        return unknown();
    }
    let mut next = state.poller.explain(&targets, &found).await;
    // Taken last, so that clients that wait for explanations hold no copies.
    let _turn = state.long_work.acquire().await;
    let now = state.clock.now();
    let known = state.store.known_of(id, now);
    if known.targets.is_empty() {
        return unknown();
    }
    if !Arc::ptr_eq(&known.snapshot.targets, &targets) {
        next = vec![None; known.targets.len()];
    }
    #[derive(Serialize)]
    struct Answer {
        identities: Vec<Explained>,
    }
    as_json(
        StatusCode::OK,
        &Answer {
            identities: Explained::of_each(&known, next, now),
        },
    )
}

/// The present status, from the cache or new, and what it is of.
async fn status(
    state: &AppState,
    query: Result<Query, InvalidParameter>,
) -> Result<(Query, Arc<Made>), InvalidParameter> {
    let query = query?;
    let making = make_status(state, &query);
    let made = state
        .status
        .get_or_make(&state.clock, &query, making)
        .await?;
    Ok((query, made))
}

async fn make_status(state: &AppState, query: &Query) -> Result<Status, InvalidParameter> {
    let (snapshot, history) = state.store.snapshot_and_history();
    let is_shown = pools_called(query.pool.as_deref(), &snapshot.targets)?;
    let shown = (0..is_shown.len()).filter(|pool| is_shown[*pool]);
    let now = state.clock.now();
    let mut survey = Survey::new(&snapshot, shown.map(PoolIndex), query.top, now);
    let mut surveyed = in_slices(state, || survey.step()).await;
    let reasons = Reason::all(&mut surveyed, &snapshot, &history);
    drop(history);
    let about = Reason::targets(&reasons);
    let next = state.poller.explain(&snapshot.targets, &about).await;
    let stalled = state.watchdog.stalled(now.mono);
    let progress = &state.progress;
    Ok(Status::of(Sources {
        now,
        snapshot: &snapshot,
        surveyed,
        top: query.top,
        failures: (reasons, next),
        budgets: progress.budgets(),
        discovery: state.telemetry.discovery(),
        first_sweep: state.first_sweep.look(now).sweep,
        late_seconds: progress.lag(now.mono).as_secs_f64(),
        sweep_seconds: progress.sweep_seconds(),
        saving: state
            .telemetry
            .saves()
            .map(|saves| model::Saving::of(saves, state.store.changed())),
        ready: state.store.is_ready(),
        stalled: stalled.map(|(name, silent)| {
            format!("The {name} has been silent for {} s.", silent.as_secs())
        }),
        config_file: state.config_file.as_deref(),
        last_reload: state.telemetry.last_reload(),
        web_config_good: state.telemetry.web_config_is_valid(),
    }))
}

fn refusal(status: StatusCode, error: &str) -> Response {
    as_json(status, &serde_json::json!({ "error": error }))
}

fn as_json(status: StatusCode, value: &impl Serialize) -> Response {
    private(response(status, JSON, to_json(value)))
}

fn to_json(value: &impl Serialize) -> String {
    let json = serde_json::to_string_pretty(value);
    json.expect("keys are strings, and no value fails to be written") + "\n"
}
