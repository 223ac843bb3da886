use std::{collections::BTreeSet, time::Duration};

use super::{
    area::area_filter,
    danger::to_wire_hazard,
    error::{FieldError, FieldProblem},
    hazard::v1 as hazard,
    name::parse_station,
    object::to_wire_object,
    time::{from_wire_duration, to_wire_duration, to_wire_time},
    types::v1 as wire,
    world::v1 as world,
};
use crate::{
    id::StationId,
    message::InformationQuality,
    risk::Viewer,
    time::Timestamp,
    world::{
        BUFFER_LEN_MAX, Delivery, FeedConfig, FeedEvent, Filter, GapReason, HazardFilter, Overflow,
        Removal,
    },
};

/// What a client is told beside the events themselves.
#[derive(Debug)]
pub struct Moment<'a> {
    /// When the event goes to the client.
    pub delivered: Timestamp,
    /// Whether the own vehicle's state can be signed and sent.
    pub ready: bool,
    /// How long ago the driving stack published; `None` if it never did.
    pub own_state_age: Option<Duration>,
    /// The own vehicle then; `None` if the driving stack did not publish of late.
    pub own: Option<Viewer<'a>>,
}

impl TryFrom<&world::SubscribeRequest> for FeedConfig {
    type Error = FieldError;

    fn try_from(request: &world::SubscribeRequest) -> Result<Self, FieldError> {
        let (objects, hazards) = kinds(&request.types)?;
        let default = Self::default();
        Ok(Self {
            filter: Filter {
                area: area_filter(request.area.as_ref())?,
                telemetry: objects,
                hazards: hazards
                    .then(|| hazard_filter(request.hazard_filter.as_ref(), "hazard_filter"))
                    .transpose()?,
                only: stations(&request.station_ids)?,
                excluded: BTreeSet::new(),
            },
            buffer: match request.buffer_size {
                None => default.buffer,
                Some(asked) => buffer(asked)?,
            },
            overflow: overflow(request.overflow)?,
            min_interval: from_wire_duration(request.min_interval, "min_interval")?
                .unwrap_or_default(),
            ..default
        })
    }
}

impl TryFrom<&hazard::SubscribeRequest> for FeedConfig {
    type Error = FieldError;

    fn try_from(request: &hazard::SubscribeRequest) -> Result<Self, FieldError> {
        Ok(Self {
            filter: Filter {
                area: area_filter(request.area.as_ref())?,
                telemetry: false,
                hazards: Some(hazard_filter(request.filter.as_ref(), "filter")?),
                ..Filter::default()
            },
            overflow: overflow(request.overflow)?,
            ..Self::default()
        })
    }
}

/// One event of [`WorldService.Subscribe`](world::world_service_server::WorldService); `None` at
/// the feed's end.
pub fn to_wire_world_event(
    delivery: &Delivery,
    moment: &Moment<'_>,
) -> Option<world::SubscribeResponse> {
    use world::subscribe_response::Event;

    let event = match &delivery.event {
        FeedEvent::Object(object) => {
            let own = moment.own.as_ref();
            let risk = own.and_then(|own| object.risk(own, moment.delivered));
            Event::Object(to_wire_object(
                object,
                None,
                risk.as_ref(),
                moment.delivered,
            ))
        }
        FeedEvent::ObjectRemoved { station, reason } => {
            Event::ObjectRemoved(world::ObjectRemoved {
                station_id: station.to_string(),
                reason: removal(*reason).into(),
            })
        }
        FeedEvent::Hazard(known) => Event::Hazard(to_wire_hazard(known, moment.delivered)),
        FeedEvent::HazardRemoved { action, reason } => Event::HazardRemoved(world::HazardRemoved {
            action_id: Some((*action).into()),
            reason: removal(*reason).into(),
        }),
        FeedEvent::SnapshotEnd { objects, hazards } => Event::SnapshotEnd(wire::SnapshotEnd {
            objects: *objects,
            hazards: *hazards,
        }),
        FeedEvent::Gap {
            dropped,
            first_sequence,
            reason,
        } => Event::Gap(gap(*dropped, *first_sequence, *reason)),
        FeedEvent::Heartbeat => Event::Heartbeat(heartbeat(moment)),
        FeedEvent::Closed => return None,
    };
    Some(world::SubscribeResponse {
        sequence: delivery.sequence,
        event: Some(event),
    })
}

/// One event of [`HazardService.Subscribe`](hazard::hazard_service_server::HazardService); `None`
/// at the feed's end, and for objects, which its filter keeps out.
pub fn to_wire_hazard_event(
    delivery: &Delivery,
    moment: &Moment<'_>,
) -> Option<hazard::SubscribeResponse> {
    use hazard::subscribe_response::Event;

    let event = match &delivery.event {
        FeedEvent::Hazard(known) => Event::Hazard(to_wire_hazard(known, moment.delivered)),
        FeedEvent::HazardRemoved { action, reason } => Event::Removed(hazard::Removed {
            action_id: Some((*action).into()),
            reason: hazard_removal(*reason).into(),
        }),
        FeedEvent::SnapshotEnd { objects, hazards } => Event::SnapshotEnd(wire::SnapshotEnd {
            objects: *objects,
            hazards: *hazards,
        }),
        FeedEvent::Gap {
            dropped,
            first_sequence,
            reason,
        } => Event::Gap(gap(*dropped, *first_sequence, *reason)),
        FeedEvent::Heartbeat => Event::Heartbeat(heartbeat(moment)),
        FeedEvent::Object(_) | FeedEvent::ObjectRemoved { .. } | FeedEvent::Closed => return None,
    };
    Some(hazard::SubscribeResponse {
        sequence: delivery.sequence,
        event: Some(event),
    })
}

