use bytes::Bytes;
use prost::Message as _;

use super::{
    error::{DecodeError, optional},
    wire,
};
use crate::{
    geo::Position,
    units::{Acceleration, Altitude, Heading, HeadingAccuracy, Length, Speed, YawRate},
};

/// Where a vehicle is and how it moves, at the generation time of its envelope.
///
/// The position is that of the vehicle's reference point: on the ground below the middle of the
/// front side of its bounding box (EN 302 637-2 v1.4.1, annex B.19).
#[derive(Clone, Debug, PartialEq)]
pub struct Telemetry {
    /// Where the reference point is.
    pub position: Position,
    /// How sure the position is.
    pub position_accuracy: Option<PositionAccuracy>,
    /// Height of the reference point.
    pub altitude: Option<Altitude>,
    /// Half width of the 95 % interval of the altitude.
    pub altitude_accuracy: Option<Length>,
    /// Direction of travel over ground, or of the front while standing.
    pub heading: Option<Heading>,
    /// How sure the heading is.
    pub heading_accuracy: Option<HeadingAccuracy>,
    /// Speed over ground.
    pub speed: Option<Speed>,
    /// Half width of the 95 % interval of the speed.
    pub speed_accuracy: Option<Speed>,
    /// Whether the front or the rear goes first.
    pub drive_direction: Option<DriveDirection>,
    /// Forward positive.
    pub longitudinal_acceleration: Option<Acceleration>,
    /// Left positive.
    pub lateral_acceleration: Option<Acceleration>,
    /// Upward positive, without gravity.
    pub vertical_acceleration: Option<Acceleration>,
    /// Clockwise positive.
    pub yaw_rate: Option<YawRate>,
    /// Length of the bounding box.
    pub length: Option<Length>,
    /// Width of the bounding box.
    pub width: Option<Length>,
    /// What kind of road user this is.
    pub station_type: Option<StationType>,
    /// Which lights are on.
    pub exterior_lights: Option<ExteriorLights>,
    /// Which pedals and assistants are active.
    pub acceleration_control: Option<AccelerationControl>,
}

/// The ellipse that holds the true position with 95 % confidence
/// (ETSI TS 102 894-2, `PosConfidenceEllipse`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PositionAccuracy {
    semi_major: Length,
    semi_minor: Length,
    orientation: Heading,
}

impl PositionAccuracy {
    /// The ellipse, or `None` where its shorter half axis is the longer one.
    pub fn new(semi_major: Length, semi_minor: Length, orientation: Heading) -> Option<Self> {
        (semi_minor <= semi_major).then_some(Self {
            semi_major,
            semi_minor,
            orientation,
        })
    }

    /// A circle with this radius.
    pub fn circle(radius: Length) -> Self {
        Self {
            semi_major: radius,
            semi_minor: radius,
            orientation: Heading::NORTH,
        }
    }

    /// The longer half axis.
    pub fn semi_major(self) -> Length {
        self.semi_major
    }

    /// The shorter half axis.
    pub fn semi_minor(self) -> Length {
        self.semi_minor
    }

    /// The direction of the longer half axis.
    pub fn orientation(self) -> Heading {
        self.orientation
    }
}

/// Whether the front or the rear goes first (ETSI TS 102 894-2, `DriveDirection`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DriveDirection {
    /// The front goes first.
    Forward,
    /// The rear goes first.
    Backward,
}

/// A kind of road user, as the code of ETSI TS 102 894-2 `StationType`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StationType(pub u8);

impl StationType {
    /// A person on foot.
    pub const PEDESTRIAN: Self = Self(1);
    /// A bicycle.
    pub const CYCLIST: Self = Self(2);
    /// A moped.
    pub const MOPED: Self = Self(3);
    /// A motorcycle.
    pub const MOTORCYCLE: Self = Self(4);
    /// A passenger car.
    pub const PASSENGER_CAR: Self = Self(5);
    /// A bus.
    pub const BUS: Self = Self(6);
    /// A truck up to 3.5 t.
    pub const LIGHT_TRUCK: Self = Self(7);
    /// A truck above 3.5 t.
    pub const HEAVY_TRUCK: Self = Self(8);
    /// A trailer.
    pub const TRAILER: Self = Self(9);
    /// A vehicle for special use, such as an ambulance.
    pub const SPECIAL_VEHICLE: Self = Self(10);
    /// A tram.
    pub const TRAM: Self = Self(11);
    /// A roadside unit.
    pub const ROADSIDE_UNIT: Self = Self(15);
}

