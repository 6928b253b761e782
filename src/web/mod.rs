//! The HTTP interface: routes, `/metrics`, the status page and its JSON, the list of identities.
//!
//! Sockets, TLS, logins, limits and deadlines are the business of [`exporter_web`].

mod identities;
mod management;
pub mod negotiation;
mod parameters;
mod places;
mod response;
mod routes;
mod scrape;
mod server;
mod state;
mod status;
mod stream;

pub use self::server::{Dependencies, Options, Server};
