use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use zeroize::Zeroizing;

use super::{
    Config, Counters, DisconnectReason, Event, NotReady, OwnHazard, Readiness, accusing::Accusing,
    counters::count, detecting::Watch, generation::Generation, hazards::OwnHazards, lists::Lists,
    outbound::OwnState, peers::Peers, roadside::Roadside, waiting::Waiting,
};
use crate::{
    crypto::VerifyingKey,
    id::{PeerId, StationId},
    link::{ControlFrame, LinkCounters, Transmit},
    message::{AccelerationControl, MessageType},
    security::{
        ClockMonitor, Credential, OwnRevocation, Reservation, SignError, Signed, Signer, Ticket,
        TrustDomain, UnitCertificate, Verifier, Wallet,
    },
    time::{Instant, Now, Timestamp},
    world::World,
};

/// A vehicle's whole part in the exchange, as one machine without clock, socket or disk.
///
/// After [`Self::new`] and each call that takes `now`, drain [`Self::poll_event`] and
/// [`Self::poll_transmit`] until they return `None`, then call [`Self::handle_timeout`] once
/// [`Self::poll_timeout`] has passed. Own messages wait for [`Event::Reserve`]: write it down
/// durably, then call [`Self::handle_reserved`].
pub struct Station {
    pub(super) config: Config,
    pub(super) signer: Signer,
    pub(super) verifier: Verifier,
    pub(super) clock: ClockMonitor,
    pub(super) generation: Generation,
    pub(super) world: World,
    pub(super) hazards: OwnHazards,
    pub(super) watch: Watch,
    pub(super) peers: Peers,
    pub(super) lists: Lists,
    /// What makes this station a roadside unit.
    pub(super) unit: Option<UnitCertificate>,
    pub(super) waiting: Waiting,
    pub(super) roadside: Roadside,
    pub(super) accusing: Accusing,
    pub(super) own: Option<(OwnState, Instant)>,
    pub(super) clock_error_ms: Option<i64>,
    pub(super) stack_silent: bool,
    pub(super) counters: Counters,
    /// Whose hello is refused, after too many offences, until when.
    pub(super) shunned: BTreeMap<StationId, Instant>,
    events: VecDeque<Event>,
    station: Option<StationId>,
    /// What was signed last, if nobody was there who knows us as its signer.
    pub(super) unheard: Option<(Signed, Instant)>,
    next_check: Instant,
}

/// What the TLS side of a connection needs to know of a station.
pub struct Identity {
    /// The id under which messages are signed at present.
    pub station: StationId,
    /// The public key of the ticket, and of the TLS identity.
    pub key: VerifyingKey,
    /// The private half.
    pub tls_seed: Zeroizing<[u8; 32]>,
    /// When the ticket ends, and every connection made with it.
    pub valid_until: Timestamp,
}

impl Station {
    /// A station without peers that goes on after `journal`, everything that was ever written down
    /// for its tickets.
    pub fn new(
        config: Config,
        domain: Arc<TrustDomain>,
        wallet: Wallet,
        journal: &[Reservation],
        now: Now,
    ) -> Self {
        let mut station = Self {
            signer: Signer::new(config.signer.clone(), wallet, journal, now),
            verifier: Verifier::new(config.verifier.clone(), domain),
            clock: ClockMonitor::new(&config.verifier, now),
            generation: Generation::new(config.generation),
            world: World::new(config.world.clone()),
            hazards: OwnHazards::default(),
            watch: Watch::new(config.hazards.clone()),
            peers: Peers::default(),
            lists: Lists::default(),
            unit: None,
            waiting: Waiting::default(),
            roadside: Roadside::new(config.load.clone(), now),
            accusing: Accusing::new(),
            own: None,
            clock_error_ms: None,
            stack_silent: false,
            counters: Counters::default(),
            shunned: BTreeMap::new(),
            events: VecDeque::new(),
            station: None,
            unheard: None,
            next_check: now.instant + CHECK_INTERVAL,
            config,
        };
        station.station = station.signer.current(now).map(Credential::station);
        station.raise_reservations();
        station
    }

    /// Notes that a reservation is in durable storage.
    pub fn handle_reserved(&mut self, reservation: Reservation) {
        self.signer.handle_reserved(reservation);
    }

    /// Adds tickets for later.
    pub fn handle_credentials(&mut self, credentials: Vec<Credential>, now: Now) {
        self.check_clock(now);
        self.signer.handle_credentials(credentials, now);
        self.check(now);
    }

