//! The identities that may be meant.

use std::collections::BTreeSet;
use std::ops::Range;

use super::words::Words;
use crate::identity::IdentityId;
use crate::job::{IdentityIndex, PoolIndex};
use crate::targets::Targets;
use crate::web::status::best::Place;

/// The most matches on a page.
const MAX_MATCHES: usize = 50;
/// Names that one step looks at.
const STEP: usize = 64;

/// Identities whose names contain the words or whose ids begin with them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Matches {
    /// At most [`MAX_MATCHES`]: those found by name first, then the others, each by pool and id.
    pub(super) shown: Vec<Place>,
    /// The number of all.
    pub(super) all: usize,
}

/// Finds matches in steps. Ids are sorted, so those that begin with a text need no search through
/// all; names are looked through one by one.
pub(super) struct Finder<'t> {
    /// Where the identities of each pool stand whose ids match.
    ids: Vec<Range<usize>>,
    /// What is searched in names, in lower case.
    name: String,
    /// The names that were not looked at yet.
    names: Box<dyn Iterator<Item = (Place, &'t str)> + Send + 't>,
    /// The first ones that were found by name.
    named: BTreeSet<Place>,
    all: usize,
}

impl<'t> Finder<'t> {
    pub(super) fn new(words: &Words, targets: &'t Targets) -> Self {
        let pools = targets.pools.iter();
        let ids = pools.clone().map(|pool| {
            if words.id.is_empty() {
                return 0..0; // white space in escapes, with which no id begins
            }
            let ids = pool.identities.beginning_with(&words.id);
            if !ids.is_empty() {
                // Those behind the colon, if any, are among them: all ids of a pool begin alike.
                return ids;
            }
            words
                .behind_colon(pool.id.region())
                .map_or(0..0, |id| pool.identities.beginning_with(&id))
        });
        let ids: Vec<_> = ids.collect();
        let names = pools.enumerate().flat_map(|(index, pool)| {
            let names = pool.identities.names();
            names.map(move |(identity, name)| ((PoolIndex(index), identity), name))
        });
        Self {
            all: ids.iter().map(ExactSizeIterator::len).sum(),
            ids,
            name: words.text.to_lowercase(),
            names: Box::new(names),
            named: BTreeSet::new(),
        }
    }

    /// Looks at some more names. Returns the matches after the last.
    pub(super) fn step(&mut self) -> Option<Matches> {
        for _ in 0..STEP {
            let Some((place, name)) = self.names.next() else {
                return Some(self.matches());
            };
            if name.to_lowercase().contains(&self.name) {
                self.all += usize::from(!self.is_found_by_id(place));
                self.named.insert(place);
                if self.named.len() > MAX_MATCHES {
                    self.named.pop_last();
                }
            }
        }
        None
    }

    fn is_found_by_id(&self, (pool, identity): Place) -> bool {
        self.ids[pool.0].contains(&identity.0)
    }

    fn matches(&self) -> Matches {
        let by_id = self.ids.iter().enumerate().flat_map(|(pool, ids)| {
            let places = ids.clone();
            places.map(move |identity| (PoolIndex(pool), IdentityIndex(identity)))
        });
        let others = by_id.filter(|place| !self.named.contains(place));
        let shown = self.named.iter().copied().chain(others);
        Matches {
            shown: shown.take(MAX_MATCHES).collect(),
            all: self.all,
        }
    }
}

impl Matches {
    /// The id, if all matches are of one identity.
    pub(super) fn sole<'t>(&self, targets: &'t Targets) -> Option<IdentityId<'t>> {
        let mut ids = self
            .shown
            .iter()
            .map(|(pool, identity)| targets[*pool].identities.id(*identity));
        let first = ids.next()?;
        (self.all == self.shown.len() && ids.all(|id| id == first)).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets() -> Targets {
        let named = |id, name| (id, Some(name));
        Targets::for_tests_with_names([
            (
                "us-east-1:0",
                vec![
                    named("us-east-1:a1", "Checkout canary"),
                    ("us-east-1:a2", None),
                    named("us-east-1:b1", "an <odd> name, Ä"),
                ],
            ),
            (
                "eu-west-1:0",
                vec![named("eu-west-1:a1", "canary of a1"), ("eu-west-1:c", None)],
            ),
            ("us-east-1:1", vec![("us-east-1:a2", None)]),
        ])
    }

    fn find(text: &str, targets: &Targets) -> Matches {
        let query: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let words = Words::parse(&format!("id={query}")).unwrap();
        let mut finder = Finder::new(&words, targets);
        loop {
            if let Some(matches) = finder.step() {
                return matches;
            }
        }
    }

    #[test]
    fn ids_are_found_by_their_beginning_and_names_by_a_part() {
        let targets = targets();
        for (text, places) in [
            ("us-east-1:a", &[(0, 0), (0, 1), (2, 0)][..]),
            ("us-east-1:A1", &[(0, 0)]),
            ("us-east-1", &[(0, 0), (0, 1), (0, 2), (2, 0)]),
            // By name first: that of eu-west-1:a1.
            ("A1", &[(1, 0), (0, 0)]),
            ("a2", &[(0, 1), (2, 0)]),
            ("CANARY", &[(0, 0), (1, 0)]),
            ("<ODD>", &[(0, 2)]),
            ("ä", &[(0, 2)]),
            ("c", &[(0, 0), (1, 0), (1, 1)]),
            ("1", &[(1, 0)]),
            ("us-east-1:a3", &[]),
            ("x", &[]),
            ("%", &[]),
            ("%20", &[]),
            ("%09%0A", &[]),
        ] {
            let place = |&(pool, identity)| (PoolIndex(pool), IdentityIndex(identity));
            let expected = Matches {
                shown: places.iter().map(place).collect(),
                all: places.len(),
            };
            assert_eq!(find(text, &targets), expected, "{text}");
        }
    }

    #[test]
    fn one_identity_in_several_pools_is_the_sole_match() {
        let targets = targets();
        for (text, sole) in [
            ("a2", Some("us-east-1:a2")),
            ("us-east-1:b", Some("us-east-1:b1")),
            ("checkout", Some("us-east-1:a1")),
            ("a1", None),
            ("x", None),
        ] {
            let found = find(text, &targets).sole(&targets).map(IdentityId::as_str);
            assert_eq!(found, sole, "{text}");
        }
    }

    #[test]
    fn of_many_matches_the_first_are_shown_and_all_are_counted() {
        let named = |number| (format!("r:{number:04x}"), Some(format!("Number {number}")));
        let pools = [("r:0", (0..300).map(named)), ("r:1", (0..10).map(named))];
        let targets = Targets::for_tests_with_names(pools);
        let found = find("number", &targets);
        let shown = (0..MAX_MATCHES).map(|number| (PoolIndex(0), IdentityIndex(number)));
        assert!(found.shown.iter().copied().eq(shown), "{found:?}");
        assert_eq!(found.all, 310);
        assert_eq!(found.sole(&targets), None);
        // 16 ids of the one pool and 10 of the other; no name has three zeros.
        let found = find("000", &targets);
        assert_eq!((found.shown.len(), found.all), (26, 26));
        // Two are found by name and come first; 256 and 10 by id.
        let found = find("00", &targets);
        let first = [(0, 100), (0, 200), (0, 0), (0, 1)];
        let first = first.map(|(pool, number)| (PoolIndex(pool), IdentityIndex(number)));
        assert_eq!((&found.shown[..4], found.all), (&first[..], 266));
    }
}
