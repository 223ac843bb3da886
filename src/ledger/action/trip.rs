use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::{id::VehicleId, ledger::RecordCommitment, time::Timestamp};

/// A vehicle went from one place to another.
///
/// Signed with the vehicle's own key. Where it went is kept off the ledger, sealed; here stands
/// what the rules need.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordTrip {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// Where it went, kept off the ledger.
    pub route: RecordCommitment,
    /// When it set off.
    #[serde(rename = "started_unix_ms")]
    pub started: Timestamp,
    /// When it arrived.
    #[serde(rename = "ended_unix_ms")]
    pub ended: Timestamp,
    /// What the odometer showed when it set off.
    pub started_odometer_km: u32,
    /// What the odometer showed when it arrived.
    pub ended_odometer_km: u32,
    /// How far it went by its own count.
    pub distance_m: u64,
    /// Where it stood on the way, one after the other, at most [`STOPS_MAX`].
    pub stops: Vec<Stop>,
}

/// A vehicle stood still: slower than 0.5 m/s for 120 s with the ignition off, or for 300 s.
#[derive(
    BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize,
)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// From when.
    #[serde(rename = "from_unix_ms")]
    pub from: Timestamp,
    /// Until when.
    #[serde(rename = "until_unix_ms")]
    pub until: Timestamp,
    /// Whether the ignition was off.
    pub ignition_off: bool,
}

/// How many stops a trip may list.
pub const STOPS_MAX: usize = 128;
