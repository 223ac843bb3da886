use std::path::{Path, PathBuf};

use super::KeptTrust;
use crate::state_file::{self, StateFileError};

/// Where it is on disk what the ledger last said about tickets.
#[derive(Clone, Debug)]
pub struct TrustFile {
    path: PathBuf,
}

impl TrustFile {
    /// The file of a state folder, whose lock is held by whoever asks.
    pub fn of(folder: &Path) -> Self {
        Self {
            path: folder.join(FILE_NAME),
        }
    }

    /// What it holds; `None` if it is not there.
    pub fn read(&self) -> Result<Option<KeptTrust>, StateFileError> {
        let Some(bytes) = state_file::read(&self.path, MAGIC)? else {
            return Ok(None);
        };
        let kept = borsh::from_slice(&bytes).ok();
        kept.map(Some)
            .ok_or_else(|| StateFileError::Damaged(self.path.clone()))
    }

    /// Puts something newer in its place, and returns once it would survive a power failure.
    pub fn write(&self, kept: &KeptTrust) -> Result<(), StateFileError> {
        let value = borsh::to_vec(kept).expect("memory takes everything");
        state_file::write(&self.path, MAGIC, &value)
    }

    /// Puts what cannot be used out of the way.
    pub fn set_aside(&self) -> Result<PathBuf, StateFileError> {
        state_file::set_aside(&self.path)
    }
}

const FILE_NAME: &str = "issuing";
const MAGIC: &[u8; 8] = b"WSISSUE1";
