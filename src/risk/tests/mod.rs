mod assessed;
mod brakes;
mod formulas;
mod on_lanes;
mod sound;

use std::time::Duration;

use super::{Assessor, Mover, Risk, Subject};
use crate::{
    geo::{LocalFrame, Offset, Position},
    message::Telemetry,
    time::Timestamp,
    units::{Acceleration, Heading, Length, Speed},
};

fn at_ms(ms: u64) -> Timestamp {
    Timestamp::from_unix_ms(1_700_000_000_000 + ms).unwrap()
}

fn place(east_m: f64, north_m: f64) -> Position {
    let origin = Position::from_deg(44.49, 11.32).unwrap();
    let offset = Offset { east_m, north_m };
    LocalFrame::at(origin).position(offset).unwrap()
}

/// A car of 4 × 2 m whose front is so many metres east and north of the origin.
fn car((east_m, north_m): (f64, f64), heading_deg: f64, speed_m_per_s: f64) -> Telemetry {
    Telemetry {
        heading: Heading::from_deg(heading_deg),
        speed: Speed::from_m_per_s(speed_m_per_s),
        length: Length::from_m(4.0),
        width: Length::from_m(2.0),
        ..Telemetry::at(place(east_m, north_m))
    }
}

fn braking(telemetry: Telemetry, m_per_s2: f64) -> Telemetry {
    Telemetry {
        longitudinal_acceleration: Acceleration::from_m_per_s2(-m_per_s2),
        ..telemetry
    }
}

fn mover(telemetry: &Telemetry) -> Mover {
    Subject::of(telemetry, at_ms(0)).at(at_ms(0)).unwrap()
}

fn risk(own: &Telemetry, other: &Telemetry) -> Risk {
    assess(&mover(own), &mover(other), None).unwrap()
}

fn assess(own: &Mover, other: &Mover, since_hard_brake: Option<Duration>) -> Option<Risk> {
    Assessor::default()
        .view(*own)
        .assess(other, since_hard_brake)
}

/// A step of positions is 11 mm.
fn close(value: Option<f64>, expected: f64) {
    let value = value.expect("it can be computed");
    assert!((value - expected).abs() < 0.03, "{value} is not {expected}");
}
