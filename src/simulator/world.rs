//! Simulated pools and identities. What an identity holds is a pure function of its script, of what
//! clients wrote and of the world's age, so that equal seeds give equal usage.
//!
//! Cognito Identity lists every identity here. Cognito Sync knows those that have synced, as their
//! [`Life`] says.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use super::dataset::{IDENTITY_DATASETS, Listed, round_to_milliseconds};
use super::identity::GuestRole;
use super::life::Life;
use super::written::{Moment, Patch, Refusal, Written};
use crate::api::{Dataset, PoolUsage, Usage};
use crate::identity::hash;

const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-northeast-1"];
/// How far an identity's usage is behind its datasets. In AWS's published answers of one day, the
/// identity's date is later than its dataset's by this much.
const USAGE_LAG: Duration = Duration::from_millis(24_092);

/// All pools, by id, and their identities, by id.
#[derive(Clone, Debug)]
pub struct World {
    pools: BTreeMap<String, Pool>,
    usage_lag: Duration,
}

impl Default for World {
    fn default() -> Self {
        Self {
            pools: BTreeMap::new(),
            usage_lag: USAGE_LAG,
        }
    }
}

#[derive(Clone, Debug)]
struct Pool {
    name: String,
    guest_role: GuestRole,
    identities: BTreeMap<String, Identity>,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            name: "identities".to_owned(),
            guest_role: GuestRole::All,
            identities: BTreeMap::new(),
        }
    }
}

#[derive(Clone, Debug)]
struct Identity {
    /// In Cognito Identity, which makes guests disabled when they are merged with another identity.
    is_disabled: bool,
    life: Life,
    /// The lives that replaced it, each with the world's age from which on it counts.
    changes: Vec<(f64, Life)>,
    /// By the dataset's name.
    written: BTreeMap<String, Written>,
}

impl World {
    /// Pools and identities from a seed, with the identities spread evenly over the pools.
    #[must_use]
    pub fn scripted(seed: u64, pools: usize, identities: usize) -> Self {
        let mut world = Self::default();
        for pool in 0..pools {
            let region = REGIONS[pool % REGIONS.len()];
            let pool_id = format!(
                "{region}:{}",
                guid(&[&seed.to_string(), "pool", &pool.to_string()])
            );
            world.pools.entry(pool_id.clone()).or_default();
            for identity in (pool..identities).step_by(pools) {
                let id = format!(
                    "{region}:{}",
                    guid(&[&seed.to_string(), "identity", &identity.to_string()])
                );
                world.insert(&pool_id, &id, Life::from_seed(seed, identity));
            }
        }
        world
    }

    /// Adds or replaces an identity, as if it had always been so. Adds the pool if it does not
    /// exist.
    pub fn insert(&mut self, pool: &str, identity: &str, life: Life) {
        let pool = self.pools.entry(pool.to_owned()).or_default();
        let added = Identity {
            is_disabled: false,
            life,
            changes: Vec::new(),
            written: BTreeMap::new(),
        };
        pool.identities.insert(identity.to_owned(), added);
    }

    /// Replaces an identity's life from this age of the world on, which is not before the last
    /// change; its usage follows with the lag. Datasets that clients wrote stay. An identity that
    /// does not exist is added.
    pub fn change(&mut self, pool: &str, identity: &str, life: Life, age: f64) {
        match self.identity_mut(pool, identity) {
            Some(identity) => identity.changes.push((age, life)),
            None => self.insert(pool, identity, life),
        }
    }

    /// Deletes an identity, with what it holds.
    pub fn remove(&mut self, pool: &str, identity: &str) {
        if let Some(pool) = self.pools.get_mut(pool) {
            pool.identities.remove(identity);
        }
    }

    /// Disables an identity in Cognito Identity, or enables it again. Its datasets stay.
    pub fn set_disabled(&mut self, pool: &str, identity: &str, is_disabled: bool) {
        if let Some(identity) = self.identity_mut(pool, identity) {
            identity.is_disabled = is_disabled;
        }
    }

    /// Names a pool, which is added if it does not exist. Without this its name is "identities".
    pub fn set_pool_name(&mut self, pool: &str, name: &str) {
        name.clone_into(&mut self.pools.entry(pool.to_owned()).or_default().name);
    }

    /// Sets what the guests of a pool may do in Cognito Sync. Adds the pool if it does not exist.
    pub fn set_guest_role(&mut self, pool: &str, role: GuestRole) {
        self.pools.entry(pool.to_owned()).or_default().guest_role = role;
    }

