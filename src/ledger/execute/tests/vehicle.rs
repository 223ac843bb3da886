use super::{Case, hold, world::*};
use crate::ledger::{Outcome, RetireVehicle, RotateKey, Rule, StateView, TagKind, VehicleStatus};

pub(super) const CASES: &[Case] = &[
    (Rule::RoleMissing, |world| {
        let mut birth = world.birth(0, 0, 1);
        birth.vin = world.certificate(TagKind::Vehicle, tag(0, 1), OWNER);
        world.car(0, 2);
        world.send(0, &[OWNER, CAR + 1], birth)
    }),
    (Rule::TagClaimantDiffers, |world| {
        let mut birth = world.birth(0, 0, 1);
        birth.vin = world.certificate(TagKind::Vehicle, tag(0, 1), PART_MAKER);
        world.send(0, &[MAKER, OWNER, CAR + 1], birth)
    }),
    (Rule::TagIssuerUnknown, |world| {
        let mut birth = world.birth(0, 0, 1);
        birth.vin = crate::ledger::TagCertificate::issue(
            world.genesis.chain(),
            TagKind::Vehicle,
            birth.vin.tag,
            who(MAKER),
            &crate::ledger::sample::key(STRANGER),
        );
        world.send(0, &[MAKER, OWNER, CAR + 1], birth)
    }),
    (Rule::NewKeySignatureMissing, |world| {
        let birth = world.birth(0, 0, 1);
        world.send(0, &[MAKER, OWNER], birth)
    }),
    (Rule::OwnerSignatureMissing, |world| {
        let birth = world.birth(0, 0, 1);
        world.send(0, &[MAKER, CAR + 1], birth)
    }),
    (Rule::VehicleElsewhere, |world| {
        let birth = world.birth(1, 0, 1);
        world.send(0, &[MAKER, OWNER, CAR + 1], birth)
    }),
    (Rule::VehicleExists, |world| {
        world.car(0, 1);
        let mut birth = world.birth(0, 0, 2);
        birth.vehicle = vehicle_id(0, 1);
        world.send(0, &[MAKER, OWNER, CAR + 2], birth)
    }),
    (Rule::VinTagTaken, |world| {
        world.car(0, 1);
        let mut birth = world.birth(0, 0, 2);
        birth.vin = world.certificate(TagKind::Vehicle, tag(0, 1), MAKER);
        world.send(0, &[MAKER, OWNER, CAR + 2], birth)
    }),
    (Rule::TagKindDiffers, |world| {
        let mut birth = world.birth(0, 0, 1);
        birth.vin = world.certificate(TagKind::Part, tag(0, 1), MAKER);
        world.send(0, &[MAKER, OWNER, CAR + 1], birth)
    }),
    (Rule::ShardClosed, |world| {
        let birth = world.birth(2, 2, 1);
        world.send(2, &[MAKER, OWNER, CAR + 1], birth)
    }),
    (Rule::EnrolmentKeyUsed, |world| {
        world.car(0, 1);
        let mut birth = world.birth(0, 0, 2);
        birth.enrolment_key = who(CAR + 1);
        world.send(0, &[MAKER, OWNER, CAR + 1], birth)
    }),
    (Rule::TimeInFuture, |world| {
        let mut birth = world.birth(0, 0, 1);
        birth.built = world.time.saturating_add(DAY);
        world.send(0, &[MAKER, OWNER, CAR + 1], birth)
    }),
    (Rule::VehiclePending, |world| {
        let birth = world.birth(0, 1, 1);
        world.apply(0, &[MAKER, OWNER, CAR + 1], birth);
        let retire = RetireVehicle {
            vehicle: vehicle_id(0, 1),
        };
        world.send(0, &[OWNER, REGISTRY], retire)
    }),
    (Rule::VehicleRefused, |world| {
        world.car(1, 1);
        let mut birth = world.birth(0, 1, 2);
        birth.vin = world.certificate(TagKind::Vehicle, tag(1, 1), MAKER);
        world.apply(0, &[MAKER, OWNER, CAR + 2], birth);
        world.settle();
        let retire = RetireVehicle {
            vehicle: vehicle_id(0, 2),
        };
        world.send(0, &[OWNER, REGISTRY], retire)
    }),
    (Rule::VehicleRetired, |world| {
        let vehicle = world.car(0, 1);
        world.apply(0, &[OWNER, REGISTRY], RetireVehicle { vehicle });
        world.send(0, &[OWNER, REGISTRY], RetireVehicle { vehicle })
    }),
    (Rule::VehicleUnknown, |world| {
        let vehicle = vehicle_id(0, 9);
        world.send(0, &[REGISTRY], RetireVehicle { vehicle })
    }),
];

#[test]
fn l14_births_are_refused_by_the_rule_that_stops_them() {
    hold(CASES);
}

#[test]
fn a_vehicle_counts_once_its_tag_is_known_to_be_free() {
    let mut world = World::new();
    let birth = world.birth(0, 1, 1);
    world.apply(0, &[MAKER, OWNER, CAR + 1], birth);
    let id = vehicle_id(0, 1);
    assert_eq!(world.vehicle(id).status, VehicleStatus::Pending);
    world.deliver(0, 1);
    assert_eq!(world.vehicle(id).status, VehicleStatus::Pending);
    world.deliver(1, 0);
    assert_eq!(world.vehicle(id).status, VehicleStatus::Active);
    assert_eq!(world.vehicle(id).history.sequence, 2);
}

#[test]
fn l1_one_identification_number_is_born_once_through_two_shards() {
    let mut world = World::new();
    let tag = tag(2, 1);
    for (home, n) in [(0, 1), (1, 2)] {
        let mut birth = world.birth(home, 2, n);
        birth.vin = world.certificate(TagKind::Vehicle, tag, MAKER);
        world.apply(home, &[MAKER, OWNER, CAR + n], birth);
    }
    world.settle();
    let statuses = [vehicle_id(0, 1), vehicle_id(1, 2)].map(|id| world.vehicle(id).status);
    assert_eq!(statuses, [VehicleStatus::Active, VehicleStatus::Refused]);
    for shard in [1, 2] {
        let alarm = world.state(shard).alarm(TagKind::Vehicle, tag).unwrap();
        assert_eq!((alarm.first.shard.0, alarm.other.shard.0), (0, 1));
    }
}

#[test]
fn a_new_key_signs_in_place_of_the_old_one() {
    let mut world = World::new();
    let vehicle = world.car(0, 1);
    let enrolment_key = who(CAR + 9);
    let rotation = RotateKey {
        vehicle,
        enrolment_key,
    };
    world.apply(0, &[OWNER, WORKSHOP, CAR + 9], rotation.clone());
    let state = world.state(0);
    assert_eq!(state.vehicle(vehicle).unwrap().enrolment_key, enrolment_key);
    assert_eq!(state.account(who(CAR + 1)).unwrap().vehicle, None);
    assert_eq!(state.account(enrolment_key).unwrap().vehicle, Some(vehicle));
    assert_eq!(
        world.send(0, &[OWNER, WORKSHOP, CAR + 9], rotation),
        Outcome::Refused(Rule::EnrolmentKeyUsed)
    );
}
