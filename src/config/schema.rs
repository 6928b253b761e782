//! The shape of the configuration file, as serde reads it. Unknown and duplicate keys are errors.
//! Values with a meaning beyond their type stay text, for `validate` to check.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map of `poll`, `limits` and `pools`"
)]
pub(super) struct File {
    pub(super) poll: Option<Poll>,
    pub(super) limits: Option<Limits>,
    pub(super) pools: Option<Vec<Pool>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map of `interval`, `rate_limit` and so on"
)]
pub(super) struct Poll {
    pub(super) interval: Option<Scalar>,
    pub(super) max_age: Option<Scalar>,
    pub(super) timeout: Option<Scalar>,
    pub(super) attempts: Option<Scalar>,
    pub(super) rate_limit: Option<Scalar>,
    pub(super) max_in_flight: Option<Scalar>,
    pub(super) stale_after: Option<Scalar>,
    pub(super) datasets: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map of `datasets`, `dataset_storage` and `dataset_records`"
)]
pub(super) struct Limits {
    pub(super) datasets: Option<Scalar>,
    pub(super) dataset_storage: Option<Scalar>,
    pub(super) dataset_records: Option<Scalar>,
    /// No limit of AWS: it is here for an error that explains.
    pub(super) storage: Option<Scalar>,
}

#[derive(Debug, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map of `id`, `identities` and so on"
)]
pub(super) struct Pool {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) interval: Option<Scalar>,
    pub(super) max_age: Option<Scalar>,
    pub(super) stale_after: Option<Scalar>,
    pub(super) datasets: Option<String>,
    pub(super) limits: Option<Limits>,
    pub(super) role_arn: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) endpoint_url: Option<String>,
    pub(super) cognito_identity_endpoint_url: Option<String>,
    pub(super) identity_credentials: Option<String>,
    pub(super) discover: Option<Discover>,
    pub(super) series: Option<String>,
    pub(super) top: Option<Scalar>,
    pub(super) identity_metrics: Option<Vec<String>>,
    pub(super) identities: Option<Vec<Identity>>,
    pub(super) identity_files: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map of `interval` and `rate_limit`, or {} for their defaults"
)]
pub(super) struct Discover {
    pub(super) interval: Option<Scalar>,
    pub(super) rate_limit: Option<Scalar>,
}

/// An identity: its id alone, or with a name.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) id: String,
    pub(super) name: Option<String>,
}

/// A number or a text, as written.
#[derive(Debug)]
pub(super) struct Scalar(pub(super) String);

/// The one document of a text. Empty ones before and behind it do not count, and neither does a
/// byte order mark.
pub(super) fn parse(text: &str) -> Result<File, serde_yaml::Error> {
    let mut file = None;
    for document in serde_yaml::Deserializer::from_str(text.trim_start_matches('\u{feff}')) {
        match file {
            None => file = Option::<File>::deserialize(document)?,
            Some(_) => NoDocument::deserialize(document).map(|NoDocument| ())?,
        }
    }
    Ok(file.unwrap_or_default())
}

/// Nothing where a second document would be.
struct NoDocument;

impl<'de> Deserialize<'de> for NoDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Option::<NotOneMore>::deserialize(deserializer)? {
            None => Ok(Self),
            Some(more) => match more {},
        }
    }
}

/// The content of a second document, which is none.
enum NotOneMore {}

impl<'de> Deserialize<'de> for NotOneMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyVisitor;

        impl Visitor<'_> for AnyVisitor {
            type Value = NotOneMore;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the end of the file: a configuration is one document")
            }
        }

        deserializer.deserialize_any(AnyVisitor)
    }
}

impl<'de> Deserialize<'de> for Identity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Named {
            id: String,
            name: Option<String>,
        }

        struct IdentityVisitor;

        impl<'de> Visitor<'de> for IdentityVisitor {
            type Value = Identity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an identity id, or a map of `id` and `name`")
            }

            fn visit_str<E>(self, id: &str) -> Result<Identity, E> {
                Ok(Identity {
                    id: id.to_owned(),
                    name: None,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Identity, A::Error> {
                let Named { id, name } = Named::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Identity { id, name })
            }
        }

        deserializer.deserialize_any(IdentityVisitor)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ScalarVisitor;

        impl Visitor<'_> for ScalarVisitor {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }
        }

        deserializer.deserialize_any(ScalarVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_editors_and_templates_put_around_a_document_does_not_count() {
        let text = "pools: [{id: a}]\n";
        for text in [
            format!("\u{feff}{text}"),
            format!("---\n{text}---\n"),
            format!("{text}...\n"),
            format!("{text}---\n# nothing\n...\n---\n"),
            format!("\u{feff}---\n---\n{text}"),
        ] {
            let file = parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(file.pools.map(|pools| pools.len()), Some(1), "{text}");
        }
        assert!(parse("---\n---\n").unwrap().pools.is_none());
    }

    #[test]
    fn a_second_document_is_refused_with_its_line() {
        for second in ["pools: []", "- a", "a", "1", "~x", "!tag {}"] {
            let error = parse(&format!("pools: []\n---\n# more\n{second}\n")).unwrap_err();
            assert!(error.to_string().contains("is one document"), "{error}");
            assert_eq!(error.location().map(|at| at.line()), Some(4), "{second}");
        }
    }
}
