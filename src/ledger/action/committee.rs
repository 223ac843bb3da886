use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::ledger::{AccountKey, Label};

/// Changes whose votes count: each shard begins another epoch with the new committee.
///
/// In shard 0, signed by a quorum of operators with their cold keys, and by everybody who gets a vote
/// key with its own cold key: that is what certifies the vote key.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeCommittee {
    /// What changes, in this order; at most [`SEATS_MAX`].
    pub seats: Vec<SeatChange>,
}

/// One change of a committee.
///
/// The order is part of the format: new kinds are added at the end.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum SeatChange {
    /// Somebody else takes part.
    Add(AddOperator),
    /// An operator votes with another key, or is reached elsewhere.
    Replace(ReplaceSeat),
    /// An operator goes.
    Remove(RemoveOperator),
}

/// Somebody else takes part from the next epoch on.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AddOperator {
    /// What people call it.
    pub name: Label,
    /// Its key for governance, which signs too.
    pub cold_key: AccountKey,
    /// Signs its votes; no operator ever had this key.
    pub vote_key: AccountKey,
    /// Where its unit is reached, as `host:port`.
    pub address: String,
}

/// An operator votes with another key, or is reached elsewhere, from the next epoch on.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReplaceSeat {
    /// The operator's index; its cold key signs too.
    pub operator: u16,
    /// Signs its votes from then on; no operator ever had this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vote_key: Option<AccountKey>,
    /// Where its unit is reached from then on, as `host:port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// An operator has no vote from the next epoch on, and none in governance from now on.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveOperator {
    /// The operator's index.
    pub operator: u16,
}

/// How many changes of a committee may be made at once.
pub const SEATS_MAX: usize = 64;
