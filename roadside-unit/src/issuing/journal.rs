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
    base: Base,
    compaction: Option<Compaction>,
}

/// What stands for the earliest records: those of a table that was written anew, before all later ones.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Base {
    /// Which of the two tables; the other one is being written, or empty.
    is_second: bool,
    /// The first record that it does not stand for.
    until: u64,
}

/// A compaction under way.
struct Compaction {
    base: Base,
    written: u64,
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
            base: Base::default(),
            compaction: None,
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

    /// Makes records and secrets durable, and forgets secrets by their names. The disk may keep the
    /// bytes of these until their room is used again.
    pub(super) fn append(
        &mut self,
        records: &[Zeroizing<Vec<u8>>],
        secrets: &[Secret],
        forgotten: &[Vec<u8>],
    ) -> Result<(), JournalError> {
        if records.is_empty() && secrets.is_empty() && forgotten.is_empty() {
            return Ok(());
        }
        self.write(records, (secrets, forgotten), Manner::Append)
    }

    /// Makes records durable by which nothing is promised twice, whatever is missing.
    pub(super) fn settle(&mut self, records: &[Zeroizing<Vec<u8>>]) -> Result<(), JournalError> {
        self.write(records, (&[], &[]), Manner::Settle)
    }

    /// Begins to put others in the place of all records so far. These stay until
    /// [`Self::end_compaction`]; what is appended meanwhile stands after both.
    pub(super) fn begin_compaction(&mut self) -> Result<(), JournalError> {
        let base = Base {
            is_second: !self.base.is_second,
            until: self.next,
        };
        let write = self.database.begin_write()?;
        // What an earlier one left that was broken off.
        write.delete_table(base.table())?;
        write.open_table(base.table())?;
        write.commit()?;
        self.compaction = Some(Compaction { base, written: 0 });
        Ok(())
    }

    /// Writes some of the records that shall take the place of the others, in order.
    pub(super) fn compact(&mut self, records: &[Zeroizing<Vec<u8>>]) -> Result<(), JournalError> {
        let Some(compaction) = &mut self.compaction else {
            return Ok(());
        };
        let write = self.database.begin_write()?;
        {
            let mut table = write.open_table(compaction.base.table())?;
            for bytes in records {
                let number = compaction.written;
                let check = check_base(self.chain, compaction.base, number, bytes);
                table.insert(number, (check.as_bytes(), &***bytes))?;
                compaction.written += 1;
            }
        }
        write.commit()?;
        Ok(())
    }

    /// From now on they do. What they stand for is removed by [`Self::trim`].
    pub(super) fn end_compaction(&mut self) -> Result<(), JournalError> {
        let Some(Compaction { base, .. }) = self.compaction.take() else {
            return Ok(());
        };
        let write = self.database.begin_write()?;
        write
            .open_table(ABOUT)?
            .insert(BASE, base.to_bytes().as_slice())?;
        write.delete_table(self.base.table())?;
        write.commit()?;
        self.base = base;
        Ok(())
    }

    /// Removes some of the records that matter no more; whether there are others.
    pub(super) fn trim(&mut self) -> Result<bool, JournalError> {
        let write = self.database.begin_write()?;
        let mut has_more = true;
        {
            let mut table = write.open_table(RECORDS)?;
            for _ in 0..TRIMMED_AT_ONCE {
                let first = table.first()?.map(|(number, _)| number.value());
                has_more = first.is_some_and(|number| number < self.base.until);
                if !has_more {
                    break;
                }
                table.pop_first()?;
            }
        }
        write.commit()?;
        Ok(has_more)
    }

    fn write(
        &mut self,
        records: &[Zeroizing<Vec<u8>>],
        (secrets, forgotten): (&[Secret], &[Vec<u8>]),
        manner: Manner,
    ) -> Result<(), JournalError> {
        let write = self.database.begin_write()?;
        let mut number = self.next;
        {
            let mut table = write.open_table(RECORDS)?;
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
            for name in forgotten {
                kept.remove(name.as_slice())?;
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
            let base = about.get(BASE)?;
            let base = base.and_then(|base| Base::from_bytes(base.value()));
            self.base = base.unwrap_or_default();
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
        let mut records = Vec::new();
        if self.base != Base::default() {
            let table = read.open_table(self.base.table())?;
            for record in table.iter()? {
                let (number, value) = record?;
                let (number, (found, bytes)) = (number.value(), value.value());
                if found != check_base(self.chain, self.base, number, bytes).as_bytes() {
                    return Err(JournalError::Damaged(number));
                }
                records.push(Zeroizing::new(bytes.to_vec()));
            }
        }
        let table = read.open_table(RECORDS)?;
        for record in table.range(self.base.until..)? {
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

/// The same for a record that stands for others.
fn check_base(chain: ChainId, base: Base, number: u64, bytes: &[u8]) -> Digest {
    let parts: &[&[u8]] = &[
        chain.as_bytes(),
        b"base",
        &base.to_bytes(),
        &number.to_be_bytes(),
        bytes,
    ];
    Digest::of(Purpose::IssuingRecord, parts)
}

fn check_secret(chain: ChainId, name: &[u8], bytes: &[u8]) -> Digest {
    Digest::of(
        Purpose::IssuingRecord,
        &[chain.as_bytes(), b"secret", name, bytes],
    )
}

impl Base {
    fn table(self) -> TableDefinition<'static, u64, (&'static [u8; 32], &'static [u8])> {
        TableDefinition::new(if self.is_second { "base-2" } else { "base-1" })
    }

    fn to_bytes(self) -> [u8; 9] {
        let mut bytes = [u8::from(self.is_second); 9];
        let [_, until @ ..] = &mut bytes;
        *until = self.until.to_be_bytes();
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (which, until) = bytes.split_first()?;
        Some(Self {
            is_second: *which != 0,
            until: u64::from_be_bytes(until.try_into().ok()?),
        })
    }
}

/// How records are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Manner {
    Append,
    Settle,
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
const BASE: &str = "base";
/// So that nobody waits for long meanwhile.
const TRIMMED_AT_ONCE: usize = 256;
const PAST: &str = "past";
const PAST_KNOWN: &[u8] = b"known";
const PAST_RESTORED: &[u8] = b"restored";
