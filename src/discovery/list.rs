//! The identities of one pool, as one provider lists them.

use std::collections::HashMap;
use std::path::PathBuf;

use thiserror::Error;

use crate::config::{PoolConfig, Problem};
use crate::identity::{
    IdentityId, InvalidId, Mistaken, PoolId, canonicalize, guids_in, has_guid, ids_in,
};

/// Valid ids of one pool, in any order and possibly repeated, some with display names. All ids live
/// in one text, so that each costs its characters and four bytes.
#[derive(Debug, Default)]
pub struct IdentityList {
    /// The region that all must have; `None` if the pool's id is invalid.
    region: Option<Box<str>>,
    /// The pool itself, if its id is refused.
    pool: Option<PoolId>,
    /// All ids, one behind the other.
    text: String,
    /// Where in `text` each id ends.
    ends: Vec<u32>,
    /// The display names, by position.
    names: HashMap<u32, Box<str>>,
    canonicalized: Oddities,
    without_guid: Oddities,
    files: Vec<ListFile>,
}

/// Entries that are probably a mistake.
#[derive(Clone, Debug, Default)]
pub struct Oddities {
    pub count: usize,
    /// Where the first of them is: a problem without a message.
    pub first: Option<Problem>,
}

impl Oddities {
    fn add(&mut self, location: impl FnOnce() -> Problem) {
        self.count += 1;
        self.first.get_or_insert_with(location);
    }
}

/// A file that a list was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListFile {
    /// The position of its path or glob in `identity_files`.
    pub pattern: usize,
    pub path: PathBuf,
    /// The hash of its content.
    pub hash: u64,
    /// The number of entries in it.
    pub identities: usize,
    /// Whether its writer seems to have not finished: its last line has no line feed.
    pub is_cut_off: bool,
    /// The number of entries by its last line, if that says so: the list was written whole.
    pub completed: Option<usize>,
}

impl ListFile {
    /// What its last line contradicts.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        let (holds, wanted) = (self.identities, self.completed?);
        (holds != wanted)
            .then(|| format!("holds {holds} identities, but {wanted} by its last line"))
    }
}

/// Why an entry is not an identity of its pool. No message repeats the id.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidIdentity {
    /// The text is not an id.
    #[error(transparent)]
    Id(InvalidId),
    /// The text is something else.
    #[error("{0}")]
    Mistaken(Mistaken),
    #[error(
        "is the id of the pool itself, expected that of an identity: `cognitosync_exporter \
         list-identities POOL_ID` prints them"
    )]
    Pool,
    /// The id is of another region than its pool.
    #[error("is of region {found}, but its pool is of {expected}")]
    Region {
        /// The region of the id.
        found: String,
        /// The region of the pool.
        expected: String,
    },
    /// The name holds an id, so that it is probably not a name.
    #[error("has an id in its name, expected ids only, or one id and then its name")]
    IdInName,
    /// The name holds a tab, a line break or another control character.
    #[error("has {0:?} in its name, expected letters, digits, punctuation and spaces")]
    ControlInName(char),
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

    /// An empty list for what people write of a pool, which is not one of its identities itself.
    pub(super) fn of_pool(pool: &PoolConfig) -> Self {
        Self {
            pool: pool.id.clone(),
            ..Self::new(pool.region())
        }
    }

    /// Adds an identity. `location` says where the entry is, for a warning about its id.
    ///
    /// # Errors
    /// When the text is not an id of the pool's region, the name is not a name, or the list is
    /// full.
    pub fn add(
        &mut self,
        text: &str,
        name: Option<&str>,
        location: impl Fn() -> Problem,
    ) -> Result<(), InvalidIdentity> {
        let canonical = canonicalize(text);
        let id = IdentityId::parse(&canonical).map_err(|error| {
            let mistaken = Mistaken::of(text).map(InvalidIdentity::Mistaken);
            mistaken.unwrap_or(InvalidIdentity::Id(error))
        })?;
        if has_guid(id.as_str())
            && self
                .pool
                .as_ref()
                .is_some_and(|pool| pool.as_str() == id.as_str())
        {
            return Err(InvalidIdentity::Pool);
        }
        if let Some(region) = &self.region
            && id.region() != &**region
        {
            return Err(InvalidIdentity::Region {
                found: id.region().to_owned(),
                expected: region.to_string(),
            });
        }
        if let Some(name) = name {
            check_name(name, id.region())?;
        }
        let end = u32::try_from(self.text.len() + id.as_str().len())
            .map_err(|_| InvalidIdentity::TooMany)?;
        if canonical != text {
            self.canonicalized.add(&location);
        }
        if !has_guid(id.as_str()) {
            self.without_guid.add(&location);
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

    /// All ids, in order of insertion.
    pub fn ids(&self) -> impl Iterator<Item = IdentityId<'_>> {
        (0..self.len()).map(|index| self.id(index))
    }

    /// The display name at a position, if it has one.
    #[must_use]
    pub fn name(&self, index: usize) -> Option<&str> {
        self.names
            .get(&u32::try_from(index).ok()?)
            .map(AsRef::as_ref)
    }

    /// The entries that had upper-case hex.
    #[must_use]
    pub fn canonicalized(&self) -> &Oddities {
        &self.canonicalized
    }

    /// The entries whose id has no GUID behind the colon.
    #[must_use]
    pub fn without_guid(&self) -> &Oddities {
        &self.without_guid
    }

    /// Notes a file that entries were read from.
    pub(super) fn add_file(&mut self, file: ListFile) {
        self.files.push(file);
    }

    /// The files that the list was read from.
    #[must_use]
    pub fn files(&self) -> &[ListFile] {
        &self.files
    }
}

