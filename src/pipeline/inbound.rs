use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;

use super::{
    Delivery, DisconnectReason, Event, Station, counters::count, hazards::queue_until, peers::Peer,
    relaying::is_news,
};
use crate::{
    crypto::VerifyingKey,
    id::{PeerId, StationId},
    link::{ControlFrame, HelloFrame, Link, LinkError, LinkEvent, PROTOCOL_VERSION, TicketBytes},
    message::{HazardStatement, MessageType, Termination},
    plausibility::{Judged, judge_hazard, judge_telemetry},
    relay::Route,
    security::{Class, Envelope, Refusal, Ticket, UnitTicket, VerifiedMessage},
    time::{Instant, Now},
    world::Observed,
};

/// What a handshake told: the TLS identities of the two ends, and where the other one is.
#[derive(Clone, Copy, Debug)]
pub struct Handshake {
    /// Ours, when the handshake began.
    pub own: VerifyingKey,
    /// The other side's.
    pub theirs: VerifyingKey,
    /// Where its packets come from, if they come by a network.
    pub remote: Option<SocketAddr>,
}

impl Station {
    /// A handshake ended.
    ///
    /// Our hello and all live own hazards are queued to it. A hello under another ticket than that of
    /// the handshake would tie the two.
    pub fn handle_connected(&mut self, peer: PeerId, handshake: Handshake, now: Now) {
        let Some(credential) = self.signer.current(now) else {
            return self.disconnect(peer, DisconnectReason::Hello);
        };
        if credential.key().verifying_key() != handshake.own {
            return self.disconnect(peer, DisconnectReason::Rotated);
        }
        let own = credential.station();
        let ticket = self.shown(credential.ticket());
        if self.peers.len() >= self.config.peers_max {
            self.counters.peers_refused += 1;
            return self.disconnect(peer, DisconnectReason::PeersFull);
        }
        let mut link = Link::new(self.config.link.clone(), now);
        link.queue_control(&ControlFrame::Hello(HelloFrame {
            version: PROTOCOL_VERSION,
            ticket,
        }));
        // A unit tells its own as any others: to those it concerns, once they said what does.
        let is_unit = self.roadside.relay.is_some();
        for told in self.hazards.told_as(own).filter(|_| !is_unit) {
            link.queue_hazard(
                told.bytes.clone(),
                0,
                queue_until(told.hazard.expires(), now),
            );
        }
        // After a change of ticket, the first words under it wait for the first connection.
        if let Some((signed, expires)) = &self.unheard
            && signed.station == own
        {
            link.queue_telemetry(own, (signed.bytes.clone(), 0), *expires, now);
        }
        self.peers.insert(
            peer,
            Peer {
                link,
                own,
                key: handshake.theirs,
                remote: handshake.remote,
                ticket: None,
                offences: 0,
                list: None,
                asked: None,
                answered: None,
            },
        );
    }

    /// A connection ended; harmless if it is unknown.
    pub fn handle_disconnected(&mut self, peer: PeerId, _now: Now) {
        self.forget_peer(peer);
    }

    /// Takes a datagram of a peer.
    pub fn handle_datagram(&mut self, peer: PeerId, datagram: Bytes, now: Now) {
        self.feed_link(peer, now, |link| link.handle_datagram(datagram, now));
    }

    /// Takes the whole of a peer's unidirectional stream.
    pub fn handle_hazard_stream(&mut self, peer: PeerId, stream: Bytes, now: Now) {
        self.feed_link(peer, now, |link| link.handle_hazard_stream(stream, now));
    }

    /// Takes the whole of a peer's bidirectional stream.
    pub fn handle_control(&mut self, peer: PeerId, frame: &[u8], now: Now) {
        self.feed_link(peer, now, |link| link.handle_control(frame, now));
    }

    /// Takes an envelope that came by no connection, for instance from a recording.
    pub fn handle_message(&mut self, bytes: Bytes, now: Now) {
        self.receive(None, (bytes, 0), now);
    }

    /// Takes a ticket that came by no connection.
    pub fn handle_ticket(&mut self, ticket: &Ticket, now: Now) {
        if let Err(refusal) = self.verifier.handle_ticket(ticket, now) {
            self.refuse((None, None), &refusal, now);
        }
    }

