use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::{debug, error, info, warn};
use wayside::{
    link::HOPS_MAX,
    message::MessageType,
    pipeline::{Event, Station},
    security::Reservation,
    telemetry::Metrics,
    time::Now,
    transport::EventSink,
};

use crate::issuing::Issuer;

use super::{
    store::{Name, Store},
    traffic::TrafficDesk,
};

/// Passes on what the station reports: to metrics, the journal and the disk.
///
/// It is called with the station's mutex held, so nothing here waits.
pub(super) struct Sink {
    pub(super) metrics: Arc<Metrics>,
    pub(super) reservations: mpsc::Sender<Reservation>,
    pub(super) store: Store,
    pub(super) traffic: Arc<TrafficDesk>,
    pub(super) issuer: Option<Issuer>,
}

impl EventSink for Sink {
    fn handle_event(&mut self, _station: &Station, event: Event, now: Now) {
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
                    error!("the journal does not keep up: the unit's station cannot sign");
                }
            }
            Event::HazardKept {
                action,
                negated_by,
                signer,
                bytes,
                hops,
            } => {
                let value = to_value(&signer, &bytes, hops);
                self.store.put(Name::Heard { action, negated_by }, value);
            }
            Event::HazardForgotten { action, negated_by } => {
                self.store.put(Name::Heard { action, negated_by }, None);
            }
            Event::LoadChanged(load) => info!(load = load.name(), "the relay's load changed"),
            Event::Disconnect { peer, reason } => {
                debug!(?peer, reason = reason.name(), "closed a connection");
            }
            Event::Equivocation(equivocation) => {
                debug!(?equivocation, "a station contradicts itself");
                warn!("a station signed two messages with one sequence");
            }
            Event::Accused {
                station,
                reason,
                accusation,
            } => {
                debug!(%station, reason, "something stands against a station");
                match &self.issuer {
                    Some(issuer) => issuer.accuse(station, accusation),
                    None => debug!("this unit has no issuing key to accuse by; others may"),
                }
            }
            Event::PeerRevoked { station, number } => {
                debug!(%station, number, "a station's ticket is revoked");
            }
            Event::OwnRevoked { number, until } => {
                error!(number, %until, "the relay's own tickets are revoked");
            }
            Event::OwnReinstated => info!("the relay's own tickets are no longer revoked"),
            Event::ListAdvanced { next, .. } => debug!(next, "the revocation list advanced"),
            Event::TicketChanged => debug!("changed to the next ticket"),
            Event::Received { .. }
            | Event::Introduced { .. }
            | Event::UnitsTold { .. }
            | Event::Shed { .. }
            | Event::StackResumed
            | Event::StackSilent(_)
            | Event::Rotate { .. } => {}
            Event::World(event) => self.traffic.handle_event(&event, now),
        }
    }
}

/// A hazard, over how many hops it came, and its signer's ticket, as they are kept on disk; `None` if they
/// are none.
///
/// Two bytes, of which the first four bits are the hops and the others the ticket's length; the ticket; the
/// envelope.
pub(super) fn to_value(signer: &[u8], bytes: &[u8], hops: u8) -> Option<Vec<u8>> {
    let len = u16::try_from(signer.len()).ok()?;
    if len >> LEN_BITS != 0 {
        return None;
    }
    let head = u16::from(hops.min(HOPS_MAX)) << LEN_BITS | len;
    Some([&head.to_be_bytes()[..], signer, bytes].concat())
}

/// The signer's ticket, and the hazard with its hops, of what [`to_value`] wrote; `None` for anything else.
pub(super) fn from_value(value: &[u8]) -> Option<(&[u8], &[u8], u8)> {
    let (head, rest) = value.split_first_chunk::<2>()?;
    let head = u16::from_be_bytes(*head);
    let (signer, bytes) = rest.split_at_checked(usize::from(head & ((1 << LEN_BITS) - 1)))?;
    let hops = u8::try_from(head >> LEN_BITS).ok()?;
    Some((signer, bytes, hops))
}

const LEN_BITS: u32 = 12;
