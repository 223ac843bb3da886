use super::{
    error::{FieldError, FieldProblem},
    field::{present, radius_m},
    hazard::v1::Event,
    state::{heading, place_of, speed},
    time::from_wire_duration,
    types::v1 as wire,
};
use crate::{
    message::{Cause, InformationQuality, RelevanceDirection, RelevanceRadius, Validity},
    pipeline::HazardReport,
};

/// Converts the event of a request, which must be there.
pub fn required_event(event: Option<&Event>) -> Result<HazardReport, FieldError> {
    HazardReport::try_from(present(event, "event")?).map_err(|error| error.within("event"))
}

impl TryFrom<&Event> for HazardReport {
    type Error = FieldError;

    fn try_from(event: &Event) -> Result<Self, FieldError> {
        let default = Self::of(cause(event.cause.as_ref())?);
        let place = event
            .position
            .as_ref()
            .map(place_of)
            .transpose()
            .map_err(|error| error.within("position"))?;
        Ok(Self {
            position: place.map(|(position, _)| position),
            altitude: place.and_then(|(_, altitude)| altitude),
            heading: heading(event.heading_deg, "heading_deg")?,
            speed: speed(event.speed_m_per_s, "speed_m_per_s")?,
            relevance_radius: relevance_radius(event)?.unwrap_or(default.relevance_radius),
            relevance_direction: relevance_direction(event.relevance_direction)?,
            validity: validity(event)?.unwrap_or(default.validity),
            quality: quality(event.information_quality)?,
            ..default
        })
    }
}

fn cause(cause: Option<&wire::Cause>) -> Result<Cause, FieldError> {
    let cause = present(cause, "cause")?;
    let code = present(cause.code, "cause.code")?;
    let out_of_range = |field, range| FieldError::new(field, FieldProblem::OutOfRange(range));
    let sub_code =
        u8::try_from(cause.sub_code).map_err(|_| out_of_range("cause.sub_code", "0 to 255"))?;
    u8::try_from(code)
        .ok()
        .and_then(|code| Cause::from_codes(code, sub_code))
        .ok_or_else(|| out_of_range("cause.code", "1 to 255"))
}

fn relevance_radius(event: &Event) -> Result<Option<RelevanceRadius>, FieldError> {
    let field = "relevance_radius_m";
    match event.relevance_radius_m {
        None => Ok(None),
        given => Ok(RelevanceRadius::from_m(radius_m(given, field)?)),
    }
}

fn relevance_direction(raw: i32) -> Result<Option<RelevanceDirection>, FieldError> {
    match wire::RelevanceDirection::try_from(raw) {
        Ok(wire::RelevanceDirection::Unspecified) => Ok(None),
        Ok(wire::RelevanceDirection::Upstream) => Ok(Some(RelevanceDirection::Upstream)),
        Ok(wire::RelevanceDirection::Downstream) => Ok(Some(RelevanceDirection::Downstream)),
        Ok(wire::RelevanceDirection::Opposite) => Ok(Some(RelevanceDirection::Opposite)),
        Err(_) => Err(FieldError::new(
            "relevance_direction",
            FieldProblem::OutOfRange("a value of RelevanceDirection"),
        )),
    }
}

fn validity(event: &Event) -> Result<Option<Validity>, FieldError> {
    let Some(duration) = from_wire_duration(event.validity, "validity")? else {
        return Ok(None);
    };
    u32::try_from(duration.as_millis())
        .ok()
        .and_then(Validity::from_ms)
        .map(Some)
        .ok_or_else(|| FieldError::new("validity", FieldProblem::OutOfRange("1 ms to 24 h")))
}

fn quality(raw: u32) -> Result<InformationQuality, FieldError> {
    u8::try_from(raw)
        .ok()
        .and_then(InformationQuality::from_level)
        .ok_or_else(|| FieldError::new("information_quality", FieldProblem::OutOfRange("0 to 7")))
}
