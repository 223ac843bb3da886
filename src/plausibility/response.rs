//! Whether a station's speed follows its claimed accelerations: how much of each swing it drives.
//!
//! Who multiplies its acceleration, or turns it round, while it goes on at about the same speed
//! claims swings that cancel out: their sum, which [`residual`](super::residual) judges, stays near
//! zero. So each step's change of speed is held against the change that it claims, and the slope
//! through all of them is 1 for who is honest, 1/3 for who claims three times its acceleration, and
//! negative for who feigns to brake.
//!
//! The means are taken out, since a slope of the road adds a constant to what an accelerometer
//! tells. Only short steps count: over a lost message, an acceleration may have been anything.

use super::{
    Check, Finding,
    motion::{between_ms, mm_per_s, speed_noise_mm_per_s},
    residual::{Mark, SPAN_MAX_MS},
};
use crate::track::Sample;

/// Sums over all steps that tell of both.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Response {
    steps: i64,
    length_ms: i64,
    /// The changes of the speed, in mm/s.
    driven: i64,
    /// Those by the accelerations.
    claimed: i64,
    claimed_squared: i64,
    claimed_by_driven: i64,
    /// What small errors add to `claimed_squared`.
    noise_squared: i64,
}

impl Response {
    /// The sums after one more step; the same, where that one tells too little.
    pub(super) fn after(&self, older: &Sample, newer: &Sample, elapsed_ms: i64) -> Self {
        self.with(older, newer, elapsed_ms).unwrap_or(*self)
    }

    fn with(&self, older: &Sample, newer: &Sample, elapsed_ms: i64) -> Option<Self> {
        let is_sure = |it: &Sample| it.speed_accuracy.is_some();
        let is_short = elapsed_ms <= STEP_MAX_MS;
        let goes_on = older.drive_direction == newer.drive_direction;
        if !(is_sure(older) && is_sure(newer) && is_short && goes_on) {
            return None;
        }
        let from = i64::from(older.acceleration_along_mm_per_s2()?);
        let to = i64::from(newer.acceleration_along_mm_per_s2()?);
        let claimed = ((from + to) * elapsed_ms / 2_000).clamp(-CHANGE_MAX, CHANGE_MAX);
        let driven =
            (mm_per_s(newer.speed?) - mm_per_s(older.speed?)).clamp(-CHANGE_MAX, CHANGE_MAX);
        let noise = NOISE_MM_PER_S2 * elapsed_ms / 1_000;
        Some(Self {
            steps: self.steps + 1,
            length_ms: self.length_ms + elapsed_ms,
            driven: self.driven + driven,
            claimed: self.claimed + claimed,
            claimed_squared: self.claimed_squared + claimed * claimed,
            claimed_by_driven: self.claimed_by_driven + claimed * driven,
            noise_squared: self.noise_squared + noise * noise,
        })
    }

    fn since(&self, mark: &Self) -> Self {
        Self {
            steps: self.steps - mark.steps,
            length_ms: self.length_ms - mark.length_ms,
            driven: self.driven - mark.driven,
            claimed: self.claimed - mark.claimed,
            claimed_squared: self.claimed_squared - mark.claimed_squared,
            claimed_by_driven: self.claimed_by_driven - mark.claimed_by_driven,
            noise_squared: self.noise_squared - mark.noise_squared,
        }
    }

    /// The share of the claimed changes that was driven, and the least that an honest station
    /// drives, in thousandths.
    fn share_and_least(&self, speed_noise: i64) -> Option<(i64, i64)> {
        if self.length_ms < LENGTH_MIN_MS {
            return None;
        }
        let squared = self.claimed_squared - self.claimed * self.claimed / self.steps;
        let product = self.claimed_by_driven - self.claimed * self.driven / self.steps;
        if squared <= 0 {
            return None;
        }
        let noise = SHARE_MIN * self.noise_squared / squared;
        let chance = CHANCE_PER_MILLE * speed_noise / squared.isqrt();
        Some((1_000 * product / squared, SHARE_MIN - noise - chance))
    }
}

/// Holds the steps since each mark against what they claim; the finding that misses most.
pub(super) fn check<'a>(
    now: &Sample,
    response: &Response,
    marks: impl Iterator<Item = &'a Mark>,
) -> Option<Result<(), Finding>> {
    let noise = |mark: &Mark| speed_noise_mm_per_s(now).max(mark.speed_noise_mm_per_s);
    marks
        .take_while(|mark| between_ms(mark.at, now.generated) <= SPAN_MAX_MS)
        .filter_map(|mark| {
            response
                .since(&mark.sums.response)
                .share_and_least(noise(mark))
        })
        .min_by_key(|(share, least)| share - least)
        .map(|(share, least)| Check::AccelerationShare.at_least(share, least))
}

/// A longer step has no sure middle: it lost a message.
const STEP_MAX_MS: i64 = 150;
/// Over less time, a slope is chance.
const LENGTH_MIN_MS: i64 = 6_000;
/// Beyond what any vehicle does in a step; keeps the squares small.
const CHANGE_MAX: i64 = 10_000;
/// What share of its swings an honest station drives, in thousandths, besides noise and chance: one
/// whose accelerometer lags by 0.3 s behind swings of 2.2 s, since cos(τ × 0.3 / 2.2) is 0.65.
const SHARE_MIN: i64 = 650;
/// How many times the accuracy of a speed all steps together may be off by chance, in thousandths of
/// the root of what they claim.
const CHANCE_PER_MILLE: i64 = 1_500;
/// How far an acceleration may be off from one message to the next.
const NOISE_MM_PER_S2: i64 = 400;