    /// Takes in the certificate that makes this station a roadside unit, by which its tickets were
    /// made: who connects from now on is shown it.
    pub fn handle_unit(&mut self, certificate: UnitCertificate) {
        if let Some(relay) = &mut self.roadside.relay {
            relay.handle_certificate(&certificate);
        }
        self.unit = Some(certificate);
    }

    /// To be called once [`Self::poll_timeout`] has passed.
    pub fn handle_timeout(&mut self, now: Now) {
        for peer in self.peers.due(now.instant) {
            if let Some(touched) = self.peers.touch(peer) {
                touched.link.handle_timeout(now);
            }
            self.drain_link(peer, now);
        }
        self.world.handle_timeout(now);
        self.raise_world_events();
        self.check_relay(now);
        self.check_if_due(now);
    }

    /// What to put on the wire next, and on which connection.
    pub fn poll_transmit(&mut self, now: Now) -> Option<(PeerId, Transmit)> {
        self.peers.poll_transmit(now)
    }

    /// What the edge should know or do.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`Self::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        [
            Some(self.next_check + CHECK_SLACK),
            self.peers.poll_timeout(),
            self.world.poll_timeout(),
            self.roadside
                .relay
                .as_ref()
                .and_then(|relay| relay.poll_timeout()),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The picture of the road.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The trust domain whose tickets count here.
    pub fn domain(&self) -> &Arc<TrustDomain> {
        self.verifier.domain()
    }

    /// How this station behaves.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The latest own state.
    pub fn own_state(&self) -> Option<&OwnState> {
        self.own.as_ref().map(|(state, _)| state)
    }

    /// Own hazards that last, in the order of their names.
    pub fn own_hazards(&self) -> impl DoubleEndedIterator<Item = &OwnHazard> {
        self.hazards.open()
    }

    /// The connections, with the station at the other end once it said hello.
    pub fn peers(&self) -> impl Iterator<Item = (PeerId, Option<StationId>)> {
        self.peers.iter().map(|(id, peer)| (id, peer.station()))
    }

    /// Where a peer's packets come from; `None` if it is unknown or came by no network.
    pub fn peer_address(&self, peer: PeerId) -> Option<SocketAddr> {
        self.peers.get(peer)?.remote
    }

    /// Whether a peer is a roadside unit; `None` before its hello.
    pub fn peer_is_unit(&self, peer: PeerId) -> Option<bool> {
        let ticket = self.peers.get(peer)?.ticket.as_ref()?;
        Some(ticket.is_unit())
    }

    /// The id under which messages are signed at present; `None` without a valid ticket.
    pub fn station(&self) -> Option<StationId> {
        self.station
    }

    /// The ticket under which messages are signed at present; `None` without a valid one.
    pub fn ticket(&self, now: Now) -> Option<Ticket> {
        self.signer
            .current(now)
            .map(|credential| credential.ticket().clone())
    }

    /// Who this station is at present; `None` without a valid ticket.
    pub fn identity(&self, now: Now) -> Option<Identity> {
        let credential = self.signer.current(now)?;
        let slots = self.domain().slots();
        Some(Identity {
            station: credential.station(),
            key: credential.key().verifying_key(),
            tls_seed: credential.key().to_seed(),
            valid_until: slots.valid_until(credential.ticket().slot()),
        })
    }

    /// When the ticket in use makes way for another one, or for none; `None` if none is in use and
    /// none will be.
    pub fn next_ticket_change(&self, now: Now) -> Option<Timestamp> {
        self.signer.next_change(now)
    }

    /// Whether the station can do its work, and if not, why.
    pub fn readiness(&self, now: Now) -> Readiness {
        let mut not_ready = Vec::new();
        let slots = self.domain().slots();
        if let Some(error) = self.clock.doubt(now) {
            not_ready.push(NotReady::ClockDoubted(error));
        }
        match self.signer.check(MessageType::Telemetry, now) {
            Ok(()) | Err(SignError::ClockDoubted(_)) => {}
            Err(SignError::Revoked(OwnRevocation { number, until })) => {
                let until = slots.end(until);
                not_ready.push(NotReady::Revoked { number, until });
            }
            Err(SignError::ReservationPending) => not_ready.push(NotReady::ReservationPending),
            Err(
                SignError::NoTicket
                | SignError::NotPermitted
                | SignError::TooLong(_)
                | SignError::SequencesExhausted
                | SignError::NotOurs(_),
            ) => not_ready.push(NotReady::NoTicket),
        }
        Readiness {
            not_ready,
            stack_silent_for: self
                .own
                .as_ref()
                .map(|(_, heard)| now.instant.since(*heard))
                .filter(|silent| *silent >= self.config.stack_silent_after),
            tickets_left: self.signer.remaining(now),
            tickets_until: self.signer.valid_until(),
            clock_error_ms: self.clock_error_ms,
            revocations_as_of: self.verifier.revocations_as_of(),
            revocations_next: self.verifier.revocations_next(),
            peers: self
                .peers()
                .filter(|(_, station)| station.is_some())
                .count(),
            load: self.load(),
        }
    }

