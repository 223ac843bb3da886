use std::time::Duration;

use crate::{
    geo::{LocalFrame, Offset, Position},
    message::{DriveDirection, StationType, Telemetry},
    time::Timestamp,
    track::Sample,
    units::{Length, Speed},
};

/// What a road user said last of its motion and its size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Subject {
    sample: Sample,
    length_m: f64,
    width_m: f64,
}

/// A road user at one moment: a box that moves along its long side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mover {
    /// The middle of the box.
    pub(super) centre: Position,
    /// Clockwise from north; the direction of travel.
    pub(super) heading_rad: f64,
    pub(super) speed_m_per_s: f64,
    /// In the direction of travel; zero where it was not said.
    pub(super) acceleration_m_per_s2: f64,
    /// Of the path, clockwise positive; zero where it was not said.
    pub(super) curvature_per_m: f64,
    pub(super) half_length_m: f64,
    pub(super) half_width_m: f64,
}

/// One road user as another one sees it, straight on or along the road.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct View {
    /// From middle to middle, in the seer's direction of travel.
    pub(super) ahead_m: f64,
    /// To the right of that.
    pub(super) right_m: f64,
    /// How far its direction of travel is turned clockwise from the seer's, -π to π.
    pub(super) turn_rad: f64,
}

impl Subject {
    /// What a message says.
    pub fn of(telemetry: &Telemetry, generated: Timestamp) -> Self {
        let (length_m, width_m) = usual_size_m(telemetry.station_type);
        Self {
            sample: Sample::of(telemetry, generated),
            length_m: telemetry.length.map_or(length_m, Length::m),
            width_m: telemetry.width.map_or(width_m, Length::m),
        }
    }

    /// Where it probably is at a moment; `None` where its heading or its speed is unknown, and more
    /// than 3 s after the message.
    pub fn at(&self, at: Timestamp) -> Option<Mover> {
        let estimate = self.sample.estimate(at);
        let (heading, speed) = (estimate.heading?, estimate.speed?);
        if estimate.age > AGE_MAX {
            return None;
        }
        let speed_m_per_s = speed.m_per_s();
        let acceleration = self.sample.acceleration_along_mm_per_s2().unwrap_or(0);
        let has_stopped = speed == Speed::ZERO && acceleration < 0;
        let to_middle_m = match self.sample.drive_direction {
            None | Some(DriveDirection::Forward) => -self.length_m / 2.0,
            // The front is the end of the box that goes last.
            Some(DriveDirection::Backward) => self.length_m / 2.0,
        };
        let to_middle = Offset::along(heading, to_middle_m);
        Some(Mover {
            centre: LocalFrame::at(estimate.position).position(to_middle)?,
            heading_rad: heading.deg().to_radians(),
            speed_m_per_s,
            acceleration_m_per_s2: if has_stopped {
                0.0
            } else {
                f64::from(acceleration) / 1_000.0
            },
            curvature_per_m: self.curvature_per_m(speed_m_per_s),
            half_length_m: self.length_m / 2.0,
            half_width_m: self.width_m / 2.0,
        })
    }

    /// Noise of a turn rate bends the path of somebody slow too much.
    fn curvature_per_m(&self, speed_m_per_s: f64) -> f64 {
        let turn = self.sample.yaw_rate;
        turn.filter(|_| speed_m_per_s >= CURVED_SPEED_MIN_M_PER_S)
            .map_or(0.0, |rate| {
                let curvature = rate.deg_per_s().to_radians() / speed_m_per_s;
                curvature.clamp(-CURVATURE_MAX_PER_M, CURVATURE_MAX_PER_M)
            })
    }
}

impl Mover {
    /// How this one sees another; `None` further away than [`RANGE_MAX_M`].
    pub(super) fn view(&self, other: &Self) -> Option<View> {
        let offset = LocalFrame::at(self.centre).offset(other.centre);
        if offset.length_m() > RANGE_MAX_M {
            return None;
        }
        let (sin, cos) = self.heading_rad.sin_cos();
        let turned = other.heading_rad - self.heading_rad;
        Some(View {
            ahead_m: offset.east_m * sin + offset.north_m * cos,
            right_m: offset.east_m * cos - offset.north_m * sin,
            turn_rad: turned.sin().atan2(turned.cos()),
        })
    }

    /// How far its box reaches from its middle along a direction that is turned so far from its own,
    /// and across that.
    pub(super) fn reach_m(&self, turn_rad: f64) -> (f64, f64) {
        let (sin, cos) = (turn_rad.sin().abs(), turn_rad.cos().abs());
        (
            self.half_length_m * cos + self.half_width_m * sin,
            self.half_length_m * sin + self.half_width_m * cos,
        )
    }

    /// Between the nearest sides of the two boxes, zero where they touch; `None` of middles further
    /// apart than 1 km.
    pub fn gap_m(&self, other: &Self) -> Option<f64> {
        let gap_m = self.corner_gap_m(other)?.min(other.corner_gap_m(self)?);
        Some(gap_m)
    }

    /// To the nearest corner of another one's box.
    fn corner_gap_m(&self, other: &Self) -> Option<f64> {
        let view = self.view(other)?;
        let (sin, cos) = view.turn_rad.sin_cos();
        let corners = [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)];
        let gaps_m = corners.map(|(along, right)| {
            let (along_m, right_m) = (along * other.half_length_m, right * other.half_width_m);
            let ahead_m = view.ahead_m + along_m * cos - right_m * sin;
            let beside_m = view.right_m + along_m * sin + right_m * cos;
            let beyond_m = (ahead_m.abs() - self.half_length_m).max(0.0);
            beyond_m.hypot((beside_m.abs() - self.half_width_m).max(0.0))
        });
        gaps_m.into_iter().reduce(f64::min)
    }

    /// Whether it moves enough to be on its way somewhere.
    pub(super) fn is_moving(&self) -> bool {
        self.speed_m_per_s >= MOVING_MIN_M_PER_S
    }
}

/// Length and width of such a road user, for one that did not say its own.
fn usual_size_m(kind: Option<StationType>) -> (f64, f64) {
    match kind {
        Some(StationType::PEDESTRIAN) => (0.5, 0.5),
        Some(StationType::CYCLIST) => (1.8, 0.7),
        Some(StationType::MOPED | StationType::MOTORCYCLE) => (2.2, 0.9),
        Some(StationType::LIGHT_TRUCK | StationType::SPECIAL_VEHICLE) => (6.0, 2.1),
        Some(StationType::BUS | StationType::HEAVY_TRUCK | StationType::TRAILER) => (12.0, 2.55),
        Some(StationType::TRAM) => (30.0, 2.65),
        Some(_) | None => (4.5, 1.8),
    }
}

/// After a message this old, the motion is a guess.
pub(super) const AGE_MAX: Duration = Duration::from_secs(3);
/// Neighbours further away are not looked at.
pub(super) const RANGE_MAX_M: f64 = 1_000.0;
/// Somebody slower stands, or manoeuvres.
const MOVING_MIN_M_PER_S: f64 = 0.5;
const CURVED_SPEED_MIN_M_PER_S: f64 = 3.0;
/// A radius of 5 m: no car turns more tightly.
const CURVATURE_MAX_PER_M: f64 = 0.2;
