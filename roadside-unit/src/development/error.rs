use std::{io, path::PathBuf};

use thiserror::Error;
use wayside::{ledger::GenesisError, serve::KeyFileError};

/// Why a development ledger cannot be made.
#[derive(Debug, Error)]
pub enum DevelopmentError {
    /// A file or folder cannot be made.
    #[error("cannot make {}", path.display())]
    Unusable {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A key's file cannot be made.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// What is asked for makes no ledger.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// More units than there are ports from the first one on.
    #[error("the units need more ports than there are from {0} on")]
    Ports(u16),
    /// The operating system has no free port.
    #[error("cannot find free ports")]
    NoPorts(#[source] io::Error),
}