    /// Sets how far the usage of identities is behind their datasets.
    pub fn set_usage_lag(&mut self, lag: Duration) {
        self.usage_lag = lag;
    }

    /// All pools with their identities, by id.
    pub fn pools(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = &str>)> {
        self.pools
            .iter()
            .map(|(id, pool)| (id.as_str(), pool.identities.keys().map(String::as_str)))
    }

    /// The ids and names of the pools whose id is greater than `after`, by id.
    pub(super) fn pools_after<'a>(
        &'a self,
        after: Option<&str>,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let pools = self.pools.range::<str, _>(beyond(after));
        pools.map(|(id, pool)| (id.as_str(), pool.name.as_str()))
    }

    /// The identities of a pool whose id is greater than `after`, by id, and whether they are
    /// disabled.
    pub(super) fn identities_after<'a>(
        &'a self,
        pool: &str,
        after: Option<&str>,
    ) -> Option<impl Iterator<Item = (&'a str, bool)>> {
        let identities = &self.pools.get(pool)?.identities;
        let identities = identities.range::<str, _>(beyond(after));
        Some(identities.map(|(id, identity)| (id.as_str(), identity.is_disabled)))
    }

    /// The pool of an identity, the first if there are several, and whether it is disabled there.
    pub(super) fn pool_of(&self, identity: &str) -> Option<(&str, bool)> {
        self.pools.iter().find_map(|(id, pool)| {
            let identity = pool.identities.get(identity)?;
            Some((id.as_str(), identity.is_disabled))
        })
    }

    pub(super) fn guest_role(&self, pool: &str) -> GuestRole {
        let pool = self.pools.get(pool);
        pool.map_or(GuestRole::All, |pool| pool.guest_role)
    }

    /// The answer of `DescribeIdentityUsage` when the world is `age` seconds old: the number, the
    /// bytes and the latest date of the datasets, with the lag. `start` is in seconds since 1970.
    #[must_use]
    pub fn usage(&self, pool: &str, identity: &str, age: f64, start: f64) -> Option<Usage> {
        let identity = self.identity(pool, identity)?;
        identity.usage(age, start, self.usage_lag.as_secs_f64())
    }

    /// The answer of `ListDatasets` at that time, which does not lag.
    #[must_use]
    pub fn datasets(
        &self,
        pool: &str,
        identity: &str,
        age: f64,
        start: f64,
    ) -> Option<Vec<Dataset>> {
        self.identity(pool, identity)?.datasets(age, start)
    }

    /// The same with all that is listed.
    pub(super) fn listed(
        &self,
        pool: &str,
        identity: &str,
        age: f64,
        start: f64,
    ) -> Option<Vec<Listed>> {
        self.identity(pool, identity)?.listed(age, start)
    }

    /// The usage of a pool at that time.
    #[must_use]
    pub fn pool_usage(&self, pool: &str, age: f64, start: f64) -> Option<PoolUsage> {
        let lag = self.usage_lag.as_secs_f64();
        let identities = self.pools.get(pool)?.identities.values();
        let usages: Vec<_> = identities
            .filter_map(|identity| identity.usage(age, start, lag))
            .collect();
        Some(PoolUsage {
            storage_bytes: Some(usages.iter().filter_map(|usage| usage.storage_bytes).sum()),
            sync_sessions: Some(usages.len() as u64 * 3 + (age / 10.0) as u64),
            last_modified: usages
                .iter()
                .filter_map(|usage| usage.last_modified)
                .max_by(f64::total_cmp),
        })
    }

    /// A dataset with its records; one that does not exist has neither.
    pub(super) fn dataset(
        &self,
        (pool, identity, name): (&str, &str, &str),
        age: f64,
        start: f64,
    ) -> Written {
        let identity = self.identity(pool, identity);
        identity.map_or_else(Written::default, |identity| {
            identity.dataset(name, age, start)
        })
    }

    /// Writes records of a dataset, which is made if it does not exist. Returns it, and the keys
    /// that were written.
    ///
    /// # Errors
    /// When there is no such identity, when it would pass a limit, or when a record has changed
    /// since.
    pub(super) fn update(
        &mut self,
        (pool, identity, name): (&str, &str, &str),
        patches: Vec<Patch>,
        device: Option<&str>,
        now: Moment,
    ) -> Result<(&Written, Vec<String>), Refusal> {
        let identity = self.identity_mut(pool, identity);
        let identity = identity.ok_or(Refusal::NotFound)?;
        let start = now.date - now.age;
        let listed = identity.listed(now.age, start).ok_or(Refusal::NotFound)?;
        let exists = listed.iter().any(|listed| listed.is_named(name));
        if !exists && listed.len() >= IDENTITY_DATASETS {
            return Err(Refusal::Limit("an identity has 20 datasets"));
        }
        let mut written = identity.dataset(name, now.age, start);
        let keys = written.update(name, patches, device, now)?;
        let written = identity.keep(name, written);
        Ok((written, keys))
    }

    /// Deletes a dataset; returns what it was.
    ///
    /// # Errors
    /// When it does not exist.
    pub(super) fn delete(
        &mut self,
        (pool, identity, name): (&str, &str, &str),
        now: Moment,
    ) -> Result<Listed, Refusal> {
        let identity = self.identity_mut(pool, identity);
        let identity = identity.ok_or(Refusal::NotFound)?;
        let mut written = identity.dataset(name, now.age, now.date - now.age);
        let deleted = written.delete(now)?;
        identity.keep(name, written);
        Ok(deleted)
    }

    fn identity(&self, pool: &str, identity: &str) -> Option<&Identity> {
        self.pools.get(pool)?.identities.get(identity)
    }

    fn identity_mut(&mut self, pool: &str, identity: &str) -> Option<&mut Identity> {
        self.pools.get_mut(pool)?.identities.get_mut(identity)
    }
}

