use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use thiserror::Error;
use wayside::crypto::{Digest, Purpose};

use super::{Batch, JournalRecord};

/// An outbox's journal on disk.
///
/// 8 bytes of magic, then lines: length 4, check value 8, bytes. A line that a crash cut short was
/// never confirmed and is cut off. A line that was damaged later is skipped, and the file kept
/// aside: one bad sector must not cost the records behind it. The folder is the agent's state
/// folder, whose lock is held by whoever opens this.
#[derive(Debug)]
pub struct OutboxFile {
    path: PathBuf,
    file: File,
    len: u64,
    /// What the last failure left behind is not known.
    is_broken: bool,
}

/// What a journal held.
#[derive(Debug)]
pub struct OutboxOpened {
    /// The journal, to be written on.
    pub file: OutboxFile,
    /// Its lines, in order.
    pub records: Vec<JournalRecord>,
    /// Lines that were damaged and are lost; the damaged file was kept beside.
    pub damaged: usize,
}

/// A journal cannot be read or written.
#[derive(Debug, Error)]
#[error("cannot use {}", path.display())]
pub struct OutboxFileError {
    /// The file.
    pub path: PathBuf,
    /// What the operating system says.
    pub source: io::Error,
}

impl OutboxFile {
    /// Opens the journal of a state folder, or begins one.
    pub fn open(folder: &Path) -> Result<OutboxOpened, OutboxFileError> {
        let path = folder.join(FILE_NAME);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(unusable(&path, source)),
        };
        let read = read(&bytes);
        if read.damaged > 0 {
            let aside = path.with_extension("damaged");
            fs::write(&aside, &bytes).map_err(|source| unusable(&aside, source))?;
        }
        let is_whole = read.damaged == 0 && bytes.len() >= MAGIC.len();
        let file = if is_whole {
            reopen(&path, read.len).map_err(|source| unusable(&path, source))?
        } else {
            let lines: Vec<_> = read.records.iter().map(JournalRecord::to_bytes).collect();
            replace(&path, &lines).map_err(|source| unusable(&path, source))?
        };
        let len = file
            .metadata()
            .map_err(|source| unusable(&path, source))?
            .len();
        Ok(OutboxOpened {
            file: Self {
                path,
                file,
                len,
                is_broken: false,
            },
            records: read.records,
            damaged: read.damaged,
        })
    }

    /// Writes a batch, all of it or nothing, and returns once it would survive a power failure.
    ///
    /// Blocks for as long as the disk takes. After a failure that may have left something behind,
    /// nothing is written any more until the journal is opened anew.
    pub fn write(&mut self, batch: &Batch) -> Result<(), OutboxFileError> {
        if self.is_broken {
            return Err(unusable(&self.path, io::ErrorKind::BrokenPipe.into()));
        }
        let written = match batch {
            Batch::Append(lines) => self.append(lines),
            Batch::Replace(lines) => self.replace(lines),
        };
        written.map_err(|source| unusable(&self.path, source))
    }

    fn append(&mut self, lines: &[Vec<u8>]) -> io::Result<()> {
        let bytes = frame(lines);
        let written = self
            .file
            .write_all(&bytes)
            .and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => self.len += u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Err(_) => self.is_broken = self.file.set_len(self.len).is_err(),
        }
        written
    }

    fn replace(&mut self, lines: &[Vec<u8>]) -> io::Result<()> {
        let next = write_next(&self.path, lines)?;
        // From here on, nobody knows which of the two a crash would leave.
        self.is_broken = true;
        self.file = rename_next(&self.path, next)?;
        self.len = self.file.metadata()?.len();
        self.is_broken = false;
        Ok(())
    }
}

/// What the bytes of a journal say.
pub(super) struct Read {
    pub(super) records: Vec<JournalRecord>,
    pub(super) damaged: usize,
    /// Up to the end of the last whole line.
    pub(super) len: u64,
}

/// Reads all whole lines.
pub(super) fn read(bytes: &[u8]) -> Read {
    let mut read = Read {
        records: Vec::new(),
        damaged: 0,
        len: MAGIC_LEN,
    };
    let Some(mut rest) = bytes.strip_prefix(MAGIC) else {
        // The magic is on disk before the file has its name.
        read.damaged = usize::from(!bytes.is_empty());
        return read;
    };
    // A file may grow before its bytes arrive; then a power failure leaves zeros.
    while !rest.iter().all(|byte| *byte == 0) {
        if let Some((record, after)) = take_line(rest) {
            read.records.push(record);
            rest = after;
        } else if let Some(next) = (1..rest.len()).find_map(|at| found_at(rest, at)) {
            read.damaged += 1;
            rest = next;
        } else {
            // What is cut short is the end of a write that was never confirmed.
            read.damaged += usize::from(split_line(rest).is_some());
            break;
        }
        read.len = u64::try_from(bytes.len() - rest.len()).unwrap_or(u64::MAX);
    }
    read
}

/// The record of the line that begins here, if it is whole, and what follows.
fn take_line(bytes: &[u8]) -> Option<(JournalRecord, &[u8])> {
    let (line, check, after) = split_line(bytes)?;
    let record = JournalRecord::from_bytes(line).filter(|_| check == checksum(line))?;
    Some((record, after))
}

/// The bytes from `at` on, if a whole line begins there.
fn found_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let (_, rest) = bytes.split_at_checked(at)?;
    take_line(rest).map(|_| rest)
}

/// The next line, its check value and what follows; `None` if it was cut short.
fn split_line(bytes: &[u8]) -> Option<(&[u8], [u8; 8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    let (check, rest) = rest.split_first_chunk::<8>()?;
    let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
    let (line, rest) = rest.split_at_checked(len)?;
    Some((line, *check, rest))
}

pub(super) fn frame(lines: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        let len = u32::try_from(line.len()).expect("a record is far below 4 GiB");
        bytes.extend_from_slice(&len.to_be_bytes());
        bytes.extend_from_slice(&checksum(line));
        bytes.extend_from_slice(line);
    }
    bytes
}

fn checksum(line: &[u8]) -> [u8; 8] {
    Digest::of(Purpose::OutboxLine, &[line]).prefix()
}

fn reopen(path: &Path, len: u64) -> io::Result<File> {
    let file = OpenOptions::new().append(true).open(path)?;
    if file.metadata()?.len() != len {
        file.set_len(len)?;
        file.sync_all()?;
    }
    Ok(file)
}

fn replace(path: &Path, lines: &[Vec<u8>]) -> io::Result<File> {
    let next = write_next(path, lines)?;
    rename_next(path, next)
}

fn write_next(path: &Path, lines: &[Vec<u8>]) -> io::Result<File> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path.with_extension("next"))?;
    file.write_all(MAGIC)?;
    file.write_all(&frame(lines))?;
    file.sync_all()?;
    Ok(file)
}

fn rename_next(path: &Path, next: File) -> io::Result<File> {
    drop(next);
    fs::rename(path.with_extension("next"), path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    OpenOptions::new().append(true).open(path)
}

fn unusable(path: &Path, source: io::Error) -> OutboxFileError {
    OutboxFileError {
        path: path.to_owned(),
        source,
    }
}

pub(super) const FILE_NAME: &str = "outbox.journal";
pub(super) const MAGIC: &[u8] = b"WAYOUT\0\x01";
const MAGIC_LEN: u64 = MAGIC.len() as u64;
