//! Which families a pool's identities have series of.

/// One or two families with a series for each identity, as the configuration names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum IdentityMetric {
    Datasets,
    Storage,
    LastModified,
    Age,
    Up,
    LastSuccess,
    /// Bytes and records of the fullest dataset.
    LargestDataset,
}

impl IdentityMetric {
    /// In the order of the exposition.
    pub const ALL: [Self; 7] = [
        Self::Datasets,
        Self::Storage,
        Self::LastModified,
        Self::Age,
        Self::Up,
        Self::LastSuccess,
        Self::LargestDataset,
    ];

    /// The names of [`Self::ALL`].
    pub const NAMES: [&'static str; 7] = {
        let mut names = [""; 7];
        let mut at = 0;
        while at < names.len() {
            names[at] = Self::ALL[at].as_str();
            at += 1;
        }
        names
    };

    /// The name in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Datasets => "datasets",
            Self::Storage => "storage",
            Self::LastModified => "last_modified",
            Self::Age => "age",
            Self::Up => "up",
            Self::LastSuccess => "last_success",
            Self::LargestDataset => "largest_dataset",
        }
    }

    /// The metric that the configuration calls so.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.as_str() == name)
    }
}

/// A set of [`IdentityMetric`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentityMetrics(u8);

impl IdentityMetrics {
    pub const NONE: Self = Self(0);
    pub const ALL: Self = Self((1 << IdentityMetric::ALL.len()) - 1);

    /// This set and one more.
    #[must_use]
    pub const fn with(self, metric: IdentityMetric) -> Self {
        Self(self.0 | 1 << metric as u8)
    }

    #[must_use]
    pub const fn has(self, metric: IdentityMetric) -> bool {
        self.0 & 1 << metric as u8 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_into_it() {
        let all = IdentityMetric::ALL.into_iter();
        let all = all.fold(IdentityMetrics::NONE, IdentityMetrics::with);
        assert_eq!(all, IdentityMetrics::ALL);
        let some = IdentityMetrics::NONE.with(IdentityMetric::LargestDataset);
        for metric in IdentityMetric::ALL {
            let named = IdentityMetric::parse(metric.as_str());
            assert_eq!(named, Some(metric));
            assert_eq!(some.has(metric), metric == IdentityMetric::LargestDataset);
        }
        assert_eq!(IdentityMetric::parse("info"), None);
    }
}
