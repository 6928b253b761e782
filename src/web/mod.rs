//! What is answered over HTTP. Sockets are `listener`'s business, this room knows only requests.

mod connection;
mod door;
mod handshake;
pub mod listener;
mod login;
pub mod negotiation;
mod open_files;
mod scrape;
mod status;
mod tcp;
mod users;
mod watch;
pub mod web_config;

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use hyper::service::{Service, service_fn};
use hyper_util::service::TowerToHyperService;
use tokio::sync::{mpsc, oneshot};
use warp::path::FullPath;
use warp::reply::Response;
use warp::{Filter, Reply};

pub use self::door::Door;
pub use self::login::Credentials;
use self::login::Peer;
pub use self::open_files::room;
pub use self::status::Kept as KeptStatus;
use crate::clock::Clock;
use crate::exposition::Exposition;
use crate::health::Watchdog;
use crate::poller::PollerHandle;
use crate::progress::Progress;
use crate::reload::{self, ReloadError};
use crate::store::Store;
use crate::telemetry::Telemetry;

const NOT_READY_RETRY_SECONDS: HeaderValue = HeaderValue::from_static("5");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// Everything that pages are made from.
pub struct Site {
    /// What every request passes first.
    pub door: Door,
    /// Where the metrics are: an absolute path.
    pub telemetry_path: String,
    /// What is known of the identities.
    pub store: Arc<Store>,
    /// That, as scrapes.
    pub exposition: Exposition,
    /// What the exporter knows of itself.
    pub telemetry: Arc<Telemetry>,
    /// How polling goes.
    pub progress: Arc<Progress>,
    /// Explains when targets will be polled next.
    pub poller: PollerHandle,
    /// The configuration's file, if it has one.
    pub config_file: Option<PathBuf>,
    /// The status that was put together last.
    pub status: KeptStatus,
    /// Watches the loops that have to run.
    pub watchdog: Watchdog,
    /// Where to ask for the configuration to be read again, if that is allowed.
    pub reload: Option<mpsc::Sender<reload::Request>>,
    /// The time.
    pub clock: Clock,
}

/// The routes as a service for [`listener::serve`].
pub fn service<B>(
    site: Arc<Site>,
) -> impl Service<http::Request<B>, Response = Response, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static
where
    B: hyper::body::Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Sync
        + 'static,
{
    let request = warp::method()
        .and(warp::path::full())
        .and(warp::header::headers_cloned());
    let routes = request.and(warp::ext::get()).and(warp::ext::get()).then(
        move |method: Method, path: FullPath, headers: HeaderMap, version: Version, peer: Peer| {
            let site = Arc::clone(&site);
            async move {
                let inside = answer(&site, &method, path.as_str(), &headers, version);
                site.door
                    .answer(path.as_str(), &headers, peer, inside)
                    .await
            }
        },
    );
    let routes = TowerToHyperService::new(warp::service(routes));
    service_fn(move |mut request: http::Request<B>| {
        // warp does not tell it.
        let version = request.version();
        request.extensions_mut().insert(version);
        routes.call(request)
    })
}

async fn answer(
    site: &Arc<Site>,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    version: Version,
) -> Response {
    let is_get = method == Method::GET || method == Method::HEAD;
    let page: fn(&Site) -> Response = match path {
        path if path == site.telemetry_path && is_get => {
            return scrape::answer(site, headers, version);
        }
        path if path == site.telemetry_path => return not_allowed("GET, HEAD"),
        "/" if is_get => return status::page(site).await,
        "/api/v1/status" if is_get => return status::json(site).await,
        "/" | "/api/v1/status" => return not_allowed("GET, HEAD"),
        path if let Some(id) = path.strip_prefix("/api/v1/identities/") => {
            return if is_get {
                status::identity(site, id).await
            } else {
                not_allowed("GET, HEAD")
            };
        }
        "/-/healthy" => healthy,
        "/-/ready" => ready,
        "/-/reload" if method == Method::POST || method == Method::PUT => {
            return reload(site).await;
        }
        "/-/reload" => return not_allowed("POST, PUT"),
        _ => return text(StatusCode::NOT_FOUND, "there is no such page\n"),
    };
    if is_get {
        page(site)
    } else {
        not_allowed("GET, HEAD")
    }
}

fn not_allowed(allowed: &'static str) -> Response {
    let mut response = text(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("allowed here: {allowed}\n"),
    );
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

async fn reload(site: &Site) -> Response {
    let Some(reload) = &site.reload else {
        return text(
            StatusCode::FORBIDDEN,
            "start the exporter with --web.enable-lifecycle to allow this\n",
        );
    };
    let (request, outcome) = oneshot::channel();
    let asked = reload.send(request).await;
    match outcome.await {
        Ok(Ok(reloaded)) if asked.is_ok() => text(StatusCode::OK, format!("{reloaded}\n")),
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
        _ => text(
            StatusCode::SERVICE_UNAVAILABLE,
            "there is no configuration file to read, or the exporter is stopping\n",
        ),
    }
}

fn healthy(site: &Site) -> Response {
    match site.watchdog.stalled(site.clock.now().mono) {
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

fn ready(site: &Site) -> Response {
    if site.store.any_answer() {
        return text(StatusCode::OK, "ready\n");
    }
    let mut response = text(
        StatusCode::SERVICE_UNAVAILABLE,
        "no answer about any identity yet\n",
    );
    response
        .headers_mut()
        .insert(RETRY_AFTER, NOT_READY_RETRY_SECONDS);
    response
}

fn text(status: StatusCode, body: impl Into<String>) -> Response {
    page(status, TEXT, body.into())
}

fn page(status: StatusCode, content_type: HeaderValue, body: impl Reply) -> Response {
    let mut response = body.into_response();
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
