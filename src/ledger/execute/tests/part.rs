use super::{Case, hold, world::*};
use crate::{
    id::VehicleId,
    ledger::{
        InstallPart, MovePart, Outcome, PartState, PartTag, RemovePart, RetireVehicle, Rule,
        ScrapPart, ShipPart, StateView, TagKind,
    },
};

pub(super) const CASES: &[Case] = &[
    (Rule::PartTagTaken, |world| {
        world.part(0, 1);
        let made = world.made_part(0, 1);
        world.send(0, &[PART_MAKER], made)
    }),
    (Rule::PartClaimPending, |world| {
        let made = world.made_part(1, 1);
        world.apply(0, &[PART_MAKER], made.clone());
        world.send(0, &[PART_MAKER], made)
    }),
    (Rule::TagKindDiffers, |world| {
        let mut made = world.made_part(0, 1);
        made.certificate = world.certificate(TagKind::Vehicle, tag(0, 1), PART_MAKER);
        world.send(0, &[PART_MAKER], made)
    }),
    (Rule::PartUnknown, |world| {
        let part = PartTag::from_bytes([1; 32]);
        world.send(0, &[WORKSHOP], ScrapPart { part })
    }),
    (Rule::NotPartHolder, |world| {
        let part = world.part(0, 1);
        world.send(0, &[WORKSHOP], ScrapPart { part })
    }),
    (Rule::ReceiverSignatureMissing, |world| {
        let part = world.part(0, 1);
        let to = who(DISTRIBUTOR);
        world.send(0, &[PART_MAKER], ShipPart { part, to })
    }),
    (Rule::PartScrapped, |world| {
        let part = world.part(0, 1);
        world.apply(0, &[PART_MAKER], ScrapPart { part });
        world.send(0, &[PART_MAKER], ScrapPart { part })
    }),
    (Rule::PartInstalled, |world| {
        let vehicle = world.car(0, 1);
        let part = world.installed_part(vehicle, 1);
        let other = world.car(0, 2);
        let install = install(world, part, other);
        world.send(0, &[WORKSHOP, OWNER], install)
    }),
    (Rule::PartNotInVehicle, |world| {
        let vehicle = world.car(0, 1);
        let part = world.installed_part(vehicle, 1);
        let vehicle = world.car(0, 2);
        world.send(0, &[WORKSHOP, OWNER], RemovePart { part, vehicle })
    }),
    (Rule::PartMovesNowhere, |world| {
        let vehicle = world.car(0, 1);
        let part = world.installed_part(vehicle, 1);
        let moved = moved(world, part, vehicle, vehicle);
        world.send(0, &[WORKSHOP, OWNER], moved)
    }),
    (Rule::PartInTransit, |world| {
        let (part, from, to) = on_its_way(world);
        let moved = moved(world, part, from, to);
        world.send(0, &[WORKSHOP, OWNER], moved)
    }),
    (Rule::ConsentMissing, |world| {
        let vehicle = world.car(0, 1);
        let part = world.installed_part(vehicle, 1);
        world.send(0, &[WORKSHOP], RemovePart { part, vehicle })
    }),
    (Rule::RoleMissing, |world| {
        let vehicle = world.car(0, 1);
        let part = world.installed_part(vehicle, 1);
        world.send(0, &[OWNER], RemovePart { part, vehicle })
    }),
    (Rule::ShardUnknown, |world| {
        let vehicle = world.car(0, 1);
        let part = world.installed_part(vehicle, 1);
        let moved = moved(world, part, vehicle, vehicle_id(9, 9));
        world.send(0, &[WORKSHOP, OWNER], moved)
    }),
];

#[test]
fn l14_parts_are_refused_by_the_rule_that_stops_them() {
    hold(CASES);
}

#[test]
fn a_part_lives_from_its_maker_to_the_scrap_heap() {
    let mut world = World::new();
    let vehicle = world.car(0, 1);
    let part = world.installed_part(vehicle, 1);
    let fitted = world.state(0).part(part).unwrap();
    assert!(matches!(fitted.state, PartState::Installed { vehicle: it, .. } if it == vehicle));
    world.apply(0, &[WORKSHOP, OWNER], RemovePart { part, vehicle });
    assert_eq!(world.state(0).part(part).unwrap().holder, who(WORKSHOP));
    world.apply(0, &[WORKSHOP], ScrapPart { part });
    assert_eq!(
        world.state(0).part(part).unwrap().state,
        PartState::Scrapped
    );
}

