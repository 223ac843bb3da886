use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use super::{
    FinalizedHeader, Header, Path, Receipt, SignedTransaction, encoding::encode,
    transaction::TransactionId,
};
use crate::crypto::{Digest, Purpose};

/// What a shard's committee makes final at once.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct Block {
    /// What is signed of it.
    pub header: Header,
    /// What happened, in order.
    pub entries: Vec<Entry>,
}

/// One thing that happens to a shard.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub enum Entry {
    /// Somebody's transaction, applied or refused.
    Transaction(SignedTransaction),
    /// Receipts from another shard.
    Delivery(Delivery),
}

/// Receipts of one block of another shard for this one, consecutive, each proven.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct Delivery {
    /// The source's header.
    pub finalized: FinalizedHeader,
    /// The receipts by sequence, and their paths to the header's `receipts_root`.
    pub receipts: Vec<(Receipt, Path)>,
}

/// Why bytes are no block.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum BlockBytesError {
    /// More bytes than the genesis allows.
    #[error("{0} bytes are more than a block may have")]
    TooLong(usize),
    /// Of a version that this one does not know.
    #[error("unknown header version {0}")]
    Version(u16),
    /// Not the canonical form of any block.
    #[error("not a block: {0}")]
    Malformed(String),
}

impl Block {
    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads what [`Self::to_bytes`] writes, and nothing else.
    ///
    /// `length_max` is the genesis' bound; no more memory is used than a small multiple of it.
    pub fn from_bytes(bytes: &[u8], length_max: usize) -> Result<Self, BlockBytesError> {
        if bytes.len() > length_max {
            return Err(BlockBytesError::TooLong(bytes.len()));
        }
        if let Some((version, _)) = bytes.split_first_chunk() {
            let version = u16::from_le_bytes(*version);
            if version != Header::VERSION {
                return Err(BlockBytesError::Version(version));
            }
        }
        borsh::from_slice(bytes).map_err(|error| BlockBytesError::Malformed(error.to_string()))
    }
}

impl Entry {
    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Names it: the transaction's id, or a delivery's digest.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Transaction(transaction) => transaction.id().digest(),
            Self::Delivery(delivery) => delivery.digest(),
        }
    }

    /// The leaf under a header's `tx_root` of this entry with the code of its outcome.
    pub fn leaf(&self, outcome: u16) -> Digest {
        match self {
            Self::Transaction(transaction) => transaction_leaf(transaction.id(), outcome),
            Self::Delivery(delivery) => delivery_leaf(delivery.digest(), outcome),
        }
    }
}

impl Delivery {
    /// Names it by all its bytes.
    pub fn digest(&self) -> Digest {
        Digest::of(Purpose::LedgerDelivery, &[&encode(self)])
    }
}

/// The leaf under a header's `tx_root` of a transaction with the code of its outcome.
pub fn transaction_leaf(id: TransactionId, outcome: u16) -> Digest {
    leaf(TRANSACTION, id.digest(), outcome)
}

/// The leaf under a header's `tx_root` of a delivery with the code of its outcome.
pub fn delivery_leaf(digest: Digest, outcome: u16) -> Digest {
    leaf(DELIVERY, digest, outcome)
}

fn leaf(kind: u8, digest: Digest, outcome: u16) -> Digest {
    Digest::of(
        Purpose::LedgerEntry,
        &[&[kind], digest.as_bytes(), &outcome.to_le_bytes()],
    )
}

/// The kinds of entries; the same numbers as in a block's bytes.
const TRANSACTION: u8 = 0;
const DELIVERY: u8 = 1;
