use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use wayside::{
    crypto::{Digest, Purpose},
    id::ChainId,
};
use zeroize::Zeroizing;

use super::{JournalError, ceremonies::Secret};

/// What the unit has promised while it issued, on disk.
///
/// An answer leaves only after what it rests on is here: all of it is durable when [`Self::append`]
/// returns, or nothing of it. A write that a power cut broke off was never promised. Each record has a
/// check value of its own, so that what the disk changed is named and never believed.
pub(super) struct Journal {
    database: Database,
    chain: ChainId,
    next: u64,
}

/// Whether a journal knows all that its unit ever promised.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Past {
    /// It does, since it has been there from the beginning, or what it may lack was settled.
    Known,
    /// It has just begun; the unit may have had another one.
    New,
    /// The unit was put back from a backup, or its disk was.
    Restored,
}

impl Journal {
    /// Opens the journal of a ledger, or begins one. A damaged one is refused: what it promised is not
    /// known, and somebody has to decide.
    pub(super) fn open(path: &Path, chain: ChainId) -> Result<Self, JournalError> {
        let unusable = |reason: String| JournalError::Unusable {
            path: path.to_owned(),
            reason,
        };
        make_private(path).map_err(|error| unusable(error.to_string()))?;
        let database = Database::create(path).map_err(|error| unusable(error.to_string()))?;
        let mut journal = Self {
            database,
            chain,
            next: 0,
        };
        journal.claim(path)?;
        Ok(journal)
    }

    /// Whether it knows all that the unit promised.
    pub(super) fn past(&self) -> Result<Past, JournalError> {
        let read = self.database.begin_read()?;
        let about = read.open_table(ABOUT)?;
        let past = about.get(PAST)?.map(|past| past.value().to_vec());
        Ok(match past.as_deref() {
            Some(PAST_KNOWN) => Past::Known,
            Some(_) => Past::Restored,
            None => Past::New,
        })
    }

    /// Says that what the unit may have promised is not all here, since a backup took its place.
    pub(super) fn set_restored(&mut self) -> Result<(), JournalError> {
        let write = self.database.begin_write()?;
        write.open_table(ABOUT)?.insert(PAST, PAST_RESTORED)?;
        write.commit()?;
        Ok(())
    }

    /// Makes records and secrets durable.
    pub(super) fn append(
        &mut self,
        records: &[Zeroizing<Vec<u8>>],
        secrets: &[Secret],
    ) -> Result<(), JournalError> {
        if records.is_empty() && secrets.is_empty() {
            return Ok(());
        }
        self.write(records, secrets, Manner::Append)
    }

    /// Makes records durable by which nothing is promised twice, whatever is missing.
    pub(super) fn settle(&mut self, records: &[Zeroizing<Vec<u8>>]) -> Result<(), JournalError> {
        self.write(records, &[], Manner::Settle)
    }

    /// Puts these in the place of all records, since nothing else matters any more; secrets stay.
    pub(super) fn replace(&mut self, records: &[Zeroizing<Vec<u8>>]) -> Result<(), JournalError> {
        self.write(records, &[], Manner::Replace)
    }

    fn write(
        &mut self,
        records: &[Zeroizing<Vec<u8>>],
        secrets: &[Secret],
        manner: Manner,
    ) -> Result<(), JournalError> {
        let write = self.database.begin_write()?;
        let mut number = self.next;
        {
            let mut table = write.open_table(RECORDS)?;
            if manner == Manner::Replace {
                table.retain(|_, _| false)?;
            }
            for bytes in records {
                let check = check(self.chain, number, bytes);
                table.insert(number, (check.as_bytes(), &***bytes))?;
                number += 1;
            }
            let mut kept = write.open_table(SECRETS)?;
            for (name, bytes) in secrets {
                let check = check_secret(self.chain, name, bytes);
                kept.insert(name.as_slice(), (check.as_bytes(), &***bytes))?;
            }
            let mut about = write.open_table(ABOUT)?;
            about.insert(NEXT, number.to_be_bytes().as_slice())?;
            if manner == Manner::Settle {
                about.insert(PAST, PAST_KNOWN)?;
            }
        }
        write.commit()?;
        self.next = number;
        Ok(())
    }

    /// Makes the tables, and holds the journal to one ledger.
    fn claim(&mut self, path: &Path) -> Result<(), JournalError> {
        let write = self.database.begin_write()?;
        {
            write.open_table(RECORDS)?;
            write.open_table(SECRETS)?;
            let mut about = write.open_table(ABOUT)?;
            let found = about.get(CHAIN)?.map(|found| found.value().to_vec());
            match found {
                Some(found) if found != self.chain.as_bytes() => {
                    return Err(JournalError::ForeignChain(path.to_owned()));
                }
                Some(_) => {}
                None => {
                    about.insert(CHAIN, self.chain.as_bytes().as_slice())?;
                }
            }
            let next = about.get(NEXT)?;
            let next = next.and_then(|next| next.value().try_into().ok());
            self.next = next.map_or(0, u64::from_be_bytes);
        }
        write.commit()?;
        Ok(())
    }

    /// The secrets, by their names.
    pub(super) fn secrets(&self) -> Result<Vec<Secret>, JournalError> {
        let read = self.database.begin_read()?;
        let table = read.open_table(SECRETS)?;
        let mut secrets = Vec::new();
        for secret in table.iter()? {
            let (name, value) = secret?;
            let (name, (found, bytes)) = (name.value(), value.value());
            if found != check_secret(self.chain, name, bytes).as_bytes() {
                return Err(JournalError::DamagedSecret);
            }
            secrets.push((name.to_vec(), Zeroizing::new(bytes.to_vec())));
        }
        Ok(secrets)
    }

    /// The records, in the order in which they were written.
    pub(super) fn read(&self) -> Result<Vec<Zeroizing<Vec<u8>>>, JournalError> {
        let read = self.database.begin_read()?;
        let table = read.open_table(RECORDS)?;
        let mut records = Vec::new();
        for record in table.iter()? {
            let (number, value) = record?;
            let (number, (found, bytes)) = (number.value(), value.value());
            if found != check(self.chain, number, bytes).as_bytes() {
                return Err(JournalError::Damaged(number));
            }
            records.push(Zeroizing::new(bytes.to_vec()));
        }
        Ok(records)
    }
}

/// Bound to the record's place, so that one record cannot stand for another.
fn check(chain: ChainId, number: u64, bytes: &[u8]) -> Digest {
    let parts: &[&[u8]] = &[chain.as_bytes(), &number.to_be_bytes(), bytes];
    Digest::of(Purpose::IssuingRecord, parts)
}

fn check_secret(chain: ChainId, name: &[u8], bytes: &[u8]) -> Digest {
    Digest::of(
        Purpose::IssuingRecord,
        &[chain.as_bytes(), b"secret", name, bytes],
    )
}

/// How records are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Manner {
    Append,
    Settle,
    Replace,
}

/// Makes an empty file that its owner alone may read, unless one is there.
fn make_private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

const ABOUT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("about");
const CHAIN: &str = "chain";
const NEXT: &str = "next";
/// Check value and bytes.
const RECORDS: TableDefinition<'_, u64, (&[u8; 32], &[u8])> = TableDefinition::new("records");
/// Check value and bytes, by name.
const SECRETS: TableDefinition<'_, &[u8], (&[u8; 32], &[u8])> = TableDefinition::new("secrets");
const PAST: &str = "past";
const PAST_KNOWN: &[u8] = b"known";
const PAST_RESTORED: &[u8] = b"restored";
