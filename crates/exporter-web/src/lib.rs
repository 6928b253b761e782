//! The [exporter-toolkit]'s job in Rust: everything between a Prometheus exporter's sockets and its
//! routes, for any exporter whose routes are a hyper service.
//!
//! ```no_run
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! use exporter_web::service::{Incoming, service_fn};
//! use exporter_web::{Listener, Server, WebConfigFile};
//! use http::{Request, Response};
//!
//! let server = Server::builder()
//!     .web_config(Some(WebConfigFile::load("web.yaml".as_ref())?))
//!     .build();
//! let listener = Listener::bind(&":9100".parse()?).await?;
//! let metrics = service_fn(|_: Request<Incoming>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new("up 1\n".to_owned()))
//! });
//! server.serve(listener, metrics, std::future::pending()).await;
//! # Ok(())
//! # }
//! ```
//!
//! `examples/hello.rs` is a complete exporter.
//!
//! [exporter-toolkit]: https://github.com/prometheus/exporter-toolkit
//!
//! # The way of a request
//!
//! | module | job |
//! |---|---|
//! | `address`, `systemd`, `listener` | where to listen: TCP, unix sockets, systemd's sockets |
//! | `accept`, `slots` | the accept loop; the limit of connections, and which one makes way |
//! | `handshake` | TLS, with the certificate that is in force at the ClientHello |
//! | `connection`, `stream` | HTTP/1.1 and HTTP/2 on one connection |
//! | `deadline` | what a connection is doing, and until when |
//! | `access`, `rate_limit` | the layer before the exporter's service: rate limit, login, headers |
//! | `request`, `unwind` | malformed requests; panics of the service |
//! | `login` | basic authentication: credentials, users, the queue for bcrypt |
//! | `web_config` | the toolkit's configuration file: reading, checking, following it |
//! | `metrics` | what a server reports to the exporter's own metrics |
//!
//! `server` puts them together. `clock` is the one module that reads a clock.
//!
//! # Malformed requests and panics
//!
//! Malformed requests are refused first, with 400 or 501, as by Go: those without a path
//! (`CONNECT`, the authority form), with a malformed `Host`, several or, in HTTP/1.1, none, and
//! with a transfer coding other than one `chunked`. A panic of the service makes a 500 of that
//! request; a panic of a response's body cuts that response off. Other requests and connections do
//! not notice: no lock in this package stays poisoned.
//!
//! # Connections and deadlines
//!
//! A connection has a deadline for whatever it does:
//!
//! | phase | maximum | after it |
//! |---|---|---|
//! | idle between requests | 330 s, longer than Prometheus keeps its own | closed |
//! | TLS handshake, or a request's head | 10 s | reset |
//! | response, until the client has received it | 60 s | reset |
//! | draining when the server stops | 3 s; 1 s without a request | closed |
//!
//! The socket, the service and the response body report progress to one state, and one task polls
//! them all, so that it knows when to re-arm the deadline. A connection that misses a deadline in a
//! request is reset, and so is one whose response fails: closing it would leave the system sending
//! to a client that hardly reads. The system buffers 128 KiB of a response and no more, or else
//! such a client would seem to have received megabytes.
//!
//! When all connection slots are taken, an idle connection is closed for a new one: the one with
//! the fewest responses, so that a crowd of clients that ask once, or never, does not push out a
//! scraper that comes back; of equal ones the longest idle. [`connection_limit`] keeps the slots
//! below the limit of open files.
//!
//! # The web configuration
//!
//! The format, the order of checks and the messages are the toolkit's. The file is followed without
//! a watcher: each request and each handshake compares the stamps (times, size, inode) of all files
//! that it is made of. The clocks of file systems are coarse, so files are read and compared in any
//! case until their stamps have stayed the same for three seconds. The toolkit parses for each
//! request and fails when a file is half-written; here the last valid configuration stays in force.
//! An empty file is valid and asks for no login, so a file that asks for less protection than the
//! one before is not taken over while the process runs.
//!
//! rustls has no CBC suites, no TLS 1.0 and no TLS 1.1. They are accepted in the configuration with
//! a warning, and never served.
//!
//! # Client certificates
//!
//! webpki verifies them, but for those that it does not accept and Go does: a certificate that is
//! itself a trusted authority, and one of version 1 or with `CA:TRUE` that an authority signed
//! directly. Alerts are those of Go.
//!
//! # Logins
//!
//! A successful login is remembered as a keyed digest, one for each user, so that nothing is ever
//! pushed out; failures are not remembered. Login checks take the same time whether or not the user
//! exists: a failure with a cheap hash is followed by work on placeholder hashes until it has cost
//! as much as the most expensive one (2^c + ... + 2^(m-1) = 2^m - 2^c), up to a cost of 14. bcrypt
//! has half of the cores. Each client has a lane of its own in the queue, and lanes take turns:
//! first those of clients whose last login did not fail. When all places are taken, the longest
//! lane gives one up.
//!
//! # Dependencies
//!
//! One TLS stack: rustls on aws-lc-rs. In spite of its name aws-lc-rs is no part of the AWS SDK,
//! but the cryptography library that rustls uses by default; its HMAC, digests and P-521 are used
//! here too. bcrypt and x509-cert are pure Rust.

mod accept;
mod access;
mod address;
mod clock;
mod connection;
mod connection_limit;
mod deadline;
mod handshake;
mod listener;
mod login;
mod metrics;
mod peer;
mod rate_limit;
mod request;
mod server;
mod slots;
mod stream;
mod sync;
mod systemd;
mod unwind;
mod web_config;

pub mod service;

pub use self::address::{Address, ParseAddressError};
pub use self::connection_limit::connection_limit;
pub use self::listener::{BindError, Listener};
// For the fuzz target of the `Authorization` header only.
#[doc(hidden)]
pub use self::login::Credentials;
pub use self::metrics::Metrics;
pub use self::peer::Peer;
pub use self::server::{Server, ServerBuilder};
pub use self::systemd::InheritedSocket;
pub use self::web_config::{WebConfigError, WebConfigFile, WebConfigWarning};
