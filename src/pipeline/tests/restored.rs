//! What a unit's operator has told goes on over a restart.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use crate::{
    geo::Position,
    id::ActionId,
    message::Cause,
    pipeline::{Config, Event, HazardReport, Station, hazard_in},
    security::{
        Reservation,
        sample::{Authority, SampleUnit, start},
    },
    time::Now,
};

#[test]
fn an_own_hazard_can_be_updated_and_cancelled_after_a_restart_under_new_sequences() {
    let unit = SampleUnit::new();
    let (mut before, reserved) = began(&unit, &[], start());
    let action = before.report_hazard(roadworks(), start()).unwrap();
    let bytes = envelope(&before, action);

    let (mut after, _) = began(&unit, &reserved, start());
    let restored = after.restore_own_hazard(bytes.clone(), start()).unwrap();

    assert_eq!(restored.action, action);
    assert_eq!(Some(&restored), hazard_in(bytes).as_ref());
    after.update_hazard(action, &roadworks(), start()).unwrap();
    let updated = hazard_in(envelope(&after, action)).unwrap();
    assert_eq!(updated.update, 1);
    after.cancel_hazard(action, start()).unwrap();
    assert_eq!(after.own_hazards().count(), 0);
    let next = after.report_hazard(roadworks(), start()).unwrap();
    assert_ne!(next, action, "never the same name twice");
}

#[test]
fn what_is_not_an_own_open_hazard_is_not_taken_up() {
    let unit = SampleUnit::new();
    let (mut before, _) = began(&unit, &[], start());
    let action = before.report_hazard(roadworks(), start()).unwrap();
    let open = envelope(&before, action);
    let mut changed = open.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    before.cancel_hazard(action, start()).unwrap();
    let cancelled = published(&mut before);
    let authority = Authority::new();
    let mut other = authority.signer(1, start());
    let others = authority.verified_hazard(&mut other, |_| {}, start());

    let (mut after, _) = began(&unit, &[], start());
    let mut refused = vec![
        Bytes::from(changed),
        Bytes::from_static(b"no envelope"),
        others.bytes().clone(),
    ];
    refused.extend(cancelled.into_iter().filter(|it| *it != open));
    assert_eq!(refused.len(), 4);
    for bytes in refused {
        assert_eq!(after.restore_own_hazard(bytes, start()), None);
    }
    let late = start().after(Duration::from_secs(601));
    assert_eq!(after.restore_own_hazard(open, late), None, "it is over");
}

#[test]
fn a_clock_behind_a_trusted_time_is_doubted() {
    let unit = SampleUnit::new();
    let (mut station, _) = began(&unit, &[], start());
    let ahead = start().timestamp.saturating_add(Duration::from_secs(5));

    station.handle_time_reference(ahead, start());

    assert!(!station.readiness(start()).can_sign());
    assert!(station.report_hazard(roadworks(), start()).is_err());
}

/// A unit's station that goes on after what was reserved before, and what was ever reserved for it.
fn began(unit: &SampleUnit, before: &[Reservation], now: Now) -> (Station, Vec<Reservation>) {
    let domain = Authority::new().domain;
    let wallet = unit.wallet(&domain, now);
    let mut station = Station::new(Config::default(), Arc::clone(&domain), wallet, before, now);
    station.handle_unit(unit.certificate.clone());
    let mut reserved = before.to_vec();
    while let Some(event) = station.poll_event() {
        if let Event::Reserve(reservation) = event {
            station.handle_reserved(reservation);
            reserved.push(reservation);
        }
    }
    (station, reserved)
}

fn roadworks() -> HazardReport {
    HazardReport {
        position: Position::from_deg(55.0, 2.5),
        ..HazardReport::of(Cause::from_codes(3, 1).unwrap())
    }
}

fn envelope(station: &Station, action: ActionId) -> Bytes {
    let mut own = station.own_hazards();
    let own = own.find(|own| own.hazard.action == action);
    own.unwrap().bytes.clone()
}

/// Everything that was signed.
fn published(station: &mut Station) -> Vec<Bytes> {
    let events = std::iter::from_fn(|| station.poll_event());
    let mut signed = Vec::new();
    for event in events {
        if let Event::Published { bytes, .. } = event {
            signed.push(bytes);
        }
    }
    signed
}
