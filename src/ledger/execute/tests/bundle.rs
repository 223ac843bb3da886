//! That what execution leaves behind is a history that anybody can check.

use super::{
    committee::{add, change, handover, replace},
    odometer::reading,
    ownership::sale,
    part::moved,
    world::{BUYER, CAR, MAKER, OWNER, WORKSHOP, World, vehicle_id},
};
use crate::{
    id::{ShardId, VehicleId},
    ledger::{
        Anchor, Block, Bundle, BundleError, BundleRecord, Checkpoint, Entry, FinalityError,
        FinalizedHeader, Handover, HandoverError, Head, HistoryLog, OdometerSource, Outcome, Rule,
        StateView, Trunk, TrunkError, Unanchored,
    },
};

/// A vehicle of shard 1 whose tag shard 2 keeps: born, driven, given a part from shard 0, sold, and
/// refused a lower reading; others live beside it.
fn lived() -> (World, VehicleId) {
    let mut world = World::new();
    let vehicle = vehicle_id(1, 2);
    let birth = world.birth(1, 2, 2);
    world.apply(1, &[MAKER, OWNER, CAR + 2], birth);
    world.settle();
    world.car(1, 3);
    let record = reading(&world, vehicle, 900, OdometerSource::Telemetry);
    world.apply(1, &[CAR + 2], record);
    let from = world.car(0, 1);
    let part = world.installed_part(from, 1);
    let moved = moved(&world, part, from, vehicle);
    world.apply(0, &[WORKSHOP, OWNER], moved);
    world.settle();
    world.apply(1, &[OWNER, BUYER], sale(vehicle, 0, BUYER));
    let record = reading(&world, vehicle, 800, OdometerSource::Workshop);
    world.send(1, &[WORKSHOP], record);
    (world, vehicle)
}

/// What a unit hands out.
fn bundle(world: &World, vehicle: VehicleId) -> Bundle {
    let chain = &world.shards[&vehicle.home];
    let mut records = Vec::new();
    for (block, touched) in &chain.blocks {
        for (index, touched) in touched.iter().enumerate() {
            let own = touched.iter().filter(|(id, _)| *id == vehicle);
            records.extend(own.map(|(_, sequence)| (*sequence, record(block, index))));
        }
    }
    records.sort_by_key(|(sequence, _)| *sequence);
    let records: Vec<_> = records.into_iter().map(|(_, record)| record).collect();
    let heights = records.iter().map(|record| record.height).collect();
    let handovers = handovers(world);
    let handed_over = handovers.iter().map(|it| it.finalized.header.height);
    Bundle {
        chain: world.genesis.chain(),
        vehicle,
        governance: Some(trunk(world, ShardId::GOVERNANCE, handed_over.collect())),
        handovers,
        home: trunk(world, vehicle.home, heights),
        records,
        head: Head::of_state(&chain.state, vehicle).unwrap(),
    }
}

fn record(block: &Block, index: usize) -> BundleRecord {
    BundleRecord {
        height: block.header.height,
        entry: block.entries[index].clone(),
        outcome: block.outcomes[index],
        path: block.entry_path(index).unwrap(),
    }
}

fn trunk(world: &World, shard: ShardId, heights: Vec<u64>) -> Trunk {
    let blocks = &world.shards[&shard].blocks;
    let mut log = HistoryLog::default();
    blocks
        .iter()
        .for_each(|(block, _)| log.append(block.header.digest()));
    let header = blocks.last().unwrap().0.header.clone();
    let newest = FinalizedHeader {
        certificate: world.certify(&header),
        header,
        link: Vec::new(),
    };
    let earlier = blocks.iter().map(|(block, _)| &block.header);
    let earlier = earlier
        .filter(|header| header.height < newest.header.height && heights.contains(&header.height));
    Trunk::new(newest.clone(), earlier.cloned(), &log).unwrap()
}

/// How committees followed each other.
fn handovers(world: &World) -> Vec<Handover> {
    let epoch = world.state(0).epoch_state(&world.genesis).epoch();
    (1..=epoch).map(|epoch| handover(world, epoch)).collect()
}

/// What a unit hands out of all shards, tied to headers at these heights.
fn checkpoint(world: &World, earlier: &[(u16, u64)]) -> Checkpoint {
    let trunk = |shard: u16| {
        let of_shard = earlier.iter().filter(|(it, _)| *it == shard);
        trunk(
            world,
            ShardId(shard),
            of_shard.map(|(_, height)| *height).collect(),
        )
    };
    Checkpoint {
        chain: world.genesis.chain(),
        handovers: handovers(world),
        shards: [0, 1, 2].map(trunk).to_vec(),
    }
}

/// Where the shards that a bundle is of were when it was made.
fn tips(bundle: &Bundle) -> Vec<(u16, u64)> {
    let trunks = bundle.governance.iter().chain([&bundle.home]);
    trunks
        .map(|trunk| (trunk.tip().shard.0, trunk.tip().height))
        .collect()
}

/// The same ledger later, when nobody votes any more who voted before.
fn with_another_committee(world: &mut World) {
    let others = (0..4).map(|index| replace(index, 150 + u8::try_from(index).unwrap()));
    world.apply(0, &[200, 201, 202, 203], change(others));
    world.cross_all();
}

