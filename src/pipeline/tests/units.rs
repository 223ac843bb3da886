//! How a roadside unit and a car get to know each other.

use std::{sync::Arc, time::Duration};

use crate::{
    crypto::VerifyingKey,
    id::{ChainId, PeerId},
    link::{ControlFrame, HelloFrame, PROTOCOL_VERSION, TicketBytes, Transmit},
    message::{Cause, MessageType},
    pipeline::{Config, DisconnectReason, Event, Handshake, HazardReport, Station},
    security::{
        Class, Operators, Permissions, Slot, TicketOrder, TrustDomain, Wallet,
        sample::{Authority, SampleUnit, cruising, key, start},
    },
    time::Now,
};

const PEER: PeerId = PeerId(1);

/// A car and a unit, whose frames the test carries.
struct Scene {
    authority: Authority,
    unit: SampleUnit,
    car: Station,
    now: Now,
}

impl Scene {
    fn new() -> Self {
        Self::with(SampleUnit::new())
    }

    fn with(unit: SampleUnit) -> Self {
        let authority = Authority::new();
        let mut car = station(&authority.domain, authority.wallet(1, start()));
        car.handle_operators(unit.operators.clone());
        Self {
            authority,
            unit,
            car,
            now: start(),
        }
    }

    fn slot(&self) -> Slot {
        self.authority.domain.slots().slot_at(self.now.timestamp)
    }

    /// The unit as a station of its own.
    fn unit_station(&self) -> Station {
        let domain = &self.authority.domain;
        let mut unit = station(domain, self.unit.wallet(domain, self.now));
        unit.handle_unit(self.unit.certificate.clone());
        unit
    }

    /// Somebody connects to the car with this key and says hello with this ticket; what the car makes
    /// of it.
    fn greet(&mut self, theirs: VerifyingKey, ticket: TicketBytes) -> Option<DisconnectReason> {
        connect(&mut self.car, theirs, self.now);
        let hello = ControlFrame::Hello(HelloFrame {
            version: PROTOCOL_VERSION,
            ticket,
        });
        self.car.handle_control(PEER, &hello.encode(), self.now);
        disconnected(&mut self.car)
    }

    /// The same with the ticket of a unit, under its own key.
    fn greet_as_unit(&mut self) -> Option<DisconnectReason> {
        let credential = self.unit.credential(&self.authority.domain, self.slot());
        self.greet(credential.key().verifying_key(), self.shown())
    }

    fn shown(&self) -> TicketBytes {
        let ticket = self.unit.ticket(&self.authority.domain, self.slot());
        TicketBytes::Unit(Box::new(ticket.to_bytes()))
    }
}

#[test]
fn a_unit_is_one_by_its_operators_certificate() {
    let mut scene = Scene::new();
    assert_eq!(scene.greet_as_unit(), None);
    assert_eq!(scene.car.peer_is_unit(PEER), Some(true));
}

#[test]
fn a_unit_shows_its_certificate_in_its_hello_and_when_it_is_asked() {
    let scene = Scene::new();
    let mut unit = scene.unit_station();
    connect(&mut unit, key(&[b"somebody"]).verifying_key(), scene.now);
    let hello = ControlFrame::Hello(HelloFrame {
        version: PROTOCOL_VERSION,
        ticket: scene.shown(),
    });
    let sent = unit.poll_transmit(scene.now);
    assert_eq!(sent, Some((PEER, Transmit::Control(hello.encode()))));

    let car = scene.authority.credential(2, scene.slot());
    let mut unit = scene.unit_station();
    connect(&mut unit, car.key().verifying_key(), scene.now);
    let hello = ControlFrame::Hello(HelloFrame {
        version: PROTOCOL_VERSION,
        ticket: TicketBytes::Vehicle(Box::new(*car.ticket().as_bytes())),
    });
    unit.handle_control(PEER, &hello.encode(), scene.now);
    let own = unit.station().unwrap();
    let request = ControlFrame::TicketRequest(own).encode();
    unit.handle_control(PEER, &request, scene.now);
    let answer = ControlFrame::Ticket(scene.shown()).encode();
    let sent: Vec<_> = std::iter::from_fn(|| unit.poll_transmit(scene.now)).collect();
    assert_eq!(sent.last(), Some(&(PEER, Transmit::Control(answer))));
}

#[test]
fn a_hello_under_another_key_than_the_handshakes_is_refused() {
    let mut scene = Scene::new();
    let shown = scene.shown();
    let refused = scene.greet(key(&[b"another"]).verifying_key(), shown);
    assert_eq!(refused, Some(DisconnectReason::Hello));
}

#[test]
fn a_unit_of_another_operator_or_ledger_is_refused() {
    for operators in [
        Operators::default(),
        Operators {
            chain: ChainId::from_bytes([9; 32]),
            ..SampleUnit::new().operators
        },
        Operators {
            keys: vec![key(&[b"another operator"]).verifying_key()],
            ..SampleUnit::new().operators
        },
    ] {
        let mut scene = Scene::new();
        scene.car.handle_operators(operators);
        assert_eq!(scene.greet_as_unit(), Some(DisconnectReason::Hello));
        let refused = scene.car.counters().refused.get("unit_certificate");
        assert_eq!(refused, Some(&1));
    }
}

