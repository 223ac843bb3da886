use borsh::{BorshDeserialize, BorshSerialize};

use super::{Receipt, encoding::encode};
use crate::id::VehicleId;

/// What executing a block brought about beside the new state.
///
/// A unit stores it with the block, since it could only be had again from the state before.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Default, Eq, PartialEq)]
pub struct Results {
    /// What the block tells other shards, as its header's `receipts_root` says.
    pub receipts: Vec<Receipt>,
    /// For each entry, the vehicles whose history it is part of, and its place there.
    pub touched: Vec<Vec<(VehicleId, u64)>>,
}

impl Results {
    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads what [`Self::to_bytes`] writes; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        borsh::from_slice(bytes).ok()
    }
}
