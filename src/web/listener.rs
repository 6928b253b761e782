//! Listening sockets, and who may connect to them.
//!
//! warp's own server panics on a taken port and drains without end; this one does neither.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::service::Service;
use listenfd::ListenFd;
use prometheus::IntGauge;
use socket2::SockRef;
use thiserror::Error as ThisError;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::connection::{self, Cut, Protocol, guard};
use super::handshake::{self, Stream};
use super::login::Peer;
use super::tcp::Tcp;
use super::watch::Watch;
use super::web_config::Kept;
use crate::clock::Clock;

/// Bytes that the system takes over for a client before it has room for them; else it would be
/// megabytes, which no deadline sees.
const UNSENT: u32 = 128 << 10;
/// How soon to look again for a connection that is idle, while there is no place.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How long to wait when the system has no more sockets to give.
const NO_SOCKETS: Duration = Duration::from_millis(200);

/// Where to listen: `host:port`, `:port`, `[::1]:port` or `unix:/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A port, on one host's addresses or on all.
    Tcp(Option<String>, u16),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected HOST:PORT, :PORT, [IPV6]:PORT or unix:/PATH".to_owned();
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() {
                Err(expected())
            } else {
                Ok(Self::Unix(path.into()))
            };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(expected)?;
        let port = port.parse().map_err(|_| expected())?;
        let host = match host.strip_prefix('[').map(|host| host.strip_suffix(']')) {
            Some(Some(host)) => host,
            None if !host.contains(':') => host,
            _ => return Err(expected()),
        };
        Ok(Self::Tcp((!host.is_empty()).then(|| host.to_owned()), port))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(None, port) => write!(f, ":{port}"),
            Self::Tcp(Some(host), port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(Some(host), port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// An address that cannot be listened on.
#[derive(Debug, ThisError)]
#[error("cannot listen on {address}: {error}")]
pub struct CannotListen {
    address: Address,
    error: io::Error,
}

/// A socket that is listening.
#[derive(Debug)]
pub enum Listener {
    /// A port.
    Tcp(TcpListener),
    /// A socket in the file system, removed with this unless it is somebody else's.
    Unix(UnixListener, Option<SocketFile>),
}

/// Removes its file when it goes.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Nobody is left to tell.
        let _ = fs::remove_file(&self.0);
    }
}

/// A listening socket that was open before the process was.
#[derive(Debug)]
pub enum Socket {
    /// A port.
    Tcp(std::net::TcpListener),
    /// A socket in the file system.
    Unix(std::os::unix::net::UnixListener),
}

impl Socket {
    /// All that systemd passes on (`LISTEN_FDS`, sd_listen_fds(3)). To be called before there are
    /// threads, for it writes the environment.
    ///
    /// # Errors
    /// When there are none, or one is neither TCP nor a stream in the file system.
    pub fn from_systemd() -> io::Result<Vec<Self>> {
        let mut passed = ListenFd::from_env();
        if passed.len() == 0 {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "no socket activation file descriptors found",
            ));
        }
        let taken =
            (0..passed.len()).filter_map(|number| Self::take(&mut passed, number).transpose());
        taken.collect()
    }

    fn take(passed: &mut ListenFd, number: usize) -> io::Result<Option<Self>> {
        // What is no TCP is left in its place.
        if let Ok(tcp) = passed.take_tcp_listener(number) {
            return tcp
                .map(|socket| socket.set_nonblocking(true).map(|()| Self::Tcp(socket)))
                .transpose();
        }
        let unix = passed.take_unix_listener(number)?;
        unix.map(|socket| socket.set_nonblocking(true).map(|()| Self::Unix(socket)))
            .transpose()
    }
}

