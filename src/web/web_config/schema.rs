//! The shape of the web configuration, as serde reads it: the exporter-toolkit's
//! (`docs/web-configuration.md` there), with its words for what it refuses, and with YAML 1.1's
//! ways to write a boolean, since Go's parser takes them.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map of `tls_server_config`, `http_server_config` and so on"
)]
pub(super) struct File {
    pub(super) tls_server_config: Option<Tls>,
    pub(super) http_server_config: Option<Http>,
    pub(super) basic_auth_users: Option<Entries>,
    pub(super) rate_limit: Option<RateLimit>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map of `cert_file`, `key_file` and so on"
)]
pub(super) struct Tls {
    pub(super) cert: Option<String>,
    pub(super) cert_file: Option<String>,
    pub(super) key: Option<String>,
    pub(super) key_file: Option<String>,
    pub(super) client_ca: Option<String>,
    pub(super) client_ca_file: Option<String>,
    pub(super) client_auth_type: Option<String>,
    pub(super) client_allowed_sans: Option<Vec<String>>,
    pub(super) min_version: Option<Version>,
    pub(super) max_version: Option<Version>,
    pub(super) cipher_suites: Option<Vec<CipherSuite>>,
    pub(super) prefer_server_cipher_suites: Option<Switch>,
    pub(super) curve_preferences: Option<Vec<Curve>>,
}

impl Tls {
    /// Whether it asks for TLS at all.
    pub(super) fn is_given(&self) -> bool {
        let asking = [
            &self.cert,
            &self.cert_file,
            &self.key,
            &self.key_file,
            &self.client_ca,
            &self.client_ca_file,
            &self.client_auth_type,
        ];
        asking.into_iter().flatten().any(|text| !text.is_empty())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map of `http2` and `headers`")]
pub(super) struct Http {
    pub(super) http2: Option<Switch>,
    pub(super) headers: Option<Entries>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map of `interval` and `burst`")]
pub(super) struct RateLimit {
    pub(super) interval: Option<GoDuration>,
    pub(super) burst: Option<u32>,
}

/// Keys and values that are texts, in the file's order.
#[derive(Debug, Default)]
pub(super) struct Entries(pub(super) Vec<(String, String)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;

        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let (mut entries, mut keys) = (Vec::new(), HashSet::new());
                while let Some((key, value)) = map.next_entry::<String, Option<String>>()? {
                    if !keys.insert(key.clone()) {
                        return Err(A::Error::custom(format!("key {key:?} already set in map")));
                    }
                    entries.push((key, value.unwrap_or_default()));
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(EntriesVisitor)
    }
}

/// Deserializes a type that is written as one word.
macro_rules! word {
    ($name:ident, $parse:expr) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $parse(String::deserialize(deserializer)?.as_str()).map_err(D::Error::custom)
            }
        }
    };
}

/// A boolean.
#[derive(Clone, Copy, Debug)]
pub(super) struct Switch(pub(super) bool);

word!(Switch, |word: &str| match word.to_lowercase().as_str() {
    "true" | "yes" | "on" | "y" => Ok(Self(true)),
    "false" | "no" | "off" | "n" => Ok(Self(false)),
    _ => Err(format!(
        "cannot unmarshal {word:?} into bool, expected true or false"
    )),
});

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

word!(Version, |word: &str| match word {
    "TLS10" => Ok(Self::Tls10),
    "TLS11" => Ok(Self::Tls11),
    "TLS12" => Ok(Self::Tls12),
    "TLS13" => Ok(Self::Tls13),
    _ => Err(format!("unknown TLS version: {word}")),
});

/// A cipher suite that Go knows, under its name there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CipherSuite(pub(super) String);

/// Go's `tls.CipherSuites()`, with those that were in it until Go 1.22.
const CIPHER_SUITES: [&str; 17] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
];

word!(CipherSuite, |word: &str| if CIPHER_SUITES.contains(&word) {
    Ok(Self(word.to_owned()))
} else {
    Err(format!("unknown cipher: {word}"))
});

/// An elliptic curve for the key exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
    X25519,
}

