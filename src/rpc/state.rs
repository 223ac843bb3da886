use super::{
    error::{FieldError, FieldProblem},
    field::{code, optional, present, required},
    types::v1 as wire,
};
use crate::{
    geo::Position,
    message::{
        AccelerationControl, DriveDirection, ExteriorLights, PositionAccuracy, StationType,
        Telemetry,
    },
    units::{Acceleration, Altitude, Heading, HeadingAccuracy, Length, Speed, YawRate},
};

impl TryFrom<&wire::VehicleState> for Telemetry {
    type Error = FieldError;

    fn try_from(state: &wire::VehicleState) -> Result<Self, FieldError> {
        let place = present(state.position.as_ref(), "position")?;
        let (position, altitude) = place_of(place).map_err(|error| error.within("position"))?;
        Ok(Self {
            position,
            altitude,
            position_accuracy: state
                .position_accuracy
                .as_ref()
                .map(PositionAccuracy::try_from)
                .transpose()
                .map_err(|error| error.within("position_accuracy"))?,
            altitude_accuracy: length(state.altitude_accuracy_m, "altitude_accuracy_m")?,
            heading: heading(state.heading_deg, "heading_deg")?,
            heading_accuracy: optional(
                state.heading_accuracy_deg,
                HeadingAccuracy::from_deg,
                "heading_accuracy_deg",
                "0.01 to 180",
            )?,
            speed: speed(state.speed_m_per_s, "speed_m_per_s")?,
            speed_accuracy: speed(state.speed_accuracy_m_per_s, "speed_accuracy_m_per_s")?,
            drive_direction: drive_direction(state.drive_direction)?,
            longitudinal_acceleration: acceleration(
                state.longitudinal_acceleration_m_per_s2,
                "longitudinal_acceleration_m_per_s2",
            )?,
            lateral_acceleration: acceleration(
                state.lateral_acceleration_m_per_s2,
                "lateral_acceleration_m_per_s2",
            )?,
            vertical_acceleration: acceleration(
                state.vertical_acceleration_m_per_s2,
                "vertical_acceleration_m_per_s2",
            )?,
            yaw_rate: optional(
                state.yaw_rate_deg_per_s,
                YawRate::from_deg_per_s,
                "yaw_rate_deg_per_s",
                "-327.66 to 327.66",
            )?,
            length: length(state.length_m, "length_m")?,
            width: length(state.width_m, "width_m")?,
            station_type: code(state.station_type, StationType, "station_type")?,
            exterior_lights: code(state.exterior_lights, ExteriorLights, "exterior_lights")?,
            acceleration_control: code(
                state.acceleration_control,
                AccelerationControl,
                "acceleration_control",
            )?,
        })
    }
}

impl From<&Telemetry> for wire::VehicleState {
    fn from(telemetry: &Telemetry) -> Self {
        Self {
            position: Some(place(telemetry.position, telemetry.altitude)),
            position_accuracy: telemetry.position_accuracy.map(Into::into),
            altitude_accuracy_m: telemetry.altitude_accuracy.map(Length::m),
            heading_deg: telemetry.heading.map(Heading::deg),
            heading_accuracy_deg: telemetry.heading_accuracy.map(HeadingAccuracy::deg),
            speed_m_per_s: telemetry.speed.map(Speed::m_per_s),
            speed_accuracy_m_per_s: telemetry.speed_accuracy.map(Speed::m_per_s),
            drive_direction: match telemetry.drive_direction {
                None => wire::DriveDirection::Unspecified,
                Some(DriveDirection::Forward) => wire::DriveDirection::Forward,
                Some(DriveDirection::Backward) => wire::DriveDirection::Backward,
            }
            .into(),
            longitudinal_acceleration_m_per_s2: telemetry
                .longitudinal_acceleration
                .map(Acceleration::m_per_s2),
            lateral_acceleration_m_per_s2: telemetry
                .lateral_acceleration
                .map(Acceleration::m_per_s2),
            vertical_acceleration_m_per_s2: telemetry
                .vertical_acceleration
                .map(Acceleration::m_per_s2),
            yaw_rate_deg_per_s: telemetry.yaw_rate.map(YawRate::deg_per_s),
            length_m: telemetry.length.map(Length::m),
            width_m: telemetry.width.map(Length::m),
            station_type: telemetry.station_type.map(|kind| kind.0.into()),
            exterior_lights: telemetry.exterior_lights.map(|lights| lights.0.into()),
            acceleration_control: telemetry
                .acceleration_control
                .map(|control| control.0.into()),
        }
    }
}

