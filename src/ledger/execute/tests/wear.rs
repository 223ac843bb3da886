use super::{Case, hold, world::*};
use crate::{
    id::VehicleId,
    ledger::{
        Correct, Correction, Method, PartTag, RecordCommitment, RecordWear, ReplaceWearPart, Rule,
        StateView, WearKind, WearSlot,
    },
};

pub(super) const CASES: &[Case] = &[
    (Rule::VehicleSignatureMissing, |world| {
        let vehicle = world.car(0, 1);
        let record = worn(world, vehicle, 8_000, 0);
        world.send(0, &[WORKSHOP], record)
    }),
    (Rule::ThicknessOutOfRange, |world| {
        let vehicle = world.car(0, 1);
        let record = worn(world, vehicle, 12_001, 0);
        world.send(0, &[CAR + 1], record)
    }),
    (Rule::ThicknessIncreased, |world| {
        let vehicle = measured(world, 8_000);
        let record = worn(world, vehicle, 8_001, 0);
        world.send(0, &[CAR + 1], record)
    }),
    // 2 mm in 1,000 km, and half a millimetre for the gauge.
    (Rule::WearTooFast, |world| {
        let vehicle = measured(world, 8_000);
        let record = worn(world, vehicle, 5_499, 1_000);
        world.send(0, &[CAR + 1], record)
    }),
    (Rule::WearSerialDiffers, |world| {
        let vehicle = measured(world, 8_000);
        let mut record = worn(world, vehicle, 7_900, 100);
        record.serial = PartTag::from_bytes([8; 32]);
        world.send(0, &[CAR + 1], record)
    }),
    (Rule::WearSerialNotNew, |world| {
        let vehicle = measured(world, 8_000);
        let fitted = fitted(world, vehicle, 9);
        world.send(0, &[WORKSHOP], fitted)
    }),
    (Rule::WheelOutOfRange, |world| {
        let vehicle = world.car(0, 1);
        let mut record = worn(world, vehicle, 8_000, 0);
        record.slot.wheel = 32;
        world.send(0, &[CAR + 1], record)
    }),
    (Rule::MeasurementTooOld, |world| {
        let vehicle = world.car(0, 1);
        let older = worn(world, vehicle, 8_000, 0);
        world.wait(DAY);
        let newer = worn(world, vehicle, 8_000, 0);
        world.apply(0, &[CAR + 1], newer);
        world.send(0, &[CAR + 1], older)
    }),
    (Rule::TemperatureOutOfRange, |world| {
        let vehicle = world.car(0, 1);
        let mut record = worn(world, vehicle, 8_000, 0);
        record.temperature_decidegree_c = Some(20_001);
        world.send(0, &[CAR + 1], record)
    }),
    (Rule::OdometerDecreased, |world| {
        let vehicle = measured(world, 8_000);
        let record = worn(world, vehicle, 7_900, 100);
        world.apply(0, &[CAR + 1], record);
        let record = worn(world, vehicle, 7_900, 99);
        world.send(0, &[CAR + 1], record)
    }),
    (Rule::WearUnknown, |world| {
        let vehicle = world.car(0, 1);
        world.send(0, &[INSPECTION, WORKSHOP], correction(vehicle, 9_000))
    }),
];

#[test]
fn l14_wear_is_refused_by_the_rule_that_stops_it() {
    hold(CASES);
}

#[test]
fn two_millimetres_wear_off_in_a_thousand_kilometres() {
    let mut world = World::new();
    let vehicle = measured(&mut world, 8_000);
    let record = worn(&world, vehicle, 5_500, 1_000);
    world.apply(0, &[CAR + 1], record);
    assert_eq!(world.vehicle(vehicle).odometer.km, 1_000);
}

#[test]
fn a_replacement_with_a_new_serial_may_be_thicker() {
    let mut world = World::new();
    let vehicle = measured(&mut world, 2_000);
    let fitted = fitted(&world, vehicle, 10);
    world.apply(0, &[WORKSHOP], fitted);
    let wear = world.state(0).wear(vehicle, SLOT).unwrap();
    assert_eq!(wear.thickness_um, 9_000);
}

#[test]
fn two_roles_correct_a_thickness_upwards() {
    let mut world = World::new();
    let vehicle = measured(&mut world, 2_000);
    world.apply(0, &[INSPECTION, WORKSHOP], correction(vehicle, 9_000));
    let wear = world.state(0).wear(vehicle, SLOT).unwrap();
    assert_eq!((wear.thickness_um, wear.corrections), (9_000, 1));
}

fn measured(world: &mut World, thickness_um: u32) -> VehicleId {
    let vehicle = world.car(0, 1);
    let record = worn(world, vehicle, thickness_um, 0);
    world.apply(0, &[CAR + 1], record);
    vehicle
}

fn worn(world: &World, vehicle: VehicleId, thickness_um: u32, odometer_km: u32) -> RecordWear {
    RecordWear {
        vehicle,
        slot: SLOT,
        serial: PartTag::from_bytes([9; 32]),
        thickness_um,
        temperature_decidegree_c: Some(450),
        odometer_km,
        measured: world.time,
        method: Method::Sensor,
    }
}

fn fitted(world: &World, vehicle: VehicleId, serial: u8) -> ReplaceWearPart {
    ReplaceWearPart {
        vehicle,
        slot: SLOT,
        serial: PartTag::from_bytes([serial; 32]),
        thickness_um: 9_000,
        odometer_km: 0,
        fitted: world.time,
    }
}

fn correction(vehicle: VehicleId, thickness_um: u32) -> Correct {
    Correct {
        vehicle,
        reason: label("typing_error"),
        evidence: RecordCommitment::from_bytes([2; 32]),
        correction: Correction::Wear {
            slot: SLOT,
            thickness_um,
            method: Method::Gauge,
        },
    }
}

const SLOT: WearSlot = WearSlot {
    kind: WearKind::Tyre,
    wheel: 1,
};