impl Listener {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the address is taken, or not this machine's, or not allowed.
    pub async fn bind(address: &Address) -> Result<Self, CannotListen> {
        let bound = match address {
            Address::Tcp(Some(host), port) => TcpListener::bind((host.as_str(), *port))
                .await
                .map(Self::Tcp),
            Address::Tcp(None, port) => {
                match TcpListener::bind((Ipv6Addr::UNSPECIFIED, *port)).await {
                    // No IPv6 here at all; a taken port is another matter.
                    Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                        TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port))
                            .await
                            .map(Self::Tcp)
                    }
                    bound => bound.map(Self::Tcp),
                }
            }
            Address::Unix(path) => bind_unix(path).await,
        };
        bound.map_err(|error| CannotListen {
            address: address.clone(),
            error,
        })
    }

    /// Listens on a socket that was passed on.
    ///
    /// # Errors
    /// When the runtime cannot take it.
    pub fn adopt(socket: Socket) -> io::Result<Self> {
        match socket {
            Socket::Tcp(socket) => TcpListener::from_std(socket).map(Self::Tcp),
            Socket::Unix(socket) => Ok(Self::Unix(UnixListener::from_std(socket)?, None)),
        }
    }

    /// The address it got: the port, when it was asked for any.
    #[must_use]
    pub fn address(&self) -> String {
        let unknown = |error: io::Error| error.to_string();
        match self {
            Self::Tcp(listener) => listener
                .local_addr()
                .map_or_else(unknown, |at| at.to_string()),
            Self::Unix(listener, _) => listener.local_addr().map_or_else(unknown, |at| {
                at.as_pathname().map_or_else(
                    || "unix:".to_owned(),
                    |path| format!("unix:{}", path.display()),
                )
            }),
        }
    }

    async fn accept(&self) -> io::Result<(Accepted, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                // Both fail only when the other side has gone already.
                let _ = stream.set_nodelay(true);
                let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT);
                Ok((Accepted::Tcp(stream), Peer::new(Some(from.ip()))))
            }
            Self::Unix(listener, _) => {
                Ok((Accepted::Unix(listener.accept().await?.0), Peer::new(None)))
            }
        }
    }
}

/// A socket of a client.
enum Accepted {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Accepted {
    fn watched(self, watch: &Arc<Watch>) -> Box<dyn Stream> {
        match self {
            Self::Tcp(stream) => Box::new(Tcp {
                stream,
                watch: Arc::clone(watch),
            }),
            Self::Unix(stream) => Box::new(stream),
        }
    }
}

/// A socket file that nobody listens on any more is what a killed process leaves behind.
async fn bind_unix(path: &Path) -> io::Result<Listener> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    if is_socket
        && UnixStream::connect(path)
            .await
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    {
        fs::remove_file(path)?;
    }
    Ok(Listener::Unix(
        UnixListener::bind(path)?,
        Some(SocketFile(path.to_owned())),
    ))
}

/// The connections that are open, all listeners together, and how many may be.
#[derive(Clone)]
pub struct Connections(Arc<Shared>);

struct Shared {
    places: Arc<Semaphore>,
    open: IntGauge,
    clock: Clock,
    /// By a number of their own.
    watches: Mutex<HashMap<u64, Arc<Watch>>>,
    next: AtomicU64,
}

/// One open connection.
struct Place {
    connections: Connections,
    number: u64,
    watch: Arc<Watch>,
    _permit: OwnedSemaphorePermit,
}

impl Connections {
    /// At most `most` open connections, counted in `open`.
    #[must_use]
    pub fn new(most: usize, open: IntGauge, clock: Clock) -> Self {
        let (watches, next) = (Mutex::default(), AtomicU64::new(0));
        Self(Arc::new(Shared {
            places: Arc::new(Semaphore::new(most)),
            open,
            clock,
            watches,
            next,
        }))
    }

    fn watches(&self) -> MutexGuard<'_, HashMap<u64, Arc<Watch>>> {
        self.0
            .watches
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more. If there is none, an idle connection has to go; while none is idle,
    /// this waits.
    async fn place(&self) -> Place {
        let permit = loop {
            self.make_place();
            let free = Arc::clone(&self.0.places).acquire_owned();
            if let Ok(permit) = tokio::time::timeout(LOOK_AGAIN, free).await {
                break permit.expect("the semaphore is never closed");
            }
        };
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let watch = Arc::new(Watch::new(self.0.clock.clone()));
        self.watches().insert(number, Arc::clone(&watch));
        self.0.open.inc();
        Place {
            connections: self.clone(),
            number,
            watch,
            _permit: permit,
        }
    }