impl TryFrom<&wire::PositionAccuracy> for PositionAccuracy {
    type Error = FieldError;

    fn try_from(accuracy: &wire::PositionAccuracy) -> Result<Self, FieldError> {
        let semi_major = present(
            length(accuracy.semi_major_m, "semi_major_m")?,
            "semi_major_m",
        )?;
        let semi_minor = length(accuracy.semi_minor_m, "semi_minor_m")?;
        let orientation = heading(accuracy.orientation_deg, "orientation_deg")?;
        Self::new(
            semi_major,
            semi_minor.unwrap_or(semi_major),
            orientation.unwrap_or(Heading::NORTH),
        )
        .ok_or_else(|| {
            let problem = FieldProblem::OutOfRange("at most semi_major_m");
            FieldError::new("semi_minor_m", problem)
        })
    }
}

impl From<PositionAccuracy> for wire::PositionAccuracy {
    fn from(accuracy: PositionAccuracy) -> Self {
        Self {
            semi_major_m: Some(accuracy.semi_major().m()),
            semi_minor_m: Some(accuracy.semi_minor().m()),
            orientation_deg: Some(accuracy.orientation().deg()),
        }
    }
}

/// A position as messages carry it.
pub(super) fn place(position: Position, altitude: Option<Altitude>) -> wire::Position {
    wire::Position {
        latitude_deg: Some(position.latitude_deg()),
        longitude_deg: Some(position.longitude_deg()),
        altitude_m: altitude.map(Altitude::m),
    }
}

/// Converts a position.
pub(super) fn place_of(place: &wire::Position) -> Result<(Position, Option<Altitude>), FieldError> {
    let latitude = |deg: f64| (-90.0..=90.0).contains(&deg).then_some(deg);
    let longitude = |deg: f64| (-180.0..=180.0).contains(&deg).then_some(deg);
    let latitude_deg = required(place.latitude_deg, latitude, "latitude_deg", "-90 to 90")?;
    let longitude_deg = required(
        place.longitude_deg,
        longitude,
        "longitude_deg",
        "-180 to 180",
    )?;
    let position = Position::from_deg(latitude_deg, longitude_deg)
        .expect("both coordinates are in range by the two conditions above");
    let altitude = optional(
        place.altitude_m,
        Altitude::from_m,
        "altitude_m",
        "-1 000 to 8 000",
    )?;
    Ok((position, altitude))
}

pub(super) fn heading(value: Option<f64>, field: &str) -> Result<Option<Heading>, FieldError> {
    optional(value, Heading::from_deg, field, "0 to below 360")
}

pub(super) fn speed(value: Option<f64>, field: &str) -> Result<Option<Speed>, FieldError> {
    optional(value, Speed::from_m_per_s, field, "0 to 163.82")
}

fn length(value: Option<f64>, field: &str) -> Result<Option<Length>, FieldError> {
    optional(value, Length::from_m, field, "0 to 102.3")
}

pub(super) fn acceleration(
    value: Option<f64>,
    field: &str,
) -> Result<Option<Acceleration>, FieldError> {
    optional(value, Acceleration::from_m_per_s2, field, "-20 to 20")
}

fn drive_direction(raw: i32) -> Result<Option<DriveDirection>, FieldError> {
    match wire::DriveDirection::try_from(raw) {
        Ok(wire::DriveDirection::Unspecified) => Ok(None),
        Ok(wire::DriveDirection::Forward) => Ok(Some(DriveDirection::Forward)),
        Ok(wire::DriveDirection::Backward) => Ok(Some(DriveDirection::Backward)),
        Err(_) => Err(FieldError::new(
            "drive_direction",
            FieldProblem::OutOfRange("a value of DriveDirection"),
        )),
    }
}
