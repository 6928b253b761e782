//! How the web server is reached.

use std::io;

use exporter_web::{InheritedSocket, Listener, WebConfigFile, connection_limit};

use super::StartError;
use crate::cli;
use crate::web;

/// How the web server is reached.
pub struct WebOptions {
    /// The flags.
    pub flags: cli::Web,
    /// The web configuration, if there is a file.
    pub config: Option<WebConfigFile>,
    /// Sockets that systemd passed on, with `--web.systemd-socket`.
    pub sockets: Vec<InheritedSocket>,
}

/// Listens on the sockets that were passed on, or else on addresses.
pub(super) async fn listen(
    flags: &cli::Web,
    sockets: Vec<InheritedSocket>,
) -> Result<Vec<Listener>, StartError> {
    if flags.systemd_socket {
        let listeners: io::Result<_> = sockets.into_iter().map(Listener::inherit).collect();
        return Ok(listeners?);
    }
    let mut listeners = Vec::with_capacity(flags.listen_address.len());
    for address in &flags.listen_address {
        listeners.push(Listener::bind(address).await?);
    }
    Ok(listeners)
}

/// Open files are reserved for the calls to AWS, of which at most `max_in_flight` are under way.
pub(super) fn web_options(
    flags: cli::Web,
    web_config: Option<WebConfigFile>,
    max_in_flight: usize,
) -> web::Options {
    web::Options {
        telemetry_path: flags.telemetry_path,
        web_config,
        max_connections: connection_limit(flags.max_connections, max_in_flight),
        max_requests: flags.max_requests as usize,
        health_without_login: flags.health_without_login,
    }
}
