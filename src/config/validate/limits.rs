//! The limits of datasets, and for which identities they are listed.

use super::super::schema::{self, Scalar};
use super::super::{Datasets, Limits, keys, units};
use super::Check;
use crate::printable::Quoted;

impl Check<'_> {
    pub(super) fn limits(
        &mut self,
        key: &str,
        limits: Option<schema::Limits>,
        defaults: Limits,
    ) -> Limits {
        let schema::Limits {
            datasets,
            dataset_storage,
            dataset_records,
            storage,
        } = limits.unwrap_or_default();
        if storage.is_some() {
            self.problem(
                &format!("{key}.storage"),
                "is not a limit of Cognito Sync, which limits the bytes of each dataset, not those \
                 of an identity: leave it out, or set dataset_storage (1MiB unless AWS raised it)",
            );
        }
        Limits {
            datasets: self
                .number(&format!("{key}.datasets"), datasets, keys::COUNTS)
                .unwrap_or(defaults.datasets),
            dataset_storage_bytes: self
                .dataset_storage(&format!("{key}.dataset_storage"), dataset_storage)
                .unwrap_or(defaults.dataset_storage_bytes),
            dataset_records: self
                .number(
                    &format!("{key}.dataset_records"),
                    dataset_records,
                    keys::COUNTS,
                )
                .unwrap_or(defaults.dataset_records),
        }
    }

    fn dataset_storage(&mut self, key: &str, text: Option<Scalar>) -> Option<u64> {
        let Scalar(text) = text?;
        match units::size(&text) {
            Ok(bytes) if keys::DATASET_BYTES.contains(&bytes) => return Some(bytes),
            Ok(_) => {
                let message = format!("{} is out of range, expected 1 byte to 1GiB", Quoted(&text));
                self.problem(key, message);
            }
            Err(error) => self.problem(key, error.to_string()),
        }
        None
    }

    pub(super) fn datasets(&mut self, key: &str, text: Option<String>) -> Option<Datasets> {
        match text?.as_str() {
            "near" => return Some(Datasets::Near),
            "each" => return Some(Datasets::Each),
            "off" => return Some(Datasets::Off),
            other => {
                let meant = match other {
                    "all" | "always" => Some("each"),
                    "none" | "never" | "no" => Some("off"),
                    _ => None,
                };
                self.unknown_word(key, other, keys::DATASETS, meant);
            }
        }
        None
    }
}
