use borsh::{BorshDeserialize, BorshSerialize};
use wayside::{
    ledger::{Action, TransactionId},
    time::Timestamp,
};

use super::{Name, RecordId, Verdict};

/// One line of the journal.
///
/// The order of the variants is part of the format: new ones are added at the end.
#[expect(
    clippy::large_enum_variant,
    reason = "lines are made one at a time and written away"
)]
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub enum JournalRecord {
    /// A record was taken.
    Taken {
        /// Its number.
        id: RecordId,
        /// Its client's name for it.
        name: Option<Name>,
        /// When.
        taken: Timestamp,
        /// What the client handed in.
        content: Vec<u8>,
        /// What opens its commitments.
        salt: [u8; 32],
        /// What it asks of the ledger.
        action: Action,
    },
    /// A record was signed, and its nonce is used up.
    Signed {
        /// Which.
        id: RecordId,
        /// The signed transaction.
        bytes: Vec<u8>,
    },
    /// A verified proof says what became of a record.
    Done {
        /// Which.
        id: RecordId,
        /// Its name on the ledger.
        transaction: TransactionId,
        /// What.
        verdict: Verdict,
    },
    /// What must not be used again, for records that are no longer in the journal.
    Counters {
        /// The next record's number.
        next_record: u64,
        /// The next nonce, if any was ever known.
        next_nonce: Option<u64>,
    },
}

impl JournalRecord {
    /// Its bytes in the journal.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("memory takes everything")
    }

    /// Reads what [`Self::to_bytes`] writes, and nothing else.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        borsh::from_slice(bytes).ok()
    }
}
