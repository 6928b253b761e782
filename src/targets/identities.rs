//! The identities of one pool, merged from the lists of all providers.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use thiserror::Error;

use crate::discovery::IdentityList;
use crate::identity::IdentityId;
use crate::job::IdentityIndex;

/// The identities of one pool: sorted by id, each once, immutable.
#[derive(Debug, Default)]
pub struct Identities {
    /// All ids, one after the other.
    text: String,
    /// Where in `text` each id ends.
    ends: Vec<u32>,
    /// The length of the region and its colon, the same for all identities of a pool.
    region_len: usize,
    /// The display names, by position.
    names: HashMap<u32, Box<str>>,
}

impl Identities {
    /// The number of identities.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no identity.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The id at a position below [`Identities::len`].
    #[must_use]
    pub fn id(&self, IdentityIndex(index): IdentityIndex) -> IdentityId<'_> {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        IdentityId::new_unchecked(&self.text[start as usize..self.ends[index] as usize])
    }

    /// The part of an id after its region and colon.
    #[inline]
    #[must_use]
    pub fn hex(&self, index: IdentityIndex) -> &str {
        &self.id(index).as_str()[self.region_len..]
    }

    /// [`Identities::hex`] and its length, together with the bytes of the ids after it: for copies
    /// of a fixed number of bytes, which are faster than those of just the right number.
    #[inline]
    #[must_use]
    pub fn hex_and_tail(&self, IdentityIndex(index): IdentityIndex) -> (&[u8], usize) {
        let start =
            index.checked_sub(1).map_or(0, |before| self.ends[before]) as usize + self.region_len;
        let tail = &self.text.as_bytes()[start..];
        (tail, self.ends[index] as usize - start)
    }

    /// The position of an id, if the pool has it.
    #[must_use]
    pub fn position(&self, id: IdentityId<'_>) -> Option<IdentityIndex> {
        let position = self.first_not(|other| other < id);
        (position < self.len() && self.id(IdentityIndex(position)) == id)
            .then_some(IdentityIndex(position))
    }

    /// The positions of the ids that begin with a text.
    #[must_use]
    pub fn beginning_with(&self, text: &str) -> Range<usize> {
        let first = self.first_not(|id| id.as_str() < text);
        first..self.first_not(|id| id.as_str() < text || id.as_str().starts_with(text))
    }

    /// The first position whose id is not one of those that stand before it; all of those begin
    /// the order.
    fn first_not(&self, is_before: impl Fn(IdentityId<'_>) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if is_before(self.id(IdentityIndex(middle))) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The display name of the identity at a position, if it has one.
    #[must_use]
    pub fn name(&self, IdentityIndex(index): IdentityIndex) -> Option<&str> {
        self.names
            .get(&u32::try_from(index).ok()?)
            .map(AsRef::as_ref)
    }

    /// The identities with a display name, in any order, and these.
    pub fn names(&self) -> impl Iterator<Item = (IdentityIndex, &str)> {
        let names = self.names.iter();
        names.map(|(index, name)| (IdentityIndex(*index as usize), &**name))
    }

    /// All ids, sorted.
    pub fn ids(&self) -> impl Iterator<Item = IdentityId<'_>> {
        (0..self.len()).map(|index| self.id(IdentityIndex(index)))
    }

    /// The number of identities with a display name.
    #[must_use]
    pub fn named(&self) -> usize {
        self.names.len()
    }
}

/// The lists of a pool together exceed 4 GiB of text.
#[derive(Debug, Error)]
#[error("has too many identities: a pool takes at most 78 million")]
pub(super) struct TooManyIdentities;

impl Identities {
    /// Merges the lists of a pool of this region. Of several names for one identity, the first in
    /// the order of lists and entries counts.
    pub(super) fn merge(region: &str, lists: &[&IdentityList]) -> Result<Self, TooManyIdentities> {
        let id = |(list, index): (u32, u32)| lists[list as usize].id(index as usize).as_str();
        let mut entries = Vec::with_capacity(lists.iter().map(|list| list.len()).sum());
        for (number, list) in (0..).zip(lists) {
            entries.extend((0..list.len() as u32).map(|index| (number, index)));
        }
        entries.sort_unstable_by(|a, b| id(*a).cmp(id(*b)).then(a.cmp(b)));
        let text_len = lists.iter().map(|list| list.text_len()).sum::<usize>();
        let mut identities = Self {
            text: String::with_capacity(text_len),
            ends: Vec::with_capacity(entries.len()),
            region_len: region.len() + 1,
            names: HashMap::new(),
        };
        let mut last = "";
        for entry @ (list, index) in entries {
            let id = id(entry);
            if id != last {
                identities.text.push_str(id);
                let end = u32::try_from(identities.text.len()).map_err(|_| TooManyIdentities)?;
                identities.ends.push(end);
                last = id;
            }
            if let Some(name) = lists[list as usize].name(index as usize) {
                identities
                    .names
                    .entry(identities.ends.len() as u32 - 1)
                    .or_insert_with(|| name.into());
            }
        }
        Ok(identities)
    }
}

