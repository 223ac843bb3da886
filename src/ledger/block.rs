use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use super::{
    FinalizedHeader, Genesis, Header, List, Path, Receipt, SignedTransaction, encoding::encode,
    transaction::TransactionId,
};
use crate::{
    crypto::{Digest, Purpose},
    id::ShardId,
};

/// What a shard's committee makes final at once.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct Block {
    /// What is signed of it.
    pub header: Header,
    /// What happened, in order.
    pub entries: Vec<Entry>,
    /// The code of each entry's outcome, 0 if it was applied. With these a body can be held against
    /// the header without executing it.
    pub outcomes: Vec<u16>,
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
    /// Not one outcome for each entry, or not as many as the header says.
    #[error("{0} entries with {1} outcomes")]
    Counts(usize, usize),
    /// The entries and outcomes are not those that the header's `tx_root` stands for.
    #[error("the body is not the header's")]
    OtherBody,
}

impl Block {
    /// The block at height 0, which nobody votes on: it follows from the genesis, whose state has this
    /// root on this shard.
    pub fn genesis(genesis: &Genesis, shard: ShardId, state_root: Digest) -> Self {
        Self {
            header: Header {
                version: Header::VERSION,
                rules: Header::RULES_FIRST,
                chain: genesis.chain(),
                shard,
                epoch: genesis.committee().epoch(),
                height: 0,
                proposer: 0,
                parent: Digest::from_bytes(*genesis.chain().as_bytes()),
                time: genesis.created,
                entries: 0,
                tx_root: List::Entries.root([]),
                receipts_root: List::Receipts.root([]),
                history_root: List::History.root([]),
                state_root,
                state_version: Header::STATE_VERSION,
                snapshot_root: None,
            },
            entries: Vec::new(),
            outcomes: Vec::new(),
        }
    }

    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads what [`Self::to_bytes`] writes, and nothing else; the body is the header's.
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
        let block: Self = borsh::from_slice(bytes)
            .map_err(|error| BlockBytesError::Malformed(error.to_string()))?;
        block.check_body()?;
        Ok(block)
    }

    /// The root of entries with the codes of their outcomes, as a header signs it.
    ///
    /// Takes as many as the shorter of the two has.
    pub fn tx_root(entries: &[Entry], outcomes: &[u16]) -> Digest {
        let pairs = entries.iter().zip(outcomes);
        List::Entries.root(pairs.map(|(entry, outcome)| entry.leaf(*outcome)))
    }

    /// The path from an entry to the header's `tx_root`, or `None` if there is none with this index.
    pub fn entry_path(&self, index: usize) -> Option<Path> {
        let pairs = self.entries.iter().zip(&self.outcomes);
        let leaves: Vec<_> = pairs.map(|(entry, outcome)| entry.leaf(*outcome)).collect();
        List::Entries.path(&leaves, index)
    }

    /// Whether the body is what the header stands for.
    pub fn check_body(&self) -> Result<(), BlockBytesError> {
        let (entries, outcomes) = (self.entries.len(), self.outcomes.len());
        if entries != outcomes || u32::try_from(entries) != Ok(self.header.entries) {
            return Err(BlockBytesError::Counts(entries, outcomes));
        }
        if Self::tx_root(&self.entries, &self.outcomes) != self.header.tx_root {
            return Err(BlockBytesError::OtherBody);
        }
        Ok(())
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
