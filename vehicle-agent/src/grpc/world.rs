use std::{sync::Arc, time::Duration};

use prost::Message;
use tonic::{Code, Request, Response, Status};
use wayside::{
    geo::{Area, Position},
    pipeline::Station,
    risk::{Subject, Viewer},
    rpc::{
        self,
        world::v1::{
            GetObjectRequest, GetObjectResponse, GetWorldRequest, GetWorldResponse,
            SubscribeRequest, SubscribeResponse, world_service_server::WorldService,
        },
    },
    time::{Now, Timestamp},
    world::{AreaFilter, Extrapolated, FeedConfig},
};

use super::{server::Inner, subscription::subscribe};
use wayside::serve::{Admission, MESSAGE_BYTES_MAX, Outlet, from_gate};

/// Tells what is on the road.
#[derive(Clone, Debug)]
pub(super) struct WorldDoor(pub(super) Arc<Inner>);

#[tonic::async_trait]
impl WorldService for WorldDoor {
    type SubscribeStream = Outlet<SubscribeResponse>;

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let config = FeedConfig::try_from(request.get_ref())?;
        let place = from_gate::<Admission, _>(&request)?.open_stream()?;
        subscribe(&self.0, config, place, rpc::to_wire_world_event).map(Response::new)
    }

    async fn get_world(
        &self,
        request: Request<GetWorldRequest>,
    ) -> Result<Response<GetWorldResponse>, Status> {
        let request = request.get_ref();
        let at = rpc::from_wire_time(request.at, "at")?;
        let area = rpc::area_filter(request.area.as_ref())?;
        let world = self.0.handle.call(|station, now| {
            let at = at.unwrap_or(now.timestamp);
            let area = place(&area, station)?;
            let own = self.0.own_at(station, at);
            world_at(station, at, (area.as_ref(), own), now)
        })?;
        Ok(Response::new(world))
    }

    async fn get_object(
        &self,
        request: Request<GetObjectRequest>,
    ) -> Result<Response<GetObjectResponse>, Status> {
        let name = rpc::parse_station(&request.get_ref().station_id, "station_id")?;
        let found = self.0.handle.call(|station, now| {
            let world = station.world();
            let object = Arc::clone(world.object(name)?);
            let estimate = world.track(name)?.estimate(now.timestamp);
            let own = self.0.own_at(station, now.timestamp);
            let risk = own.and_then(|own| object.risk(&own, now.timestamp));
            Some((object, (estimate, risk), now.timestamp))
        });
        let (object, (estimate, risk), at) = found.ok_or_else(|| {
            rpc::refusal(
                Code::NotFound,
                "STATION_UNKNOWN",
                "no such station is on the road around",
            )
        })?;
        let estimate = estimate.as_ref().map(|estimate| (estimate, at));
        Ok(Response::new(GetObjectResponse {
            object: Some(rpc::to_wire_object(&object, estimate, risk.as_ref(), at)),
        }))
    }
}

/// The part of the earth that a filter means now; `None` is all of it.
pub(super) fn place(area: &AreaFilter, station: &Station) -> Result<Option<Area>, Status> {
    match area {
        AreaFilter::Everywhere => Ok(None),
        AreaFilter::Fixed(area) => Ok(Some(area.clone())),
        AreaFilter::AroundOwn { radius_m } => {
            let own = own_position(station).ok_or_else(|| {
                rpc::refusal(
                    Code::FailedPrecondition,
                    "NO_OWN_STATE",
                    "the area is around the own vehicle, whose position is not known",
                )
            })?;
            Ok(Some(Area::Circle {
                centre: own,
                radius_m: *radius_m,
            }))
        }
    }
}

fn own_position(station: &Station) -> Option<Position> {
    station.own_state().map(|own| own.telemetry.position)
}

impl Inner {
    /// The own vehicle at a moment.
    fn own_at(&self, station: &Station, at: Timestamp) -> Option<Viewer<'_>> {
        let own = station.own_state()?;
        let own = Subject::of(&own.telemetry, own.measured).at(at)?;
        Some(self.assessor.view(own))
    }
}

fn world_at(
    station: &Station,
    at: Timestamp,
    (area, viewer): (Option<&Area>, Option<Viewer<'_>>),
    now: Now,
) -> Result<GetWorldResponse, Status> {
    if at.since(now.timestamp).max(now.timestamp.since(at)) > HORIZON {
        return Err(rpc::refusal(
            Code::OutOfRange,
            "BEYOND_HORIZON",
            "the time is more than 10 s from now",
        ));
    }
    let mut objects = station.world().world_at(at, area);
    let (hazards, truncated) = hazards(station, area, now);
    let mut answer = GetWorldResponse {
        at: Some(rpc::to_wire_time(at)),
        hazards,
        truncated,
        ..GetWorldResponse::default()
    };
    if let Some(own) = own_position(station) {
        objects.sort_by_cached_key(|object| mm(own.distance_m(object.estimate.position)));
    }
    let mut room = MESSAGE_BYTES_MAX.saturating_sub(answer.encoded_len() + ENVELOPE_LEN_MAX);
    for Extrapolated { object, estimate } in &objects {
        let risk = viewer.as_ref().and_then(|viewer| object.risk(viewer, at));
        let estimate = Some((estimate, at));
        let object = rpc::to_wire_object(object, estimate, risk.as_ref(), now.timestamp);
        let len = object.encoded_len() + FIELD_LEN_MAX;
        if len > room {
            answer.truncated = true;
            break;
        }
        room -= len;
        answer.objects.push(object);
    }
    answer
        .objects
        .sort_by(|a, b| a.station_id.cmp(&b.station_id));
    Ok(answer)
}

/// Hazards that fit into half a message, and whether some do not; `HazardService.List` has them.
fn hazards(
    station: &Station,
    area: Option<&Area>,
    now: Now,
) -> (Vec<rpc::types::v1::Hazard>, bool) {
    let mut room = MESSAGE_BYTES_MAX / 2;
    let mut hazards = Vec::new();
    for known in station.world().hazards() {
        if area.is_some_and(|area| !area.contains(known.hazard().position)) {
            continue;
        }
        let hazard = rpc::to_wire_hazard(known, now.timestamp);
        let len = hazard.encoded_len() + FIELD_LEN_MAX;
        if len > room {
            return (hazards, true);
        }
        room -= len;
        hazards.push(hazard);
    }
    (hazards, false)
}

fn mm(metres: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a distance on earth; saturates"
    )]
    let mm = (metres * 1_000.0) as u64;
    mm
}

/// How far from now a track says anything.
const HORIZON: Duration = Duration::from_secs(10);
/// Tag and length of an element of a repeated field.
const FIELD_LEN_MAX: usize = 8;
/// The rest of the response.
const ENVELOPE_LEN_MAX: usize = 64;
