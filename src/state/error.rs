//! Why the file cannot be used.

use std::io;

use redb::{CommitError, DatabaseError, StorageError, TableError, TransactionError};
use thiserror::Error;

use super::row::InvalidRow;

/// What the rows of this version mean. Another version's file is not read.
pub(super) const VERSION: u32 = 2;

/// Why a file cannot be used, or a batch not be saved.
#[derive(Debug, Error)]
pub(super) enum FileError {
    /// Another process has it open.
    #[error("is in use by another process")]
    InUse,
    /// It is damaged, or no such file.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// It is of another version.
    #[error("is of another version ({0}, expected {VERSION})")]
    OtherVersion(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl FileError {
    /// Whether the file can never be used.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::OtherVersion(_))
    }
}

impl From<InvalidRow> for FileError {
    fn from(_: InvalidRow) -> Self {
        Self::Damaged("a row cannot be read".to_owned())
    }
}

impl From<StorageError> for FileError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Io(error) => match error.kind() {
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                    Self::Damaged(error.to_string())
                }
                _ => Self::Io(error),
            },
            StorageError::Corrupted(how) => Self::Damaged(how),
            other => Self::Io(io::Error::other(other)),
        }
    }
}

impl From<DatabaseError> for FileError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::DatabaseAlreadyOpen => Self::InUse,
            DatabaseError::UpgradeRequired(version) => {
                Self::OtherVersion(format!("format {version} of redb"))
            }
            DatabaseError::Storage(error) => error.into(),
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl From<TableError> for FileError {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Storage(error) => error.into(),
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl From<TransactionError> for FileError {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Storage(error) => error.into(),
            other => Self::Io(io::Error::other(other)),
        }
    }
}

impl From<CommitError> for FileError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Storage(error) => error.into(),
            other => Self::Io(io::Error::other(other)),
        }
    }
}
