use serde_json::Value;

use super::{assembly::Assembly, json, place::front_of};
use crate::{
    geo::Position,
    message::{
        AccelerationControl, DriveDirection, ExteriorLights, PositionAccuracy, StationType,
        Telemetry,
    },
    units::{Acceleration, Altitude, Heading, Length, Speed, YawRate},
};

/// A basic safety message (SAE J2735, `BSMcoreData`) in SI units, before its sentinels are removed.
///
/// Signs are as in the standard: lateral acceleration to the right, yaw clockwise.
#[derive(Debug, Default)]
pub(super) struct RawBsm {
    pub(super) position: Option<Position>,
    pub(super) altitude_m: Option<f64>,
    pub(super) speed_m_per_s: Option<f64>,
    pub(super) heading_deg: Option<f64>,
    pub(super) longitudinal_m_per_s2: Option<f64>,
    pub(super) lateral_m_per_s2: Option<f64>,
    pub(super) yaw_deg_per_s: Option<f64>,
    pub(super) semi_major_m: Option<f64>,
    pub(super) semi_minor_m: Option<f64>,
    pub(super) orientation_deg: Option<f64>,
}

/// Makes telemetry of a message's numbers and of what all its JSON forms share.
///
/// `core` is its `coreData`, `parts` its `partII`. Returns `None`, counted, without a position.
pub(super) fn telemetry(
    assembly: &mut Assembly,
    raw: RawBsm,
    core: &Value,
    parts: Option<&Value>,
) -> Option<Telemetry> {
    let Some(centre) = raw.position else {
        assembly.leave_out("messages without a position");
        return None;
    };
    let direction = core.pointer("/transmission").and_then(drive_direction);
    let facing = assembly.take(
        "heading",
        raw.heading_deg.filter(is_heading),
        Heading::from_deg,
    );
    let length = size(assembly, core, "length");
    let position = match (facing, length) {
        (Some(facing), Some(length)) => front_of(centre, facing, length).unwrap_or(centre),
        _ => {
            assembly.stays_at_centre();
            centre
        }
    };
    let mut telemetry = Telemetry::at(position);
    telemetry.speed = assembly.take(
        "speed",
        raw.speed_m_per_s
            .filter(|speed| *speed < SPEED_UNAVAILABLE_M_PER_S),
        Speed::from_m_per_s,
    );
    telemetry.heading = facing.and_then(|facing| travel(facing, direction, telemetry.speed));
    telemetry.drive_direction = direction;
    telemetry.altitude = assembly.take(
        "elevation",
        raw.altitude_m
            .filter(|altitude| *altitude > ELEVATION_UNAVAILABLE_M),
        Altitude::from_m,
    );
    let acceleration = |value: &f64| *value <= ACCELERATION_MAX_M_PER_S2;
    telemetry.longitudinal_acceleration = assembly.take(
        "longitudinal acceleration",
        raw.longitudinal_m_per_s2.filter(acceleration),
        Acceleration::from_m_per_s2,
    );
    telemetry.lateral_acceleration = assembly.take(
        "lateral acceleration",
        raw.lateral_m_per_s2.filter(acceleration),
        |to_the_right| Acceleration::from_m_per_s2(-to_the_right),
    );
    telemetry.yaw_rate = assembly.take(
        "yaw rate",
        raw.yaw_deg_per_s
            .filter(|rate| *rate < YAW_UNAVAILABLE_DEG_PER_S),
        YawRate::from_deg_per_s,
    );
    telemetry.position_accuracy = accuracy(&raw);
    telemetry.length = length;
    telemetry.width = size(assembly, core, "width");
    telemetry.acceleration_control = core.pointer("/brakes/wheelBrakes").and_then(brakes);
    extensions(&mut telemetry, parts);
    Some(telemetry)
}

/// What is common to all recordings of such messages.
pub(super) fn note_reference_point(assembly: &mut Assembly) {
    assembly.note(
        "positions are of the vehicle's centre: moved to the front by half the length where \
         heading and length are known",
    );
    assembly.note(
        "vertical accelerations are left out: recorders differ on whether gravity is in them",
    );
}

