use super::{Case, hold, world::*};
use crate::{
    id::VehicleId,
    ledger::{LiftBlock, Outcome, PlaceBlock, Rule, SaleBlock, StateView, Transfer},
};

pub(super) const CASES: &[Case] = &[
    (Rule::OwnerSignatureMissing, |world| {
        let vehicle = world.car(0, 1);
        world.send(0, &[CAR + 1, BUYER], sale(vehicle, 0, BUYER))
    }),
    (Rule::BuyerSignatureMissing, |world| {
        let vehicle = world.car(0, 1);
        world.send(0, &[OWNER], sale(vehicle, 0, BUYER))
    }),
    (Rule::OwnerEpochDiffers, |world| {
        let vehicle = world.car(0, 1);
        world.apply(0, &[OWNER, BUYER], sale(vehicle, 0, BUYER));
        world.send(0, &[OWNER, HOLDER], sale(vehicle, 0, HOLDER))
    }),
    (Rule::VehicleStolen, |world| {
        let vehicle = world.car(0, 1);
        world.apply(0, &[OWNER], place(vehicle, SaleBlock::Stolen));
        world.send(0, &[OWNER, BUYER], sale(vehicle, 0, BUYER))
    }),
    (Rule::VehicleUnderLien, |world| {
        let vehicle = world.car(0, 1);
        world.apply(0, &[LENDER, OWNER], place(vehicle, SaleBlock::Lien));
        world.send(0, &[OWNER, BUYER], sale(vehicle, 0, BUYER))
    }),
    (Rule::VehicleInDispute, |world| {
        let vehicle = world.car(0, 1);
        world.apply(0, &[REGISTRY], place(vehicle, SaleBlock::Dispute));
        world.send(0, &[OWNER, BUYER], sale(vehicle, 0, BUYER))
    }),
    (Rule::CustodyActive, |world| {
        let vehicle = world.car(0, 1);
        super::custody::lend(world, vehicle);
        world.send(0, &[OWNER, BUYER], sale(vehicle, 0, BUYER))
    }),
    (Rule::BuyerIsOwner, |world| {
        let vehicle = world.car(0, 1);
        world.send(0, &[OWNER], sale(vehicle, 0, OWNER))
    }),
    (Rule::BlockInPlace, |world| {
        let vehicle = world.car(0, 1);
        world.apply(0, &[AUTHORITY], place(vehicle, SaleBlock::Stolen));
        world.send(0, &[OWNER], place(vehicle, SaleBlock::Stolen))
    }),
    (Rule::BlockNotInPlace, |world| {
        let vehicle = world.car(0, 1);
        world.send(0, &[AUTHORITY], lift(vehicle, SaleBlock::Dispute))
    }),
    (Rule::NotLienHolder, |world| {
        let vehicle = world.car(0, 1);
        world.apply(0, &[LENDER, OWNER], place(vehicle, SaleBlock::Lien));
        world.send(0, &[OTHER_LENDER], lift(vehicle, SaleBlock::Lien))
    }),
];

#[test]
fn l14_sales_are_refused_by_the_rule_that_stops_them() {
    hold(CASES);
}

#[test]
fn a_sale_gives_the_buyer_the_vehicle_and_an_account() {
    let mut world = World::new();
    let vehicle = world.car(0, 1);
    world.apply(0, &[OWNER, BUYER], sale(vehicle, 0, BUYER));
    assert_eq!(world.vehicle(vehicle).owner, who(BUYER));
    assert_eq!(world.vehicle(vehicle).owner_epoch, 1);
    assert!(world.state(0).account(who(BUYER)).is_some());
    world.apply(0, &[BUYER, OWNER], sale(vehicle, 1, OWNER));
    assert_eq!(world.vehicle(vehicle).owner_epoch, 2);
}

#[test]
fn l1_of_two_sales_of_one_vehicle_in_one_block_the_first_counts() {
    let mut world = World::new();
    let vehicle = world.car(0, 1);
    let one = world.transaction(0, &[OWNER, BUYER], sale(vehicle, 0, BUYER));
    let other = world.transaction(0, &[OWNER, HOLDER], sale(vehicle, 0, HOLDER));
    let outcomes = world.block(0, vec![entry(other), entry(one)]).unwrap();
    assert_eq!(
        outcomes,
        [Outcome::Applied, Outcome::Refused(Rule::OwnerEpochDiffers)]
    );
    assert_eq!(world.vehicle(vehicle).owner, who(HOLDER));
}

#[test]
fn lifted_blocks_let_a_vehicle_be_sold() {
    let mut world = World::new();
    let vehicle = world.car(0, 1);
    for (block, by) in [
        (SaleBlock::Stolen, AUTHORITY),
        (SaleBlock::Dispute, REGISTRY),
    ] {
        world.apply(0, &[by], place(vehicle, block));
        world.apply(0, &[by], lift(vehicle, block));
    }
    world.apply(0, &[LENDER, OWNER], place(vehicle, SaleBlock::Lien));
    world.apply(0, &[LENDER], lift(vehicle, SaleBlock::Lien));
    world.apply(0, &[OWNER, BUYER], sale(vehicle, 0, BUYER));
}

pub(super) fn sale(vehicle: VehicleId, owner_epoch: u64, buyer: u8) -> Transfer {
    Transfer {
        vehicle,
        owner_epoch,
        buyer: who(buyer),
    }
}

fn place(vehicle: VehicleId, block: SaleBlock) -> PlaceBlock {
    PlaceBlock { vehicle, block }
}

fn lift(vehicle: VehicleId, block: SaleBlock) -> LiftBlock {
    LiftBlock { vehicle, block }
}
