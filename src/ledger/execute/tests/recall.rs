use super::{Case, hold, world::*};
use crate::{
    crypto::Digest,
    id::VehicleId,
    ledger::{IssueRecall, PartTag, RecallCriteria, RemedyRecall, Rule, StateView},
};

pub(super) const CASES: &[Case] = &[
    (Rule::NotGovernanceShard, |world| {
        let recall = recall(world);
        world.send(1, &[MAKER], recall)
    }),
    (Rule::RecallExists, |world| {
        let recall = recall(world);
        world.apply(0, &[MAKER], recall.clone());
        world.send(0, &[MAKER], recall)
    }),
    (Rule::RecallCriteriaInvalid, |world| {
        let mut recall = recall(world);
        recall.criteria.built_until = recall.criteria.built_from.saturating_sub(DAY);
        world.send(0, &[MAKER], recall)
    }),
    (Rule::RecallUnknown, |world| {
        let (vehicle, part) = recalled(world);
        let mut remedy = remedy(world, vehicle, Some(part));
        remedy.recall = label("recall-2");
        world.send(1, &[WORKSHOP], remedy)
    }),
    (Rule::RecallNotForVehicle, |world| {
        let (_, part) = recalled(world);
        let mut birth = world.birth(1, 1, 2);
        birth.model = label("model-2");
        world.apply(1, &[MAKER, OWNER, CAR + 2], birth);
        let remedy = remedy(world, vehicle_id(1, 2), Some(part));
        world.send(1, &[WORKSHOP], remedy)
    }),
    (Rule::RecallRemedied, |world| {
        let (vehicle, part) = recalled(world);
        let remedy = remedy(world, vehicle, Some(part));
        world.apply(1, &[WORKSHOP], remedy.clone());
        world.send(1, &[WORKSHOP], remedy)
    }),
    (Rule::RecallPartMissing, |world| {
        let (vehicle, _) = recalled(world);
        let remedy = remedy(world, vehicle, None);
        world.send(1, &[WORKSHOP], remedy)
    }),
    (Rule::RoleMissing, |world| {
        let (vehicle, part) = recalled(world);
        let remedy = remedy(world, vehicle, Some(part));
        world.send(1, &[OWNER], remedy)
    }),
];

#[test]
fn l14_recalls_are_refused_by_the_rule_that_stops_them() {
    hold(CASES);
}

#[test]
fn a_recall_spreads_to_every_shard() {
    let mut world = World::new();
    recalled(&mut world);
    for shard in 0..3 {
        let recall = world.state(shard).recall(who(MAKER), label("recall-1"));
        assert!(recall.is_some());
    }
}

/// A vehicle of shard 1 that is called back, and a part in it that the remedy fits.
fn recalled(world: &mut World) -> (VehicleId, PartTag) {
    let vehicle = world.car(1, 1);
    let part = world.installed_part(vehicle, 1);
    let recall = recall(world);
    world.apply(0, &[MAKER], recall);
    world.settle();
    (vehicle, part)
}

fn recall(world: &World) -> IssueRecall {
    IssueRecall {
        recall: label("recall-1"),
        criteria: RecallCriteria {
            model: label("model-1"),
            built_from: world.genesis.created,
            built_until: world.genesis.created,
            part_kind: Some(label("brake_caliper")),
        },
        remedy: Digest::from_bytes([1; 32]),
        due: world.time.saturating_add(90 * DAY),
    }
}

fn remedy(world: &World, vehicle: VehicleId, part: Option<PartTag>) -> RemedyRecall {
    RemedyRecall {
        maker: who(MAKER),
        recall: label("recall-1"),
        vehicle,
        part,
        odometer_km: 0,
        remedied: world.time,
    }
}
