//! What protects a server from strangers, and whether another file has less of it.
//!
//! A file that is cut off before some of its keys may be valid, and the default of a key that is
//! missing may let more clients in. So each key of the file has its part here.
//!
//! Such a file may also ask for more than the whole, and then the whole must not be taken for less:
//! a list may go on where it ended, and a key that is missing may come with any value.

use std::time::Duration;

use super::client_auth::ClientAuth;
use super::scalars::TlsVersion;
use super::schema::{Entries, File, HttpServerConfig, RateLimit, TlsServerConfig};

/// The protection that a file asks for. The default is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Protection {
    tls: Option<Tls>,
    /// Whether HTTP/2 is off.
    without_http2: bool,
    headers: Vec<(String, String)>,
    login: bool,
    /// The time for one more request, and how many may come at once.
    rate_limit: Option<(Duration, u32)>,
}

#[derive(Clone, Debug, PartialEq)]
struct Tls {
    /// Whether clients' authorities are named, in place of those of the system.
    own_authorities: bool,
    client_auth: ClientAuth,
    allowed_names: bool,
    min_version: TlsVersion,
    /// As configured.
    max_version: Option<TlsVersion>,
    /// Empty for the default, which has all.
    cipher_suites: Vec<String>,
    /// As configured.
    server_chooses: Option<bool>,
    /// Empty for the default, which has all.
    curves: Vec<String>,
}

impl Protection {
    /// The protection that a valid file asks for.
    pub(super) fn of(file: &File) -> Self {
        // A new key does not compile until it has its part.
        let File {
            tls_server_config,
            http_server_config,
            basic_auth_users,
            rate_limit,
        } = file;
        let (without_http2, headers) = match http_server_config {
            Some(HttpServerConfig { http2, headers }) => {
                let headers = headers.as_ref().map(|Entries(headers)| headers.clone());
                (
                    http2.is_some_and(|http2| !http2.0),
                    headers.unwrap_or_default(),
                )
            }
            None => (false, Vec::new()),
        };
        let limit = rate_limit.as_ref().and_then(|limit| {
            let RateLimit { interval, burst } = limit;
            let interval = interval.map(|interval| interval.0)?;
            (!interval.is_zero()).then_some((interval, burst.unwrap_or(0)))
        });
        let tls = tls_server_config.as_ref().filter(|tls| tls.is_given());
        Self {
            tls: tls.map(Tls::of),
            without_http2,
            headers,
            login: basic_auth_users
                .as_ref()
                .is_some_and(|Entries(users)| !users.is_empty()),
            rate_limit: limit,
        }
    }

    /// What is asked of clients.
    pub(super) fn client_auth(&self) -> ClientAuth {
        self.tls
            .as_ref()
            .map_or(ClientAuth::No, |tls| tls.client_auth)
    }

    /// Whether clients have to show who they are: by a password, or by a certificate of an
    /// authority, or with a name, that the file names. The system's authorities issue certificates
    /// to anybody.
    pub(super) fn has_login(&self) -> bool {
        let by_certificate = |tls: &Tls| {
            let names_some = tls.own_authorities || tls.allowed_names;
            tls.client_auth == ClientAuth::RequireAndVerify && names_some
        };
        self.login || self.tls.as_ref().is_some_and(by_certificate)
    }

    pub(super) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The key of a protection that `other` has less of.
    pub(super) fn lost_in(&self, other: &Self) -> Option<&'static str> {
        let Self {
            tls,
            without_http2,
            headers,
            login,
            rate_limit,
        } = self;
        let lost_tls = || match (tls, &other.tls) {
            (Some(tls), Some(other)) => tls.lost_in(other),
            (Some(_), None) => Some("TLS"),
            (None, _) => None,
        };
        let lost = [
            (
                *without_http2 && !other.without_http2,
                "http_server_config.http2",
            ),
            (
                headers.iter().any(|header| is_lost(header, &other.headers)),
                "http_server_config.headers",
            ),
            (*login && !other.login, "basic_auth_users"),
            (
                rate_limit.is_some_and(|limit| allows_more(limit, other.rate_limit)),
                "rate_limit",
            ),
        ];
        lost_tls().or_else(|| first(lost))
    }
}

