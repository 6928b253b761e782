//! Identities listed in the configuration itself.

use std::path::Path;
use std::sync::Arc;

use super::{IdentityList, Listing, MAX_PROBLEMS, Provider};
use crate::config::{Checked, PoolConfig, Problem};

/// Provides the `identities` of the configuration.
pub struct Inline;

impl Provider for Inline {
    fn list(&self, file: &Path, pool: &PoolConfig) -> Checked<Listing> {
        let mut checked = Checked::good(IdentityList::new(pool.region()));
        let mut wrong = 0;
        for listed in &pool.identities {
            let location = || Problem::key(file, &listed.key, "");
            let added = checked
                .value
                .add(&listed.id, listed.name.as_deref(), location);
            if let Err(error) = added {
                wrong += 1;
                if wrong <= MAX_PROBLEMS {
                    let problem = Problem::key(file, &listed.key, error.to_string());
                    checked.problems.push(problem);
                }
            }
        }
        if let Some(more @ 1..) = wrong.checked_sub(MAX_PROBLEMS) {
            let message = format!("has {more} more entries that are not identities");
            let key = format!("{}.identities", pool.key);
            checked.problems.push(Problem::key(file, key, message));
        }
        checked.map(|list| Listing::Complete(Arc::new(list)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_wrong_entries_are_reported() {
        let entries = "a, ".repeat(25);
        let text = format!("pools: [{{id: 'r:2a', identities: [{entries}]}}]");
        let file = Path::new("f");
        let config = crate::config::parse(file, &text).unwrap().value;
        let problems = Inline.list(file, &config.pools[0]).problems;
        assert_eq!(problems.len(), 21);
        assert_eq!(
            problems[20].to_string(),
            "f: pools[0].identities: has 5 more entries that are not identities"
        );
    }
}
