//! One car that says far more than it may, at a unit that others depend on.

use std::time::Duration;

use bytes::Bytes;

use super::street::Street;
use crate::{
    link::DropReason,
    message::{Cause, MessageType, Validity},
    pipeline::{Event, HazardReport},
};

#[test]
fn q7_a_flood_of_one_authenticated_car_is_shed_unread_and_others_are_heard_at_once() {
    let mut street = Street::new();
    let unit = street.unit(1, 0.0);
    let cars: Vec<_> = (1..5).map(|vehicle| street.car(vehicle, 6)).collect();
    let mallory = street.car(66, 6);
    for car in cars.iter().chain([&mallory]) {
        street.connect(*car, unit);
        street.drive(*car, 0.0);
    }
    street.pass(Duration::from_secs(1));
    let [speaker, listener] = [cars[0], cars[1]];
    street.deliveries(listener);
    let peer = street.peer_of(unit, mallory).unwrap();
    let (mut flooded, mut spoken) = (0, 0);
    let mut datagram = Bytes::new();
    // Two seconds of 100 000 datagrams each.
    for step in 0..40_u32 {
        let is_due = step % 2 == 0;
        if is_due {
            street.drive(mallory, f64::from(step));
            datagram = own_words(&mut street, mallory);
        }
        for _ in 0..5_000 {
            let now = street.now;
            street.stations[unit].handle_datagram(peer, datagram.clone(), now);
            flooded += 1;
        }
        // Before anything of what follows takes time.
        if is_due {
            street.drive(speaker, f64::from(step));
            spoken += 1;
            assert_eq!(words_of(&mut street, listener, speaker), 1, "step {step}");
        }
        street.pass(Duration::from_millis(50));
    }
    let now = street.now;
    let report = HazardReport {
        validity: Validity::saturating(Duration::from_secs(60)),
        ..HazardReport::of(Cause::STATIONARY_VEHICLE_BREAKDOWN)
    };
    street.with(speaker, |car| car.report_hazard(report, now).unwrap());

    assert_eq!((flooded, spoken), (200_000, 20));
    assert_eq!(street.stations[listener].world().hazards_len(), 1);
    assert!(
        street.peer_of(unit, mallory).is_some(),
        "it stays connected"
    );
    let unread = street.stations[unit].link_counters().telemetry;
    let unread = unread.dropped_for(DropReason::RateLimited);
    // What a peer may bring, 1 000 at once and 2 000 a second, is looked at, and the rest is not.
    assert!((flooded - 5_100..flooded).contains(&unread), "{unread}");
    let looked_at = &street.stations[unit].counters().refused;
    assert!(
        (1..=5_100).contains(&looked_at["duplicate"]),
        "{looked_at:?}"
    );
    // Nobody but the unit paid for it.
    assert_eq!(street.stations[listener].counters().refused.len(), 0);
}

/// The last telemetry that a car signed, as a datagram of its own.
fn own_words(street: &mut Street, car: usize) -> Bytes {
    let events = std::mem::take(&mut street.events[car]);
    let signed = events.into_iter().rev().find_map(|event| {
        let Event::Published { bytes, .. } = event else {
            return None;
        };
        Some(bytes)
    });
    let signed = signed.unwrap();
    let len = u16::try_from(signed.len()).unwrap().to_be_bytes();
    [&len[..], &signed].concat().into()
}

/// How many words of telemetry of one car another one took in since this was last asked.
fn words_of(street: &mut Street, listener: usize, speaker: usize) -> usize {
    let station = street.stations[speaker].station().unwrap();
    let heard = street.deliveries(listener).into_iter();
    heard
        .filter(|it| it.kind == MessageType::Telemetry && it.station == station)
        .count()
}
