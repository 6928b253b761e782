//! A storage that loses power: of what was written since the last sync, any part may be there.

use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use redb::{BackendError, StorageBackend};

/// A write since the last sync.
#[derive(Debug)]
enum Write {
    At(u64, Vec<u8>),
    Length(u64),
}

#[derive(Debug, Default)]
struct Contents {
    synced: Vec<u8>,
    seen: Vec<u8>,
    unsynced: Vec<Write>,
    /// Operations that write or sync until one fails, and all after it; `None` if none does.
    fails_after: Option<u64>,
    failed: u64,
    most: Option<u64>,
}

/// A storage in memory. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Storage(Arc<Mutex<Contents>>);

impl Storage {
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        let storage = Self::default();
        let mut contents = storage.0.lock().unwrap();
        contents.seen.clone_from(&bytes);
        contents.synced = bytes;
        drop(contents);
        storage
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().synced.clone()
    }

    /// After so many operations that write or sync, one fails, and all after it.
    pub(super) fn fail_after(&self, operations: u64) {
        self.0.lock().unwrap().fails_after = Some(operations);
    }

    /// It cannot grow beyond so many bytes.
    pub(super) fn fill_at(&self, bytes: Option<u64>) {
        self.0.lock().unwrap().most = bytes;
    }

    /// How many operations have failed.
    pub(super) fn failures(&self) -> u64 {
        self.0.lock().unwrap().failed
    }

    /// What is there after the power was lost: of the writes since the last sync, each is there,
    /// in part or not at all. Returns how many writes were lost, too.
    pub(super) fn after_power_loss(&self, rng: &mut Rng) -> (Self, usize) {
        let mut contents = self.0.lock().unwrap();
        let mut bytes = contents.synced.clone();
        let mut lost = 0;
        for write in std::mem::take(&mut contents.unsynced) {
            match write {
                Write::Length(length) if rng.bool() => bytes.resize(length as usize, 0),
                Write::At(offset, mut data) if rng.bool() => {
                    if rng.u8(..4) == 0 {
                        data.truncate(rng.usize(..=data.len()));
                        lost += 1;
                    }
                    let end = offset as usize + data.len();
                    bytes.resize(bytes.len().max(end), 0);
                    bytes[offset as usize..end].copy_from_slice(&data);
                }
                Write::Length(_) | Write::At(..) => lost += 1,
            }
        }
        (Self::of(bytes), lost)
    }
}

impl Contents {
    fn step(&mut self) -> io::Result<()> {
        if self.fails_after == Some(0) {
            self.failed += 1;
            return Err(io::Error::other("no power"));
        }
        self.fails_after = self.fails_after.map(|left| left - 1);
        Ok(())
    }
}

impl StorageBackend for Storage {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let contents = self.0.lock().unwrap();
        let from = offset as usize;
        let bytes = contents.seen.get(from..from + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut contents = self.0.lock().unwrap();
        contents.step()?;
        if contents.most.is_some_and(|most| length > most) {
            contents.failed += 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        contents.seen.resize(length as usize, 0);
        contents.unsynced.push(Write::Length(length));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut contents = self.0.lock().unwrap();
        contents.step()?;
        contents.synced = contents.seen.clone();
        contents.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut contents = self.0.lock().unwrap();
        contents.step()?;
        let from = offset as usize;
        contents.seen[from..from + data.len()].copy_from_slice(data);
        contents.unsynced.push(Write::At(offset, data.to_vec()));
        Ok(())
    }

    fn try_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn unlock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }
}
