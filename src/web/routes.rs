//! The table of routes. A path that no row matches is 404; a method that its row does not list is
//! 405 with the methods that it does.

use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;

use http::header::ALLOW;
use http::{HeaderValue, Method, StatusCode};
use warp::reply::Response;

use super::response::text;
use super::state::{AppState, RequestHead};
use super::{identities, management, scrape, status};

/// A path, or the beginning of several.
enum Pattern {
    /// The path of the metrics, which a flag sets.
    TelemetryPath,
    Exact(&'static str),
    /// All paths that begin so. The handler receives the rest.
    Prefix(&'static str),
}

type Responding<'a> = Pin<Box<dyn Future<Output = Response> + Send + 'a>>;
type Handler = for<'a> fn(&'a Arc<AppState>, &'a RequestHead, &'a str) -> Responding<'a>;

struct Route {
    pattern: Pattern,
    methods: &'static [Method],
    handler: Handler,
}

const READ: &[Method] = &[Method::GET, Method::HEAD];
const WRITE: &[Method] = &[Method::POST, Method::PUT];

/// All routes. The first that matches a path is taken, so that the metrics may stand at `/`.
const ROUTES: [Route; 9] = [
    Route {
        pattern: Pattern::TelemetryPath,
        methods: READ,
        handler: |state, head, _| Box::pin(scrape::metrics(state, head)),
    },
    Route {
        pattern: Pattern::Exact("/"),
        methods: READ,
        handler: |state, head, _| Box::pin(status::page(state, head)),
    },
    Route {
        pattern: Pattern::Exact("/api/v1/status"),
        methods: READ,
        handler: |state, head, _| Box::pin(status::json(state, head)),
    },
    Route {
        pattern: Pattern::Exact("/api/v1/identities"),
        methods: READ,
        handler: |state, head, _| Box::pin(identities::list(state, head)),
    },
    Route {
        pattern: Pattern::Prefix("/api/v1/identities/"),
        methods: READ,
        handler: |state, head, id| Box::pin(status::identity(state, head, id)),
    },
    Route {
        pattern: Pattern::Exact("/search"),
        methods: READ,
        handler: |state, head, _| Box::pin(status::search(state, head)),
    },
    Route {
        pattern: Pattern::Exact("/-/healthy"),
        methods: READ,
        handler: |state, _, _| Box::pin(ready(management::healthy(state))),
    },
    Route {
        pattern: Pattern::Exact("/-/ready"),
        methods: READ,
        handler: |state, _, _| Box::pin(ready(management::ready(state))),
    },
    Route {
        pattern: Pattern::Exact("/-/reload"),
        methods: WRITE,
        handler: |state, _, _| Box::pin(management::reload(state)),
    },
];

impl Pattern {
    /// What follows the pattern in a path that it matches.
    fn rest<'p>(&self, path: &'p str, telemetry_path: &str) -> Option<&'p str> {
        match self {
            Self::TelemetryPath => (path == telemetry_path).then_some(""),
            Self::Exact(exact) => (path == *exact).then_some(""),
            Self::Prefix(prefix) => path.strip_prefix(prefix),
        }
    }
}

/// The response to a request.
pub(super) async fn respond(state: &Arc<AppState>, head: &RequestHead) -> Response {
    let matching = ROUTES.iter().find_map(|route| {
        let rest = route.pattern.rest(&head.path, &state.telemetry_path)?;
        Some((route, rest))
    });
    match matching {
        None => text(StatusCode::NOT_FOUND, "there is no such page\n"),
        Some((route, rest)) if route.methods.contains(&head.method) => {
            (route.handler)(state, head, rest).await
        }
        Some((route, _)) => not_allowed(route.methods),
    }
}

fn not_allowed(methods: &[Method]) -> Response {
    let allowed: Vec<_> = methods.iter().map(Method::as_str).collect();
    let allowed = allowed.join(", ");
    let mut response = text(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("allowed here: {allowed}\n"),
    );
    let allowed = HeaderValue::try_from(allowed).expect("methods are visible ASCII");
    response.headers_mut().insert(ALLOW, allowed);
    response
}
