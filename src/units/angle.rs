use super::to_steps;

/// A direction over ground, clockwise from true north, in steps of 0.01°.
///
/// 0 to 359.99°: 360° and the standards' sentinels (3600, 3601 in ETSI TS 102 894-2
/// `HeadingValue`) cannot be held.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Heading {
    centideg: u16,
}

impl Heading {
    /// True north.
    pub const NORTH: Self = Self { centideg: 0 };

    /// Returns the heading, or `None` from 360° on.
    pub fn from_centideg(centideg: u16) -> Option<Self> {
        (centideg < FULL_TURN_CENTIDEG).then_some(Self { centideg })
    }

    /// Rounds degrees to 0.01°; `None` if not finite or outside 0 ≤ heading < 360.
    ///
    /// What rounds up to a full turn is north.
    pub fn from_deg(deg: f64) -> Option<Self> {
        if !(0.0..360.0).contains(&deg) {
            return None;
        }
        let centideg = to_steps(deg, 100.0)? % i64::from(FULL_TURN_CENTIDEG);
        u16::try_from(centideg).ok().and_then(Self::from_centideg)
    }

    /// Brings any finite angle in degrees into one turn, then rounds; `None` if not finite.
    pub fn from_deg_wrapped(deg: f64) -> Option<Self> {
        let turned = deg.rem_euclid(360.0);
        // `rem_euclid` of a tiny negative number rounds to the divisor itself.
        Self::from_deg(if turned >= 360.0 { 0.0 } else { turned })
    }

    /// Hundredths of a degree, 0 to 35 999.
    pub fn centideg(self) -> u16 {
        self.centideg
    }

    /// Degrees, 0 to 359.99.
    pub fn deg(self) -> f64 {
        f64::from(self.centideg) / 100.0
    }

    /// The smaller angle between two headings, 0 to 18 000 hundredths of a degree.
    pub fn difference_centideg(self, other: Self) -> u16 {
        let apart = self.centideg.abs_diff(other.centideg);
        apart.min(FULL_TURN_CENTIDEG - apart)
    }
}

/// Half width of the interval that holds the true heading with 95 % confidence, 0.01° to 180°.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct HeadingAccuracy {
    centideg: u16,
}

impl HeadingAccuracy {
    /// Returns the accuracy, or `None` outside 1 to 18 000.
    pub fn from_centideg(centideg: u16) -> Option<Self> {
        (1..=HALF_TURN_CENTIDEG)
            .contains(&centideg)
            .then_some(Self { centideg })
    }

    /// Rounds degrees to 0.01°; `None` if not finite or out of range.
    pub fn from_deg(deg: f64) -> Option<Self> {
        u16::try_from(to_steps(deg, 100.0)?)
            .ok()
            .and_then(Self::from_centideg)
    }

    /// Hundredths of a degree.
    pub fn centideg(self) -> u16 {
        self.centideg
    }

    /// Degrees.
    pub fn deg(self) -> f64 {
        f64::from(self.centideg) / 100.0
    }
}

/// How fast the heading turns, clockwise positive (seen from above), at most 327.66 °/s.
///
/// The range is that of ETSI TS 102 894-2 `YawRateValue`; the sign is the opposite of that
/// standard's (positive is to the left there), so that it agrees with [`Heading`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct YawRate {
    centideg_per_s: i32,
}

impl YawRate {
    /// Returns the yaw rate, or `None` outside the range.
    pub fn from_centideg_per_s(centideg_per_s: i32) -> Option<Self> {
        (centideg_per_s.unsigned_abs() <= YAW_RATE_MAX_CENTIDEG_PER_S)
            .then_some(Self { centideg_per_s })
    }

    /// Rounds degrees per second to 0.01 °/s; `None` if not finite or out of range.
    pub fn from_deg_per_s(deg_per_s: f64) -> Option<Self> {
        i32::try_from(to_steps(deg_per_s, 100.0)?)
            .ok()
            .and_then(Self::from_centideg_per_s)
    }

    /// Hundredths of a degree per second.
    pub fn centideg_per_s(self) -> i32 {
        self.centideg_per_s
    }

    /// Degrees per second.
    pub fn deg_per_s(self) -> f64 {
        f64::from(self.centideg_per_s) / 100.0
    }
}

const FULL_TURN_CENTIDEG: u16 = 36_000;
const HALF_TURN_CENTIDEG: u16 = 18_000;
const YAW_RATE_MAX_CENTIDEG_PER_S: u32 = 32_766;
