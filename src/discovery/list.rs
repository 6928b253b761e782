//! The identities of one pool, as one provider lists them.

use std::collections::HashMap;

use thiserror::Error;

use crate::identity::{IdentityId, InvalidId, canonicalize};

/// Valid ids of one pool, in any order and possibly repeated, some with display names. All ids live
/// in one text, so that each costs its characters and four bytes.
#[derive(Debug, Default)]
pub struct IdentityList {
    /// The region that all must have; `None` if the pool's id is invalid.
    region: Option<Box<str>>,
    /// All ids, one behind the other.
    text: String,
    /// Where in `text` each id ends.
    ends: Vec<u32>,
    /// The display names, by position.
    names: HashMap<u32, Box<str>>,
    canonicalized: usize,
    first_canonicalized: Option<String>,
}

/// Why an entry is not an identity of its pool. No message repeats the id.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidIdentity {
    /// The text is not an id.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// The id is of another region than its pool.
    #[error("is of region {found}, but its pool is of {expected}")]
    Region {
        /// The region of the id.
        found: String,
        /// The region of the pool.
        expected: String,
    },
    /// The text of all ids would exceed 4 GiB.
    #[error("is one identity too many: a pool takes at most 78 million")]
    TooMany,
}

impl IdentityList {
    /// An empty list for a pool of this region; `None` if the pool's id is invalid, and the list
    /// made to find more problems only.
    #[must_use]
    pub fn new(region: Option<&str>) -> Self {
        Self {
            region: region.map(Into::into),
            ..Self::default()
        }
    }

    /// Adds an identity. `location` says where the entry is, for a warning about upper-case hex.
    ///
    /// # Errors
    /// When the text is not an id of the pool's region, or the list is full.
    pub fn add(
        &mut self,
        text: &str,
        name: Option<&str>,
        location: impl FnOnce() -> String,
    ) -> Result<(), InvalidIdentity> {
        let canonical = canonicalize(text);
        let id = IdentityId::parse(&canonical)?;
        if let Some(region) = &self.region
            && id.region() != &**region
        {
            return Err(InvalidIdentity::Region {
                found: id.region().to_owned(),
                expected: region.to_string(),
            });
        }
        let end = u32::try_from(self.text.len() + id.as_str().len())
            .map_err(|_| InvalidIdentity::TooMany)?;
        if canonical != text {
            self.canonicalized += 1;
            self.first_canonicalized.get_or_insert_with(location);
        }
        if let Some(name) = name {
            self.names.insert(self.ends.len() as u32, name.into());
        }
        self.text.push_str(id.as_str());
        self.ends.push(end);
        Ok(())
    }

    /// The number of entries, repeated ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The length of all ids together, in bytes.
    pub(crate) fn text_len(&self) -> usize {
        self.text.len()
    }

    /// The id at a position below [`IdentityList::len`], in order of insertion.
    #[must_use]
    pub fn id(&self, index: usize) -> IdentityId<'_> {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        IdentityId::new_unchecked(&self.text[start as usize..self.ends[index] as usize])
    }

    /// The display name at a position, if it has one.
    #[must_use]
    pub fn name(&self, index: usize) -> Option<&str> {
        self.names
            .get(&u32::try_from(index).ok()?)
            .map(AsRef::as_ref)
    }

    /// How many entries had upper-case hex, and where the first of them is.
    #[must_use]
    pub fn canonicalized(&self) -> (usize, Option<&str>) {
        (self.canonicalized, self.first_canonicalized.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_keep_their_order_and_names() {
        let mut list = IdentityList::new(Some("r"));
        list.add("r:b", None, String::new).unwrap();
        list.add("r:A", Some("late"), || "somewhere".to_owned())
            .unwrap();
        let ids: Vec<_> = (0..list.len())
            .map(|index| list.id(index).as_str())
            .collect();
        assert_eq!(ids, ["r:b", "r:a"]);
        assert_eq!((list.name(0), list.name(1)), (None, Some("late")));
        assert_eq!(list.canonicalized(), (1, Some("somewhere")));
    }

    #[test]
    fn the_region_is_the_pools() {
        let mut list = IdentityList::new(Some("r"));
        let refused = list.add("q:a", None, String::new).unwrap_err();
        assert_eq!(refused.to_string(), "is of region q, but its pool is of r");
        assert!(list.is_empty());
        assert_eq!(
            IdentityList::new(None).add("q:a", None, String::new),
            Ok(())
        );
    }
}
