//! The management routes below `/-/`, as Prometheus has them: health, readiness, reload.

use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use tokio::sync::oneshot;
use warp::reply::Response;

use super::response::text;
use super::state::AppState;
use crate::reload::ReloadError;

const NOT_READY_RETRY_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// `/-/healthy`: whether all loops make progress.
pub(super) fn healthy(state: &AppState) -> Response {
    match state.watchdog.stalled(state.clock.now().mono) {
        None => text(StatusCode::OK, "healthy\n"),
        Some((name, silent)) => {
            let silent = silent.as_secs();
            text(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("the {name} has been silent for {silent} s\n"),
            )
        }
    }
}

/// `/-/ready`: whether there is anything to show.
pub(super) fn ready(state: &AppState) -> Response {
    if state.store.is_ready() {
        return text(StatusCode::OK, "ready\n");
    }
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, "no answer yet\n");
    response
        .headers_mut()
        .insert(RETRY_AFTER, NOT_READY_RETRY_SECONDS);
    response
}

/// `/-/reload`: reads the configuration again and reports the outcome.
pub(super) async fn reload(state: &AppState) -> Response {
    let Some(reload) = &state.reload else {
        return text(
            StatusCode::FORBIDDEN,
            "start the exporter with --web.enable-lifecycle to allow this\n",
        );
    };
    let (request, outcome) = oneshot::channel();
    let sent = reload.send(request).await;
    match outcome.await {
        Ok(Ok(reloaded)) if sent.is_ok() => text(StatusCode::OK, format!("{reloaded}\n")),
        Ok(Err(error @ ReloadError::Panicked)) => {
            text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"))
        }
        Ok(Err(ReloadError::Invalid(problems))) => {
            let lines: Vec<_> = problems
                .iter()
                .map(|problem| format!("{problem}\n"))
                .collect();
            text(StatusCode::BAD_REQUEST, lines.concat())
        }
        Ok(Err(error @ ReloadError::Refused(_))) => {
            text(StatusCode::BAD_REQUEST, format!("{error}\n"))
        }
        _ => text(
            StatusCode::SERVICE_UNAVAILABLE,
            "there is no configuration file to read, or the exporter is stopping\n",
        ),
    }
}
