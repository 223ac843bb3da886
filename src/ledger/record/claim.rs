use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use crate::{
    crypto::Digest,
    id::VehicleId,
    ledger::{AccountKey, Label, PartTag, PolicyId, RecallCriteria},
    time::Timestamp,
};

/// A vehicle's last services.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Services {
    /// By time, at most [`SERVICES_MAX`].
    pub last: Vec<Service>,
}

/// A service of a vehicle.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Service {
    /// What the odometer showed.
    pub odometer_km: u32,
    /// When.
    #[serde(rename = "served_unix_ms")]
    pub served: Timestamp,
}

/// A warranty.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Policy {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// Who gave it, and decides claims.
    pub provider: AccountKey,
    /// From when.
    #[serde(rename = "from_unix_ms")]
    pub from: Timestamp,
    /// Until when.
    #[serde(rename = "until_unix_ms")]
    pub until: Timestamp,
    /// What the odometer showed when it was given.
    pub odometer_from_km: u32,
    /// Up to what reading of the odometer.
    pub odometer_max_km: u32,
    /// The kinds of parts that it covers; none is all of them.
    pub covered: Vec<Label>,
    /// What it does not cover.
    pub exclusions: Digest,
    /// How far the vehicle may go without service, or 0.
    pub service_interval_km: u32,
    /// How long the vehicle may go without service, or 0.
    pub service_interval_days: u32,
    /// How soon a claim must be decided.
    pub decision_days: u32,
}

/// A claim under a warranty.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Claim {
    /// Under which policy.
    pub policy: PolicyId,
    /// The vehicle.
    pub vehicle: VehicleId,
    /// The part that failed.
    pub part: PartTag,
    /// How it failed.
    pub fault: Label,
    /// Who made it.
    pub claimant: AccountKey,
    /// When it was made.
    #[serde(rename = "opened_unix_ms")]
    pub opened: Timestamp,
    /// By when it must be rejected, if it is.
    #[serde(rename = "decide_by_unix_ms")]
    pub decide_by: Timestamp,
    /// Where it stands.
    pub state: ClaimState,
}

/// Where a claim stands.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimState {
    /// Waits for a decision.
    Open,
    /// Taken back.
    Withdrawn,
    /// Accepted and not yet paid.
    Accepted,
    /// Rejected.
    Rejected,
    /// Paid.
    Settled {
        /// Where the payment is to be found.
        payout: Digest,
    },
}

/// A recall.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Recall {
    /// Which vehicles it is for.
    pub criteria: RecallCriteria,
    /// What has to be done.
    pub remedy: Digest,
    /// By when.
    #[serde(rename = "due_unix_ms")]
    pub due: Timestamp,
}

/// That a recall was remedied on a vehicle.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Remedy {
    /// Which workshop did it.
    pub workshop: AccountKey,
    /// When.
    #[serde(rename = "remedied_unix_ms")]
    pub remedied: Timestamp,
    /// The part that was fitted.
    pub part: Option<PartTag>,
}

/// How many services are remembered.
pub const SERVICES_MAX: usize = 32;
