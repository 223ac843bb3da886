//! Files of the state folder that are replaced as a whole.
//!
//! 8 bytes of magic, a check value over them and the rest, and the rest. A file is there whole or as
//! it was before, and only its owner can read it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use thiserror::Error;
use wayside::crypto::{Digest, Purpose};
use zeroize::Zeroizing;

#[cfg(test)]
mod tests;

/// Why a file of the state folder cannot be used.
#[derive(Debug, Error)]
pub enum StateFileError {
    /// The disk refuses.
    #[error("cannot use {}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file was damaged after it was written, or is of another kind.
    #[error("{} is damaged", .0.display())]
    Damaged(PathBuf),
}

/// What a file holds; `None` if it is not there.
pub(crate) fn read(
    path: &Path,
    magic: &[u8; 8],
) -> Result<Option<Zeroizing<Vec<u8>>>, StateFileError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(unusable(path, source)),
    };
    let value = bytes.strip_prefix(magic).and_then(|rest| {
        let (check, value) = rest.split_first_chunk::<CHECK_LEN>()?;
        (*check == check_of(magic, value)).then(|| Zeroizing::new(value.to_vec()))
    });
    value
        .map(Some)
        .ok_or_else(|| StateFileError::Damaged(path.to_owned()))
}

/// Puts another value in the file's place, whole or not at all, and returns once it would survive a
/// power failure.
pub(crate) fn write(path: &Path, magic: &[u8; 8], value: &[u8]) -> Result<(), StateFileError> {
    let check = check_of(magic, value);
    let bytes = Zeroizing::new([magic, check.as_slice(), value].concat());
    replace(path, &bytes).map_err(|source| unusable(path, source))
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), StateFileError> {
    let removed = match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.and_then(|()| sync_folder(path)),
    };
    removed.map_err(|source| unusable(path, source))
}

/// Puts a file that cannot be used out of the way, for whoever looks into it.
pub(crate) fn set_aside(path: &Path) -> Result<PathBuf, StateFileError> {
    let aside = path.with_extension("refused");
    fs::rename(path, &aside).map_err(|source| unusable(path, source))?;
    Ok(aside)
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let next = path.with_extension("next");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&next)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&next, path)?;
    sync_folder(path)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn check_of(magic: &[u8; 8], value: &[u8]) -> [u8; CHECK_LEN] {
    Digest::of(Purpose::CarFile, &[magic, value]).prefix()
}

fn unusable(path: &Path, source: io::Error) -> StateFileError {
    StateFileError::Unusable {
        path: path.to_owned(),
        source,
    }
}

const CHECK_LEN: usize = 8;
