//! What shards tell each other: once, in order, and never for nothing.

use super::{
    part::{moved, on_its_way},
    world::*,
};
use crate::{
    id::ShardId,
    ledger::{
        CheckedEntry, DeliveryError, Entry, ExecuteError, Inadmissible, Outcome, PartTag, Rule,
        StateView, TagKind, Transaction, TransactionError, VehicleStatus,
        sample::{account, key},
    },
};

#[test]
fn l2_a_transaction_is_executed_once() {
    let mut world = World::new();
    let vehicle = world.car(0, 1);
    let sale = super::ownership::sale(vehicle, 0, BUYER);
    let transaction = world.transaction(0, &[OWNER, BUYER], sale);
    world.block(0, vec![entry(transaction.clone())]).unwrap();
    let again = entry_again(&mut world, 0, &entry(transaction.clone()));
    for entries in [vec![again], vec![entry(transaction)]] {
        assert_eq!(
            world.block(0, entries).unwrap_err(),
            ExecuteError::Inadmissible(0, Inadmissible::NonceUsed)
        );
    }
}

#[test]
fn l2_a_transaction_counts_on_its_own_shard_and_ledger_only() {
    let mut world = World::new();
    world.car(0, 1);
    let birth = world.birth(0, 0, 2);
    let transaction = world.transaction(0, &[MAKER, OWNER, CAR + 2], birth);
    let signed = transaction.into_signed();
    let mut keys = crate::ledger::KeyCache::default();
    let foreign_shard = signed.clone().check(&world.genesis, ShardId(1), &mut keys);
    assert_eq!(
        foreign_shard.unwrap_err(),
        TransactionError::ForeignShard(ShardId(0))
    );
    let other = World::of(crate::ledger::sample::genesis(5)).genesis;
    assert_eq!(
        signed.check(&other, ShardId(0), &mut keys).unwrap_err(),
        TransactionError::ForeignChain(world.genesis.chain())
    );
}

#[test]
fn a_transaction_expires_and_strangers_send_none() {
    let mut world = World::new();
    let vehicle = world.car(0, 1);
    let transaction = Transaction {
        version: Transaction::VERSION,
        chain: world.genesis.chain(),
        shard: ShardId(0),
        sender: account(OWNER),
        nonce: 0,
        expires: Some(world.time.saturating_sub(DAY)),
        approvers: Vec::new(),
        action: super::ownership::sale(vehicle, 0, BUYER).into(),
    };
    let expired = world.sign(transaction.clone(), &[OWNER, BUYER]);
    let mut strange = transaction.clone();
    (strange.sender, strange.expires) = (account(STRANGER), None);
    let strange = world.sign(strange, &[STRANGER, BUYER]);
    let mut ahead = transaction;
    (ahead.nonce, ahead.expires) = (256, None);
    let ahead = world.sign(ahead, &[OWNER, BUYER]);
    let refusals = [
        (expired, Inadmissible::Expired),
        (strange, Inadmissible::UnknownSender),
        (ahead, Inadmissible::NonceBeyond),
    ];
    for (transaction, reason) in refusals {
        let refused = world.block(0, vec![entry(transaction)]).unwrap_err();
        assert_eq!(refused, ExecuteError::Inadmissible(0, reason));
    }
}

#[test]
fn l3_recorded_receipts_change_nothing_a_second_time() {
    let mut world = World::new();
    let (part, from, to) = on_its_way(&mut world);
    world.settle();
    let back = moved(&world, part, to, from);
    world.apply(1, &[WORKSHOP, OWNER], back);
    world.settle();
    for (source, destination) in [(0, 1), (1, 0)] {
        let root = world.state(destination).root();
        for sequence in 0..world.state(source).sent(ShardId(destination)) {
            let old = world.delivery_from(source, destination, sequence).unwrap();
            let refused = world.block(destination, vec![old]).unwrap_err();
            assert!(matches!(refused, ExecuteError::OutOfOrder(0, _, _)));
        }
        assert_eq!(world.state(destination).root(), root);
    }
    assert!(world.state(0).part(part).is_some());
    assert!(world.state(1).part(part).is_none());
}

#[test]
fn l3_receipts_are_not_taken_out_of_order() {
    let mut world = World::new();
    let (part, ..) = on_its_way(&mut world);
    // The first receipt is about nothing else: only later ones tell of later blocks.
    let later = world.part(0, 7);
    let first = world.delivery(0, 1).unwrap();
    let vehicle = vehicle_id(1, 2);
    world.apply(
        0,
        &[PART_MAKER, WORKSHOP],
        crate::ledger::ShipPart {
            part: later,
            to: account(WORKSHOP),
        },
    );
    let fitted = world.time;
    world.apply(
        0,
        &[WORKSHOP, OWNER],
        crate::ledger::InstallPart {
            part: later,
            vehicle,
            fitted,
        },
    );
    let second = world.delivery_from(0, 1, 1).unwrap();
    let gap = world.block(1, vec![second.clone()]).unwrap_err();
    assert_eq!(gap, ExecuteError::OutOfOrder(0, ShardId(0), 0));
    world.block(1, vec![first, second]).unwrap();
    assert!(world.state(1).part(part).is_some());
    assert!(world.state(1).part(later).is_some());
}

#[test]
fn l3_a_receipt_counts_at_its_destination_only() {
    let mut world = World::new();
    on_its_way(&mut world);
    let Some(CheckedEntry::Delivery(checked)) = world.delivery(0, 1) else {
        unreachable!("a part is on its way");
    };
    let delivery = checked.delivery().clone();
    let elsewhere = world.check_delivery(delivery.clone(), 2);
    assert_eq!(elsewhere.unwrap_err(), DeliveryError::Misdirected(0));
    let mut forged = delivery;
    forged.receipts[0].0.sequence += 1;
    let Entry::Delivery(forged) = Entry::Delivery(forged) else {
        unreachable!("it was just made");
    };
    assert!(world.check_delivery(forged, 1).is_err());
}