/// How many entries of these lists repeat another one.
pub(super) fn repeated(lists: &[&IdentityList]) -> usize {
    let mut seen = HashSet::new();
    let ids = lists.iter().flat_map(|list| list.ids());
    ids.filter(|id| !seen.insert(*id)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Problem;

    fn list(ids: &[(&str, Option<&str>)]) -> IdentityList {
        let mut list = IdentityList::new(Some("r"));
        for (id, name) in ids {
            list.add(id, *name, Problem::default).unwrap();
        }
        list
    }

    fn merge(ids: &[(&str, Option<&str>)]) -> Identities {
        Identities::merge("r", &[&list(ids)]).unwrap()
    }

    #[test]
    fn sorted_and_each_once() {
        let identities = merge(&[
            ("r:c", None),
            ("r:aa", Some("first")),
            ("r:b", None),
            ("r:aa", Some("second")),
        ]);
        let ids: Vec<_> = identities.ids().map(IdentityId::as_str).collect();
        assert_eq!(ids, ["r:aa", "r:b", "r:c"]);
        assert_eq!(
            [0, 1, 2].map(|index| identities.name(IdentityIndex(index))),
            [Some("first"), None, None]
        );
        for (index, id) in identities.ids().enumerate() {
            assert_eq!(identities.position(id), Some(IdentityIndex(index)));
            assert_eq!(identities.hex(IdentityIndex(index)), &id.as_str()[2..]);
            let (tail, len) = identities.hex_and_tail(IdentityIndex(index));
            assert_eq!(
                &tail[..len],
                identities.hex(IdentityIndex(index)).as_bytes()
            );
        }
        assert_eq!(
            identities.position(IdentityId::parse("r:ab").unwrap()),
            None
        );
    }

    #[test]
    fn those_that_begin_with_a_text_are_neighbours() {
        let identities = merge(&[
            ("r:a", None),
            ("r:ab", None),
            ("r:abc", None),
            ("r:b", None),
        ]);
        for (text, positions) in [
            ("", 0..4),
            ("r", 0..4),
            ("r:a", 0..3),
            ("r:ab", 1..3),
            ("r:abc", 2..3),
            ("r:abcd", 3..3),
            ("r:b", 3..4),
            ("s", 4..4),
            ("q", 0..0),
        ] {
            assert_eq!(identities.beginning_with(text), positions, "{text}");
        }
        assert_eq!(merge(&[]).beginning_with("r"), 0..0);
    }

    #[test]
    fn a_name_given_only_to_the_second_mention_counts() {
        let identities = merge(&[("r:a", None), ("r:b", None), ("r:a", Some("late"))]);
        assert_eq!(identities.name(IdentityIndex(0)), Some("late"));
        assert_eq!(identities.name(IdentityIndex(1)), None);
    }

    #[test]
    fn of_several_lists_the_first_names() {
        let lists = [
            list(&[("r:c", None), ("r:b", None)]),
            list(&[("r:a", Some("second")), ("r:b", Some("second"))]),
            list(&[("r:b", Some("third")), ("r:a", None)]),
        ];
        let identities = Identities::merge("r", &lists.each_ref()).unwrap();
        let ids: Vec<_> = identities.ids().map(IdentityId::as_str).collect();
        assert_eq!(ids, ["r:a", "r:b", "r:c"]);
        let names = [0, 1, 2].map(|index| identities.name(IdentityIndex(index)));
        assert_eq!(names, [Some("second"), Some("second"), None]);
    }

    #[test]
    fn none_is_fine() {
        assert!(merge(&[]).is_empty());
        assert!(Identities::merge("r", &[]).unwrap().is_empty());
    }
}
