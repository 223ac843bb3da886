use super::{
    statement::{signed, times, verification},
    time::{to_wire_duration, to_wire_time},
    types::v1 as wire,
};
use crate::{
    time::Timestamp,
    track::{Estimate, Motion},
    units::{Heading, Speed},
    world::Object,
};

/// An object as a client gets it at `delivered`, with the estimate of where it is at `at`.
pub fn to_wire_object(
    object: &Object,
    estimate: Option<(&Estimate, Timestamp)>,
    delivered: Timestamp,
) -> wire::Object {
    let verified = object.verified();
    wire::Object {
        station_id: object.station().to_string(),
        state: Some(object.telemetry().into()),
        times: Some(times(verified, delivered)),
        signed: Some(signed(verified)),
        verification: Some(verification(verified)),
        verdict: Some(object.verdict().into()),
        hops: object.hops().into(),
        source: source(object.hops()).into(),
        merged_sources: Vec::new(),
        estimate: estimate.map(|(estimate, at)| to_wire_estimate(estimate, at)),
        risk: None,
    }
}

/// A statement that nobody passed on comes from its sender.
pub(super) fn source(hops: u8) -> wire::Source {
    match hops {
        0 => wire::Source::Neighbour,
        1.. => wire::Source::Relayed,
    }
}

fn to_wire_estimate(estimate: &Estimate, at: Timestamp) -> wire::Estimate {
    wire::Estimate {
        at: Some(to_wire_time(at)),
        position: Some(super::state::place(estimate.position, None)),
        position_accuracy: estimate
            .position_accuracy_m
            .map(|radius_m| wire::PositionAccuracy {
                semi_major_m: Some(radius_m),
                semi_minor_m: Some(radius_m),
                orientation_deg: Some(0.0),
            }),
        heading_deg: estimate.heading.map(Heading::deg),
        heading_accuracy_deg: estimate.heading_accuracy_deg,
        speed_m_per_s: estimate.speed.map(Speed::m_per_s),
        speed_accuracy_m_per_s: estimate.speed_accuracy_m_per_s,
        age: Some(to_wire_duration(estimate.age)),
        position_growth_m: estimate.position_growth_m,
        motion: match estimate.motion {
            Motion::ConstantTurnAndAcceleration => wire::Motion::ConstantTurnAndAcceleration,
            Motion::ConstantVelocity => wire::Motion::ConstantVelocity,
            Motion::Standing => wire::Motion::Standing,
            Motion::Unknown => wire::Motion::Unspecified,
        }
        .into(),
    }
}
