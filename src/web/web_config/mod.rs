//! The web configuration, `--web.config.file`: TLS, logins, headers and a rate limit, in the
//! exporter-toolkit's format, checked in its order and refused in its words.
//!
//! Better than there: files are parsed when they change and not at each request, and one that is
//! broken, or asks for less protection than the one before, changes nothing ([`Kept`]).

mod certificate;
mod client_auth;
mod kept;
mod p521;
mod read;
mod schema;
mod tls;

use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use tokio_rustls::rustls::ServerConfig;

use self::client_auth::ClientAuth;
pub use self::kept::{Gauges, Kept};
use self::read::{Looks, Reader};
use super::users::Users;
use crate::config::Problem;

/// What a web configuration says.
#[derive(Debug, Default)]
pub struct WebConfig {
    /// How to speak TLS, if at all.
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// What every answer carries.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Who may log in; anybody may ask if there is none.
    pub(super) users: Users,
    /// How often anybody may ask, all together.
    pub(super) rate_limit: Option<RateLimit>,
    protection: Protection,
    /// What is probably not meant.
    pub warnings: Vec<Problem>,
}

/// A bucket of `burst` requests, into which one falls each `interval`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RateLimit {
    pub(super) interval: Duration,
    pub(super) burst: u32,
}

/// What keeps strangers out. A file that is caught half-written may well be valid and ask for less.
#[derive(Clone, Debug, Default, PartialEq)]
struct Protection {
    tls: bool,
    client_auth: ClientAuth,
    allowed_names: bool,
    login: bool,
}

impl Protection {
    /// What the other one has less of.
    fn lost_in(&self, other: &Self) -> Option<&'static str> {
        [
            (self.tls && !other.tls, "TLS"),
            (self.client_auth > other.client_auth, "client_auth_type"),
            (
                self.allowed_names && !other.allowed_names,
                "client_allowed_sans",
            ),
            (self.login && !other.login, "basic_auth_users"),
        ]
        .into_iter()
        .find_map(|(lost, what)| lost.then_some(what))
    }
}

/// Headers that may be set, and their values if not any will do.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];

/// A web configuration as it was read.
pub struct Loaded {
    /// What it says.
    pub config: WebConfig,
    file: PathBuf,
    looks: Looks,
}

/// Reads and checks a web configuration and all files that it names.
///
/// # Errors
/// The first thing wrong.
pub fn load(file: &Path) -> Result<Loaded, Problem> {
    let (config, looks) = look(file);
    Ok(Loaded {
        config: config?,
        file: file.to_owned(),
        looks,
    })
}

/// The same, with what the files looked like whatever came of it.
fn look(file: &Path) -> (Result<WebConfig, Problem>, Looks) {
    let mut files = Reader::of(file);
    let config = match files.read(file) {
        Ok(text) => match std::str::from_utf8(&text) {
            Ok(text) => parse(file, text, &mut files),
            Err(_) => Err(Problem::whole(file, "yaml: the file is not UTF-8")),
        },
        Err(error) => Err(Problem::whole(file, error)),
    };
    (config, files.done())
}

fn parse(file: &Path, text: &str, files: &mut Reader) -> Result<WebConfig, Problem> {
    let wrong = |message: String| Problem::whole(file, message);
    let parsed = schema::parse(text).map_err(|error| {
        let mut problem = Problem::shape(file, &error);
        problem.message = format!("yaml: {}", problem.message);
        problem
    })?;
    let http = parsed.http_server_config.unwrap_or_default();
    let headers = http.headers.unwrap_or_default().0;
    let headers: Result<_, _> = headers
        .iter()
        .map(|(name, value)| header(name, value))
        .collect();
    let headers = headers.map_err(wrong)?;
    let users = Users::new(parsed.basic_auth_users.unwrap_or_default().0).map_err(wrong)?;
    let login = !users.is_empty();
    let mut config = WebConfig {
        headers,
        users,
        ..WebConfig::default()
    };
    config.protection.login = login;
    let mut warn = |message| config.warnings.push(Problem::whole(file, message));
    let tls = parsed.tls_server_config.filter(schema::Tls::is_given);
    if let Some(tls) = tls {
        let offer =
            tls::offer(&tls, http.http2.is_none_or(|http2| http2.0), files).map_err(wrong)?;
        offer.warnings.into_iter().for_each(&mut warn);
        config.protection.tls = true;
        config.protection.client_auth = offer.client_auth;
        config.protection.allowed_names = tls
            .client_allowed_sans
            .is_some_and(|names| !names.is_empty());
        config.tls = Some(Arc::new(offer.config));
    } else if login {
        warn("passwords are sent in clear, for there is no tls_server_config".to_owned());
    }
    let limit = parsed.rate_limit.unwrap_or_default();
    let interval = limit
        .interval
        .map(|interval| interval.0)
        .filter(|interval| !interval.is_zero());
    config.rate_limit = interval.map(|interval| RateLimit {
        interval,
        burst: limit.burst.unwrap_or_default(),
    });
    if config.rate_limit.is_some_and(|limit| limit.burst == 0) {
        warn("rate_limit.burst is 0, so that every request is refused".to_owned());
    }
    Ok(config)
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let known = HEADERS.iter().find(|(known, _)| *known == name);
    let (_, allowed) =
        known.ok_or_else(|| format!("HTTP header {name:?} can not be configured"))?;
    if !allowed.is_empty() && !allowed.contains(&value) {
        let allowed: Vec<_> = allowed
            .iter()
            .map(|allowed| format!("{allowed:?}"))
            .collect();
        return Err(format!(
            "invalid value for {name}. Expected one of: [{}], but got: {value:?}",
            allowed.join(" ")
        ));
    }
    let name = HeaderName::try_from(name).expect("these names are names of headers");
    let value =
        HeaderValue::try_from(value).map_err(|_| format!("invalid value for {name}: {value:?}"))?;
    Ok((name, value))
}

/// What is asked of clients, in words; no name and no hash.
impl Display for WebConfig {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.tls {
            None => write!(f, "no TLS")?,
            Some(_) => write!(f, "TLS")?,
        }
        match self.protection.client_auth {
            ClientAuth::No => {}
            mode => write!(f, ", {mode}")?,
        }
        match self.users.len() {
            0 => write!(f, ", no login")?,
            1 => write!(f, ", one user")?,
            users => write!(f, ", {users} users")?,
        }
        match self.rate_limit {
            None => Ok(()),
            Some(RateLimit { interval, burst }) => {
                write!(f, ", {burst} requests and one more each {interval:?}")
            }
        }
    }
}

#[cfg(test)]
mod tests;