impl Tls {
    fn of(tls: &TlsServerConfig) -> Self {
        let TlsServerConfig {
            // Changed ones are taken over: that is how they are renewed.
            cert: _,
            cert_file: _,
            key: _,
            key_file: _,
            client_ca,
            client_ca_file,
            client_auth_type,
            client_allowed_sans,
            min_version,
            max_version,
            cipher_suites,
            prefer_server_cipher_suites,
            curve_preferences,
        } = tls;
        let authorities = [client_ca, client_ca_file].into_iter().flatten();
        let suites = cipher_suites.as_deref().unwrap_or_default();
        let curves = curve_preferences.as_deref().unwrap_or_default();
        Self {
            own_authorities: authorities.into_iter().any(|text| !text.is_empty()),
            client_auth: ClientAuth::parse(client_auth_type.as_deref().unwrap_or_default())
                .unwrap_or_default(),
            allowed_names: client_allowed_sans
                .as_ref()
                .is_some_and(|names| !names.is_empty()),
            // Earlier ones are never served.
            min_version: min_version.map_or(TlsVersion::Tls12, |min| min.max(TlsVersion::Tls12)),
            max_version: *max_version,
            cipher_suites: suites.iter().map(|suite| suite.0.clone()).collect(),
            server_chooses: prefer_server_cipher_suites.map(|prefer| prefer.0),
            curves: curves.iter().map(|curve| format!("{curve:?}")).collect(),
        }
    }

    fn lost_in(&self, other: &Self) -> Option<&'static str> {
        let Self {
            own_authorities,
            client_auth,
            allowed_names,
            min_version,
            max_version,
            cipher_suites,
            server_chooses,
            curves,
        } = self;
        first([
            (*client_auth > other.client_auth, "client_auth_type"),
            (*own_authorities && !other.own_authorities, "client_ca_file"),
            (
                *allowed_names && !other.allowed_names,
                "client_allowed_sans",
            ),
            (*min_version > other.min_version, "min_version"),
            (
                max_version.is_some_and(|max| other.max_version.is_some_and(|now| now < max)),
                "max_version",
            ),
            (
                has_more(cipher_suites, &other.cipher_suites),
                "cipher_suites",
            ),
            (
                *server_chooses == Some(true) && other.server_chooses == Some(false),
                "prefer_server_cipher_suites",
            ),
            (has_more(curves, &other.curves), "curve_preferences"),
        ])
    }
}

fn first<const N: usize>(lost: [(bool, &'static str); N]) -> Option<&'static str> {
    lost.into_iter()
        .find_map(|(is_lost, key)| is_lost.then_some(key))
}

/// Whether a list, of which an empty one means all, has something that the list before had not. One
/// that goes on where that ended may be the whole of it.
fn has_more(before: &[String], now: &[String]) -> bool {
    let goes_on = !now.is_empty() && now.starts_with(before);
    !before.is_empty()
        && !goes_on
        && (now.is_empty() || now.iter().any(|name| !before.contains(name)))
}

/// Whether a header is missing, or its value is cut off.
fn is_lost((name, value): &(String, String), now: &[(String, String)]) -> bool {
    let now = now.iter().find(|(other, _)| other == name);
    now.is_none_or(|(_, other)| other != value && value.starts_with(other.as_str()))
}

/// Whether more requests are allowed now, or none at all, as without the last key of a limit. A
/// limit that allows none may have lost that key.
fn allows_more((interval, burst): (Duration, u32), now: Option<(Duration, u32)>) -> bool {
    now.is_none_or(|(other_interval, other_burst)| {
        other_interval < interval || burst > 0 && (other_burst > burst || other_burst == 0)
    })
}

#[cfg(test)]
mod tests;