/// Lights, as the bits of ETSI TS 102 894-2 `ExteriorLights`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ExteriorLights(pub u8);

impl ExteriorLights {
    /// The left turn signal.
    pub const LEFT_TURN: u8 = 1 << 2;
    /// The right turn signal.
    pub const RIGHT_TURN: u8 = 1 << 3;
    /// The reversing light.
    pub const REVERSE: u8 = 1 << 5;

    /// Whether both turn signals are on.
    pub fn hazard_lights(self) -> bool {
        let both = Self::LEFT_TURN | Self::RIGHT_TURN;
        self.0 & both == both
    }
}

/// Pedals and assistants, as the bits of ETSI TS 102 894-2 `AccelerationControl`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AccelerationControl(pub u8);

impl AccelerationControl {
    /// The brake pedal is pressed.
    pub const BRAKE_PEDAL: u8 = 1;
    /// The gas pedal is pressed.
    pub const GAS_PEDAL: u8 = 1 << 1;
    /// The emergency brake works.
    pub const EMERGENCY_BRAKE: u8 = 1 << 2;
    /// The vehicle warns of a collision.
    pub const COLLISION_WARNING: u8 = 1 << 3;

    /// Whether the vehicle brakes to avoid a collision, or warns of one.
    pub fn is_emergency(self) -> bool {
        self.0 & (Self::EMERGENCY_BRAKE | Self::COLLISION_WARNING) != 0
    }
}

impl Telemetry {
    /// Telemetry that says nothing but where.
    pub fn at(position: Position) -> Self {
        Self {
            position,
            position_accuracy: None,
            altitude: None,
            altitude_accuracy: None,
            heading: None,
            heading_accuracy: None,
            speed: None,
            speed_accuracy: None,
            drive_direction: None,
            longitudinal_acceleration: None,
            lateral_acceleration: None,
            vertical_acceleration: None,
            yaw_rate: None,
            length: None,
            width: None,
            station_type: None,
            exterior_lights: None,
            acceleration_control: None,
        }
    }

    /// Its bytes (`wayside.message.v1.Telemetry`).
    pub fn encode(&self) -> Bytes {
        let accuracy = self.position_accuracy;
        wire::Telemetry {
            latitude_e7: Some(self.position.latitude_e7()),
            longitude_e7: Some(self.position.longitude_e7()),
            altitude_mm: self.altitude.map(Altitude::mm),
            position_semi_major_mm: accuracy.map(|ellipse| ellipse.semi_major.mm()),
            position_semi_minor_mm: accuracy.map(|ellipse| ellipse.semi_minor.mm()),
            position_orientation_centideg: accuracy
                .map(|ellipse| u32::from(ellipse.orientation.centideg())),
            altitude_accuracy_mm: self.altitude_accuracy.map(Length::mm),
            heading_centideg: self.heading.map(|heading| heading.centideg().into()),
            heading_accuracy_centideg: self
                .heading_accuracy
                .map(|accuracy| accuracy.centideg().into()),
            speed_mm_per_s: self.speed.map(Speed::mm_per_s),
            speed_accuracy_mm_per_s: self.speed_accuracy.map(Speed::mm_per_s),
            drive_direction: match self.drive_direction {
                None => wire::DriveDirection::Unspecified,
                Some(DriveDirection::Forward) => wire::DriveDirection::Forward,
                Some(DriveDirection::Backward) => wire::DriveDirection::Backward,
            }
            .into(),
            longitudinal_acceleration_mm_per_s2: self
                .longitudinal_acceleration
                .map(Acceleration::mm_per_s2),
            lateral_acceleration_mm_per_s2: self.lateral_acceleration.map(Acceleration::mm_per_s2),
            vertical_acceleration_mm_per_s2: self
                .vertical_acceleration
                .map(Acceleration::mm_per_s2),
            yaw_rate_centideg_per_s: self.yaw_rate.map(YawRate::centideg_per_s),
            length_mm: self.length.map(Length::mm),
            width_mm: self.width.map(Length::mm),
            station_type: self.station_type.map(|kind| kind.0.into()),
            exterior_lights: self.exterior_lights.map(|lights| lights.0.into()),
            acceleration_control: self.acceleration_control.map(|control| control.0.into()),
        }
        .encode_to_vec()
        .into()
    }

