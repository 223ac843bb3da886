use super::stage::State;
use crate::message::Telemetry;

/// How false a message is; each kind contains those after it.
///
/// A liar who multiplies an acceleration of nothing, or stays for ever where it stands anyway, says
/// what is so: no check can find that, and nobody is harmed by it. Published data sets count it as a
/// lie all the same, so a report has to name what it counts.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Falsity {
    /// Of somebody who does not lie, or not yet.
    None,
    /// Made by an attack, whether it changes anything or not: what published data sets count.
    OfAttack,
    /// Other than what the sender's own sensors say: by more than 1 m, 0.5 m/s, 10° or 1 m/s².
    Changed,
    /// Also other than the truth, by more than hardly an honest message is: 5 m, 0.5 m/s, 10° or
    /// 1 m/s²; or of a vehicle that does not exist, or one of several in place of one.
    BeyondNoise,
}

impl Falsity {
    /// How false it is to say something in a state.
    pub(super) fn of(said: &Telemetry, state: &State) -> Self {
        if !differ(said, &state.telemetry, CHANGED_M) {
            Self::OfAttack
        } else if !differ(said, &state.truth, NOISE_M) {
            Self::Changed
        } else {
            Self::BeyondNoise
        }
    }
}

fn differ(said: &Telemetry, other: &Telemetry, place_m: f64) -> bool {
    let place = said.position.distance_m(other.position) > place_m;
    let speed = said
        .speed
        .zip(other.speed)
        .is_some_and(|(said, other)| (said.m_per_s() - other.m_per_s()).abs() > SPEED_M_PER_S);
    let heading = said
        .heading
        .zip(other.heading)
        .is_some_and(|(said, other)| said.difference_centideg(other) > HEADING_CENTIDEG);
    let accelerations = said
        .longitudinal_acceleration
        .zip(other.longitudinal_acceleration);
    let acceleration = accelerations.is_some_and(|(said, other)| {
        (said.m_per_s2() - other.m_per_s2()).abs() > ACCELERATION_M_PER_S2
    });
    place || speed || heading || acceleration
}

const CHANGED_M: f64 = 1.0;
/// Of two axes with a deviation of 1.51 m each, 99 of 100 are within 3.03 × 1.51 = 4.6 m; reflections
/// add to one in thirty.
const NOISE_M: f64 = 5.0;
/// Two deviations at 40 m/s, and ten at a walk.
const SPEED_M_PER_S: f64 = 0.5;
/// Fourteen deviations.
const HEADING_CENTIDEG: u16 = 1_000;
/// Five and a half deviations, the bias counted as one.
const ACCELERATION_M_PER_S2: f64 = 1.0;
