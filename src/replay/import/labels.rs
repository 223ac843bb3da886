use serde_json::Value;

use super::{
    ImportError,
    assembly::Assembly,
    json::{number, text},
    place::after_epoch,
};
use crate::{geo::Position, message::Cause, replay::Label};

/// Adds the events of a list as labels.
pub(super) fn add(assembly: &mut Assembly, labels: &str) -> Result<(), ImportError> {
    let parsed: Value = serde_json::from_str(labels)
        .map_err(|error| ImportError::Labels(format!("not JSON: {error}")))?;
    let events = parsed
        .get("events")
        .unwrap_or(&parsed)
        .as_array()
        .ok_or_else(|| ImportError::Labels("there is no list of events".to_owned()))?;
    for (index, event) in events.iter().enumerate() {
        let label = label(assembly, event)
            .map_err(|missing| ImportError::Labels(format!("event {}: {missing}", index + 1)))?;
        match label {
            Some(label) => assembly.label(label),
            None => assembly.leave_out("labels about vehicles that are not in the recording"),
        }
    }
    Ok(())
}

/// Returns `None` where the vehicle is not in the recording.
fn label(assembly: &Assembly, event: &Value) -> Result<Option<Label>, &'static str> {
    let vehicle = match text(event, "/vehicle") {
        None => None,
        Some(name) => match assembly.known_vehicle(&name) {
            None => return Ok(None),
            known => known,
        },
    };
    let code = |pointer| number(event, pointer).map(byte);
    let cause = match (code("/cause_code"), code("/sub_cause_code")) {
        (None, _) => None,
        (Some(code), sub_code) => Some(
            code.zip(sub_code.unwrap_or(Some(0)))
                .and_then(|(code, sub_code)| Cause::from_codes(code, sub_code))
                .ok_or("cause_code or sub_cause_code is out of range")?,
        ),
    };
    Ok(Some(Label {
        from: number(event, "/time_s")
            .and_then(after_epoch)
            .ok_or("time_s is missing or out of range")?,
        until: number(event, "/until_s")
            .map(|until| after_epoch(until).ok_or("until_s is out of range"))
            .transpose()?,
        vehicle,
        name: text(event, "/kind").ok_or("kind is missing")?,
        cause,
        position: number(event, "/lat")
            .zip(number(event, "/lon"))
            .and_then(|(latitude, longitude)| Position::from_deg(latitude, longitude)),
    }))
}

fn byte(number: f64) -> Option<u8> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in range by the condition, which is false for NaN"
    )]
    (0.0..=255.0).contains(&number).then_some(number as u8)
}