    fn feed_link(
        &mut self,
        peer: PeerId,
        now: Now,
        feed: impl FnOnce(&mut Link) -> Result<(), LinkError>,
    ) {
        let Some(touched) = self.peers.touch(peer) else {
            return;
        };
        let result = feed(&mut touched.link);
        self.drain_link(peer, now);
        self.check_if_due(now);
        if result.is_err_and(LinkError::is_violation) {
            self.disconnect(peer, DisconnectReason::Protocol);
        }
    }

    /// Carries out what a link brought.
    pub(super) fn drain_link(&mut self, peer: PeerId, now: Now) {
        while let Some(event) = self
            .peers
            .touch(peer)
            .and_then(|touched| touched.link.poll_event())
        {
            match event {
                LinkEvent::Hello(hello) => self.handle_hello(peer, &hello, now),
                LinkEvent::Message { bytes, hops } => {
                    if self.config.report_received {
                        self.raise(Event::Received {
                            peer,
                            received: now,
                            bytes: bytes.clone(),
                        });
                    }
                    self.receive(Some(peer), (bytes, hops), now);
                }
                LinkEvent::Ticket(ticket) => self.handle_peer_ticket(peer, &ticket, now),
                LinkEvent::Roadside(notice) => self.handle_roadside(peer, &notice, now),
                LinkEvent::TicketRequest(station) => self.answer(peer, station, now),
                LinkEvent::ListNews(news) => self.handle_list_news(peer, news, now),
                LinkEvent::ListDue => self.ask_for_list(peer, now),
                LinkEvent::ListRequested { have } => self.answer_list(peer, have),
                LinkEvent::ListUpdate(update) => self.handle_peer_list(peer, &update, now),
                LinkEvent::Rotate => self.raise(Event::Rotate { peer }),
                LinkEvent::HelloMissing => self.disconnect(peer, DisconnectReason::Hello),
            }
        }
    }

    /// A peer is who its ticket says if its TLS identity is the ticket's key.
    fn handle_hello(&mut self, peer: PeerId, hello: &HelloFrame, now: Now) {
        let ticket = hello.ticket.as_slice();
        let admitted = self
            .verifier
            .handle_ticket_bytes(ticket, now)
            .and_then(|admitted| {
                if admitted.is_valid_at(now.timestamp) {
                    Ok(admitted)
                } else {
                    Err(Refusal::TicketNotValid)
                }
            });
        let is_crowding = admitted.as_ref().is_ok_and(|admitted| {
            self.peers.connections_of(admitted.station()) >= CONNECTIONS_PER_TICKET_MAX
        });
        let reason = match (admitted, self.peers.touch(peer)) {
            (_, None) => return,
            (Ok(_), Some(_)) if is_crowding => {
                self.counters.peers_refused += 1;
                DisconnectReason::PeersFull
            }
            (Ok(admitted), Some(_)) if self.shunned.contains_key(&admitted.station()) => {
                DisconnectReason::Offences
            }
            (Ok(admitted), Some(touched)) if touched.key == *admitted.key() => {
                let station = admitted.station();
                touched.ticket = Some(admitted);
                self.tell_list(peer);
                self.join(peer, now);
                return self.receive_waiting(station, now);
            }
            (Ok(_), Some(_)) => DisconnectReason::Hello,
            (Err(refusal), Some(_)) => {
                self.refuse((Some(peer), None), &refusal, now);
                if matches!(refusal, Refusal::Revoked(_)) {
                    DisconnectReason::Revoked
                } else {
                    DisconnectReason::Hello
                }
            }
        };
        self.disconnect(peer, reason);
    }

    fn handle_peer_ticket(&mut self, peer: PeerId, ticket: &TicketBytes, now: Now) {
        match self.verifier.handle_ticket_bytes(ticket.as_slice(), now) {
            Ok(admitted) => self.receive_waiting(admitted.station(), now),
            Err(refusal) => self.refuse((Some(peer), None), &refusal, now),
        }
    }

