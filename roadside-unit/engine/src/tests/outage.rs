use std::time::Duration;

use commonware_runtime::{Runner as _, deterministic::Runner};
use wayside::{
    id::ShardId,
    ledger::{
        Audit, Auditor, InstallPart, MovePart, Outcome, ReceiptBody, StateView as _, VehicleStatus,
    },
    time::Timestamp,
};

use super::{
    Committee,
    genesis::{CAR, MAKER, Nonces, OWNER, WORKSHOP, birth, made, vehicle},
    parts::tag,
};

const SOURCE: ShardId = ShardId(0);
const DESTINATION: ShardId = ShardId(1);

/// A vehicle in each shard, and part 2 in the one of the source.
async fn fitted(committee: &Committee, nonces: &mut Nonces) {
    let genesis = &committee.genesis;
    for shard in [SOURCE, DESTINATION] {
        let car = CAR + u8::try_from(shard.0).unwrap();
        let signers = [MAKER, OWNER, car];
        let born = nonces.sign((genesis, shard), &signers, birth(genesis, shard));
        assert_eq!(committee.settle(0, born).await.1, Outcome::Applied);
        let is_active = || {
            let state = committee.handle(0).tip(shard).unwrap().state;
            state.vehicle(vehicle(shard)).unwrap().status == VehicleStatus::Active
        };
        while !is_active() {
            committee.pass(Duration::from_millis(10)).await;
        }
    }
    let part = nonces.sign((genesis, SOURCE), &[MAKER], made(genesis, 2));
    let installed = InstallPart {
        part: tag(2),
        vehicle: vehicle(SOURCE),
        fitted: Timestamp::EPOCH,
    };
    let signers = [WORKSHOP, MAKER, OWNER];
    let installed = nonces.sign((genesis, SOURCE), &signers, installed);
    for transaction in [part, installed] {
        assert_eq!(committee.settle(0, transaction).await.1, Outcome::Applied);
    }
}

/// Holds that part 2 is in one place as far as a member knows; returns in which shard it is, or
/// none while it is on its way.
fn place(committee: &Committee, index: usize) -> Option<ShardId> {
    let shards = [SOURCE, DESTINATION];
    let states = shards.map(|shard| committee.handle(index).tip(shard).unwrap().state);
    let mut auditor = Auditor::default();
    for (shard, state) in shards.iter().zip(&states) {
        assert_eq!(auditor.observe(*shard, state.clone()), []);
    }
    if let Audit::Done(violations) = auditor.check(&committee.genesis) {
        assert_eq!(violations, []);
    }
    let mut places = shards.iter().zip(&states);
    let found = places.find(|(_, state)| state.part(tag(2)).is_some());
    assert!(found.is_some() || states[0].transit(tag(2)).is_some());
    found.map(|(shard, _)| *shard)
}

#[test]
fn l4_a_part_waits_while_its_destination_is_down_and_arrives_once() {
    Runner::timed(Duration::from_secs(300)).start(|context| async move {
        let mut committee = Committee::new(context, 4).await;
        committee.start_all().await;
        committee.pass(Duration::from_secs(2)).await;
        let mut nonces = Nonces::default();
        fitted(&committee, &mut nonces).await;

        committee.wires.cut([DESTINATION]);
        committee.pass(Duration::from_secs(2)).await;
        let before = committee.height(0, DESTINATION);
        let moved = MovePart {
            part: tag(2),
            from: vehicle(SOURCE),
            to: vehicle(DESTINATION),
            fitted: Timestamp::EPOCH,
        };
        let about = (&*committee.genesis, SOURCE);
        let moved = nonces.sign(about, &[WORKSHOP, OWNER], moved);
        let (left, outcome) = committee.settle(1, moved).await;
        assert_eq!(outcome, Outcome::Applied);
        for second in 0..60 {
            // Whoever had the receipt in memory loses it.
            if second % 15 == 5 {
                let index = second / 15;
                committee.kill(index).await;
                committee.start(index).await;
                committee.handle(index).ready().await.unwrap();
            }
            committee.pass(Duration::from_secs(1)).await;
            for index in committee.members() {
                assert_eq!(committee.height(index, DESTINATION), before);
                if committee.height(index, SOURCE) >= left {
                    assert_eq!(place(&committee, index), None);
                }
            }
        }

        committee.wires.cut([]);
        let recovered = before + 1;
        let patience = Duration::from_secs(20);
        committee.reach(DESTINATION, recovered, patience).await;
        committee.pass(Duration::from_secs(40)).await;
        for index in committee.members() {
            assert_eq!(place(&committee, index), Some(DESTINATION));
            let handle = committee.handle(index);
            let state = handle.tip(SOURCE).unwrap().state;
            assert!(state.transit(tag(2)).is_none());
            let mut arrivals = 0;
            for height in 1..=committee.height(index, DESTINATION) {
                let block = handle.block(DESTINATION, height).await.unwrap();
                let sent = block.receipts.iter();
                let arrived = ReceiptBody::PartArrived { tag: tag(2) };
                arrivals += sent.filter(|it| it.body == arrived).count();
            }
            assert_eq!(arrivals, 1);
        }
    });
}
