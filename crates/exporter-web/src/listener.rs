//! Listening sockets.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use socket2::SockRef;
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

use crate::address::Address;
use crate::deadline::ConnectionState;
use crate::peer::Peer;
use crate::stream::{Hooked, ResetIfCutOff, Stream};
use crate::systemd::InheritedSocket;

/// Bytes of a response that the system buffers before the client reads them. By default it is
/// megabytes, and a client that hardly reads would seem to have received them.
const UNSENT_BYTES: u32 = 128 << 10;
/// Connections that wait to be accepted, as tokio has it.
const BACKLOG: u32 = 1_024;

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    /// The socket's file, unless it belongs to systemd.
    _file: Option<SocketFile>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The file of a unix socket, removed when dropped.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // A file that is left behind is replaced by the next process.
        let _ = fs::remove_file(&self.0);
    }
}

/// An address that cannot be listened on.
#[derive(Debug, Error)]
#[error("cannot listen on {address}: {error}")]
pub struct BindError {
    address: Address,
    error: io::Error,
}

impl BindError {
    /// What kind of error the system gave.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.error.kind()
    }
}

impl Listener {
    /// Binds an address and listens on it.
    ///
    /// A port without a host is bound for IPv6 and IPv4. A unix socket's file that no process
    /// listens on is replaced.
    ///
    /// # Errors
    /// When the address is in use, not an address of this machine, or not permitted.
    pub async fn bind(address: &Address) -> Result<Self, BindError> {
        let bound = match address {
            Address::Tcp(Some(host), port) => {
                let bound = TcpListener::bind((host.as_str(), *port)).await;
                bound.map(|listener| Socket::Tcp(listener).into())
            }
            Address::Tcp(None, port) => {
                let bound = bind_all(*port);
                bound.map(|listener| Socket::Tcp(listener).into())
            }
            Address::Unix(path) => bind_unix(path).await,
        };
        bound.map_err(|error| BindError {
            address: address.clone(),
            error,
        })
    }

    /// Listens on a socket that systemd passed on.
    ///
    /// # Errors
    /// When the runtime cannot register it.
    pub fn inherit(socket: InheritedSocket) -> io::Result<Self> {
        let socket = match socket {
            InheritedSocket::Tcp(socket) => Socket::Tcp(TcpListener::from_std(socket)?),
            InheritedSocket::Unix(socket) => Socket::Unix(UnixListener::from_std(socket)?),
        };
        Ok(socket.into())
    }

    /// The address that it listens on: `host:port` with the port that was chosen if 0 was asked
    /// for, or `unix:/path`.
    #[must_use]
    pub fn local_address(&self) -> String {
        let unknown = |error: io::Error| error.to_string();
        match &self.socket {
            Socket::Tcp(listener) => listener
                .local_addr()
                .map_or_else(unknown, |address| address.to_string()),
            Socket::Unix(listener) => listener.local_addr().map_or_else(unknown, |address| {
                address.as_pathname().map_or_else(
                    || "unix:".to_owned(),
                    |path| format!("unix:{}", path.display()),
                )
            }),
        }
    }

    /// Whether only clients on this machine reach it: a unix socket, or one at a loopback address.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match &self.socket {
            Socket::Tcp(listener) => listener
                .local_addr()
                .is_ok_and(|address| address.ip().to_canonical().is_loopback()),
            Socket::Unix(_) => true,
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<(Accepted, Peer)> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Both fail only when the client has gone already.
                let _ = stream.set_nodelay(true);
                let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES);
                Ok((Accepted::Tcp(stream), Peer::at(address.ip())))
            }
            Socket::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Accepted::Unix(stream), Peer::LOCAL))
            }
        }
    }
}

impl From<Socket> for Listener {
    fn from(socket: Socket) -> Self {
        Self {
            socket,
            _file: None,
        }
    }
}

