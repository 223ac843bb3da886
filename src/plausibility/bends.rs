//! How far aside of its own way a station places itself.
//!
//! On a straight road, who moves all its positions three metres to the right tells nothing that
//! contradicts itself. Round a bend it does: a point to the right of a car goes a shorter way round a
//! right-hand bend than the car does, by its distance times the angle turned. Noise is as large in
//! one bend, but has no side; so ways are held against speeds second by second, weighted by the turn,
//! and what remains is the distance to the side that explains them best.

use super::{
    Check, Finding,
    motion::{between_ms, place_noise_mm},
    plane::Way,
    residual::{Mark, Sums},
};
use crate::track::Sample;

/// What all bends of a station say together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Bends {
    /// The squares of the turns, in hundredths of a degree.
    turns: i64,
    /// The turns times what the ways are shorter than the speeds say, in millimetres.
    shorter: i64,
}

impl Bends {
    /// The same after one more message, where the last mark is; only what comes with a new mark
    /// counts.
    pub(super) fn after(&self, now: &Sample, sums: &Sums, mark: Option<&Mark>) -> Self {
        let more = || {
            let mark = mark.filter(|mark| mark.is_due(now))?;
            let span_ms = between_ms(mark.at, now.generated);
            let turn = sums.turned_centideg - mark.sums.turned_centideg;
            let path_mm = (sums.path_um - mark.sums.path_um) / 1_000;
            let is_sure = mark.sums.way_chain == sums.way_chain
                && span_ms <= SPAN_MAX_MS
                && path_mm * 1_000 >= SLOW_MM_PER_S * span_ms
                && TURN_CENTIDEG.contains(&turn.abs());
            is_sure.then_some((mark, turn, path_mm))
        };
        let Some((mark, turn, path_mm)) = more() else {
            return *self;
        };
        // A chord is shorter than its arc by the angle squared, divided by 24.
        let chord_mm = path_mm - path_mm * turn * turn / (24 * CENTIDEG_PER_RADIAN.pow(2));
        let shorter_mm = chord_mm - Way::between(mark.position, now.position).length_mm();
        let reach_mm = REACH_MM + REACH_MM * turn.abs() / CENTIDEG_PER_RADIAN;
        Self {
            turns: self.turns.saturating_add(turn * turn),
            shorter: self
                .shorter
                .saturating_add(turn * shorter_mm.clamp(-reach_mm, reach_mm)),
        }
    }

    /// Holds what they say now against what they said before the message; `None` if it is nothing new,
    /// or too little.
    pub(super) fn check(&self, before: &Self, now: &Sample) -> Option<Result<(), Finding>> {
        if self == before || self.turns < TURNS_MIN {
            return None;
        }
        let aside_mm = self.shorter.saturating_mul(CENTIDEG_PER_RADIAN) / self.turns;
        let noise_mm = place_noise_mm(now) * NOISE_PER_MILLE / 1_000;
        let limit_mm = ASIDE_MM + noise_mm * CENTIDEG_PER_RADIAN / self.turns.isqrt();
        Some(Check::PlacedAside.within(aside_mm, limit_mm))
    }
}

const CENTIDEG_PER_RADIAN: i64 = 5_730;
/// Over a longer time, the way by a few speeds is not sure.
const SPAN_MAX_MS: i64 = 1_600;
/// Slower vehicles manoeuvre.
const SLOW_MM_PER_S: i64 = 2_500;
/// Less says nothing, more within a second is not driven.
const TURN_CENTIDEG: std::ops::RangeInclusive<i64> = 300..=9_000;
/// One leap of a satellite receiver counts for no more than a lie at this distance.
const REACH_MM: i64 = 3_000;
/// 0.4 rad²: a right angle in four steps has 0.6.
const TURNS_MIN: i64 = 13_133_160;
/// Antennas and sensors sit at the side of a vehicle, and lanes of a simulation leap.
const ASIDE_MM: i64 = 2_500;
/// What positions a second apart differ by, of the accuracy claimed.
const NOISE_PER_MILLE: i64 = 600;
