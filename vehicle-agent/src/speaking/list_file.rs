use std::path::{Path, PathBuf};

use crate::state_file::{self, StateFileError};

/// Where the list of revoked tickets is on disk: one update that holds all of it, with its proof.
#[derive(Clone, Debug)]
pub struct RevocationFile {
    path: PathBuf,
}

impl RevocationFile {
    /// The file of a state folder, whose lock is held by whoever asks.
    pub fn of(folder: &Path) -> Self {
        Self {
            path: folder.join(FILE_NAME),
        }
    }

    /// What it holds; `None` if it is not there.
    pub fn read(&self) -> Result<Option<Vec<u8>>, StateFileError> {
        let read = state_file::read(&self.path, MAGIC)?;
        Ok(read.map(|bytes| bytes.to_vec()))
    }

    /// Puts a newer one in its place, and returns once it would survive a power failure.
    pub fn write(&self, update: &[u8]) -> Result<(), StateFileError> {
        state_file::write(&self.path, MAGIC, update)
    }

    /// Puts what cannot be used out of the way.
    pub fn set_aside(&self) -> Result<PathBuf, StateFileError> {
        state_file::set_aside(&self.path)
    }
}

const FILE_NAME: &str = "revocations";
const MAGIC: &[u8; 8] = b"WSREVOC1";
