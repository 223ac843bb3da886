//! Cars and units that have liars suspended.

use std::time::Duration;

use super::street::Street;
use crate::{
    evidence::{
        Evidence, Testimony,
        sample::{Drive, at},
    },
    id::StationId,
    message::Telemetry,
    pipeline::{
        Accusation, Event, OwnState,
        accusing::{Accusing, GIVEN_MAX, REPORTERS_MAX},
    },
    relay::Notice,
    units::Acceleration,
};

const TENTH: Duration = Duration::from_millis(100);

fn say(street: &mut Street, car: usize, north_m: f64) {
    let (now, telemetry) = (street.now, at(north_m, 20.0));
    let state = OwnState {
        telemetry,
        measured: now.timestamp,
    };
    let said = street.with(car, |station| station.handle_state(state, now));
    assert!(said.is_ok(), "{said:?}");
}

/// Ten messages a second of a liar, who stands, and of honest cars, all at 20 m/s by their words.
fn drive(street: &mut Street, liar: usize, honest: &[usize], steps: u32) {
    for step in 0..steps {
        say(street, liar, -50.0);
        for car in honest {
            say(street, *car, 2.0 * f64::from(step));
        }
        street.pass(TENTH);
    }
}

fn accusations(street: &Street, station: usize) -> Vec<(StationId, &'static str, Accusation)> {
    let events = street.events[station].iter();
    let accusations = events.filter_map(|event| {
        let Event::Accused {
            station,
            reason,
            accusation,
        } = event
        else {
            return None;
        };
        Some((*station, *reason, accusation.clone()))
    });
    accusations.collect()
}

/// Whom a unit accuses by proof.
fn accused(street: &Street, station: usize) -> Vec<(StationId, &'static str, Evidence)> {
    let accusations = accusations(street, station).into_iter();
    let proofs = accusations.filter_map(|(station, reason, accusation)| {
        let Accusation::Proof(bytes) = accusation else {
            return None;
        };
        Some((station, reason, Evidence::from_bytes(&bytes).unwrap()))
    });
    proofs.collect()
}

fn name(street: &Street, station: usize) -> StationId {
    street.stations[station].station().unwrap()
}

#[test]
fn m8_a_unit_accuses_a_liar_that_only_a_car_heard() {
    let mut street = Street::new();
    let unit = street.unit(1, 0.0);
    let (witness, liar) = (street.car(1, 6), street.car(2, 6));
    street.connect(witness, liar);
    street.connect(witness, unit);
    drive(&mut street, liar, &[witness], 200);
    let found = accused(&street, unit);
    let [(station, _, evidence)] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(*station, name(&street, liar));
    let ticket = street.authority.domain.admit(evidence.ticket()).unwrap();
    assert!(evidence.prove(&ticket).is_ok());
    assert!(accused(&street, witness).is_empty(), "cars tell units");
}

#[test]
fn m8_what_a_car_found_waits_for_a_unit_and_units_hand_it_on() {
    let mut street = Street::new();
    let units = [street.unit(1, -500.0), street.unit(2, 500.0)];
    street.connect(units[0], units[1]);
    let (witness, liar) = (street.car(1, 6), street.car(2, 6));
    street.connect(witness, liar);
    drive(&mut street, liar, &[witness], 200);
    street.disconnect(witness, liar);
    street.connect(witness, units[0]);
    street.pass(Duration::from_secs(1));
    for unit in units {
        let found = accused(&street, unit);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, name(&street, liar));
    }
}

#[test]
fn m22_a_flood_of_false_evidence_accuses_nobody_and_keeps_no_true_evidence_away() {
    let mut street = Street::new();
    let unit = street.unit(1, 0.0);
    let (flooder, victim) = (street.car(1, 6), street.car(2, 6));
    let (witness, liar) = (street.car(3, 6), street.car(4, 6));
    for (one, other) in [
        (flooder, unit),
        (victim, unit),
        (witness, unit),
        (witness, liar),
    ] {
        street.connect(one, other);
    }
    // The victim's own honest words, as evidence.
    let slots = street.authority.domain.slots();
    let slot = slots.slot_at(street.now.timestamp);
    let credential = street.authority.credential(2, slot);
    let truth = Drive::new(credential, slots, street.now.timestamp).truth();
    for step in 0..200 {
        let peer = street.peer_of(flooder, unit);
        if let Some(peer) = peer {
            let notice = Notice::Evidence(truth.to_bytes());
            // A hundred times as much as one witness has to say.
            for _ in 0..10 {
                street.with(flooder, |station| station.queue_notice(peer, &notice));
            }
        }
        say(&mut street, liar, -50.0);
        for car in [witness, victim] {
            say(&mut street, car, 2.0 * f64::from(step));
        }
        street.pass(TENTH);
    }
    let found = accused(&street, unit);
    let names: Vec<_> = found.iter().map(|(station, ..)| *station).collect();
    assert_eq!(names, [name(&street, liar)]);
    let counters = street.stations[unit].counters();
    assert!(counters.refused["evidence"] <= 10, "{counters:?}");
    assert!(counters.not_taken["evidence_over_quota"] > 0);
}

