use std::{io, path::PathBuf};

use thiserror::Error;
use wayside::id::{ChainId, ShardId};

/// Why the index cannot be used.
#[derive(Debug, Error)]
pub enum IndexError {
    /// The file is damaged, in use by another process, or cannot be written.
    #[error("the index {} cannot be used: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the database says.
        reason: String,
    },
    /// The damaged file cannot be put aside.
    #[error("cannot put the damaged index {} aside", path.display())]
    Aside {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It belongs to another ledger.
    #[error("the index {} is of the ledger {chain}", path.display())]
    ForeignChain {
        /// The file.
        path: PathBuf,
        /// The ledger.
        chain: ChainId,
    },
    /// A block is not the next one of its shard.
    #[error("block {found} of shard {shard} is not the next one, {expected}")]
    Gap {
        /// The shard.
        shard: ShardId,
        /// The height that is next.
        expected: u64,
        /// The height that came.
        found: u64,
    },
    /// Reading or writing failed.
    #[error("the index failed: {0}")]
    Storage(String),
}

/// All of the database's errors say the same to a caller: it failed.
macro_rules! from_storage {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for IndexError {
            fn from(error: $error) -> Self {
                Self::Storage(error.to_string())
            }
        })*
    };
}

from_storage!(
    redb::CommitError,
    redb::SetDurabilityError,
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
);
