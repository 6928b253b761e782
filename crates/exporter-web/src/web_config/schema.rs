//! The shape of the web configuration as serde reads it: the exporter-toolkit's, with its messages
//! for unknown keys.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::scalars::{CipherSuite, Curve, GoDuration, TlsVersion, YamlBool};
use crate::login::Hash;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map of `tls_server_config`, `http_server_config` and so on"
)]
pub(super) struct File {
    pub(super) tls_server_config: Option<TlsServerConfig>,
    pub(super) http_server_config: Option<HttpServerConfig>,
    pub(super) basic_auth_users: Option<Entries>,
    pub(super) rate_limit: Option<RateLimit>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map of `cert_file`, `key_file` and so on"
)]
pub(super) struct TlsServerConfig {
    pub(super) cert: Option<String>,
    pub(super) cert_file: Option<String>,
    pub(super) key: Option<String>,
    pub(super) key_file: Option<String>,
    pub(super) client_ca: Option<String>,
    pub(super) client_ca_file: Option<String>,
    pub(super) client_auth_type: Option<String>,
    pub(super) client_allowed_sans: Option<Vec<String>>,
    pub(super) min_version: Option<TlsVersion>,
    pub(super) max_version: Option<TlsVersion>,
    pub(super) cipher_suites: Option<Vec<CipherSuite>>,
    pub(super) prefer_server_cipher_suites: Option<YamlBool>,
    pub(super) curve_preferences: Option<Vec<Curve>>,
}

impl TlsServerConfig {
    /// Whether any key that asks for TLS is set.
    pub(super) fn is_given(&self) -> bool {
        let keys = [
            &self.cert,
            &self.cert_file,
            &self.key,
            &self.key_file,
            &self.client_ca,
            &self.client_ca_file,
            &self.client_auth_type,
        ];
        keys.into_iter().flatten().any(|text| !text.is_empty())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map of `http2` and `headers`")]
pub(super) struct HttpServerConfig {
    pub(super) http2: Option<YamlBool>,
    pub(super) headers: Option<Entries>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map of `interval` and `burst`")]
pub(super) struct RateLimit {
    pub(super) interval: Option<GoDuration>,
    pub(super) burst: Option<u32>,
}

/// A map of texts, in the file's order.
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

/// Nothing where a second document would be.
#[derive(Deserialize)]
#[serde(expecting = "the end of the file: a web configuration is one document")]
struct End;

/// Parses a web configuration. An empty file is valid. A byte order mark before the document, and
/// empty documents around it, do not count, as for the exporter-toolkit.
pub(super) fn parse(text: &str) -> Result<File, serde_yaml::Error> {
    let mut file = None;
    for document in serde_yaml::Deserializer::from_str(text.trim_start_matches('\u{feff}')) {
        match file {
            None => file = Option::<File>::deserialize(document)?,
            Some(_) => {
                Option::<End>::deserialize(document)?;
            }
        }
    }
    Ok(file.unwrap_or_default())
}

/// The users' hashes of a text that [`parse`] takes. They are read once more because they are
/// checked behind the headers, as by the exporter-toolkit, and an error knows its place only while
/// the text is read.
pub(super) fn hashes(text: &str) -> Result<BTreeMap<String, Hash>, serde_yaml::Error> {
    #[derive(Default, Deserialize)]
    struct OfUsers {
        basic_auth_users: Option<BTreeMap<String, Hash>>,
    }

    let mut hashes = BTreeMap::new();
    for document in serde_yaml::Deserializer::from_str(text.trim_start_matches('\u{feff}')) {
        let file = Option::<OfUsers>::deserialize(document)?.unwrap_or_default();
        hashes.extend(file.basic_auth_users.unwrap_or_default());
    }
    Ok(hashes)
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HashVisitor;

        impl Visitor<'_> for HashVisitor {
            type Value = Hash;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a bcrypt hash")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Hash, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(HashVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_editors_and_templates_put_around_a_document_does_not_count() {
        for text in [
            "\u{feff}basic_auth_users: {a: b}\n",
            "basic_auth_users: {a: b}\n---\n",
            "---\nbasic_auth_users: {a: b}\n---\n---\n",
            "---\n---\nbasic_auth_users: {a: b}\n...\n",
        ] {
            let users = parse(text).unwrap().basic_auth_users.unwrap();
            assert_eq!(users.0.len(), 1, "{text}");
        }
        let error = parse("basic_auth_users: {a: b}\n---\nrate_limit: {burst: 1}\n").unwrap_err();
        let expected = "expected the end of the file: a web configuration is one document";
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.location().unwrap().line(), 3, "{error}");
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
        for (text, expected) in [
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
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
