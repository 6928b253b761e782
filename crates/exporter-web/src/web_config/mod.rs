//! The web configuration: TLS, logins, headers and a rate limit, in the format of the
//! exporter-toolkit (`docs/web-configuration.md` there), checked in its order and refused in its
//! words.
//!
//! Unlike there, files are parsed when they change and not for each request, and a file that is
//! broken, or asks for less protection than the one before, changes nothing.

mod certificate;
mod cipher_suites;
mod client_auth;
mod config;
mod error;
mod headers;
mod key_pair;
mod load;
mod p521;
mod protection;
mod read;
mod scalars;
mod schema;
mod stamps;
mod tls;
mod warning;
mod watcher;

pub(crate) use self::config::WebConfig;
pub use self::error::WebConfigError;
pub use self::load::WebConfigFile;
pub use self::warning::WebConfigWarning;
pub(crate) use self::watcher::WebConfigWatcher;

#[cfg(test)]
mod tests;
