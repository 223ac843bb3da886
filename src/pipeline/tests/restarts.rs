//! Units that start anew with what they kept.

use std::time::Duration;

use super::{
    relaying::{breakdown, signed, three},
    street::{Street, east},
};
use crate::{
    message::Cause,
    pipeline::{Event, HazardReport},
    security::Refusal,
};

#[test]
fn a_unit_that_restarts_still_knows_its_hazards() {
    let (mut street, [unit, a, b]) = three();
    let now = street.now;
    let report = breakdown(Duration::from_secs(600));
    let action = street.with(a, |car| car.report_hazard(report, now).unwrap());
    street.with(b, |car| car.negate_hazard(action, now).unwrap());
    let kept: Vec<_> = street.events[unit]
        .iter()
        .filter_map(|event| {
            let Event::HazardKept {
                action,
                negated_by,
                signer,
                bytes,
                hops,
            } = event
            else {
                return None;
            };
            let kept = (bytes.clone(), *hops);
            Some((*action, *negated_by, signer.clone(), kept))
        })
        .collect();
    let negator = street.stations[b].station();
    let names: Vec<_> = kept.iter().map(|(it, by, ..)| (*it, *by)).collect();
    assert_eq!(names, [(action, None), (action, negator)]);

    let unit = street.unit(1, 0.0);
    let now = street.now;
    for (_, _, signer, kept) in kept {
        let restored = street.with(unit, |it| it.restore_hazard(&signer, kept, now));
        assert_eq!(restored, Ok(()));
    }
    assert_eq!(street.stations[unit].hazards_kept(), 2);
    let late = street.car(3, 6);
    street.connect(late, unit);
    street.drive(late, 0.0);
    let known = street.stations[late].world().hazard(action).unwrap();
    assert_eq!(known.negations(), 1);
}

#[test]
fn a_restart_does_not_bring_a_hazard_nearer() {
    let mut street = Street::new();
    let units: Vec<_> = (1..4).map(|number| street.unit(number, 0.0)).collect();
    street.connect(units[0], units[1]);
    street.connect(units[1], units[2]);
    let car = street.car(1, 6);
    street.connect(car, units[0]);
    street.drive(car, 0.0);
    let now = street.now;
    let report = breakdown(Duration::from_secs(600));
    street.with(car, |car| car.report_hazard(report, now).unwrap());
    let kept = street.events[units[2]].iter().find_map(|event| {
        let Event::HazardKept {
            signer,
            bytes,
            hops,
            ..
        } = event
        else {
            return None;
        };
        Some((signer.clone(), (bytes.clone(), *hops)))
    });
    let (signer, kept) = kept.unwrap();
    assert_eq!(kept.1, 2);
    let again = street.unit(3, 0.0);
    let now = street.now;
    let restored = street.with(again, |it| it.restore_hazard(&signer, kept, now));
    assert_eq!(restored, Ok(()));
    let late = street.car(2, 6);
    street.connect(late, again);
    street.drive(late, 0.0);
    let hops = street.stations[late]
        .world()
        .hazards()
        .next()
        .unwrap()
        .hops();
    assert_eq!(hops, 3);
}

#[test]
fn what_is_restored_is_verified_like_anything_else() {
    let (mut street, [_, a, _]) = three();
    let now = street.now;
    let report = breakdown(Duration::from_secs(600));
    street.with(a, |car| car.report_hazard(report, now).unwrap());
    let mut bytes = signed(&street, a).pop().unwrap().to_vec();
    let ticket = street.stations[a].ticket(now).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let unit = street.unit(1, 0.0);
    let refused = street.with(unit, |it| {
        it.restore_hazard(ticket.as_bytes(), (bytes.into(), 0), now)
    });
    assert_eq!(refused, Err(Refusal::BadSignature));
    assert_eq!(street.stations[unit].hazards_kept(), 0);
}

#[test]
fn a_unit_that_restarts_goes_on_with_its_own_roadworks() {
    let (mut street, [unit, ..]) = three();
    let now = street.now;
    let report = HazardReport {
        position: Some(east(600.0)),
        ..HazardReport::of(Cause::from_codes(3, 0).unwrap())
    };
    let action = street.with(unit, |it| it.report_hazard(report.clone(), now).unwrap());
    let kept = street.events[unit].iter().find_map(|event| {
        let Event::HazardKept { signer, bytes, .. } = event else {
            return None;
        };
        Some((signer.clone(), bytes.clone()))
    });
    let (signer, bytes) = kept.unwrap();
    assert_eq!(signer.len(), 297);
    // The same unit by another name in this test: its keys follow from its number.
    let again = street.unit(1, 0.0);
    let now = street.now;
    let restored = street.with(again, |it| it.restore_hazard(&signer, (bytes, 0), now));
    assert_eq!(restored, Ok(()));
    assert_eq!(street.stations[again].own_hazards().count(), 1);
    let late = street.car(3, 6);
    street.connect(late, again);
    street.drive(late, 0.0);
    assert!(street.stations[late].world().hazard(action).is_some());
    street.with(again, |it| it.update_hazard(action, &report, now).unwrap());
    let known = street.stations[late].world().hazard(action).unwrap();
    assert_eq!(known.hazard().update, 1);
    street.with(again, |it| it.cancel_hazard(action, now).unwrap());
    assert_eq!(street.stations[late].world().hazards_len(), 0);
    assert_eq!(street.stations[late].counters().refused.len(), 0);
}
