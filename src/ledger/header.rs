use borsh::{BorshDeserialize, BorshSerialize};

use super::encoding::encode;
use crate::{
    crypto::{Digest, Purpose},
    id::{ChainId, ShardId},
    time::Timestamp,
};

/// What the committee signs of a block: everything that can be proven later hangs below it.
///
/// Two headers are the same if their digests are.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct Header {
    /// The version of this layout, [`Self::VERSION`].
    pub version: u16,
    /// The version of the rules by which the block was executed.
    pub rules: u16,
    /// The ledger.
    pub chain: ChainId,
    /// The shard.
    pub shard: ShardId,
    /// Whose committee made it.
    pub epoch: u64,
    /// How many blocks the shard had before it; 0 is the genesis' block.
    pub height: u64,
    /// The index in the committee of whoever proposed it.
    pub proposer: u16,
    /// The digest of the header before it; the ledger's id at height 0.
    pub parent: Digest,
    /// The proposer's time, never earlier than the one before.
    pub time: Timestamp,
    /// How many entries the block has.
    pub entries: u32,
    /// [`List::Entries`](super::List) over the entries with their outcomes.
    pub tx_root: Digest,
    /// [`List::Receipts`](super::List) over the receipts that the block sends to other shards.
    pub receipts_root: Digest,
    /// [`List::History`](super::List) over the digests of all earlier headers of the shard.
    pub history_root: Digest,
    /// The root of the state after the block.
    pub state_root: Digest,
    /// The version of the state's tree, [`Self::STATE_VERSION`].
    pub state_version: u16,
    /// [`List::Snapshot`](super::List) over the sorted leaves of the state *before* the block, at
    /// heights divisible by the genesis' interval and above 0.
    pub snapshot_root: Option<Digest>,
}

impl Header {
    /// The only version of the layout so far.
    pub const VERSION: u16 = 1;
    /// The version of the rules at height 0.
    pub const RULES_FIRST: u16 = 1;
    /// The only version of the state's tree so far.
    pub const STATE_VERSION: u16 = 1;

    /// Names the block; this is what the committee votes on.
    pub fn digest(&self) -> Digest {
        Digest::of(Purpose::LedgerHeader, &[&encode(self)])
    }

    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Whether this version knows what the header says.
    pub(super) fn is_known(&self) -> bool {
        self.version == Self::VERSION && self.state_version == Self::STATE_VERSION
    }
}
