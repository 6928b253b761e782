//! How the web server is reached.

use std::io;
use std::net::SocketAddr;

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

/// The status page of a listener as a person opens it: `localhost` where it listens on every
/// address. None for a unix socket.
pub(super) fn page(address: &str, has_tls: bool) -> Option<String> {
    let address: SocketAddr = address.parse().ok()?;
    let scheme = if has_tls { "https" } else { "http" };
    Some(match address.ip().to_canonical() {
        ip if ip.is_unspecified() => format!("{scheme}://localhost:{}/", address.port()),
        _ => format!("{scheme}://{address}/"),
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_urls_that_a_person_can_open() {
        for (address, tls, expected) in [
            ("[::]:10520", false, Some("http://localhost:10520/")),
            ("0.0.0.0:80", true, Some("https://localhost:80/")),
            ("127.0.0.1:1", false, Some("http://127.0.0.1:1/")),
            ("[2001:db8::1]:1", false, Some("http://[2001:db8::1]:1/")),
            ("unix:/run/socket", false, None),
        ] {
            assert_eq!(page(address, tls).as_deref(), expected, "{address}");
        }
    }
}
