//! The file: redb's tables of identities, pools and where the schedule stands.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use std::{fs, io};

use redb::backends::FileBackend;
use redb::{Builder, Database, ReadableDatabase, ReadableTable, TableDefinition, TableError};

use super::error::{FileError, VERSION};
use super::journal::{Journal, Row};
use super::row::{MAX_POOLS, PoolNumber, PoolRow, StandingRow, from_bytes, to_bytes};
use super::times::SavedAt;
use crate::identity::PoolId;

/// redb's cache, in bytes. A pass over all rows needs none of it twice.
const CACHE: usize = 16 << 20;
/// Rows are moved from the journal to their places when it holds more than this share of all rows,
/// and more than [`MIN_JOURNAL`].
const JOURNAL_SHARE: usize = 24;
const MIN_JOURNAL: usize = 1_024;
/// Bytes of an entry of the journal, about: it fits a page.
const ENTRY: usize = 3_500;

const IDENTITIES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("identities");
const POOLS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("pools");
const JOURNAL: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("journal");
const FACTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("facts");
const FACT_VERSION: &str = "version";
const FACT_SAVED_AT: &str = "saved_at";
const FACT_STANDING: &str = "standing";
const FACT_FINGERPRINT: &str = "fingerprint";

/// The open file, which no other process has.
#[derive(Debug)]
pub(super) struct StateFile {
    database: Database,
    journal: Journal,
    /// The pools that have rows: their numbers, and when usage of their identities is stale.
    pools: HashMap<PoolId, (PoolNumber, Duration)>,
    /// Which file it is: its device and its number there.
    inode: Option<(u64, u64)>,
    /// Rows in their places, about.
    rows: usize,
}

/// What is not a row of an identity.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) saved_at: SavedAt,
    pub(super) standing: StandingRow,
    pub(super) pools: HashMap<PoolNumber, (PoolId, PoolRow)>,
    /// Of the list of identities.
    pub(super) fingerprint: u64,
}

/// What is saved at once.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) saved_at: SavedAt,
    pub(super) standing: Option<StandingRow>,
    pub(super) fingerprint: u64,
    pub(super) pools: Vec<(PoolId, PoolRow)>,
    /// An empty value forgets an identity.
    pub(super) identities: Vec<Row>,
}

impl StateFile {
    /// Opens a file, or makes an empty one into one, and checks all of it.
    ///
    /// # Errors
    /// When it is in use, damaged or of another version, or cannot be read or written.
    pub(super) fn open(file: fs::File) -> Result<(Self, Option<Found>), FileError> {
        guarded(|| {
            let inode = file.metadata().map(|file| (file.dev(), file.ino()))?;
            let (mut opened, found) =
                Self::read(builder().create_with_backend(FileBackend::new(file)?)?)?;
            opened.inode = Some(inode);
            Ok((opened, found))
        })
    }

    /// The same with another storage than a file.
    #[cfg(test)]
    pub(super) fn open_backend(
        backend: impl redb::StorageBackend,
    ) -> Result<(Self, Option<Found>), FileError> {
        guarded(|| Self::read(builder().create_with_backend(backend)?))
    }

