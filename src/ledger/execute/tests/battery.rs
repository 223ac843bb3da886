use super::{Case, hold, world::*};
use crate::{
    id::VehicleId,
    ledger::{
        BatteryFigures, BatteryStatus, PartTag, RecordBattery, RepairBattery, Rule, StateView,
    },
};

pub(super) const CASES: &[Case] = &[
    (Rule::HealthOutOfRange, |world| {
        let mut record = first(world);
        record.figures.health_per_mille = 1_001;
        world.send(0, &[CAR + 1], record)
    }),
    (Rule::CapacityAboveRated, |world| {
        let mut record = first(world);
        record.figures.remaining_capacity_wh = 60_001;
        world.send(0, &[CAR + 1], record)
    }),
    (Rule::BatteryCounterDecreased, |world| {
        let mut record = first(world);
        world.apply(0, &[CAR + 1], record.clone());
        record.figures.cycles -= 1;
        world.send(0, &[CAR + 1], record)
    }),
    (Rule::BatteryStatusBackward, |world| {
        let mut record = first(world);
        record.status = BatteryStatus::Repurposed;
        world.apply(0, &[WORKSHOP], record.clone());
        record.status = BatteryStatus::Original;
        world.send(0, &[WORKSHOP], record)
    }),
    (Rule::BatteryDiffers, |world| {
        let mut record = first(world);
        world.apply(0, &[CAR + 1], record.clone());
        record.serial = PartTag::from_bytes([6; 32]);
        world.send(0, &[CAR + 1], record)
    }),
    (Rule::MeasurementTooOld, |world| {
        let mut record = first(world);
        world.apply(0, &[CAR + 1], record.clone());
        record.measured = record.measured.saturating_sub(DAY / 2);
        world.send(0, &[CAR + 1], record)
    }),
    (Rule::RoleMissing, |world| {
        let record = first(world);
        world.send(0, &[OWNER], record)
    }),
];

#[test]
fn l14_batteries_are_refused_by_the_rule_that_stops_them() {
    hold(CASES);
}

#[test]
fn health_that_rises_by_itself_is_flagged_and_by_repair_is_not() {
    let mut world = World::new();
    let mut record = first(&mut world);
    world.apply(0, &[CAR + 1], record.clone());
    for (rise, flags) in [(20, 0), (21, 1)] {
        record.figures.health_per_mille += rise;
        world.apply(0, &[CAR + 1], record.clone());
        let battery = world.state(0).battery(record.vehicle).unwrap();
        assert_eq!(battery.flags, flags);
    }
    let mut figures = record.figures;
    figures.health_per_mille = 1_000;
    let repair = RepairBattery {
        vehicle: record.vehicle,
        serial: record.serial,
        figures,
        status: BatteryStatus::Original,
        odometer_km: 0,
        repaired: world.time,
    };
    world.apply(0, &[WORKSHOP], repair);
    assert_eq!(world.state(0).battery(record.vehicle).unwrap().flags, 1);
}

fn first(world: &mut World) -> RecordBattery {
    let vehicle: VehicleId = world.car(0, 1);
    RecordBattery {
        vehicle,
        serial: PartTag::from_bytes([5; 32]),
        figures: BatteryFigures {
            rated_capacity_wh: 60_000,
            remaining_capacity_wh: 54_000,
            health_per_mille: 900,
            power_w: 150_000,
            resistance_micro_ohm: 90_000,
            throughput_kwh: 12_000,
            cycles: 200,
            negative_events: 1,
            extreme_temperature_min: 30,
        },
        status: BatteryStatus::Original,
        odometer_km: 0,
        measured: world.time,
    }
}
