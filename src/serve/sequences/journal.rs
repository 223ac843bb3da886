use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};
use thiserror::Error;
use tracing::error;

use crate::{
    id::StationId,
    security::{RESERVATION_LEN, Reservation},
};

/// The open journal of one state folder; the folder stays locked while it lives.
#[derive(Debug)]
pub struct SequenceJournal {
    path: PathBuf,
    file: File,
    len: u64,
    /// What the last failure to append left behind is not known.
    is_broken: bool,
    _lock: File,
}

/// Why there is no journal.
#[derive(Debug, Error)]
pub enum SequenceJournalError {
    /// Another process uses the folder.
    #[error("state folder {} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// The folder or a file in it cannot be made, read or written.
    #[error("cannot use {}", path.display())]
    Unusable {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file was damaged after it was written.
    #[error("sequence journal {} is damaged in record {record}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The first record that cannot be read, from 0.
        record: usize,
    },
}

impl SequenceJournal {
    /// Locks a state folder, making it if needed, and reads what was reserved.
    ///
    /// The reservations have one entry a station, in the order in which the stations first came.
    pub fn open(folder: &Path) -> Result<(Self, Vec<Reservation>), SequenceJournalError> {
        let lock = lock(folder)?;
        let path = folder.join(FILE_NAME);
        let reservations = read(&path)?;
        Self::begin(folder, &reservations, lock).map(|journal| (journal, reservations))
    }

    /// The same; what a damaged journal leaves open is given up.
    ///
    /// Nobody knows which sequences the tickets used of which that journal told, and using one again
    /// would convict the station. All sequences of `used`, every ticket that may have signed
    /// anything, are therefore taken for used.
    pub fn open_or_give_up(
        folder: &Path,
        used: impl FnOnce() -> Vec<StationId>,
    ) -> Result<(Self, Vec<Reservation>), SequenceJournalError> {
        match Self::open(folder) {
            Err(damage @ SequenceJournalError::Corrupt { .. }) => {
                let given_up: Vec<Reservation> = used().into_iter().map(all_of).collect();
                error!(error = %damage, tickets = given_up.len(), "gave up all tickets used so far");
                let journal = Self::replace_corrupt(folder, &given_up)?;
                Ok((journal, given_up))
            }
            opened @ (Ok(_)
            | Err(
                SequenceJournalError::Locked(_) | SequenceJournalError::Unusable { .. },
            )) => opened,
        }
    }

    /// Puts a damaged journal aside and begins one that holds `reservations`.
    ///
    /// The caller gives the highest sequences to every ticket that may have been used, so that
    /// none is used again.
    pub fn replace_corrupt(
        folder: &Path,
        reservations: &[Reservation],
    ) -> Result<Self, SequenceJournalError> {
        let lock = lock(folder)?;
        let path = folder.join(FILE_NAME);
        // The name is never absent, as it would be between two renames: a start without a journal
        // would begin anew.
        let damaged = path.with_extension("damaged");
        let _ = fs::remove_file(&damaged);
        fs::hard_link(&path, &damaged).map_err(|source| unusable(&path, source))?;
        Self::begin(folder, reservations, lock)
    }

    /// Writes a reservation down and returns once it would survive a power failure.
    ///
    /// Blocks for as long as the disk takes. After a failure that may have left part of a record
    /// behind, nothing is written any more, and the station runs out of sequences.
    pub fn append(&mut self, reservation: &Reservation) -> Result<(), SequenceJournalError> {
        if self.is_broken {
            return Err(unusable(&self.path, io::ErrorKind::BrokenPipe.into()));
        }
        let written = self
            .file
            .write_all(&reservation.to_bytes())
            .and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                self.len += RECORD_LEN;
                Ok(())
            }
            Err(source) => {
                self.is_broken = self.file.set_len(self.len).is_err();
                Err(unusable(&self.path, source))
            }
        }
    }

    fn begin(
        folder: &Path,
        reservations: &[Reservation],
        lock: File,
    ) -> Result<Self, SequenceJournalError> {
        let path = folder.join(FILE_NAME);
        let next = path.with_extension("next");
        let skipped = reservations.len().saturating_sub(STATIONS_MAX);
        let kept = reservations.get(skipped..).unwrap_or_default();
        let file = write(&next, kept).map_err(|source| unusable(&next, source))?;
        fs::rename(&next, &path)
            .and_then(|()| File::open(folder)?.sync_all())
            .map_err(|source| unusable(&path, source))?;
        Ok(Self {
            len: file
                .metadata()
                .map_err(|source| unusable(&path, source))?
                .len(),
            path,
            file,
            is_broken: false,
            _lock: lock,
        })
    }
}

fn all_of(station: StationId) -> Reservation {
    Reservation {
        station,
        telemetry_until: u32::MAX,
        hazard_until: u32::MAX,
    }
}

fn lock(folder: &Path) -> Result<File, SequenceJournalError> {
    fs::create_dir_all(folder).map_err(|source| unusable(folder, source))?;
    let path = folder.join(LOCK_NAME);
    let lock = private()
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|source| unusable(&path, source))?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| SequenceJournalError::Locked(folder.to_owned()))?;
    Ok(lock)
}

/// Reads all whole records, merged by station.
fn read(path: &Path) -> Result<Vec<Reservation>, SequenceJournalError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(unusable(path, source)),
    };
    let corrupt = |record| SequenceJournalError::Corrupt {
        path: path.to_owned(),
        record,
    };
    // The magic is on disk before the file has its name.
    let records = bytes.strip_prefix(MAGIC).ok_or_else(|| corrupt(0))?;
    let (mut order, mut merged) = (Vec::new(), BTreeMap::<_, Reservation>::new());
    let whole = records.chunks_exact(RESERVATION_LEN);
    let last = whole.len().checked_sub(1);
    for (index, record) in whole.enumerate() {
        // A file may grow before its bytes arrive; then a power failure leaves zeros.
        if Some(index) == last && record.iter().all(|byte| *byte == 0) {
            break;
        }
        let reservation = Reservation::from_bytes(record).map_err(|_| corrupt(index))?;
        merged
            .entry(reservation.station)
            .and_modify(|known| *known = known.merged(&reservation))
            .or_insert_with(|| {
                order.push(reservation.station);
                reservation
            });
    }
    Ok(order
        .into_iter()
        .filter_map(|station| merged.remove(&station))
        .collect())
}

fn write(path: &Path, reservations: &[Reservation]) -> io::Result<File> {
    let mut file = private().create(true).truncate(true).open(path)?;
    let mut bytes = MAGIC.to_vec();
    for reservation in reservations {
        bytes.extend(reservation.to_bytes());
    }
    file.write_all(&bytes)?;
    file.sync_all()?;
    Ok(file)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

fn unusable(path: &Path, source: io::Error) -> SequenceJournalError {
    SequenceJournalError::Unusable {
        path: path.to_owned(),
        source,
    }
}

pub(super) const FILE_NAME: &str = "sequences.journal";
const LOCK_NAME: &str = "lock";
pub(super) const MAGIC: &[u8] = b"WAYSEQ\0\x01";
const RECORD_LEN: u64 = RESERVATION_LEN as u64;
/// Stations remembered, a fortnight of five-minute tickets; the oldest are long out of date.
const STATIONS_MAX: usize = 4_096;
