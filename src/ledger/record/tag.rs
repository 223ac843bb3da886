use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use crate::{crypto::Digest, id::ShardId, ledger::AccountKey, time::Timestamp};

/// A tag that somebody claimed, in the shard that keeps it.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Tag {
    /// The first claim, which counts for ever.
    pub claim: TagClaim,
}

/// Who claimed a tag, and where that is written.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct TagClaim {
    /// Who claimed it.
    pub claimant: AccountKey,
    /// In which shard.
    pub shard: ShardId,
    /// By which transaction.
    pub transaction: Digest,
    /// When.
    #[serde(rename = "time_unix_ms")]
    pub time: Timestamp,
}

/// Two claims of one tag: one of the two things is a counterfeit, or one of the claimants errs.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Alarm {
    /// The claim that counts.
    pub first: TagClaim,
    /// The last one that was refused.
    pub other: TagClaim,
    /// How many were refused.
    pub refused: u32,
}
