//! The families with a series for each identity, but for their names.

use super::families::{
    Family, IDENTITY_AGE, IDENTITY_DATASETS, IDENTITY_LAST_MODIFIED, IDENTITY_LAST_SUCCESS,
    IDENTITY_STORAGE, IDENTITY_UP,
};

/// A family with one line for nearly every identity.
#[derive(Clone, Copy, Debug)]
pub(super) enum IdentityFamily {
    Datasets,
    Storage,
    LastModified,
    Age,
    Up,
    LastSuccess,
}

impl IdentityFamily {
    /// In the order of the exposition.
    pub(super) const ALL: [Self; 6] = [
        Self::Datasets,
        Self::Storage,
        Self::LastModified,
        Self::Age,
        Self::Up,
        Self::LastSuccess,
    ];

    pub(super) const fn family(self) -> &'static Family {
        match self {
            Self::Datasets => &IDENTITY_DATASETS,
            Self::Storage => &IDENTITY_STORAGE,
            Self::LastModified => &IDENTITY_LAST_MODIFIED,
            Self::Age => &IDENTITY_AGE,
            Self::Up => &IDENTITY_UP,
            Self::LastSuccess => &IDENTITY_LAST_SUCCESS,
        }
    }
}