    fn read(database: Database) -> Result<(Self, Option<Found>), FileError> {
        let reading = database.begin_read()?;
        let facts = match reading.open_table(FACTS) {
            Ok(facts) => facts,
            Err(TableError::TableDoesNotExist(_)) => {
                if reading.list_tables()?.next().is_some() {
                    let other = "it is the database of another program".to_owned();
                    return Err(FileError::Damaged(other));
                }
                drop(reading);
                let empty = Self {
                    database,
                    journal: Journal::default(),
                    pools: HashMap::new(),
                    inode: None,
                    rows: 0,
                };
                return Ok((empty, None));
            }
            Err(error) => return Err(error.into()),
        };
        let fact = |name: &str| -> Result<Vec<u8>, FileError> {
            let value = facts.get(name)?;
            let missing = || FileError::Damaged(format!("it has no {name}"));
            Ok(value.ok_or_else(missing)?.value().to_vec())
        };
        let version: u32 = from_bytes(&fact(FACT_VERSION)?)?;
        if version != VERSION {
            return Err(FileError::OtherVersion(version.to_string()));
        }
        let mut pools = HashMap::new();
        for row in reading.open_table(POOLS)?.iter()? {
            let (id, row) = row?;
            let row: PoolRow = from_bytes(row.value())?;
            let id = PoolId::parse(id.value())
                .map_err(|_| FileError::Damaged("a pool has no id".to_owned()))?;
            pools.insert(row.number, (id, row));
        }
        let mut journal = Journal::default();
        for entry in reading.open_table(JOURNAL)?.iter()? {
            let (number, rows) = entry?;
            journal.begin_at(number.value());
            if journal.next_entry() != number.value() {
                return Err(FileError::Damaged("the journal has a gap".to_owned()));
            }
            journal.add_entry(from_bytes(rows.value())?);
        }
        let rows = reading.open_table(IDENTITIES)?;
        let found = Found {
            saved_at: from_bytes(&fact(FACT_SAVED_AT)?)?,
            standing: from_bytes(&fact(FACT_STANDING)?)?,
            fingerprint: from_bytes(&fact(FACT_FINGERPRINT)?)?,
            pools,
        };
        let pools = found.pools.values();
        let pools = pools.map(|(id, row)| (id.clone(), (row.number, row.stale_after)));
        let (pools, rows) = (
            pools.collect(),
            redb::ReadableTableMetadata::len(&rows)? as usize,
        );
        drop((facts, reading));
        let file = Self {
            database,
            journal,
            pools,
            inode: None,
            rows,
        };
        Ok((file, Some(found)))
    }

    /// Passes on each row of an identity, nearly in the order of keys.
    ///
    /// # Errors
    /// When the file cannot be read, or what `row` returns.
    pub(super) fn each_row(
        &self,
        mut row: impl FnMut(&[u8], &[u8]) -> Result<(), FileError>,
    ) -> Result<(), FileError> {
        let mut row = |key: &[u8], value: &[u8]| match value {
            [] => Ok(()),
            value => row(key, value),
        };
        let mut pending = self.journal.rows().peekable();
        let reading = self.database.begin_read()?;
        if let Some(table) = existing(reading.open_table(IDENTITIES))? {
            for stored in table.iter()? {
                let (key, value) = stored?;
                let key = key.value();
                while let Some((newer_key, newer)) = pending.next_if(|(other, _)| *other < key) {
                    row(newer_key, newer)?;
                }
                match pending.next_if(|(other, _)| *other == key) {
                    Some((_, newer)) => row(key, newer)?,
                    None => row(key, value.value())?,
                }
            }
        }
        pending.try_for_each(|(key, value)| row(key, value))
    }

    /// The number of a pool, which gets one if it has none.
    ///
    /// # Errors
    /// When there are too many pools.
    pub(super) fn pool_number(&mut self, id: &PoolId) -> Result<PoolNumber, FileError> {
        if let Some((number, _)) = self.pools.get(id) {
            return Ok(*number);
        }
        let used = self.pools.values().map(|(number, _)| *number).max();
        let number = used.map_or(0, |used| used + 1);
        if usize::from(number) >= MAX_POOLS {
            return Err(io::Error::other("more than 16384 pools were ever polled").into());
        }
        self.pools.insert(id.clone(), (number, Duration::ZERO));
        Ok(number)
    }

    /// Each pool that has a number: that, its id, and when usage of its identities is stale.
    pub(super) fn pools(&self) -> HashMap<PoolNumber, (&PoolId, Duration)> {
        let pools = self.pools.iter();
        let by_number = pools.map(|(id, (number, stale_after))| (*number, (id, *stale_after)));
        by_number.collect()
    }

    /// Which file it is: its device and its number there.
    pub(super) fn inode(&self) -> Option<(u64, u64)> {
        self.inode
    }

