use std::{
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
};

use redb::{
    Database, DatabaseError, Durability, ReadableDatabase as _, ReadableTable as _,
    TableDefinition, WriteTransaction,
};
use wayside::{
    crypto::Digest,
    id::{ChainId, ShardId, VehicleId},
    ledger::{Peaks, TransactionId},
};

use super::IndexError;

/// The index on disk.
pub struct Index {
    database: Database,
}

/// Where an entry stands, and what became of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// The shard.
    pub shard: ShardId,
    /// The block.
    pub height: u64,
    /// The entry's number in the block.
    pub entry: u32,
    /// The code of its outcome.
    pub outcome: u16,
}

/// What the index takes from one finalized block.
#[derive(Clone, Debug)]
pub struct Indexed {
    /// The shard.
    pub shard: ShardId,
    /// The height.
    pub height: u64,
    /// The header's digest.
    pub digest: Digest,
    /// Its entries, in order.
    pub entries: Vec<Entered>,
}

/// What the index takes from one entry.
#[derive(Clone, Debug)]
pub struct Entered {
    /// The transaction; `None` for what came from another shard.
    pub transaction: Option<TransactionId>,
    /// The code of its outcome.
    pub outcome: u16,
    /// The histories that it continues, each with its record's number there.
    pub records: Vec<(VehicleId, u64)>,
}

impl Index {
    /// Opens the index of a ledger; a new one, if there is none.
    ///
    /// A damaged one is put aside as `….damaged` and a new one begun, to be filled from the blocks;
    /// the second value says so.
    pub fn open(path: &Path, chain: ChainId) -> Result<(Self, bool), IndexError> {
        let opened = Database::create(path);
        let (database, was_damaged) = match opened {
            Ok(database) => (database, false),
            Err(DatabaseError::DatabaseAlreadyOpen) => {
                return Err(unusable(path, DatabaseError::DatabaseAlreadyOpen));
            }
            Err(_) => {
                put_aside(path)?;
                let database = Database::create(path).map_err(|error| unusable(path, error))?;
                (database, true)
            }
        };
        let index = Self { database };
        index.claim(path, chain)?;
        Ok((index, was_damaged))
    }

    /// The height of the last block of a shard that it holds; `None` before the first.
    pub fn height(&self, shard: ShardId) -> Result<Option<u64>, IndexError> {
        let read = self.database.begin_read()?;
        let heights = read.open_table(HEIGHTS)?;
        Ok(heights.get(shard.0)?.map(|height| height.value()))
    }

    /// Takes further blocks, of any shards, each shard's in order; those that it holds already are
    /// passed over.
    ///
    /// Either all or none are taken. Unless `is_durable`, a crash may forget them, and nothing else.
    pub fn add(&self, blocks: &[Indexed], is_durable: bool) -> Result<(), IndexError> {
        let mut write = self.database.begin_write()?;
        if !is_durable {
            write.set_durability(Durability::None)?;
        }
        for block in blocks {
            add_block(&write, block)?;
        }
        write.commit()?;
        Ok(())
    }

    /// Goes on after blocks that are not kept here: the next one of `shard` has this height, and `past`
    /// is what is known of the headers before it or of some more.
    pub fn skip_to(&self, shard: ShardId, height: u64, past: &Peaks) -> Result<(), IndexError> {
        let write = self.database.begin_write()?;
        {
            let mut beginnings = write.open_table(BEGINNINGS)?;
            beginnings.insert(shard.0, (height, &*past.to_bytes()))?;
            let mut heights = write.open_table(HEIGHTS)?;
            if let Some(last) = height.checked_sub(1) {
                heights.insert(shard.0, last)?;
            }
        }
        write.commit()?;
        Ok(())
    }

    /// With which height a shard begins here, and what is known of the headers before that or of some
    /// more; `None` if it begins with the genesis.
    pub fn beginning(&self, shard: ShardId) -> Result<Option<(u64, Peaks)>, IndexError> {
        let read = self.database.begin_read()?;
        let beginnings = read.open_table(BEGINNINGS)?;
        let found = beginnings.get(shard.0)?;
        Ok(found.and_then(|found| {
            let (height, past) = found.value();
            Some((height, Peaks::from_bytes(past)?))
        }))
    }

    /// Where a transaction stands; `None` if it is in no block so far.
    pub fn transaction(&self, id: &TransactionId) -> Result<Option<Place>, IndexError> {
        let read = self.database.begin_read()?;
        let places = read.open_table(TRANSACTIONS)?;
        Ok(places
            .get(id.digest().as_bytes())?
            .map(|place| to_place(place.value())))
    }