    /// Has an idle connection closed, if there is no place: first those that never asked anything,
    /// so that no crowd of them pushes out who did; of them the one that has been idle for longest.
    fn make_place(&self) {
        if self.0.places.available_permits() == 0 {
            let watches = self.watches();
            let here = watches
                .values()
                .filter(|watch| !watch.evicted.is_cancelled());
            let first = here
                .filter_map(|watch| Some((watch.idle()?, watch)))
                .min_by_key(|(idle, _)| *idle);
            if let Some((_, watch)) = first {
                watch.evicted.cancel();
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.0.open.dec();
        self.connections.watches().remove(&self.number);
    }
}

/// Serves all who connect until `stop`, then drains: requests under way are given three seconds,
/// idle connections none. With a web configuration TLS is spoken when it says so.
pub async fn serve<S, B>(
    listener: Listener,
    config: Option<Arc<Kept>>,
    service: S,
    connections: Connections,
    stop: CancellationToken,
) where
    S: Service<http::Request<Incoming>, Response = http::Response<B>, Future: Send + 'static>
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
            Ok((stream, peer)) => {
                let place = tokio::select! {
                    // Who was let in is answered.
                    biased;
                    place = connections.place() => place,
                    () = stop.cancelled() => break,
                };
                let (config, service, stop) = (config.clone(), service.clone(), stop.clone());
                tasks.spawn(async move {
                    let watch = Arc::clone(&place.watch);
                    let stream = stream.watched(&watch);
                    if let Some((stream, protocol)) =
                        greet(stream, config, &watch, stop.clone()).await
                    {
                        connection::serve(stream, protocol, peer, service, watch, stop).await;
                    }
                });
            }
            Err(error) => refused(error).await,
        }
        while let Some(ended) = tasks.try_join_next() {
            report(ended);
        }
    }
    drop(listener);
    while let Some(ended) = tasks.join_next().await {
        report(ended);
    }
}

/// TLS, if it is to be spoken; `None` if the client is to be left.
async fn greet(
    stream: Box<dyn Stream>,
    config: Option<Arc<Kept>>,
    watch: &Arc<Watch>,
    stop: CancellationToken,
) -> Option<(Box<dyn Stream>, Protocol)> {
    let Some(config) = config else {
        return Some((stream, Protocol::Http1));
    };
    if config.current().await.tls.is_none() {
        return Some((stream, Protocol::Http1));
    }
    watch.shaking_hands();
    let mut handshake = pin!(handshake::tls(stream, config));
    let mut done = guard(handshake.as_mut(), Arc::clone(watch), stop).await;
    if let Err(Cut::Stopping) = done {
        watch.stopping();
        done = guard(handshake, Arc::clone(watch), CancellationToken::new()).await;
    }
    match done {
        Ok(greeted) => {
            watch.shaken_hands(
                greeted
                    .as_ref()
                    .is_some_and(|(_, protocol)| *protocol == Protocol::Http2),
            );
            greeted
        }
        Err(why) => {
            debug!(%why, "a TLS handshake was cut off");
            None
        }
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        error!(%error, "a connection died");
    }
}

/// Nobody was accepted. Without file descriptors, trying again at once would only burn the CPU.
async fn refused(error: io::Error) {
    let gone = [
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::NotConnected,
    ];
    if !gone.contains(&error.kind()) {
        warn!(%error, "cannot accept connections");
        tokio::time::sleep(NO_SOCKETS).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let tcp = |host: Option<&str>, port| Ok(Address::Tcp(host.map(str::to_owned), port));
        for (text, address) in [
            (":10520", tcp(None, 10520)),
            ("localhost:0", tcp(Some("localhost"), 0)),
            ("[::1]:80", tcp(Some("::1"), 80)),
            (
                "unix:/run/exporter.sock",
                Ok(Address::Unix("/run/exporter.sock".into())),
            ),
        ] {
            let parsed = text.parse::<Address>();
            assert_eq!(parsed, address, "{text}");
            assert_eq!(parsed.unwrap().to_string(), text);
        }
        for text in [
            "",
            "10520",
            "host",
            "host:",
            "host:99999",
            "::1:80",
            "[::1:80",
            "[::1]",
            "unix:",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
