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
mod tests {
    use super::super::schema::parse;
    use super::*;

    const FULL: &str = "\
tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  client_allowed_sans: [prometheus.example]
  min_version: TLS13
  max_version: TLS13
  cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384]
  prefer_server_cipher_suites: true
  curve_preferences: [X25519, CurveP256]
http_server_config:
  http2: false
  headers:
    Strict-Transport-Security: max-age=31536000; includeSubDomains
    X-Frame-Options: deny
basic_auth_users:
  alice: hash
rate_limit:
  interval: 1s
  burst: 20
";

    fn protection(text: &str) -> Protection {
        Protection::of(&parse(text).unwrap())
    }

    fn lost_in(text: &str) -> Option<&'static str> {
        protection(FULL).lost_in(&protection(text))
    }

    #[test]
    fn each_key_that_is_missing_or_weaker_is_found() {
        assert_eq!(lost_in(FULL), None);
        for (line, key) in [
            ("  client_ca_file: ca.crt\n", "client_ca_file"),
            (
                "  client_allowed_sans: [prometheus.example]\n",
                "client_allowed_sans",
            ),
            ("  min_version: TLS13\n", "min_version"),
            (
                "  cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384]\n",
                "cipher_suites",
            ),
            (
                "  curve_preferences: [X25519, CurveP256]\n",
                "curve_preferences",
            ),
            ("  http2: false\n", "http_server_config.http2"),
            ("    X-Frame-Options: deny\n", "http_server_config.headers"),
            ("; includeSubDomains", "http_server_config.headers"),
            ("rate_limit:\n  interval: 1s\n  burst: 20\n", "rate_limit"),
            ("basic_auth_users:\n  alice: hash\n", "basic_auth_users"),
            (
                "  client_auth_type: RequireAndVerifyClientCert\n",
                "client_auth_type",
            ),
        ] {
            assert!(FULL.contains(line), "{line}");
            assert_eq!(lost_in(&FULL.replace(line, "")), Some(key), "{line}");
        }
        for (from, to, key) in [
            ("interval: 1s", "interval: 500ms", "rate_limit"),
            ("burst: 20", "burst: 21", "rate_limit"),
            ("max_version: TLS13", "max_version: TLS12", "max_version"),
            (
                "suites: true",
                "suites: false",
                "prefer_server_cipher_suites",
            ),
            ("CurveP256]", "CurveP384]", "curve_preferences"),
        ] {
            assert_eq!(lost_in(&FULL.replace(from, to)), Some(key), "{to}");
        }
        assert_eq!(lost_in(""), Some("TLS"));
    }

    #[test]
    fn what_asks_for_more_or_renews_is_taken() {
        assert_eq!(Protection::default().lost_in(&protection(FULL)), None);
        for (from, to) in [
            ("server.crt", "renewed.crt"),
            ("ca.crt", "other.crt"),
            ("prometheus.example", "other.example"),
            ("alice: hash", "alice: other\n  bob: hash"),
            ("CurveP256]", "]"),
            ("burst: 20", "burst: 10"),
            ("interval: 1s", "interval: 2s"),
            ("max-age=31536000", "max-age=600"),
        ] {
            assert_eq!(lost_in(&FULL.replace(from, to)), None, "{to}");
        }
    }

    /// Another file is written over the one in force. What is in force after any beginning of it
    /// does not keep the whole out.
    #[test]
    fn what_is_written_after_a_half_is_taken() {
        let new = FULL
            .replace("hash", "other")
            .replace("X-Frame", "X-XSS-Protection: 0\n    X-Frame");
        let none = "tls_server_config: {cert_file: a, key_file: a}\n";
        let without = |keys: &[&str]| {
            let lines = FULL
                .lines()
                .filter(|line| !keys.iter().any(|key| line.contains(key)));
            lines.map(|line| format!("{line}\n")).collect::<String>()
        };
        let loose =
            without(&["_version"]).replace("suites: true", "suites: false\n  max_version: TLS12");
        let mut taken = 0;
        for before in [FULL, none, "", &loose] {
            for after in [&new, FULL, &loose, &without(&["http2"])] {
                let (old, whole) = (protection(before), protection(after));
                if old.lost_in(&whole).is_some() {
                    continue;
                }
                for (end, _) in after.match_indices('\n') {
                    let Ok(half) = parse(&after[..=end]) else {
                        continue;
                    };
                    let half = Protection::of(&half);
                    if old.lost_in(&half).is_none() {
                        taken += 1;
                        assert_eq!(half.lost_in(&whole), None, "{}", &after[..=end]);
                    }
                }
            }
        }
        assert!(taken > 50, "{taken}");
    }

    /// A file that is read while it is written, at any moment, is not valid or has no less.
    #[test]
    fn every_beginning_of_a_file_is_invalid_or_has_less() {
        let mut valid = 0;
        for end in 0..FULL.trim_end().len() {
            if let Ok(file) = parse(&FULL[..end]) {
                valid += 1;
                let lost = protection(FULL).lost_in(&Protection::of(&file));
                // A burst that is cut off is smaller.
                let is_stricter = FULL[..end].ends_with("burst: 2");
                assert!(lost.is_some() || is_stricter, "{}", &FULL[..end]);
            }
        }
        assert!(valid > 20, "{valid}");
    }
}