    /// An own ticket as others are shown it.
    pub(super) fn shown(&self, ticket: &Ticket) -> TicketBytes {
        match &self.unit {
            Some(certificate) if ticket.class() == Class::RoadsideUnit => {
                let unit = UnitTicket {
                    certificate: certificate.clone(),
                    ticket: ticket.clone(),
                };
                TicketBytes::Unit(Box::new(unit.to_bytes()))
            }
            Some(_) | None => TicketBytes::Vehicle(Box::new(*ticket.as_bytes())),
        }
    }

    /// Hands over the ticket of this connection; those of others are for their holders to give, or for
    /// a unit that passed on what they said, and to own up to another ticket of ours would tie it to
    /// this one.
    /// Once a second at most, since the answer is longer than the question.
    fn answer(&mut self, peer: PeerId, station: StationId, now: Now) {
        let own = self.signer.ticket_of(station);
        let own = own.map(|ticket| self.shown(ticket));
        if own.is_none()
            && self.roadside.relay.is_some()
            && let Some(ticket) = self.verifier.ticket_of(station)
            && let Some(touched) = self.peers.touch(peer)
            && is_due(touched.answered, now)
        {
            touched.answered = Some(now.instant);
            return self.hand_over(peer, &ticket);
        }
        if let (Some(ticket), Some(touched)) = (own, self.peers.touch(peer))
            && (touched.own == station || self.unit.is_some())
            && is_due(touched.answered, now)
        {
            touched.answered = Some(now.instant);
            touched.link.queue_control(&ControlFrame::Ticket(ticket));
        }
    }

    /// Takes in what waited for a ticket.
    fn receive_waiting(&mut self, station: StationId, now: Now) {
        for waiting in self.waiting.take(station) {
            self.receive(Some(waiting.peer), (waiting.bytes, waiting.hops), now);
        }
    }

    fn receive(&mut self, peer: Option<PeerId>, (bytes, hops): (Bytes, u8), now: Now) {
        let (kind, signer) = (Envelope::kind_of(&bytes), Envelope::station_of(&bytes));
        if peer.is_some_and(|peer| self.sheds(peer, kind, &bytes, now)) {
            return;
        }
        let result = self.verifier.handle_envelope(bytes.clone(), now);
        if peer.is_some() {
            self.note_verified(kind, &result, now);
        }
        let route = Route { from: peer, hops };
        match result {
            Ok(VerifiedMessage::Telemetry(verified)) => {
                if hops == 0 {
                    self.note_heard(peer, verified.station(), now);
                }
                self.pass_on_telemetry(&verified, route, now);
                let record = self.world.record(verified.station());
                let judged = judge_telemetry(verified, record, self.world.surroundings());
                self.keep_evidence(&judged);
                self.testify(&judged, now);
                let delivery = self.delivery((MessageType::Telemetry, hops), &judged);
                let observed = self.world.observe(judged, hops, now);
                self.deliver(delivery, observed);
            }
            Ok(VerifiedMessage::Hazard(verified)) if self.is_own_event(verified.message()) => {
                count(&mut self.counters.not_taken, OWN_EVENT);
            }
            Ok(VerifiedMessage::Hazard(verified)) => {
                let track = self.world.track(verified.station());
                let judged = judge_hazard(verified.clone(), track);
                let delivery = self.delivery((MessageType::Hazard, hops), &judged);
                let observed = self.world.observe_hazard(judged, hops, now);
                if observed.is_taken() {
                    self.agree_with_heard(&verified.message().hazard);
                }
                self.deliver(delivery, observed);
                if is_news(observed) {
                    self.pass_on_hazard(&verified, route, now);
                }
            }
            Err(refusal) => {
                if let (Refusal::UnknownTicket(station), Some(peer)) = (&refusal, peer) {
                    if let Some(kind) = kind {
                        self.waiting
                            .push(kind, (*station, peer), (bytes, hops), now);
                    }
                    self.ask_for_ticket(peer, *station, now);
                }
                // Whoever passes on one of two that contradict each other cannot know of the other.
                let is_anothers = matches!(refusal, Refusal::Equivocation(_))
                    && peer.and_then(|peer| self.peers.get(peer)?.station()) != signer;
                self.refuse((peer.filter(|_| !is_anothers), kind), &refusal, now);
            }
        }
        self.raise_world_events();
        while let Some(proof) = self.verifier.poll_equivocation() {
            self.counters.equivocations += 1;
            self.keep_equivocation(&proof);
            self.raise(Event::Equivocation(proof));
        }
        self.hand_on_evidence(now);
    }

