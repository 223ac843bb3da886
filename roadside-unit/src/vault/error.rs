use std::{io, path::PathBuf};

use thiserror::Error;
use wayside::vault::ShareError;

/// Why the vault did not do what it was asked.
#[derive(Debug, Error)]
pub enum VaultError {
    /// A file or folder cannot be used.
    #[error("cannot use {}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// As much is kept as may be.
    #[error("{0} bytes are kept, which is as much as may be")]
    Full(u64),
    /// The record is kept for another attachment.
    #[error("the record is kept for another transaction")]
    OtherAttachment,
    /// The share cannot be taken.
    #[error(transparent)]
    Share(#[from] ShareError),
    /// What was stored is damaged.
    #[error("{} is damaged", .0.display())]
    Damaged(PathBuf),
}
