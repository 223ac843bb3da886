use std::sync::Arc;

use thiserror::Error;

use super::{
    CheckedTransaction, Committees, Delivery, DeliveryError, Entry, Genesis, KeyCache,
    TransactionError, encoding::encode, merkle::widen,
};
use crate::{crypto::Digest, id::ShardId};

/// An entry of a block of one shard, with everything checked that does not depend on state.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CheckedEntry {
    /// A transaction whose signatures hold.
    Transaction(CheckedTransaction),
    /// Receipts that are final at their source.
    Delivery(CheckedDelivery),
}

/// Receipts for a shard that are seen to be final at their source.
///
/// Whether they are the next ones is decided when they are executed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CheckedDelivery {
    delivery: Arc<Delivery>,
    digest: Digest,
    length: usize,
}

/// Why an entry has no place in any block of a shard.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum EntryError {
    /// The transaction may not be executed there.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// The receipts were not shown to be what their source finalized for this shard.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
}

impl CheckedEntry {
    /// Checks one entry; costs a signature check for each signature in it.
    pub fn check(
        entry: Entry,
        genesis: &Genesis,
        shard: ShardId,
        keys: &mut KeyCache,
    ) -> Result<Self, EntryError> {
        Ok(match entry {
            Entry::Transaction(signed) => Self::Transaction(signed.check(genesis, shard, keys)?),
            Entry::Delivery(delivery) => {
                Self::Delivery(CheckedDelivery::check(delivery, genesis, shard)?)
            }
        })
    }

    /// The entry as it stands in a block.
    pub fn to_entry(&self) -> Entry {
        match self {
            Self::Transaction(transaction) => Entry::Transaction(transaction.signed().clone()),
            Self::Delivery(delivery) => Entry::Delivery(delivery.delivery().clone()),
        }
    }

    /// Names it, as [`Entry::digest`] does, without computing the digest again.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Transaction(transaction) => transaction.id().digest(),
            Self::Delivery(delivery) => delivery.digest,
        }
    }

    /// Whether this is that entry.
    pub(super) fn is(&self, entry: &Entry) -> bool {
        match (self, entry) {
            (Self::Transaction(checked), Entry::Transaction(signed)) => checked.signed() == signed,
            (Self::Delivery(checked), Entry::Delivery(delivery)) => checked.delivery() == delivery,
            (Self::Transaction(_), Entry::Delivery(_))
            | (Self::Delivery(_), Entry::Transaction(_)) => false,
        }
    }

    /// How many bytes it has in a block.
    pub fn length(&self) -> u64 {
        let length = match self {
            Self::Transaction(transaction) => transaction.length(),
            Self::Delivery(delivery) => delivery.length,
        };
        // The kind stands before it.
        1 + widen(length)
    }

    /// Its leaf under a header's `tx_root`, as [`Entry::leaf`] gives it.
    pub(super) fn leaf(&self, outcome: u16) -> Digest {
        match self {
            Self::Transaction(it) => super::transaction_leaf(it.id(), outcome),
            Self::Delivery(it) => super::delivery_leaf(it.digest, outcome),
        }
    }
}

/// Checks all entries of a block.
///
/// The dear part of holding a block against the rules; parts of it may be done side by side.
pub fn check_entries(
    entries: Vec<Entry>,
    genesis: &Genesis,
    shard: ShardId,
    keys: &mut KeyCache,
) -> Result<Vec<CheckedEntry>, EntryError> {
    let check = |entry| CheckedEntry::check(entry, genesis, shard, keys);
    entries.into_iter().map(check).collect()
}

impl CheckedDelivery {
    /// Checks everything about receipts that does not depend on the state of their destination.
    ///
    /// Costs a signature check for each vote of the source's certificate.
    pub fn check(
        delivery: Delivery,
        genesis: &Genesis,
        shard: ShardId,
    ) -> Result<Self, DeliveryError> {
        delivery.verify(&Committees::of(genesis), shard)?;
        Ok(Self {
            digest: delivery.digest(),
            length: encode(&delivery).len(),
            delivery: Arc::new(delivery),
        })
    }

    /// The delivery.
    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// Names it.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Where the receipts come from.
    pub fn source(&self) -> ShardId {
        self.delivery.finalized.header.shard
    }
}
