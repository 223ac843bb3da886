use serde_json::Value;

use super::{
    ImportError,
    assembly::Assembly,
    json::{number, text},
    place::after_epoch,
};
use crate::{geo::Position, message::Cause, replay::Label};

/// Adds the incidents of a list as labels.
pub(super) fn add(assembly: &mut Assembly, incidents: &str) -> Result<(), ImportError> {
    let parsed: Value = serde_json::from_str(incidents)
        .map_err(|error| ImportError::Incidents(format!("not JSON: {error}")))?;
    let events = parsed
        .get("events")
        .unwrap_or(&parsed)
        .as_array()
        .ok_or_else(|| ImportError::Incidents("there is no list of events".to_owned()))?;
    for (index, event) in events.iter().enumerate() {
        let label = label(assembly, event)
            .map_err(|missing| ImportError::Incidents(format!("event {}: {missing}", index + 1)))?;
        assembly.label(label);
    }
    Ok(())
}

fn label(assembly: &mut Assembly, event: &Value) -> Result<Label, &'static str> {
    let code = |pointer| number(event, pointer).map(byte);
    let cause = match (code("/cause_code"), code("/sub_cause_code")) {
        (None, _) => None,
        (Some(code), sub_code) => Some(
            code.zip(sub_code.unwrap_or(Some(0)))
                .and_then(|(code, sub_code)| Cause::from_codes(code, sub_code))
                .ok_or("cause_code or sub_cause_code is out of range")?,
        ),
    };
    Ok(Label {
        from: number(event, "/time_s")
            .and_then(after_epoch)
            .ok_or("time_s is missing or out of range")?,
        until: number(event, "/until_s")
            .map(|until| after_epoch(until).ok_or("until_s is out of range"))
            .transpose()?,
        vehicle: match text(event, "/vehicle") {
            Some(name) => Some(
                assembly
                    .known_vehicle(&name)
                    .ok_or("vehicle is not in the recording")?,
            ),
            None => None,
        },
        name: text(event, "/kind").ok_or("kind is missing")?,
        cause,
        position: number(event, "/lat")
            .zip(number(event, "/lon"))
            .and_then(|(latitude, longitude)| Position::from_deg(latitude, longitude)),
    })
}

fn byte(number: f64) -> Option<u8> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in range by the condition, which is false for NaN"
    )]
    (0.0..=255.0).contains(&number).then_some(number as u8)
}
