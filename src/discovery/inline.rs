//! Identities listed in the configuration itself.

use std::path::Path;
use std::sync::Arc;

use super::{IdentityList, Listing, MAX_PROBLEMS, Provider};
use crate::config::{Checked, PoolConfig, Problem};
use crate::identity::ids_in;

/// Provides the `identities` of the configuration.
pub struct Inline;

impl Provider for Inline {
    fn list(&self, file: &Path, pool: &PoolConfig) -> Checked<Listing> {
        let mut checked = Checked::good(IdentityList::of_pool(pool));
        let mut wrong = 0;
        for listed in &pool.identities {
            let location = || Problem::key(file, &listed.key, "");
            let added = checked
                .value
                .add(&listed.id, listed.name.as_deref(), location);
            if let Err(error) = added {
                wrong += 1;
                if wrong <= MAX_PROBLEMS {
                    let message = format!("{error}{}", remedy(&listed.id));
                    let problem = Problem::key(file, &listed.key, message);
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

/// What to do about an id with something behind it.
fn remedy(text: &str) -> &'static str {
    let Some(id) = ids_in(text).next().filter(|id| id.start == 0) else {
        return "";
    };
    match &text[id.end..] {
        "" => "",
        rest if rest.trim().is_empty() => ": leave out the space behind it",
        rest if rest.starts_with('#') => ": a comment needs a space before its `#`",
        rest if rest.starts_with([',', ';']) => {
            ": leave out the comma, each id stands on a line of its own behind `- `"
        }
        _ => ": a name goes into `{id: ID, name: NAME}`",
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
