use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use crate::{
    crypto::Digest,
    id::ShardId,
    ledger::{AccountKey, OperatorStatus},
    time::Timestamp,
};

/// The shard itself.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct ChainState {
    /// Which shard it is.
    pub shard: ShardId,
    /// The height of the last block.
    pub height: u64,
    /// The time of the last block.
    #[serde(rename = "time_unix_ms")]
    pub time: Timestamp,
    /// The version of the rules by which it was executed.
    pub rules: u16,
    /// The next version, if one is scheduled.
    pub next_rules: Option<NextRules>,
}

impl ChainState {
    /// The version of the rules that the shard follows at a height above its own.
    pub fn rules_at(&self, height: u64) -> u16 {
        let next = self.next_rules.filter(|next| next.height <= height);
        next.map_or(self.rules, |next| next.rules)
    }
}

/// A version of the rules that will be followed from a height on.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct NextRules {
    /// The version.
    pub rules: u16,
    /// The first height that follows it.
    pub height: u64,
}

/// How an operator stands.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct OperatorState {
    /// What people call it.
    pub name: String,
    /// Its key for governance.
    pub cold_key: AccountKey,
    /// How it stands.
    pub status: OperatorStatus,
    /// How often it was proven to have voted for two things at once.
    pub misconduct: u32,
    /// The digest of the last such proof.
    pub evidence: Option<Digest>,
}

/// A shard's share of new vehicles.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct ShardState {
    /// Beside the weights of the others; 0 for none.
    pub weight: u32,
}

/// What was sent to another shard.
#[derive(
    BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Default, Eq, PartialEq, Serialize,
)]
pub struct ChannelOut {
    /// The sequence of the next receipt.
    pub next: u64,
}

/// What came from another shard.
#[derive(
    BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Default, Eq, PartialEq, Serialize,
)]
pub struct ChannelIn {
    /// The sequence of the only receipt that can come next; all below it came, once each.
    pub next: u64,
}
