use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tonic::{Code, Request, Response, Status};
use wayside::{
    geo::Area,
    id::ActionId,
    message::Validity,
    pipeline::{HazardReport, PublishError, Station},
    relay::Load,
    rpc::{
        self, FieldError, FieldProblem,
        hazard::v1::Event,
        road::v1::{
            CancelHazardRequest, CancelHazardResponse, Count, GetRelayRequest, GetRelayResponse,
            GetTrafficRequest, GetTrafficResponse, ListHazardsRequest, ListHazardsResponse,
            LoadState, PublishHazardRequest, PublishHazardResponse, Relay as WireRelay, RoadHazard,
            SignedTraffic, UpdateHazardRequest, UpdateHazardResponse,
            road_service_server::RoadService,
        },
        types::v1::{Hazard, Position},
    },
    security::SignError,
    serve::{bad_token, page, page_len},
    time::{Now, Timestamp},
    world::AreaFilter,
};

use super::{desk::Desk, refusal::stopping};
use crate::relay::{Relay, RelayError, SpeakError};

/// Says on the road what the operator wants said, and shows how the unit relays.
#[derive(Clone)]
pub(super) struct RoadDoor {
    pub(super) desk: Arc<Desk>,
    pub(super) relay: Option<Relay>,
}

#[tonic::async_trait]
impl RoadService for RoadDoor {
    async fn publish_hazard(
        &self,
        request: Request<PublishHazardRequest>,
    ) -> Result<Response<PublishHazardResponse>, Status> {
        let request = request.get_ref();
        let name = rpc::parse_hazard_id(&request.hazard_id)?;
        let report = report(request.event.as_ref())?;
        if report.position.is_none() {
            return Err(FieldError::new("event.position", FieldProblem::Missing).into());
        }
        let until = self.to_come(rpc::from_wire_time(request.until, "until")?)?;
        let published = self.relay()?.publish(name, report, until).await;
        let published = published.map_err(|error| unsaid(&error))?;
        Ok(Response::new(PublishHazardResponse {
            action_id: Some(published.action.into()),
            repeated_request: published.is_repeated,
            kept: published.is_kept,
        }))
    }

    async fn update_hazard(
        &self,
        request: Request<UpdateHazardRequest>,
    ) -> Result<Response<UpdateHazardResponse>, Status> {
        let request = request.get_ref();
        let name = rpc::parse_hazard_id(&request.hazard_id)?;
        let report = report(request.event.as_ref())?;
        let until = self.to_come(rpc::from_wire_time(request.until, "until")?)?;
        let kept = self.relay()?.update(name, report, until).await;
        let kept = kept.map_err(|error| unsaid(&error))?;
        Ok(Response::new(UpdateHazardResponse { kept }))
    }

    async fn cancel_hazard(
        &self,
        request: Request<CancelHazardRequest>,
    ) -> Result<Response<CancelHazardResponse>, Status> {
        let name = rpc::parse_hazard_id(&request.get_ref().hazard_id)?;
        let kept = self.relay()?.cancel(name).await;
        let kept = kept.map_err(|error| unsaid(&error))?;
        Ok(Response::new(CancelHazardResponse { kept }))
    }

    async fn list_hazards(
        &self,
        request: Request<ListHazardsRequest>,
    ) -> Result<Response<ListHazardsResponse>, Status> {
        let request = request.get_ref();
        let len = page_len(request.page_size)?;
        let last = parse_token(&request.page_token)?;
        let relay = self.relay()?;
        let area = place(&rpc::area_filter(request.area.as_ref())?, relay);
        let own = relay.own_hazards().await.into_iter();
        let own: BTreeMap<ActionId, _> = own
            .map(|(action, name, until)| (action, (name, until)))
            .collect();
        let known = relay.call(move |station, now| known(station, area.as_ref(), now));
        let known = known.await.map_err(|error| unsaid(&error.into()))?;
        let (hazards, next) = page(known.into_iter(), |(action, _)| *action, last.as_ref(), len);
        let hazards = hazards.into_iter().map(|(action, hazard)| {
            let (name, until) = own.get(&action).cloned().unwrap_or_default();
            RoadHazard {
                hazard_id: name,
                hazard: Some(hazard),
                until: until.map(rpc::to_wire_time),
            }
        });
        Ok(Response::new(ListHazardsResponse {
            hazards: hazards.collect(),
            next_page_token: next.map(|action| action.to_string()).unwrap_or_default(),
        }))
    }

    async fn get_relay(
        &self,
        _: Request<GetRelayRequest>,
    ) -> Result<Response<GetRelayResponse>, Status> {
        self.desk.open()?;
        let relay = match &self.relay {
            Some(relay) => to_wire(relay).await,
            None => WireRelay::default(),
        };
        Ok(Response::new(GetRelayResponse { relay: Some(relay) }))
    }

    async fn get_traffic(
        &self,
        request: Request<GetTrafficRequest>,
    ) -> Result<Response<GetTrafficResponse>, Status> {
        let request = request.get_ref();
        let since = rpc::from_wire_time(request.since, "since")?;
        let len = page_len(request.page_size)?.min(REPORTS_MAX);
        let (reports, certificate, more) = self.relay()?.traffic(since, len);
        let reports = reports.into_iter().map(|signed| SignedTraffic {
            report: signed.bytes.into(),
            signature: signed.signature.as_bytes().to_vec().into(),
        });
        Ok(Response::new(GetTrafficResponse {
            reports: reports.collect(),
            unit_certificate: certificate.into(),
            more,
        }))
    }
}

impl RoadDoor {
    fn relay(&self) -> Result<&Relay, Status> {
        self.desk.open()?;
        self.relay.as_ref().ok_or_else(|| {
            let words = "the unit does not relay: its configuration has no section [relay]";
            rpc::refusal(Code::FailedPrecondition, "RELAY_OFF", words)
        })
    }

