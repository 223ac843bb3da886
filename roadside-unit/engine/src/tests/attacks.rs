use std::{collections::BTreeSet, time::Duration};

use commonware_runtime::{
    Clock as _, Runner as _, Supervisor as _,
    deterministic::{Context, Runner},
};
use rand_core::Rng as _;
use wayside::{
    id::ShardId,
    ledger::{
        Committees, Entry, EntryProof, Outcome, Rule, StateView as _, Transfer, VehicleStatus,
    },
};

use super::{
    Committee,
    genesis::{BUYERS, CAR, MAKER, Nonces, OWNER, WORKSHOP, account, birth, named, read, vehicle},
    parts::next_step,
    wires::Recorded,
};

const SHARD: ShardId = ShardId(0);

async fn started(context: Context) -> Committee {
    let mut committee = Committee::new(context, 4).await;
    committee.start_all().await;
    committee.pass(Duration::from_secs(2)).await;
    committee
}

fn run<F: Future<Output = ()>>(test: impl FnOnce(Context) -> F) {
    Runner::timed(Duration::from_secs(600)).start(test);
}

/// Brings the vehicle of a shard into being.
async fn born(committee: &Committee, nonces: &mut Nonces, shard: ShardId) {
    let genesis = &committee.genesis;
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

#[test]
fn l1_of_two_buyers_through_two_members_one_gets_the_vehicle_and_the_other_a_proof() {
    run(|context| async move {
        let committee = started(context).await;
        let mut nonces = Nonces::default();
        born(&committee, &mut nonces, SHARD).await;
        let sales = BUYERS.map(|buyer| {
            let sale = Transfer {
                vehicle: vehicle(SHARD),
                owner_epoch: 0,
                buyer: account(buyer),
            };
            nonces.sign((&committee.genesis, SHARD), &[OWNER, buyer], sale)
        });
        let ids = sales.each_ref().map(|sale| sale.id());
        for (index, sale) in [1, 2].into_iter().zip(sales) {
            let submitted = committee.handle(index).submit(SHARD, sale).await;
            submitted.unwrap();
        }

        let one = committee.settled(1, SHARD, ids[0]).await;
        let other = committee.settled(2, SHARD, ids[1]).await;
        let refused = Outcome::Refused(Rule::OwnerEpochDiffers);
        let (buyer, loser, height) = match (one, other) {
            ((_, Outcome::Applied), (height, outcome)) if outcome == refused => {
                (BUYERS[0], ids[1], height)
            }
            ((height, outcome), (_, Outcome::Applied)) if outcome == refused => {
                (BUYERS[1], ids[0], height)
            }
            outcomes => panic!("{outcomes:?}"),
        };
        committee
            .reach(SHARD, height, Duration::from_secs(10))
            .await;
        for handle in committee.handles() {
            let state = handle.tip(SHARD).unwrap().state;
            let sold = state.vehicle(vehicle(SHARD)).unwrap();
            assert_eq!((sold.owner, sold.owner_epoch), (account(buyer), 1));
            let block = handle.block(SHARD, height).await.unwrap();
            let is_loser =
                |it: &Entry| matches!(it, Entry::Transaction(signed) if signed.id() == loser);
            let index = block.block.entries.iter().position(is_loser).unwrap();
            let proof = EntryProof {
                finalized: handle.certified(SHARD, height).await.unwrap(),
                entry: block.block.entries[index].clone(),
                outcome: block.block.outcomes[index],
                path: block.block.entry_path(index).unwrap(),
            };
            let committees = Committees::of(&committee.genesis);
            assert_eq!(proof.verify(&committees).unwrap().1, refused);
        }
        assert_eq!(Rule::OwnerEpochDiffers.name(), "owner_epoch_differs");
    });
}

#[test]
fn l1_one_identification_number_is_born_once_through_two_members_and_shards() {
    run(|context| async move {
        let committee = started(context).await;
        let (genesis, mut nonces) = (&committee.genesis, Nonces::default());
        let shards = [ShardId(0), ShardId(1)];
        for (index, shard) in [(1, shards[0]), (2, shards[1])] {
            let car = CAR + u8::try_from(shard.0).unwrap();
            let mut birth = birth(genesis, shard);
            birth.vin = super::genesis::birth(genesis, shards[0]).vin;
            let born = nonces.sign((genesis, shard), &[MAKER, OWNER, car], birth);
            committee.handle(index).submit(shard, born).await.unwrap();
        }
        committee.pass(Duration::from_secs(5)).await;
        for handle in committee.handles() {
            let statuses = shards.map(|shard| {
                let state = handle.tip(shard).unwrap().state;
                state.vehicle(vehicle(shard)).unwrap().status
            });
            assert!(
                statuses.contains(&VehicleStatus::Active)
                    && statuses.contains(&VehicleStatus::Refused),
                "{statuses:?}"
            );
        }
    });
}

#[test]
fn l2_a_transaction_that_every_member_gets_again_and_again_is_executed_once() {
    run(|context| async move {
        let committee = started(context).await;
        let mut nonces = Nonces::default();
        let about = (&*committee.genesis, SHARD);
        let mut ids = BTreeSet::new();
        for _ in 0..5 {
            let transaction = nonces.sign(about, &[MAKER], read(SHARD));
            ids.insert(transaction.id());
            for _ in 0..20 {
                for handle in committee.handles() {
                    // Refused once it waits or is final.
                    let _ = handle.submit(SHARD, transaction.clone()).await;
                }
                committee.pass(Duration::from_millis(20)).await;
            }
            for handle in committee.handles() {
                let again = handle.submit(SHARD, transaction.clone()).await;
                assert!(again.is_err());
            }
        }
        let height = committee.height(0, SHARD);
        let mut found = Vec::new();
        for height in 1..=height {
            let block = committee.handle(0).block(SHARD, height).await.unwrap();
            for entry in &block.block.entries {
                if let Entry::Transaction(signed) = entry {
                    found.push(signed.id());
                }
            }
        }
        assert_eq!(found.len(), 5);
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), ids);
    });
}