#[test]
fn a_history_from_before_a_change_of_the_committee_is_good_after_it() {
    let (mut world, vehicle) = lived();
    let before = bundle(&world, vehicle);
    with_another_committee(&mut world);
    world.apply(0, &[200, 201, 202, 203, 220], change([add(220)]));
    world.cross_all();
    let record = reading(&world, vehicle, 950, OdometerSource::Workshop);
    world.apply(1, &[WORKSHOP], record);
    let checkpoint = checkpoint(&world, &tips(&before));
    let report = before.clone().verify(&world.genesis, Some(&checkpoint));
    assert!(report.unwrap().is_anchored());
    // And so is one with records of both times.
    let after = bundle(&world, vehicle);
    let bytes = after.to_bytes();
    let after = Bundle::from_bytes(&bytes).unwrap();
    let report = after.verify(&world.genesis, Some(&checkpoint)).unwrap();
    assert!(report.is_anchored());
    assert_eq!((report.operators, report.quorum), (5, 4));
    assert_eq!(report.records.len(), before.records.len() + 1);
    assert_eq!(checkpoint.verify(&world.genesis).unwrap().len(), 3);
}

#[test]
fn a_history_is_worth_nothing_without_the_hand_overs_of_its_epochs() {
    let (mut world, vehicle) = lived();
    with_another_committee(&mut world);
    let whole = bundle(&world, vehicle);
    let mut cut = whole.clone();
    cut.handovers.clear();
    assert!(matches!(
        cut.verify(&world.genesis, None),
        Err(BundleError::Trunk(
            _,
            TrunkError::Finality(FinalityError::Epoch(1))
        ))
    ));
    // A hand-over has to be in the past that is shown, not beside it.
    let mut beside = whole;
    beside.governance = Some(trunk(&world, ShardId::GOVERNANCE, Vec::new()));
    assert_eq!(
        beside.verify(&world.genesis, None),
        Err(BundleError::HandoverElsewhere(1))
    );
}

#[test]
fn l8_retired_keys_that_go_on_in_their_old_epoch_are_refused_by_a_checkpoint() {
    let (mut world, vehicle) = lived();
    let (mut forged, _) = lived();
    assert_eq!(world.state(1).root(), forged.state(1).root());
    with_another_committee(&mut world);
    // The old committee sells the car once more, in an epoch of which it is the rightful committee.
    let record = reading(&forged, vehicle, 905, OdometerSource::Workshop);
    forged.apply(1, &[WORKSHOP], record);
    for blocks in [0, 1, 40] {
        for shard in [0, 1] {
            for _ in 0..blocks {
                forged.block(shard, Vec::new()).unwrap();
            }
        }
        let bundle = bundle(&forged, vehicle);
        let alone = bundle.clone().verify(&world.genesis, None).unwrap();
        assert_eq!(alone.anchor, Anchor::Unanchored(Unanchored::NoCheckpoint));
        // Tied to the same heights, as a unit does that is asked for them, where it has these.
        let heights = tips(&bundle).into_iter();
        let heights = heights
            .filter(|(shard, height)| *height <= world.shards[&ShardId(*shard)].header.height);
        let tied = checkpoint(&world, &heights.collect::<Vec<_>>());
        assert!(matches!(
            bundle.clone().verify(&world.genesis, Some(&tied)),
            Err(BundleError::Contradiction(_))
        ));
        // Tied to nothing it is not believed either.
        let untied = bundle.verify(&world.genesis, Some(&checkpoint(&world, &[])));
        assert!(untied.map_or(true, |report| !report.is_anchored()));
    }
}

#[test]
fn l8_retired_keys_cannot_name_another_committee_beside_the_known_one() {
    let (mut world, vehicle) = lived();
    let (mut forged, _) = lived();
    with_another_committee(&mut world);
    let others = (0..4).map(|index| replace(index, 160 + u8::try_from(index).unwrap()));
    forged.apply(0, &[200, 201, 202, 203], change(others));
    forged.cross_all();
    let bundle = bundle(&forged, vehicle);
    let alone = bundle.clone().verify(&world.genesis, None).unwrap();
    assert!(!alone.is_anchored());
    assert_eq!(
        bundle.verify(&world.genesis, Some(&checkpoint(&world, &[]))),
        Err(BundleError::Handover(HandoverError::TwoCommittees(1)))
    );
}

#[test]
fn what_execution_leaves_behind_is_a_whole_history() {
    let (world, vehicle) = lived();
    let bytes = bundle(&world, vehicle).to_bytes();
    let bundle = Bundle::from_bytes(&bytes).unwrap();
    let report = bundle.verify(&world.genesis, None).unwrap();
    assert_eq!(report.state, *world.vehicle(vehicle));
    let records = report.records.iter().map(|record| match &record.entry {
        Entry::Transaction(signed) => signed.transaction.action.name(),
        Entry::Delivery(_) => "delivery",
    });
    assert_eq!(
        records.collect::<Vec<_>>(),
        [
            "birth",
            "delivery",
            "record_odometer",
            "delivery",
            "transfer",
            "record_odometer"
        ]
    );
    let refused = report.records.last().unwrap().outcome;
    assert_eq!(refused, Outcome::Refused(Rule::OdometerDecreased));
    assert_eq!(report.anchor, Anchor::Unanchored(Unanchored::NoCheckpoint));
}

#[test]
fn a_checkpoint_of_the_executed_shards_anchors_it() {
    let (world, vehicle) = lived();
    let checkpoint = checkpoint(&world, &[]);
    let bundle = bundle(&world, vehicle);
    let report = bundle.verify(&world.genesis, Some(&checkpoint)).unwrap();
    assert!(report.is_anchored());
}

#[test]
fn no_record_can_be_left_out_of_an_executed_history() {
    let (world, vehicle) = lived();
    let whole = bundle(&world, vehicle);
    for index in 0..whole.records.len() {
        let mut cut = whole.clone();
        cut.records.remove(index);
        assert_eq!(
            cut.verify(&world.genesis, None),
            Err(BundleError::Incomplete {
                found: 5,
                expected: 6
            })
        );
    }
}
