//! Reads lists anew before anything is polled.

use std::sync::Arc;

use crate::config::Config;
use crate::loading::{Loader, Relisted};
use crate::sources::Sources;
use crate::state::{Known, Relist};
use crate::store::Store;
use crate::targets::TargetDiff;

/// The configuration, the files that it and its lists were read from, and what reads them.
pub(super) struct Lists {
    pub(super) config: Arc<Config>,
    pub(super) sources: Arc<Sources>,
    pub(super) loader: Arc<Loader>,
}

impl Lists {
    /// What outlives the process: the store, and the catalog, whose identities become targets of
    /// the store before their usage is restored.
    pub(super) fn known(&self, store: &Arc<Store>) -> Known {
        let (config, sources) = (Arc::clone(&self.config), Arc::clone(&self.sources));
        let (loader, relisted) = (Arc::clone(&self.loader), Arc::clone(store));
        let relist = Relist::new(move || {
            // The reload loop reports what is wrong.
            if let Ok(Relisted { targets, .. }) = loader.relist(&config, &sources) {
                let before = relisted.snapshot().targets;
                let diff = TargetDiff::new(&before, &targets);
                relisted.apply_targets(&targets, &diff);
            }
        });
        Known {
            store: Arc::clone(store),
            catalog: self.loader.catalog(),
            relist,
        }
    }
}
