use std::time::Duration;

use crate::message::Cause;

/// A danger that a vehicle finds by itself.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Danger {
    /// It brakes in an emergency.
    EmergencyBrake,
    /// It stands where traffic drives.
    Stationary,
    /// It came to the end of a queue, which nobody behind it stands in yet.
    EndOfQueue,
    /// It is much slower than everybody else.
    SlowVehicle,
    /// Traffic comes towards it on both sides.
    WrongWay,
    /// Its wheels lost their grip here.
    Slippery,
    /// It crashed.
    Crash,
}

/// How a danger is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Terms {
    /// What it is called.
    pub cause: Cause,
    /// How long a report of it holds.
    pub validity: Duration,
    /// How often it is reported again while it lasts; at most half of the validity, so that one report
    /// may be late.
    ///
    /// C2C-CC has vehicles repeat an emergency brake every 100 ms, since broadcast loses messages.
    /// Here a report is sent reliably, so that it is repeated only for its place and to go on holding.
    pub interval: Duration,
    /// Whom it concerns, in metres around it.
    pub radius_m: u32,
    /// How good the vehicle's knowledge is (ETSI TS 102 894-2, `InformationQuality`).
    pub quality: u8,
}

impl Danger {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::EmergencyBrake,
        Self::Stationary,
        Self::EndOfQueue,
        Self::SlowVehicle,
        Self::WrongWay,
        Self::Slippery,
        Self::Crash,
    ];

    /// How it is told.
    pub fn terms(self) -> Terms {
        let (cause, validity_s, interval_ms, radius_m, quality) = match self {
            Self::EmergencyBrake => (Cause::EMERGENCY_BRAKE_LIGHT, 2, 500, 500, 5),
            Self::Stationary => (Cause::STATIONARY_VEHICLE_BREAKDOWN, 30, 15_000, 1_000, 4),
            Self::EndOfQueue => (Cause::END_OF_QUEUE, 20, 5_000, 1_000, 3),
            Self::SlowVehicle => (Cause::SLOW_VEHICLE, 10, 2_000, 1_000, 3),
            Self::WrongWay => (Cause::WRONG_WAY, 10, 500, 1_000, 2),
            Self::Slippery => (Cause::SLIPPERY_ROAD, 600, 300_000, 1_000, 3),
            Self::Crash => (Cause::POST_CRASH, 600, 60_000, 1_000, 5),
        };
        Terms {
            cause,
            validity: Duration::from_secs(validity_s),
            interval: Duration::from_millis(interval_ms),
            radius_m,
            quality,
        }
    }
}