/// A client's socket.
pub(crate) enum Accepted {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Accepted {
    pub(crate) fn into_stream(self, state: &Arc<ConnectionState>) -> Box<dyn Stream> {
        match self {
            Self::Tcp(stream) => Box::new(Hooked::new(stream, ResetIfCutOff(Arc::clone(state)))),
            Self::Unix(stream) => Box::new(stream),
        }
    }
}

fn bind_all(port: u16) -> io::Result<TcpListener> {
    match bind_dual_stack(port) {
        // This machine has no IPv6. A port in use is another matter.
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            let socket = TcpSocket::new_v4()?;
            listen(socket, (Ipv4Addr::UNSPECIFIED, port).into())
        }
        bound => bound,
    }
}

/// For IPv6 and IPv4, whatever `net.ipv6.bindv6only` says.
fn bind_dual_stack(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v6()?;
    SockRef::from(&socket).set_only_v6(false)?;
    listen(socket, (Ipv6Addr::UNSPECIFIED, port).into())
}

fn listen(socket: TcpSocket, address: SocketAddr) -> io::Result<TcpListener> {
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A process that is killed leaves its socket's file behind.
async fn bind_unix(path: &Path) -> io::Result<Listener> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    if is_socket
        && UnixStream::connect(path)
            .await
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    {
        fs::remove_file(path)?;
    }
    Ok(Listener {
        socket: Socket::Unix(UnixListener::bind(path)?),
        _file: Some(SocketFile(path.to_owned())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[tokio::test]
    async fn loopback_and_unix_sockets_are_local() {
        let directory = tempfile::tempdir().unwrap();
        let unix = format!("unix:{}/socket", directory.path().display());
        for (address, expected) in [
            ("127.0.0.1:0", true),
            ("127.8.8.8:0", true),
            ("localhost:0", true),
            (unix.as_str(), true),
            (":0", false),
            ("0.0.0.0:0", false),
        ] {
            let listener = Listener::bind(&address.parse().unwrap()).await.unwrap();
            assert_eq!(listener.is_local(), expected, "{address}");
        }
        for (address, expected) in [("127.0.0.1:0", true), ("0.0.0.0:0", false)] {
            let passed_on = std::net::TcpListener::bind(address).unwrap();
            passed_on.set_nonblocking(true).unwrap();
            let listener = Listener::inherit(InheritedSocket::Tcp(passed_on)).unwrap();
            assert_eq!(listener.is_local(), expected, "{address}");
        }
    }

    /// Set in a network namespace of its own where `bindv6only` is set.
    const CONFINED: &str = "LISTENER_TEST_CONFINED";
    const NAME: &str = "listener::tests::a_port_without_a_host_is_for_both_families";
    const SET_UP: &str = r#"ip link set lo up && echo 1 > /proc/sys/net/ipv6/bindv6only"#;

    fn in_namespace(script: &str) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net", "sh", "-c", script]);
        command
    }

    #[tokio::test]
    async fn a_port_without_a_host_is_for_both_families() {
        let Ok(listener) = bind_dual_stack(0) else {
            eprintln!("skipped: no IPv6");
            return;
        };
        assert!(!SockRef::from(&listener).only_v6().unwrap());
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap();
        if std::env::var_os(CONFINED).is_some() {
            let as_written = TcpListener::bind("[::]:0").await.unwrap();
            assert!(SockRef::from(&as_written).only_v6().unwrap());
            return;
        }
        let is_possible = in_namespace(SET_UP).status().is_ok_and(|it| it.success());
        if !is_possible {
            eprintln!("skipped: no namespaces");
            return;
        }
        let again = in_namespace(&format!("{SET_UP} && exec \"$0\" --exact {NAME}"))
            .arg(std::env::current_exe().unwrap())
            .env(CONFINED, "1")
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&again.stdout);
        assert!(again.status.success(), "{output}");
        assert!(output.contains("1 passed"), "{output}");
    }
}
