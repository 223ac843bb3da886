use std::time::Duration;

use super::{
    super::{Config, Danger, Signals},
    Car, EAST, NORTH,
};
use crate::message::{ExteriorLights, StationType};

const HAZARD_LIGHTS: u8 = ExteriorLights::LEFT_TURN | ExteriorLights::RIGHT_TURN;

/// A car that has just come to a stop.
fn stopped(lights: Option<u8>) -> Car {
    let mut car = Car::new();
    car.drive(12.0, 2.0);
    car.drive(3.0, 1.0);
    car.own.exterior_lights = lights.map(ExteriorLights);
    car
}

#[test]
fn with_hazard_lights_it_is_told_after_30_s_and_over_after_5_s_of_moving() {
    let mut car = stopped(Some(HAZARD_LIGHTS));
    assert!(car.drive(0.0, 29.9).is_empty());
    car.drive(0.0, 0.3);
    assert!(car.has(Danger::Stationary));
    car.drive(2.0, 4.9);
    assert!(car.has(Danger::Stationary));
    car.drive(2.0, 0.3);
    assert!(!car.has(Danger::Stationary));
}

#[test]
fn the_timer_is_configurable() {
    let config = Config {
        stationary_lit_after: Duration::from_secs(15),
        ..Config::default()
    };
    let mut car = Car::with(config);
    car.own.exterior_lights = Some(ExteriorLights(HAZARD_LIGHTS));
    assert!(car.drive(0.0, 14.9).is_empty());
    assert!(car.drive(0.0, 0.3).contains(&Danger::Stationary));
}

#[test]
fn park_and_parking_brake_make_it_sooner_and_an_open_door_at_once() {
    let mut car = stopped(Some(HAZARD_LIGHTS));
    car.signal(Signals {
        gear_in_park: Some(true),
        parking_brake_on: Some(true),
        ..Signals::default()
    });
    // 30 - 10 - 10 s.
    assert!(car.drive(0.0, 9.9).is_empty());
    assert!(car.drive(0.0, 0.3).contains(&Danger::Stationary));
    let mut car = stopped(Some(HAZARD_LIGHTS));
    car.signal(Signals {
        door_open: Some(true),
        ..Signals::default()
    });
    assert!(car.drive(0.0, 0.1).contains(&Danger::Stationary));
}

#[test]
fn who_is_known_to_have_no_hazard_lights_on_only_stands() {
    let mut car = stopped(Some(ExteriorLights::LEFT_TURN));
    car.meet(1, (-8.0, 0.0), (NORTH, 0.0));
    assert!(car.drive(0.0, 120.0).is_empty());
}

#[test]
fn hazard_lights_at_the_end_of_a_queue_are_no_breakdown() {
    let mut car = stopped(Some(HAZARD_LIGHTS));
    car.meet(1, (7.0, 0.0), (NORTH, 0.0));
    assert!(car.drive(0.0, 120.0).is_empty());
}

#[test]
fn without_lights_who_holds_up_traffic_on_a_free_lane_broke_down() {
    let mut car = stopped(None);
    car.meet(1, (-8.0, 0.3), (NORTH, 0.0));
    assert!(car.drive(0.0, 29.9).is_empty());
    car.drive(0.0, 0.6);
    assert!(car.has(Danger::Stationary));
}

#[test]
fn without_lights_who_holds_up_nobody_may_be_parked() {
    let mut car = stopped(None);
    assert!(car.drive(0.0, 300.0).is_empty());
}

#[test]
fn in_a_queue_nobody_broke_down() {
    let mut car = stopped(None);
    car.meet(1, (-8.0, 0.0), (NORTH, 0.0));
    car.meet(2, (7.5, 0.0), (NORTH, 0.0));
    assert!(car.drive(0.0, 120.0).is_empty());
}

#[test]
fn beside_somebody_who_waits_as_well_it_is_a_red_light() {
    let mut car = stopped(None);
    car.meet(1, (-8.0, 0.0), (NORTH, 0.0));
    car.meet(2, (0.5, 3.2), (NORTH, 0.0));
    assert!(car.drive(0.0, 120.0).is_empty());
}

#[test]
fn at_a_junction_it_is_a_red_light_even_after_the_crossing_traffic_is_gone() {
    let mut car = stopped(None);
    car.meet(1, (-8.0, 0.0), (NORTH, 0.0));
    car.meet(2, (20.0, -10.0), (EAST, 9.0));
    car.drive(0.0, 2.0);
    car.neighbours.truncate(1);
    assert!(car.drive(0.0, 120.0).is_empty());
}

#[test]
fn crossing_traffic_that_comes_late_takes_it_back() {
    let mut car = stopped(None);
    car.meet(1, (-8.0, 0.0), (NORTH, 0.0));
    car.drive(0.0, 31.0);
    assert!(car.has(Danger::Stationary));
    car.meet(2, (20.0, -10.0), (EAST, 9.0));
    car.drive(0.0, 1.0);
    assert!(!car.has(Danger::Stationary));
}

#[test]
fn traffic_that_flows_past_tells_it_from_a_queue() {
    let mut car = stopped(None);
    car.meet(9, (7.5, 0.0), (NORTH, 0.0));
    car.drive(0.0, 25.0);
    for number in [1, 2] {
        for ahead_m in [-30.0, -5.0, 20.0] {
            car.meet(number, (ahead_m, -3.2), (NORTH, 12.0));
            car.drive(0.0, 1.0);
        }
    }
    assert!(car.has(Danger::Stationary));
}

#[test]
fn a_bus_at_its_stop_is_none() {
    let mut car = stopped(None);
    car.own.station_type = Some(StationType::BUS);
    car.meet(1, (-14.0, 0.0), (NORTH, 0.0));
    assert!(car.drive(0.0, 120.0).is_empty());
}

#[test]
fn after_a_silence_of_the_stack_the_timer_begins_anew() {
    let mut car = stopped(Some(HAZARD_LIGHTS));
    car.drive(0.0, 20.0);
    car.measured = car.measured.saturating_add(Duration::from_secs(60));
    assert!(car.drive(0.0, 29.9).is_empty());
    assert!(car.drive(0.0, 0.3).contains(&Danger::Stationary));
}

#[test]
fn switched_off_nothing_is_found() {
    let mut car = Car::with(Config {
        enabled: false,
        ..Config::default()
    });
    car.own.exterior_lights = Some(ExteriorLights(HAZARD_LIGHTS));
    car.drive(14.0, 1.0);
    assert!(car.brake(14.0, 0.0, 8.0).is_empty());
    assert!(car.drive(0.0, 60.0).is_empty());
}
