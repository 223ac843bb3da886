use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::{debug, error, info, warn};
use wayside::{
    message::MessageType,
    pipeline::{Event, Station},
    security::Reservation,
    telemetry::Metrics,
    time::Now,
    transport::EventSink,
};

use crate::{grpc::Hub, record::Recorder, roadside::Roadside};

/// Passes on what the station reports: to subscribers, metrics, the journal and the recording.
///
/// It is called with the station's mutex held, so nothing here waits.
pub(super) struct Sink {
    pub(super) hub: Hub,
    pub(super) metrics: Arc<Metrics>,
    pub(super) reservations: mpsc::Sender<Reservation>,
    pub(super) recorder: Option<Recorder>,
    /// What units say; `None` where the vehicle uses none.
    pub(super) roadside: Option<Roadside>,
}

impl EventSink for Sink {
    fn handle_event(&mut self, _station: &Station, event: Event, now: Now) {
        self.hub.handle_event(&event);
        match event {
            Event::Delivered(delivery) => {
                let age = now.timestamp.since(delivery.generated);
                self.metrics.count_delivered(delivery.kind.name(), age);
            }
            Event::Published { kind, .. } => self.metrics.count_published(kind.name()),
            Event::Refused { peer, kind, reason } => {
                debug!(?peer, reason, "refused a message");
                let kind = kind.map_or("unknown", MessageType::name);
                self.metrics.count_rejected(kind, reason);
            }
            Event::Reserve(reservation) => {
                if self.reservations.try_send(reservation).is_err() {
                    error!("the journal does not keep up: the station cannot sign");
                }
            }
            Event::Received {
                bytes, received, ..
            } => {
                if let Some(recorder) = &self.recorder {
                    recorder.record(bytes, received.timestamp);
                }
            }
            Event::Disconnect { peer, reason } => {
                debug!(?peer, reason = reason.name(), "closed a connection");
            }
            Event::Equivocation(equivocation) => {
                debug!(?equivocation, "a station contradicts itself");
                warn!("a station signed two messages with one sequence");
            }
            Event::StackSilent(silent_for) => {
                self.metrics.set_state_silent(true);
                warn!(?silent_for, "the driving stack is silent");
            }
            Event::StackResumed => {
                self.metrics.set_state_silent(false);
                info!("the driving stack publishes again");
            }
            Event::PeerRevoked { station, number } => {
                debug!(%station, number, "a station's ticket is revoked");
            }
            Event::OwnRevoked { number, until } => {
                warn!(number, %until, "this vehicle's tickets are revoked: it signs nothing more");
            }
            Event::OwnReinstated => info!("this vehicle's tickets are no longer revoked"),
            Event::ListAdvanced { next, .. } => debug!(next, "the revocation list advanced"),
            Event::TicketChanged => info!("changed to the next ticket"),
            Event::LoadChanged(load) => info!(load = load.name(), "the load changed"),
            Event::Introduced { peer, neighbours } => {
                if let Some(roadside) = &self.roadside {
                    roadside.handle_introduced(peer, neighbours);
                }
            }
            Event::UnitsTold { peer, units } => {
                if let Some(roadside) = &self.roadside {
                    roadside.handle_told(peer, units);
                }
            }
            Event::Shed { shed, .. } => {
                if let Some(roadside) = &self.roadside {
                    roadside.handle_shed(&shed);
                }
            }
            // Only units keep the hazards of others, and accuse.
            Event::Accused { .. } | Event::HazardKept { .. } | Event::HazardForgotten { .. } => {}
            Event::Rotate { .. } | Event::World(_) => {}
        }
    }
}
