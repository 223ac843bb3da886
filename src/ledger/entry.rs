use std::sync::Arc;

use thiserror::Error;

use super::{
    CheckedTransaction, Committee, Delivery, DeliveryError, Entry, Genesis, KeyCache, StateView,
    TransactionError, encoding::encode, merkle::widen,
};
use crate::{crypto::Digest, id::ShardId};

/// An entry of a block of one shard, with all its signatures checked.
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
    committee: Committee,
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

impl EntryError {
    /// Whether the entry may have a place later, once the shard has heard of another committee.
    pub fn is_for_now(&self) -> bool {
        matches!(self, Self::Delivery(DeliveryError::Early(_)))
    }
}

impl CheckedEntry {
    /// Checks one entry of a block that comes after `state`; costs a signature check for each
    /// signature in it.
    pub fn check(
        entry: Entry,
        genesis: &Genesis,
        state: &impl StateView,
        shard: ShardId,
        keys: &mut KeyCache,
    ) -> Result<Self, EntryError> {
        Ok(match entry {
            Entry::Transaction(signed) => Self::Transaction(signed.check(genesis, shard, keys)?),
            Entry::Delivery(delivery) => {
                Self::Delivery(CheckedDelivery::check(delivery, genesis, state, shard)?)
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

/// Checks all entries of a block that comes after `state`.
///
/// The dear part of holding a block against the rules; parts of it may be done side by side.
pub fn check_entries(
    entries: Vec<Entry>,
    genesis: &Genesis,
    state: &impl StateView,
    shard: ShardId,
    keys: &mut KeyCache,
) -> Result<Vec<CheckedEntry>, EntryError> {
    let check = |entry| CheckedEntry::check(entry, genesis, state, shard, keys);
    entries.into_iter().map(check).collect()
}

impl CheckedDelivery {
    /// Checks everything about receipts but whether they come next.
    ///
    /// Of their destination's `state` it depends on one thing only: which committee votes in the
    /// source's epoch. Once a final state knows that, it is settled for ever. Costs a signature check
    /// for each vote of the source's certificate.
    pub fn check(
        delivery: Delivery,
        genesis: &Genesis,
        state: &impl StateView,
        shard: ShardId,
    ) -> Result<Self, DeliveryError> {
        let epoch = delivery.finalized.header.epoch;
        let committee = state.committee(genesis, epoch);
        let committee = committee.ok_or(DeliveryError::Early(epoch))?;
        delivery.verify_by(committee, genesis.chain(), shard)?;
        Ok(Self {
            digest: delivery.digest(),
            length: encode(&delivery).len(),
            committee: committee.clone(),
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

    /// The epoch in which the source sent them.
    pub fn epoch(&self) -> u64 {
        self.committee.epoch()
    }

    /// Whose votes made them final.
    pub(super) fn committee(&self) -> &Committee {
        &self.committee
    }

    /// Where the receipts come from.
    pub fn source(&self) -> ShardId {
        self.delivery.finalized.header.shard
    }
}
