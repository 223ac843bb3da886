use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::{
    crypto::Digest,
    id::VehicleId,
    ledger::{ClaimId, Label, PartTag, PolicyId, RecordCommitment},
    time::Timestamp,
};

/// A maker or insurer promises to pay for faults of a vehicle.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IssuePolicy {
    /// Its name, which nobody has used yet in the vehicle's home shard.
    pub policy: PolicyId,
    /// The vehicle.
    pub vehicle: VehicleId,
    /// From when.
    #[serde(rename = "from_unix_ms")]
    pub from: Timestamp,
    /// For how long.
    pub duration_days: u32,
    /// Up to what reading of the odometer.
    pub odometer_max_km: u32,
    /// The kinds of parts that it covers, at most [`COVERED_MAX`]; none is all of them.
    pub covered: Vec<Label>,
    /// What it does not cover, kept off the ledger.
    pub exclusions: Digest,
    /// How far the vehicle may go without service, or 0 for as far as it likes.
    pub service_interval_km: u32,
    /// How long the vehicle may go without service, or 0 for as long as it likes.
    pub service_interval_days: u32,
    /// How soon a claim must be decided.
    pub decision_days: u32,
}

/// A workshop served a vehicle.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordService {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// What the odometer showed.
    pub odometer_km: u32,
    /// When.
    #[serde(rename = "served_unix_ms")]
    pub served: Timestamp,
    /// What was done, kept off the ledger.
    pub report: RecordCommitment,
}

/// Somebody asks for a fault to be paid for.
///
/// Signed by the vehicle's owner or custodian, or by a workshop.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OpenClaim {
    /// Its name, which nobody has used yet in the vehicle's home shard.
    pub claim: ClaimId,
    /// Under which policy.
    pub policy: PolicyId,
    /// The vehicle.
    pub vehicle: VehicleId,
    /// The part that failed, which is in the vehicle.
    pub part: PartTag,
    /// How it failed, for instance a diagnostic trouble code.
    pub fault: Label,
    /// What the odometer showed.
    pub odometer_km: u32,
    /// When it failed.
    #[serde(rename = "failed_unix_ms")]
    pub failed: Timestamp,
    /// What shows it, kept off the ledger.
    pub evidence: RecordCommitment,
}

/// Who made a claim, or the vehicle's owner, takes it back.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WithdrawClaim {
    /// The claim.
    pub claim: ClaimId,
    /// The vehicle.
    pub vehicle: VehicleId,
}

/// Whoever gave the policy accepts or rejects a claim.
///
/// It can be rejected within the policy's time for decisions only, and accepted at any time.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DecideClaim {
    /// The claim.
    pub claim: ClaimId,
    /// The vehicle.
    pub vehicle: VehicleId,
    /// Whether it is accepted.
    pub accepted: bool,
    /// Why, kept off the ledger.
    pub reason: RecordCommitment,
}

/// Whoever gave the policy has paid an accepted claim, once.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SettleClaim {
    /// The claim.
    pub claim: ClaimId,
    /// The vehicle.
    pub vehicle: VehicleId,
    /// Where the payment is to be found.
    pub payout: Digest,
}

/// How many kinds of parts a policy may list.
pub const COVERED_MAX: usize = 32;
