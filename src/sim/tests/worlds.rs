use std::time::Duration;

use super::{Convoy, deliveries, place, refusals, seconds, start};
use crate::{
    id::StationId,
    link::{ControlFrame, Transmit},
    message::{Cause, Message},
    pipeline::HazardReport,
    security::{Class, IssuerKey, Signer, SignerConfig, SlotClock, TrustDomain},
    sim::{Conditions, NodeId, Seed},
    time::Instant,
};

#[test]
fn everybody_in_a_quiet_convoy_hears_everybody() {
    let mut convoy = Convoy::new(4, Conditions::default(), 1);
    convoy.drive(seconds(2));
    for viewer in 0..4 {
        for seen in (0..4).filter(|seen| *seen != viewer) {
            assert!(convoy.sees(NodeId(viewer), NodeId(seen)));
        }
    }
    // 20 states each, three hearers.
    let events = convoy.road.take_events();
    for car in 0..4 {
        assert_eq!(deliveries(&events, NodeId(car)), 60);
    }
    assert_eq!(refusals(&convoy.road, &convoy.cars), []);
}

#[test]
fn a_car_that_falls_silent_is_forgotten() {
    let mut convoy = Convoy::new(2, Conditions::default(), 2);
    convoy.drive(seconds(1));
    assert!(convoy.sees(NodeId(0), NodeId(1)));
    convoy.cars.pop();
    convoy.drive(seconds(10));
    assert!(!convoy.sees(NodeId(0), NodeId(1)));
}

#[test]
fn a_newcomer_learns_of_a_live_hazard_at_once() {
    let mut convoy = Convoy::new(3, Conditions::default(), 3);
    convoy.road.disconnect(NodeId(0), NodeId(2));
    convoy.drive(seconds(1));
    let action = convoy
        .road
        .with(NodeId(0), |station, now| {
            station.report_hazard(HazardReport::of(Cause::STATIONARY_VEHICLE_BREAKDOWN), now)
        })
        .unwrap();
    convoy.drive(seconds(1));
    let knows = |convoy: &Convoy, car| {
        convoy
            .road
            .station(NodeId(car))
            .world()
            .hazard(action)
            .is_some()
    };
    assert!(knows(&convoy, 1));
    assert!(!knows(&convoy, 2));
    convoy.road.connect(NodeId(0), NodeId(2));
    let at = convoy.road.now().instant;
    convoy.road.run_until(at);
    assert!(knows(&convoy, 2));
}

#[test]
fn a_newcomer_learns_what_was_said_of_a_hazards_end_while_nobody_was_there() {
    for is_own in [true, false] {
        let mut convoy = Convoy::new(3, Conditions::default(), 3);
        convoy.drive(seconds(1));
        let action = convoy
            .road
            .with(NodeId(0), |station, now| {
                station.report_hazard(HazardReport::of(Cause::STATIONARY_VEHICLE_BREAKDOWN), now)
            })
            .unwrap();
        convoy.drive(seconds(1));
        // Who says that it is over is alone; who comes to it then knows the hazard.
        let speaker = NodeId(usize::from(!is_own));
        for other in (0..3).map(NodeId).filter(|other| *other != speaker) {
            convoy.road.disconnect(speaker, other);
        }
        convoy
            .road
            .with(speaker, |station, now| {
                if is_own {
                    station.cancel_hazard(action, now)
                } else {
                    station.negate_hazard(action, now)
                }
            })
            .unwrap();
        convoy.drive(seconds(20));
        assert!(convoy.road.connect(speaker, NodeId(2)));
        convoy.drive(seconds(1));
        let known = convoy.road.station(NodeId(2)).world().hazard(action);
        let negations = known.map(|known| known.negations());
        assert_eq!(negations, (!is_own).then_some(1));
        assert_eq!(
            convoy.road.station(speaker).own_hazards().count(),
            0,
            "what somebody else reported is not this car's"
        );
    }
}

#[test]
fn a_cancelled_hazard_is_gone_everywhere() {
    let mut convoy = Convoy::new(3, Conditions::default(), 4);
    convoy.drive(seconds(1));
    let report = HazardReport {
        position: Some(place(100.0)),
        ..HazardReport::of(Cause::EMERGENCY_BRAKE_LIGHT)
    };
    let action = convoy
        .road
        .with(NodeId(0), |station, now| station.report_hazard(report, now))
        .unwrap();
    convoy.drive(seconds(1));
    convoy
        .road
        .with(NodeId(0), |station, now| station.cancel_hazard(action, now))
        .unwrap();
    convoy.drive(seconds(1));
    for car in 1..3 {
        assert!(
            convoy
                .road
                .station(NodeId(car))
                .world()
                .hazard(action)
                .is_none()
        );
    }
    assert_eq!(convoy.road.station(NodeId(0)).own_hazards().count(), 0);
}

#[test]
fn a_car_cancels_its_hazard_after_a_change_of_ticket() {
    let slots = SlotClock::from_length_s(5).unwrap();
    let mut convoy = Convoy::with_slots(3, Conditions::default(), 5, slots);
    convoy.drive(seconds(1));
    let before = convoy
        .road
        .station(NodeId(0))
        .identity(convoy.road.now())
        .unwrap()
        .station;
    let action = convoy
        .road
        .with(NodeId(0), |station, now| {
            station.report_hazard(HazardReport::of(Cause::STATIONARY_VEHICLE_BREAKDOWN), now)
        })
        .unwrap();
    convoy.drive(seconds(12));
    let after = convoy
        .road
        .station(NodeId(0))
        .identity(convoy.road.now())
        .unwrap()
        .station;
    assert_ne!(before, after);
    assert!(
        convoy
            .road
            .station(NodeId(1))
            .world()
            .hazard(action)
            .is_some()
    );
    convoy
        .road
        .with(NodeId(0), |station, now| station.cancel_hazard(action, now))
        .unwrap();
    convoy.drive(seconds(1));
    assert!(
        convoy
            .road
            .station(NodeId(1))
            .world()
            .hazard(action)
            .is_none()
    );
}