    /// What the station did since it started.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What passed on all its links.
    pub fn link_counters(&self) -> LinkCounters {
        self.peers.counters()
    }

    /// Tells the edge, and drops the oldest word if it does not listen.
    pub(super) fn raise(&mut self, event: Event) {
        if self.events.len() >= self.config.events_max {
            self.events.pop_front();
            self.counters.events_dropped += 1;
        }
        self.events.push_back(event);
    }

    pub(super) fn raise_world_events(&mut self) {
        while let Some(event) = self.world.poll_event() {
            self.raise(Event::World(event));
        }
    }

    pub(super) fn raise_reservations(&mut self) {
        while let Some(reservation) = self.signer.poll_reservation() {
            self.raise(Event::Reserve(reservation));
        }
    }

    /// Looks at what time alone changes where something else has woken the station anyway, so that
    /// a station with traffic needs no wake-up of its own for it.
    pub(super) fn check_if_due(&mut self, now: Now) {
        if self.next_check <= now.instant {
            self.check(now);
        }
    }

    /// Everything that time alone changes: clock, ticket, driving stack, own hazards.
    fn check(&mut self, now: Now) {
        self.next_check = now.instant + CHECK_INTERVAL;
        self.check_clock(now);
        self.hazards.forget_expired(now.timestamp);
        self.check_emergency(now);
        self.signer.handle_timeout(now);
        self.verifier.handle_timeout(now);
        self.raise_reservations();
        self.check_ticket(now);
        self.shunned.retain(|_, until| *until > now.instant);
        self.check_load(now);
        self.tell_interests(now);
        self.check_relay(now);
        for peer in self.peers.over(now.timestamp) {
            self.disconnect(peer, DisconnectReason::TicketOver);
        }
        let silent_for = self
            .own
            .as_ref()
            .map(|(_, heard)| now.instant.since(*heard))
            .filter(|silent| *silent >= self.config.stack_silent_after);
        if let Some(silent_for) = silent_for
            && !self.stack_silent
        {
            self.stack_silent = true;
            self.raise(Event::StackSilent(silent_for));
        }
    }

    pub(super) fn check_clock(&mut self, now: Now) {
        self.clock.handle_time(now);
        let doubt = self.clock.doubt(now);
        self.signer.handle_clock_doubt(doubt);
        self.verifier.handle_clock_doubt(doubt);
    }

    /// Holds or frees the ticket in use.
    pub(super) fn check_emergency(&mut self, now: Now) {
        let is_active = self.is_in_emergency(now) || self.hazards.open().next().is_some();
        self.signer.handle_emergency(is_active, now);
    }

    /// Whether the driving stack brakes to avoid a collision, or warns of one, as its latest state says.
    fn is_in_emergency(&self, now: Now) -> bool {
        let heard = self.own.as_ref().filter(|(_, heard)| {
            let silent_for = now.instant.since(*heard);
            silent_for < self.config.stack_silent_after
        });
        heard.is_some_and(|(own, _)| {
            let control = own.telemetry.acceleration_control;
            control.is_some_and(AccelerationControl::is_emergency)
        })
    }

    /// Tells peers and edge when messages are signed under another ticket from now on.
    ///
    /// None of them goes by a connection that was made under another one: whoever is at its other end
    /// would know both.
    pub(super) fn check_ticket(&mut self, now: Now) {
        let station = self.signer.current(now).map(Credential::station);
        if station == self.station {
            return;
        }
        self.station = station;
        self.generation.reset();
        self.roadside.forget_name();
        self.peers
            .for_each(|link| link.queue_control(&ControlFrame::Rotate));
        self.raise(Event::TicketChanged);
        self.check_own_revocation(now);
    }

    pub(super) fn count_unpublished(&mut self, reason: &'static str) {
        count(&mut self.counters.unpublished, reason);
    }
}

/// How often time alone is looked at.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// How much later a station without traffic wakes for it.
const CHECK_SLACK: Duration = Duration::from_millis(250);
