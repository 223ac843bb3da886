use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use super::{
    assembly::{Assembly, Read},
    place::{after_epoch, in_plane, origin, turned},
    unpack::offset,
};
use crate::{
    geo::{LocalFrame, Position},
    message::{AccelerationControl, DriveDirection, ExteriorLights, StationType, Telemetry},
    replay::Cut,
    time::Timestamp,
    units::{Acceleration, Speed},
};

/// Reads floating car data of SUMO (`fcd-export`).
///
/// The position is the middle of the front bumper already, the angle is clockwise from north, and
/// the attributes come in any order
/// (<https://sumo.dlr.de/docs/Simulation/Output/FCDOutput.html>).
pub(super) fn read(text: &str) -> Read {
    let mut import = Import {
        assembly: Assembly::default(),
        plane: Plane::of(text),
        time: None,
    };
    import.assembly.note_epoch();
    let cut = import.read(text);
    import.note_plane();
    (import.assembly, cut)
}

struct Import {
    assembly: Assembly,
    plane: Plane,
    time: Option<Timestamp>,
}

/// What `x` and `y` are.
enum Plane {
    /// Longitude and latitude.
    Geographic,
    /// Metres from the fixed origin.
    Metres(LocalFrame),
    /// The header does not tell: the first vehicle will.
    Unknown,
}

impl Plane {
    /// SUMO writes its configuration into a comment at the top.
    fn of(text: &str) -> Self {
        let head = text.split("<fcd-export").next().unwrap_or_default();
        let setting = head
            .split_once("<fcd-output.geo")
            .and_then(|(_, rest)| rest.split_once("value=\""))
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(value, _)| value);
        match setting {
            Some("true" | "1" | "yes" | "on" | "x") => Self::Geographic,
            Some(_) => Self::Metres(LocalFrame::at(origin())),
            None if head.contains("onfiguration") => Self::Metres(LocalFrame::at(origin())),
            None => Self::Unknown,
        }
    }

    /// A first vehicle within the ranges of degrees is taken to be in degrees.
    fn settle(&mut self, x: f64, y: f64) {
        if matches!(self, Self::Unknown) {
            *self = if x.abs() <= 180.0 && y.abs() <= 90.0 {
                Self::Geographic
            } else {
                Self::Metres(LocalFrame::at(origin()))
            };
        }
    }

    fn position(&self, x: f64, y: f64) -> Option<Position> {
        match self {
            Self::Geographic | Self::Unknown => Position::from_deg(y, x),
            Self::Metres(frame) => in_plane(frame, x, y),
        }
    }
}

impl Import {
    fn read(&mut self, text: &str) -> Option<Cut> {
        let mut reader = Reader::from_str(text);
        let mut depth = 0_usize;
        loop {
            let event = match reader.read_event() {
                Ok(event) => event,
                Err(error) => {
                    return Some(Cut {
                        at: reader.error_position(),
                        why: format!("damaged XML: {error}"),
                    });
                }
            };
            let at = reader.buffer_position();
            let taken = match &event {
                Event::Start(element) => {
                    depth += 1;
                    if depth > DEPTH_MAX {
                        return Some(Cut {
                            at,
                            why: format!("elements are nested more than {DEPTH_MAX} deep"),
                        });
                    }
                    self.element(element)
                }
                Event::Empty(element) => self.element(element),
                Event::End(_) => {
                    depth = depth.saturating_sub(1);
                    Ok(())
                }
                Event::Eof if depth == 0 => return None,
                Event::Eof => {
                    return Some(Cut {
                        at: offset(text.len()),
                        why: "the XML ends inside an element".to_owned(),
                    });
                }
                Event::Text(_)
                | Event::CData(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_)
                | Event::DocType(_)
                | Event::GeneralRef(_) => Ok(()),
            };
            if let Err(why) = taken {
                return Some(Cut { at, why });
            }
        }
    }

