use std::{io, path::PathBuf};

use thiserror::Error;
use wayside::{serve::SequenceJournalError, transport};

/// Why a unit cannot relay.
#[derive(Debug, Error)]
pub enum RelayStartError {
    /// A file or folder cannot be used, or there can be no thread.
    #[error("cannot relay with {}", path.display())]
    Unusable {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The trust domain's file holds none.
    #[error("{} is not a trust domain: {reason}", path.display())]
    Domain {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The unit cannot know what it has signed.
    #[error(transparent)]
    Journal(#[from] SequenceJournalError),
    /// Vehicles cannot be let in.
    #[error(transparent)]
    Transport(#[from] transport::StartError),
}