#[test]
fn a_second_part_of_one_tag_raises_an_alarm_that_names_both_claims() {
    let mut world = World::new();
    let made = world.made_part(2, 1);
    world.apply(0, &[PART_MAKER], made.clone());
    world.apply(1, &[PART_MAKER], made);
    world.settle();
    let part = PartTag::from_bytes(tag(2, 1));
    assert!(world.state(0).part(part).is_some());
    assert!(world.state(1).part(part).is_none());
    assert!(world.state(1).pending_part(part).is_none());
    for shard in [1, 2] {
        let alarm = world.state(shard).alarm(TagKind::Part, tag(2, 1)).unwrap();
        assert_eq!((alarm.first.shard.0, alarm.other.shard.0), (0, 1));
        assert_eq!(alarm.refused, 1);
    }
}

#[test]
fn an_alarm_outlives_the_refusal_in_the_shard_that_keeps_the_tag() {
    let mut world = World::new();
    world.part(0, 1);
    let made = world.made_part(0, 1);
    assert_eq!(
        world.send(0, &[PART_MAKER], made),
        Outcome::Refused(Rule::PartTagTaken)
    );
    let alarm = world.state(0).alarm(TagKind::Part, tag(0, 1)).unwrap();
    assert_ne!(alarm.first.transaction, alarm.other.transaction);
}

#[test]
fn a_part_moves_to_a_vehicle_of_another_shard() {
    let mut world = World::new();
    let (part, from, to) = on_its_way(&mut world);
    assert!(world.state(0).part(part).is_none());
    assert!(world.state(0).transit(part).is_some());
    world.deliver(0, 1);
    let arrived = world.state(1).part(part).unwrap();
    assert!(matches!(arrived.state, PartState::Installed { vehicle, .. } if vehicle == to));
    world.deliver(1, 0);
    assert!(world.state(0).transit(part).is_none());
    let back = moved(&world, part, to, from);
    world.apply(1, &[WORKSHOP, OWNER], back);
    world.settle();
    assert!(world.state(0).part(part).is_some());
    assert!(world.state(1).part(part).is_none());
}

#[test]
fn a_part_that_cannot_arrive_is_what_it_was_before() {
    let mut world = World::new();
    let from = world.car(0, 1);
    let to = world.car(1, 2);
    let part = world.installed_part(from, 1);
    let before = world.state(0).part(part).unwrap().clone();
    world.apply(1, &[OWNER, REGISTRY], RetireVehicle { vehicle: to });
    let moved = moved(&world, part, from, to);
    world.apply(0, &[WORKSHOP, OWNER], moved);
    world.settle();
    assert_eq!(world.state(0).part(part), Some(&before));
    assert!(world.state(0).transit(part).is_none());
    assert!(world.state(1).part(part).is_none());
}

#[test]
fn nobody_fits_a_part_to_a_vehicle_elsewhere_against_its_owners_will() {
    let mut world = World::new();
    let from = world.car(0, 1);
    let to = world.car(1, 2);
    world.apply(1, &[OWNER, BUYER], super::ownership::sale(to, 0, BUYER));
    let part = world.installed_part(from, 1);
    let moved = moved(&world, part, from, to);
    world.apply(0, &[WORKSHOP, OWNER], moved.clone());
    world.settle();
    assert!(world.state(0).part(part).is_some());
    world.apply(0, &[WORKSHOP, OWNER, BUYER], moved);
    world.settle();
    assert!(world.state(1).part(part).is_some());
}

/// A part that has left shard 0 for a vehicle of shard 1; then the vehicles.
pub(super) fn on_its_way(world: &mut World) -> (PartTag, VehicleId, VehicleId) {
    let from = world.car(0, 1);
    let to = world.car(1, 2);
    let part = world.installed_part(from, 1);
    let moved = moved(world, part, from, to);
    world.apply(0, &[WORKSHOP, OWNER], moved);
    (part, from, to)
}

pub(super) fn moved(world: &World, part: PartTag, from: VehicleId, to: VehicleId) -> MovePart {
    MovePart {
        part,
        from,
        to,
        fitted: world.time,
    }
}

fn install(world: &World, part: PartTag, vehicle: VehicleId) -> InstallPart {
    InstallPart {
        part,
        vehicle,
        fitted: world.time,
    }
}
