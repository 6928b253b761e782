//! Where identity lists come from.
//!
//! A [`Provider`] knows a list of identities for each pool. [`Inline`] takes it from the
//! configuration itself, [`Files`] from identity files; both read their lists anew each time. The
//! [`Catalog`] holds what passes of `ListIdentities` find while the daemon runs. A provider whose
//! lists change by themselves calls [`ChangeNotifier::notify`], and the reload loop asks for them
//! again. `Targets::assemble`
//! makes targets of the lists.

mod catalog;
mod files;
mod globs;
mod inline;
mod lines;
mod list;

use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

pub use catalog::{Catalog, CatalogChange, LastPass, PageAdded, PassEnd, Passes};
pub use files::{Files, hash, present_hash};
pub use inline::Inline;
pub use lines::{completed, completion};
pub use list::{IdentityList, InvalidIdentity, ListFile, Oddities};

use crate::config::{Checked, Config, PoolConfig};

/// The number of wrong entries of one list that are reported each; the rest is only counted.
const MAX_PROBLEMS: usize = 20;

/// A source of identity lists.
pub trait Provider: Send + Sync {
    /// The provider's list for one pool of the configuration `file`. An empty list if the provider
    /// has nothing to do with the pool. May block, and runs on a thread where that is allowed.
    fn list(&self, file: &Path, pool: &PoolConfig) -> Checked<Listing>;
}

/// What a provider knows about the identities of one pool.
#[derive(Clone, Debug)]
pub enum Listing {
    /// All identities that the provider has for the pool.
    Complete(Arc<IdentityList>),
    /// Those that it has found so far, whether people have listed them too or not.
    Discovered(Arc<IdentityList>),
    /// None yet: the provider has not begun to look. The pool is polled without it.
    Pending,
}

impl Listing {
    /// The list, as far as there is one.
    #[must_use]
    pub fn list(&self) -> Option<&IdentityList> {
        match self {
            Self::Complete(list) | Self::Discovered(list) => Some(list),
            Self::Pending => None,
        }
    }

    /// The list, if people made it.
    #[must_use]
    pub fn of_people(&self) -> Option<&IdentityList> {
        match self {
            Self::Complete(list) => Some(list),
            Self::Discovered(_) | Self::Pending => None,
        }
    }
}

/// All providers: [`Inline`], [`Files`], the [`Catalog`], and those that are added. If two give
/// different names to an identity, the name of the earlier one counts.
pub struct Discovery {
    /// What people have written.
    read: [Box<dyn Provider>; 2],
    /// What changes by itself.
    changing: Vec<Box<dyn Provider>>,
    catalog: Catalog,
    notifier: ChangeNotifier,
    /// Has seen none of the changes since this value was made.
    changes: watch::Receiver<()>,
}

impl Discovery {
    /// The identities of all providers: one entry for each pool of the configuration, in its order,
    /// and in it one for each provider. May block.
    pub fn lists(&self, config: &Config) -> Checked<Vec<Vec<Listing>>> {
        let read = of_pools(config, |pool| of_providers(&self.read, config, pool));
        read.and_then(|read| self.relist(config, read))
    }

    /// The same with the lists that people have written as they were read before. It reads no file.
    pub fn relist(
        &self,
        config: &Config,
        mut read: Vec<Vec<Listing>>,
    ) -> Checked<Vec<Vec<Listing>>> {
        let changing = of_pools(config, |pool| of_providers(&self.changing, config, pool));
        changing.map(|changing| {
            for (lists, changing) in read.iter_mut().zip(changing) {
                lists.extend(changing);
            }
            read
        })
    }

    /// Whether lists of this configuration may change though nobody writes them.
    #[must_use]
    pub fn may_change(&self, config: &Config) -> bool {
        let is_discovered = |pool: &PoolConfig| pool.settings.discover.is_some();
        self.changing.len() > 1 || config.pools.iter().any(is_discovered)
    }

    /// Adds a provider that changes its lists by itself, behind those that are there.
    pub fn add(&mut self, provider: impl Provider + 'static) {
        self.changing.push(Box::new(provider));
    }

    /// What passes of `ListIdentities` find.
    #[must_use]
    pub fn catalog(&self) -> Catalog {
        self.catalog.clone()
    }

    /// For a provider that changes its lists by itself.
    #[must_use]
    pub fn notifier(&self) -> ChangeNotifier {
        self.notifier.clone()
    }

    /// Resolves [`watch::Receiver::changed`] once for all changes since this value was made, and
    /// then for each further one.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.clone()
    }
}

impl Default for Discovery {
    fn default() -> Self {
        let (sender, changes) = watch::channel(());
        let notifier = ChangeNotifier(sender);
        let catalog = Catalog::new(notifier.clone());
        Self {
            read: [Box::new(Inline), Box::new(Files)],
            changing: vec![Box::new(catalog.clone())],
            catalog,
            notifier,
            changes,
        }
    }
}

fn of_pools(
    config: &Config,
    lists: impl Fn(&PoolConfig) -> Checked<Vec<Listing>>,
) -> Checked<Vec<Vec<Listing>>> {
    config.pools.iter().map(lists).collect()
}

fn of_providers(
    providers: &[Box<dyn Provider>],
    config: &Config,
    pool: &PoolConfig,
) -> Checked<Vec<Listing>> {
    let lists = providers.iter();
    lists
        .map(|provider| provider.list(&config.file, pool))
        .collect()
}

/// Announces that a provider's lists are no longer those it returned last.
#[derive(Clone, Debug, Default)]
pub struct ChangeNotifier(watch::Sender<()>);

impl ChangeNotifier {
    /// Has all lists read again. Several calls before that happens count as one.
    pub fn notify(&self) {
        self.0.send_replace(());
    }
}
