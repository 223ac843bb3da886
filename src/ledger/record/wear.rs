use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use crate::{
    ledger::{BatteryFigures, BatteryStatus, Method, PartTag},
    time::Timestamp,
};

/// A pad or tyre.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Wear {
    /// Its serial tag.
    pub serial: PartTag,
    /// How thick it was when it was measured last.
    pub thickness_um: u32,
    /// What the odometer showed then.
    pub odometer_km: u32,
    /// When that was.
    #[serde(rename = "measured_unix_ms")]
    pub measured: Timestamp,
    /// How it was measured.
    pub method: Method,
    /// How often it was corrected.
    pub corrections: u32,
}

/// A traction battery.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Battery {
    /// Its serial tag.
    pub serial: PartTag,
    /// Its figures when it was measured last.
    pub figures: BatteryFigures,
    /// What it is used for.
    pub status: BatteryStatus,
    /// When it was measured last.
    #[serde(rename = "measured_unix_ms")]
    pub measured: Timestamp,
    /// How often its health rose by more than 2 points without a repair.
    pub flags: u32,
}
