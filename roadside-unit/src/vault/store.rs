use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use wayside::{id::ShardId, vault::RecordName};

use super::VaultError;

/// What of a record is in a file.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Piece {
    Payload,
    Shares,
}

/// What is there, with its length.
pub(super) type Pieces = BTreeMap<(RecordName, Piece), u64>;

/// The files of a vault.
pub(super) struct Store {
    folder: PathBuf,
}

impl Store {
    /// Opens the folder, and destroys what a crash left half written.
    ///
    /// Returns what is there, with its length. What has another name is left alone.
    pub(super) fn open(folder: PathBuf) -> Result<(Self, Pieces), VaultError> {
        let store = Self { folder };
        store.make(&store.folder)?;
        let mut found = BTreeMap::new();
        for shard in list(&store.folder)? {
            if !shard.is_dir() {
                continue;
            }
            for path in list(&shard)? {
                let Some((name, piece, is_whole)) = parse(&path) else {
                    continue;
                };
                if is_whole {
                    let length = fs::metadata(&path).map_err(unusable(&path))?.len();
                    found.insert((name, piece), length);
                } else {
                    destroy(&path)?;
                }
            }
        }
        Ok((store, found))
    }

    /// Writes a piece, and destroys the one that it replaces. Durable when it returns.
    pub(super) fn write(
        &self,
        name: &RecordName,
        piece: Piece,
        bytes: &[u8],
    ) -> Result<(), VaultError> {
        let folder = self.folder_of(name.vehicle.home);
        self.make(&folder)?;
        let path = self.path(name, piece);
        let unready = path.with_extension(format!("{}{UNREADY}", piece.ending()));
        let write = || {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&unready)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(unusable(&unready))?;
        let replaced = match OpenOptions::new().write(true).open(&path) {
            Ok(replaced) => Some(replaced),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(unusable(&path)(error)),
        };
        fs::rename(&unready, &path).map_err(unusable(&path))?;
        if let Some(replaced) = replaced {
            overwrite(replaced).map_err(unusable(&path))?;
        }
        sync_folder(&folder)
    }

    /// Reads a piece; `None` if there is none.
    pub(super) fn read(
        &self,
        name: &RecordName,
        piece: Piece,
    ) -> Result<Option<Vec<u8>>, VaultError> {
        let path = self.path(name, piece);
        let mut bytes = Vec::new();
        match File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes)) {
            Ok(_) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unusable(&path)(error)),
        }
    }

    /// Destroys a piece, if there is one. Durable when it returns.
    pub(super) fn erase(&self, name: &RecordName, piece: Piece) -> Result<(), VaultError> {
        let path = self.path(name, piece);
        destroy(&path)?;
        let folder = self.folder_of(name.vehicle.home);
        if folder.exists() {
            sync_folder(&folder)?;
        }
        Ok(())
    }

    /// Where a piece is, to tell whoever looks for what is wrong.
    pub(super) fn path(&self, name: &RecordName, piece: Piece) -> PathBuf {
        let folder = self.folder_of(name.vehicle.home);
        folder.join(format!("{name}.{}", piece.ending()))
    }

    fn folder_of(&self, shard: ShardId) -> PathBuf {
        self.folder.join(shard.to_string())
    }

    fn make(&self, folder: &Path) -> Result<(), VaultError> {
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(folder);
        made.map_err(unusable(folder))
    }
}

impl Piece {
    fn ending(self) -> &'static str {
        match self {
            Self::Payload => "payload",
            Self::Shares => "shares",
        }
    }
}

/// Which piece of which record a file is, and whether it was written to its end.
fn parse(path: &Path) -> Option<(RecordName, Piece, bool)> {
    let name = path.file_name()?.to_str()?;
    let (name, ending) = name.split_once('.')?;
    let (ending, is_whole) = match ending.strip_suffix(UNREADY) {
        Some(ending) => (ending, false),
        None => (ending, true),
    };
    let mut pieces = [Piece::Payload, Piece::Shares].into_iter();
    let piece = pieces.find(|piece| piece.ending() == ending)?;
    Some((name.parse().ok()?, piece, is_whole))
}

/// Overwrites and removes a file, if it is there.
fn destroy(path: &Path) -> Result<(), VaultError> {
    match OpenOptions::new().write(true).open(path) {
        Ok(file) => {
            overwrite(file).map_err(unusable(path))?;
            fs::remove_file(path).map_err(unusable(path))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unusable(path)(error)),
    }
}

/// Puts zeros in the place of all that a file holds.
fn overwrite(mut file: File) -> io::Result<()> {
    let mut left = file.metadata()?.len();
    file.seek(SeekFrom::Start(0))?;
    let zeros = [0; 4096];
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(zeros.len());
        let piece = zeros.get(..length).unwrap_or(&zeros);
        file.write_all(piece)?;
        left = left.saturating_sub(piece.len() as u64);
    }
    file.sync_all()
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, VaultError> {
    let entries = fs::read_dir(folder).map_err(unusable(folder))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<Result<_, _>>().map_err(unusable(folder))
}

/// Makes what was created, renamed or removed in a folder durable.
fn sync_folder(folder: &Path) -> Result<(), VaultError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(unusable(folder))
}

fn unusable(path: &Path) -> impl FnOnce(io::Error) -> VaultError {
    let path = path.to_owned();
    |source| VaultError::File { path, source }
}

/// How a file's name ends until it is whole.
const UNREADY: &str = "-new";
