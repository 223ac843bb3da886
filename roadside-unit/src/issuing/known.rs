use std::path::Path;

use wayside::{
    id::ChainId,
    issuing::{Known, Record},
};

use super::{JournalError, journal::Journal, start::journal_of};

/// What a stopped unit of a ledger knows of tickets, by all that it keeps about issuing in its storage
/// folder. A unit that never issued knows nothing.
pub fn read_known(storage: &Path, chain: ChainId) -> Result<Vec<Known>, JournalError> {
    let path = journal_of(storage);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let records = Journal::open(&path, chain)?.read()?;
    let records = records.iter().zip(0..).map(|(bytes, number)| {
        let record = Record::from_bytes(bytes);
        record.map_err(|_| JournalError::Damaged(number))
    });
    let records: Vec<Record> = records.collect::<Result<_, _>>()?;
    Ok(records.iter().flat_map(Record::known).collect())
}
