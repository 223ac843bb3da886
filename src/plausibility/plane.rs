//! Distances and directions between two positions, in integers alone.

use crate::geo::Position;

/// The way from one position to another: millimetres east and north, the short way round.
///
/// Within 1 % below 80° of latitude, which every threshold has room for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Way {
    pub(super) east_mm: i64,
    pub(super) north_mm: i64,
}

impl Way {
    pub(super) fn between(from: Position, to: Position) -> Self {
        let north_e7 = i64::from(to.latitude_e7()) - i64::from(from.latitude_e7());
        let east_e7 = i64::from(to.longitude_e7()) - i64::from(from.longitude_e7());
        let east_e7 = if east_e7 > HALF_TURN_E7 {
            east_e7 - 2 * HALF_TURN_E7
        } else if east_e7 < -HALF_TURN_E7 {
            east_e7 + 2 * HALF_TURN_E7
        } else {
            east_e7
        };
        let at_equator_mm = east_e7 * MM_PER_DEG_EAST / STEPS_PER_DEG;
        let reach = -REACH_MAX_MM..=REACH_MAX_MM;
        Self {
            east_mm: (at_equator_mm * cosine_ppm(from.latitude_e7()) / 1_000_000)
                .clamp(*reach.start(), *reach.end()),
            north_mm: (north_e7 * MM_PER_DEG_NORTH / STEPS_PER_DEG)
                .clamp(*reach.start(), *reach.end()),
        }
    }

    /// Its length; ways beyond 2 000 km on either axis count as 2 000 km.
    pub(super) fn length_mm(self) -> i64 {
        (self.east_mm * self.east_mm + self.north_mm * self.north_mm).isqrt()
    }

    /// Its parts along and to the right of a direction, in millimetres.
    pub(super) fn along_and_right_mm(self, heading_centideg: i64) -> (i64, i64) {
        let (sine, cosine) = (
            sine_ppm(heading_centideg),
            sine_ppm(heading_centideg + 9_000),
        );
        let along = self.east_mm * sine + self.north_mm * cosine;
        let right = self.east_mm * cosine - self.north_mm * sine;
        (along / 1_000_000, right / 1_000_000)
    }

    /// Its direction clockwise from north, 0 to 35 999 hundredths of a degree, within 0.3°.
    pub(super) fn heading_centideg(self) -> u16 {
        let (east, north) = (self.east_mm.abs(), self.north_mm.abs());
        let octant = if east <= north {
            arc_tangent_centideg(east, north)
        } else {
            9_000 - arc_tangent_centideg(north, east)
        };
        let turned = match (self.east_mm >= 0, self.north_mm >= 0) {
            (true, true) => octant,
            (true, false) => 18_000 - octant,
            (false, false) => 18_000 + octant,
            (false, true) => 36_000 - octant,
        };
        u16::try_from(turned % 36_000).expect("below a full turn")
    }
}

/// The cosine of a latitude by Bhaskara's approximation, in millionths; wrong by at most 0.0017.
fn cosine_ppm(latitude_e7: i32) -> i64 {
    let squared = i64::from(latitude_e7 / 10_000).pow(2);
    // With x in degrees: (32 400 - 4 x²) / (32 400 + x²); here x is in thousandths.
    (32_400_000_000 - 4 * squared) * 1_000_000 / (32_400_000_000 + squared)
}

/// The sine of an angle by Bhaskara's approximation, in millionths; wrong by at most 0.0017.
fn sine_ppm(centideg: i64) -> i64 {
    let turned = centideg.rem_euclid(36_000);
    let (half, sign) = if turned < 18_000 {
        (turned, 1)
    } else {
        (turned - 18_000, -1)
    };
    // With x in degrees: 4 x (180 - x) / (40 500 - x (180 - x)); here x is in hundredths.
    let product = half * (18_000 - half);
    sign * 4 * product * 1_000_000 / (405_000_000 - product)
}

/// The angle whose tangent is `opposite / adjacent`, where that is at most 1; 0 for 0 / 0.
///
/// 45° z + 15.64° z (1 - z), wrong by at most 0.23°.
fn arc_tangent_centideg(opposite: i64, adjacent: i64) -> i64 {
    if adjacent == 0 {
        return 0;
    }
    let z = opposite * 10_000 / adjacent;
    (4_500 * z + 1_564 * z * (10_000 - z) / 10_000) / 10_000
}

const STEPS_PER_DEG: i64 = 10_000_000;
const HALF_TURN_E7: i64 = 1_800_000_000;
/// WGS-84 at the equator.
const MM_PER_DEG_EAST: i64 = 111_319_491;
/// WGS-84 at 45°; 0.5 % more at the poles, less at the equator.
const MM_PER_DEG_NORTH: i64 = 111_131_779;
/// Twice its square is still an `i64`'s, with room: 2 × (2 × 10⁹)² = 8 × 10¹⁸.
const REACH_MAX_MM: i64 = 2_000_000_000;
