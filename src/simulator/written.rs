//! Datasets that clients write: their records, and what AWS refuses.

use std::collections::BTreeMap;

use super::dataset::{DATASET_BYTES, DATASET_RECORDS, Listed, round_to_milliseconds};
use crate::api::Dataset;

/// A dataset that clients have written or deleted. From then on it follows them, no longer a
/// script.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    /// By key. Removed ones stay, without a value; they do not count towards any limit. Whether
    /// AWS counts them is not known.
    pub(super) records: BTreeMap<String, Record>,
    /// Number of updates; 0 if there was none.
    pub(super) sync_count: u64,
    /// What it was from which age of the world on, oldest first; `None` while it does not exist.
    versions: Vec<(f64, Option<Listed>)>,
}

/// A record, as `ListRecords` returns it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    /// `None` after it was removed.
    pub(super) value: Option<String>,
    /// The dataset's at its last update.
    pub(super) sync_count: u64,
    /// In seconds since 1970, as all dates here.
    pub(super) modified: f64,
    pub(super) modified_by: Option<String>,
    pub(super) device_modified: Option<f64>,
}

/// The change of one record.
#[derive(Clone, Debug)]
pub(super) struct Patch {
    pub(super) key: String,
    /// `None` removes it.
    pub(super) value: Option<String>,
    /// The client's last known one of this record; 0 if it knows none.
    pub(super) sync_count: u64,
    pub(super) device_modified: Option<f64>,
}

/// Why a write is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It would pass this limit.
    Limit(&'static str),
    /// Another client has written the record since.
    Conflict(String),
    /// There is no such identity or dataset.
    NotFound,
}

/// When a client writes.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    /// Age of the world in seconds.
    pub(super) age: f64,
    /// In seconds since 1970.
    pub(super) date: f64,
}

impl Written {
    /// The records of a scripted dataset: as many as it has, of nearly equal size, so that they
    /// add up to its bytes. Keys are never empty and all different, so that the sum is larger for
    /// a dataset with hardly a byte for a record. `age` is the world's.
    pub(super) fn of_script(listed: &Listed, age: f64) -> Self {
        let count = listed.dataset.records.unwrap_or(0);
        let bytes = listed.dataset.storage_bytes.unwrap_or(0);
        let record = |number: u64| {
            let size = bytes / count + u64::from(number < bytes % count);
            let key = key(number);
            let value = "x".repeat((size as usize).saturating_sub(key.len()));
            let record = Record {
                value: Some(value),
                sync_count: 1,
                modified: listed.dataset.last_modified.unwrap_or(listed.created),
                modified_by: listed.modified_by.clone(),
                device_modified: None,
            };
            (key, record)
        };
        Self {
            records: (0..count).map(record).collect(),
            sync_count: 1,
            versions: vec![(age, Some(listed.clone()))],
        }
    }

    /// What it is at this age of the world. The outer `None` is before its first write.
    pub(super) fn at(&self, age: f64) -> Option<Option<&Listed>> {
        let mut versions = self.versions.iter().rev();
        let version = versions.find(|(since, _)| *since <= age);
        version.map(|(_, listed)| listed.as_ref())
    }

    /// Changes all these records, or none; returns their keys.
    ///
    /// # Errors
    /// When it would pass a limit, or a record has changed since.
    pub(super) fn update(
        &mut self,
        name: &str,
        patches: Vec<Patch>,
        device: Option<&str>,
        now: Moment,
    ) -> Result<Vec<String>, Refusal> {
        let modified = round_to_milliseconds(now.date);
        let sync_count = self.sync_count + 1;
        let mut records = self.records.clone();
        let mut keys = Vec::new();
        for patch in patches {
            let current = records.get(&patch.key);
            let current = current.map_or(0, |record| record.sync_count);
            if patch.sync_count != current {
                let (key, given) = (patch.key, patch.sync_count);
                let told = format!("Current SyncCount for: {key} is: {current} not: {given}");
                return Err(Refusal::Conflict(told));
            }
            keys.push(patch.key.clone());
            let record = Record {
                value: patch.value,
                sync_count,
                modified,
                modified_by: device.map(str::to_owned),
                device_modified: patch.device_modified,
            };
            records.insert(patch.key, record);
        }
        let sizes = records.iter().filter_map(|(key, record)| {
            let value = record.value.as_ref()?;
            Some((key.len() + value.len()) as u64)
        });
        let (count, bytes) = (sizes.clone().count() as u64, sizes.sum());
        if bytes > DATASET_BYTES {
            return Err(Refusal::Limit("the total size of keys and values is 1 MB"));
        }
        if count > DATASET_RECORDS {
            return Err(Refusal::Limit("a dataset has 1024 records"));
        }
        let before = self.versions.last().and_then(|(_, listed)| listed.as_ref());
        let listed = Listed {
            dataset: Dataset {
                name: Some(name.to_owned()),
                storage_bytes: Some(bytes),
                records: Some(count),
                last_modified: Some(modified),
            },
            created: before.map_or(modified, |listed| listed.created),
            modified_by: device.map(str::to_owned),
        };
        (self.records, self.sync_count) = (records, sync_count);
        self.versions.push((now.age, Some(listed)));
        Ok(keys)
    }