    #[cfg(test)]
    pub(super) fn set_version_for_tests(&self, version: u32) {
        let writing = self.database.begin_write().unwrap();
        let mut facts = writing.open_table(FACTS).unwrap();
        facts.insert(FACT_VERSION, &to_bytes(&version)[..]).unwrap();
        drop(facts);
        writing.commit().unwrap();
    }

    /// Saves all of it or nothing.
    ///
    /// # Errors
    /// When it is not saved. The file then has to be opened anew.
    pub(super) fn save(&mut self, batch: Batch) -> Result<(), FileError> {
        guarded(|| self.commit(batch))
    }

    fn commit(&mut self, batch: Batch) -> Result<(), FileError> {
        let entries = entries(batch.identities);
        let added: usize = entries.iter().map(Vec::len).sum();
        let keep = (self.rows / JOURNAL_SHARE).max(MIN_JOURNAL);
        let excess = (self.journal.len() + added).saturating_sub(keep);
        let excess = excess.min(self.journal.len());
        let writing = self.database.begin_write()?;
        {
            let mut facts = writing.open_table(FACTS)?;
            facts.insert(FACT_VERSION, &to_bytes(&VERSION)[..])?;
            facts.insert(FACT_SAVED_AT, &to_bytes(&batch.saved_at)[..])?;
            facts.insert(FACT_FINGERPRINT, &to_bytes(&batch.fingerprint)[..])?;
            let standing = batch.standing.map(|standing| to_bytes(&standing));
            if let Some(standing) = standing {
                facts.insert(FACT_STANDING, &standing[..])?;
            } else if facts.get(FACT_STANDING)?.is_none() {
                facts.insert(FACT_STANDING, &to_bytes(&StandingRow::default())[..])?;
            }
            let mut pools = writing.open_table(POOLS)?;
            for (id, row) in &batch.pools {
                pools.insert(id.as_str(), &to_bytes(row)[..])?;
            }
            let mut journal = writing.open_table(JOURNAL)?;
            journal.retain_in(..self.journal.first_entry(), |_, _| false)?;
            for (number, entry) in (self.journal.next_entry()..).zip(&entries) {
                journal.insert(number, &to_bytes(entry)[..])?;
            }
            let mut identities = writing.open_table(IDENTITIES)?;
            for (key, value) in self.journal.next(excess) {
                let added = !value.is_empty();
                let was_there = if added {
                    identities.insert(key, value)?.is_some()
                } else {
                    identities.remove(key)?.is_some()
                };
                self.rows = self.rows + usize::from(added) - usize::from(was_there);
            }
        }
        writing.commit()?;
        self.journal.moved(excess);
        for entry in entries {
            self.journal.add_entry(entry);
        }
        for (id, row) in batch.pools {
            self.pools.insert(id, (row.number, row.stale_after));
        }
        Ok(())
    }
}

/// Opens a database only after its checksums were verified, since a damaged one would tell false
/// numbers.
fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE);
    builder.set_check_integrity_on_open(true);
    builder
}

/// Rows as entries of the journal, each of which fits a page.
fn entries(rows: Vec<Row>) -> Vec<Vec<Row>> {
    let mut entries: Vec<Vec<Row>> = Vec::new();
    let mut size = ENTRY;
    for row in rows {
        let of_row = row.0.len() + row.1.len() + 4;
        if size + of_row > ENTRY {
            entries.push(Vec::new());
            size = 0;
        }
        size += of_row;
        entries.last_mut().expect("one was pushed").push(row);
    }
    entries
}

/// `None` when there is no such table yet.
fn existing<T>(table: Result<T, TableError>) -> Result<Option<T>, FileError> {
    match table {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A panic of redb, which trusts what it has written, says that the file is damaged.
fn guarded<T>(work: impl FnOnce() -> Result<T, FileError>) -> Result<T, FileError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(FileError::Damaged(
            "its pages contradict each other".to_owned(),
        ))
    })
}
