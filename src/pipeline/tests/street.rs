//! Stations whose frames a test carries, on virtual time and without loss.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use crate::{
    crypto::SigningKey,
    geo::{LocalFrame, Offset, Position},
    id::{ChainId, PeerId},
    link::{ControlFrame, Transmit},
    message::Telemetry,
    pipeline::{Config, Delivery, Event, GenerationRule, Handshake, OwnState, Station},
    relay::{self, UnitPlace},
    security::{
        Operators, Reservation, Slot, UnitCertificate, UnitOrder, Wallet,
        sample::{Authority, key, start},
        unit_credentials,
    },
    time::Now,
};

pub(super) struct Street {
    pub(super) authority: Authority,
    pub(super) now: Now,
    pub(super) stations: Vec<Station>,
    /// What each station raised and nobody looked at yet.
    pub(super) events: Vec<Vec<Event>>,
    /// Who is at the other end of each connection.
    ends: BTreeMap<(usize, PeerId), (usize, PeerId)>,
    /// What was sent, to whom, since it was last looked at.
    pub(super) sent: Vec<(usize, Transmit)>,
    next_peer: u64,
    /// What stations wrote down, for those that start anew.
    journal: Vec<Reservation>,
}

impl Street {
    pub(super) fn new() -> Self {
        Self {
            authority: Authority::new(),
            now: start(),
            stations: Vec::new(),
            events: Vec::new(),
            ends: BTreeMap::new(),
            sent: Vec::new(),
            next_peer: 1,
            journal: Vec::new(),
        }
    }

    /// A car with tickets for this slot and `slots` more.
    pub(super) fn car(&mut self, vehicle: u8, slots: u32) -> usize {
        self.car_with(vehicle, slots, Config::default())
    }

    pub(super) fn car_with(&mut self, vehicle: u8, slots: u32, config: Config) -> usize {
        let clock = self.authority.domain.slots();
        let first = clock.slot_at(self.now.timestamp).number();
        let credentials = (first..=first + slots)
            .map(|slot| self.authority.credential(vehicle, Slot::from_number(slot)))
            .collect();
        self.add(Wallet::new(clock, credentials), config)
    }

    /// A unit so many metres east of the middle, that serves a kilometre around it.
    pub(super) fn unit(&mut self, number: u8, east_m: f64) -> usize {
        self.unit_with(number, east_m, Config::default())
    }

    pub(super) fn unit_with(&mut self, number: u8, east_m: f64, config: Config) -> usize {
        let (unit_key, certificate) = certified(number, self.now);
        let domain = &self.authority.domain;
        let first = domain.slots().slot_at(self.now.timestamp);
        let last = Slot::from_number(first.number() + 8);
        let credentials = unit_credentials(&unit_key, domain, first..=last);
        let unit = self.add(Wallet::new(domain.slots(), credentials), config);
        let now = self.now;
        self.with(unit, |station| {
            station.handle_unit(certificate);
            station.handle_relay(place_of(number, east_m), relay::Config::default(), now);
        });
        unit
    }

    fn add(&mut self, wallet: Wallet, config: Config) -> usize {
        let config = Config {
            generation: GenerationRule::Fixed {
                interval: Duration::from_millis(100),
            },
            ..config
        };
        let domain = Arc::clone(&self.authority.domain);
        let mut station = Station::new(config, domain, wallet, &self.journal, self.now);
        station.handle_operators(operators());
        self.stations.push(station);
        self.events.push(Vec::new());
        self.settle();
        self.stations.len() - 1
    }

    /// Connects two stations under their present tickets.
    pub(super) fn connect(&mut self, a: usize, b: usize) {
        let (peer_a, peer_b) = (PeerId(self.next_peer), PeerId(self.next_peer + 1));
        self.next_peer += 2;
        self.ends.insert((a, peer_a), (b, peer_b));
        self.ends.insert((b, peer_b), (a, peer_a));
        let key_of = |station: usize| self.stations[station].identity(self.now).unwrap().key;
        let (key_a, key_b) = (key_of(a), key_of(b));
        for (station, peer, own, theirs, other) in
            [(a, peer_a, key_a, key_b, b), (b, peer_b, key_b, key_a, a)]
        {
            let handshake = Handshake {
                own,
                theirs,
                remote: Some(address_of(other)),
            };
            let now = self.now;
            self.stations[station].handle_connected(peer, handshake, now);
        }
        self.settle();
    }

    /// The connection of `a` at whose other end `b` is, if there is one.
    pub(super) fn peer_of(&self, a: usize, b: usize) -> Option<PeerId> {
        let mut ends = self.ends.iter();
        ends.find(|((from, _), (to, _))| (*from, *to) == (a, b))
            .map(|((_, peer), _)| *peer)
    }

    pub(super) fn disconnect(&mut self, a: usize, b: usize) {
        let ours: Vec<_> = self
            .ends
            .iter()
            .filter(|((from, _), (to, _))| (*from, *to) == (a, b) || (*from, *to) == (b, a))
            .map(|(end, _)| *end)
            .collect();
        for (station, peer) in ours {
            self.ends.remove(&(station, peer));
            let now = self.now;
            self.stations[station].handle_disconnected(peer, now);
        }
        self.settle();
    }

