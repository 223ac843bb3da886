use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::{
    crypto::Digest,
    id::VehicleId,
    ledger::{AccountKey, Label, PartTag},
    time::Timestamp,
};

/// A maker calls its vehicles of a model back, in every shard.
///
/// Submitted to shard 0, from which it spreads.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IssueRecall {
    /// The maker's name for it, used once.
    pub recall: Label,
    /// Which vehicles it is for.
    pub criteria: RecallCriteria,
    /// What has to be done, kept off the ledger.
    pub remedy: Digest,
    /// By when.
    #[serde(rename = "due_unix_ms")]
    pub due: Timestamp,
}

/// Which of a maker's vehicles a recall is for.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecallCriteria {
    /// The model.
    pub model: Label,
    /// The first moment of building.
    #[serde(rename = "built_from_unix_ms")]
    pub built_from: Timestamp,
    /// The last moment of building.
    #[serde(rename = "built_until_unix_ms")]
    pub built_until: Timestamp,
    /// The kind of part that a remedy fits, or `None` if it fits none.
    pub part_kind: Option<Label>,
}

/// A workshop did what a recall asks for.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RemedyRecall {
    /// Who called the vehicle back.
    pub maker: AccountKey,
    /// That maker's name for the recall.
    pub recall: Label,
    /// The vehicle.
    pub vehicle: VehicleId,
    /// The part that was fitted, which is in the vehicle.
    pub part: Option<PartTag>,
    /// What the odometer showed.
    pub odometer_km: u32,
    /// When.
    #[serde(rename = "remedied_unix_ms")]
    pub remedied: Timestamp,
}
