use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use wayside::{
    id::ChainId,
    ledger::{AccountKey, SignedTransaction},
    serve::{from_hex, to_hex},
};

use super::record::RecordName;

/// What was signed for the records of a file, kept beside it.
///
/// A transaction is on disk before it is sent for the first time. Whatever cuts a run off, the next
/// one sends the same bytes, and the ledger executes those once.
pub(super) struct Sent {
    path: PathBuf,
    file: File,
    transactions: BTreeMap<RecordName, SignedTransaction>,
}

/// A line of the file.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// The record, as in [`RecordName`].
    record: String,
    occurrence: u64,
    /// The canonical bytes of what was signed for it, in hexadecimal digits.
    transaction: String,
}

impl Sent {
    /// Opens what lies beside a file of records, or begins it.
    ///
    /// Fails if it was made for another ledger or with another key: going on would record twice.
    pub(super) fn open(records: &Path, chain: ChainId, sender: AccountKey) -> anyhow::Result<Self> {
        let mut path = records.as_os_str().to_owned();
        path.push(ENDING);
        let path = PathBuf::from(path);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        // A line that a cut left half was not sent: lines are on disk before that.
        let whole = text
            .rfind('\n')
            .map_or("", |end| text.get(..=end).unwrap_or(""));
        let transactions =
            parse(whole).with_context(|| format!("{} is damaged", path.display()))?;
        for signed in transactions.values() {
            let transaction = &signed.transaction;
            ensure!(
                transaction.chain == chain && transaction.sender == sender,
                "{} was begun with another key or for another ledger ({}); \
                 move it away only if those records must be made again",
                path.display(),
                transaction.chain
            );
        }
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        file.set_len(whole.len() as u64)?;
        Ok(Self {
            path,
            file,
            transactions,
        })
    }

    /// What was signed for a record in an earlier run.
    pub(super) fn get(&self, name: &RecordName) -> Option<&SignedTransaction> {
        self.transactions.get(name)
    }

    /// All that was signed so far.
    pub(super) fn transactions(&self) -> impl Iterator<Item = &SignedTransaction> {
        self.transactions.values()
    }

    /// Keeps what was signed for records; on disk once this returns.
    pub(super) fn keep(
        &mut self,
        signed: Vec<(RecordName, SignedTransaction)>,
    ) -> anyhow::Result<()> {
        let failed = || format!("cannot write {}", self.path.display());
        let mut text = String::new();
        for (name, transaction) in &signed {
            let line = Line {
                record: name.record.clone(),
                occurrence: name.occurrence,
                transaction: to_hex(&transaction.to_bytes()),
            };
            text.push_str(&serde_json::to_string(&line)?);
            text.push('\n');
        }
        self.file.write_all(text.as_bytes()).with_context(failed)?;
        self.file.sync_data().with_context(failed)?;
        self.transactions.extend(signed);
        Ok(())
    }
}

fn parse(text: &str) -> anyhow::Result<BTreeMap<RecordName, SignedTransaction>> {
    let mut transactions = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line: Line = serde_json::from_str(line).with_context(|| format!("line {number}"))?;
        let bytes = from_hex(&line.transaction).with_context(|| format!("line {number}"))?;
        let signed = SignedTransaction::from_bytes(&bytes, TRANSACTION_BYTES_MAX)
            .with_context(|| format!("line {number}"))?;
        let name = RecordName {
            record: line.record,
            occurrence: line.occurrence,
        };
        // One that was refused before it came into a block is signed anew: the last line counts.
        transactions.insert(name, signed);
    }
    Ok(transactions)
}

const ENDING: &str = ".sent";
/// More than any ledger allows.
const TRANSACTION_BYTES_MAX: usize = 1 << 20;
