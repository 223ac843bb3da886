use super::{
    error::{FieldError, FieldProblem},
    field::present,
    state::{acceleration, heading, place_of, speed},
    telemetry::v1 as wire,
};
use crate::{hazards::Signals, world::Sighted};

/// Converts what a vehicle's sensors see.
pub fn parse_sighted(objects: &[wire::SensedObject]) -> Result<Vec<Sighted>, FieldError> {
    if objects.len() > SIGHTED_MAX {
        let problem = FieldProblem::OutOfRange("at most 256 objects");
        return Err(FieldError::new("objects", problem));
    }
    let objects = objects.iter().map(Sighted::try_from);
    objects
        .collect::<Result<_, _>>()
        .map_err(|error| error.within("objects"))
}

impl TryFrom<&wire::SensedObject> for Sighted {
    type Error = FieldError;

    fn try_from(object: &wire::SensedObject) -> Result<Self, FieldError> {
        let place = present(object.position.as_ref(), "position")?;
        let (position, _) = place_of(place).map_err(|error| error.within("position"))?;
        Ok(Self {
            position,
            heading: heading(object.heading_deg, "heading_deg")?,
            speed: speed(object.speed_m_per_s, "speed_m_per_s")?,
            acceleration: acceleration(object.acceleration_m_per_s2, "acceleration_m_per_s2")?,
        })
    }
}

impl From<&wire::VehicleSignals> for Signals {
    fn from(signals: &wire::VehicleSignals) -> Self {
        Self {
            gear_in_park: signals.gear_in_park,
            parking_brake_on: signals.parking_brake_on,
            door_open: signals.door_open,
            antilock_active: signals.antilock_active,
            stability_active: signals.stability_active,
            traction_active: signals.traction_active,
            airbag_deployed: signals.airbag_deployed,
        }
    }
}

const SIGHTED_MAX: usize = 256;