/// Whether objects and whether hazards are wanted.
fn kinds(types: &[i32]) -> Result<(bool, bool), FieldError> {
    if types.is_empty() {
        return Ok((true, true));
    }
    let (mut objects, mut hazards) = (false, false);
    for kind in types {
        match world::EventType::try_from(*kind) {
            Ok(world::EventType::Object) => objects = true,
            Ok(world::EventType::Hazard) => hazards = true,
            Ok(world::EventType::Unspecified) | Err(_) => {
                let problem = FieldProblem::OutOfRange("EVENT_TYPE_OBJECT or EVENT_TYPE_HAZARD");
                return Err(FieldError::new("types", problem));
            }
        }
    }
    Ok((objects, hazards))
}

fn stations(names: &[String]) -> Result<Option<BTreeSet<StationId>>, FieldError> {
    if names.len() > STATIONS_MAX {
        let problem = FieldProblem::OutOfRange("at most 256 stations");
        return Err(FieldError::new("station_ids", problem));
    }
    let stations = names
        .iter()
        .map(|name| parse_station(name, "station_ids"))
        .collect::<Result<BTreeSet<_>, _>>()?;
    Ok((!stations.is_empty()).then_some(stations))
}

fn hazard_filter(
    filter: Option<&wire::HazardFilter>,
    field: &str,
) -> Result<HazardFilter, FieldError> {
    let Some(filter) = filter else {
        return Ok(HazardFilter::default());
    };
    let out_of_range =
        |part, range| FieldError::new(part, FieldProblem::OutOfRange(range)).within(field);
    let quality_min = u8::try_from(filter.information_quality_min)
        .ok()
        .and_then(InformationQuality::from_level)
        .ok_or_else(|| out_of_range("information_quality_min", "0 to 7"))?;
    let causes = filter
        .cause_codes
        .iter()
        .map(|code| u8::try_from(*code).ok().filter(|code| *code > 0))
        .collect::<Option<BTreeSet<u8>>>()
        .ok_or_else(|| out_of_range("cause_codes", "1 to 255"))?;
    Ok(HazardFilter {
        quality_min,
        causes: (!causes.is_empty()).then_some(causes),
    })
}

fn buffer(asked: u32) -> Result<usize, FieldError> {
    usize::try_from(asked)
        .ok()
        .filter(|asked| *asked <= BUFFER_LEN_MAX)
        .ok_or_else(|| {
            let problem = FieldProblem::OutOfRange("at most the server's subscription_buffer_max");
            FieldError::new("buffer_size", problem)
        })
}

fn overflow(raw: i32) -> Result<Overflow, FieldError> {
    match wire::Overflow::try_from(raw) {
        Ok(wire::Overflow::Unspecified | wire::Overflow::DropOldest) => Ok(Overflow::DropOldest),
        Ok(wire::Overflow::DropNewest) => Ok(Overflow::DropNewest),
        Ok(wire::Overflow::Close) => Ok(Overflow::Close),
        Err(_) => Err(FieldError::new(
            "overflow",
            FieldProblem::OutOfRange("a value of Overflow"),
        )),
    }
}

fn gap(dropped: u64, first_sequence: u64, reason: GapReason) -> wire::Gap {
    wire::Gap {
        dropped,
        first_sequence,
        reason: match reason {
            GapReason::SlowReader => wire::GapReason::SlowReader,
            GapReason::Overload => wire::GapReason::AgentOverload,
        }
        .into(),
    }
}

fn heartbeat(moment: &Moment<'_>) -> wire::Heartbeat {
    wire::Heartbeat {
        sent_at: Some(to_wire_time(moment.delivered)),
        ready: moment.ready,
        own_state_age: moment.own_state_age.map(to_wire_duration),
    }
}

fn removal(reason: Removal) -> world::RemovalReason {
    match reason {
        Removal::Silent | Removal::Expired => world::RemovalReason::Expired,
        Removal::Cancelled => world::RemovalReason::Cancelled,
        Removal::WorldFull | Removal::CellFull | Removal::SignerFull => {
            world::RemovalReason::Evicted
        }
        Removal::Revoked => world::RemovalReason::Revoked,
        Removal::LeftArea => world::RemovalReason::LeftArea,
        Removal::FilteredOut => world::RemovalReason::FilteredOut,
    }
}

fn hazard_removal(reason: Removal) -> hazard::RemovalReason {
    match reason {
        Removal::Silent | Removal::Expired => hazard::RemovalReason::Expired,
        Removal::Cancelled => hazard::RemovalReason::Cancelled,
        Removal::WorldFull | Removal::CellFull | Removal::SignerFull => {
            hazard::RemovalReason::Evicted
        }
        Removal::Revoked => hazard::RemovalReason::Revoked,
        Removal::LeftArea => hazard::RemovalReason::LeftArea,
        Removal::FilteredOut => hazard::RemovalReason::FilteredOut,
    }
}

const STATIONS_MAX: usize = 256;
