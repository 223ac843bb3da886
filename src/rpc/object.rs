use super::{
    statement::{signed, times, verification},
    time::{to_wire_duration, to_wire_time},
    types::v1 as wire,
};
use crate::{
    risk::{Part, Relation, Risk},
    time::Timestamp,
    track::{Estimate, Motion},
    units::{Heading, Speed},
    world::Object,
};

/// An object as a client gets it at `delivered`, with the estimate of where it is at `at`, and how
/// dangerous it is to the own vehicle.
pub fn to_wire_object(
    object: &Object,
    estimate: Option<(&Estimate, Timestamp)>,
    risk: Option<&Risk>,
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
        risk: risk.map(to_wire_risk),
    }
}

/// A statement that nobody passed on comes from its sender.
pub(super) fn source(hops: u8) -> wire::Source {
    match hops {
        0 => wire::Source::Neighbour,
        1.. => wire::Source::Relayed,
    }
}

fn to_wire_risk(risk: &Risk) -> wire::Risk {
    let part = |part: &Part| wire::RiskPart {
        name: part.name.to_owned(),
        score: part.score,
    };
    wire::Risk {
        time_to_collision_s: risk.time_to_collision_s,
        headway_s: risk.headway_s,
        deceleration_to_avoid_m_per_s2: risk.deceleration_to_avoid_m_per_s2,
        rss_longitudinal_margin_m: risk.rss_longitudinal_margin_m,
        rss_lateral_margin_m: risk.rss_lateral_margin_m,
        score: Some(risk.score()),
        parts: risk.parts.iter().map(part).collect(),
        modified_time_to_collision_s: risk.modified_time_to_collision_s,
        post_encroachment_time_s: risk.post_encroachment_time_s,
        relation: match risk.relation {
            Relation::Ahead => wire::Relation::Ahead,
            Relation::Behind => wire::Relation::Behind,
            Relation::Oncoming => wire::Relation::Oncoming,
            Relation::Beside => wire::Relation::Beside,
            Relation::Crossing => wire::Relation::Crossing,
        }
        .into(),
        since_hard_brake: risk.since_hard_brake.map(to_wire_duration),
        over_speed_limit_m_per_s: risk.over_speed_limit_m_per_s,
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
