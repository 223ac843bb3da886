use super::{
    object::source,
    state::place,
    statement::{signed, times, verification},
    time::to_wire_time,
    types::v1 as wire,
};
use crate::{
    message::{Cause, Hazard, RelevanceDirection, Termination},
    pipeline::OwnHazard,
    time::Timestamp,
    units::{Heading, Speed},
    world::{KnownHazard, Level},
};

/// Another station's hazard as a client gets it at `delivered`.
pub fn to_wire_hazard(known: &KnownHazard, delivered: Timestamp) -> wire::Hazard {
    let verified = known.verified();
    wire::Hazard {
        level: match known.level() {
            Level::Inform => wire::HazardLevel::Inform,
            Level::Act => wire::HazardLevel::Act,
        }
        .into(),
        sources: sources(known),
        merged: known.merged().iter().map(|it| (*it).into()).collect(),
        leading: Some(known.leading().into()),
        signed: Some(signed(verified)),
        verification: Some(verification(verified)),
        verdict: Some(known.verdict().into()),
        times: Some(times(verified, delivered)),
        source: source(known.hops()).into(),
        hops: known.hops().into(),
        source_count: known.sources(),
        negation_count: known.negations(),
        first_heard_at: Some(to_wire_time(known.first_heard().timestamp)),
        ..report(known.hazard())
    }
}

/// Who says so of itself; who says so of other reports stands there.
fn sources(known: &KnownHazard) -> Vec<wire::MergedSource> {
    let verified = known.verified();
    let reporter = wire::MergedSource {
        source: source(known.hops()).into(),
        station_id: verified.station().to_string(),
        last_at: Some(to_wire_time(verified.generated())),
    };
    let own = known.is_sensed().then(|| wire::MergedSource {
        source: wire::Source::OwnSensors.into(),
        ..wire::MergedSource::default()
    });
    [Some(reporter), own].into_iter().flatten().collect()
}

/// An own hazard as a client gets it at `delivered`.
pub fn to_wire_own_hazard(own: &OwnHazard, delivered: Timestamp) -> wire::Hazard {
    let detected = to_wire_time(own.hazard.detected);
    wire::Hazard {
        level: wire::HazardLevel::Inform.into(),
        signed: Some(wire::SignedMessage {
            envelope: own.bytes.clone(),
            ..wire::SignedMessage::default()
        }),
        times: Some(wire::Times {
            generated_at: Some(detected),
            received_at: None,
            delivered_at: Some(to_wire_time(delivered)),
        }),
        source: wire::Source::OwnSensors.into(),
        own: true,
        source_count: 1,
        first_heard_at: Some(detected),
        ..report(&own.hazard)
    }
}

/// What the report itself says.
fn report(hazard: &Hazard) -> wire::Hazard {
    wire::Hazard {
        action_id: Some(hazard.action.into()),
        update: hazard.update.into(),
        cause: Some(hazard.cause.into()),
        position: Some(place(hazard.position, hazard.altitude)),
        heading_deg: hazard.heading.map(Heading::deg),
        speed_m_per_s: hazard.speed.map(Speed::m_per_s),
        relevance_radius_m: hazard.relevance_radius.m().into(),
        relevance_direction: match hazard.relevance_direction {
            None => wire::RelevanceDirection::Unspecified,
            Some(RelevanceDirection::Upstream) => wire::RelevanceDirection::Upstream,
            Some(RelevanceDirection::Downstream) => wire::RelevanceDirection::Downstream,
            Some(RelevanceDirection::Opposite) => wire::RelevanceDirection::Opposite,
        }
        .into(),
        detected_at: Some(to_wire_time(hazard.detected)),
        expires_at: Some(to_wire_time(hazard.expires())),
        termination: match hazard.termination {
            None => wire::Termination::Unspecified,
            Some(Termination::Cancellation) => wire::Termination::Cancellation,
            Some(Termination::Negation) => wire::Termination::Negation,
        }
        .into(),
        information_quality: hazard.quality.level().into(),
        ..wire::Hazard::default()
    }
}

impl From<Cause> for wire::Cause {
    fn from(cause: Cause) -> Self {
        Self {
            code: Some(cause.code().into()),
            sub_code: cause.sub_code().into(),
            name: cause.name().unwrap_or_default().to_owned(),
        }
    }
}
