use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming};
use wayside::{
    id::StationId,
    message::Telemetry,
    pipeline::{OwnState, PublishError, Published},
    rpc::{
        self, FieldError, FieldProblem,
        telemetry::v1::{
            Outcome, PublishObjectsRequest, PublishObjectsResponse, PublishRequest,
            PublishResponse, PublishStateRequest, PublishStateResponse, VehicleSignals,
            telemetry_service_server::TelemetryService,
        },
        types::v1::VehicleState,
    },
    units::Speed,
};

use crate::trip::TripSample;

use super::{publication::Publication, refusal::StateRefusal, server::Inner};
use wayside::serve::{Admission, Outlet, from_gate, outlet};

/// Takes the own vehicle's states.
#[derive(Clone, Debug)]
pub(super) struct TelemetryDoor(pub(super) Arc<Inner>);

#[tonic::async_trait]
impl TelemetryService for TelemetryDoor {
    type PublishStream = Outlet<PublishResponse>;

    async fn publish(
        &self,
        request: Request<Streaming<PublishRequest>>,
    ) -> Result<Response<Self::PublishStream>, Status> {
        let admission: Admission = from_gate(&request)?;
        let (inlet, outlet) = outlet(admission.open_stream()?);
        let publication = Publication::new(Arc::clone(&self.0), admission);
        tokio::spawn(publication.run(request.into_inner(), inlet));
        Ok(Response::new(outlet))
    }

    async fn publish_state(
        &self,
        request: Request<PublishStateRequest>,
    ) -> Result<Response<PublishStateResponse>, Status> {
        let request = request.get_ref();
        let (outcome, station) = publish(
            &self.0,
            &Told {
                state: request.state.as_ref(),
                measured: request.measured_at.as_ref(),
                ignition_off: request.ignition_off,
                odometer_m: request.odometer_m,
                signals: request.signals.as_ref(),
            },
        )?;
        Ok(Response::new(PublishStateResponse {
            outcome: outcome.into(),
            station_id: station
                .map(|station| station.to_string())
                .unwrap_or_default(),
        }))
    }

    async fn publish_objects(
        &self,
        request: Request<PublishObjectsRequest>,
    ) -> Result<Response<PublishObjectsResponse>, Status> {
        let sighted = rpc::parse_sighted(&request.get_ref().objects)?;
        let handle = &self.0.handle;
        let borne_out = handle.call(|station, _| station.handle_sighted(&sighted));
        Ok(Response::new(PublishObjectsResponse {
            hazards_borne_out: u32::try_from(borne_out).unwrap_or(u32::MAX),
        }))
    }
}

/// What a driving stack tells of its vehicle.
pub(super) struct Told<'a> {
    pub(super) state: Option<&'a VehicleState>,
    pub(super) measured: Option<&'a prost_types::Timestamp>,
    pub(super) ignition_off: Option<bool>,
    pub(super) odometer_m: Option<u64>,
    pub(super) signals: Option<&'a VehicleSignals>,
}

/// Gives one state to the station.
pub(super) fn publish(
    agent: &Inner,
    told: &Told<'_>,
) -> Result<(Outcome, Option<StationId>), StateRefusal> {
    let telemetry = parse(told.state)?;
    let measured = rpc::from_wire_time(told.measured.copied(), "measured_at")?;
    let published = agent.handle.call(|station, now| {
        if let Some(signals) = told.signals {
            station.handle_signals(signals.into());
        }
        let state = OwnState {
            telemetry: telemetry.clone(),
            measured: measured.unwrap_or(now.timestamp),
        };
        let published = station.handle_state(state, now);
        (published, station.station(), now)
    });
    let (published, station, now) = published;
    // What cannot be signed, for want of a ticket, was driven all the same.
    if matches!(published, Ok(_) | Err(PublishError::Sign(_))) {
        let measured = measured.unwrap_or(now.timestamp);
        let hub = &agent.hub;
        hub.handle_own_motion(&telemetry, measured, now.instant);
        hub.handle_measured(TripSample {
            measured,
            position: telemetry.position,
            speed_m_per_s: telemetry.speed.map(Speed::m_per_s),
            ignition_off: told.ignition_off,
            odometer_m: told.odometer_m,
        });
    }
    let outcome = match published? {
        Published::Sent => Outcome::Sent,
        Published::Held => Outcome::NotDue,
    };
    Ok((outcome, station))
}

fn parse(state: Option<&VehicleState>) -> Result<Telemetry, FieldError> {
    let state = state.ok_or_else(|| FieldError::new("state", FieldProblem::Missing))?;
    Telemetry::try_from(state).map_err(|error| error.within("state"))
}
