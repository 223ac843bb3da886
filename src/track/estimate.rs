use std::time::Duration;

use super::Sample;
use crate::{
    geo::{LocalFrame, Offset, Position},
    time::Timestamp,
    units::{Heading, Speed},
};

/// Where a road user probably is at a moment for which it has sent no message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Where its reference point is.
    pub position: Position,
    /// Half width of the 95 % interval of the position; `None` if the sender gave no accuracy.
    pub position_accuracy_m: Option<f64>,
    /// How much of the position's uncertainty came with age alone. Always known.
    pub position_growth_m: f64,
    /// Direction of travel; `None` if the sender gave none.
    pub heading: Option<Heading>,
    /// Half width of the 95 % interval of the heading, at most 180; `None` if it gave none.
    pub heading_accuracy_deg: Option<f64>,
    /// Speed over ground; `None` if the sender gave none.
    pub speed: Option<Speed>,
    /// Half width of the 95 % interval of the speed; `None` if it gave none.
    pub speed_accuracy_m_per_s: Option<f64>,
    /// What the estimate assumes.
    pub motion: Motion,
    /// How long before this moment the message was generated; zero if after it.
    pub age: Duration,
}

/// What an estimate assumes since the message it rests on.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Motion {
    /// It keeps its turn rate and acceleration.
    ConstantTurnAndAcceleration,
    /// It keeps its speed and heading.
    ConstantVelocity,
    /// It said that it stands, and stays.
    Standing,
    /// Speed or heading is missing: the position is the last one told.
    Unknown,
}

impl Sample {
    /// Where the road user is at another moment, earlier or later, as far as this sample tells.
    pub fn estimate(&self, at: Timestamp) -> Estimate {
        Estimate::of(self, at)
    }
}

impl Estimate {
    /// Carries a sample to another moment, earlier or later.
    pub(super) fn of(sample: &Sample, at: Timestamp) -> Self {
        let elapsed_s =
            at.since(sample.generated).as_secs_f64() - sample.generated.since(at).as_secs_f64();
        let motion = motion(sample);
        let moved = match motion {
            Motion::ConstantTurnAndAcceleration | Motion::ConstantVelocity => sample
                .speed
                .zip(sample.heading)
                .map(|(speed, heading)| advance(sample, speed, heading, elapsed_s)),
            Motion::Standing | Motion::Unknown => None,
        };
        let growth_m = position_growth_m(sample, motion, elapsed_s.abs());
        let aged_s = elapsed_s.abs();
        Self {
            position: moved.map_or(sample.position, |moved| moved.position),
            position_accuracy_m: sample.position_accuracy.map(|known| known.m() + growth_m),
            position_growth_m: growth_m,
            heading: moved.map_or(sample.heading, |moved| Some(moved.heading)),
            heading_accuracy_deg: sample
                .heading_accuracy
                .map(|known| (known.deg() + TURN_CHANGE_DEG_PER_S * aged_s).min(180.0)),
            speed: moved.map_or(sample.speed, |moved| Some(moved.speed)),
            speed_accuracy_m_per_s: sample
                .speed_accuracy
                .map(|known| known.m_per_s() + acceleration_change(motion) * aged_s),
            motion,
            age: at.since(sample.generated),
        }
    }
}

#[derive(Clone, Copy)]
struct Moved {
    position: Position,
    heading: Heading,
    speed: Speed,
}

fn motion(sample: &Sample) -> Motion {
    let turns_or_accelerates =
        sample.yaw_rate.is_some() || sample.longitudinal_acceleration.is_some();
    match (sample.speed, sample.heading) {
        // One that begins to move is caught by its next message; noise of a standing sensor is not
        // carried forward.
        (Some(Speed::ZERO), _) => Motion::Standing,
        (Some(_), Some(_)) if turns_or_accelerates => Motion::ConstantTurnAndAcceleration,
        (Some(_), Some(_)) => Motion::ConstantVelocity,
        (None, _) | (_, None) => Motion::Unknown,
    }
}