#[test]
fn l4_a_part_does_not_come_back_on_a_branch_that_it_never_left() {
    let mut world = World::new();
    let (part, from, to) = on_its_way(&mut world);
    world.settle();
    let next = world.state(1).received(ShardId(0));
    let branch = &world.shards[&ShardId(1)];
    let (header, state) = (branch.header.clone(), branch.state.clone());
    let there = moved(&world, part, to, from);
    world.apply(1, &[WORKSHOP, OWNER], there);
    world.settle();
    let back = moved(&world, part, from, to);
    world.apply(0, &[WORKSHOP, OWNER], back);
    let arrived = world.delivery_from(0, 1, next).unwrap();
    let comes_back = world.delivery_from(0, 1, next + 1).unwrap();

    // Somebody builds on the block before the one in which the part left.
    let branch = world.shards.get_mut(&ShardId(1)).unwrap();
    (branch.header, branch.state) = (header, state);
    let root = world.state(1).root();
    let refused = world.block(1, vec![arrived, comes_back]).unwrap_err();
    assert_eq!(refused, ExecuteError::Premature(1, ShardId(0)));
    assert_eq!(world.state(1).root(), root);
}

#[test]
fn l4_a_part_waits_while_its_destination_is_down_and_arrives_once() {
    let mut world = World::new();
    let (part, from, _) = on_its_way(&mut world);
    for _ in 0..10 {
        world.wait(DAY);
        assert_eq!(
            world.send(0, &[WORKSHOP, OWNER], moved_again(part, from)),
            Outcome::Refused(Rule::PartInTransit)
        );
        assert!(world.state(0).part(part).is_none());
        assert!(world.state(0).transit(part).is_some());
    }
    world.settle();
    assert!(world.state(0).transit(part).is_none());
    assert!(world.state(1).part(part).is_some());
}

#[test]
fn l4_a_birth_waits_while_the_keeper_of_its_tag_is_down() {
    let mut world = World::new();
    let birth = world.birth(0, 1, 1);
    world.apply(0, &[MAKER, OWNER, CAR + 1], birth);
    let sale = super::ownership::sale(vehicle_id(0, 1), 0, BUYER);
    for _ in 0..10 {
        world.wait(DAY);
        assert_eq!(
            world.send(0, &[OWNER, BUYER], sale.clone()),
            Outcome::Refused(Rule::VehiclePending)
        );
    }
    world.settle();
    assert_eq!(
        world.vehicle(vehicle_id(0, 1)).status,
        VehicleStatus::Active
    );
    assert!(world.state(1).tag(TagKind::Vehicle, tag(1, 1)).is_some());
}

#[test]
fn l20_a_quota_bounds_what_an_account_sends_in_one_window() {
    let mut content = crate::ledger::sample::content(4);
    let quotas = &mut content.limits.quotas;
    (quotas.trade_max, quotas.owner_max) = (3, 3);
    let mut world = World::of(crate::ledger::Genesis::new(content).unwrap());
    let vehicle = world.car(0, 1);
    let send = |world: &mut World| {
        let source = crate::ledger::OdometerSource::Workshop;
        let record = super::odometer::reading(world, vehicle, 1, source);
        let transaction = world.transaction(0, &[WORKSHOP], record);
        world.block(0, vec![entry(transaction)])
    };
    for _ in 0..3 {
        send(&mut world).unwrap();
    }
    assert_eq!(
        send(&mut world).unwrap_err(),
        ExecuteError::Inadmissible(0, Inadmissible::QuotaExhausted)
    );
    world.wait(DAY);
    send(&mut world).unwrap();
}

#[test]
fn m16_no_signature_of_another_purpose_makes_a_tag_or_a_transaction() {
    let mut world = World::new();
    let birth = world.birth(0, 0, 1);
    let signed = world
        .transaction(0, &[MAKER, OWNER, CAR + 1], birth)
        .into_signed();
    let bytes = signed.transaction.to_signed_bytes();
    let contexts = [
        crate::crypto::Context::LedgerTag,
        crate::crypto::Context::Message,
        crate::crypto::Context::Ticket,
        crate::crypto::Context::HazardUpdate,
    ];
    for context in contexts {
        let mut forged = signed.clone();
        forged.signature = key(MAKER).sign(context, &[&bytes]);
        let mut keys = crate::ledger::KeyCache::default();
        let refused = forged.check(&world.genesis, ShardId(0), &mut keys);
        assert_eq!(
            refused.unwrap_err(),
            TransactionError::BadSignature(account(MAKER))
        );
    }
    let mut birth = world.birth(0, 0, 2);
    let bytes = birth.vin.signed_bytes(world.genesis.chain());
    birth.vin.signature =
        key(TAG_ISSUER).sign(crate::crypto::Context::LedgerTransaction, &[&bytes]);
    let mut transaction = signed.transaction;
    (transaction.action, transaction.approvers) = (birth.into(), Vec::new());
    let mut keys = crate::ledger::KeyCache::default();
    let refused = transaction
        .sign(&key(MAKER))
        .check(&world.genesis, ShardId(0), &mut keys);
    assert!(matches!(refused, Err(TransactionError::Action(_))));
}

fn moved_again(part: PartTag, from: crate::id::VehicleId) -> crate::ledger::MovePart {
    crate::ledger::MovePart {
        part,
        from,
        to: vehicle_id(1, 2),
        fitted: crate::time::Timestamp::EPOCH,
    }
}
