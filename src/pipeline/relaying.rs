use bytes::Bytes;

use super::{Event, OwnHazard, Station, hazards::queue_until};
use crate::{
    id::PeerId,
    link::{ControlFrame, TicketBytes},
    message::{HazardStatement, MessageType, Telemetry},
    plausibility::judge_hazard,
    relay::{self, HazardChange, Joined, Relay, Route, UnitPlace},
    security::{AdmittedTicket, Refusal, Signed, Verified, VerifiedMessage},
    time::Now,
    world::Observed,
};

impl Station {
    /// Makes this station pass on to others what it verified, and keep hazards for those who come
    /// later, from its place at the road. One that does already goes on with what it keeps.
    pub fn handle_relay(&mut self, place: UnitPlace, config: relay::Config, now: Now) {
        if let Some(relay) = &mut self.roadside.relay {
            relay.handle_change(place, config);
            return self.drain_relay(now);
        }
        let mut relay = Relay::new(config, place, now);
        if let Some(certificate) = &self.unit {
            relay.handle_certificate(certificate);
        }
        self.roadside.relay = Some(Box::new(relay));
        let peers: Vec<_> = self.peers.iter().map(|(peer, _)| peer).collect();
        for peer in peers {
            self.join(peer, now);
        }
    }

    /// Takes back a hazard that [`Event::HazardKept`] gave before a restart, with its signer's ticket
    /// and its hops.
    pub fn restore_hazard(
        &mut self,
        signer: &[u8],
        (bytes, hops): (Bytes, u8),
        now: Now,
    ) -> Result<(), Refusal> {
        self.verifier.handle_ticket_bytes(signer, now)?;
        let kept = self.verifier.handle_kept_envelope(bytes, now)?;
        let VerifiedMessage::Hazard(verified) = kept else {
            return Ok(());
        };
        let route = Route { from: None, hops };
        if self.is_own_event(verified.message()) {
            self.hazards.insert(OwnHazard {
                hazard: verified.message().hazard.clone(),
                bytes: verified.bytes().clone(),
                signer: verified.station(),
            });
            self.pass_on_hazard(&verified, route, now);
            return Ok(());
        }
        let track = self.world.track(verified.station());
        let judged = judge_hazard(verified.clone(), track);
        if is_news(self.world.observe_hazard(judged, hops, now)) {
            self.pass_on_hazard(&verified, route, now);
        }
        self.raise_world_events();
        Ok(())
    }

    /// Hazards that are kept for others, with what is said against them; 0 in a car.
    pub fn hazards_kept(&self) -> usize {
        let relay = self.roadside.relay.as_ref();
        relay.map_or(0, |relay| relay.hazards_len())
    }

    /// Takes in that a peer said hello.
    pub(super) fn join(&mut self, peer: PeerId, now: Now) {
        let Some((ticket, remote)) = self
            .peers
            .get(peer)
            .and_then(|joined| Some((joined.ticket.as_ref()?, joined.remote)))
        else {
            return;
        };
        let joined = Joined {
            station: ticket.station(),
            is_unit: ticket.is_unit(),
            remote,
        };
        match &mut self.roadside.relay {
            Some(relay) => {
                relay.handle_joined(peer, &joined, now);
                if joined.is_unit
                    && let Some(touched) = self.peers.touch(peer)
                {
                    touched.link.handle_units(now);
                }
            }
            None if joined.is_unit => self.tell_interest(peer, now),
            None => {}
        }
        if joined.is_unit {
            self.tell_evidence(peer, now);
        }
        self.drain_relay(now);
    }

    /// Tells telemetry to those it interests.
    pub(super) fn pass_on_telemetry(
        &mut self,
        verified: &Verified<Telemetry>,
        route: Route,
        now: Now,
    ) {
        let Some(relay) = &mut self.roadside.relay else {
            return;
        };
        let forward = relay.handle_telemetry(verified, route, now);
        let age_max = self.config.verifier.telemetry_age_max;
        let rest = if verified.clock_doubted() {
            // How old it is only those can say who know the time.
            age_max
        } else {
            age_max.saturating_sub(now.timestamp.since(verified.generated()))
        };
        let expires = now.instant + rest;
        for target in &forward.targets {
            if target.needs_ticket {
                self.hand_over(target.peer, verified.ticket());
            }
            if let Some(touched) = self.peers.touch(target.peer) {
                let passed_on = (verified.bytes().clone(), forward.hops);
                touched
                    .link
                    .queue_telemetry(verified.station(), passed_on, expires, now);
            }
        }
        self.count_relayed(MessageType::Telemetry, forward.targets.len());
        self.drain_relay(now);
    }