    /// Decodes its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw = wire::Telemetry::decode(bytes)?;
        Ok(Self {
            position: position(raw.latitude_e7, raw.longitude_e7)?,
            position_accuracy: position_accuracy(&raw)?,
            altitude: optional(raw.altitude_mm, Altitude::from_mm, "altitude_mm")?,
            altitude_accuracy: optional(
                raw.altitude_accuracy_mm,
                Length::from_mm,
                "altitude_accuracy_mm",
            )?,
            heading: heading(raw.heading_centideg, "heading_centideg")?,
            heading_accuracy: optional(
                raw.heading_accuracy_centideg,
                |raw| HeadingAccuracy::from_centideg(raw.try_into().ok()?),
                "heading_accuracy_centideg",
            )?,
            speed: optional(raw.speed_mm_per_s, Speed::from_mm_per_s, "speed_mm_per_s")?,
            speed_accuracy: optional(
                raw.speed_accuracy_mm_per_s,
                Speed::from_mm_per_s,
                "speed_accuracy_mm_per_s",
            )?,
            drive_direction: drive_direction(raw.drive_direction)?,
            longitudinal_acceleration: optional(
                raw.longitudinal_acceleration_mm_per_s2,
                Acceleration::from_mm_per_s2,
                "longitudinal_acceleration_mm_per_s2",
            )?,
            lateral_acceleration: optional(
                raw.lateral_acceleration_mm_per_s2,
                Acceleration::from_mm_per_s2,
                "lateral_acceleration_mm_per_s2",
            )?,
            vertical_acceleration: optional(
                raw.vertical_acceleration_mm_per_s2,
                Acceleration::from_mm_per_s2,
                "vertical_acceleration_mm_per_s2",
            )?,
            yaw_rate: optional(
                raw.yaw_rate_centideg_per_s,
                YawRate::from_centideg_per_s,
                "yaw_rate_centideg_per_s",
            )?,
            length: optional(raw.length_mm, Length::from_mm, "length_mm")?,
            width: optional(raw.width_mm, Length::from_mm, "width_mm")?,
            station_type: byte(raw.station_type, "station_type")?.map(StationType),
            exterior_lights: byte(raw.exterior_lights, "exterior_lights")?.map(ExteriorLights),
            acceleration_control: byte(raw.acceleration_control, "acceleration_control")?
                .map(AccelerationControl),
        })
    }
}

/// Joins two required coordinates.
pub(super) fn position(
    latitude_e7: Option<i32>,
    longitude_e7: Option<i32>,
) -> Result<Position, DecodeError> {
    let latitude_e7 = latitude_e7.ok_or(DecodeError::Missing("latitude_e7"))?;
    let longitude_e7 = longitude_e7.ok_or(DecodeError::Missing("longitude_e7"))?;
    Position::from_e7(latitude_e7, longitude_e7).ok_or(DecodeError::OutOfRange("position"))
}

/// Converts an optional heading.
pub(super) fn heading(
    raw: Option<u32>,
    field: &'static str,
) -> Result<Option<Heading>, DecodeError> {
    optional(
        raw,
        |raw| Heading::from_centideg(raw.try_into().ok()?),
        field,
    )
}

fn position_accuracy(raw: &wire::Telemetry) -> Result<Option<PositionAccuracy>, DecodeError> {
    let field = "position_semi_major_mm";
    let Some(semi_major) = optional(raw.position_semi_major_mm, Length::from_mm, field)? else {
        return match raw
            .position_semi_minor_mm
            .or(raw.position_orientation_centideg)
        {
            None => Ok(None),
            Some(_) => Err(DecodeError::Missing(field)),
        };
    };
    let field = "position_semi_minor_mm";
    let semi_minor = optional(raw.position_semi_minor_mm, Length::from_mm, field)?;
    let orientation = heading(
        raw.position_orientation_centideg,
        "position_orientation_centideg",
    )?;
    PositionAccuracy::new(
        semi_major,
        semi_minor.unwrap_or(semi_major),
        orientation.unwrap_or(Heading::NORTH),
    )
    .map(Some)
    .ok_or(DecodeError::OutOfRange(field))
}

fn drive_direction(raw: i32) -> Result<Option<DriveDirection>, DecodeError> {
    match wire::DriveDirection::try_from(raw) {
        Ok(wire::DriveDirection::Unspecified) => Ok(None),
        Ok(wire::DriveDirection::Forward) => Ok(Some(DriveDirection::Forward)),
        Ok(wire::DriveDirection::Backward) => Ok(Some(DriveDirection::Backward)),
        Err(_) => Err(DecodeError::OutOfRange("drive_direction")),
    }
}

fn byte(raw: Option<u32>, field: &'static str) -> Result<Option<u8>, DecodeError> {
    optional(raw, |raw| raw.try_into().ok(), field)
}
