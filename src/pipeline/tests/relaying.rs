//! Cars that hear each other through units.

use std::{num::NonZeroU32, time::Duration};

use bytes::Bytes;

use super::street::{Street, address_of, east, operators, place_of};
use crate::{
    id::StationId,
    link::{ControlFrame, TicketBytes, Transmit},
    message::{Cause, MessageType, RelevanceRadius, Validity},
    pipeline::{Config, Event, HazardReport},
    relay::{Load, LoadConfig, Neighbour, Notice, ShedReason},
    security::Operators,
};

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// A unit in the middle and two cars that know only it.
pub(super) fn three() -> (Street, [usize; 3]) {
    let mut street = Street::new();
    let unit = street.unit(1, 0.0);
    let (a, b) = (street.car(1, 6), street.car(2, 6));
    for (car, east_m) in [(a, 0.0), (b, 100.0)] {
        street.connect(car, unit);
        street.drive(car, east_m);
    }
    street.pass(SECOND);
    (street, [unit, a, b])
}

fn forget(street: &mut Street) {
    street.sent.clear();
    street.events.iter_mut().for_each(Vec::clear);
}

/// What a car heard, with the hops.
fn heard(street: &mut Street, station: usize) -> Vec<(StationId, MessageType, u8, Bytes)> {
    let deliveries = street.deliveries(station).into_iter();
    deliveries
        .map(|it| (it.station, it.kind, it.hops, it.bytes))
        .collect()
}

/// What a station signed.
pub(super) fn signed(street: &Street, station: usize) -> Vec<Bytes> {
    let events = street.events[station].iter();
    let signed = events.filter_map(|event| {
        let Event::Published { bytes, .. } = event else {
            return None;
        };
        Some(bytes.clone())
    });
    signed.collect()
}

pub(super) fn breakdown(validity: Duration) -> HazardReport {
    HazardReport {
        validity: Validity::saturating(validity),
        ..HazardReport::of(Cause::STATIONARY_VEHICLE_BREAKDOWN)
    }
}

#[test]
fn two_cars_hear_each_other_through_a_unit_in_the_original_bytes() {
    let (mut street, [unit, a, b]) = three();
    forget(&mut street);
    let mut bytes = Vec::new();
    for _ in 0..3 {
        street.drive(a, 10.0);
        bytes.extend(signed(&street, a));
        street.events[a].clear();
        street.pass(SECOND);
    }
    let name = street.stations[a].station().unwrap();
    let expected: Vec<_> = bytes
        .into_iter()
        .map(|bytes| (name, MessageType::Telemetry, 1, bytes))
        .collect();
    assert_eq!(expected.len(), 3);
    assert_eq!(heard(&mut street, b), expected);
    assert_eq!(heard(&mut street, a), [], "nothing comes back");
    assert_eq!(street.stations[b].counters().refused.len(), 0);
    assert_eq!(street.stations[a].counters().refused.len(), 0);
    let relayed = &street.stations[unit].counters().relayed;
    assert!(relayed[&MessageType::Telemetry] >= 3);
}

#[test]
fn who_comes_later_is_handed_each_ticket_once() {
    let (mut street, [unit, a, _]) = three();
    // The first words under a ticket bring it; the next ones only name it.
    street.drive(a, 10.0);
    let late = street.car(3, 6);
    street.connect(late, unit);
    street.drive(late, 50.0);
    street.pass(SECOND);
    forget(&mut street);
    for _ in 0..5 {
        street.drive(a, 10.0);
        street.pass(SECOND);
    }
    assert_eq!(heard(&mut street, late).len(), 5);
    assert_eq!(street.tickets_handed_to(late), 1);
    assert_eq!(street.stations[late].counters().refused.len(), 0);
}

#[test]
fn nothing_goes_outside_the_areas_that_were_asked_for() {
    let (mut street, [_, a, b]) = three();
    // Both areas reach less than 2 500 m.
    street.drive(b, 4_000.0);
    street.pass(SECOND);
    forget(&mut street);
    street.drive(a, 0.0);
    street.pass(SECOND);
    assert_eq!(heard(&mut street, b), []);
    street.drive(a, 3_600.0);
    assert_eq!(heard(&mut street, b).len(), 1);
}