/// 28800 steps of 0.0125° are "unavailable" (SAE J2735, `Heading`).
fn is_heading(heading_deg: &f64) -> bool {
    (heading_deg - 360.0).abs() > HEADING_STEP_DEG / 2.0
}

/// A message's heading is that of the vehicle's front; ours is that of travel.
fn travel(
    facing: Heading,
    direction: Option<DriveDirection>,
    speed: Option<Speed>,
) -> Option<Heading> {
    match direction {
        Some(DriveDirection::Backward) if speed.is_some_and(|speed| speed > Speed::ZERO) => {
            Heading::from_deg_wrapped(facing.deg() + 180.0)
        }
        Some(DriveDirection::Forward | DriveDirection::Backward) | None => Some(facing),
    }
}

/// Sizes are centimetres in all forms; 0 is "unavailable" (SAE J2735, `VehicleLength`).
fn size(assembly: &mut Assembly, core: &Value, dimension: &'static str) -> Option<Length> {
    let centimetres = json::number(core, &format!("/size/{dimension}"));
    assembly.take(dimension, centimetres.filter(|size| *size != 0.0), |size| {
        Length::from_m(size / 100.0)
    })
}

/// The half axes are one standard deviation (SAE J2735, `PositionalAccuracy`); 254 steps mean
/// "that or more" and 255 "unavailable", so that neither is an accuracy.
fn accuracy(raw: &RawBsm) -> Option<PositionAccuracy> {
    let axis = |metres: Option<f64>| {
        metres
            .filter(|metres| (0.0..ACCURACY_END_M).contains(metres))
            .and_then(|metres| Length::from_m(metres * DEVIATIONS_OF_95_PERCENT))
    };
    let (major, minor) = (axis(raw.semi_major_m)?, axis(raw.semi_minor_m)?);
    match raw.orientation_deg.and_then(Heading::from_deg) {
        Some(orientation) if minor <= major => PositionAccuracy::new(major, minor, orientation),
        Some(orientation) => PositionAccuracy::new(
            minor,
            major,
            Heading::from_deg_wrapped(orientation.deg() + 90.0)?,
        ),
        None => Some(PositionAccuracy::circle(major.max(minor))),
    }
}

fn drive_direction(transmission: &Value) -> Option<DriveDirection> {
    let named = match transmission {
        Value::String(name) => name.clone(),
        Value::Object(choice) => choice.keys().next()?.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => return None,
    };
    match named.to_ascii_lowercase().as_str() {
        "forwardgears" => Some(DriveDirection::Forward),
        "reversegears" => Some(DriveDirection::Backward),
        _ => None,
    }
}