impl Identity {
    fn life(&self, age: f64) -> &Life {
        let mut changes = self.changes.iter().rev();
        let change = changes.find(|(since, _)| *since <= age);
        change.map_or(&self.life, |(_, life)| life)
    }

    /// `lag` is in seconds.
    fn usage(&self, age: f64, start: f64, lag: f64) -> Option<Usage> {
        let age = age - lag;
        match self.life(age) {
            Life::Still(usage) if self.written.is_empty() => Some(*usage),
            _ => {
                let usage = Usage::of_datasets(&self.datasets(age, start)?);
                let later = |date: f64| round_to_milliseconds(date + lag);
                Some(Usage {
                    last_modified: usage.last_modified.map(later),
                    ..usage
                })
            }
        }
    }

    fn datasets(&self, age: f64, start: f64) -> Option<Vec<Dataset>> {
        let listed = self.listed(age, start)?;
        Some(listed.into_iter().map(|listed| listed.dataset).collect())
    }

    /// The script's datasets and those that clients wrote, each name once.
    fn listed(&self, age: f64, start: f64) -> Option<Vec<Listed>> {
        let scripted = self.life(age).datasets(age, start)?;
        let scripted = scripted.into_iter().map(Listed::scripted);
        let written = self.written.iter();
        let written: Vec<_> = written
            .filter_map(|(name, written)| Some((name, written.at(age)?)))
            .collect();
        let is_written = |listed: &Listed| written.iter().any(|(name, _)| listed.is_named(name));
        let mut all: Vec<_> = scripted.filter(|listed| !is_written(listed)).collect();
        all.extend(written.iter().filter_map(|(_, listed)| listed.cloned()));
        Some(all)
    }

    fn dataset(&self, name: &str, age: f64, start: f64) -> Written {
        let written = self.written.get(name).cloned();
        written.unwrap_or_else(|| {
            let mut listed = self.listed(age, start).unwrap_or_default().into_iter();
            let scripted = listed.find(|listed| listed.is_named(name));
            scripted.map_or_else(Written::default, |listed| Written::of_script(&listed, age))
        })
    }

    fn keep(&mut self, name: &str, written: Written) -> &Written {
        self.written.insert(name.to_owned(), written);
        &self.written[name]
    }
}

/// The keys after this one, of all when there is none.
fn beyond(after: Option<&str>) -> (Bound<&str>, Bound<&str>) {
    let start = after.map_or(Bound::Unbounded, Bound::Excluded);
    (start, Bound::Unbounded)
}

/// A GUID (RFC 9562, version 8) made of a hash of these texts.
fn guid(texts: &[&str]) -> String {
    let [a, b] = ["high", "low"].map(|half| hash(&[texts, &[half]].concat()));
    format!(
        "{:08x}-{:04x}-8{:03x}-9{:03x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        b >> 52,
        b & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests;
