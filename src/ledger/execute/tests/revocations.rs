//! What is proven to cars: who issues tickets, and which are revoked.

use std::collections::BTreeMap;

use super::{offices::*, world::*};
use crate::ledger::{
    Applied, ApplyError, Committees, FinalizedHeader, IssuingFacts, IssuingProof,
    IssuingProofError, Key, OrderKind, RevealedSeed, RevocationEntry, RevocationList,
    RevocationUpdate, RevocationUpdateError, State, StateView, Value, sample,
};

#[test]
fn who_issues_tickets_is_proven_with_nothing_left_out() {
    let mut world = World::new();
    offices(&mut world);
    let (state, finalized) = newest(&world);
    let committees = Committees::of(&world.genesis);
    let proof = IssuingProof::of_state(&state, finalized, &world.genesis).unwrap();
    let read = IssuingProof::from_bytes(&proof.to_bytes()).unwrap();
    assert_eq!(read, proof);
    let facts = read.verify(&committees).unwrap();
    assert_eq!(Some(facts), IssuingFacts::of_state(&state, &world.genesis));

    for index in 0..proof.items.len() {
        let mut less = proof.clone();
        less.items.remove(index);
        assert!(less.verify(&committees).is_err(), "without item {index}");
        let mut other = proof.clone();
        other.items[index].value = match other.items[index].value {
            Some(_) => None,
            None => Some(Value::ShardEpoch(1)),
        };
        let refused = other.verify(&committees).unwrap_err();
        assert!(matches!(refused, IssuingProofError::State(at, _) if at == index));
    }
    let mut more = proof.clone();
    more.items.push(proof.items[0].clone());
    assert_eq!(more.verify(&committees), Err(IssuingProofError::TooMany(1)));
    let mut forged = proof;
    forged.finalized.header.state_root = sample_root();
    assert!(matches!(
        forged.verify(&committees),
        Err(IssuingProofError::Finality(_))
    ));
}

#[test]
fn only_shard_zero_says_who_issues_and_what_is_revoked() {
    let mut world = World::new();
    offices(&mut world);
    listed(&mut world, OrderKind::Revoke);
    world.block(1, Vec::new()).unwrap();
    let height = world.shards[&crate::id::ShardId(1)].header.height;
    let (state, finalized) = (world.state_at(1, height), world.finalized(1, height));
    assert!(IssuingProof::of_state(&state, finalized.clone(), &world.genesis).is_none());
    assert!(RevocationUpdate::of_state(&state, finalized.clone(), 0).is_none());
    // Shard 1 holds no list, which must not be taken for an empty one.
    let mut update = update(&world, 0);
    update.head.finalized = finalized;
    update.head.value = None;
    update.head.proof = state.prove(&Key::RevocationHead);
    update.entries.clear();
    let refused = update.verify(&Committees::of(&world.genesis)).unwrap_err();
    assert_eq!(
        refused,
        RevocationUpdateError::ForeignShard(crate::id::ShardId(1))
    );
}