    /// Calls something on a station, and carries what follows from it.
    pub(super) fn with<R>(&mut self, station: usize, call: impl FnOnce(&mut Station) -> R) -> R {
        let result = call(&mut self.stations[station]);
        self.settle();
        result
    }

    /// A car is so many metres east of the middle.
    pub(super) fn drive(&mut self, car: usize, east_m: f64) {
        let state = OwnState {
            telemetry: Telemetry::at(east(east_m)),
            measured: self.now.timestamp,
        };
        let now = self.now;
        let published = self.with(car, |station| station.handle_state(state, now));
        assert!(published.is_ok(), "{published:?}");
    }

    /// Lets time pass in steps of 50 ms.
    pub(super) fn pass(&mut self, duration: Duration) {
        let end = self.now.after(duration);
        while self.now.instant < end.instant {
            let step = end.instant.since(self.now.instant).min(STEP);
            self.now = self.now.after(step);
            for station in 0..self.stations.len() {
                let now = self.now;
                self.stations[station].handle_timeout(now);
            }
            self.settle();
        }
    }

    /// What a station took into its world since this was last asked.
    pub(super) fn deliveries(&mut self, station: usize) -> Vec<Delivery> {
        let events = std::mem::take(&mut self.events[station]);
        let deliveries = events.into_iter().filter_map(|event| {
            let Event::Delivered(delivery) = event else {
                return None;
            };
            Some(delivery)
        });
        deliveries.collect()
    }

    /// How often a station was handed a ticket since this was last asked of anybody.
    pub(super) fn tickets_handed_to(&mut self, station: usize) -> usize {
        let sent = std::mem::take(&mut self.sent);
        sent.iter()
            .filter(|(to, transmit)| {
                let Transmit::Control(frame) = transmit else {
                    return false;
                };
                let frame = ControlFrame::decode(frame).unwrap();
                *to == station && matches!(frame, ControlFrame::Ticket(_))
            })
            .count()
    }

    /// Carries frames and writes down reservations until nobody has anything left to say.
    fn settle(&mut self) {
        let mut on_the_way = VecDeque::new();
        loop {
            for station in 0..self.stations.len() {
                self.take_events(station);
                while let Some((peer, transmit)) = self.stations[station].poll_transmit(self.now) {
                    if let Some(end) = self.ends.get(&(station, peer)) {
                        self.sent.push((end.0, transmit.clone()));
                        on_the_way.push_back((*end, transmit));
                    }
                }
            }
            let Some(((to, peer), transmit)) = on_the_way.pop_front() else {
                return;
            };
            let (station, now) = (&mut self.stations[to], self.now);
            match transmit {
                Transmit::Datagram(datagram) => station.handle_datagram(peer, datagram, now),
                Transmit::HazardStream(stream) => station.handle_hazard_stream(peer, stream, now),
                Transmit::Control(frame) => station.handle_control(peer, &frame, now),
            }
        }
    }

    fn take_events(&mut self, station: usize) {
        while let Some(event) = self.stations[station].poll_event() {
            if let Event::Reserve(reservation) = &event {
                self.journal.push(*reservation);
                self.stations[station].handle_reserved(*reservation);
            }
            if let Event::Disconnect { peer, .. } = &event
                && let Some((other, theirs)) = self.ends.remove(&(station, *peer))
            {
                self.ends.remove(&(other, theirs));
                let now = self.now;
                self.stations[other].handle_disconnected(theirs, now);
            }
            self.events[station].push(event);
        }
    }
}

/// Those whose units count here.
pub(super) fn operators() -> Operators {
    Operators {
        chain: chain(),
        keys: vec![operator().verifying_key()],
    }
}

/// Where a unit says that it is.
pub(super) fn place_of(number: u8, east_m: f64) -> UnitPlace {
    UnitPlace {
        address: SocketAddr::from(([198, 51, 100, number], 4_433)),
        position: east(east_m),
        radius_m: 1_000,
    }
}

/// From where a station calls.
pub(super) fn address_of(station: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, u8::try_from(station).unwrap()], 50_000))
}

pub(super) fn east(east_m: f64) -> Position {
    let origin = Position::from_deg(44.49, 11.32).unwrap();
    let offset = Offset {
        east_m,
        north_m: 0.0,
    };
    LocalFrame::at(origin).position(offset).unwrap()
}

fn certified(number: u8, now: Now) -> (SigningKey, UnitCertificate) {
    let unit_key = key(&[b"unit", &[number]]);
    let half_a_day = Duration::from_secs(43_200);
    let order = UnitOrder {
        chain: chain(),
        key: unit_key.verifying_key(),
        valid_from: now.timestamp.saturating_sub(half_a_day),
        valid_until: now.timestamp.saturating_add(half_a_day),
    };
    (unit_key, UnitCertificate::issue(&operator(), &order))
}

fn operator() -> SigningKey {
    key(&[b"operator"])
}

fn chain() -> ChainId {
    ChainId::from_bytes([7; 32])
}

const STEP: Duration = Duration::from_millis(50);
