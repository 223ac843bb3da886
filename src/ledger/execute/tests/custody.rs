use super::{Case, hold, ownership::sale, world::*};
use crate::{
    id::VehicleId,
    ledger::{BeginCustody, CustodyPurpose, EndCustody, Rule},
};

pub(super) const CASES: &[Case] = &[
    (Rule::HolderSignatureMissing, |world| {
        let vehicle = world.car(0, 1);
        let begun = begun(world, vehicle, HOLDER);
        world.send(0, &[OWNER], begun)
    }),
    (Rule::OwnerSignatureMissing, |world| {
        let vehicle = world.car(0, 1);
        lend(world, vehicle);
        world.send(0, &[HOLDER, BUYER], sale(vehicle, 0, BUYER))
    }),
    (Rule::CustodyOverlaps, |world| {
        let vehicle = world.car(0, 1);
        lend(world, vehicle);
        let begun = begun(world, vehicle, BUYER);
        world.send(0, &[OWNER, BUYER], begun)
    }),
    (Rule::CustodySpanInvalid, |world| {
        let vehicle = world.car(0, 1);
        let mut begun = begun(world, vehicle, HOLDER);
        begun.until = begun.from;
        world.send(0, &[OWNER, HOLDER], begun)
    }),
    (Rule::CustodyByOwner, |world| {
        let vehicle = world.car(0, 1);
        let begun = begun(world, vehicle, OWNER);
        world.send(0, &[OWNER], begun)
    }),
    (Rule::NotInCustody, |world| {
        let vehicle = world.car(0, 1);
        let ended = ended(world, vehicle);
        world.send(0, &[OWNER], ended)
    }),
    (Rule::CustodyEndOutside, |world| {
        let vehicle = world.car(0, 1);
        let mut ended = ended(world, vehicle);
        ended.ended = world.time.saturating_sub(DAY / 2);
        lend(world, vehicle);
        world.send(0, &[HOLDER], ended)
    }),
];

#[test]
fn l14_hand_overs_are_refused_by_the_rule_that_stops_them() {
    hold(CASES);
}

#[test]
fn a_vehicle_that_was_handed_back_can_be_handed_over_again() {
    let mut world = World::new();
    let vehicle = world.car(0, 1);
    lend(&mut world, vehicle);
    world.wait(DAY);
    let ended = ended(&world, vehicle);
    world.apply(0, &[HOLDER], ended);
    let mut begun = begun(&world, vehicle, BUYER);
    begun.odometer_km = 100;
    world.apply(0, &[OWNER, BUYER], begun);
    assert_eq!(world.vehicle(vehicle).custody.unwrap().holder, who(BUYER));
}

#[test]
fn custody_that_ran_out_keeps_nobody_from_selling() {
    let mut world = World::new();
    let vehicle = world.car(0, 1);
    lend(&mut world, vehicle);
    world.wait(10 * DAY);
    world.apply(0, &[OWNER, BUYER], sale(vehicle, 0, BUYER));
}

/// Hands a vehicle to `HOLDER` for ten days from now on.
pub(super) fn lend(world: &mut World, vehicle: VehicleId) {
    let begun = begun(world, vehicle, HOLDER);
    world.apply(vehicle.home.0, &[OWNER, HOLDER], begun);
}

fn begun(world: &World, vehicle: VehicleId, holder: u8) -> BeginCustody {
    BeginCustody {
        vehicle,
        holder: who(holder),
        purpose: CustodyPurpose::Rental,
        from: world.time,
        until: world.time.saturating_add(10 * DAY),
        odometer_km: 0,
    }
}

fn ended(world: &World, vehicle: VehicleId) -> EndCustody {
    EndCustody {
        vehicle,
        ended: world.time,
        odometer_km: 100,
    }
}