#[test]
fn m22_a_flood_of_names_makes_nobody_forgotten_who_still_gives() {
    let mut accusing = Accusing::new();
    let start = Street::new().now;
    let mut given = |number: u64, times: u32, seconds: u64| {
        let name = StationId::from_bytes(number.to_be_bytes());
        let now = start.after(Duration::from_secs(seconds));
        let taken = (0..times).filter(|_| accusing.may_give(name, now));
        u32::try_from(taken.count()).unwrap()
    };
    let (least, greatest) = (0, u64::MAX);
    let others = u64::try_from(REPORTERS_MAX).unwrap() - 2;
    for flooder in [least, greatest] {
        assert_eq!(given(flooder, 100, 0), GIVEN_MAX);
    }
    // Names between theirs, the greatest first, until there is room for no more.
    for other in (1..=others).rev() {
        assert_eq!(given(other, GIVEN_MAX, 1), GIVEN_MAX);
    }
    assert_eq!([given(least, 1, 2), given(greatest, 1, 2)], [0, 0]);

    // Two more push out the two that gave longest ago, and no flooder.
    for latest in [others + 1, others + 2] {
        assert_eq!(given(latest, 100, 3), GIVEN_MAX);
    }
    assert_eq!([given(least, 1, 4), given(greatest, 1, 4)], [0, 0]);
    assert_eq!(given(1, 1, 4), 0);
    assert_eq!(given(others, 1, 4), 1);

    // By then no ticket has the same name any more.
    assert_eq!(given(least, 1, 5 + 86_400 * 6 / 5), 1);
}

#[test]
fn m7_a_unit_accuses_who_signed_two_messages_with_one_sequence() {
    let mut street = Street::new();
    let unit = street.unit(1, 0.0);
    let now = street.now;
    let slots = street.authority.domain.slots();
    let slot = slots.slot_at(now.timestamp);
    for east in [0.0, 300.0] {
        let credential = street.authority.credential(2, slot);
        let mut twin = Drive::new(credential, slots, now.timestamp);
        let said = twin.say(at(east, 20.0)).bytes().clone();
        street.with(unit, |station| station.handle_message(said, now));
    }
    let found = accused(&street, unit);
    assert!(
        matches!(found.as_slice(), [(_, "equivocation", _)]),
        "{found:?}"
    );
}

#[test]
fn m22_cars_testify_against_who_copies_another_and_never_against_the_other() {
    let mut street = Street::new();
    let unit = street.unit(1, 0.0);
    let (honest, copier) = (street.car(1, 6), street.car(2, 6));
    let witnesses = [street.car(3, 6), street.car(4, 6)];
    for car in [honest, copier].into_iter().chain(witnesses) {
        street.connect(car, unit);
    }
    for witness in witnesses {
        street.connect(witness, honest);
        street.connect(witness, copier);
    }
    let mut before: Option<Telemetry> = None;
    for step in 0..60_u32 {
        let telemetry = Telemetry {
            longitudinal_acceleration: Acceleration::from_m_per_s2(0.1 * f64::from(step % 7)),
            ..at(2.0 * f64::from(step), 20.0)
        };
        let now = street.now;
        let mut say = |car, telemetry| {
            let state = OwnState {
                telemetry,
                measured: now.timestamp,
            };
            street
                .with(car, |station| station.handle_state(state, now))
                .unwrap();
        };
        say(honest, telemetry.clone());
        if let Some(before) = before.replace(telemetry) {
            say(copier, before);
        }
        street.pass(TENTH);
    }
    let found = accusations(&street, unit);
    let copiers = name(&street, copier);
    assert!(
        found.iter().all(|(station, ..)| *station == copiers),
        "{found:?}"
    );
    assert!(found.iter().any(|(.., it)| *it == Accusation::Seen));
    let heard = found.iter().filter_map(|(_, reason, accusation)| {
        let Accusation::Testimony(bytes) = accusation else {
            return None;
        };
        assert_eq!(*reason, "duplicate_content");
        Some(Testimony::from_bytes(bytes).unwrap().witness().station())
    });
    let mut heard: Vec<_> = heard.collect();
    heard.sort_unstable();
    let mut names = witnesses.map(|it| name(&street, it));
    names.sort_unstable();
    assert_eq!(heard, names);
}
