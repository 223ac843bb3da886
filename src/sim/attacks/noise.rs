//! What sensors make of the truth, and what rough drivers make of a calm drive.

use super::stage::{State, normal, uniform};
use crate::{
    geo::{LocalFrame, Offset, Position},
    message::{PositionAccuracy, Telemetry},
    sim::{Choices, Seed},
    units::{Acceleration, Heading, HeadingAccuracy, Length, Speed},
};

/// Lets a vehicle brake and accelerate hard now and then, for 2.5 s each, without changing where it
/// is before and after.
pub(super) fn drive_roughly(states: &mut [State], choices: &mut Choices) {
    let mut next = 0;
    while let Some(start) = states.get(next).map(|state| state.at) {
        let end = next
            + states
                .iter()
                .skip(next)
                .take_while(|state| seconds(start, state) < BURST_S)
                .count();
        let Some(burst) = states.get_mut(next..end) else {
            return;
        };
        let is_fast = burst.iter().all(|state| {
            state
                .telemetry
                .speed
                .is_some_and(|it| it.m_per_s() > BURST_SPEED_MIN)
        });
        let is_whole = burst
            .last()
            .is_some_and(|last| seconds(start, last) > BURST_S - 0.2);
        if is_fast && is_whole && choices.happens(0.3) {
            burst
                .iter_mut()
                .for_each(|state| surge(state, seconds(start, state)));
        }
        next = end.max(next + 1);
    }
}

fn surge(state: &mut State, elapsed_s: f64) {
    let rate = std::f64::consts::TAU / BURST_S;
    let phase = rate * elapsed_s;
    let telemetry = &mut state.telemetry;
    let (Some(heading), Some(speed)) = (telemetry.heading, telemetry.speed) else {
        return;
    };
    let way_m = BURST_WAY_M * (1.0 - phase.cos());
    telemetry.position = moved(telemetry.position, Offset::along(heading, way_m));
    let faster = BURST_WAY_M * rate * phase.sin();
    telemetry.speed = Speed::from_m_per_s((speed.m_per_s() + faster).max(0.0));
    telemetry.longitudinal_acceleration = telemetry.longitudinal_acceleration.and_then(|it| {
        Acceleration::from_m_per_s2(it.m_per_s2() + BURST_WAY_M * rate * rate * phase.cos())
    });
}

/// What a vehicle's receiver and sensors say, with accuracies as they would claim them.
pub(super) fn measure(states: &mut [State], seed: Seed, vehicle: usize) {
    let mut sensors = Sensors::new(seed, vehicle);
    let mut before = states.first().map(|state| state.at);
    for state in states {
        let elapsed_s = before.map_or(0.0, |before| seconds(before, state));
        before = Some(state.at);
        sensors.wander(elapsed_s);
        state.truth = state.telemetry.clone();
        sensors.measure(&mut state.telemetry);
    }
}

/// The errors of one vehicle.
struct Sensors {
    choices: Choices,
    drift: [f64; 2],
    /// A reflection that pulls the position away, and for how long still.
    reflection: ([f64; 2], f64),
    speed_scale: f64,
    acceleration_bias: f64,
}

impl Sensors {
    fn new(seed: Seed, vehicle: usize) -> Self {
        let mut choices = seed.choices(&format!("sensors {vehicle}"));
        Self {
            drift: [(); 2].map(|()| DRIFT_M * normal(&mut choices)),
            reflection: ([0.0; 2], 0.0),
            speed_scale: 1.0 + SPEED_SCALE * normal(&mut choices),
            acceleration_bias: ACCELERATION_BIAS * normal(&mut choices),
            choices,
        }
    }

    /// A Gauss-Markov process, and reflections that come at once and go.
    fn wander(&mut self, elapsed_s: f64) {
        let kept = (-elapsed_s / DRIFT_TIME_S).exp();
        let fresh = DRIFT_M * (1.0 - kept * kept).sqrt();
        for axis in &mut self.drift {
            *axis = *axis * kept + fresh * normal(&mut self.choices);
        }
        self.reflection.1 -= elapsed_s;
        if self.reflection.1 <= 0.0 {
            self.reflection.0 = [0.0; 2];
            if self.choices.happens(elapsed_s / REFLECTION_EVERY_S) {
                self.reflection = (
                    [(); 2].map(|()| uniform(&mut self.choices, -1.0, 1.0) * REFLECTION_M),
                    uniform(&mut self.choices, 2.0, 15.0),
                );
            }
        }
    }

