//! Safe distances of the model "responsibility-sensitive safety" (Shalev-Shwartz et al. 2017).
//!
//! The distances are such that nobody is hit if each, after a time to respond in which it may even
//! accelerate, brakes as the model asks of it. A situation is dangerous where both the longitudinal
//! and the lateral distance are too short. The parameters are the values that Intel's ad-rss-lib
//! starts from. Speeds are in m/s, distances in m.

/// One of two, and how long it may take to respond.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Party {
    /// Along the road, or to the right for lateral distances.
    pub speed_m_per_s: f64,
    /// Until it brakes.
    pub response_s: f64,
}

/// The least gap behind somebody who goes the same way.
pub fn same_direction_m(behind: Party, ahead_m_per_s: f64) -> f64 {
    let responding_m = behind.responding_m(ACCELERATION_MAX);
    let braking_m = square(behind.after_m_per_s(ACCELERATION_MAX)) / (2.0 * BRAKING_MIN);
    let ahead_m = square(ahead_m_per_s) / (2.0 * BRAKING_MAX);
    (responding_m + braking_m - ahead_m).max(0.0)
}

/// The least gap between two that drive towards each other, of whom `own` is in its own lane.
pub fn opposite_m(own: Party, coming: Party) -> f64 {
    let stopping_m = |party: Party, braking: f64| {
        party.responding_m(ACCELERATION_MAX)
            + square(party.after_m_per_s(ACCELERATION_MAX)) / (2.0 * braking)
    };
    stopping_m(own, BRAKING_MIN_CORRECT) + stopping_m(coming, BRAKING_MIN)
}

/// The least gap between two beside each other; both speeds are positive to the right.
pub fn lateral_m(left: Party, right: Party) -> f64 {
    // Where somebody comes to rest who is pushed so by its response: a speed away from the other
    // takes it further away.
    let rest_m = |party: Party, acceleration: f64| {
        let after = party.after_m_per_s(acceleration);
        party.responding_m(acceleration) + after * after.abs() / (2.0 * LATERAL_BRAKING_MIN)
    };
    let closing_m =
        rest_m(left, LATERAL_ACCELERATION_MAX) - rest_m(right, -LATERAL_ACCELERATION_MAX);
    LATERAL_FLUCTUATION_M + closing_m.max(0.0)
}

impl Party {
    /// Its speed once it responds.
    fn after_m_per_s(self, acceleration: f64) -> f64 {
        self.speed_m_per_s + self.response_s * acceleration
    }

    /// How far it gets until then.
    fn responding_m(self, acceleration: f64) -> f64 {
        (self.speed_m_per_s + self.after_m_per_s(acceleration)) / 2.0 * self.response_s
    }
}

fn square(value: f64) -> f64 {
    value * value
}

/// What somebody accelerates by while it responds, in m/s².
const ACCELERATION_MAX: f64 = 3.5;
/// What somebody brakes with at least, in m/s².
const BRAKING_MIN: f64 = 4.0;
/// What somebody brakes with at least whom another one comes towards in its own lane.
const BRAKING_MIN_CORRECT: f64 = 3.0;
/// What the one ahead brakes with at most.
const BRAKING_MAX: f64 = 8.0;
const LATERAL_ACCELERATION_MAX: f64 = 0.2;
const LATERAL_BRAKING_MIN: f64 = 0.8;
const LATERAL_FLUCTUATION_M: f64 = 0.1;