#[test]
fn units_tell_each_other_and_a_loop_ends() {
    let mut street = Street::new();
    let units: Vec<_> = [(1, -500.0), (2, 0.0), (3, 500.0)]
        .into_iter()
        .map(|(number, east_m)| street.unit(number, east_m))
        .collect();
    for (a, b) in [(0, 1), (1, 2), (2, 0)] {
        street.connect(units[a], units[b]);
    }
    let (a, b) = (street.car(1, 6), street.car(2, 6));
    street.connect(a, units[0]);
    street.connect(b, units[2]);
    for (car, east_m) in [(a, -100.0), (b, 100.0)] {
        street.drive(car, east_m);
    }
    street.pass(SECOND);
    forget(&mut street);
    street.drive(a, -90.0);
    street.pass(SECOND);
    let name = street.stations[a].station().unwrap();
    let of_car = heard(&mut street, b);
    assert_eq!(of_car.len(), 1);
    assert_eq!((of_car[0].0, of_car[0].2), (name, 2));
    for unit in &units {
        assert_eq!(heard(&mut street, *unit).len(), 1);
    }
    // Each unit hears it of one and is told it once more by the other at most.
    let datagrams = |transmit: &Transmit| matches!(transmit, Transmit::Datagram(_));
    let sent = street.sent.iter().filter(|(_, it)| datagrams(it)).count();
    assert!(sent <= 6, "{sent}");
}

#[test]
fn a_hazard_outlives_its_tickets_and_its_car_ends_it_under_another() {
    let (mut street, [unit, a, _]) = three();
    let now = street.now;
    let report = breakdown(Duration::from_secs(1_800));
    let action = street.with(a, |car| car.report_hazard(report, now).unwrap());
    let first = street.stations[a].station();
    street.disconnect(a, unit);
    // Four slots of five minutes later the car calls again; the unit has another ticket too.
    street.pass(Duration::from_secs(1_200));
    assert_ne!(street.stations[a].station(), first);
    let late = street.car(9, 6);
    street.connect(late, unit);
    street.drive(late, 300.0);
    street.pass(SECOND);
    assert_eq!(street.stations[late].world().hazards_len(), 1);
    let known = street.stations[late]
        .world()
        .hazard(action)
        .unwrap()
        .clone();
    assert_eq!((Some(known.verified().station()), known.hops()), (first, 1));

    street.connect(a, unit);
    let now = street.now;
    street.with(a, |car| car.cancel_hazard(action, now).unwrap());
    street.pass(SECOND);
    assert_eq!(street.stations[late].world().hazards_len(), 0);
    let later = street.car(10, 6);
    street.connect(later, unit);
    street.drive(later, 300.0);
    street.pass(SECOND);
    assert_eq!(street.stations[later].world().hazards_len(), 0);
    assert_eq!(street.stations[later].counters().not_taken["unmatched"], 1);
}

#[test]
fn who_drives_to_where_a_hazard_matters_is_told_of_it() {
    let (mut street, [_, a, b]) = three();
    street.drive(b, 6_000.0);
    street.pass(SECOND);
    let now = street.now;
    let report = HazardReport {
        relevance_radius: RelevanceRadius::from_m(500).unwrap(),
        ..breakdown(Duration::from_secs(600))
    };
    street.with(a, |car| car.report_hazard(report, now).unwrap());
    street.pass(SECOND);
    assert_eq!(street.stations[b].world().hazards_len(), 0);
    street.drive(b, 450.0);
    assert_eq!(street.stations[b].world().hazards_len(), 1);
}

#[test]
fn a_units_own_roadworks_reach_cars_of_another_unit() {
    let (mut street, [unit, a, _]) = three();
    let other = street.unit(2, 1_200.0);
    street.connect(unit, other);
    let far = street.car(4, 6);
    street.connect(far, other);
    street.drive(far, 1_500.0);
    street.pass(SECOND);
    let now = street.now;
    let report = HazardReport {
        position: Some(east(600.0)),
        ..HazardReport::of(Cause::from_codes(3, 0).unwrap())
    };
    let action = street.with(unit, |it| it.report_hazard(report, now).unwrap());
    street.pass(SECOND);
    let own = street.stations[unit].station().unwrap();
    for (car, hops) in [(a, 0), (far, 1)] {
        let known = street.stations[car].world().hazard(action).unwrap();
        assert_eq!((known.verified().station(), known.hops()), (own, hops));
        assert!(known.verified().ticket().is_unit());
    }
    assert_eq!(street.stations[unit].hazards_kept(), 1);
    let now = street.now;
    street.with(unit, |it| it.cancel_hazard(action, now).unwrap());
    street.pass(SECOND);
    assert_eq!(street.stations[far].world().hazards_len(), 0);
}

#[test]
fn neighbours_are_introduced_and_units_told() {
    let (mut street, [unit, a, b]) = three();
    let peer = street.peer_of(a, unit).unwrap();
    let told = |street: &Street, car: usize| {
        let events = street.events[car].iter();
        events.rev().find_map(|event| {
            let Event::UnitsTold { units, .. } = event else {
                return None;
            };
            Some(units.clone())
        })
    };
    assert_eq!(told(&street, a), Some(vec![place_of(1, 0.0)]));
    let now = street.now;
    street.with(a, |car| car.handle_reachable(Some(4_001), now));
    street.with(b, |car| car.handle_reachable(Some(4_002), now));
    street.pass(SECOND * 2);
    let introduced = street.events[a].iter().find_map(|event| {
        let Event::Introduced { peer, neighbours } = event else {
            return None;
        };
        Some((*peer, neighbours.clone()))
    });
    let neighbour = Neighbour {
        station: street.stations[b].station().unwrap(),
        address: std::net::SocketAddr::new(address_of(b).ip(), 4_002),
    };
    assert_eq!(introduced, Some((peer, vec![neighbour])));
}