#[test]
fn m16_a_list_follows_updates_and_hands_them_on() {
    let mut world = World::new();
    offices(&mut world);
    let mut list = RevocationList::new();
    assert!(list.update(0).is_none());
    assert_eq!(
        take(&world, &mut list, update(&world, 0)),
        Ok(Applied::Confirmed)
    );
    assert_eq!((list.next(), list.live().count()), (0, 0));
    let first = listed(&mut world, OrderKind::Revoke);
    world.wait(SLOT);
    listed(&mut world, OrderKind::Revoke);
    let changed = |revoked: &[u64], lifted: &[u64]| Applied::Changed {
        revoked: revoked.to_vec(),
        lifted: lifted.to_vec(),
    };
    let news = update(&world, list.next());
    assert_eq!(take(&world, &mut list, news), Ok(changed(&[0, 1], &[])));
    lift(&mut world, first);
    let news = update(&world, list.next());
    assert_eq!(news.entries.len(), 1);
    assert_eq!(take(&world, &mut list, news), Ok(changed(&[], &[0])));
    let live: Vec<_> = list.live().map(|(number, _)| number).collect();
    assert_eq!(live, [1]);
    let at = slot(&world);
    let (_, series) = list.live().next().unwrap();
    assert_eq!(series.linkage_at(at), Some(linkage(&world, at)));
    // Another car gets everything from this one, and the same proof.
    for have in 0..=3 {
        let handed = list.update(have).unwrap();
        assert_eq!(handed.from(), have);
        let handed = RevocationUpdate::from_bytes(&handed.to_bytes()).unwrap();
        assert_eq!(handed.entries.len(), usize::try_from(3 - have).unwrap());
        assert!(handed.verify(&Committees::of(&world.genesis)).is_ok());
    }
    let mut other = RevocationList::new();
    take(&world, &mut other, list.update(0).unwrap()).unwrap();
    assert_eq!(
        other.live().collect::<Vec<_>>(),
        list.live().collect::<Vec<_>>()
    );
    assert_eq!((other.next(), other.time()), (list.next(), list.time()));
    // Whoever has more than there is, or less than is kept, gets all of it.
    assert_eq!(list.update(9).unwrap().from(), 0);
}

#[test]
fn every_change_to_an_update_is_refused() {
    let mut world = World::new();
    offices(&mut world);
    for _ in 0..3 {
        listed(&mut world, OrderKind::Revoke);
        world.wait(SLOT);
    }
    let committees = Committees::of(&world.genesis);
    for have in 0..3 {
        let good = update(&world, have);
        assert!(good.clone().verify(&committees).is_ok());
        let refuse = |bad: RevocationUpdate| {
            let refused = bad.verify(&committees);
            assert!(matches!(refused, Err(RevocationUpdateError::OtherEntries)));
        };
        for index in 0..good.entries.len() {
            let mut bad = good.clone();
            bad.entries.remove(index);
            refuse(bad);
            let mut bad = good.clone();
            bad.entries
                .insert(index, RevocationEntry::Lift { number: 0 });
            refuse(bad);
            let mut bad = good.clone();
            for changed in other_forms(bad.entries[index]) {
                bad.entries[index] = changed;
                refuse(bad.clone());
            }
            bad = good.clone();
            bad.entries.reverse();
            if bad != good {
                refuse(bad);
            }
        }
        let mut bad = good.clone();
        bad.before = update(&world, have + 1).before;
        refuse(bad);
        let mut bad = good.clone();
        bad.head.value = None;
        assert!(matches!(
            bad.verify(&committees),
            Err(RevocationUpdateError::Head(_))
        ));
        let mut bad = good;
        bad.head.key = Key::Issuers;
        assert!(bad.verify(&committees).is_err());
    }
}

#[test]
fn q10_an_older_list_and_one_with_a_gap_are_refused() {
    let mut world = World::new();
    offices(&mut world);
    listed(&mut world, OrderKind::Revoke);
    let old = update(&world, 0);
    world.wait(SLOT);
    listed(&mut world, OrderKind::Revoke);
    world.wait(SLOT);
    listed(&mut world, OrderKind::Revoke);
    let mut list = RevocationList::new();
    take(&world, &mut list, update(&world, 0)).unwrap();
    let known = list.clone();
    let refused = take(&world, &mut list, old.clone()).unwrap_err();
    assert!(matches!(refused, ApplyError::Older { .. }));
    let same = update(&world, 0);
    assert!(matches!(
        take(&world, &mut list, same),
        Err(ApplyError::Older { .. })
    ));
    assert_eq!(
        list.live().collect::<Vec<_>>(),
        known.live().collect::<Vec<_>>()
    );

    let mut list = RevocationList::new();
    take(&world, &mut list, old).unwrap();
    let gap = ApplyError::Gap { from: 2, next: 1 };
    assert_eq!(take(&world, &mut list, update(&world, 2)), Err(gap));
    assert_eq!((list.next(), list.live().count()), (1, 1));
    let gap = ApplyError::Gap { from: 1, next: 0 };
    let mut fresh = RevocationList::new();
    assert_eq!(take(&world, &mut fresh, update(&world, 1)), Err(gap));
    assert_eq!(fresh.time(), None);
    take(&world, &mut list, update(&world, 1)).unwrap();
    assert_eq!(list.live().count(), 3);
}

