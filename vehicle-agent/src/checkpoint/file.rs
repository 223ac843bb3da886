use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use thiserror::Error;
use wayside::crypto::{Digest, Purpose};

use super::Kept;

/// Where a vehicle's checkpoint is on disk: 8 bytes of magic, a check value, and the rest.
#[derive(Clone, Debug)]
pub struct CheckpointFile {
    path: PathBuf,
}

/// Why there is no checkpoint on disk.
#[derive(Debug, Error)]
pub enum CheckpointFileError {
    /// The disk refuses.
    #[error("cannot use {}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file was damaged after it was written.
    #[error("{} is damaged", .0.display())]
    Damaged(PathBuf),
}

impl CheckpointFile {
    /// The file of a state folder, whose lock is held by whoever asks.
    pub fn of(folder: &Path) -> Self {
        Self {
            path: folder.join(FILE_NAME),
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds; `None` if it is not there.
    pub fn read(&self) -> Result<Option<Kept>, CheckpointFileError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(self.unusable(source)),
        };
        let kept = bytes.strip_prefix(MAGIC).and_then(|rest| {
            let (check, value) = rest.split_first_chunk::<CHECK_LEN>()?;
            (*check == check_of(value)).then_some(())?;
            borsh::from_slice(value).ok()
        });
        kept.map(Some)
            .ok_or_else(|| CheckpointFileError::Damaged(self.path.clone()))
    }

    /// Puts another one in its place, whole or not at all, and returns once it would survive a power
    /// failure.
    pub fn write(&self, kept: &Kept) -> Result<(), CheckpointFileError> {
        let value = borsh::to_vec(kept).expect("memory takes everything");
        let bytes = [MAGIC, &check_of(&value), &value].concat();
        self.replace(&bytes).map_err(|source| self.unusable(source))
    }

    /// Puts what cannot be used out of the way, for whoever looks into it.
    pub fn set_aside(&self) -> Result<PathBuf, CheckpointFileError> {
        let aside = self.path.with_extension("refused");
        fs::rename(&self.path, &aside).map_err(|source| self.unusable(source))?;
        Ok(aside)
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let next = self.path.with_extension("next");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&next)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&next, &self.path)?;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }

    fn unusable(&self, source: io::Error) -> CheckpointFileError {
        CheckpointFileError::Unusable {
            path: self.path.clone(),
            source,
        }
    }
}

fn check_of(value: &[u8]) -> [u8; CHECK_LEN] {
    Digest::of(Purpose::CheckpointFile, &[value]).prefix()
}

const FILE_NAME: &str = "checkpoint";
const MAGIC: &[u8] = b"WSCHECK1";
const CHECK_LEN: usize = 8;
