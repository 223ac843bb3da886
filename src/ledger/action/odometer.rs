use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{Method, WearSlot};
use crate::{
    id::VehicleId,
    ledger::{Label, RecordCommitment},
    time::Timestamp,
};

/// Where a reading of an odometer comes from.
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
pub enum OdometerSource {
    /// The vehicle itself, signed with its own key.
    Telemetry,
    /// A workshop that had it.
    Workshop,
    /// An inspection for the state.
    Inspection,
    /// Its maker.
    Maker,
    /// A hand-over, a claim, or another record that came with a reading.
    Other,
}

/// What an odometer showed.
///
/// Signed by whom the source names.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordOdometer {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// What it showed.
    pub odometer_km: u32,
    /// When it was read.
    #[serde(rename = "read_unix_ms")]
    pub read: Timestamp,
    /// Where the reading comes from, any but [`OdometerSource::Other`].
    pub source: OdometerSource,
}

/// Puts right what an earlier record said, without taking it back: both stay in the history.
///
/// Signed by two different keys, one of an inspection, the other of a maker or workshop.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Correct {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// Why.
    pub reason: Label,
    /// Where the evidence is.
    pub evidence: RecordCommitment,
    /// What is put right.
    pub correction: Correction,
}

/// What a correction puts in the place of what was said before.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[serde(rename_all = "snake_case")]
pub enum Correction {
    /// The odometer's reading, which may go down: a changed instrument, a slip of the pen.
    Odometer {
        /// What it shows.
        odometer_km: u32,
    },
    /// How thick a pad or a tyre is, which may go up.
    Wear {
        /// Which one.
        slot: WearSlot,
        /// How thick it is.
        thickness_um: u32,
        /// How that was measured.
        method: Method,
    },
    /// Any other record.
    Record {
        /// Its place in the vehicle's history.
        sequence: u64,
        /// What should stand there instead.
        replacement: RecordCommitment,
    },
}