#[test]
fn a_receiver_that_was_away_for_long_begins_with_what_still_means_anything() {
    let mut world = World::new();
    offices(&mut world);
    listed(&mut world, OrderKind::Revoke);
    let mut away = RevocationList::new();
    take(&world, &mut away, update(&world, 0)).unwrap();
    for _ in 0..12 {
        world.wait(SLOT);
        listed(&mut world, OrderKind::Revoke);
    }
    let head = world.state(0).revocation_head().unwrap().clone();
    assert!(head.first > 1);
    let all = update(&world, away.next());
    assert_eq!(all.from(), head.first, "what it asked for is over");
    take(&world, &mut away, all.clone()).unwrap();
    let mut fresh = RevocationList::new();
    take(&world, &mut fresh, all).unwrap();
    for list in [&away, &fresh] {
        let numbers: Vec<_> = list.live().map(|(number, _)| number).collect();
        assert_eq!(numbers, (head.first..head.next).collect::<Vec<_>>());
    }
}

#[test]
fn two_lists_that_contradict_each_other_are_noticed() {
    let mut world = World::new();
    offices(&mut world);
    listed(&mut world, OrderKind::Revoke);
    let mut list = RevocationList::new();
    take(&world, &mut list, update(&world, 0)).unwrap();
    // The same committee makes another list final, two entries long, at a later height.
    let (state, mut finalized) = newest(&world);
    let entries = [5, 6].map(|number| RevocationEntry::Lift { number });
    let mut head = crate::ledger::RevocationHead::default();
    let mut changes = BTreeMap::new();
    for (number, entry) in (0..).zip(entries) {
        head.peaks.append(entry.leaf());
        head.next += 1;
        changes.insert(Key::Revocation(number), Some(Value::Revocation(entry)));
    }
    changes.insert(Key::RevocationHead, Some(Value::RevocationHead(head)));
    let other: State = state.apply(changes);
    finalized.header.state_root = other.root();
    finalized.header.height += 5;
    finalized.certificate = sample::certify(&world.genesis, &finalized.header);
    for have in 0..2 {
        let forked = RevocationUpdate::of_state(&other, finalized.clone(), have).unwrap();
        assert_eq!(take(&world, &mut list, forked), Err(ApplyError::Forked));
    }
    assert_eq!(list.next(), 1);
}

/// What an entry that revokes something does not say.
fn other_forms(entry: RevocationEntry) -> [RevocationEntry; 4] {
    let RevocationEntry::Revoke {
        slot_from,
        slot_until,
        seeds,
    } = entry
    else {
        unreachable!("nothing was lifted")
    };
    let revoke = |slot_from, slot_until, seeds| RevocationEntry::Revoke {
        slot_from,
        slot_until,
        seeds,
    };
    let other = [seeds[0], RevealedSeed::from_bytes([0; 32])];
    [
        revoke(slot_from + 1, slot_until, seeds),
        revoke(slot_from, slot_until + 1, seeds),
        revoke(slot_from, slot_until, other),
        RevocationEntry::Lift { number: 0 },
    ]
}

fn update(world: &World, have: u64) -> RevocationUpdate {
    let (state, finalized): (State, FinalizedHeader) = newest(world);
    RevocationUpdate::of_state(&state, finalized, have).unwrap()
}

fn take(
    world: &World,
    list: &mut RevocationList,
    update: RevocationUpdate,
) -> Result<Applied, ApplyError> {
    let update = RevocationUpdate::from_bytes(&update.to_bytes()).unwrap();
    list.apply(update.verify(&Committees::of(&world.genesis)).unwrap())
}

fn sample_root() -> crate::crypto::Digest {
    crate::crypto::Digest::from_bytes([1; 32])
}
