//! The measures themselves, of gaps in metres and speeds in metres per second.

use super::path::{Crossing, SPEED_MIN_M_PER_S};

/// Time to collision: how long until the gap is closed if nothing changes (Hayward 1972); `None`
/// where the two do not close in, or not within [`HORIZON_S`].
pub(super) fn time_to_collision_s(gap_m: f64, closing_m_per_s: f64) -> Option<f64> {
    (closing_m_per_s >= SPEED_MIN_M_PER_S)
        .then(|| gap_m / closing_m_per_s)
        .filter(|time_s| *time_s <= HORIZON_S)
}

/// The same if both keep their acceleration: the first time at which
/// `gap = closing · t + gaining · t² / 2`.
pub(super) fn modified_time_to_collision_s(
    gap_m: f64,
    closing_m_per_s: f64,
    gaining_m_per_s2: f64,
) -> Option<f64> {
    let square = closing_m_per_s * closing_m_per_s + 2.0 * gaining_m_per_s2 * gap_m;
    if square < 0.0 {
        return None;
    }
    let time_s = if closing_m_per_s >= SPEED_MIN_M_PER_S {
        // The root that does not divide by an acceleration of zero.
        2.0 * gap_m / (closing_m_per_s + square.sqrt())
    } else if gaining_m_per_s2 >= ACCELERATION_MIN_M_PER_S2 {
        (square.sqrt() - closing_m_per_s) / gaining_m_per_s2
    } else {
        return None;
    };
    (time_s <= HORIZON_S).then_some(time_s)
}

/// Time headway: the gap by the speed of the one behind; `None` while that one stands.
pub(super) fn headway_s(gap_m: f64, behind_m_per_s: f64) -> Option<f64> {
    (behind_m_per_s >= HEADWAY_SPEED_MIN_M_PER_S).then(|| gap_m / behind_m_per_s)
}

/// Deceleration rate to avoid the crash: what the one behind needs to reach the speed of the one
/// ahead within the gap; `None` where the two do not close in.
pub(super) fn deceleration_to_avoid_m_per_s2(gap_m: f64, closing_m_per_s: f64) -> Option<f64> {
    (closing_m_per_s >= SPEED_MIN_M_PER_S)
        .then(|| closing_m_per_s * closing_m_per_s / (2.0 * gap_m.max(GAP_MIN_M)))
}

/// Post-encroachment time as it will be: from when the first leaves the stretch that both need to
/// when the second arrives there. Below zero, they meet.
pub(super) fn post_encroachment_time_s(crossing: Crossing) -> Option<f64> {
    let (_, left_s) = crossing.first_s;
    let (arrives_s, _) = crossing.second_s;
    let is_soon = left_s.min(arrives_s) <= HORIZON_S;
    Some(arrives_s - left_s).filter(|_| is_soon)
}

/// What lies further ahead says nothing.
const HORIZON_S: f64 = 60.0;
/// Rounding of positions: a smaller gap is none.
const GAP_MIN_M: f64 = 0.01;
const HEADWAY_SPEED_MIN_M_PER_S: f64 = 0.5;
const ACCELERATION_MIN_M_PER_S2: f64 = 0.01;
