//! The files that targets were loaded from: whether they have changed since, and whether what was
//! read of them is only a part of what their writer is about to write.

use std::fmt::{self, Debug, Formatter};
use std::path::Path;
use std::sync::Arc;

use crate::config::{self, Config, PoolConfig, Problem};
use crate::discovery::{self, IdentityList, ListFile, Listing};
use crate::figures::counted;
use crate::file;
use crate::identity::PoolId;

/// The largest configuration, in bytes. Longer lists belong into identity files.
pub const MAX_CONFIGURATION: u64 = 256 << 20;

/// All files of a configuration, as they were read.
#[derive(Clone, Debug)]
pub struct Sources {
    pub configuration: Configuration,
    pools: Vec<PoolSources>,
    /// What people have listed, if other lists may change without them; by pool.
    lists: Vec<Vec<Listing>>,
}

/// The configuration itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Configuration {
    /// A regular file.
    File(Content),
    /// A pipe, a device or a text: there is nothing to read again.
    ReadOnce,
}

/// What a regular file held.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    hash: u64,
    bytes: Arc<[u8]>,
}

impl Configuration {
    /// The content of a regular file.
    #[must_use]
    pub fn file(content: &[u8]) -> Self {
        Self::File(Content {
            hash: file::hash(content),
            bytes: content.into(),
        })
    }

    /// Why this content looks as if it was still being written, given that before.
    fn half_written(&self, before: &Self) -> Option<&'static str> {
        let (Self::File(now), Self::File(before)) = (self, before) else {
            return None;
        };
        let (begins_now, began_before) =
            (now.bytes.trim_ascii_end(), before.bytes.trim_ascii_end());
        if !now.ends_in_line_feed() && before.ends_in_line_feed() {
            // Some people's editors never write a last line feed.
            Some(NO_LINE_FEED)
        } else if begins_now.len() < began_before.len() && began_before.starts_with(begins_now) {
            Some("is the beginning of what it was before")
        } else {
            None
        }
    }
}

impl Content {
    fn ends_in_line_feed(&self) -> bool {
        self.bytes.last() == Some(&b'\n')
    }
}

impl Debug for Content {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.bytes.len())
    }
}

#[derive(Clone, Debug)]
struct PoolSources {
    key: String,
    id: Option<PoolId>,
    /// The number of entries in all of its lists.
    identities: usize,
    is_discovered: bool,
    identity_files: Vec<String>,
    files: Vec<ListFile>,
}

/// Differs from another one when the content of a file does, or when there are other files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// `None` if the configuration is read once.
    pub configuration: Option<u64>,
    lists: u64,
}

impl Sources {
    /// The files of a configuration and of the lists of its pools. The lists themselves are kept
    /// where others may change without a file being read.
    #[must_use]
    pub fn new(
        configuration: Configuration,
        config: &Config,
        lists: &[Vec<Listing>],
        keeps_lists: bool,
    ) -> Self {
        let pool = |(pool, lists): (&PoolConfig, &Vec<Listing>)| {
            let lists = || lists.iter().filter_map(Listing::of_people);
            PoolSources {
                key: pool.key.clone(),
                id: pool.id.clone(),
                identities: lists().map(IdentityList::len).sum(),
                is_discovered: pool.settings.discover.is_some(),
                identity_files: pool.identity_files.clone(),
                files: lists().flat_map(IdentityList::files).cloned().collect(),
            }
        };
        let of_people = |lists: &Vec<Listing>| {
            let lists = lists
                .iter()
                .filter(|list| keeps_lists && list.of_people().is_some());
            lists.cloned().collect()
        };
        Self {
            configuration,
            pools: config.pools.iter().zip(lists).map(pool).collect(),
            lists: lists.iter().map(of_people).collect(),
        }
    }

    /// What people have listed, by pool; nothing if other lists do not change without them.
    #[must_use]
    pub fn lists(&self) -> Vec<Vec<Listing>> {
        self.lists.clone()
    }