/// A name is for people. One that holds an id, whole or mistyped, is a list that was misread.
fn check_name(name: &str, region: &str) -> Result<(), InvalidIdentity> {
    let is_control = |c: &char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if ids_in(name).next().is_some()
        || guids_in(name).next().is_some()
        || name.contains(&format!("{region}:"))
    {
        return Err(InvalidIdentity::IdInName);
    }
    match name.chars().find(is_control) {
        Some(c) => Err(InvalidIdentity::ControlInName(c)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn entries_keep_their_order_and_names() {
        let mut list = IdentityList::new(Some("r"));
        list.add("r:b", None, Problem::default).unwrap();
        list.add("r:A", Some("late"), || Problem::line(Path::new("f"), 7, ""))
            .unwrap();
        let ids: Vec<_> = (0..list.len())
            .map(|index| list.id(index).as_str())
            .collect();
        assert_eq!(ids, ["r:b", "r:a"]);
        assert_eq!((list.name(0), list.name(1)), (None, Some("late")));
        let Oddities { count, first } = list.canonicalized();
        let line = first.as_ref().and_then(|it| it.place).map(|it| it.line);
        assert_eq!((*count, line), (1, Some(7)));
        assert_eq!(list.without_guid().count, 2);
    }

    #[test]
    fn a_name_holds_no_id_and_no_control_character() {
        for (name, expected) in [
            ("checkout canary #7, \u{a0}\u{e9}: b", Ok(())),
            ("at 10am: fine", Ok(())),
            ("r:b", Err(InvalidIdentity::IdInName)),
            ("a q:B", Err(InvalidIdentity::IdInName)),
            ("canary,r:b;", Err(InvalidIdentity::IdInName)),
            ("r:mistyped", Err(InvalidIdentity::IdInName)),
            (
                "2a1f8a52-9c6b-4a7e-8f6d-3f8f1f0a9e10",
                Err(InvalidIdentity::IdInName),
            ),
            ("a\tb", Err(InvalidIdentity::ControlInName('\t'))),
            ("a\nb", Err(InvalidIdentity::ControlInName('\n'))),
            (
                "a\u{2028}b",
                Err(InvalidIdentity::ControlInName('\u{2028}')),
            ),
            ("a\u{1b}[2J", Err(InvalidIdentity::ControlInName('\u{1b}'))),
        ] {
            let mut list = IdentityList::new(Some("r"));
            assert_eq!(
                list.add("r:a", Some(name), Problem::default),
                expected,
                "{name:?}"
            );
            assert_eq!(list.len(), usize::from(expected.is_ok()));
        }
    }

    #[test]
    fn the_region_is_the_pools() {
        let mut list = IdentityList::new(Some("r"));
        let refused = list.add("q:a", None, Problem::default).unwrap_err();
        assert_eq!(refused.to_string(), "is of region q, but its pool is of r");
        assert!(list.is_empty());
        assert_eq!(
            IdentityList::new(None).add("q:a", None, Problem::default),
            Ok(())
        );
    }
}
