use std::sync::{Arc, Mutex, PoisonError};

use tonic::{Code, Request, Response, Status};
use wayside::{
    id::ActionId,
    pipeline::{PublishError, Station},
    rpc::{
        self,
        hazard::v1::{
            CancelRequest, CancelResponse, CorroborateRequest, CorroborateResponse, Event,
            GetRequest, GetResponse, ListRequest, ListResponse, NegateRequest, NegateResponse,
            ReportRequest, ReportResponse, SubscribeRequest, SubscribeResponse, UpdateRequest,
            UpdateResponse, hazard_service_server::HazardService,
        },
        types::v1::Hazard,
    },
    time::Now,
    world::FeedConfig,
};

use super::{
    refusal::unpublished,
    repeats::{Repeat, Repeats, RequestName},
    server::Inner,
    subscription::subscribe,
    world::place,
};
use crate::Role;
use wayside::serve::{Admission, Caller, Outlet, bad_token, from_gate, page, page_len};

/// Reports, ends and tells hazards.
#[derive(Clone, Debug)]
pub(super) struct HazardDoor {
    pub(super) agent: Arc<Inner>,
    pub(super) repeats: Arc<Mutex<Repeats>>,
}

#[tonic::async_trait]
impl HazardService for HazardDoor {
    type SubscribeStream = Outlet<SubscribeResponse>;

    async fn report(
        &self,
        request: Request<ReportRequest>,
    ) -> Result<Response<ReportResponse>, Status> {
        let caller: Caller<Role> = from_gate(&request)?;
        let request = request.into_inner();
        let report = rpc::required_event(request.event.as_ref())?;
        let name = rpc::parse_request_id(&request.request_id)?.map(|request_id| RequestName {
            caller: caller.identity.to_string(),
            request_id: request_id.to_owned(),
        });
        // Held during the call, so that two repeats at once report one event.
        let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        let event = request.event.unwrap_or_default();
        if let Some(name) = &name
            && let Some(answer) = answered(&repeats, name, &event)?
        {
            return Ok(Response::new(answer));
        }
        let action = self
            .agent
            .handle
            .call(|station, now| station.report_hazard(report, now))
            .map_err(|error| unpublished(&error))?;
        if let Some(name) = name {
            repeats.insert(name, event, action);
        }
        Ok(Response::new(ReportResponse {
            action_id: Some(action.into()),
            repeated_request: false,
        }))
    }

    async fn update(
        &self,
        request: Request<UpdateRequest>,
    ) -> Result<Response<UpdateResponse>, Status> {
        let request = request.get_ref();
        let action = rpc::required_action(request.action_id.as_ref())?;
        let report = rpc::required_event(request.event.as_ref())?;
        self.change(|station, now| station.update_hazard(action, &report, now))?;
        Ok(Response::new(UpdateResponse {}))
    }

    async fn cancel(
        &self,
        request: Request<CancelRequest>,
    ) -> Result<Response<CancelResponse>, Status> {
        let action = rpc::required_action(request.get_ref().action_id.as_ref())?;
        self.change(|station, now| station.cancel_hazard(action, now))?;
        Ok(Response::new(CancelResponse {}))
    }

    async fn negate(
        &self,
        request: Request<NegateRequest>,
    ) -> Result<Response<NegateResponse>, Status> {
        let action = rpc::required_action(request.get_ref().action_id.as_ref())?;
        self.change(|station, now| station.negate_hazard(action, now))?;
        Ok(Response::new(NegateResponse {}))
    }

