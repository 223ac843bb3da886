use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::{id::VehicleId, ledger::PartTag, time::Timestamp};

/// What a traction battery is used for, as Regulation (EU) 2023/1542 names it; goes forward only.
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
pub enum BatteryStatus {
    /// As it was made.
    Original,
    /// For something else than before.
    Repurposed,
    /// Made anew from a used one.
    Remanufactured,
    /// No longer used.
    Waste,
}

/// The figures of a traction battery (Regulation (EU) 2023/1542, Annexes VII and XIII).
#[derive(
    BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize,
)]
#[serde(deny_unknown_fields)]
pub struct BatteryFigures {
    /// The capacity it had when new.
    pub rated_capacity_wh: u32,
    /// The capacity it has, at most the rated one.
    pub remaining_capacity_wh: u32,
    /// Its state of health, at most 1,000.
    pub health_per_mille: u16,
    /// The power it can give.
    pub power_w: u32,
    /// Its internal resistance.
    pub resistance_micro_ohm: u32,
    /// All the energy it gave; never falls.
    pub throughput_kwh: u32,
    /// How many full cycles it went through; never falls.
    pub cycles: u32,
    /// Deep discharges, overheating and accidents; never falls.
    pub negative_events: u32,
    /// How long it was too hot or too cold; never falls.
    pub extreme_temperature_min: u32,
}

/// How a traction battery is.
///
/// Signed with the vehicle's own key or by a workshop.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordBattery {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// The battery's serial tag.
    pub serial: PartTag,
    /// What its management system says.
    pub figures: BatteryFigures,
    /// What it is used for.
    pub status: BatteryStatus,
    /// What the odometer showed.
    pub odometer_km: u32,
    /// When it was measured.
    #[serde(rename = "measured_unix_ms")]
    pub measured: Timestamp,
}

/// A workshop repairs a traction battery, or fits another one: the only way its health may rise
/// without being flagged.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RepairBattery {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// The serial tag of the battery that the vehicle has from now on.
    pub serial: PartTag,
    /// Its figures from now on. The same battery's counters still never fall.
    pub figures: BatteryFigures,
    /// What it is used for.
    pub status: BatteryStatus,
    /// What the odometer showed.
    pub odometer_km: u32,
    /// When it was repaired.
    #[serde(rename = "repaired_unix_ms")]
    pub repaired: Timestamp,
}
