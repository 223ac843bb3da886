use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{Invariant, NodeId, invariant::Breaches, road::Road};
use crate::{
    id::StationId,
    message::MessageType,
    pipeline::{Delivery, Event},
    security::Envelope,
    time::Instant,
};

/// Remembers everything that was signed and everything that was made up, and holds against it what
/// stations take.
///
/// It looks at bytes alone and verifies no signature, so that it cannot be wrong as a verifier can.
#[derive(Debug, Default)]
pub(super) struct Witness {
    /// Every envelope that its signer's own key signed.
    signed: BTreeSet<Bytes>,
    /// Every envelope that nobody may take.
    lies: BTreeMap<Bytes, &'static str>,
    /// Which honest node each station was.
    owners: BTreeMap<StationId, NodeId>,
    sequences: BTreeMap<(StationId, MessageType, u32), Bytes>,
    /// What each node took since it began.
    taken: BTreeMap<NodeId, BTreeSet<Bytes>>,
    pub(super) published: u64,
    pub(super) delivered: u64,
    pub(super) equivocations: u64,
    pub(super) refused: BTreeMap<&'static str, u64>,
    pub(super) lies_told: BTreeMap<&'static str, u64>,
}

impl Witness {
    /// A liar signed this with its own ticket: whoever takes it is not wrong.
    pub(super) fn note_signed(&mut self, liar: &'static str, bytes: &Bytes) {
        *self.lies_told.entry(liar).or_default() += 1;
        self.signed.insert(bytes.clone());
    }

    /// A liar made this up: nobody may take it.
    pub(super) fn note_lie(&mut self, liar: &'static str, bytes: &Bytes) {
        *self.lies_told.entry(liar).or_default() += 1;
        self.lies.insert(bytes.clone(), liar);
    }

    /// A liar said something that is no envelope, or what others had said before.
    pub(super) fn note_noise(&mut self, liar: &'static str) {
        *self.lies_told.entry(liar).or_default() += 1;
    }

    /// The node lost its memory.
    pub(super) fn note_restart(&mut self, node: NodeId) {
        self.taken.remove(&node);
    }

    /// Which honest node a station was.
    pub(super) fn owner(&self, station: StationId) -> Option<NodeId> {
        self.owners.get(&station).copied()
    }

    /// Takes in what honest nodes told their edges.
    pub(super) fn handle_events(
        &mut self,
        events: &[(Instant, NodeId, Event)],
        breaches: &mut Breaches,
    ) {
        // What arrives at once arrives in the same instant as it was signed.
        for (at, node, event) in events {
            if let Event::Published { station, bytes, .. } = event {
                self.handle_published(*node, (*station, bytes), millis(*at), breaches);
            }
        }
        for (at, node, event) in events {
            let at_ms = millis(*at);
            match event {
                Event::Delivered(delivery) => {
                    self.handle_delivery(*node, delivery, at_ms, breaches);
                }
                Event::Equivocation(proof) => {
                    self.equivocations += 1;
                    if let Some(accused) = self.owner(proof.ticket.station()) {
                        breaches.note(Invariant::HonestStationNeverEquivocates, at_ms, || {
                            format!("station {} convicts {}", node.0, accused.0)
                        });
                    }
                }
                Event::Refused { reason, .. } => {
                    *self.refused.entry(*reason).or_default() += 1;
                }
                Event::Disconnect { .. }
                | Event::Published { .. }
                | Event::Received { .. }
                | Event::Reserve(_)
                | Event::Accused { .. }
                | Event::HazardForgotten { .. }
                | Event::HazardKept { .. }
                | Event::Introduced { .. }
                | Event::LoadChanged(_)
                | Event::ListAdvanced { .. }
                | Event::OwnReinstated
                | Event::OwnRevoked { .. }
                | Event::PeerRevoked { .. }
                | Event::Rotate { .. }
                | Event::StackResumed
                | Event::StackSilent(_)
                | Event::Shed { .. }
                | Event::TicketChanged
                | Event::UnitsTold { .. }
                | Event::World(_) => {}
            }
        }
    }

    /// Looks at what is in a node's picture.
    pub(super) fn check_world(&self, road: &Road, node: NodeId, breaches: &mut Breaches) {
        let at_ms = millis(road.now().instant);
        let world = road.station(node).world();
        let objects = world.objects().map(|object| object.verified().bytes());
        let hazards = world.hazards().map(|known| known.verified().bytes());
        for bytes in objects.chain(hazards) {
            if !self.signed.contains(bytes) {
                breaches.note(Invariant::NoUnsignedTrack, at_ms, || {
                    format!("station {} sees what nobody signed", node.0)
                });
            }
            if let Some(liar) = self.lies.get(bytes) {
                breaches.note(Invariant::RefusedMessageLeavesNoTrack, at_ms, || {
                    format!("station {} sees what {liar} made up", node.0)
                });
            }
        }
    }

    fn handle_published(
        &mut self,
        node: NodeId,
        (station, bytes): (StationId, &Bytes),
        at_ms: u64,
        breaches: &mut Breaches,
    ) {
        self.published += 1;
        self.signed.insert(bytes.clone());
        self.owners.insert(station, node);
        let Ok(envelope) = Envelope::parse(bytes.clone()) else {
            return;
        };
        let key = (station, envelope.kind(), envelope.sequence());
        let before = self.sequences.insert(key, bytes.clone());
        if before.is_some_and(|before| before != *bytes) {
            breaches.note(Invariant::HonestStationNeverEquivocates, at_ms, || {
                format!("station {} signed sequence {} twice", node.0, key.2)
            });
        }
    }

    fn handle_delivery(
        &mut self,
        node: NodeId,
        delivery: &Delivery,
        at_ms: u64,
        breaches: &mut Breaches,
    ) {
        self.delivered += 1;
        if !self.signed.contains(&delivery.bytes) {
            breaches.note(Invariant::NoUnsignedTrack, at_ms, || {
                format!("station {} took what nobody signed", node.0)
            });
        }
        if let Some(liar) = self.lies.get(&delivery.bytes) {
            breaches.note(Invariant::RefusedMessageLeavesNoTrack, at_ms, || {
                format!("station {} took what {liar} made up", node.0)
            });
        }
        let taken = self.taken.entry(node).or_default();
        if !taken.insert(delivery.bytes.clone()) {
            breaches.note(Invariant::NoMessageTakenTwice, at_ms, || {
                format!(
                    "station {} took a message of {} twice",
                    node.0, delivery.station
                )
            });
        }
    }
}

pub(super) fn millis(at: Instant) -> u64 {
    u64::try_from(at.since_origin().as_millis()).unwrap_or(u64::MAX)
}
