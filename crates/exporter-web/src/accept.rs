//! The accept loop of one listener.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::service::Service;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::connection;
use crate::handshake::negotiate;
use crate::listener::Listener;
use crate::slots::ConnectionSlots;
use crate::web_config::WebConfigWatcher;

/// How long to wait when the system has no file descriptor for a new connection. Trying again at
/// once would only use the CPU.
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// Serves all clients that connect until `stop` is cancelled, then drains the open connections.
pub(crate) async fn accept_connections<S, B>(
    listener: Listener,
    config: Arc<WebConfigWatcher>,
    service: S,
    slots: ConnectionSlots,
    stop: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Future: Send + 'static>
        + Clone
        + Send
        + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>> + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
{
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((accepted, peer)) => {
                let slot = tokio::select! {
                    // An accepted connection is always served, even while the server stops.
                    biased;
                    slot = slots.acquire() => slot,
                    () = stop.cancelled() => break,
                };
                let (config, service, stop) = (Arc::clone(&config), service.clone(), stop.clone());
                tasks.spawn(async move {
                    let state = Arc::clone(&slot.state);
                    let stream = accepted.into_stream(&state);
                    if let Some((stream, protocol)) =
                        negotiate(stream, config, &state, stop.clone()).await
                    {
                        connection::serve(stream, protocol, peer, service, state, stop).await;
                    }
                });
            }
            Err(error) => wait_after(&error).await,
        }
        // A task that panicked has lost its own connection only; the panic hook reports it.
        while tasks.try_join_next().is_some() {}
    }
    drop(listener);
    while tasks.join_next().await.is_some() {}
}

/// Waits unless the error is about one client that has gone already.
async fn wait_after(error: &io::Error) {
    let is_of_client = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::NotConnected
    );
    if !is_of_client {
        warn!(%error, "cannot accept connections");
        tokio::time::sleep(ACCEPT_RETRY_INTERVAL).await;
    }
}
