//! The server: all of this package in one value.

use std::error::Error;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::service::Service;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::accept::accept_connections;
use crate::access::AccessLayer;
use crate::listener::Listener;
use crate::metrics::Metrics;
use crate::slots::ConnectionSlots;
use crate::web_config::{WebConfigFile, WebConfigWatcher};

/// Default of [`ServerBuilder::max_connections`]. A scraper needs one or two.
const MAX_CONNECTIONS: usize = 512;

/// An exporter's web server. Clones share connection slots, logins, rate limit and web
/// configuration, so that one server may serve several listeners.
#[derive(Clone)]
pub struct Server {
    config: Arc<WebConfigWatcher>,
    slots: ConnectionSlots,
    access: AccessLayer,
}

/// Options of a [`Server`].
pub struct ServerBuilder {
    web_config: Option<WebConfigFile>,
    max_connections: usize,
    paths_without_login: Vec<String>,
    metrics: Arc<dyn Metrics>,
}

impl Server {
    /// A server with default options: plain HTTP without a login, 512 connections, no metrics.
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder {
            web_config: None,
            max_connections: MAX_CONNECTIONS,
            paths_without_login: Vec::new(),
            metrics: Arc::new(()),
        }
    }

    /// Serves the clients of a listener until `stop` completes, then drains: requests in progress
    /// have three seconds to complete, idle connections are closed.
    ///
    /// The service sees only requests that pass the web configuration's rate limit and login. When
    /// it returns an error, the connection is closed without a response.
    pub async fn serve<S, B>(&self, listener: Listener, service: S, stop: impl Future<Output = ()>)
    where
        S: Service<Request<Incoming>, Response = Response<B>, Future: Send + 'static>
            + Clone
            + Send
            + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>> + 'static,
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
    {
        let stopping = CancellationToken::new();
        let mut serving = pin!(accept_connections(
            listener,
            Arc::clone(&self.config),
            self.access.layer(service),
            self.slots.clone(),
            stopping.clone(),
        ));
        tokio::select! {
            () = stop => stopping.cancel(),
            () = serving.as_mut() => return,
        }
        serving.await;
    }
}

impl Server {
    /// Whether clients have to show who they are; see [`WebConfigFile::has_login`]. Once they have
    /// to, they do for as long as the server runs: a file that asks for less is not taken over.
    pub async fn has_login(&self) -> bool {
        self.config.current().await.has_login()
    }
}

impl ServerBuilder {
    /// Follows a web configuration: changes of its files are in force from the next request or
    /// handshake on, as long as they are valid and do not ask for less protection.
    #[must_use]
    pub fn web_config(mut self, file: Option<WebConfigFile>) -> Self {
        self.web_config = file;
        self
    }

    /// Maximum open client connections across all listeners. When it is reached, an idle
    /// connection is closed: one that was used least, or else the longest idle. See
    /// [`connection_limit`](crate::connection_limit) for what the process may have. At least 1.
    #[must_use]
    pub fn max_connections(mut self, max: usize) -> Self {
        self.max_connections = max.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Paths that need no login, such as `/-/healthy`; a request's path must match exactly. The
    /// rate limit applies to them.
    #[must_use]
    pub fn paths_without_login<P: Into<String>>(
        mut self,
        paths: impl IntoIterator<Item = P>,
    ) -> Self {
        self.paths_without_login = paths.into_iter().map(Into::into).collect();
        self
    }

    /// Reports events to the exporter's own metrics.
    #[must_use]
    pub fn metrics(mut self, metrics: Arc<dyn Metrics>) -> Self {
        self.metrics = metrics;
        self
    }

    /// The server. It does nothing until [`Server::serve`].
    #[must_use]
    pub fn build(self) -> Server {
        let config = Arc::new(WebConfigWatcher::new(
            self.web_config,
            Arc::clone(&self.metrics),
        ));
        let access = AccessLayer::new(
            Arc::clone(&config),
            Arc::clone(&self.metrics),
            self.paths_without_login,
        );
        Server {
            config,
            slots: ConnectionSlots::new(self.max_connections, self.metrics),
            access,
        }
    }
}