    /// Whether a report is about an event of this station, which knows better; that it does not see
    /// the event may be said by anybody.
    pub(super) fn is_own_event(&self, statement: &HazardStatement) -> bool {
        let hazard = &statement.hazard;
        hazard.termination != Some(Termination::Negation)
            && self.signer.ticket_of(hazard.action.station).is_some()
    }

    fn delivery<M>(&mut self, (kind, hops): (MessageType, u8), judged: &Judged<M>) -> Delivery {
        let verified = judged.verified();
        let flagged: Vec<_> = judged
            .verdict()
            .findings()
            .iter()
            .map(|finding| finding.check.name())
            .collect();
        for check in &flagged {
            count(&mut self.counters.flagged, *check);
        }
        Delivery {
            station: verified.station(),
            kind,
            hops,
            generated: verified.generated(),
            bytes: verified.bytes().clone(),
            flagged,
            revocation_age: verified.revocation_age(),
            revocation_stale: verified.revocation_stale(),
        }
    }

    fn deliver(&mut self, delivery: Delivery, observed: Observed) {
        if observed.is_taken() {
            count(&mut self.counters.delivered, delivery.kind);
            self.raise(Event::Delivered(delivery));
        } else {
            count(&mut self.counters.not_taken, observed.name());
        }
    }

    /// Asks whoever brought a message for the signer's ticket, once a second at most: a flood of
    /// made-up digests must not become a flood of requests.
    fn ask_for_ticket(&mut self, peer: PeerId, station: StationId, now: Now) {
        let Some(touched) = self.peers.touch(peer) else {
            return;
        };
        if is_due(touched.asked, now) {
            touched.asked = Some(now.instant);
            touched
                .link
                .queue_control(&ControlFrame::TicketRequest(station));
        }
    }

    fn refuse(
        &mut self,
        (peer, kind): (Option<PeerId>, Option<MessageType>),
        refusal: &Refusal,
        now: Now,
    ) {
        count(&mut self.counters.refused, refusal.reason());
        self.raise(Event::Refused {
            peer,
            kind,
            reason: refusal.reason(),
        });
        if let Some(id) = peer.filter(|_| refusal.is_offence()) {
            self.note_offence(id, now);
        }
    }

    /// Counts what no honest peer would have brought; cuts the peer off when it is too much.
    pub(super) fn note_offence(&mut self, id: PeerId, now: Now) {
        let Some(offender) = self.peers.touch(id) else {
            return;
        };
        offender.offences += 1;
        if offender.offences >= self.config.offences_max {
            if let Some(station) = offender.station()
                && self.shunned.len() < SHUNNED_MAX
            {
                let until = now.instant + self.config.shun_for;
                self.shunned.insert(station, until);
            }
            self.disconnect(id, DisconnectReason::Offences);
        }
    }

    pub(super) fn disconnect(&mut self, peer: PeerId, reason: DisconnectReason) {
        self.forget_peer(peer);
        self.raise(Event::Disconnect { peer, reason });
    }

    fn forget_peer(&mut self, peer: PeerId) {
        self.peers.remove(peer);
        self.roadside.forget_peer(peer);
    }

    /// Notes whose telemetry comes from itself: units need not tell it.
    fn note_heard(&mut self, peer: Option<PeerId>, signer: StationId, now: Now) {
        let from = peer.and_then(|peer| self.peers.get(peer));
        if from.and_then(Peer::station) == Some(signer) && self.roadside.relay.is_none() {
            self.roadside.note_heard(signer, now);
        }
    }
}

/// Whether what was done last at that moment may be done again.
fn is_due(last: Option<Instant>, now: Now) -> bool {
    last.is_none_or(|last| now.instant.since(last) >= ASK_INTERVAL)
}

const ASK_INTERVAL: Duration = Duration::from_secs(1);

/// Two stations that dial each other at once need two connections; who wants more takes the place
/// of others.
const CONNECTIONS_PER_TICKET_MAX: usize = 4;

const OWN_EVENT: &str = "own_event";

/// Offenders remembered at one time; each needed a ticket of its own.
const SHUNNED_MAX: usize = 1_024;
