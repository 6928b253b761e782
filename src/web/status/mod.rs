//! What people look at: the status page, the same as JSON, and one identity explained.

mod identity;
mod model;
mod page;
mod words;

use std::sync::Arc;
use std::time::Duration;

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use tokio::sync::Mutex;
use warp::reply::Response;

use self::identity::Explained;
use self::model::{Sources, Status};
use super::{HTML, Site, TEXT, page as answer};
use crate::clock::Mono;
use crate::identity::{IdentityId, canonicalize};

/// A status is good for so long: putting one together takes a pass over all identities, and one
/// over all that wait.
const GOOD_FOR: Duration = Duration::from_secs(1);

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The status that was put together last.
#[derive(Default)]
pub struct Kept(Mutex<Option<(Mono, Arc<Status>)>>);

/// `/`
pub(super) async fn page(site: &Site) -> Response {
    let status = status(site).await;
    let mut response = answer(
        StatusCode::OK,
        HTML,
        page::render(&status, &site.telemetry_path),
    );
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, page::CONTENT_SECURITY.clone());
    for_people(response)
}

/// `/api/v1/status`
pub(super) async fn json(site: &Site) -> Response {
    as_json(StatusCode::OK, &*status(site).await)
}

/// `/api/v1/identities/<id>`, with the id's text as it stands in the path.
pub(super) async fn identity(site: &Site, id: &str) -> Response {
    let id = percent_decode_str(id).decode_utf8_lossy();
    let id = canonicalize(&id);
    let Ok(id) = IdentityId::parse(&id) else {
        let expected =
            "expected an identity id such as us-east-1:2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10";
        return refusal(StatusCode::BAD_REQUEST, expected);
    };
    let known = site.store.snapshot_and_history();
    let targets = &known.0.targets;
    let found = identity::find(id, targets);
    if found.is_empty() {
        return refusal(
            StatusCode::NOT_FOUND,
            "no pool of the configuration lists this identity",
        );
    }
    let next = site.poller.explain(targets, &found).await;
    let now = site.clock.now();
    let explained = found
        .iter()
        .zip(next)
        .filter_map(|(target, next)| Explained::of(*target, next, &known, now));
    #[derive(Serialize)]
    struct Answer {
        identities: Vec<Explained>,
    }
    as_json(
        StatusCode::OK,
        &Answer {
            identities: explained.collect(),
        },
    )
}

/// The present status, or one that is not older than [`GOOD_FOR`]. Whoever asks meanwhile waits for
/// the same.
async fn status(site: &Site) -> Arc<Status> {
    let mut kept = site.status.0.lock().await;
    let now = site.clock.now();
    if let Some((at, status)) = &*kept
        && now.mono.since(*at) < GOOD_FOR
    {
        return Arc::clone(status);
    }
    let (snapshot, history) = site.store.snapshot_and_history();
    let failures = model::recent_failures(&history);
    drop(history);
    let about: Vec<_> = failures.iter().map(|poll| poll.job.target).collect();
    let next = site.poller.explain(&snapshot.targets, &about).await;
    let now = site.clock.now();
    let stalled = site.watchdog.stalled(now.mono);
    let progress = &site.progress;
    let status = Status::of(Sources {
        now,
        snapshot: &snapshot,
        failures: &failures.into_iter().zip(next).collect::<Vec<_>>(),
        budgets: progress.budgets(),
        late_seconds: progress.lag(now.mono).as_secs_f64(),
        sweep_seconds: progress.sweep_seconds(),
        ready: site.store.any_answer(),
        stalled: stalled.map(|(name, silent)| {
            format!("The {name} has been silent for {} s.", silent.as_secs())
        }),
        config_file: site.config_file.as_deref(),
        last_reload: site.telemetry.last_reload(),
        web_config_good: site.telemetry.web_config_successful.get() == 1,
    });
    let status = Arc::new(status);
    *kept = Some((now.mono, Arc::clone(&status)));
    status
}

fn refusal(status: StatusCode, error: &str) -> Response {
    as_json(status, &serde_json::json!({ "error": error }))
}

fn as_json(status: StatusCode, value: &impl Serialize) -> Response {
    for_people(match serde_json::to_string_pretty(value) {
        Ok(text) => answer(status, JSON, text + "\n"),
        Err(error) => answer(
            StatusCode::INTERNAL_SERVER_ERROR,
            TEXT,
            format!("{error}\n"),
        ),
    })
}

/// What tells of identities is for whoever asked, and for now.
fn for_people(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
