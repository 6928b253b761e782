//! Simulated pools and identities. Usage is a pure function of an identity's script and the world's
//! age, so that equal seeds give equal usage.

use std::collections::BTreeMap;

use crate::api::{Dataset, PoolUsage, Usage};
use crate::config::Limits;
use crate::identity::hash;

const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-northeast-1"];
/// The service's default limits.
const LIMITS: Limits = Limits {
    datasets: 20,
    dataset_storage_bytes: 1 << 20,
    dataset_records: 1_024,
};
const DAY: f64 = 86_400.0;
/// Size of each record, key and value, in bytes.
const RECORD_BYTES: u64 = 1_536;

/// All pools, by id, and their identities, by id.
#[derive(Clone, Debug, Default)]
pub struct World {
    pools: BTreeMap<String, BTreeMap<String, Life>>,
}

/// How the usage of an identity develops. The number in 0..1 varies it within its kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Life {
    /// Constant usage.
    Still(Usage),
    /// Writes every 10 to 60 s, with little change of storage.
    Steady(f64),
    /// Grows to three quarters of its limits in ten minutes, then shrinks and repeats.
    Growing(f64),
    /// Reaches every limit within a minute, stays there for nine, then shrinks and repeats.
    Filling(f64),
    /// Last wrote days or months ago.
    Quiet(f64),
    /// Created, but without a write.
    Empty,
    /// Exists for a while, is missing for two minutes, and exists again.
    Vanishing(f64),
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

    /// Adds or replaces an identity. Adds the pool if it does not exist.
    pub fn insert(&mut self, pool: &str, identity: &str, life: Life) {
        self.pools
            .entry(pool.to_owned())
            .or_default()
            .insert(identity.to_owned(), life);
    }

    pub fn remove(&mut self, pool: &str, identity: &str) {
        if let Some(identities) = self.pools.get_mut(pool) {
            identities.remove(identity);
        }
    }

    /// All pools with their identities, by id.
    pub fn pools(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = &str>)> {
        self.pools
            .iter()
            .map(|(pool, identities)| (pool.as_str(), identities.keys().map(String::as_str)))
    }

    /// The usage of an identity when the world is `age` seconds old. `start` is in seconds since
    /// 1970.
    #[must_use]
    pub fn usage(&self, pool: &str, identity: &str, age: f64, start: f64) -> Option<Usage> {
        self.pools.get(pool)?.get(identity)?.usage(age, start)
    }

    /// The datasets of an identity at that time, named by number. Its bytes are divided evenly, and
    /// the first dataset takes the remainder.
    #[must_use]
    pub fn datasets(
        &self,
        pool: &str,
        identity: &str,
        age: f64,
        start: f64,
    ) -> Option<Vec<Dataset>> {
        let usage = self.usage(pool, identity, age, start)?;
        let count = u64::from(usage.datasets.unwrap_or(0));
        let dataset = |number: u64| {
            let remainder = |bytes: u64| if number == 0 { bytes % count } else { 0 };
            let storage_bytes = usage
                .storage_bytes
                .map(|bytes| bytes / count + remainder(bytes));
            Dataset {
                name: Some(format!("dataset-{}", number + 1)),
                storage_bytes,
                records: storage_bytes.map(|bytes| bytes.div_ceil(RECORD_BYTES)),
                last_modified: usage.last_modified,
            }
        };
        Some((0..count).map(dataset).collect())
    }

    /// The usage of a pool at that time.
    #[must_use]
    pub fn pool_usage(&self, pool: &str, age: f64, start: f64) -> Option<PoolUsage> {
        let usages: Vec<_> = self
            .pools
            .get(pool)?
            .values()
            .filter_map(|life| life.usage(age, start))
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
}

impl Life {
    /// Of a hundred identities: 30 steady, 24 growing, 8 filling, 28 quiet, 5 empty, 5 vanishing.
    fn from_seed(seed: u64, identity: usize) -> Self {
        let number = hash(&[&seed.to_string(), "life", &identity.to_string()]);
        let draw = (number >> 11) as f64 / (1_u64 << 53) as f64;
        // By position, not at random, so that even ten identities have most kinds.
        match identity * 37 % 100 {
            0..8 => Self::Filling(draw),
            8..38 => Self::Steady(draw),
            38..66 => Self::Quiet(draw),
            66..71 => Self::Empty,
            71..76 => Self::Vanishing(draw),
            _ => Self::Growing(draw),
        }
    }

