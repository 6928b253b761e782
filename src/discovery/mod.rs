//! Where identity lists come from.
//!
//! A [`Provider`] knows a list of identities for each pool. [`Inline`] takes it from the
//! configuration itself, [`Files`] from identity files; both read their lists anew each time. The
//! [`Catalog`] holds what passes of `ListIdentities` find while the daemon runs. A provider whose
//! lists change by themselves calls [`ChangeNotifier::notify`], and the reload loop asks for all
//! lists again. `Targets::assemble`
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
    providers: Vec<Box<dyn Provider>>,
    catalog: Catalog,
    notifier: ChangeNotifier,
    /// Has seen none of the changes since this value was made.
    changes: watch::Receiver<()>,
}

impl Discovery {
    /// The identities of all providers: one entry for each pool of the configuration, in its order,
    /// and in it one for each provider. May block.
    pub fn lists(&self, config: &Config) -> Checked<Vec<Vec<Listing>>> {
        let of_pool = |pool| {
            let lists = self
                .providers
                .iter()
                .map(|provider| provider.list(&config.file, pool));
            lists.collect()
        };
        config.pools.iter().map(of_pool).collect()
    }

    /// Adds a provider behind those that are there.
    pub fn add(&mut self, provider: impl Provider + 'static) {
        self.providers.push(Box::new(provider));
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
            providers: vec![Box::new(Inline), Box::new(Files), Box::new(catalog.clone())],
            catalog,
            notifier,
            changes,
        }
    }
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
