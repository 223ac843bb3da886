use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use crate::{
    crypto::Digest,
    ledger::{AccountKey, Committee, Genesis},
};

/// Whose votes count in a shard, now and soon.
///
/// An epoch is as long as its committee; its number is how often governance changed the committee.
/// Each shard begins it at a height of its own, the first one at which a header has the root of a
/// snapshot and which is at least [`EPOCH_LAG`] beyond the block that told the shard.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct EpochState {
    /// Whose votes count.
    pub committee: Committee,
    /// The first height of the epoch.
    pub first_height: u64,
    /// The digest of the last header of the epoch before; of the first epoch, zeros.
    pub parent: Digest,
    /// Who comes next, if that is decided.
    pub next: Option<NextEpoch>,
}

/// Whose votes count from a height on.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct NextEpoch {
    /// Whose votes will count.
    pub committee: Committee,
    /// The first height of the epoch.
    pub first_height: u64,
}

/// A key that votes or voted: whose it is, and where its owner's units are reached.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Seat {
    /// The operator's index.
    pub operator: u16,
    /// Where others reach it, as `host:port`.
    pub address: String,
}

/// A key that is to vote, as one shard tells another.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct SeatFact {
    /// The key.
    pub vote_key: AccountKey,
    /// Whose it is.
    pub seat: Seat,
}

impl EpochState {
    /// A shard's first epoch.
    pub fn genesis(genesis: &Genesis) -> Self {
        Self {
            committee: genesis.committee().clone(),
            first_height: 0,
            parent: Digest::from_bytes([0; 32]),
            next: None,
        }
    }

    /// The number of the epoch.
    pub fn epoch(&self) -> u64 {
        self.committee.epoch()
    }

    /// The epoch of a height from this epoch's first on, and who makes the block there, as far as it
    /// is decided.
    pub fn at(&self, height: u64) -> (u64, &Committee) {
        let next = self.next.as_ref();
        let next = next.filter(|next| next.first_height <= height);
        let committee = next.map_or(&self.committee, |next| &next.committee);
        (committee.epoch(), committee)
    }

    /// The last height of the epoch, if it is decided.
    pub fn last_height(&self) -> Option<u64> {
        let next = self.next.as_ref()?;
        Some(next.first_height.saturating_sub(1))
    }

    /// The epoch of the block at `height`, which comes after `parent`.
    pub(in crate::ledger) fn begun_at(self, height: u64, parent: Digest) -> Self {
        match self.next {
            Some(next) if next.first_height <= height => Self {
                committee: next.committee,
                first_height: next.first_height,
                parent,
                next: None,
            },
            next => Self { next, ..self },
        }
    }
}

impl NextEpoch {
    /// The next epoch of a shard that hears of it at a height.
    pub(in crate::ledger) fn after(height: u64, committee: Committee, genesis: &Genesis) -> Self {
        let earliest = height.saturating_add(EPOCH_LAG);
        let border = earliest.checked_next_multiple_of(genesis.snapshot_interval);
        Self {
            committee,
            first_height: border.unwrap_or(u64::MAX),
        }
    }
}

/// How many blocks at least are between the one that decides on a committee and its first: enough for
/// a block to be final long before the next committee has to be known.
pub const EPOCH_LAG: u64 = 16;
