//! What is polled: an operation and what it is about.

use crate::api::Operation;

/// Position of a pool in one [`crate::targets::Targets`]. It means nothing for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolIndex(pub usize);

/// Position of an identity in its pool, for one [`crate::targets::Targets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdentityIndex(pub usize);

/// What a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// One identity of a pool.
    Identity {
        /// Its pool.
        pool: PoolIndex,
        /// Its position in the pool.
        identity: IdentityIndex,
    },
    /// A pool itself.
    Pool {
        /// The pool.
        pool: PoolIndex,
    },
}

impl Target {
    /// The identity at these positions.
    #[must_use]
    pub fn identity(pool: PoolIndex, identity: usize) -> Self {
        let identity = IdentityIndex(identity);
        Self::Identity { pool, identity }
    }

    /// The pool that this is or belongs to.
    #[must_use]
    pub fn pool(self) -> PoolIndex {
        match self {
            Self::Identity { pool, .. } | Self::Pool { pool } => pool,
        }
    }
}

/// One recurring poll: an operation and its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Job {
    /// What is called.
    pub operation: Operation,
    /// What it is about.
    pub target: Target,
}
