use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::{
    id::ShardId,
    ledger::{AccountKey, Label, Misconduct, Role},
};

/// An account may do what a role may, from now on, in every shard.
///
/// Like all of governance: in shard 0, signed by a quorum of operators with their cold keys.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GrantRole {
    /// The account.
    pub key: AccountKey,
    /// What it may do.
    pub role: Role,
    /// Whose account it is.
    pub name: Label,
}

/// An account may no longer do what a role may.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeRole {
    /// The account.
    pub key: AccountKey,
    /// What it may no longer do.
    pub role: Role,
}

/// Changes how an operator stands.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SetOperator {
    /// The operator's index in the genesis.
    pub operator: u16,
    /// How it stands from now on.
    pub status: OperatorStatus,
}

/// How an operator stands.
///
/// It is a fact for people and for the next committee: whose votes count is settled by the
/// committee of the epoch alone.
#[derive(
    BorshDeserialize,
    BorshSerialize,
    Clone,
    Copy,
    Debug,
    Deserialize,
    Eq,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum OperatorStatus {
    /// It takes part.
    Active,
    /// It does not count towards a quorum of governance for now.
    Suspended,
    /// It is gone.
    Left,
}

/// Changes what share of new vehicles a shard takes.
///
/// A shard that may ever open stands in the genesis, with weight 0 until it does.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SetShard {
    /// The shard.
    pub shard: ShardId,
    /// Its share of new vehicles, beside the weights of the others; 0 for none.
    pub weight: u32,
}

/// A shard follows another version of the rules from a height on.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleRules {
    /// The shard.
    pub shard: ShardId,
    /// The version.
    pub rules: u16,
    /// The first height that follows it; if that has passed when the shard hears of it, the next.
    pub height: u64,
}

/// Two votes of an operator that no honest one gives.
///
/// In shard 0, by anybody with an account there: the votes prove themselves.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReportMisconduct {
    /// The votes. As text, the hexadecimal digits of their canonical bytes.
    #[serde(with = "super::canonical_text")]
    pub misconduct: Misconduct,
}
