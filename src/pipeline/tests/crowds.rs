//! Many at once at a unit, each of whom takes only so much at a time.

use std::time::Duration;

use super::{
    relaying::SECOND,
    street::{Street, east},
};
use crate::{
    link::{self, Rate},
    message::{Cause, MessageType},
    pipeline::{Config, Event, HazardReport, RoadsideConfig},
};

fn roadworks(east_m: f64) -> HazardReport {
    HazardReport {
        position: Some(east(east_m)),
        ..HazardReport::of(Cause::from_codes(3, 0).unwrap())
    }
}

/// Has a unit report roadworks; what another one would have to keep of it.
fn report(street: &mut Street, unit: usize, east_m: f64) -> (bytes::Bytes, bytes::Bytes) {
    let now = street.now;
    street.with(unit, |it| it.report_hazard(roadworks(east_m), now).unwrap());
    let kept = street.events[unit].iter().rev().find_map(|event| {
        let Event::HazardKept { signer, bytes, .. } = event else {
            return None;
        };
        Some((signer.clone(), bytes.clone()))
    });
    kept.unwrap()
}

#[test]
fn hazards_of_a_hundred_units_reach_who_comes_although_he_takes_few_tickets_at_a_time() {
    let mut street = Street::new();
    let unit = street.unit(1, 0.0);
    for number in 100..200 {
        let other = street.unit(number, 0.0);
        let (signer, bytes) = report(&mut street, other, f64::from(number));
        let now = street.now;
        let restored = street.with(unit, |it| it.restore_hazard(&signer, (bytes, 0), now));
        assert_eq!(restored, Ok(()));
    }
    let late = street.car(1, 1);
    street.connect(late, unit);
    street.drive(late, 0.0);
    // 8 tickets at once, and 16 a second.
    street.pass(SECOND * 6);
    assert_eq!(street.stations[late].world().hazards_len(), 100);
    assert_eq!(street.stations[late].counters().refused.len(), 0);
}

#[test]
fn all_that_a_unit_reports_at_once_reaches_who_is_there_and_who_comes() {
    let mut street = Street::new();
    let (unit, other) = (street.unit(1, 0.0), street.unit(2, 500.0));
    street.connect(unit, other);
    let near = street.car(1, 1);
    street.connect(near, unit);
    street.drive(near, 0.0);
    for number in 0..30 {
        report(&mut street, unit, f64::from(number) * 10.0);
    }
    // 16 at once, and 8 a second: a receiver takes 20, and 10.
    street.pass(SECOND * 2);
    let late = street.car(2, 1);
    street.connect(late, other);
    street.drive(late, 0.0);
    street.pass(SECOND * 2);
    for station in [near, late] {
        assert_eq!(street.stations[station].world().hazards_len(), 30);
    }
    for station in [near, late, other] {
        assert_eq!(street.stations[station].counters().refused.len(), 0);
    }
}

#[test]
fn what_a_unit_reports_itself_is_pushed_out_by_nobody() {
    let mut street = Street::new();
    let config = Config {
        own_hazards_max: 100,
        ..Config::default()
    };
    let unit = street.unit_with(1, 0.0, config);
    for number in 0..100 {
        report(&mut street, unit, f64::from(number));
    }
    assert_eq!(street.stations[unit].hazards_kept(), 100);
    let late = street.car(1, 1);
    street.connect(late, unit);
    street.drive(late, 0.0);
    street.pass(SECOND * 12);
    assert_eq!(street.stations[late].world().hazards_len(), 100);
}

#[test]
fn a_unit_takes_of_another_what_many_say() {
    let mut street = Street::new();
    let few = Rate {
        per_s: 10.try_into().unwrap(),
        burst: 10.try_into().unwrap(),
    };
    // Enough for one car, but not for a unit that passes on what twenty say.
    let config = Config {
        link: link::Config {
            telemetry_rate: few,
            control_rate: few,
            ..link::Config::default()
        },
        ..Config::default()
    };
    let units = [(1, 0.0), (2, 100.0)]
        .map(|(number, east_m)| street.unit_with(number, east_m, config.clone()));
    street.connect(units[0], units[1]);
    let cars: Vec<_> = (100..120).map(|vehicle| street.car(vehicle, 1)).collect();
    for car in &cars {
        street.connect(*car, units[0]);
    }
    for _ in 0..5 {
        for car in &cars {
            street.drive(*car, 10.0);
        }
        street.pass(Duration::from_millis(200));
    }
    let heard = &street.stations[units[1]].counters().delivered;
    assert_eq!(heard.get(&MessageType::Telemetry), Some(&100));
}

#[test]
fn a_hundred_cars_that_come_at_once_are_heard_from_their_first_word_on() {
    let mut street = Street::new();
    let unit = street.unit(1, 0.0);
    let listener = street.car(1, 1);
    street.connect(listener, unit);
    street.drive(listener, 0.0);
    let silent = Config {
        roadside: RoadsideConfig {
            telemetry: false,
            hazards: false,
            ..RoadsideConfig::default()
        },
        ..Config::default()
    };
    let cars: Vec<_> = (100..200)
        .map(|vehicle| street.car_with(vehicle, 1, silent.clone()))
        .collect();
    for car in &cars {
        street.connect(*car, unit);
    }
    for _ in 0..5 {
        for car in &cars {
            street.drive(*car, 10.0);
        }
        street.pass(Duration::from_millis(100));
    }
    let heard = &street.stations[listener].counters().delivered;
    assert_eq!(heard.get(&MessageType::Telemetry), Some(&500));
    assert_eq!(street.stations[listener].counters().refused.len(), 0);
}