    /// When a hazard is over, which must be to come.
    fn to_come(&self, until: Option<Timestamp>) -> Result<Option<Timestamp>, FieldError> {
        let now = self.desk.clock.now().timestamp;
        if until.is_some_and(|until| until <= now) {
            let problem = FieldProblem::OutOfRange("a time to come");
            return Err(FieldError::new("until", problem));
        }
        Ok(until)
    }
}

/// What an operator says of a hazard: it holds an hour unless told otherwise.
fn report(event: Option<&Event>) -> Result<HazardReport, FieldError> {
    let mut report = rpc::required_event(event)?;
    if event.is_some_and(|event| event.validity.is_none()) {
        report.validity = Validity::saturating(VALIDITY);
    }
    Ok(report)
}

/// All hazards that hold in an area, ordered by event.
fn known(station: &Station, area: Option<&Area>, now: Now) -> Vec<(ActionId, Hazard)> {
    let is_inside = |position| area.is_none_or(|area| area.contains(position));
    let own = station.own_hazards();
    let own = own.filter(|own| is_inside(own.hazard.position));
    let own = own.map(|own| {
        let hazard = rpc::to_wire_own_hazard(own, now.timestamp);
        (own.hazard.action, hazard)
    });
    let heard = station.world().hazards();
    let heard = heard.filter(|known| is_inside(known.hazard().position));
    let heard = heard.map(|known| {
        let hazard = rpc::to_wire_hazard(known, now.timestamp);
        (known.hazard().action, hazard)
    });
    let all: BTreeMap<ActionId, Hazard> = heard.chain(own).collect();
    all.into_iter().collect()
}

/// The area that a filter means at the unit.
fn place(filter: &AreaFilter, relay: &Relay) -> Option<Area> {
    match filter {
        AreaFilter::Everywhere => None,
        AreaFilter::Fixed(area) => Some(area.clone()),
        AreaFilter::AroundOwn { radius_m } => relay.place().map(|centre| Area::Circle {
            centre,
            radius_m: *radius_m,
        }),
    }
}

async fn to_wire(relay: &Relay) -> WireRelay {
    let standing = relay.standing().await;
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let counts = |counts: &BTreeMap<&'static str, u64>| {
        let counts = counts.iter().map(|(name, count)| Count {
            name: (*name).to_owned(),
            count: *count,
        });
        counts.collect::<Vec<_>>()
    };
    WireRelay {
        enabled: true,
        problems: standing
            .problems
            .iter()
            .map(|it| (*it).to_owned())
            .collect(),
        address: standing
            .address
            .map(|it| it.to_string())
            .unwrap_or_default(),
        position: relay.place().map(|place| Position {
            latitude_deg: Some(place.latitude_deg()),
            longitude_deg: Some(place.longitude_deg()),
            altitude_m: None,
        }),
        radius_m: relay.radius_m(),
        station_id: standing
            .station
            .map(|it| it.to_string())
            .unwrap_or_default(),
        certificate_until: Some(rpc::to_wire_time(relay.certificate_until())),
        load: match standing.load {
            None => LoadState::Unspecified,
            Some(Load::Normal) => LoadState::Normal,
            Some(Load::SheddingFar) => LoadState::SheddingFar,
            Some(Load::HazardsOnly) => LoadState::HazardsOnly,
            Some(Load::Isolated) => LoadState::Isolated,
        }
        .into(),
        vehicles: number(standing.vehicles),
        units: number(standing.units),
        hazards: number(standing.hazards),
        hazards_unwritten: u32::try_from(standing.unwritten).unwrap_or(u32::MAX),
        relayed: counts(&standing.relayed),
        shed: counts(&standing.shed),
        refused: counts(&standing.refused),
        list_next: standing.list_next,
        list_as_of: standing.list_as_of.map(rpc::to_wire_time),
        operators: number(standing.operators),
    }
}

/// Why a hazard is not told, as a status.
fn unsaid(error: &SpeakError) -> Status {
    let words = error.to_string();
    match error {
        SpeakError::Relay(RelayError::Starting) => {
            rpc::retry_later(Code::Unavailable, "RELAY_STARTING", words, START_DELAY)
        }
        SpeakError::Relay(RelayError::Stopped) => stopping(),
        SpeakError::Reused => rpc::refusal(Code::AlreadyExists, "HAZARD_ID_REUSED", words),
        SpeakError::Unknown => rpc::refusal(Code::NotFound, "HAZARD_UNKNOWN", words),
        SpeakError::Publish(PublishError::Sign(SignError::ReservationPending)) => {
            let reason = "RESERVATION_PENDING";
            rpc::retry_later(Code::Unavailable, reason, words, RESERVATION_DELAY)
        }
        SpeakError::Publish(error @ PublishError::HazardsFull(_)) => {
            rpc::refusal(Code::ResourceExhausted, &reason(error), words)
        }
        SpeakError::Publish(error) => rpc::refusal(Code::FailedPrecondition, &reason(error), words),
    }
}

fn reason(error: &PublishError) -> String {
    error.reason().to_ascii_uppercase()
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

/// How long vehicles hold to a hazard that hear nothing more of it, unless told otherwise.
const VALIDITY: Duration = Duration::from_secs(3_600);
/// About how long it takes until a relay has its port, or the ledger says who issues tickets.
const START_DELAY: Duration = Duration::from_secs(5);
/// Reports of one answer.
const REPORTS_MAX: usize = 60;
/// About how long a disk takes to keep a reservation.
const RESERVATION_DELAY: Duration = Duration::from_millis(100);
