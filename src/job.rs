//! Jobs: what is polled, and by which operation.

use crate::api::Operation;

/// Position of a pool in one [`crate::targets::Targets`]. It is not valid for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolIndex(pub usize);

/// Position of an identity in its pool, for one [`crate::targets::Targets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdentityIndex(pub usize);

/// What a call concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    Identity {
        pool: PoolIndex,
        identity: IdentityIndex,
    },
    Pool {
        pool: PoolIndex,
    },
}

impl Target {
    #[must_use]
    pub fn identity(pool: PoolIndex, identity: usize) -> Self {
        let identity = IdentityIndex(identity);
        Self::Identity { pool, identity }
    }

    /// The pool, or the pool of the identity.
    #[must_use]
    pub fn pool(self) -> PoolIndex {
        match self {
            Self::Identity { pool, .. } | Self::Pool { pool } => pool,
        }
    }
}

/// One recurring poll: an operation and its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Job {
    pub operation: Operation,
    pub target: Target,
}
