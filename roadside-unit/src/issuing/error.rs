use std::path::PathBuf;

use thiserror::Error;

/// Why what the unit has promised while it issued cannot be used.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The file is damaged, in use by another process, or cannot be written.
    #[error("the issuing journal {} cannot be used: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the database says.
        reason: String,
    },
    /// A record is not what was written.
    #[error("record {0} of the issuing journal was changed on the disk")]
    Damaged(u64),
    /// A secret is not what was written.
    #[error("a secret of the issuing journal was changed on the disk")]
    DamagedSecret,
    /// A record makes no sense to this release.
    #[error("record {0} of the issuing journal is of a kind that is not known")]
    Unknown(usize),
    /// It belongs to another ledger.
    #[error("the issuing journal {} is of another ledger", .0.display())]
    ForeignChain(PathBuf),
    /// Reading or writing failed.
    #[error("the issuing journal failed: {0}")]
    Storage(String),
}

/// All of the database's errors say the same to a caller: it failed.
macro_rules! from_storage {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for JournalError {
            fn from(error: $error) -> Self {
                Self::Storage(error.to_string())
            }
        })*
    };
}

from_storage!(
    redb::CommitError,
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
);
