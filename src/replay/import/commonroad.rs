use super::{
    assembly::{Assembly, Read},
    place::{after_epoch, front_of, in_plane, origin, turned},
    xml::{Element, top_elements},
};
use crate::{
    geo::{LocalFrame, Position},
    message::{DriveDirection, StationType, Telemetry},
    units::{Acceleration, Heading, Length, Speed, YawRate},
};

/// Reads the moving obstacles of a CommonRoad scenario, format 2018b and 2020a
/// (<https://commonroad.in.tum.de>).
///
/// Positions are metres and of the obstacle's centre, orientations radians counter-clockwise from
/// east, times whole steps. A value may be an interval, of which the middle is taken.
pub(super) fn read(text: &str) -> Read {
    let mut import = Import {
        assembly: Assembly::default(),
        frame: LocalFrame::at(origin()),
        placed: false,
        step_s: None,
    };
    import.assembly.note_epoch();
    let wanted = |name: &str| {
        matches!(
            name,
            "location" | "dynamicObstacle" | "obstacle" | "staticObstacle"
        )
    };
    let cut = top_elements(text, wanted, |element| import.element(element));
    import.note_reference();
    (import.assembly, cut)
}

struct Import {
    assembly: Assembly,
    frame: LocalFrame,
    placed: bool,
    step_s: Option<f64>,
}

/// What holds for all states of one obstacle.
struct Obstacle {
    name: String,
    length: Option<Length>,
    width: Option<Length>,
    kind: Option<StationType>,
}

impl Import {
    fn element(&mut self, element: &Element) -> Result<(), String> {
        match element.name.as_str() {
            "commonRoad" => self.step_s = step_s(element),
            "location" => self.place(element),
            "dynamicObstacle" => return self.obstacle(element),
            "obstacle" => {
                let role = element.child("role").map(|role| role.text.trim());
                if role == Some("dynamic") {
                    return self.obstacle(element);
                }
                self.assembly.leave_out("obstacles that do not move");
            }
            "staticObstacle" => self.assembly.leave_out("obstacles that do not move"),
            _ => {}
        }
        Ok(())
    }

    fn place(&mut self, location: &Element) {
        if let Some(position) = place_of(location) {
            self.frame = LocalFrame::at(position);
            self.placed = true;
        }
    }

    fn obstacle(&mut self, element: &Element) -> Result<(), String> {
        let Some(id) = element.attribute("id") else {
            self.assembly.leave_out("obstacles without an id");
            return Ok(());
        };
        let shape = |name: &str| {
            element
                .descendant(&["shape", "rectangle", name])
                .filter(|size| size.complete)
                .map(Element::number)
        };
        let obstacle = Obstacle {
            name: id.to_owned(),
            length: self
                .assembly
                .take("length", shape("length"), Length::from_m),
            width: self.assembly.take("width", shape("width"), Length::from_m),
            kind: element
                .child("type")
                .and_then(|kind| station_type(kind.text.trim())),
        };
        let trajectory = element.child("trajectory");
        let later = trajectory.into_iter().flat_map(|list| &list.children);
        for state in element.child("initialState").into_iter().chain(later) {
            if state.complete {
                self.state(&obstacle, state)?;
            }
        }
        Ok(())
    }