/// Moves with constant acceleration along an arc; a braking vehicle stops and does not back up.
fn advance(sample: &Sample, speed: Speed, heading: Heading, elapsed_s: f64) -> Moved {
    let acceleration = sample
        .acceleration_along_mm_per_s2()
        .map_or(0.0, |mm_per_s2| f64::from(mm_per_s2) / 1_000.0);
    let turn_per_s = sample
        .yaw_rate
        .map_or(0.0, |rate| rate.deg_per_s().to_radians());
    let from = speed.m_per_s();
    // The moment at which the speed passes zero bounds the motion, on either side of the sample.
    let stop_s = -from / acceleration;
    let moving_s = if acceleration < 0.0 {
        elapsed_s.min(stop_s)
    } else if acceleration > 0.0 {
        elapsed_s.max(stop_s)
    } else {
        elapsed_s
    };
    let offset = arc(Arc {
        heading_rad: heading.deg().to_radians(),
        turn_per_s,
        speed: from,
        acceleration,
        time_s: moving_s,
    });
    let to = (from + acceleration * moving_s).max(0.0);
    Moved {
        position: LocalFrame::at(sample.position)
            .position(offset)
            .unwrap_or(sample.position),
        heading: Heading::from_deg_wrapped(heading.deg() + (turn_per_s * moving_s).to_degrees())
            .unwrap_or(heading),
        speed: Speed::from_m_per_s(to).unwrap_or(speed),
    }
}

struct Arc {
    heading_rad: f64,
    turn_per_s: f64,
    speed: f64,
    acceleration: f64,
    time_s: f64,
}

/// The integral of (v + a t) along a heading that turns at a constant rate.
fn arc(arc: Arc) -> Offset {
    let Arc {
        heading_rad,
        turn_per_s,
        speed,
        acceleration,
        time_s,
    } = arc;
    // The closed form divides by the square of the turn rate; below this it is a straight line.
    if turn_per_s.abs() < TURN_MIN_PER_S {
        let distance_m = speed * time_s + acceleration * time_s * time_s / 2.0;
        return Offset {
            east_m: distance_m * heading_rad.sin(),
            north_m: distance_m * heading_rad.cos(),
        };
    }
    let end_rad = heading_rad + turn_per_s * time_s;
    let end_speed = speed + acceleration * time_s;
    let bend = acceleration / (turn_per_s * turn_per_s);
    Offset {
        east_m: (speed * heading_rad.cos() - end_speed * end_rad.cos()) / turn_per_s
            + bend * (end_rad.sin() - heading_rad.sin()),
        north_m: (end_speed * end_rad.sin() - speed * heading_rad.sin()) / turn_per_s
            + bend * (end_rad.cos() - heading_rad.cos()),
    }
}

/// What the assumptions may be wrong by: the speed's own error, a change of acceleration, and a
/// heading that is off to one side.
fn position_growth_m(sample: &Sample, motion: Motion, aged_s: f64) -> f64 {
    let change_m = acceleration_change(motion) * aged_s * aged_s / 2.0;
    let drift = match motion {
        Motion::ConstantTurnAndAcceleration | Motion::ConstantVelocity | Motion::Standing => {
            let along = sample.speed_accuracy.map_or(0.0, Speed::m_per_s);
            let off_rad = sample
                .heading_accuracy
                .map_or(0.0, |accuracy| accuracy.deg().min(90.0).to_radians());
            let across = sample.speed.map_or(0.0, Speed::m_per_s) * off_rad.sin();
            along.hypot(across)
        }
        Motion::Unknown => sample.speed.map_or(SPEED_UNKNOWN_M_PER_S, Speed::m_per_s),
    };
    drift * aged_s + change_m
}

/// By how many m/s² the true acceleration may differ from the assumed one.
fn acceleration_change(motion: Motion) -> f64 {
    match motion {
        // Drivers go from cruising to firm braking; what they already said they do is in the model.
        Motion::ConstantTurnAndAcceleration | Motion::Standing => 3.0,
        Motion::ConstantVelocity | Motion::Unknown => 6.0,
    }
}

/// Below this, one second of turning displaces a car by less than a millimetre.
const TURN_MIN_PER_S: f64 = 1e-5;
/// How fast a heading may leave the assumed turn.
const TURN_CHANGE_DEG_PER_S: f64 = 10.0;
/// A fast car's speed, for one that did not say its own.
const SPEED_UNKNOWN_M_PER_S: f64 = 40.0;