#[test]
fn a_unit_whose_certificate_is_over_is_refused() {
    let hour = Duration::from_secs(3_600);
    let now = start().timestamp;
    let expired = SampleUnit::certified(now.saturating_sub(hour * 2), now.saturating_sub(hour));
    assert_eq!(
        Scene::with(expired).greet_as_unit(),
        Some(DisconnectReason::Hello)
    );
}

#[test]
fn a_ticket_of_the_ticket_authority_makes_no_unit() {
    let mut scene = Scene::new();
    let pretender = key(&[b"pretender"]);
    let ticket = scene.authority.issuer.issue(&TicketOrder {
        class: Class::RoadsideUnit,
        permissions: Permissions::HAZARD_ROAD,
        slot: scene.slot(),
        linkage: [3; 12],
        key: pretender.verifying_key(),
    });
    let shown = TicketBytes::Vehicle(Box::new(*ticket.as_bytes()));
    let refused = scene.greet(pretender.verifying_key(), shown);
    assert_eq!(refused, Some(DisconnectReason::Hello));
    assert_eq!(scene.car.counters().refused.get("not_a_unit"), Some(&1));
}

#[test]
fn a_unit_is_left_when_its_operator_leaves() {
    let mut scene = Scene::new();
    assert_eq!(scene.greet_as_unit(), None);
    let operators = scene.unit.operators.clone();
    scene.car.handle_operators(operators);
    assert_eq!(disconnected(&mut scene.car), None);
    scene.car.handle_operators(Operators::default());
    assert_eq!(
        disconnected(&mut scene.car),
        Some(DisconnectReason::IssuerWithdrawn)
    );
}

#[test]
fn a_units_hazard_that_comes_before_its_certificate_is_taken_after_it() {
    let mut scene = Scene::new();
    let mut unit = scene.unit_station();
    let report = HazardReport {
        position: Some(cruising().position),
        ..HazardReport::of(Cause::STATIONARY_VEHICLE_BREAKDOWN)
    };
    unit.report_hazard(report, scene.now).unwrap();
    let bytes = std::iter::from_fn(|| unit.poll_event()).find_map(|event| {
        let Event::Published { bytes, .. } = event else {
            return None;
        };
        Some(bytes)
    });
    // Another car brings it, from a unit that this one has not met.
    let other = scene.authority.credential(2, scene.slot());
    let shown = TicketBytes::Vehicle(Box::new(*other.ticket().as_bytes()));
    assert_eq!(scene.greet(other.key().verifying_key(), shown), None);
    drain(&mut scene.car);
    let Transmit::HazardStream(stream) = Transmit::hazard_stream(&bytes.unwrap(), 2) else {
        unreachable!()
    };
    scene.car.handle_hazard_stream(PEER, stream, scene.now);
    let request = ControlFrame::TicketRequest(unit.station().unwrap()).encode();
    let asked = std::iter::from_fn(|| scene.car.poll_transmit(scene.now))
        .any(|sent| sent == (PEER, Transmit::Control(request.clone())));
    assert!(asked);
    assert_eq!(scene.car.world().hazards_len(), 0);
    let answer = ControlFrame::Ticket(scene.shown()).encode();
    scene.car.handle_control(PEER, &answer, scene.now);
    assert_eq!(scene.car.world().hazards_len(), 1);
    let delivered = std::iter::from_fn(|| scene.car.poll_event()).find_map(|event| {
        let Event::Delivered(delivery) = event else {
            return None;
        };
        Some((delivery.kind, delivery.hops))
    });
    assert_eq!(delivered, Some((MessageType::Hazard, 2)));
    assert_eq!(scene.car.world().hazards().next().unwrap().hops(), 2);
}

fn station(domain: &Arc<TrustDomain>, wallet: Wallet) -> Station {
    let config = Config::default();
    let mut station = Station::new(config, Arc::clone(domain), wallet, &[], start());
    while let Some(event) = station.poll_event() {
        if let Event::Reserve(reservation) = event {
            station.handle_reserved(reservation);
        }
    }
    station
}

fn connect(station: &mut Station, theirs: VerifyingKey, now: Now) {
    let handshake = Handshake {
        own: station.identity(now).unwrap().key,
        theirs,
        remote: None,
    };
    station.handle_connected(PEER, handshake, now);
}

fn disconnected(station: &mut Station) -> Option<DisconnectReason> {
    std::iter::from_fn(|| station.poll_event()).find_map(|event| {
        let Event::Disconnect { reason, .. } = event else {
            return None;
        };
        Some(reason)
    })
}

fn drain(station: &mut Station) {
    while station.poll_event().is_some() {}
    while station.poll_transmit(start()).is_some() {}
}