    fn state(&mut self, obstacle: &Obstacle, state: &Element) -> Result<(), String> {
        let Some(step_s) = self.step_s else {
            self.assembly
                .leave_out("states of a scenario without a time step");
            return Ok(());
        };
        let assembly = &mut self.assembly;
        let time = assembly.take("time", Some(value(state, "time")), |steps| {
            steps.and_then(|steps| after_epoch(steps * step_s))
        });
        let frame = &self.frame;
        let centre = assembly.take("position", Some(centre(state)), |centre| {
            centre.and_then(|(x, y)| in_plane(frame, x, y))
        });
        let (Some(time), Some(centre)) = (time, centre) else {
            return Ok(());
        };
        let facing = assembly.take("orientation", value(state, "orientation"), |radians| {
            turned(90.0 - radians.to_degrees())
        });
        let velocity = value(state, "velocity");
        let front = facing
            .zip(obstacle.length)
            .and_then(|(facing, length)| front_of(centre, facing, length));
        if front.is_none() {
            assembly.stays_at_centre();
        }
        let mut telemetry = Telemetry::at(front.unwrap_or(centre));
        telemetry.speed = assembly.take("velocity", velocity, |velocity| {
            Speed::from_m_per_s(velocity.abs())
        });
        let backward = velocity.is_some_and(|velocity| velocity < 0.0);
        telemetry.heading = match facing {
            Some(facing) if backward => Heading::from_deg_wrapped(facing.deg() + 180.0),
            other => other,
        };
        telemetry.drive_direction = match velocity {
            Some(velocity) if velocity > 0.0 => Some(DriveDirection::Forward),
            Some(_) if backward => Some(DriveDirection::Backward),
            Some(_) | None => None,
        };
        telemetry.longitudinal_acceleration = assembly.take(
            "acceleration",
            value(state, "acceleration"),
            Acceleration::from_m_per_s2,
        );
        telemetry.yaw_rate = assembly.take("yawRate", value(state, "yawRate"), |radians_per_s| {
            YawRate::from_deg_per_s(-radians_per_s.to_degrees())
        });
        telemetry.length = obstacle.length;
        telemetry.width = obstacle.width;
        telemetry.station_type = obstacle.kind;
        assembly.add(&obstacle.name, time, telemetry)
    }

    fn note_reference(&mut self) {
        if !self.placed {
            self.assembly.note(
                "the scenario names no place: x and y are taken as east and north of 48° N 11° E",
            );
        }
        self.assembly
            .note("positions are of the obstacle's centre: moved to the front by half the length");
    }
}

/// Where on earth a scenario is; those without a place say 999° or 0°.
pub(super) fn place_of(location: &Element) -> Option<Position> {
    let number = |name: &str| location.child(name).map(Element::number);
    let place = number("gpsLatitude").zip(number("gpsLongitude"));
    place
        .filter(|(latitude, longitude)| {
            latitude.abs() <= LATITUDE_MAX_DEG && (*latitude != 0.0 || *longitude != 0.0)
        })
        .and_then(|(latitude, longitude)| Position::from_deg(latitude, longitude))
}

fn step_s(root: &Element) -> Option<f64> {
    root.attribute("timeStepSize")
        .and_then(|step| step.trim().parse().ok())
        .filter(|step: &f64| step.is_finite() && *step > 0.0)
}

/// An exact value, or the middle of an interval.
fn value(state: &Element, name: &str) -> Option<f64> {
    let element = state.child(name)?;
    if let Some(exact) = element.child("exact") {
        return Some(exact.number());
    }
    let (start, end) = (
        element.child("intervalStart")?,
        element.child("intervalEnd")?,
    );
    Some(f64::midpoint(start.number(), end.number()))
}

/// A point, or the centre of the region that the position lies in.
fn centre(state: &Element) -> Option<(f64, f64)> {
    let position = state.child("position")?;
    let point = ["rectangle", "circle"]
        .into_iter()
        .find_map(|region| position.descendant(&[region, "center"]))
        .or_else(|| position.child("point"))?;
    Some((point.child("x")?.number(), point.child("y")?.number()))
}

fn station_type(name: &str) -> Option<StationType> {
    match name {
        "car" | "taxi" | "parkedVehicle" => Some(StationType::PASSENGER_CAR),
        "truck" => Some(StationType::HEAVY_TRUCK),
        "bus" => Some(StationType::BUS),
        "motorcycle" => Some(StationType::MOTORCYCLE),
        "bicycle" => Some(StationType::CYCLIST),
        "pedestrian" => Some(StationType::PEDESTRIAN),
        "priorityVehicle" => Some(StationType::SPECIAL_VEHICLE),
        _ => None,
    }
}

/// A plane of metres makes no sense nearer to the poles.
const LATITUDE_MAX_DEG: f64 = 85.0;
