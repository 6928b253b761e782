//! The datasets themselves, of the identities nearest a limit.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::record::AsOf;
use crate::api::{Answer, Dataset, Failure, Signer, Usage};
use crate::job::{IdentityIndex, PoolIndex, Target};
use crate::limits::Standing;
use crate::observation::Observation;
use crate::targets::TargetDiff;

/// The most identities whose datasets are kept, in all pools together. With 20 datasets each, and
/// names of usual length, they take about 2 MB.
const MAX_IDENTITIES: usize = 1_000;

type Key = (PoolIndex, IdentityIndex);

/// How near a limit an identity is, in millionths of the limit, and when it was last modified, in
/// seconds since 1970: of two that are equally near, the later one is kept.
type Rank = (u64, u64);

/// The datasets of one identity.
pub type DatasetList = AsOf<Arc<[Dataset]>>;

/// The last lists of datasets of the identities that are nearest a limit.
#[derive(Debug, Default)]
pub(super) struct DatasetRows {
    lists: HashMap<Key, (Rank, DatasetList)>,
    /// The farthest from its limit first.
    ranks: BTreeSet<(Rank, Key)>,
}

impl DatasetRows {
    pub(super) fn get(&self, key: Key) -> Option<DatasetList> {
        self.lists.get(&key).map(|(_, list)| list.clone())
    }

    /// Applies the result of a poll, whose calls these keys sign. `standing` compares the usage
    /// with the limits.
    pub(super) fn apply(
        &mut self,
        key: Key,
        signer: Signer,
        observation: &Observation,
        standing: impl Fn(&Usage) -> Standing,
    ) {
        match &observation.result {
            Ok(Answer::Datasets(datasets)) if !datasets.is_empty() => {
                let usage = Usage::of_datasets(datasets);
                let list = AsOf {
                    value: Arc::from(&datasets[..]),
                    requested_at: observation.requested_at,
                };
                self.insert(key, rank(&usage, standing(&usage)), list);
            }
            Ok(Answer::Identity(Usage {
                datasets: Some(0), ..
            }))
            | Err(Failure::NotFound) => {
                self.remove(key);
            }
            // It is empty, and says so of an identity with keys of its own only.
            Ok(Answer::Datasets(_)) if signer == Signer::Guest => {
                self.remove(key);
            }
            Ok(Answer::Identity(usage)) => {
                if let Some(list) = self.remove(key) {
                    self.insert(key, rank(usage, standing(usage)), list);
                }
            }
            Ok(_) | Err(_) => {}
        }
    }

    /// Takes back the last list of an identity with this usage.
    pub(super) fn restore(
        &mut self,
        key: Key,
        list: DatasetList,
        usage: Option<Usage>,
        standing: impl Fn(&Usage) -> Standing,
    ) {
        let usage = usage.unwrap_or_else(|| Usage::of_datasets(&list.value));
        self.insert(key, rank(&usage, standing(&usage)), list);
    }

    fn insert(&mut self, key: Key, rank: Rank, list: DatasetList) {
        self.remove(key);
        self.lists.insert(key, (rank, list));
        self.ranks.insert((rank, key));
        if self.lists.len() > MAX_IDENTITIES
            && let Some((_, farthest)) = self.ranks.pop_first()
        {
            self.lists.remove(&farthest);
        }
    }

    fn remove(&mut self, key: Key) -> Option<DatasetList> {
        let (rank, list) = self.lists.remove(&key)?;
        self.ranks.remove(&(rank, key));
        Some(list)
    }

    /// Keeps the lists of the identities that stay.
    pub(super) fn apply_targets(&mut self, diff: &TargetDiff) {
        for ((pool, identity), (rank, list)) in std::mem::take(self).lists {
            let old = Target::Identity { pool, identity };
            if let Some(Target::Identity { pool, identity }) = diff.target(old) {
                self.insert((pool, identity), rank, list);
            }
        }
    }
}

