use std::time::Duration;

use wayside::ledger::TransactionId;

use super::{Proven, RecordId, Standing};

/// What an outbox asks of the unit in reach.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OutboxRequest {
    /// How the vehicle's account stands; answered by [`Answer::Account`].
    Account,
    /// Hand a signed transaction in; answered by [`Answer::Submitted`].
    Submit {
        /// Whose.
        record: RecordId,
        /// The signed transaction.
        bytes: Vec<u8>,
    },
    /// Prove what became of a transaction; answered by [`Answer::Proof`].
    Prove {
        /// Whose.
        record: RecordId,
        /// The transaction.
        transaction: TransactionId,
    },
}

/// What came of a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// How the account stands, verified.
    Account(Standing),
    /// A unit has the transaction; nothing more is known.
    Submitted(RecordId),
    /// What the ledger made of it, verified.
    Proof(RecordId, Proven),
    /// Nothing, for now.
    Failed(Failure),
}

/// A request that came to nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// For which record; `None` if it was about the account.
    pub record: Option<RecordId>,
    /// Why, in words.
    pub reason: String,
    /// When to try again by the unit's word, within the outbox's own bounds.
    pub retry_after: Option<Duration>,
    /// The unit has not finalized it yet, as is usual right after it was handed in.
    pub is_pending: bool,
}

/// Lines for the journal, to be written all or none, in order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Batch {
    /// To be added at its end.
    Append(Vec<Vec<u8>>),
    /// To take the place of everything in it.
    Replace(Vec<Vec<u8>>),
}

impl Batch {
    /// The lines.
    pub fn lines(&self) -> &[Vec<u8>] {
        match self {
            Self::Append(lines) | Self::Replace(lines) => lines,
        }
    }
}
