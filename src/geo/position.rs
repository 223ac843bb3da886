use super::LocalFrame;

/// A point on the WGS-84 ellipsoid, in steps of 1e-7° (ETSI TS 102 894-2, `Latitude`,
/// `Longitude`).
///
/// Latitude -90° to 90°, longitude above -180° to 180°. The standards' "unavailable" values lie
/// outside these ranges and cannot be held.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Position {
    latitude_e7: i32,
    longitude_e7: i32,
}

impl Position {
    /// Returns the position, or `None` if either coordinate is out of range.
    ///
    /// The meridian at -180° is accepted and stored as 180°.
    pub fn from_e7(latitude_e7: i32, longitude_e7: i32) -> Option<Self> {
        let longitude_e7 = match longitude_e7 {
            LONGITUDE_MIN_E7 => LONGITUDE_MAX_E7,
            other => other,
        };
        (latitude_e7.unsigned_abs() <= LATITUDE_MAX_E7.unsigned_abs()
            && (LONGITUDE_MIN_E7..=LONGITUDE_MAX_E7).contains(&longitude_e7))
        .then_some(Self {
            latitude_e7,
            longitude_e7,
        })
    }

    /// Rounds degrees to 1e-7°; `None` if not finite or out of range.
    pub fn from_deg(latitude_deg: f64, longitude_deg: f64) -> Option<Self> {
        Self::from_e7(e7(latitude_deg)?, e7(longitude_deg)?)
    }

    /// Latitude in 1e-7°, north positive.
    pub fn latitude_e7(self) -> i32 {
        self.latitude_e7
    }

    /// Longitude in 1e-7°, east positive.
    pub fn longitude_e7(self) -> i32 {
        self.longitude_e7
    }

    /// Latitude in degrees, north positive.
    pub fn latitude_deg(self) -> f64 {
        f64::from(self.latitude_e7) / STEPS_PER_DEG
    }

    /// Longitude in degrees, east positive.
    pub fn longitude_deg(self) -> f64 {
        f64::from(self.longitude_e7) / STEPS_PER_DEG
    }

    /// The distance to `other` in metres, in the plane of a frame at this position.
    pub fn distance_m(self, other: Self) -> f64 {
        LocalFrame::at(self).offset(other).length_m()
    }
}

fn e7(deg: f64) -> Option<i32> {
    let steps = (deg * STEPS_PER_DEG).round();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "at most 1.8e9 by the condition, which is false for NaN"
    )]
    (steps.abs() <= f64::from(LONGITUDE_MAX_E7)).then_some(steps as i32)
}

const LATITUDE_MAX_E7: i32 = 900_000_000;
const LONGITUDE_MIN_E7: i32 = -1_800_000_000;
const LONGITUDE_MAX_E7: i32 = 1_800_000_000;
const STEPS_PER_DEG: f64 = 1e7;
