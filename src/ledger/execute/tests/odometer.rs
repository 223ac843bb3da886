use super::{Case, hold, world::*};
use crate::{
    id::VehicleId,
    ledger::{
        Correct, Correction, OdometerSource, Outcome, RecordCommitment, RecordOdometer, Rule,
    },
};

pub(super) const CASES: &[Case] = &[
    (Rule::VehicleSignatureMissing, |world| {
        let vehicle = world.car(0, 1);
        let record = reading(world, vehicle, 10, OdometerSource::Telemetry);
        world.send(0, &[WORKSHOP], record)
    }),
    (Rule::OdometerDecreased, |world| {
        let vehicle = driven(world, 1_000);
        let record = reading(world, vehicle, 999, OdometerSource::Workshop);
        world.send(0, &[WORKSHOP], record)
    }),
    // Born a day ago: 2,500 km for that day and as much in reserve.
    (Rule::OdometerTooFast, |world| {
        let vehicle = world.car(0, 1);
        let record = reading(world, vehicle, 5_001, OdometerSource::Workshop);
        world.send(0, &[WORKSHOP], record)
    }),
    (Rule::ReadingTooOld, |world| {
        let vehicle = world.car(0, 1);
        let mut older = reading(world, vehicle, 10, OdometerSource::Telemetry);
        world.wait(DAY);
        let newer = reading(world, vehicle, 20, OdometerSource::Workshop);
        world.apply(0, &[WORKSHOP], newer);
        older.odometer_km = 20;
        world.send(0, &[CAR + 1], older)
    }),
    (Rule::OdometerOutOfRange, |world| {
        let vehicle = world.car(0, 1);
        let record = reading(world, vehicle, 10_000_001, OdometerSource::Maker);
        world.send(0, &[MAKER], record)
    }),
    (Rule::OdometerSourceInvalid, |world| {
        let vehicle = world.car(0, 1);
        let record = reading(world, vehicle, 1, OdometerSource::Other);
        world.send(0, &[OWNER], record)
    }),
    (Rule::SecondRoleMissing, |world| {
        let vehicle = driven(world, 1_000);
        world.send(0, &[INSPECTION], correction(vehicle, 900))
    }),
    (Rule::RoleMissing, |world| {
        let vehicle = driven(world, 1_000);
        world.send(0, &[WORKSHOP, MAKER], correction(vehicle, 900))
    }),
    (Rule::CorrectionIsNoChange, |world| {
        let vehicle = driven(world, 1_000);
        world.send(0, &[INSPECTION, WORKSHOP], correction(vehicle, 1_000))
    }),
    (Rule::RecordUnknown, |world| {
        let vehicle = world.car(0, 1);
        let mut correct = correction(vehicle, 0);
        correct.correction = Correction::Record {
            sequence: 1,
            replacement: RecordCommitment::from_bytes([1; 32]),
        };
        world.send(0, &[INSPECTION, WORKSHOP], correct)
    }),
];

#[test]
fn l14_readings_are_refused_by_the_rule_that_stops_them() {
    hold(CASES);
}

#[test]
fn a_correction_lowers_the_reading_and_stays_visible() {
    let mut world = World::new();
    let vehicle = driven(&mut world, 1_000);
    world.apply(0, &[INSPECTION, MAKER], correction(vehicle, 900));
    let odometer = world.vehicle(vehicle).odometer;
    assert_eq!((odometer.km, odometer.corrections), (900, 1));
    assert_eq!(world.vehicle(vehicle).history.sequence, 3);
}

#[test]
fn five_thousand_kilometres_in_two_days_are_believed_and_no_more() {
    let mut world = World::new();
    let vehicle = world.car(0, 1);
    // One millisecond is less than a kilometre's worth.
    let record = reading(&world, vehicle, 5_000, OdometerSource::Telemetry);
    world.apply(0, &[CAR + 1], record);
    world.wait(DAY);
    let record = reading(&world, vehicle, 7_501, OdometerSource::Telemetry);
    assert_eq!(
        world.send(0, &[CAR + 1], record),
        Outcome::Refused(Rule::OdometerTooFast)
    );
    let record = reading(&world, vehicle, 7_500, OdometerSource::Telemetry);
    world.apply(0, &[CAR + 1], record);
}

#[test]
fn a_refused_reading_of_a_workshop_enters_the_history_and_a_strangers_does_not() {
    let mut world = World::new();
    let vehicle = driven(&mut world, 1_000);
    let before = world.vehicle(vehicle).history;
    let record = reading(&world, vehicle, 1_001, OdometerSource::Workshop);
    world.car(0, 2);
    world.send(0, &[OWNER], record);
    assert_eq!(world.vehicle(vehicle).history, before);
    let record = reading(&world, vehicle, 500, OdometerSource::Workshop);
    world.send(0, &[WORKSHOP], record);
    assert_eq!(world.vehicle(vehicle).history.sequence, before.sequence + 1);
}

/// A vehicle of shard 0 whose odometer shows this much.
pub(super) fn driven(world: &mut World, odometer_km: u32) -> VehicleId {
    let vehicle = world.car(0, 1);
    let record = reading(world, vehicle, odometer_km, OdometerSource::Telemetry);
    world.apply(0, &[CAR + 1], record);
    vehicle
}

pub(super) fn reading(
    world: &World,
    vehicle: VehicleId,
    odometer_km: u32,
    source: OdometerSource,
) -> RecordOdometer {
    RecordOdometer {
        vehicle,
        odometer_km,
        read: world.time,
        source,
    }
}

fn correction(vehicle: VehicleId, odometer_km: u32) -> Correct {
    Correct {
        vehicle,
        reason: label("instrument_replaced"),
        evidence: RecordCommitment::from_bytes([2; 32]),
        correction: Correction::Odometer { odometer_km },
    }
}
