use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use super::{
    Committees, DeliveryError, EntryProof,
    delivery::check_receipt,
    file::{self, FileError, Kind},
};
use crate::ledger::{
    FinalityError, FinalizedHeader, Header, Key, Path, PathError, Receipt, StateProof,
    StateProofError, TransactionError, Value,
};

/// A proof of one thing, as units hand it out and files hold it.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub enum Proof {
    /// Of an entry of a block.
    Entry(Box<EntryProof>),
    /// Of what the state holds under a key, or that it holds nothing there.
    State(Box<StateEntryProof>),
    /// Of a receipt.
    Receipt(Box<ReceiptProof>),
}

/// What a shard's state holds under a key after a block.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct StateEntryProof {
    /// The block's header.
    pub finalized: FinalizedHeader,
    /// The key.
    pub key: Key,
    /// What is there; `None` for nothing.
    pub value: Option<Value>,
    /// The way to the header's `state_root`.
    pub proof: StateProof,
}

/// That a shard told another something.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct ReceiptProof {
    /// The header of the block that did.
    pub finalized: FinalizedHeader,
    /// What it told.
    pub receipt: Receipt,
    /// The path to the header's `receipts_root`.
    pub path: Path,
}

/// Why a proof shows nothing.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ProofError {
    /// The bytes are no proof.
    #[error(transparent)]
    File(#[from] FileError),
    /// No committee made the header final.
    #[error(transparent)]
    Finality(#[from] FinalityError),
    /// The entry is not at this place of the block.
    #[error("entry: {0}")]
    Path(PathError),
    /// A signature of the transaction itself does not hold.
    #[error("transaction: {0}")]
    Transaction(#[from] TransactionError),
    /// Receipts do not come from where they say.
    #[error("receipt: {0}")]
    Delivery(#[from] DeliveryError),
    /// The state says something else.
    #[error(transparent)]
    State(#[from] StateProofError),
    /// A rule that this version does not know.
    #[error("unknown outcome {0}")]
    UnknownOutcome(u16),
}

impl ProofError {
    /// Whether it is not known yet whose votes count in the proof's epoch; a newer checkpoint says.
    pub fn is_of_unknown_epoch(&self) -> bool {
        matches!(self, Self::Finality(FinalityError::Epoch(_)))
    }
}

impl Proof {
    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        file::write(Kind::Proof, self)
    }

    /// Reads what [`Self::to_bytes`] writes, and nothing else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProofError> {
        Ok(file::read(Kind::Proof, bytes)?)
    }

    /// The header that it rests on, once all of it is seen to hold.
    pub fn verify(&self, committees: &Committees) -> Result<&Header, ProofError> {
        match self {
            Self::Entry(proof) => proof.verify(committees).map(|(header, _)| header),
            Self::State(proof) => proof.verify(committees),
            Self::Receipt(proof) => proof.verify(committees),
        }
    }
}

impl StateEntryProof {
    /// The header after whose block the state was so, once that is seen to hold.
    pub fn verify(&self, committees: &Committees) -> Result<&Header, ProofError> {
        let header = committees.verify(&self.finalized)?;
        let (root, value) = (header.state_root, self.value.as_ref());
        self.proof.verify(root, &self.key, value)?;
        Ok(header)
    }
}

impl ReceiptProof {
    /// The header of the block that sent the receipt, once that is seen to hold.
    pub fn verify(&self, committees: &Committees) -> Result<&Header, ProofError> {
        let header = committees.verify(&self.finalized)?;
        check_receipt(header, &self.receipt, &self.path)?;
        Ok(header)
    }
}