word!(Curve, |word: &str| match word {
    "CurveP256" => Ok(Self::P256),
    "CurveP384" => Ok(Self::P384),
    "CurveP521" => Ok(Self::P521),
    "X25519" => Ok(Self::X25519),
    _ => Err(format!("unknown curve: {word}")),
});

/// A duration as Go's `time.ParseDuration` reads it, or a whole number of nanoseconds; what is
/// negative is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GoDuration(pub(super) Duration);

word!(GoDuration, |word: &str| go_duration(word)
    .map(Self)
    .ok_or_else(|| format!(
        "cannot unmarshal {word:?} into time.Duration, expected one such as 500ms or 1m30s"
    )));

fn go_duration(text: &str) -> Option<Duration> {
    let magnitude = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut seconds = 0.0;
    if digits(magnitude) {
        seconds = magnitude.parse::<f64>().ok()? / 1e9;
    } else {
        let mut rest = magnitude;
        while !rest.is_empty() {
            let (number, after) =
                rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
            let (unit, after) = after.split_at(
                after
                    .find(|c: char| c.is_ascii_digit() || c == '.')
                    .unwrap_or(after.len()),
            );
            let number: f64 = number.parse().ok()?;
            seconds += number * UNITS.iter().find(|(name, _)| *name == unit)?.1;
            rest = after;
        }
        if magnitude.is_empty() {
            return None;
        }
    }
    if text.starts_with('-') {
        Some(Duration::ZERO)
    } else {
        Duration::try_from_secs_f64(seconds).ok()
    }
}

/// Go's units, in seconds; micro comes in two characters.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("\u{b5}s", 1e-6),
    ("\u{3bc}s", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3_600.0),
];

pub(super) fn parse(text: &str) -> Result<File, serde_yaml::Error> {
    Ok(serde_yaml::from_str::<Option<File>>(text)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_go_reads_them() {
        for (text, seconds) in [
            ("0", 0.0),
            ("1s", 1.0),
            ("1.5s", 1.5),
            ("100ms", 0.1),
            ("1h1m1s", 3_661.0),
            ("250us", 0.000_25),
            ("250\u{b5}s", 0.000_25),
            ("1000000000", 1.0),
            ("-1s", 0.0),
            ("+2s", 2.0),
            (".5s", 0.5),
        ] {
            assert_eq!(
                go_duration(text),
                Some(Duration::from_secs_f64(seconds)),
                "{text}"
            );
        }
        for text in ["", "s", "1d", "1 s", "1s ", "--1s", "1.1.1s", "1e3s", "."] {
            assert_eq!(go_duration(text), None, "{text}");
        }
    }

    #[test]
    fn scalars_are_what_go_takes_them_for() {
        let file = parse(
            "http_server_config: {http2: no, headers: {X-XSS-Protection: 0}}\nbasic_auth_users: {1: 0x10, a: ~}\n",
        )
        .unwrap();
        let http = file.http_server_config.unwrap();
        assert!(!http.http2.unwrap().0);
        assert_eq!(
            http.headers.unwrap().0,
            [("X-XSS-Protection".to_owned(), "0".to_owned())]
        );
        let users = file.basic_auth_users.unwrap().0;
        assert_eq!(
            users,
            [
                ("1".to_owned(), "0x10".to_owned()),
                ("a".to_owned(), String::new())
            ]
        );
        for empty in [
            "",
            "---\n",
            "tls_server_config:\nbasic_auth_users:\n",
            "# nothing\n",
        ] {
            assert!(parse(empty).is_ok(), "{empty:?}");
        }
    }

    #[test]
    fn unknown_and_duplicate_keys_are_refused() {
        for (text, told) in [
            (
                "tls_server_config: {certfile: x}",
                "unknown field `certfile`",
            ),
            ("basic_auth_users: {a: x, b: y, a: z}", "already set in map"),
            ("rate_limit: {burst: 1, burst: 2}", "duplicate"),
            (
                "tls_server_config: {min_version: TLS9}",
                "unknown TLS version: TLS9",
            ),
            (
                "tls_server_config: {cipher_suites: [NULL]}",
                "unknown cipher",
            ),
            (
                "tls_server_config: {curve_preferences: [P256]}",
                "unknown curve: P256",
            ),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
