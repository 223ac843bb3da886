//! Vehicles that hear each other only through roadside units.

use std::{net::SocketAddr, time::Duration};

use super::{place, seconds, start};
use crate::{
    id::ActionId,
    message::{Cause, Telemetry, Validity},
    pipeline::{Config, Event, HazardReport, OwnState},
    relay::UnitPlace,
    security::{Class, SlotClock},
    sim::{Cast, Conditions, NodeId, Road, Seed, interest_within, roadside::add_unit},
    units::Speed,
};

/// A straight road to the north with units beside it, and cars that speak once in 500 ms.
pub(super) struct Town {
    pub(super) road: Road,
    cast: Cast,
    pub(super) units: Vec<NodeId>,
    cars: Vec<(NodeId, f64)>,
}

impl Town {
    /// Units at these places, each for a radius.
    pub(super) fn new(units: &[(f64, u32)], conditions: Conditions, slot_length_s: u32) -> Self {
        let slots = SlotClock::from_length_s(slot_length_s).unwrap();
        let end = start().saturating_add(seconds(1_800));
        let cast = Cast::new(Seed(7), slots, start(), end);
        let mut road = Road::new(cast.domain(), start(), conditions, Seed(7));
        let mut nodes = Vec::new();
        for (index, (north_m, radius_m)) in units.iter().enumerate() {
            let site = UnitPlace {
                address: SocketAddr::from(([192, 0, 2, 1], 4_000 + u16::try_from(index).unwrap())),
                position: place(*north_m),
                radius_m: *radius_m,
            };
            let config = Config::default();
            let node = add_unit(&mut road, (&cast, &config), &format!("unit {index}"), site);
            for other in &nodes {
                assert!(road.connect(node, *other));
            }
            nodes.push(node);
        }
        Self {
            road,
            cast,
            units: nodes,
            cars: Vec::new(),
        }
    }

    /// A standing car that asks for what lies within 300 m.
    pub(super) fn park(&mut self, north_m: f64) -> NodeId {
        let config = Config {
            roadside: interest_within(300.0),
            ..Config::default()
        };
        let name = format!("car {}", self.cars.len());
        let car = self.road.add(config, self.cast.wallet(&name, Class::Car));
        let operators = self.cast.operators();
        self.road
            .with(car, |station, _| station.handle_operators(operators));
        self.cars.push((car, north_m));
        car
    }

    /// Such a car that is attached to a unit.
    pub(super) fn park_at(&mut self, north_m: f64, unit: usize) -> NodeId {
        let car = self.park(north_m);
        self.join(car, unit);
        car
    }

    pub(super) fn join(&mut self, car: NodeId, unit: usize) {
        assert!(self.road.connect(car, self.units[unit]));
    }

    pub(super) fn part(&mut self, car: NodeId, unit: usize) {
        self.road.disconnect(car, self.units[unit]);
    }

    /// A car leaves the road.
    pub(super) fn leave(&mut self, car: NodeId) {
        self.cars.retain(|(node, _)| *node != car);
        for unit in self.units.clone() {
            self.road.disconnect(car, unit);
        }
    }

    fn drive_to(&mut self, car: NodeId, north_m: f64) {
        for (node, at_m) in &mut self.cars {
            if *node == car {
                *at_m = north_m;
            }
        }
    }

    pub(super) fn pass(&mut self, duration: Duration) {
        let until = self.road.now().instant + duration;
        while self.road.now().instant < until {
            for (car, north_m) in self.cars.clone() {
                let state = OwnState {
                    telemetry: Telemetry {
                        speed: Speed::from_m_per_s(0.0),
                        ..Telemetry::at(place(north_m))
                    },
                    measured: self.road.now_of(car).timestamp,
                };
                self.road
                    .with(car, |station, now| station.handle_state(state, now))
                    .unwrap();
            }
            let next = self.road.now().instant + Duration::from_millis(500);
            self.road.run_until(next);
        }
    }

    pub(super) fn report(&mut self, car: NodeId, validity: Duration) -> ActionId {
        let report = breakdown(validity);
        self.road
            .with(car, |station, now| station.report_hazard(report, now))
            .unwrap()
    }

    /// By how many stations a car heard another; `None` if it does not know it.
    pub(super) fn hops(&self, viewer: NodeId, seen: NodeId) -> Option<u8> {
        let station = self.road.station(seen).station().unwrap();
        let object = self.road.station(viewer).world().object(station)?;
        Some(object.hops())
    }

    pub(super) fn knows(&self, viewer: NodeId, action: ActionId) -> bool {
        self.road.station(viewer).world().hazard(action).is_some()
    }
}

#[test]
fn cars_hear_each_other_through_a_unit_within_what_they_asked_for() {
    let mut town = Town::new(&[(0.0, 1_000)], Conditions::default(), 300);
    let cars = [0.0, 250.0, 500.0].map(|north_m| town.park_at(north_m, 0));
    town.pass(seconds(5));
    assert_eq!(town.hops(cars[0], cars[1]), Some(1));
    assert_eq!(town.hops(cars[1], cars[2]), Some(1));
    assert_eq!(town.hops(cars[0], cars[2]), None);
    assert_eq!(town.hops(cars[2], cars[0]), None);
    // None is told what it said itself.
    let own = town.road.station(cars[0]).station().unwrap();
    assert!(town.road.station(cars[0]).world().object(own).is_none());
    assert!(town.road.station(cars[0]).counters().refused.is_empty());
}