#[test]
fn l20_one_who_floods_all_members_does_not_hold_up_others() {
    run(|context| async move {
        let committee = started(context).await;
        let mut nonces = Nonces::default();
        let about = (&*committee.genesis, SHARD);
        let mut slowest = Duration::ZERO;
        for _ in 0..10 {
            for handle in committee.handles() {
                for _ in 0..25 {
                    let spam = nonces.sign(about, &[WORKSHOP], read(SHARD));
                    // Refused where it has too many waiting already.
                    let _ = handle.submit(SHARD, spam).await;
                }
            }
            let honest = nonces.sign(about, &[MAKER], read(SHARD));
            let before = committee.context.current();
            committee.settle(0, honest).await;
            let age = committee.context.current().duration_since(before);
            slowest = slowest.max(age.unwrap());
        }
        assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    });
}

/// Lets parts be made and moved for a while.
async fn traffic(context: &mut Context, committee: &Committee, nonces: &mut Nonces, count: u32) {
    for _ in 0..count {
        let index = usize::try_from(context.next_u32() % 3).unwrap();
        let handle = committee.handle(index);
        let states = [0, 1].map(|shard| handle.tip(ShardId(shard)).unwrap().state);
        let step = next_step(context, &committee.genesis, &states, 2);
        let about = (&*committee.genesis, step.shard);
        let transaction = nonces.sign(about, &step.signers, step.action);
        committee.settle(index, transaction).await;
    }
}

/// Sends most of what was recorded again, in any order.
async fn replay(context: &mut Context, committee: &mut Committee, mut recorded: Vec<Recorded>) {
    while !recorded.is_empty() {
        let index = usize::try_from(context.next_u32()).unwrap() % recorded.len();
        let message = recorded.swap_remove(index);
        if !context.next_u32().is_multiple_of(4) {
            committee.inject(message);
        }
        // As many as members take from each other.
        if recorded.len().is_multiple_of(8) {
            committee.pass(Duration::from_millis(10)).await;
        }
    }
    committee.pass(Duration::from_secs(5)).await;
}

#[test]
fn l3_recorded_messages_change_nothing_when_they_are_sent_again() {
    run(|mut context| async move {
        let mut committee = started(context.child("committee")).await;
        committee.wires.record();
        let mut nonces = Nonces::default();
        traffic(&mut context, &committee, &mut nonces, 30).await;
        committee.pass(Duration::from_secs(5)).await;
        let recorded = committee.wires.recorded();
        let channels: BTreeSet<_> = recorded.iter().map(|it| it.channel).collect();
        assert!(channels.len() >= 4, "only {channels:?} were used");
        let before = [0, 1].map(|shard| committee.height(0, ShardId(shard)));

        replay(&mut context, &mut committee, recorded).await;

        assert_eq!(committee.blocked().await, []);
        for (shard, before) in [ShardId(0), ShardId(1)].into_iter().zip(before) {
            for index in committee.members() {
                for height in before + 1..=committee.height(index, shard) {
                    let block = committee.handle(index).block(shard, height).await;
                    assert_eq!(block.unwrap().block.entries, []);
                }
            }
        }
        named_nobody(&committee, 4);
        traffic(&mut context, &committee, &mut nonces, 5).await;
    });
}

