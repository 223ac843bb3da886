//! That what execution leaves behind is a history that anybody can check.

use super::{
    odometer::reading,
    ownership::sale,
    part::moved,
    world::{BUYER, CAR, MAKER, OWNER, WORKSHOP, World, vehicle_id},
};
use crate::{
    id::{ShardId, VehicleId},
    ledger::{
        Anchor, Block, Bundle, BundleError, BundleRecord, Checkpoint, Entry, FinalizedHeader, Head,
        HistoryLog, OdometerSource, Outcome, Rule, Trunk, Unanchored, sample::certify,
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
    Bundle {
        chain: world.genesis.chain(),
        vehicle,
        handovers: Vec::new(),
        governance: Some(trunk(world, ShardId::GOVERNANCE, Vec::new())),
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
        certificate: certify(&world.genesis, &header),
        header,
        link: Vec::new(),
    };
    let earlier = blocks.iter().map(|(block, _)| &block.header);
    let earlier = earlier
        .filter(|header| header.height < newest.header.height && heights.contains(&header.height));
    Trunk::new(newest.clone(), earlier.cloned(), &log).unwrap()
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
    let checkpoint = Checkpoint {
        chain: world.genesis.chain(),
        handovers: Vec::new(),
        shards: [0, 1, 2]
            .map(|shard| trunk(&world, ShardId(shard), Vec::new()))
            .to_vec(),
    };
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