    /// The fingerprint of what was read.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint {
            configuration: match &self.configuration {
                Configuration::File(content) => Some(content.hash),
                Configuration::ReadOnce => None,
            },
            lists: discovery::hash(self.files()),
        }
    }

    /// The fingerprint of the same files as they are now; `config` is what was read. May block.
    #[must_use]
    pub fn present_fingerprint(&self, config: &Config) -> Fingerprint {
        let hash = || file::hash_of(&config.file, MAX_CONFIGURATION).unwrap_or_default();
        Fingerprint {
            configuration: match self.configuration {
                Configuration::File(_) => Some(hash()),
                Configuration::ReadOnce => None,
            },
            lists: discovery::present_hash(config),
        }
    }

    /// Why these files look as if one of them was still being written, given those before.
    #[must_use]
    pub fn half_written(&self, before: &Self, config: &Path) -> Option<Problem> {
        let mut found = self.half_written_part(before, config)?;
        self.locate(config, [&mut found]);
        Some(found)
    }

    /// Adds the places of problems in the configuration, as far as it can be read again.
    pub fn locate<'a>(&self, file: &Path, problems: impl IntoIterator<Item = &'a mut Problem>) {
        if let Configuration::File(content) = &self.configuration {
            config::locate(file, &String::from_utf8_lossy(&content.bytes), problems);
        }
    }

    fn half_written_part(&self, before: &Self, config: &Path) -> Option<Problem> {
        let configuration = self.configuration.half_written(&before.configuration);
        let configuration = configuration.map(|message| Problem::whole(config, message));
        let lists = || self.pools.iter().find_map(|pool| pool.cut_off(before));
        let pools = || {
            let of_pool = |pool: &PoolSources| pool.shorter(before.pool(pool.id.as_ref())?, config);
            self.pools.iter().find_map(of_pool)
        };
        configuration.or_else(lists).or_else(pools)
    }

    /// The identity files of a pool, by its position in the configuration.
    pub fn files_of(&self, pool: usize) -> &[ListFile] {
        self.pools.get(pool).map_or(&[], |pool| &pool.files)
    }

    fn files(&self) -> impl Iterator<Item = &ListFile> {
        self.pools.iter().flat_map(|pool| &pool.files)
    }

    fn pool(&self, id: Option<&PoolId>) -> Option<&PoolSources> {
        self.pools.iter().find(|pool| pool.id.as_ref() == id)
    }
}

/// Why a list looks as if it was still being written, given that of the same name before.
fn cut_off(file: &ListFile, old: Option<&ListFile>) -> Option<String> {
    let is_changed = old.is_none_or(|old| old.hash != file.hash);
    if !is_changed {
        None
    } else if file.is_cut_off {
        Some(NO_LINE_FEED.to_owned())
    } else if file.completed.is_some() {
        file.contradiction()
    } else if old.is_some_and(|old| old.completed.is_some()) {
        Some("has no `# complete: N identities` as its last line, but did before".to_owned())
    } else if file.identities == 0 && old.is_some_and(|old| old.identities > 0) {
        Some("holds no identity, but did before".to_owned())
    } else {
        None
    }
}

const NO_LINE_FEED: &str = "has no line feed behind its last line";

impl PoolSources {
    /// A file that is new or has changed, and is not as long as it should be.
    fn cut_off(&self, before: &Sources) -> Option<Problem> {
        self.files.iter().find_map(|file| {
            let old = before.files().find(|old| old.path == file.path);
            let message = cut_off(file, old)?;
            Some(Problem::whole(&file.path, message))
        })
    }

    /// A pool that has lost all its identities, or a glob that matches fewer files.
    fn shorter(&self, before: &Self, config: &Path) -> Option<Problem> {
        // An identity that is discovered need not be listed any more.
        if self.identities == 0 && before.identities > 0 && !self.is_discovered {
            let message = "has no identity, but had some before";
            return Some(Problem::key(config, &self.key, message));
        }
        let fewer = |(index, pattern): (usize, &String)| {
            let (now, then) = (self.matches(pattern), before.matches(pattern));
            let message = || {
                let files = counted(now, "file", "files");
                format!("matches {files}, but did {then} before")
            };
            let key = || format!("{}.identity_files[{index}]", self.key);
            (now < then).then(|| Problem::key(config, key(), message()))
        };
        self.identity_files.iter().enumerate().find_map(fewer)
    }

    /// The number of files that a path or glob names.
    fn matches(&self, pattern: &str) -> usize {
        let is_named = |file: &&ListFile| self.identity_files[file.pattern] == pattern;
        self.files.iter().filter(is_named).count()
    }
}

#[cfg(test)]
mod tests;
