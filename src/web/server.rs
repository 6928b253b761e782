//! The web server: routes behind [`exporter_web`]'s connections, logins and limits.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use exporter_web::service::{Incoming, Service, TowerToHyperService, service_fn};
use exporter_web::{Listener, Peer, WebConfigFile};
use http::{HeaderMap, Method, Request, Version};
use tokio::sync::mpsc;
use warp::Filter;
use warp::path::FullPath;
use warp::reply::Response;

use super::identities;
use super::places::Places;
use super::routes::respond;
use super::state::{AppState, RequestHead, long_work};
use super::status::cache::StatusCache;
use crate::clock::Clock;
use crate::exposition::Exposition;
use crate::first_sweep::FirstSweep;
use crate::health::Watchdog;
use crate::poller::PollerHandle;
use crate::progress::{ExchangeProgress, Progress};
use crate::reload;
use crate::store::Store;
use crate::telemetry::Telemetry;

/// Paths that may be exempt from the login.
const HEALTH_PATHS: [&str; 2] = ["/-/healthy", "/-/ready"];

/// What responses are made from.
pub struct Dependencies {
    /// What is known of the identities.
    pub store: Arc<Store>,
    /// The exporter's own metrics.
    pub telemetry: Arc<Telemetry>,
    /// The progress of polling.
    pub progress: Arc<Progress>,
    /// The progress of exchanges.
    pub exchanges: Arc<ExchangeProgress>,
    /// How far the first sweep has come.
    pub first_sweep: Arc<FirstSweep>,
    /// Explains when targets are polled next.
    pub poller: PollerHandle,
    /// The loops that `/-/healthy` reports on.
    pub watchdog: Watchdog,
    /// Reads the configuration again; `None` forbids that.
    pub reload: Option<mpsc::Sender<reload::Request>>,
    /// The configuration's file, to be shown.
    pub config_file: Option<PathBuf>,
    /// The clock.
    pub clock: Clock,
}

/// How a [`Server`] serves.
pub struct Options {
    /// The absolute path of the metrics.
    pub telemetry_path: String,
    /// The web configuration.
    pub web_config: Option<WebConfigFile>,
    /// Maximum open client connections across all listeners.
    pub max_connections: usize,
    /// Maximum scrapes in progress; 0 is no limit.
    pub max_requests: usize,
    /// Whether health and readiness need no login.
    pub health_without_login: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            telemetry_path: "/metrics".to_owned(),
            web_config: None,
            max_connections: 512,
            max_requests: 40,
            health_without_login: false,
        }
    }
}

/// The exporter's web server. Clones are the same server.
#[derive(Clone)]
pub struct Server {
    state: Arc<AppState>,
    front: exporter_web::Server,
}

impl Server {
    /// Whether clients have to show who they are, for as long as the server runs.
    pub async fn has_login(&self) -> bool {
        self.front.has_login().await
    }

    /// A server of a store and the exporter's own metrics.
    #[must_use]
    pub fn new(dependencies: Dependencies, options: Options) -> Self {
        let Dependencies {
            store,
            telemetry,
            progress,
            exchanges,
            first_sweep,
            poller,
            watchdog,
            reload,
            config_file,
            clock,
        } = dependencies;
        let without_login = if options.health_without_login {
            &HEALTH_PATHS[..]
        } else {
            &[]
        };
        let front = exporter_web::Server::builder()
            .web_config(options.web_config)
            .max_connections(options.max_connections)
            .paths_without_login(without_login.iter().copied())
            .metrics(Arc::<Telemetry>::clone(&telemetry))
            .build();
        let state = AppState {
            telemetry_path: options.telemetry_path,
            exposition: Exposition::new(Arc::clone(&store)),
            places: Places::new(options.max_requests),
            lists: Places::new(identities::MAX_LISTS),
            long_work: long_work(),
            store,
            telemetry,
            progress,
            exchanges,
            first_sweep,
            poller,
            config_file,
            status: StatusCache::default(),
            watchdog,
            reload,
            clock,
        };
        Self {
            state: Arc::new(state),
            front,
        }
    }

    /// Serves the clients of a listener until `stop` completes, then drains for three seconds.
    pub async fn serve(&self, listener: Listener, stop: impl Future<Output = ()>) {
        self.serve_adjusted(listener, |_| {}, stop).await;
    }

    /// Like [`Server::serve`], with a change of each request before it is answered, for tests.
    pub async fn serve_adjusted(
        &self,
        listener: Listener,
        adjust: fn(&mut Request<Incoming>),
        stop: impl Future<Output = ()>,
    ) {
        let routes = routes(Arc::clone(&self.state));
        let service = service_fn(move |mut request: Request<Incoming>| {
            adjust(&mut request);
            // warp has no filter for the version.
            let version = request.version();
            request.extensions_mut().insert(version);
            routes.call(request)
        });
        self.front.serve(listener, service, stop).await;
    }
}

/// The table of routes as a service, by way of warp.
fn routes(
    state: Arc<AppState>,
) -> impl Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send> + Clone + Send
{
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    let request = warp::method()
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::ext::get())
        .and(warp::ext::get());
    let routes = request.then(
        move |method: Method,
              path: FullPath,
              query: String,
              headers: HeaderMap,
              version: Version,
              peer: Peer| {
            let state = Arc::clone(&state);
            let head = RequestHead {
                method,
                path: path.as_str().to_owned(),
                query,
                headers,
                version,
                peer,
            };
            async move { respond(&state, &head).await }
        },
    );
    TowerToHyperService::new(warp::service(routes))
}
