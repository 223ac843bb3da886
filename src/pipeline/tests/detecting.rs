use std::time::Duration;

use super::street::{Street, east};
use crate::{
    hazards::{self, Signals},
    message::{AccelerationControl, Cause, ExteriorLights, Telemetry, Termination},
    pipeline::{Config, HazardReport, OwnState, PublishError},
    units::{Acceleration, Heading, Speed},
    world::{Level, Sighted},
};

/// Two cars that hear each other.
fn two() -> (Street, usize, usize) {
    let mut street = Street::new();
    let (a, b) = (street.car(1, 1), street.car(2, 1));
    street.connect(a, b);
    (street, a, b)
}

impl Street {
    /// A car drives east, a state each 100 ms: where, how fast, and how much faster it becomes.
    fn tell(&mut self, car: usize, (east_m, m_per_s): (f64, f64), m_per_s2: f64) {
        self.tell_all(car, (east_m, m_per_s), m_per_s2, None);
    }

    fn tell_all(
        &mut self,
        car: usize,
        (east_m, m_per_s): (f64, f64),
        m_per_s2: f64,
        lights: Option<ExteriorLights>,
    ) {
        self.pass(Duration::from_millis(100));
        let telemetry = Telemetry {
            heading: Heading::from_deg(90.0),
            speed: Speed::from_m_per_s(m_per_s),
            longitudinal_acceleration: Acceleration::from_m_per_s2(m_per_s2),
            exterior_lights: lights,
            acceleration_control: Some(AccelerationControl(0)),
            ..Telemetry::at(east(east_m))
        };
        let state = OwnState {
            telemetry,
            measured: self.now.timestamp,
        };
        let now = self.now;
        self.with(car, |station| station.handle_state(state, now).unwrap());
    }

    /// A car drives with 14 m/s for a second, and then brakes with 8 m/s² for so many states.
    fn brake(&mut self, car: usize, states: u32) {
        for step in 0..10 {
            self.tell(car, (f64::from(step) * 1.4, 14.0), 0.0);
        }
        for step in 1..=states {
            let speed = 14.0 - 0.8 * f64::from(step);
            self.tell(car, (14.0 + f64::from(step), speed), -8.0);
        }
    }

    /// The causes of the hazards that a car knows from others.
    fn known(&self, car: usize) -> Vec<Cause> {
        let world = self.stations[car].world();
        world.hazards().map(|known| known.hazard().cause).collect()
    }

    fn own(&self, car: usize) -> usize {
        self.stations[car].own_hazards().count()
    }
}

#[test]
fn an_emergency_brake_is_told_at_once_and_cancelled_when_it_is_over() {
    let (mut street, a, b) = two();
    street.brake(a, 1);
    assert_eq!(street.known(b), [Cause::EMERGENCY_BRAKE_LIGHT]);
    let known = street.stations[b].world().hazards().next().unwrap();
    assert_eq!(known.hazard().position, east(15.0));
    assert_eq!(known.hazard().update, 0);
    assert_eq!((known.level(), known.sources()), (Level::Inform, 1));
    street.tell(a, (16.0, 12.0), 0.0);
    assert!(street.known(b).is_empty());
    assert_eq!(street.own(a), 0);
}

#[test]
fn what_lasts_is_told_again_before_it_expires() {
    let (mut street, a, b) = two();
    street.brake(a, 1);
    // Of a train that brakes for 3 s; a report holds for 2 s.
    for step in 0..30 {
        let travelled = f64::from(step);
        street.tell(a, (16.0 + travelled, 13.0 - 0.3 * travelled), -3.0);
        assert_eq!(street.known(b), [Cause::EMERGENCY_BRAKE_LIGHT]);
    }
    let known = street.stations[b].world().hazards().next().unwrap();
    // Every 500 ms, from the first report on.
    assert_eq!(known.hazard().update, 6);
}

#[test]
fn switched_off_nothing_is_told() {
    let mut street = Street::new();
    let config = Config {
        hazards: hazards::Config {
            enabled: false,
            ..hazards::Config::default()
        },
        ..Config::default()
    };
    let (a, b) = (street.car_with(1, 1, config), street.car(2, 1));
    street.connect(a, b);
    street.brake(a, 10);
    assert!(street.known(b).is_empty());
}

#[test]
fn what_the_driving_stack_told_is_not_told_twice() {
    let (mut street, a, b) = two();
    street.tell(a, (0.0, 14.0), 0.0);
    let report = HazardReport::of(Cause::EMERGENCY_BRAKE_LIGHT);
    let now = street.now;
    let action = street.with(a, |station| station.report_hazard(report, now));
    street.brake(a, 3);
    assert_eq!(street.own(a), 1);
    // Nor is it cancelled by anybody but the stack.
    street.tell(a, (20.0, 8.0), 0.0);
    assert_eq!(street.known(b), [Cause::EMERGENCY_BRAKE_LIGHT]);
    let now = street.now;
    let cancelled = street.with(a, |station| station.cancel_hazard(action.unwrap(), now));
    assert!(cancelled.is_ok());
    assert!(street.known(b).is_empty());
}