#[test]
fn who_is_heard_directly_is_not_told_by_the_unit_any_more() {
    let (mut street, [_, a, b]) = three();
    street.connect(a, b);
    for _ in 0..7 {
        street.drive(a, 10.0);
        street.pass(SECOND);
    }
    forget(&mut street);
    let repeats = |street: &Street| {
        let refused = &street.stations[b].counters().refused;
        refused.get("duplicate").copied().unwrap_or(0)
    };
    let before = repeats(&street);
    street.drive(a, 20.0);
    street.pass(SECOND);
    let hops: Vec<_> = heard(&mut street, b).iter().map(|it| it.2).collect();
    assert_eq!((hops, repeats(&street)), (vec![0], before));
    // Once the direct way is gone for a while, the unit tells it again.
    street.disconnect(a, b);
    street.pass(SECOND * 9);
    street.drive(a, 30.0);
    street.pass(SECOND);
    let hops: Vec<_> = heard(&mut street, b).iter().map(|it| it.2).collect();
    assert_eq!(hops, [1]);
}

#[test]
fn telemetry_that_comes_before_its_ticket_is_taken_after_it() {
    let mut street = Street::new();
    let (a, b, c) = (street.car(1, 6), street.car(2, 6), street.car(3, 6));
    street.connect(a, b);
    street.connect(b, c);
    street.drive(a, 0.0);
    street.pass(SECOND);
    forget(&mut street);
    street.drive(a, 1.0);
    // The second message names its ticket only; somebody passes it on before the ticket.
    let bytes = signed(&street, a).pop().unwrap();
    let mut datagram = (u16::try_from(bytes.len()).unwrap() | 1 << 12)
        .to_be_bytes()
        .to_vec();
    datagram.extend(&bytes);
    let (peer, now) = (street.peer_of(c, b).unwrap(), street.now);
    street.with(c, |car| car.handle_datagram(peer, datagram.into(), now));
    assert_eq!(heard(&mut street, c), []);
    let ticket = street.stations[a].ticket(now).unwrap();
    let frame = ControlFrame::Ticket(TicketBytes::from_slice(ticket.as_bytes()).unwrap());
    street.with(c, |car| car.handle_control(peer, &frame.encode(), now));
    let expected = (ticket.station(), MessageType::Telemetry, 1, bytes);
    assert_eq!(heard(&mut street, c), [expected]);
}

#[test]
fn hazards_of_a_withdrawn_unit_are_kept_no_longer() {
    let (mut street, [unit, ..]) = three();
    let other = street.unit(2, 200.0);
    street.connect(unit, other);
    let now = street.now;
    let report = HazardReport {
        position: Some(east(100.0)),
        ..HazardReport::of(Cause::from_codes(3, 0).unwrap())
    };
    street.with(other, |it| it.report_hazard(report, now).unwrap());
    assert_eq!(street.stations[unit].hazards_kept(), 1);
    street.disconnect(unit, other);
    street.with(unit, |it| it.handle_operators(Operators::default()));
    assert_eq!(street.stations[unit].hazards_kept(), 0);
    let forgotten = |event: &Event| matches!(event, Event::HazardForgotten { .. });
    assert!(street.events[unit].iter().any(forgotten));
}

#[test]
fn what_is_no_notice_is_an_offence_and_what_is_for_others_is_not() {
    let (mut street, [unit, a, _]) = three();
    let peer = street.peer_of(unit, a).unwrap();
    let now = street.now;
    let frame = ControlFrame::Roadside(Bytes::from_static(&[0xff; 9])).encode();
    street.with(unit, |it| it.handle_control(peer, &frame, now));
    assert_eq!(street.stations[unit].counters().refused["notice"], 1);
    let units = Notice::Units(vec![place_of(7, 0.0)]);
    let frame = ControlFrame::Roadside(units.encode()).encode();
    street.with(unit, |it| it.handle_control(peer, &frame, now));
    assert_eq!(street.stations[unit].counters().not_taken["notice"], 1);
    assert_eq!(street.stations[a].counters().refused.len(), 0);
}

#[test]
fn cars_that_do_not_know_the_operator_do_without_the_unit() {
    let mut street = Street::new();
    let unit = street.unit(1, 0.0);
    let (a, b) = (street.car(1, 1), street.car(2, 1));
    street.with(a, |car| car.handle_operators(Operators::default()));
    street.connect(a, unit);
    assert_eq!(street.stations[a].peers().count(), 0);
    street.connect(a, b);
    street.drive(a, 0.0);
    assert_eq!(heard(&mut street, b).len(), 1);
    assert_ne!(operators(), Operators::default());
}