    /// The records of a vehicle with these numbers, in order, with their numbers.
    pub fn records(
        &self,
        vehicle: &VehicleId,
        numbers: Range<u64>,
    ) -> Result<Vec<(u64, Place)>, IndexError> {
        let read = self.database.begin_read()?;
        let records = read.open_table(RECORDS)?;
        let (home, commitment) = (vehicle.home.0, &vehicle.commitment);
        let found =
            records.range((home, commitment, numbers.start)..(home, commitment, numbers.end))?;
        found
            .map(|record| {
                let (key, place) = record?;
                Ok((key.value().2, to_place(place.value())))
            })
            .collect()
    }

    /// The digests of a shard's headers at these heights, in order; fewer, if it holds fewer.
    pub fn headers(&self, shard: ShardId, heights: Range<u64>) -> Result<Vec<Digest>, IndexError> {
        let read = self.database.begin_read()?;
        let headers = read.open_table(HEADERS)?;
        headers
            .range((shard.0, heights.start)..(shard.0, heights.end))?
            .map(|header| Ok(Digest::from_bytes(*header?.1.value())))
            .collect()
    }

    /// Makes the tables, and holds the index to one ledger.
    fn claim(&self, path: &Path, chain: ChainId) -> Result<(), IndexError> {
        let write = self.database.begin_write()?;
        {
            write.open_table(HEIGHTS)?;
            write.open_table(BEGINNINGS)?;
            write.open_table(HEADERS)?;
            write.open_table(TRANSACTIONS)?;
            write.open_table(RECORDS)?;
            let mut about = write.open_table(ABOUT)?;
            let found = about.get(CHAIN)?.map(|found| *found.value());
            match found.map(ChainId::from_bytes) {
                Some(found) if found != chain => {
                    return Err(IndexError::ForeignChain {
                        path: path.to_owned(),
                        chain: found,
                    });
                }
                Some(_) => {}
                None => {
                    about.insert(CHAIN, chain.as_bytes())?;
                }
            }
        }
        write.commit()?;
        Ok(())
    }
}

fn add_block(write: &WriteTransaction, block: &Indexed) -> Result<(), IndexError> {
    let shard = block.shard;
    let mut heights = write.open_table(HEIGHTS)?;
    let last = heights.get(shard.0)?.map(|height| height.value());
    let expected = last.map_or(0, |last| last + 1);
    if block.height < expected {
        return Ok(());
    }
    if block.height > expected {
        return Err(IndexError::Gap {
            shard,
            expected,
            found: block.height,
        });
    }
    heights.insert(shard.0, block.height)?;
    write
        .open_table(HEADERS)?
        .insert((shard.0, block.height), block.digest.as_bytes())?;
    let mut transactions = write.open_table(TRANSACTIONS)?;
    let mut records = write.open_table(RECORDS)?;
    for (number, entry) in (0_u32..).zip(&block.entries) {
        let place = (shard.0, block.height, number, entry.outcome);
        if let Some(id) = &entry.transaction {
            transactions.insert(id.digest().as_bytes(), place)?;
        }
        for (vehicle, record) in &entry.records {
            records.insert((vehicle.home.0, &vehicle.commitment, *record), place)?;
        }
    }
    Ok(())
}

fn to_place((shard, height, entry, outcome): (u16, u64, u32, u16)) -> Place {
    Place {
        shard: ShardId(shard),
        height,
        entry,
        outcome,
    }
}

fn unusable(path: &Path, error: DatabaseError) -> IndexError {
    IndexError::Unusable {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

/// Moves a damaged file out of the way, so that somebody can look at it.
fn put_aside(path: &Path) -> Result<(), IndexError> {
    let aside: PathBuf = path.with_extension("damaged");
    match fs::rename(path, aside) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(IndexError::Aside {
            path: path.to_owned(),
            source,
        }),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Shard, height, entry, outcome.
type PlaceRow = (u16, u64, u32, u16);

const ABOUT: TableDefinition<'_, &str, &[u8; 32]> = TableDefinition::new("about");
const CHAIN: &str = "chain";
/// Height and peaks.
const BEGINNINGS: TableDefinition<'_, u16, (u64, &[u8])> = TableDefinition::new("beginnings");
const HEIGHTS: TableDefinition<'_, u16, u64> = TableDefinition::new("heights");
const HEADERS: TableDefinition<'_, (u16, u64), &[u8; 32]> = TableDefinition::new("headers");
const TRANSACTIONS: TableDefinition<'_, &[u8; 32], PlaceRow> = TableDefinition::new("transactions");
const RECORDS: TableDefinition<'_, (u16, &[u8; 32], u64), PlaceRow> =
    TableDefinition::new("records");