#[test]
fn nothing_is_lost_where_tickets_change() {
    let slots = SlotClock::from_length_s(5).unwrap();
    let mut convoy = Convoy::with_slots(3, Conditions::default(), 6, slots);
    convoy.drive(seconds(20));
    let events = convoy.road.take_events();
    for car in 0..3 {
        assert_eq!(deliveries(&events, NodeId(car)), 400);
    }
    assert_eq!(refusals(&convoy.road, &convoy.cars), []);
}

#[test]
fn a_car_that_brakes_hard_keeps_its_name_until_it_does_no_more() {
    let slots = SlotClock::from_length_s(60).unwrap();
    let mut convoy = Convoy::with_slots(2, Conditions::default(), 6, slots);
    convoy.drive(seconds(1));
    let name = |convoy: &Convoy| convoy.road.station(NodeId(0)).station().unwrap();
    let calm = name(&convoy);
    // To the end of this slot, beyond any jitter.
    let start = convoy.road.now().timestamp;
    let end = slots.end(slots.slot_at(start)).saturating_add(seconds(6));
    convoy.braking = Some(NodeId(0));
    convoy.drive(end.since(start));
    assert_eq!(name(&convoy), calm);
    convoy.braking = None;
    convoy.drive(seconds(1));
    assert_ne!(name(&convoy), calm);
}

#[test]
fn virtual_time_has_its_start() {
    let mut convoy = Convoy::new(1, Conditions::default(), 7);
    convoy
        .road
        .run_until(Instant::from_origin(Duration::from_millis(1_500)));
    assert_eq!(
        convoy.road.now().timestamp.since(start()),
        Duration::from_millis(1_500)
    );
}

#[test]
fn tickets_stay_known_unless_their_issuer_is_withdrawn() {
    let mut convoy = Convoy::new(2, Conditions::default(), 8);
    convoy.drive(seconds(1));
    let domain = convoy.cast.domain();
    let one = *domain.issuers().next().unwrap();
    let another = IssuerKey {
        id: 2,
        key: Seed(9).signing_key("another").verifying_key(),
        ..one
    };
    let with = |slots, issuers| {
        let domain = TrustDomain::new(domain.id(), slots, issuers, true).unwrap();
        std::sync::Arc::new(domain)
    };
    let take = |convoy: &mut Convoy, domain| {
        let car = NodeId(0);
        convoy
            .road
            .with(car, |station, now| station.handle_domain(domain, now))
    };
    let both = with(domain.slots(), vec![one, another]);
    take(&mut convoy, both).unwrap();
    convoy.drive(seconds(1));
    assert!(convoy.road.are_connected(NodeId(0), NodeId(1)));
    assert_eq!(refusals(&convoy.road, &convoy.cars), []);

    let shorter = SlotClock::from_length_s(20).unwrap();
    let other_slots = with(shorter, vec![one]);
    assert!(take(&mut convoy, other_slots).is_err());

    let withdrawn = with(domain.slots(), vec![another]);
    take(&mut convoy, withdrawn).unwrap();
    assert!(!convoy.road.are_connected(NodeId(0), NodeId(1)));
    let station = convoy.road.station(NodeId(0));
    assert_eq!(station.world().objects_len(), 0);
    // Nor are tickets of its own used any more that nobody believes.
    assert!(station.identity(convoy.road.now()).is_none());
}

#[test]
fn m18_unknown_digests_are_asked_for_once_a_second() {
    let mut convoy = Convoy::new(2, Conditions::default(), 9);
    convoy.drive(seconds(1));
    let peer = convoy.road.peer(NodeId(0), NodeId(1)).unwrap();
    let before = convoy.road.station(NodeId(1)).link_counters();
    let mut flood = 0;
    for step in 0..30_u32 {
        let now = convoy.road.now();
        let mut signer = Signer::new(
            SignerConfig::default(),
            convoy.cast.wallet("stranger", Class::Car),
            &[],
            now,
        );
        while let Some(reservation) = signer.poll_reservation() {
            signer.handle_reserved(reservation);
        }
        // The first message brings the ticket, which is kept back.
        let message = Message::Telemetry(convoy.telemetry(NodeId(0)));
        let say = |signer: &mut Signer| signer.sign(&message, now.timestamp, now).unwrap().bytes;
        say(&mut signer);
        for _ in 0..20 {
            let bytes = say(&mut signer);
            let mut datagram = u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
            datagram.extend(&bytes);
            flood += datagram.len();
            let frame = Transmit::Datagram(datagram.into());
            convoy.road.inject(NodeId(0), peer, frame);
        }
        let next = Instant::from_origin(seconds(1) + seconds(1) * (step + 1) / 10);
        convoy.road.run_until(next);
    }
    let after = convoy.road.station(NodeId(1)).link_counters();
    let asked = after.control.sent - before.control.sent;
    assert!((1..=4).contains(&asked), "{asked} questions in 3 s");
    // Each of them is shorter than any message that it answers.
    assert!(
        ControlFrame::TicketRequest(StationId::from_bytes([0; 8]))
            .encode()
            .len()
            * 600
            < flood
    );
}
