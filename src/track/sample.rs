use crate::{
    geo::Position,
    message::{DriveDirection, PositionAccuracy, Telemetry},
    time::Timestamp,
    units::{Acceleration, Heading, HeadingAccuracy, Length, Speed, YawRate},
};

/// How a road user moved at one moment, by its own word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// When it was there.
    pub generated: Timestamp,
    /// Where its reference point was.
    pub position: Position,
    /// The longer half axis of the ellipse of position accuracy.
    pub position_accuracy: Option<Length>,
    /// Direction of travel over ground, or of the front while standing.
    pub heading: Option<Heading>,
    /// How sure the heading is.
    pub heading_accuracy: Option<HeadingAccuracy>,
    /// Speed over ground.
    pub speed: Option<Speed>,
    /// How sure the speed is.
    pub speed_accuracy: Option<Speed>,
    /// Whether the front or the rear goes first.
    pub drive_direction: Option<DriveDirection>,
    /// Forward positive.
    pub longitudinal_acceleration: Option<Acceleration>,
    /// Clockwise positive.
    pub yaw_rate: Option<YawRate>,
}

impl Sample {
    /// The motion in a message.
    pub fn of(telemetry: &Telemetry, generated: Timestamp) -> Self {
        Self {
            generated,
            position: telemetry.position,
            position_accuracy: telemetry
                .position_accuracy
                .map(PositionAccuracy::semi_major),
            heading: telemetry.heading,
            heading_accuracy: telemetry.heading_accuracy,
            speed: telemetry.speed,
            speed_accuracy: telemetry.speed_accuracy,
            drive_direction: telemetry.drive_direction,
            longitudinal_acceleration: telemetry.longitudinal_acceleration,
            yaw_rate: telemetry.yaw_rate,
        }
    }

    /// Acceleration in the direction of travel, in mm/s²: positive where the speed grows.
    ///
    /// A vehicle that backs up and accelerates "forward" slows down.
    pub fn acceleration_along_mm_per_s2(&self) -> Option<i32> {
        let forward = self.longitudinal_acceleration?.mm_per_s2();
        Some(match self.drive_direction {
            None | Some(DriveDirection::Forward) => forward,
            Some(DriveDirection::Backward) => -forward,
        })
    }
}