fn rank(usage: &Usage, standing: Standing) -> Rank {
    let used = standing.nearest().map_or(0.0, |(_, used)| used);
    let last_modified = usage.last_modified.unwrap_or(0.0);
    ((used * 1e6) as u64, last_modified as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Operation;
    use crate::clock::{Mono, Timestamp};
    use crate::config::Limits;
    use crate::job::Job;
    use crate::limits::Listing;
    use std::time::Duration;

    fn key(identity: usize) -> Key {
        (PoolIndex(0), IdentityIndex(identity))
    }

    /// A list with one dataset of so many bytes.
    fn list(rows: &mut DatasetRows, identity: usize, bytes: u64, last_modified: f64) {
        let dataset = Dataset {
            name: Some("settings".to_owned()),
            storage_bytes: Some(bytes),
            records: Some(1),
            last_modified: Some(last_modified),
        };
        poll(rows, identity, Ok(Answer::Datasets(vec![dataset])));
    }

    fn poll(rows: &mut DatasetRows, identity: usize, result: Result<Answer, Failure>) {
        let observation = Observation {
            job: Job {
                operation: Operation::ListDatasets,
                target: Target::identity(PoolIndex(0), identity),
            },
            requested_at: Timestamp {
                mono: Mono::START,
                unix: 0.0,
            },
            took: Duration::ZERO,
            calls: 1,
            is_reported: false,
            result,
        };
        rows.apply(key(identity), Signer::Account, &observation, |usage| {
            Standing::of(usage, Listing::default(), Limits::default())
        });
    }

    fn bytes(rows: &DatasetRows, identity: usize) -> Option<u64> {
        rows.get(key(identity))?.value[0].storage_bytes
    }

    #[test]
    fn the_nearest_are_kept_and_of_equals_those_that_wrote_last() {
        let mut rows = DatasetRows::default();
        let bytes_of = |identity: usize| 200_000 + identity as u64 % 2 * 100_000;
        for identity in 0..2 * MAX_IDENTITIES {
            list(&mut rows, identity, bytes_of(identity), identity as f64);
        }
        assert_eq!(rows.lists.len(), MAX_IDENTITIES);
        assert_eq!(rows.ranks.len(), MAX_IDENTITIES);
        for identity in 0..2 * MAX_IDENTITIES {
            let expected = (identity % 2 == 1).then(|| bytes_of(identity));
            assert_eq!(bytes(&rows, identity), expected, "{identity}");
        }
        list(&mut rows, 1, 250_000, 1.0);
        assert_eq!(bytes(&rows, 1), Some(250_000), "the latest list");
        list(&mut rows, 0, 250_000, 9_999.0);
        assert_eq!((bytes(&rows, 0), bytes(&rows, 1)), (Some(250_000), None));
    }

    #[test]
    fn who_is_emptied_makes_room() {
        let mut rows = DatasetRows::default();
        for identity in 0..MAX_IDENTITIES {
            list(&mut rows, identity, 1 << 20, identity as f64);
        }
        let described = |datasets, storage_bytes| {
            Ok(Answer::Identity(Usage {
                datasets: Some(datasets),
                storage_bytes: Some(storage_bytes),
                last_modified: Some(9_999.0),
            }))
        };
        poll(&mut rows, 0, described(0, 0));
        assert_eq!(bytes(&rows, 0), None);
        poll(&mut rows, 1, described(1, 10));
        assert_eq!(bytes(&rows, 1), Some(1 << 20), "as it was listed");
        list(&mut rows, 5_000, 900_000, 1.0);
        list(&mut rows, 5_001, 900_000, 1.0);
        assert!(bytes(&rows, 5_000).is_some() && bytes(&rows, 5_001).is_some());
        assert_eq!(bytes(&rows, 1), None, "the farthest");
    }

    #[test]
    fn who_does_not_exist_has_no_datasets() {
        let mut rows = DatasetRows::default();
        list(&mut rows, 3, 1_000, 1.0);
        for result in [
            Err(Failure::Timeout),
            Ok(Answer::Datasets(Vec::new())),
            Ok(Answer::Identity(Usage::default())),
            Err(Failure::AccessDenied),
        ] {
            poll(&mut rows, 3, result);
            assert_eq!(bytes(&rows, 3), Some(1_000));
        }
        poll(&mut rows, 3, Err(Failure::NotFound));
        assert_eq!(bytes(&rows, 3), None);
        assert!(rows.ranks.is_empty());
    }
}
