use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::{id::VehicleId, ledger::PartTag, time::Timestamp};

/// What wears off.
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
pub enum WearKind {
    /// A brake pad: at most 20 mm.
    BrakePad,
    /// The tread of a tyre: at most 12 mm.
    Tyre,
}

/// A place where something wears off.
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
#[serde(deny_unknown_fields)]
pub struct WearSlot {
    /// What wears off there.
    pub kind: WearKind,
    /// The wheel, below [`WHEELS_MAX`], counted from the left of the front axle to the right of
    /// the last one.
    pub wheel: u8,
}

/// How something was measured.
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
pub enum Method {
    /// By a sensor of the vehicle, signed with its own key.
    Sensor,
    /// By a workshop or inspection, with a gauge.
    Gauge,
    /// By a workshop or inspection, by looking at it.
    Visual,
}

/// How thick a brake pad or a tyre's tread still is.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordWear {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// Where.
    pub slot: WearSlot,
    /// The serial tag of what is fitted there.
    pub serial: PartTag,
    /// What is left of it.
    pub thickness_um: u32,
    /// How hot it was, in tenths of a degree Celsius, or `None` if nobody measured it.
    pub temperature_decidegree_c: Option<i16>,
    /// What the odometer showed.
    pub odometer_km: u32,
    /// When it was measured.
    #[serde(rename = "measured_unix_ms")]
    pub measured: Timestamp,
    /// How it was measured.
    pub method: Method,
}

/// A workshop fits a new brake pad or tyre.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReplaceWearPart {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// Where.
    pub slot: WearSlot,
    /// The serial tag of what is fitted there from now on; another than before.
    pub serial: PartTag,
    /// How thick it is.
    pub thickness_um: u32,
    /// What the odometer showed.
    pub odometer_km: u32,
    /// When it was fitted.
    #[serde(rename = "fitted_unix_ms")]
    pub fitted: Timestamp,
}

/// How many wheels a vehicle may have.
pub const WHEELS_MAX: u8 = 32;
