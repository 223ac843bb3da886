use super::to_steps;

/// Ground speed, 0 to 163.82 m/s (ETSI TS 102 894-2, `SpeedValue`).
///
/// The direction of travel is kept apart from it, in
/// [`DriveDirection`](crate::message::DriveDirection).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Speed {
    mm_per_s: u32,
}

impl Speed {
    /// Standing still.
    pub const ZERO: Self = Self { mm_per_s: 0 };

    /// Returns the speed, or `None` above the range.
    pub fn from_mm_per_s(mm_per_s: u32) -> Option<Self> {
        (mm_per_s <= SPEED_MAX_MM_PER_S).then_some(Self { mm_per_s })
    }

    /// Rounds metres per second to millimetres per second; `None` if not finite or out of range.
    pub fn from_m_per_s(m_per_s: f64) -> Option<Self> {
        u32::try_from(to_steps(m_per_s, 1_000.0)?)
            .ok()
            .and_then(Self::from_mm_per_s)
    }

    /// Millimetres per second.
    pub fn mm_per_s(self) -> u32 {
        self.mm_per_s
    }

    /// Metres per second.
    pub fn m_per_s(self) -> f64 {
        f64::from(self.mm_per_s) / 1_000.0
    }
}

/// Acceleration along one axis of the vehicle, at most 20 m/s² either way.
///
/// The range is that of SAE J2735 `Acceleration` (±20.00 m/s²), which holds ETSI's ±16.0 m/s²
/// (TS 102 894-2, `AccelerationValue`).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Acceleration {
    mm_per_s2: i32,
}

impl Acceleration {
    /// Returns the acceleration, or `None` outside the range.
    pub fn from_mm_per_s2(mm_per_s2: i32) -> Option<Self> {
        (mm_per_s2.unsigned_abs() <= ACCELERATION_MAX_MM_PER_S2).then_some(Self { mm_per_s2 })
    }

    /// Rounds m/s² to mm/s²; `None` if not finite or out of range.
    pub fn from_m_per_s2(m_per_s2: f64) -> Option<Self> {
        i32::try_from(to_steps(m_per_s2, 1_000.0)?)
            .ok()
            .and_then(Self::from_mm_per_s2)
    }

    /// Millimetres per second squared.
    pub fn mm_per_s2(self) -> i32 {
        self.mm_per_s2
    }

    /// Metres per second squared.
    pub fn m_per_s2(self) -> f64 {
        f64::from(self.mm_per_s2) / 1_000.0
    }
}

const SPEED_MAX_MM_PER_S: u32 = 163_820;
const ACCELERATION_MAX_MM_PER_S2: u32 = 20_000;