    fn element(&mut self, element: &BytesStart<'_>) -> Result<(), String> {
        match element.name().as_ref() {
            "timestep" => {
                let time = attribute(element, "time").and_then(|text| text.parse().ok());
                self.time = self
                    .assembly
                    .take("time", Some(time), |time| time.and_then(after_epoch));
                Ok(())
            }
            "vehicle" => self.vehicle(element),
            "person" => {
                self.assembly.leave_out("states of persons");
                Ok(())
            }
            "container" => {
                self.assembly.leave_out("states of containers");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn vehicle(&mut self, element: &BytesStart<'_>) -> Result<(), String> {
        let Some(time) = self.time else {
            self.assembly
                .leave_out("states outside a readable timestep");
            return Ok(());
        };
        let raw = RawVehicle::of(element);
        let (Some(id), Some(x), Some(y)) = (raw.id, raw.x, raw.y) else {
            self.assembly.leave_out("states without id, x or y");
            return Ok(());
        };
        self.plane.settle(x, y);
        let plane = &self.plane;
        let place = self
            .assembly
            .take("position", Some((x, y)), |(x, y)| plane.position(x, y));
        let Some(position) = place else {
            return Ok(());
        };
        let assembly = &mut self.assembly;
        let mut telemetry = Telemetry::at(position);
        telemetry.heading = assembly.take("angle", raw.angle, turned);
        telemetry.speed =
            assembly.take("speed", raw.speed, |speed| Speed::from_m_per_s(speed.abs()));
        telemetry.drive_direction = raw.speed.and_then(direction);
        telemetry.longitudinal_acceleration = assembly.take(
            "acceleration",
            raw.acceleration,
            Acceleration::from_m_per_s2,
        );
        telemetry.station_type = raw.kind.as_deref().and_then(station_type);
        if let Some(signals) = assembly.take("signals", raw.signals, non_negative) {
            telemetry.exterior_lights = Some(lights(signals));
            telemetry.acceleration_control =
                Some(AccelerationControl(if signals & SIGNAL_BRAKE == 0 {
                    0
                } else {
                    AccelerationControl::BRAKE_PEDAL
                }));
        }
        assembly.add(&id, time, telemetry)
    }

    fn note_plane(&mut self) {
        match self.plane {
            Plane::Geographic | Plane::Unknown => {}
            Plane::Metres(_) => self
                .assembly
                .note("x and y are metres without a place: taken as east and north of 48° N 11° E"),
        }
    }
}

/// The attributes of a `vehicle`; numbers that are present but unreadable are NaN.
#[derive(Default)]
struct RawVehicle {
    id: Option<String>,
    x: Option<f64>,
    y: Option<f64>,
    angle: Option<f64>,
    speed: Option<f64>,
    acceleration: Option<f64>,
    signals: Option<i64>,
    kind: Option<String>,
}

impl RawVehicle {
    fn of(element: &BytesStart<'_>) -> Self {
        let mut raw = Self::default();
        for attribute in element.attributes().with_checks(false).flatten() {
            let number = || Some(attribute.value.trim().parse().unwrap_or(f64::NAN));
            let text = || {
                attribute
                    .normalized_value(XmlVersion::Implicit1_0)
                    .ok()
                    .map(Into::into)
            };
            match attribute.key.as_ref() {
                "id" => raw.id = text(),
                "x" => raw.x = number(),
                "y" => raw.y = number(),
                "angle" => raw.angle = number(),
                "speed" => raw.speed = number(),
                "acceleration" => raw.acceleration = number(),
                "signals" => raw.signals = Some(attribute.value.trim().parse().unwrap_or(-1)),
                "type" => raw.kind = text(),
                _ => {}
            }
        }
        raw
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    element
        .attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.as_ref() == name)
        .map(|attribute| attribute.value.trim().to_owned())
}

fn non_negative(signals: i64) -> Option<u32> {
    u32::try_from(signals).ok()
}

/// SUMO writes negative speeds for vehicles that reverse.
fn direction(speed: f64) -> Option<DriveDirection> {
    if speed > 0.0 {
        Some(DriveDirection::Forward)
    } else if speed < 0.0 {
        Some(DriveDirection::Backward)
    } else {
        None
    }
}

/// The bits of `signals`
/// (<https://sumo.dlr.de/docs/TraCI/Vehicle_Signalling.html>).
fn lights(signals: u32) -> ExteriorLights {
    let map = [
        (SIGNAL_RIGHT | SIGNAL_HAZARD, ExteriorLights::RIGHT_TURN),
        (SIGNAL_LEFT | SIGNAL_HAZARD, ExteriorLights::LEFT_TURN),
        (SIGNAL_REVERSE, ExteriorLights::REVERSE),
        (SIGNAL_LOW_BEAM, LOW_BEAM),
        (SIGNAL_HIGH_BEAM, HIGH_BEAM),
        (SIGNAL_FOG, FOG),
    ];
    ExteriorLights(
        map.into_iter()
            .filter(|(mask, _)| signals & mask != 0)
            .fold(0, |lights, (_, light)| lights | light),
    )
}

/// A type's name is free text, but SUMO's own begin with the class.
fn station_type(name: &str) -> Option<StationType> {
    let name = name.to_ascii_lowercase();
    let kinds: [(&str, StationType); 11] = [
        ("motorcycle", StationType::MOTORCYCLE),
        ("moped", StationType::MOPED),
        ("bicycle", StationType::CYCLIST),
        ("bike", StationType::CYCLIST),
        ("pedestrian", StationType::PEDESTRIAN),
        ("tram", StationType::TRAM),
        ("bus", StationType::BUS),
        ("truck", StationType::HEAVY_TRUCK),
        ("trailer", StationType::HEAVY_TRUCK),
        ("emergency", StationType::SPECIAL_VEHICLE),
        ("passenger", StationType::PASSENGER_CAR),
    ];
    kinds
        .into_iter()
        .find(|(word, _)| name.contains(word))
        .map(|(_, kind)| kind)
}

const SIGNAL_RIGHT: u32 = 1;
const SIGNAL_LEFT: u32 = 1 << 1;
const SIGNAL_HAZARD: u32 = 1 << 2;
const SIGNAL_BRAKE: u32 = 1 << 3;
const SIGNAL_LOW_BEAM: u32 = 1 << 4;
const SIGNAL_FOG: u32 = 1 << 5;
const SIGNAL_HIGH_BEAM: u32 = 1 << 6;
const SIGNAL_REVERSE: u32 = 1 << 7;
const LOW_BEAM: u8 = 1;
const HIGH_BEAM: u8 = 1 << 1;
const FOG: u8 = 1 << 6;
const DEPTH_MAX: usize = 64;
