//! Targets for tests and benches, made without a configuration's text.

use std::path::PathBuf;
use std::sync::Arc;

use super::Targets;
use crate::config::{Config, PollSettings, PoolConfig, PoolSettings, Problem};
use crate::discovery::{IdentityList, Listing};
use crate::identity::PoolId;

impl Targets {
    /// Targets for tests: pools with these ids, each with so many identities, whose hex is their
    /// number from 0. All settings are defaults.
    ///
    /// # Panics
    /// When a pool's id is not valid.
    #[must_use]
    pub fn for_tests(pools: &[(&str, usize)]) -> Self {
        Self::for_tests_with_ids(pools.iter().map(|&(pool, identities)| {
            let region = region(pool);
            (
                pool,
                (0..identities).map(move |number| format!("{region}:{number:x}")),
            )
        }))
    }

    /// Targets for tests: pools with these ids and these identities. All settings are defaults.
    ///
    /// # Panics
    /// When an id is not valid.
    #[must_use]
    pub fn for_tests_with_ids<P, I>(pools: impl IntoIterator<Item = (P, I)>) -> Self
    where
        P: AsRef<str>,
        I: IntoIterator<Item: AsRef<str>>,
    {
        let named = |id| (id, None::<&str>);
        let pools = pools.into_iter();
        Self::for_tests_with_names(pools.map(|(pool, ids)| (pool, ids.into_iter().map(named))))
    }

    /// Targets for tests: pools with these ids and these identities, some of them with names. All
    /// settings are defaults.
    ///
    /// # Panics
    /// When an id is not valid.
    #[must_use]
    pub fn for_tests_with_names<P, I, D, N>(pools: impl IntoIterator<Item = (P, I)>) -> Self
    where
        P: AsRef<str>,
        I: IntoIterator<Item = (D, Option<N>)>,
        D: AsRef<str>,
        N: AsRef<str>,
    {
        let mut config = Config {
            file: PathBuf::from("test"),
            poll: PollSettings::default(),
            pools: Vec::new(),
        };
        let mut lists = Vec::new();
        for (id, identities) in pools {
            config.pools.push(pool(id.as_ref()));
            lists.push(vec![list(id.as_ref(), identities)]);
        }
        Self::assemble(&config, &lists).value
    }
}

fn region(pool: &str) -> &str {
    pool.split(':').next().unwrap_or_default()
}

fn pool(id: &str) -> PoolConfig {
    PoolConfig {
        key: id.to_owned(),
        id: Some(PoolId::parse(id).expect("tests name valid pools")),
        settings: PoolSettings::default(),
        identities: Vec::new(),
        identity_files: Vec::new(),
    }
}

fn list<D, N>(pool: &str, ids: impl IntoIterator<Item = (D, Option<N>)>) -> Listing
where
    D: AsRef<str>,
    N: AsRef<str>,
{
    let mut list = IdentityList::new(Some(region(pool)));
    for (id, name) in ids {
        let name = name.as_ref().map(AsRef::as_ref);
        list.add(id.as_ref(), name, Problem::default)
            .expect("tests name valid identities");
    }
    Listing::Complete(Arc::new(list))
}