#[test]
fn l3_recorded_messages_of_another_ledger_change_nothing() {
    run(|mut context| async move {
        let mut other = Committee::of(context.child("other"), named("other", 4), "other-").await;
        other.start_all().await;
        other.pass(Duration::from_secs(2)).await;
        other.wires.record();
        traffic(&mut context, &other, &mut Nonces::default(), 30).await;
        let recorded = other.wires.recorded();
        drop(other);

        // The same operators with the same keys keep this ledger, and one of them sends all of it.
        let mut committee = started(context.child("committee")).await;
        let mut nonces = Nonces::default();
        traffic(&mut context, &committee, &mut nonces, 10).await;
        let before = committee.height(0, SHARD);
        let recorded = recorded.into_iter();
        let recorded = recorded.map(|message| Recorded { from: 3, ..message });
        replay(&mut context, &mut committee, recorded.collect()).await;

        let blocked = committee.blocked().await;
        assert!(!blocked.is_empty(), "nobody minded");
        assert!(blocked.iter().all(|(_, whom)| *whom == 3), "{blocked:?}");
        named_nobody(&committee, 4);
        traffic(&mut context, &committee, &mut nonces, 10).await;
        assert!(committee.height(0, SHARD) > before);
    });
}

/// Holds that the ledger has no evidence against any of the first members.
fn named_nobody(committee: &Committee, members: u16) {
    for handle in committee.handles() {
        let state = handle.tip(ShardId::GOVERNANCE).unwrap().state;
        let named = (0..members).filter(|it| state.operator(*it).unwrap().misconduct > 0);
        assert_eq!(named.count(), 0);
    }
}

/// The newest view that any of the first `members` saw end.
fn view(committee: &Committee, members: usize) -> u64 {
    let views = (0..members).map(|it| committee.handle(it).status(SHARD).unwrap().view);
    views.max().unwrap()
}

/// The latest view in which a final block can have been proposed.
async fn proposed(committee: &Committee, height: u64) -> u64 {
    let certified = committee.handle(0).certified(SHARD, height).await.unwrap();
    certified.certificate.view - u64::try_from(certified.link.len()).unwrap()
}

#[test]
fn l11_what_one_leader_leaves_out_is_final_after_two_rounds_more_than_there_are_liars() {
    const CENSOR: usize = 3;
    const LIARS: u64 = 1;
    run(|context| async move {
        let committee = started(context).await;
        // What it does not hear of, it cannot propose; all others can.
        committee.wires.deafen(CENSOR);
        let mut nonces = Nonces::default();
        let mut left_out = 0;
        for round in 0..24 {
            // Somebody else's transactions, of which it makes blocks.
            for _ in 0..3 + round % 4 {
                let bystander = nonces.sign((&committee.genesis, SHARD), &[WORKSHOP], read(SHARD));
                let submitted = committee.handle(CENSOR).submit(SHARD, bystander).await;
                submitted.unwrap();
                committee.pass(Duration::from_millis(15)).await;
            }
            let victim = nonces.sign((&committee.genesis, SHARD), &[MAKER], read(SHARD));
            let id = victim.id();
            let first = round % CENSOR;
            let before = committee.height(first, SHARD);
            committee.handle(first).submit(SHARD, victim).await.unwrap();
            // All that follow the rules know of it once the slowest message has come.
            let is_known = |index| committee.handle(index).pending(SHARD, &id);
            while !(0..CENSOR).all(is_known) && is_known(first) {
                committee.pass(Duration::from_millis(1)).await;
            }
            let known = view(&committee, CENSOR);
            while is_known(first) {
                let bystander = nonces.sign((&committee.genesis, SHARD), &[WORKSHOP], read(SHARD));
                let submitted = committee.handle(CENSOR).submit(SHARD, bystander).await;
                submitted.unwrap();
                committee.pass(Duration::from_millis(5)).await;
            }
            let (height, _) = committee.settled(first, SHARD, id).await;
            committee.reach(SHARD, height, Duration::from_secs(5)).await;
            for height in before + 1..height {
                let block = committee.handle(0).block(SHARD, height).await.unwrap();
                left_out += u32::from(usize::from(block.block.header.proposer) == CENSOR);
            }
            let proposed = proposed(&committee, height).await;
            assert!(
                proposed <= known + LIARS + 2,
                "known in view {known}, proposed in view {proposed}"
            );
        }
        assert!(left_out > 0, "the censor never led");
    });
}