#[test]
fn units_tell_each_other_what_lies_where_both_serve() {
    let units = [(-800.0, 1_000), (800.0, 1_000)];
    let mut town = Town::new(&units, Conditions::default(), 300);
    let south = town.park_at(-100.0, 0);
    let north = town.park_at(100.0, 1);
    let far = town.park_at(-1_500.0, 0);
    town.pass(seconds(5));
    assert_eq!(town.hops(south, north), Some(2));
    assert_eq!(town.hops(north, south), Some(2));
    assert_eq!(town.hops(far, south), None);
    // What lies where the other unit serves nobody stays here.
    let unit = town.road.station(town.units[1]).world();
    let station = town.road.station(far).station().unwrap();
    assert!(unit.object(station).is_none());
}

#[test]
fn a_car_that_goes_over_to_another_unit_misses_no_hazard() {
    let units = [(-800.0, 1_200), (800.0, 1_200)];
    let mut town = Town::new(&units, Conditions::default(), 300);
    let broken = town.park_at(0.0, 0);
    let behind = town.park_at(-1_900.0, 0);
    town.pass(seconds(2));
    let action = town.report(broken, seconds(120));
    town.pass(seconds(2));
    assert!(!town.knows(behind, action), "1 900 m away");
    // It drives on and is told as it comes near, by whichever unit it is at.
    town.drive_to(behind, -900.0);
    town.pass(seconds(2));
    assert!(town.knows(behind, action));
    let other = town.park_at(1_900.0, 1);
    town.pass(seconds(2));
    assert!(!town.knows(other, action));
    town.drive_to(other, 900.0);
    town.pass(seconds(2));
    assert!(town.knows(other, action));
    // In the middle of a change of units, the second before the first is left, the end is heard too.
    town.join(behind, 1);
    town.road
        .with(broken, |station, now| station.cancel_hazard(action, now))
        .unwrap();
    town.part(behind, 0);
    town.pass(seconds(2));
    for car in [behind, other] {
        assert!(!town.knows(car, action));
    }
}

#[test]
fn a_breakdown_over_four_slots_is_heard_by_every_newcomer_and_ended_by_its_car() {
    let mut town = Town::new(&[(0.0, 2_000)], Conditions::default(), 60);
    let broken = town.park_at(0.0, 0);
    town.pass(seconds(1));
    let first = town.road.station(broken).station().unwrap();
    let action = town.report(broken, seconds(80));
    let mut names = std::collections::BTreeSet::from([first]);
    for minute in 0..4 {
        let newcomer = town.park_at(500.0 + f64::from(minute), 0);
        // At once, with its first word of where it is.
        town.pass(Duration::from_millis(500));
        assert!(town.knows(newcomer, action), "minute {minute}");
        town.pass(seconds(60));
        let report = breakdown(seconds(80));
        town.road
            .with(broken, |station, now| {
                station.update_hazard(action, &report, now)
            })
            .unwrap();
        names.insert(town.road.station(broken).station().unwrap());
    }
    assert!(names.len() >= 4, "{names:?}");
    let last = town.park_at(700.0, 0);
    town.pass(seconds(1));
    assert!(town.knows(last, action));
    town.road
        .with(broken, |station, now| station.cancel_hazard(action, now))
        .unwrap();
    let late = town.park_at(800.0, 0);
    town.pass(seconds(1));
    for (car, _) in &town.cars {
        assert!(!town.knows(*car, action));
    }
    assert!(!town.knows(late, action));
}

#[test]
fn a_unit_keeps_a_hazard_alive_after_its_car_has_gone() {
    let mut town = Town::new(&[(0.0, 2_000)], Conditions::default(), 60);
    let broken = town.park_at(0.0, 0);
    town.pass(seconds(1));
    let action = town.report(broken, seconds(290));
    town.pass(seconds(1));
    town.part(broken, 0);
    // Its ticket has been over for two slots.
    town.pass(seconds(200));
    let newcomer = town.park_at(400.0, 0);
    town.pass(Duration::from_millis(500));
    assert!(town.knows(newcomer, action));
    // It comes back under another name and says that it is over.
    town.join(broken, 0);
    town.road
        .with(broken, |station, now| station.cancel_hazard(action, now))
        .unwrap();
    town.pass(seconds(1));
    assert!(!town.knows(newcomer, action));
    let late = town.park_at(400.0, 0);
    town.pass(seconds(1));
    assert!(!town.knows(late, action));
}

#[test]
fn every_hazard_arrives_over_a_network_that_loses_and_reorders() {
    let conditions = Conditions {
        loss: 0.2,
        delay: Duration::from_millis(50),
        jitter: Duration::from_millis(100),
    };
    let mut town = Town::new(&[(-500.0, 1_500), (500.0, 1_500)], conditions, 300);
    let cars: Vec<_> = (0..12)
        .map(|car| town.park_at(f64::from(car) * 50.0 - 300.0, usize::from(car >= 6)))
        .collect();
    town.pass(seconds(3));
    let mut reported = Vec::new();
    for car in &cars {
        reported.push(town.report(*car, seconds(60)));
        town.pass(Duration::from_millis(500));
    }
    town.pass(seconds(3));
    for viewer in &cars {
        for (action, reporter) in reported.iter().zip(&cars) {
            assert!(viewer == reporter || town.knows(*viewer, *action));
        }
    }
    // Nobody was cut off, and telemetry is fresh: of neighbours, no word is older than a few lost ones.
    let events = town.road.take_events();
    assert!(
        !events
            .iter()
            .any(|(_, _, event)| matches!(event, Event::Disconnect { .. }))
    );
    for (viewer, seen) in cars.iter().zip(&cars[1..]) {
        assert!(town.hops(*viewer, *seen).is_some());
    }
}

pub(super) fn breakdown(validity: Duration) -> HazardReport {
    HazardReport {
        validity: Validity::saturating(validity),
        ..HazardReport::of(Cause::STATIONARY_VEHICLE_BREAKDOWN)
    }
}
