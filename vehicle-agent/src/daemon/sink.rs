use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, task::spawn_blocking, time::sleep};
use tracing::{debug, error, info, warn};
use wayside::{
    message::MessageType,
    pipeline::{Event, Station},
    security::Reservation,
    telemetry::Metrics,
    time::Now,
    transport::{EventSink, Handle},
};

use crate::{grpc::Hub, journal::Journal, record::Recorder};

/// Passes on what the station reports: to subscribers, metrics, the journal and the recording.
///
/// It is called with the station's mutex held, so nothing here waits.
pub(super) struct Sink {
    pub(super) hub: Hub,
    pub(super) metrics: Arc<Metrics>,
    pub(super) reservations: mpsc::Sender<Reservation>,
    pub(super) recorder: Option<Recorder>,
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
            Event::Rotate { .. } | Event::World(_) => {}
        }
    }
}

/// Writes each reservation down and only then confirms it, off the station's task.
///
/// A disk that refuses is tried again: until it takes the reservation, the station signs with what
/// it has, and then not at all.
pub(super) async fn write_reservations(
    mut journal: Journal,
    mut wanted: mpsc::Receiver<Reservation>,
    handle: Handle,
) {
    while let Some(reservation) = wanted.recv().await {
        loop {
            let written = spawn_blocking(move || {
                let written = journal.append(&reservation);
                (journal, written)
            });
            let Ok((returned, written)) = written.await else {
                error!("writing the journal panicked: the station cannot sign for long");
                return;
            };
            journal = returned;
            match written {
                Ok(()) => break,
                Err(error) => error!(%error, "cannot reserve sequences, trying again"),
            }
            sleep(RETRY_PAUSE).await;
        }
        handle.call(|station, _| station.handle_reserved(reservation));
    }
}

const RETRY_PAUSE: Duration = Duration::from_secs(1);
