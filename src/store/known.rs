//! What is known of one identity, for people.

use super::{DatasetList, History, Snapshot, Store};
use crate::identity::IdentityId;
use crate::job::Target;

/// What is known of one identity.
#[derive(Debug)]
pub struct Known {
    pub snapshot: Snapshot,
    pub history: History,
    /// One for each pool that lists it.
    pub targets: Vec<KnownTarget>,
}

/// An identity in one pool.
#[derive(Debug)]
pub struct KnownTarget {
    pub target: Target,
    /// The latest list of its datasets: that is kept for the identities nearest a limit.
    pub listed: Option<DatasetList>,
}

impl Store {
    /// All that is known of an identity, at one time.
    #[must_use]
    pub fn known_of(&self, id: IdentityId<'_>) -> Known {
        let contents = self.contents();
        let of_target = |target| {
            let Target::Identity { pool, identity } = target else {
                return None;
            };
            Some(KnownTarget {
                target,
                listed: contents.dataset_rows.get((pool, identity)),
            })
        };
        let targets = contents.targets.of_identity(id);
        Known {
            snapshot: Self::snapshot_of(&contents),
            history: contents.history.clone(),
            targets: targets.filter_map(of_target).collect(),
        }
    }
}