#[test]
fn the_driving_stack_goes_on_with_what_was_found() {
    let (mut street, a, b) = two();
    street.brake(a, 2);
    let found = street.stations[a].own_hazards().next().unwrap();
    let found = found.hazard.action;
    let report = HazardReport::of(Cause::EMERGENCY_BRAKE_LIGHT);
    let now = street.now;
    let action = street.with(a, |station| station.report_hazard(report, now));
    assert_eq!(action.unwrap(), found);
    // The brake is over, but now it is the stack's to say so.
    street.tell(a, (20.0, 8.0), 0.0);
    assert_eq!(street.known(b), [Cause::EMERGENCY_BRAKE_LIGHT]);
}

#[test]
fn a_breakdown_is_told_and_its_end_too() {
    let (mut street, a, b) = two();
    let both = ExteriorLights(ExteriorLights::LEFT_TURN | ExteriorLights::RIGHT_TURN);
    for _ in 0..302 {
        street.tell_all(a, (0.0, 0.0), 0.0, Some(both));
    }
    assert_eq!(street.known(b), [Cause::STATIONARY_VEHICLE_BREAKDOWN]);
    // It moves from the fifth state on, and for 5 s.
    for step in 0..57 {
        let speed = (0.2 * f64::from(step)).min(5.0);
        street.tell_all(a, (0.5 * f64::from(step), speed), 2.0, Some(both));
    }
    assert!(street.known(b).is_empty());
}

#[test]
fn a_slippery_place_stays_one_behind_the_car() {
    let (mut street, a, b) = two();
    street.tell(a, (0.0, 14.0), 0.0);
    let skids = Signals {
        traction_active: Some(true),
        ..Signals::default()
    };
    street.with(a, |station| station.handle_signals(skids));
    street.tell(a, (1.4, 14.0), 0.0);
    street.with(a, |station| station.handle_signals(Signals::default()));
    for step in 0..100 {
        street.tell(a, (2.8 + 1.4 * f64::from(step), 14.0), 0.0);
    }
    let known = street.stations[b].world().hazards().next().unwrap();
    assert_eq!(known.hazard().cause, Cause::SLIPPERY_ROAD);
    assert_eq!(known.hazard().position, east(1.4));
}

#[test]
fn m21_a_follower_may_act_only_where_its_own_sensors_agree() {
    let (mut street, a, b) = two();
    street.brake(a, 2);
    let (action, level) = {
        let known = street.stations[b].world().hazards().next().unwrap();
        (known.action(), known.level())
    };
    assert_eq!(level, Level::Inform);
    let braking = Sighted {
        position: east(15.0),
        heading: None,
        speed: None,
        acceleration: Acceleration::from_m_per_s2(-7.0),
    };
    assert_eq!(
        street.with(b, |station| station.handle_sighted(&[braking])),
        1
    );
    let known = street.stations[b].world().hazard(action).unwrap();
    assert_eq!((known.level(), known.sources()), (Level::Act, 2));
    // Nobody else hears of what it sees.
    assert_eq!(street.own(b), 0);
}

#[test]
fn a_corroborated_hazard_lets_act_until_it_is_over() {
    let (mut street, a, b) = two();
    street.brake(a, 1);
    let action = street.stations[b]
        .world()
        .hazards()
        .next()
        .unwrap()
        .action();
    street
        .with(b, |station| station.corroborate_hazard(action))
        .unwrap();
    let known = street.stations[b].world().hazard(action).unwrap();
    assert_eq!(known.level(), Level::Act);
    street.tell(a, (16.0, 12.0), 0.0);
    let late = street.with(b, |station| station.corroborate_hazard(action));
    assert!(matches!(late, Err(PublishError::HazardUnknown(_))));
}

#[test]
fn who_reports_the_same_itself_sees_it_whichever_was_first() {
    for own_first in [true, false] {
        let (mut street, a, b) = two();
        let order = if own_first { [b, a] } else { [a, b] };
        for car in order {
            street.tell(car, (0.0, 0.0), 0.0);
            let report = HazardReport::of(Cause::SLOW_VEHICLE);
            let now = street.now;
            street
                .with(car, |station| station.report_hazard(report, now))
                .unwrap();
        }
        let known = street.stations[b].world().hazards().next().unwrap();
        assert_eq!(known.level(), Level::Act, "own first: {own_first}");
        assert_eq!(known.hazard().termination, None::<Termination>);
    }
}