    fn measure(&mut self, telemetry: &mut Telemetry) {
        let [east, north] = self.drift;
        let [pulled_east, pulled_north] = self.reflection.0;
        let choices = &mut self.choices;
        let error = Offset {
            east_m: east + pulled_east + PLACE_M * normal(choices),
            north_m: north + pulled_north + PLACE_M * normal(choices),
        };
        telemetry.position = moved(telemetry.position, error);
        telemetry.position_accuracy = Length::from_m(CLAIMED_PLACE_M).map(PositionAccuracy::circle);
        let is_moving = telemetry.speed.is_some_and(|speed| speed.m_per_s() > 0.3);
        telemetry.speed = telemetry.speed.and_then(|speed| {
            let error = if is_moving {
                SPEED * normal(choices)
            } else {
                0.0
            };
            Speed::from_m_per_s((speed.m_per_s() * self.speed_scale + error).max(0.0))
        });
        telemetry.speed_accuracy = telemetry.speed.and(Speed::from_m_per_s(CLAIMED_SPEED));
        telemetry.heading = telemetry.heading.and_then(|heading| {
            let error = if is_moving {
                HEADING_DEG * normal(choices)
            } else {
                0.0
            };
            Heading::from_deg_wrapped(heading.deg() + error)
        });
        telemetry.heading_accuracy = telemetry
            .heading
            .and(HeadingAccuracy::from_deg(CLAIMED_HEADING_DEG));
        telemetry.longitudinal_acceleration = telemetry.longitudinal_acceleration.and_then(|it| {
            let error = self.acceleration_bias + ACCELERATION * normal(choices);
            Acceleration::from_m_per_s2(it.m_per_s2() + error)
        });
    }
}

/// When nothing is heard of a vehicle: tunnels, trucks, and networks that fail.
pub(super) fn silences(states: &[State], choices: &mut Choices) -> Vec<bool> {
    let mut until_s = 0.0;
    let Some(first) = states.first().map(|state| state.at) else {
        return Vec::new();
    };
    let mut before_s = 0.0;
    let silent = |state: &State| {
        let now_s = seconds(first, state);
        if choices.happens((now_s - before_s) / SILENCE_EVERY_S) {
            until_s = now_s + uniform(choices, 1.0, 8.0);
        }
        before_s = now_s;
        now_s < until_s
    };
    states.iter().map(silent).collect()
}

/// The same place, moved.
pub(super) fn moved(position: Position, by: Offset) -> Position {
    LocalFrame::at(position).position(by).unwrap_or(position)
}

fn seconds(from: crate::time::Timestamp, state: &State) -> f64 {
    state.at.since(from).as_secs_f64()
}

/// A slow wander, as of a receiver for one frequency among houses.
const DRIFT_M: f64 = 1.5;
const DRIFT_TIME_S: f64 = 60.0;
/// What differs from one position to the next.
const PLACE_M: f64 = 0.15;
const REFLECTION_EVERY_S: f64 = 300.0;
const REFLECTION_M: f64 = 3.0;
const SILENCE_EVERY_S: f64 = 300.0;
const SPEED: f64 = 0.05;
const SPEED_SCALE: f64 = 0.005;
const HEADING_DEG: f64 = 0.7;
const ACCELERATION: f64 = 0.15;
const ACCELERATION_BIAS: f64 = 0.1;
/// 95 %: 2.45 times the deviation on one axis.
const CLAIMED_PLACE_M: f64 = 3.7;
const CLAIMED_SPEED: f64 = 0.2;
const CLAIMED_HEADING_DEG: f64 = 2.0;
const BURST_S: f64 = 2.5;
/// 1 m × (τ / 2.5 s)² is 6.3 m/s².
const BURST_WAY_M: f64 = 1.0;
const BURST_SPEED_MIN: f64 = 4.0;