    /// Tells a hazard to those it concerns, and keeps it.
    pub(super) fn pass_on_hazard(
        &mut self,
        verified: &Verified<HazardStatement>,
        route: Route,
        now: Now,
    ) {
        let Some(relay) = &mut self.roadside.relay else {
            return;
        };
        let forward = relay.handle_hazard(verified, route, now);
        let is_own = self.signer.ticket_of(verified.station()).is_some();
        let hops = if is_own { 0 } else { forward.hops };
        let expires = queue_until(verified.message().hazard.expires(), now);
        for target in &forward.targets {
            if target.needs_ticket {
                self.hand_over(target.peer, verified.ticket());
            }
            if let Some(touched) = self.peers.touch(target.peer) {
                touched
                    .link
                    .queue_hazard(verified.bytes().clone(), hops, expires);
            }
        }
        self.count_relayed(MessageType::Hazard, forward.targets.len());
        self.drain_relay(now);
    }

    /// Tells an own hazard as any other to those it concerns; returns whether this station is a unit
    /// that can.
    pub(super) fn pass_on_own_hazard(&mut self, signed: &Signed, now: Now) -> bool {
        let ticket = self.signer.ticket_of(signed.station);
        let Some(ticket) = ticket.filter(|_| self.roadside.relay.is_some()) else {
            return false;
        };
        let shown = self.shown(ticket);
        if self
            .verifier
            .handle_ticket_bytes(shown.as_slice(), now)
            .is_err()
        {
            return false;
        }
        match self
            .verifier
            .handle_kept_envelope(signed.bytes.clone(), now)
        {
            Ok(VerifiedMessage::Hazard(verified)) => {
                let route = Route {
                    from: None,
                    hops: 0,
                };
                self.pass_on_hazard(&verified, route, now);
                true
            }
            Ok(VerifiedMessage::Telemetry(_)) | Err(_) => false,
        }
    }

    /// Carries out what time alone makes the relay do.
    pub(super) fn check_relay(&mut self, now: Now) {
        if let Some(relay) = &mut self.roadside.relay
            && relay.poll_timeout().is_some_and(|due| due <= now.instant)
        {
            relay.handle_timeout(now);
            self.drain_relay(now);
        }
    }

    /// Carries out what the relay wants said.
    pub(super) fn drain_relay(&mut self, now: Now) {
        while let Some(relay) = &mut self.roadside.relay
            && let Some(handover) = relay.poll_hazard(now)
        {
            let is_own = self.signer.ticket_of(handover.signer).is_some();
            let hops = if is_own { 0 } else { handover.hops };
            if let Some(ticket) = &handover.ticket {
                self.hand_over(handover.peer, ticket);
            }
            if let Some(touched) = self.peers.touch(handover.peer) {
                let expires = queue_until(handover.expires, now);
                touched.link.queue_hazard(handover.bytes, hops, expires);
            }
            self.count_relayed(MessageType::Hazard, 1);
        }
        while let Some(relay) = &mut self.roadside.relay
            && let Some((peer, notice)) = relay.poll_notice()
        {
            self.queue_notice(peer, &notice);
        }
        self.raise_kept_hazards();
    }

    /// Tells the edge what a restart should find again.
    pub(super) fn raise_kept_hazards(&mut self) {
        while let Some(relay) = &mut self.roadside.relay
            && let Some(change) = relay.poll_change()
        {
            self.raise(match change {
                HazardChange::Kept {
                    action,
                    negated_by,
                    ticket,
                    bytes,
                    hops,
                } => Event::HazardKept {
                    action,
                    negated_by,
                    signer: ticket.to_bytes(),
                    bytes,
                    hops,
                },
                HazardChange::Forgotten { action, negated_by } => {
                    Event::HazardForgotten { action, negated_by }
                }
            });
        }
    }

    /// Hands somebody's ticket to a peer, which verifies by itself.
    pub(super) fn hand_over(&mut self, peer: PeerId, ticket: &AdmittedTicket) {
        if let Some(bytes) = TicketBytes::from_slice(&ticket.to_bytes())
            && let Some(touched) = self.peers.touch(peer)
        {
            touched.link.queue_control(&ControlFrame::Ticket(bytes));
        }
    }

    fn count_relayed(&mut self, kind: MessageType, targets: usize) {
        if targets > 0 {
            let count = self.counters.relayed.entry(kind).or_default();
            *count += u64::try_from(targets).unwrap_or(u64::MAX);
        }
    }
}

/// Whether what became of a hazard here is no reason to keep it from others. An end or a negation
/// of an event that this station never heard of may be of one that they did.
pub(super) fn is_news(observed: Observed) -> bool {
    observed.is_taken() || observed == Observed::Unmatched
}
