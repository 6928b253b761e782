//! What outlives the process: where it is while it runs.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::discovery::Catalog;
use crate::store::Store;

/// What is saved, and restored.
#[derive(Clone, Debug)]
pub struct Known {
    /// What AWS has answered.
    pub store: Arc<Store>,
    /// Who was discovered.
    pub catalog: Catalog,
    /// What is done when the catalog is restored, and the store is not yet.
    pub relist: Relist,
}

/// Gives the store those that are discovered as targets, so that their usage finds them. Only while
/// nothing is polled, as the poller has targets too: it is done once at most, or disabled.
#[derive(Clone, Default)]
pub struct Relist(Arc<Mutex<Option<Work>>>);

type Work = Box<dyn FnOnce() + Send>;

impl Known {
    /// A store that nothing is discovered for.
    #[must_use]
    pub fn of_store(store: Arc<Store>) -> Self {
        Self {
            store,
            catalog: Catalog::default(),
            relist: Relist::default(),
        }
    }
}

impl Relist {
    #[must_use]
    pub fn new(relist: impl FnOnce() + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(relist)))))
    }

    /// Does it, unless it was done or disabled. Returns whether it was done.
    pub(super) fn run(&self) -> bool {
        // Held until it is done, since it must not be under way once it is disabled.
        let mut relist = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        relist.take().map(|relist| relist()).is_some()
    }

    /// It is not done any more. Waits while it is.
    pub(super) fn disable(&self) {
        let mut relist = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *relist = None;
    }
}

impl fmt::Debug for Relist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relist").finish_non_exhaustive()
    }
}
