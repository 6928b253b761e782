//! Datasets as the service keeps them, and the walls that stop writes.

use crate::api::Dataset;

/// The most bytes in a dataset, keys and values.
pub(super) const DATASET_BYTES: u64 = 1 << 20;
/// The most records in a dataset.
pub(super) const DATASET_RECORDS: u64 = 1_024;
/// The most datasets of an identity.
pub(super) const IDENTITY_DATASETS: usize = 20;

/// When scripted datasets were made, in seconds since 1970: before all that this world remembers.
pub(super) const CREATED: f64 = 1.4e9;
/// The account of all pools, whose developer credentials write scripted datasets.
pub(super) const ACCOUNT: &str = "123456789012";

/// A dataset with everything that `ListDatasets` returns of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Listed {
    pub(super) dataset: Dataset,
    /// In seconds since 1970.
    pub(super) created: f64,
    /// The account or the device that wrote last, if AWS knows it. The exporter never reads it.
    pub(super) modified_by: Option<String>,
}

impl Listed {
    /// A dataset that a script writes.
    pub(super) fn scripted(dataset: Dataset) -> Self {
        Self {
            dataset,
            created: CREATED,
            modified_by: Some(ACCOUNT.to_owned()),
        }
    }

    pub(super) fn is_named(&self, name: &str) -> bool {
        self.dataset.name.as_deref() == Some(name)
    }
}

/// AWS's dates have millisecond resolution.
pub(super) fn round_to_milliseconds(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}