    /// Deletes it; returns what it was.
    ///
    /// # Errors
    /// When it does not exist.
    pub(super) fn delete(&mut self, now: Moment) -> Result<Listed, Refusal> {
        let before = self.at(now.age).flatten().cloned();
        let before = before.ok_or(Refusal::NotFound)?;
        self.records.clear();
        self.sync_count += 1;
        self.versions.push((now.age, None));
        Ok(before)
    }
}

/// The shortest keys that are all different: letters and digits.
fn key(number: u64) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let letter = char::from(LETTERS[(number % 62) as usize]);
    match number / 62 {
        0 => letter.to_string(),
        more => format!("{}{letter}", key(more - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: f64 = 1_763_856_000.0;

    fn at(age: f64) -> Moment {
        Moment {
            age,
            date: DATE + age,
        }
    }

    fn put(key: &str, bytes: usize, sync_count: u64) -> Patch {
        Patch {
            key: key.to_owned(),
            value: Some("x".repeat(bytes - key.len())),
            sync_count,
            device_modified: None,
        }
    }

    fn totals(written: &Written, age: f64) -> Option<(u64, u64)> {
        let dataset = &written.at(age)??.dataset;
        Some((dataset.storage_bytes?, dataset.records?))
    }

    #[test]
    fn bytes_are_refused_beyond_two_to_the_twentieth() {
        let mut written = Written::default();
        let mut update = |patches, age| written.update("d", patches, None, at(age));
        // In UTF-8, the letter takes two bytes.
        let key = "\u{e9}";
        assert!(update(vec![put(key, 1 << 20, 0)], 1.0).is_ok());
        for more in [put("b", 1, 0), put(key, (1 << 20) + 1, 1)] {
            let refused = update(vec![more], 2.0);
            assert!(matches!(refused, Err(Refusal::Limit(_))), "{refused:?}");
        }
        // It shrinks, and takes writes again.
        assert!(update(vec![put(key, (1 << 20) - 1, 1)], 3.0).is_ok());
        assert!(update(vec![put("b", 1, 0)], 4.0).is_ok());
        assert_eq!(totals(&written, 0.5), None);
        assert_eq!(totals(&written, 2.5), Some((1 << 20, 1)));
        assert_eq!(totals(&written, 4.0), Some((1 << 20, 2)));
    }

    #[test]
    fn records_are_refused_beyond_1024_and_none_is_written() {
        let mut written = Written::default();
        let all: Vec<_> = (0..1_023).map(|number| put(&key(number), 20, 0)).collect();
        written.update("d", all, None, at(1.0)).unwrap();
        let two = vec![put("one more", 20, 0), put("and one", 20, 0)];
        let refused = written.update("d", two, None, at(2.0));
        assert!(matches!(refused, Err(Refusal::Limit(_))), "{refused:?}");
        assert_eq!(totals(&written, 2.0), Some((20 * 1_023, 1_023)));
        assert!(!written.records.contains_key("one more"));
        // One goes, two come.
        let gone = Patch {
            value: None,
            ..put("0", 20, 1)
        };
        let three = vec![gone, put("one more", 20, 0), put("and one", 20, 0)];
        written.update("d", three, None, at(3.0)).unwrap();
        assert_eq!(totals(&written, 3.0), Some((20 * 1_024, 1_024)));
    }

    #[test]
    fn a_stale_sync_count_is_a_conflict() {
        let mut written = Written::default();
        written
            .update("d", vec![put("a", 9, 0)], None, at(1.0))
            .unwrap();
        let refused = written.update("d", vec![put("a", 9, 0)], None, at(2.0));
        let told = "Current SyncCount for: a is: 1 not: 0".to_owned();
        assert_eq!(refused, Err(Refusal::Conflict(told)));
        written
            .update("d", vec![put("a", 9, 1)], Some("phone"), at(2.0))
            .unwrap();
        assert_eq!(written.records["a"].sync_count, 2);
        let listed = written.at(2.0).unwrap().unwrap();
        assert_eq!(listed.modified_by.as_deref(), Some("phone"));
        assert_eq!(
            (listed.created, listed.dataset.last_modified),
            (DATE + 1.0, Some(DATE + 2.0))
        );
    }

    #[test]
    fn records_of_a_script_add_up() {
        for (bytes, count) in [
            (1 << 20, 1),
            (1 << 20, 683),
            (20_480, 1_024),
            (16, 3),
            (0, 0),
        ] {
            let listed = Listed::scripted(Dataset {
                storage_bytes: Some(bytes),
                records: Some(count),
                ..Dataset::default()
            });
            let records = Written::of_script(&listed, 0.0).records;
            let size = |(key, record): (&String, &Record)| {
                key.len() + record.value.as_ref().unwrap().len()
            };
            let sum: usize = records.iter().map(size).sum();
            assert_eq!((sum as u64, records.len() as u64), (bytes, count));
        }
    }
}