#[test]
fn m23_junk_at_a_unit_does_not_keep_a_real_hazard_from_anybody() {
    let (mut street, [unit, a, b]) = three();
    let mallories: Vec<_> = (60..70).map(|vehicle| street.car(vehicle, 6)).collect();
    for mallory in &mallories {
        street.connect(*mallory, unit);
        street.drive(*mallory, 0.0);
    }
    let sample = signed(&street, mallories[0]).pop().unwrap();
    forget(&mut street);
    let mut reported = 0;
    for round in 0..100_u32 {
        // 20 000 a second: half in made-up names, half in the name of a known ticket.
        for (number, mallory) in (0..).zip(&mallories) {
            for message in 0..100_u32 {
                let salt = ((round * 10 + number) * 100 + message).to_be_bytes();
                let mut junk = sample.to_vec();
                if number < 5 {
                    // By a name of eight bytes instead of a ticket of 120, and less by so much.
                    junk.drain(9..121);
                    junk[0] &= 0xfe;
                    junk[1..5].copy_from_slice(&salt);
                    let now_ms = street.now.timestamp.unix_ms().to_be_bytes();
                    junk[9..15].copy_from_slice(&now_ms[2..]);
                } else {
                    let last = junk.len() - 4;
                    junk[last..].copy_from_slice(&salt);
                }
                let mut datagram = u16::try_from(junk.len()).unwrap().to_be_bytes().to_vec();
                datagram.extend(junk);
                let (peer, now) = (street.peer_of(unit, *mallory), street.now);
                if let Some(peer) = peer {
                    street.stations[unit].handle_datagram(peer, datagram.into(), now);
                }
            }
        }
        if round % 20 == 0 {
            let now = street.now;
            let report = breakdown(Duration::from_secs(60));
            street.with(a, |car| car.report_hazard(report, now).unwrap());
            reported += 1;
        }
        street.pass(Duration::from_millis(50));
    }
    assert_eq!(reported, 5);
    assert_eq!(street.stations[b].world().hazards_len(), reported);
    let refused = &street.stations[unit].counters().refused;
    // Who brings wrong signatures is cut off after a hundred, so that the rest costs nothing.
    assert!(
        (500..=1_000).contains(&refused["bad_signature"]),
        "{refused:?}"
    );
    assert!(refused["unknown_ticket"] > 40_000, "{refused:?}");
}

#[test]
fn more_telemetry_than_can_be_verified_sheds_it_and_says_so_and_hazards_pass() {
    let mut street = Street::new();
    let config = Config {
        load: LoadConfig {
            telemetry_per_s: NonZeroU32::new(40).unwrap(),
            ..LoadConfig::default()
        },
        ..Config::default()
    };
    let unit = street.unit_with(1, 0.0, config);
    let cars: Vec<_> = (1..11).map(|vehicle| street.car(vehicle, 6)).collect();
    for car in &cars {
        street.connect(*car, unit);
        street.drive(*car, 0.0);
    }
    street.pass(SECOND);
    forget(&mut street);
    for round in 0..30 {
        for (number, car) in (0..).zip(&cars) {
            street.drive(*car, f64::from(number) + f64::from(round));
        }
        if round % 10 == 9 {
            let now = street.now;
            let report = breakdown(Duration::from_secs(60));
            street.with(cars[0], |car| car.report_hazard(report, now).unwrap());
        }
        street.pass(Duration::from_millis(100));
    }
    for car in &cars[1..] {
        assert_eq!(street.stations[*car].world().hazards_len(), 3);
    }
    let states = |street: &Street| -> Vec<Load> {
        let events = street.events[unit].iter();
        let states = events.filter_map(|event| {
            let Event::LoadChanged(load) = event else {
                return None;
            };
            Some(*load)
        });
        states.collect()
    };
    assert_eq!(states(&street)[..2], [Load::SheddingFar, Load::HazardsOnly]);
    let shed = street.stations[unit].counters().shed["hazards_only"];
    assert!(shed > 50, "{shed}");
    street.pass(SECOND * 5);
    assert_eq!(street.stations[unit].load(), Load::Normal);
    let told: u64 = street.events[cars[3]]
        .iter()
        .filter_map(|event| {
            let Event::Shed { shed, .. } = event else {
                return None;
            };
            let of_all = shed
                .iter()
                .filter(|it| it.reason == ShedReason::HazardsOnly);
            Some(of_all.map(|shed| shed.count).sum::<u64>())
        })
        .sum();
    assert_eq!(told, shed, "everybody wanted it, so everybody is told");
}
