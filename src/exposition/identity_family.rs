//! The families with a series for each identity, but for their names.

use super::families::{
    Family, IDENTITY_AGE, IDENTITY_DATASETS, IDENTITY_LARGEST_RECORDS, IDENTITY_LARGEST_STORAGE,
    IDENTITY_LAST_MODIFIED, IDENTITY_LAST_SUCCESS, IDENTITY_STORAGE, IDENTITY_UP,
};
use crate::config::{IdentityMetric, PoolSettings};

/// A family with a line for each identity, or for each whose datasets were listed.
#[derive(Clone, Copy, Debug)]
pub(super) enum IdentityFamily {
    Datasets,
    Storage,
    LastModified,
    Age,
    Up,
    LastSuccess,
    LargestStorage,
    LargestRecords,
}

impl IdentityFamily {
    /// In the order of the exposition.
    pub(super) const ALL: [Self; 8] = [
        Self::Datasets,
        Self::Storage,
        Self::LastModified,
        Self::Age,
        Self::Up,
        Self::LastSuccess,
        Self::LargestStorage,
        Self::LargestRecords,
    ];

    pub(super) const fn family(self) -> &'static Family {
        match self {
            Self::Datasets => &IDENTITY_DATASETS,
            Self::Storage => &IDENTITY_STORAGE,
            Self::LastModified => &IDENTITY_LAST_MODIFIED,
            Self::Age => &IDENTITY_AGE,
            Self::Up => &IDENTITY_UP,
            Self::LastSuccess => &IDENTITY_LAST_SUCCESS,
            Self::LargestStorage => &IDENTITY_LARGEST_STORAGE,
            Self::LargestRecords => &IDENTITY_LARGEST_RECORDS,
        }
    }

    /// Those that the identities of a pool with these settings have.
    pub(super) fn of(settings: &PoolSettings) -> impl Iterator<Item = Self> {
        let all = Self::ALL.into_iter();
        all.filter(|family| family.is_of(settings))
    }

    /// Whether the identities of a pool with these settings have it.
    pub(super) fn is_of(self, settings: &PoolSettings) -> bool {
        settings.identity_metrics.has(self.metric())
    }

    /// Whether only identities whose datasets were listed have it.
    pub(super) fn is_listed(self) -> bool {
        self.metric() == IdentityMetric::LargestDataset
    }

    /// What the configuration calls it.
    pub(super) fn metric(self) -> IdentityMetric {
        match self {
            Self::Datasets => IdentityMetric::Datasets,
            Self::Storage => IdentityMetric::Storage,
            Self::LastModified => IdentityMetric::LastModified,
            Self::Age => IdentityMetric::Age,
            Self::Up => IdentityMetric::Up,
            Self::LastSuccess => IdentityMetric::LastSuccess,
            Self::LargestStorage | Self::LargestRecords => IdentityMetric::LargestDataset,
        }
    }
}
