//! Sockets that systemd opens before it starts the process (`systemd.socket(5)`).

use std::io;

use listenfd::ListenFd;

/// A listening socket that was open before the process started.
#[derive(Debug)]
pub enum InheritedSocket {
    /// A TCP port.
    Tcp(std::net::TcpListener),
    /// A socket in the file system. Its file belongs to systemd and is not removed.
    Unix(std::os::unix::net::UnixListener),
}

impl InheritedSocket {
    /// All sockets that systemd passes on (`LISTEN_FDS`, `sd_listen_fds(3)`).
    ///
    /// Call it before the process has threads: it removes the variables from the environment.
    ///
    /// # Errors
    /// When there is no such socket, or one is neither TCP nor a stream socket in the file system.
    pub fn from_systemd() -> io::Result<Vec<Self>> {
        let mut passed = ListenFd::from_env();
        if passed.len() == 0 {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "systemd has passed no socket: a socket unit (systemd.socket(5)) has to start the \
                 service; without one, leave --web.systemd-socket out",
            ));
        }
        let taken =
            (0..passed.len()).filter_map(|number| Self::take(&mut passed, number).transpose());
        taken.collect()
    }

    fn take(passed: &mut ListenFd, number: usize) -> io::Result<Option<Self>> {
        // A socket that is not TCP is left in its place.
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