    fn usage(self, age: f64, start: f64) -> Option<Usage> {
        let usage = |fraction: f64, last_modified: f64| Usage {
            datasets: Some((f64::from(LIMITS.datasets) * fraction).ceil() as u32),
            storage_bytes: Some(((20 << 20) as f64 * fraction) as u64),
            last_modified: Some(round_to_milliseconds(last_modified)),
        };
        // Usage changes only with a write, together with its time.
        let last_write = |interval: f64| (age / interval).floor() * interval;
        match self {
            Self::Still(constant) => Some(constant),
            Self::Steady(draw) => {
                let interval = 10.0 + 50.0 * draw;
                let written = last_write(interval);
                Some(usage(
                    0.05 + 0.3 * draw + 0.02 * ((written / interval) % 3.0),
                    start + written,
                ))
            }
            Self::Growing(draw) => {
                let written = last_write(15.0);
                let grown = ((written + 600.0 * draw) % 600.0) / 600.0;
                Some(usage(0.1 + 0.65 * grown, start + written))
            }
            Self::Filling(draw) => {
                let written = last_write(5.0);
                let filled = ((written % 600.0) / (30.0 + 25.0 * draw)).min(1.0);
                Some(usage(0.6 + 0.4 * filled, start + written))
            }
            Self::Quiet(draw) => Some(usage(
                0.01 + 0.5 * draw,
                start - DAY * (1.0 + 400.0 * draw * draw),
            )),
            Self::Empty => Some(Usage {
                datasets: Some(0),
                storage_bytes: Some(0),
                last_modified: None,
            }),
            Self::Vanishing(draw) => {
                let exists =
                    (age % 300.0) < 30.0 + 150.0 * draw || age % 300.0 > 150.0 + 150.0 * draw;
                exists.then(|| usage(0.1 + 0.2 * draw, start - DAY * draw))
            }
        }
    }
}

/// AWS's dates have millisecond resolution.
fn round_to_milliseconds(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
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
mod tests {
    use super::*;
    use crate::identity::{IdentityId, PoolId};
    use std::collections::HashSet;

    const START: f64 = 1_763_856_000.0;

    #[test]
    fn ids_are_valid_and_unique() {
        let world = World::scripted(7, 3, 1_000);
        let mut seen = HashSet::new();
        for (pool, identities) in world.pools() {
            let region = PoolId::parse(pool).unwrap().region().to_owned();
            for identity in identities {
                assert_eq!(IdentityId::parse(identity).unwrap().region(), region);
                assert!(seen.insert(identity));
            }
        }
        assert_eq!(seen.len(), 1_000);
    }

    #[test]
    fn equal_seeds_give_equal_usage() {
        let usages = |seed| {
            let world = World::scripted(seed, 2, 50);
            let ids: Vec<_> = world
                .pools()
                .flat_map(|(pool, ids)| ids.map(move |id| (pool, id)))
                .collect();
            ids.iter()
                .map(|(pool, id)| world.usage(pool, id, 100.0, START))
                .collect::<Vec<_>>()
        };
        assert_eq!(usages(1), usages(1));
        assert_ne!(usages(1), usages(2));
    }

    #[test]
    fn within_a_minute_every_kind_of_usage_appears() {
        let world = World::scripted(1, 2, 200);
        let at = |age: f64| -> Vec<Option<Usage>> {
            let ids = world
                .pools()
                .flat_map(|(pool, ids)| ids.map(move |id| (pool, id)));
            ids.map(|(pool, id)| world.usage(pool, id, age, START))
                .collect()
        };
        let (start, minute) = (at(0.0), at(60.0));
        let full = |usage: &&Option<Usage>| {
            usage.is_some_and(|usage| usage.storage_bytes == Some(20 << 20))
        };
        assert_eq!(start.iter().filter(full).count(), 0);
        assert_eq!(minute.iter().filter(full).count(), 16);
        assert!(
            minute
                .iter()
                .flatten()
                .all(|usage| usage.datasets <= Some(20))
        );
        assert!(minute.iter().any(Option::is_none), "an identity is missing");
        assert!(
            minute
                .iter()
                .flatten()
                .any(|usage| usage.last_modified.is_none()),
            "an identity never wrote"
        );
        assert!(minute.iter().flatten().any(|usage| {
            usage
                .last_modified
                .is_some_and(|at| at < START - 90.0 * DAY)
        }));
        assert!(
            minute
                .iter()
                .flatten()
                .all(|usage| usage.last_modified.is_none_or(|at| at <= START + 60.0))
        );
    }
}
