//! Identities listed in the configuration itself.

use std::path::Path;
use std::sync::Arc;

use super::{IdentityList, Listing, Provider};
use crate::config::{Checked, PoolConfig, Problem};

/// Provides the `identities` of the configuration.
pub struct Inline;

impl Provider for Inline {
    fn list(&self, file: &Path, pool: &PoolConfig) -> Checked<Listing> {
        let mut checked = Checked::good(IdentityList::new(pool.region()));
        for listed in &pool.identities {
            let location = || format!("{}.id", listed.key);
            let added = checked
                .value
                .add(&listed.id, listed.name.as_deref(), location);
            if let Err(error) = added {
                let problem = Problem::key(file, &listed.key, error.to_string());
                checked.problems.push(problem);
            }
        }
        checked.map(|list| Listing::Complete(Arc::new(list)))
    }
}
