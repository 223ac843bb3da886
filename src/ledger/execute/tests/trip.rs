use std::time::Duration;

use super::{Case, hold, world::*};
use crate::{
    id::VehicleId,
    ledger::{RecordCommitment, RecordTrip, Rule, StateView, Stop, TRIPS_MAX},
};

pub(super) const CASES: &[Case] = &[
    (Rule::TripTimesDisordered, |world| {
        let mut trip = first(world);
        trip.ended = trip.started;
        world.send(0, &[CAR + 1], trip)
    }),
    (Rule::TripOverlaps, |world| {
        let mut trip = first(world);
        world.apply(0, &[CAR + 1], trip.clone());
        trip.started = trip.started.saturating_add(HOUR / 2);
        trip.ended = trip.ended.saturating_add(HOUR / 2);
        world.wait(HOUR);
        trip.started_odometer_km = trip.ended_odometer_km;
        trip.ended_odometer_km += 100;
        world.send(0, &[CAR + 1], trip)
    }),
    (Rule::TripTooOld, |world| {
        let oldest = first(world);
        for _ in 0..TRIPS_MAX {
            world.wait(HOUR);
            let trip = still(world, oldest.vehicle);
            world.apply(0, &[CAR + 1], trip);
        }
        world.send(0, &[CAR + 1], oldest)
    }),
    (Rule::TripDistanceDiffers, |world| {
        let mut trip = first(world);
        // 100 km by the odometer: 2 km for the 2 %, and 1 km for its whole kilometres.
        trip.distance_m = 103_001;
        world.send(0, &[CAR + 1], trip)
    }),
    (Rule::StopsDisordered, |world| {
        let mut trip = first(world);
        let stop = stop(&trip, 300, false);
        trip.stops = vec![stop, stop];
        world.send(0, &[CAR + 1], trip)
    }),
    (Rule::StopTooShort, |world| {
        let mut trip = first(world);
        trip.stops = vec![stop(&trip, 299, false)];
        world.send(0, &[CAR + 1], trip)
    }),
    (Rule::VehicleSignatureMissing, |world| {
        let trip = first(world);
        world.send(0, &[OWNER], trip)
    }),
    (Rule::OdometerDecreased, |world| {
        let mut trip = first(world);
        trip.started_odometer_km = 101;
        world.send(0, &[CAR + 1], trip)
    }),
];

#[test]
fn l14_trips_are_refused_by_the_rule_that_stops_them() {
    hold(CASES);
}

#[test]
fn trips_may_come_out_of_order_while_they_are_remembered() {
    let mut world = World::new();
    let earlier = first(&mut world);
    world.wait(2 * HOUR);
    let mut later = earlier.clone();
    later.started = earlier.ended;
    later.ended = later.started.saturating_add(HOUR);
    later.started_odometer_km = 100;
    later.ended_odometer_km = 200;
    later.stops = vec![stop(&later, 120, true)];
    world.apply(0, &[CAR + 1], later);
    world.apply(0, &[CAR + 1], earlier.clone());
    assert_eq!(world.state(0).trips(earlier.vehicle).unwrap().count, 2);
    assert_eq!(world.vehicle(earlier.vehicle).odometer.km, 200);
}

/// One hour and 100 km, up to now.
fn first(world: &mut World) -> RecordTrip {
    let vehicle = world.car(0, 1);
    RecordTrip {
        ended_odometer_km: 100,
        distance_m: 102_900,
        ..still(world, vehicle)
    }
}

fn still(world: &World, vehicle: VehicleId) -> RecordTrip {
    RecordTrip {
        vehicle,
        route: RecordCommitment::from_bytes([1; 32]),
        started: world.time.saturating_sub(HOUR),
        ended: world.time,
        started_odometer_km: 0,
        ended_odometer_km: 0,
        distance_m: 0,
        stops: Vec::new(),
    }
}

fn stop(trip: &RecordTrip, seconds: u64, ignition_off: bool) -> Stop {
    Stop {
        from: trip.started,
        until: trip.started.saturating_add(Duration::from_secs(seconds)),
        ignition_off,
    }
}

const HOUR: Duration = Duration::from_secs(3_600);