    async fn corroborate(
        &self,
        request: Request<CorroborateRequest>,
    ) -> Result<Response<CorroborateResponse>, Status> {
        let action = rpc::required_action(request.get_ref().action_id.as_ref())?;
        let hazard = self.agent.handle.call(|station, now| {
            station.corroborate_hazard(action)?;
            let known = station.world().hazard(action);
            let known = known.ok_or(PublishError::HazardUnknown(action))?;
            Ok::<_, PublishError>(rpc::to_wire_hazard(known, now.timestamp))
        });
        Ok(Response::new(CorroborateResponse {
            hazard: Some(hazard.map_err(|error| unpublished(&error))?),
        }))
    }

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let config = FeedConfig::try_from(request.get_ref())?;
        let place = from_gate::<Admission, _>(&request)?.open_stream()?;
        subscribe(&self.agent, config, place, rpc::to_wire_hazard_event).map(Response::new)
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListResponse>, Status> {
        let request = request.get_ref();
        let len = page_len(request.page_size)?;
        let last = parse_token(&request.page_token)?;
        let area = rpc::area_filter(request.area.as_ref())?;
        let (hazards, next) = self.agent.handle.call(|station, now| {
            let area = place(&area, station)?;
            let inside = known(station).into_iter().filter(|known| {
                area.as_ref()
                    .is_none_or(|area| area.contains(known.hazard().position))
            });
            let (page, next) = page(inside, Known::action, last.as_ref(), len);
            let hazards = page.iter().map(|known| known.to_wire(now)).collect();
            Ok::<_, Status>((hazards, next))
        })?;
        Ok(Response::new(ListResponse {
            hazards,
            next_page_token: next.map(|action| action.to_string()).unwrap_or_default(),
        }))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        let action = rpc::required_action(request.get_ref().action_id.as_ref())?;
        let hazard = self.agent.handle.call(|station, now| {
            let known = known(station);
            let found = known.iter().find(|known| known.action() == action)?;
            Some(found.to_wire(now))
        });
        let hazard = hazard.ok_or_else(|| unpublished(&PublishError::HazardUnknown(action)))?;
        Ok(Response::new(GetResponse {
            hazard: Some(hazard),
        }))
    }
}

impl HazardDoor {
    fn change(
        &self,
        work: impl FnOnce(&mut Station, Now) -> Result<(), PublishError>,
    ) -> Result<(), Status> {
        self.agent
            .handle
            .call(work)
            .map_err(|error| unpublished(&error))
    }
}

/// A hazard of either kind.
enum Known<'a> {
    Own(&'a wayside::pipeline::OwnHazard),
    Heard(&'a wayside::world::KnownHazard),
}

impl Known<'_> {
    fn hazard(&self) -> &wayside::message::Hazard {
        match self {
            Self::Own(own) => &own.hazard,
            Self::Heard(known) => known.hazard(),
        }
    }

    fn action(&self) -> ActionId {
        self.hazard().action
    }

    fn to_wire(&self, now: Now) -> Hazard {
        match self {
            Self::Own(own) => rpc::to_wire_own_hazard(own, now.timestamp),
            Self::Heard(known) => rpc::to_wire_hazard(known, now.timestamp),
        }
    }
}

/// All hazards that hold, ordered by event.
fn known(station: &Station) -> Vec<Known<'_>> {
    let own = station.own_hazards().map(Known::Own);
    let heard = station.world().hazards().map(|known| Known::Heard(known));
    let mut all: Vec<_> = own.chain(heard).collect();
    all.sort_by_key(Known::action);
    all
}

fn answered(
    repeats: &Repeats,
    name: &RequestName,
    event: &Event,
) -> Result<Option<ReportResponse>, Status> {
    match repeats.find(name, event) {
        Repeat::New => Ok(None),
        Repeat::Of(action) => Ok(Some(ReportResponse {
            action_id: Some(action.into()),
            repeated_request: true,
        })),
        Repeat::Reused => Err(rpc::refusal(
            Code::AlreadyExists,
            "REQUEST_ID_REUSED",
            "the request_id was used for another event",
        )),
    }
}

/// Reads what [`ActionId`]'s `Display` writes.
fn parse_token(token: &str) -> Result<Option<ActionId>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    let parse = || {
        let (station, sequence) = token.split_once('/')?;
        Some(ActionId {
            station: rpc::parse_station(station, "page_token").ok()?,
            sequence: sequence.parse().ok()?,
        })
    };
    parse().map(Some).ok_or_else(|| bad_token().into())
}
