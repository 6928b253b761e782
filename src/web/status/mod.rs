//! The status page and the same as JSON, the explanation of one identity as both, and the search
//! for one.

mod attention;
mod best;
mod budget;
pub(super) mod cache;
mod discovery;
mod failures;
pub(super) mod humanize;
mod identity;
mod in_use;
mod layout;
mod level;
pub(super) mod list;
mod list_row;
mod model;
mod near_limit;
mod page;
mod pool;
pub(super) mod query;
mod refusal;
mod rows;
mod search;
mod shown;
mod survey;
mod sweep;
mod totals;
mod turns;
mod used;

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use warp::reply::Response;

use self::cache::Made;
use self::failures::Reason;
use self::humanize::Time;
pub(super) use self::identity::identity;
use self::layout::Layout;
use self::model::{Sources, Status};
use self::query::Query;
use self::refusal::refusal;
pub(super) use self::search::search;
use self::survey::Survey;
use super::parameters::{InvalidParameter, pools_called};
use super::response::{JSON, private, response, text};
use super::state::{AppState, RequestHead};
use super::stream::in_slices;
use crate::job::PoolIndex;

/// The longest wait for when those that failed are polled next. Without an answer, that is not
/// known.
const EXPLAIN_TIMEOUT: Duration = Duration::from_millis(250);

/// `/`
pub(super) async fn page(state: &AppState, head: &RequestHead) -> Response {
    let refused = |refresh, error: InvalidParameter| {
        let now = Time(state.clock.now().unix);
        let mut layout = Layout::new("/", &state.telemetry_path, now);
        layout.refresh = refresh;
        refusal(layout, StatusCode::BAD_REQUEST, &error.to_string())
    };
    let query = match Query::of_page(&head.query) {
        Ok(query) => query,
        Err(error) => return refused(0, error),
    };
    match status(state, &query).await {
        Ok(made) => {
            let page = || page::render(&made.status, &query, &state.telemetry_path).into();
            layout::html(StatusCode::OK, made.page.get_or_init(page).clone())
        }
        // A reload may bring the pool back.
        Err(error) => refused(query.refresh, error),
    }
}

/// `/api/v1/status`
pub(super) async fn json(state: &AppState, head: &RequestHead) -> Response {
    let made = match Query::of_json(&head.query) {
        Ok(query) => status(state, &query).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(made) => {
            let json = made.json.get_or_init(|| to_json(&made.status).into());
            private(response(StatusCode::OK, JSON, json.clone()))
        }
        // In the form of that of a list of identities.
        Err(error) => private(text(StatusCode::BAD_REQUEST, format!("{error}\n"))),
    }
}

/// The present status, from the cache or new.
async fn status(state: &AppState, query: &Query) -> Result<Arc<Made>, InvalidParameter> {
    // Nobody waits for a turn to be refused.
    pools_called(query.pool.as_deref(), &state.store.snapshot().targets)?;
    let making = async { make_status(state, query).await.map(Made::new) };
    state.status.get_or_make(&state.clock, query, making).await
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
    let explained = state
        .poller
        .explain(&snapshot.targets, &about, EXPLAIN_TIMEOUT);
    let next = explained.await;
    let stalled = state.watchdog.stalled(now.mono);
    Ok(Status::of(Sources {
        now,
        snapshot: &snapshot,
        surveyed,
        top: query.top,
        failures: (reasons, next),
        budgets: state.progress.budgets(),
        exchanges: state.exchanges.budgets(),
        discovery: state.telemetry.discovery(),
        first_sweep: state.first_sweep.look(now).sweep,
        saving: state
            .telemetry
            .saves()
            .map(|saves| model::Saving::of(saves, state.store.changed())),
        ready: state.store.is_ready(),
        was_answered: state.telemetry.was_answered(),
        stalled: stalled
            .map(|(name, silent)| format!("The {name} has been silent for {} s", silent.as_secs())),
        config_file: state.config_file.as_deref(),
        last_reload: state.telemetry.last_reload(),
        web_config_good: state.telemetry.web_config_is_valid(),
    }))
}

fn to_json(value: &impl Serialize) -> String {
    let json = serde_json::to_string_pretty(value);
    json.expect("keys are strings, and no value fails to be written") + "\n"
}
