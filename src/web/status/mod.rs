//! The status page and the same as JSON, the explanation of one identity as both, and the search
//! for one.

mod attention;
mod budget;
pub(super) mod cache;
mod discovery;
pub(super) mod humanize;
mod identity;
mod in_use;
mod layout;
mod model;
mod near_limit;
mod page;
mod pool;
mod refusal;
mod search;
mod sweep;
mod turns;
mod used;

use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;
use warp::reply::Response;

use self::cache::Made;
pub(super) use self::identity::identity;
use self::model::{Sources, Status};
pub(super) use self::search::search;
use super::response::{JSON, private, response};
use super::state::AppState;

/// `/`
pub(super) async fn page(state: &AppState) -> Response {
    let made = status(state).await;
    let page = made
        .page
        .get_or_init(|| page::render(&made.status, &state.telemetry_path).into());
    layout::html(StatusCode::OK, page.clone())
}

/// `/api/v1/status`
pub(super) async fn json(state: &AppState) -> Response {
    let made = status(state).await;
    let json = made.json.get_or_init(|| to_json(&made.status).into());
    private(response(StatusCode::OK, JSON, json.clone()))
}

/// The present status, from the cache or new.
async fn status(state: &AppState) -> Arc<Made> {
    state
        .status
        .get_or_make(&state.clock, make_status(state))
        .await
}

async fn make_status(state: &AppState) -> Status {
    let (snapshot, history) = state.store.snapshot_and_history();
    let failures = model::recent_failures(&history);
    drop(history);
    let about: Vec<_> = failures.iter().map(|poll| poll.job.target).collect();
    let next = state.poller.explain(&snapshot.targets, &about).await;
    let _turn = state.long_work.acquire().await;
    let now = state.clock.now();
    let stalled = state.watchdog.stalled(now.mono);
    let progress = &state.progress;
    Status::of(Sources {
        now,
        snapshot: &snapshot,
        failures: &failures.into_iter().zip(next).collect::<Vec<_>>(),
        budgets: progress.budgets(),
        exchanges: state.exchanges.budgets(),
        discovery: state.telemetry.discovery(),
        first_sweep: state.first_sweep.look(now).sweep,
        late_seconds: progress.lag(now.mono).as_secs_f64(),
        sweep_seconds: progress.sweep_seconds(),
        saving: state
            .telemetry
            .saves()
            .map(|saves| model::Saving::of(saves, state.store.changed())),
        ready: state.store.is_ready(),
        stalled: stalled
            .map(|(name, silent)| format!("The {name} has been silent for {} s", silent.as_secs())),
        config_file: state.config_file.as_deref(),
        last_reload: state.telemetry.last_reload(),
        web_config_good: state.telemetry.web_config_is_valid(),
    })
}

fn to_json(value: &impl Serialize) -> String {
    let json = serde_json::to_string_pretty(value);
    json.expect("keys are strings, and no value fails to be written") + "\n"
}
