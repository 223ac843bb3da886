use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming};
use wayside::{
    id::StationId,
    message::Telemetry,
    pipeline::{OwnState, PublishError, Published},
    rpc::{
        self, FieldError, FieldProblem,
        telemetry::v1::{
            Outcome, PublishRequest, PublishResponse, PublishStateRequest, PublishStateResponse,
            telemetry_service_server::TelemetryService,
        },
        types::v1::VehicleState,
    },
};

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
            request.state.as_ref(),
            request.measured_at.as_ref(),
        )?;
        Ok(Response::new(PublishStateResponse {
            outcome: outcome.into(),
            station_id: station
                .map(|station| station.to_string())
                .unwrap_or_default(),
        }))
    }
}

/// Gives one state to the station.
pub(super) fn publish(
    agent: &Inner,
    state: Option<&VehicleState>,
    measured: Option<&prost_types::Timestamp>,
) -> Result<(Outcome, Option<StationId>), StateRefusal> {
    let telemetry = parse(state)?;
    let measured = rpc::from_wire_time(measured.copied(), "measured_at")?;
    let position = telemetry.position;
    let published = agent.handle.call(|station, now| {
        let state = OwnState {
            telemetry,
            measured: measured.unwrap_or(now.timestamp),
        };
        let published = station.handle_state(state, now)?;
        Ok::<_, PublishError>((published, station.station(), now))
    });
    let (published, station, now) = published?;
    agent.hub.handle_own_state(position, now.instant);
    let outcome = match published {
        Published::Sent => Outcome::Sent,
        Published::Held => Outcome::NotDue,
    };
    Ok((outcome, station))
}

fn parse(state: Option<&VehicleState>) -> Result<Telemetry, FieldError> {
    let state = state.ok_or_else(|| FieldError::new("state", FieldProblem::Missing))?;
    Telemetry::try_from(state).map_err(|error| error.within("state"))
}
