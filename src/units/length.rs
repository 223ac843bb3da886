use super::to_steps;

/// A size, a distance or the accuracy of a position, 0 to 102.3 m in millimetres.
///
/// The bound is ETSI TS 102 894-2 `VehicleLengthValue`'s (1 023 steps of 0.1 m) and holds every
/// accuracy of that standard too.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Length {
    mm: u32,
}

impl Length {
    /// Returns the length, or `None` above the range.
    pub fn from_mm(mm: u32) -> Option<Self> {
        (mm <= LENGTH_MAX_MM).then_some(Self { mm })
    }

    /// Rounds metres to millimetres; `None` if not finite or out of range.
    pub fn from_m(m: f64) -> Option<Self> {
        u32::try_from(to_steps(m, 1_000.0)?)
            .ok()
            .and_then(Self::from_mm)
    }

    /// Millimetres.
    pub fn mm(self) -> u32 {
        self.mm
    }

    /// Metres.
    pub fn m(self) -> f64 {
        f64::from(self.mm) / 1_000.0
    }
}

/// Height above the WGS-84 ellipsoid, -1 000 m to 8 000 m (ETSI TS 102 894-2, `AltitudeValue`).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Altitude {
    mm: i32,
}

impl Altitude {
    /// Returns the altitude, or `None` outside the range.
    pub fn from_mm(mm: i32) -> Option<Self> {
        (ALTITUDE_MIN_MM..=ALTITUDE_MAX_MM)
            .contains(&mm)
            .then_some(Self { mm })
    }

    /// Rounds metres to millimetres; `None` if not finite or out of range.
    pub fn from_m(m: f64) -> Option<Self> {
        i32::try_from(to_steps(m, 1_000.0)?)
            .ok()
            .and_then(Self::from_mm)
    }

    /// Millimetres.
    pub fn mm(self) -> i32 {
        self.mm
    }

    /// Metres.
    pub fn m(self) -> f64 {
        f64::from(self.mm) / 1_000.0
    }
}

const LENGTH_MAX_MM: u32 = 102_300;
const ALTITUDE_MIN_MM: i32 = -1_000_000;
const ALTITUDE_MAX_MM: i32 = 8_000_000;