/// Which wheels brake: flags, five bits as text, or the same in hexadecimal digits, where the
/// first bit says "unavailable" (SAE J2735, `BrakeAppliedStatus`).
fn brakes(wheels: &Value) -> Option<AccelerationControl> {
    let braking = match wheels {
        Value::Object(flags) => {
            let on = |name: &str| flags.get(name).and_then(Value::as_bool) == Some(true);
            if on("unavailable") {
                return None;
            }
            ["leftFront", "leftRear", "rightFront", "rightRear"]
                .into_iter()
                .any(on)
        }
        Value::String(text) => {
            let bits = bits(text, WHEEL_BITS)?;
            if bits & (1 << (WHEEL_BITS - 1)) != 0 {
                return None;
            }
            bits != 0
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => return None,
    };
    Some(AccelerationControl(if braking {
        AccelerationControl::BRAKE_PEDAL
    } else {
        0
    }))
}

/// Lights and the kind of vehicle from the second part, wherever its forms keep them.
fn extensions(telemetry: &mut Telemetry, parts: Option<&Value>) {
    let parts = match parts {
        Some(Value::Array(parts)) => parts,
        Some(Value::Object(choice)) => match choice.get("SEQUENCE") {
            Some(Value::Array(parts)) => parts,
            _ => return,
        },
        _ => return,
    };
    for part in parts {
        let value = ["/partII-Value", "/value"]
            .into_iter()
            .find_map(|pointer| part.pointer(pointer));
        let Some(value) = value else { continue };
        let within = [
            value.pointer("/VehicleSafetyExtensions"),
            value.pointer("/SupplementalVehicleExtensions"),
            Some(value),
        ];
        for value in within.into_iter().flatten() {
            if let Some(lights) = json::text(value, "/lights/value") {
                telemetry.exterior_lights = bits(&lights, LIGHT_BITS).map(exterior_lights);
            }
            if let Some(class) = json::number(value, "/classification") {
                telemetry.station_type = station_type(class);
            }
        }
    }
}

/// A bit string whose first bit is the highest of `count`: as 0 and 1, or in hexadecimal digits
/// that start at the left of whole octets.
fn bits(text: &str, count: u32) -> Option<u32> {
    let len = u32::try_from(text.len()).ok()?;
    if len == count {
        return u32::from_str_radix(text, 2).ok();
    }
    let width = len
        .checked_mul(4)
        .filter(|width| (count..=32).contains(width))?;
    u32::from_str_radix(text, 16)
        .ok()
        .map(|bits| bits >> (width - count))
}

/// SAE J2735 `ExteriorLights`, from the first bit: low beam, high beam, left, right, hazard,
/// automatic, daytime, fog, parking.
fn exterior_lights(bits: u32) -> ExteriorLights {
    let hazard = ExteriorLights::LEFT_TURN | ExteriorLights::RIGHT_TURN;
    let map = [
        (8, 1),
        (7, 1 << 1),
        (6, ExteriorLights::LEFT_TURN),
        (5, ExteriorLights::RIGHT_TURN),
        (4, hazard),
        (2, 1 << 4),
        (1, 1 << 6),
        (0, 1 << 7),
    ];
    ExteriorLights(
        map.into_iter()
            .filter(|(bit, _)| bits & (1 << bit) != 0)
            .fold(0, |lights, (_, light)| lights | light),
    )
}

/// SAE J2735 `BasicVehicleClass`.
fn station_type(class: f64) -> Option<StationType> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a class is 0 to 255, and floats saturate"
    )]
    match class as u8 {
        10 | 11 => Some(StationType::PASSENGER_CAR),
        20 | 21 => Some(StationType::LIGHT_TRUCK),
        25..=35 => Some(StationType::HEAVY_TRUCK),
        40..=46 => Some(StationType::MOTORCYCLE),
        50..=57 => Some(StationType::BUS),
        60..=69 => Some(StationType::SPECIAL_VEHICLE),
        _ => None,
    }
}

/// 8191 steps of 0.02 m/s are "unavailable" (SAE J2735, `Velocity`).
const SPEED_UNAVAILABLE_M_PER_S: f64 = 163.815;
/// -4096 steps of 0.1 m are "unknown" (SAE J2735, `Elevation`).
const ELEVATION_UNAVAILABLE_M: f64 = -409.55;
/// 2001 steps of 0.01 m/s² are "unavailable" (SAE J2735, `Acceleration`).
const ACCELERATION_MAX_M_PER_S2: f64 = 20.005;
/// 32767 steps of 0.01 °/s are "unavailable" (SAE J2735, `YawRate`).
const YAW_UNAVAILABLE_DEG_PER_S: f64 = 327.665;
const HEADING_STEP_DEG: f64 = 0.0125;
/// 254 steps of 0.05 m.
const ACCURACY_END_M: f64 = 12.675;
/// The ellipse of a two-dimensional normal distribution that holds 95 %: the square root of 5.991.
const DEVIATIONS_OF_95_PERCENT: f64 = 2.4477;
const WHEEL_BITS: u32 = 5;
const LIGHT_BITS: u32 = 9;
