use super::{Case, hold, world::*};
use crate::{
    crypto::Digest,
    id::ShardId,
    ledger::{
        AddOperator, ChangeCommittee, CheckedEntry, Committees, DeliveryError, EPOCH_LAG,
        ExecuteError, FinalityError, FinalizedHeader, GrantRole, Handover, HandoverError,
        Misconduct, OperatorStatus, Outcome, Proposal, RemoveOperator, ReplaceSeat,
        ReportMisconduct, Role, Rule, SeatChange, SetOperator, SignedVote, StateView, Vote,
        sample::{account, certify_by, key},
    },
};

pub(super) const CASES: &[Case] = &[
    (Rule::QuorumMissing, |world| {
        world.send(0, &[COLD, COLD + 1, NEW], change([add(NEW)]))
    }),
    (Rule::NotGovernanceShard, |world| {
        world.send(1, JOINING, change([add(NEW)]))
    }),
    (Rule::ColdKeySignatureMissing, |world| {
        world.send(0, ALL, change([add(NEW)]))
    }),
    (Rule::ColdKeySignatureMissing, |world| {
        let operator = index(world, COLD + 3);
        world.send(0, QUORUM, change([replace(operator, NEW_VOTE)]))
    }),
    (Rule::OperatorUnknown, |world| {
        world.send(0, ALL, change([remove(4)]))
    }),
    (Rule::CommitteeChanging, |world| {
        world.apply(0, JOINING, change([add(NEW)]));
        world.send(0, ALL, change([replace(0, NEW_VOTE + 1)]))
    }),
    (Rule::CommitteeChanging, |world| {
        // Shard 0 is in the next epoch, and the others have not told it that they are.
        world.apply(0, JOINING, change([add(NEW)]));
        world.cross(0);
        world.send(0, ALL, change([replace(0, NEW_VOTE + 1)]))
    }),
    (Rule::OperatorKeyUsed, |world| {
        world.send(0, ALL, change([replace(0, 101)]))
    }),
    (Rule::OperatorKeyUsed, |world| {
        let SeatChange::Add(mut added) = add(NEW) else {
            unreachable!("somebody is added");
        };
        added.cold_key = who(COLD);
        world.send(0, JOINING, change([SeatChange::Add(added)]))
    }),
    (Rule::OperatorWithoutSeat, |world| {
        world.apply(0, JOINING, change([add(NEW), remove(0)]));
        world.cross_all();
        world.send(0, JOINING, change([remove(0)]))
    }),
    (Rule::NothingChanges, |world| world.send(0, ALL, change([]))),
    (Rule::NothingChanges, |world| {
        world.send(0, ALL, change([SeatChange::Replace(keep(0))]))
    }),
    (Rule::CommitteeTooSmall, |world| {
        world.send(0, ALL, change([remove(0)]))
    }),
    (Rule::CommitteeTooLarge, |world| {
        // Numbers from 31 to 91 are cold keys, and those from 110 to 170 vote.
        let added = (31..=91).map(|cold| {
            SeatChange::Add(AddOperator {
                name: label("one-of-many"),
                cold_key: who(cold),
                vote_key: who(cold + 79),
                address: "127.0.0.1:5000".to_owned(),
            })
        });
        let signers: Vec<_> = QUORUM.iter().copied().chain(31..=91).collect();
        world.send(0, &signers, change(added))
    }),
    (Rule::TooFewOperators, |world| {
        let suspended = OperatorStatus::Suspended;
        for operator in 0..3 {
            world.apply(
                0,
                ALL,
                SetOperator {
                    operator,
                    status: suspended,
                },
            );
        }
        // Whoever is suspended votes for blocks, but nobody would be left to govern.
        let added: Vec<_> = (NEW..NEW + 1).map(add).collect();
        world.apply(0, JOINING, change(added));
        world.cross_all();
        world.apply(
            0,
            JOINING,
            SetOperator {
                operator: 4,
                status: suspended,
            },
        );
        world.send(0, JOINING, change([remove(3)]))
    }),
    (Rule::MisconductUnproven, |world| {
        let report = double_vote(world, 7, 100);
        world.send(0, &[COLD], report)
    }),
];

#[test]
fn l14_a_change_of_the_committee_is_refused_by_the_rule_that_stops_it() {
    hold(CASES);
}

#[test]
fn an_operator_joins_and_every_shard_begins_the_next_epoch_at_a_height_of_its_own() {
    let mut world = World::new();
    for _ in 0..9 {
        world.block(1, Vec::new()).unwrap();
    }
    world.apply(0, JOINING, change([add(NEW)]));
    let told = world.shards[&ShardId(0)].header.height;
    let epoch = world.state(0).epoch_state(&world.genesis);
    let first_height = epoch.next.as_ref().unwrap().first_height;
    assert!(first_height >= told + EPOCH_LAG && first_height < told + EPOCH_LAG + 4);
    assert!(
        first_height.is_multiple_of(4),
        "the first header has a snapshot"
    );
    assert_eq!(epoch.last_height(), Some(first_height - 1));
    assert_eq!(
        (epoch.at(first_height - 1).0, epoch.at(first_height).0),
        (0, 1)
    );
    world.cross_all();
    let begun = |shard| world.state(shard).epoch_state(&world.genesis);
    let heights = [0, 1, 2].map(|shard| begun(shard).first_height);
    assert_eq!(heights[0], first_height);
    assert!(heights[1] != heights[0], "each shard has its own");
    for shard in 0..3 {
        let state = world.state(shard);
        let epoch = begun(shard);
        assert_eq!((epoch.epoch(), epoch.next.is_none()), (1, true));
        assert_eq!(epoch.committee.keys().len(), 5);
        assert!(epoch.committee.index(&who(NEW_VOTE)).is_some());
        assert_eq!(state.operator(4).unwrap().cold_key, who(NEW));
        assert!(state.account(who(NEW)).is_some());
        let blocks = &world.shards[&ShardId(shard)].blocks;
        let first = &blocks[usize::try_from(epoch.first_height).unwrap()]
            .0
            .header;
        let last = &blocks[usize::try_from(epoch.first_height - 1).unwrap()]
            .0
            .header;
        assert_eq!((first.epoch, last.epoch), (1, 0));
        assert_eq!((first.parent, last.digest()), (epoch.parent, epoch.parent));
        assert!(first.snapshot_root.is_some());
        let seats = state.seats(&world.genesis);
        assert!(seats.contains(&(who(NEW_VOTE), "127.0.0.1:5000".to_owned())));
    }
    // It governs, and its units may report.
    world.apply(0, &[NEW, COLD, COLD + 1, COLD + 2], grant(STRANGER));
    assert!(world.state(0).account(who(NEW_VOTE)).is_some());
}

#[test]
fn records_go_between_shards_that_are_in_different_epochs() {
    let mut world = World::new();
    world.apply(0, JOINING, change([add(NEW)]));
    world.cross(0);
    // Shard 1 has not heard of anything, and tells of a tag.
    let birth = world.birth(1, 2, 1);
    world.apply(1, &[MAKER, OWNER, CAR + 1], birth);
    world.settle();
    assert_eq!(world.state(1).epoch_state(&world.genesis).epoch(), 0);
    world.cross_all();
    let birth = world.birth(1, 0, 2);
    world.apply(1, &[MAKER, OWNER, CAR + 2], birth);
    world.settle();
    for number in [1, 2] {
        let status = world.vehicle(vehicle_id(1, number)).status;
        assert_eq!(status, crate::ledger::VehicleStatus::Active);
    }
}

#[test]
fn o8_a_vote_key_counts_nowhere_after_it_was_replaced() {
    let mut world = World::new();
    let old = world.genesis.operators[0].vote_key;
    world.apply(0, ALL, change([replace(0, NEW_VOTE)]));
    world.cross_all();
    let state = world.state(0);
    let epoch = state.epoch_state(&world.genesis);
    assert_eq!(epoch.committee.keys().len(), 4);
    assert_eq!(epoch.committee.index(&old), None);
    assert_eq!(
        state.seat(&world.genesis, who(NEW_VOTE)).unwrap().operator,
        0
    );
    // A header of the new epoch with the old committee's votes, the old key among them.
    let header = world.shards[&ShardId(0)].header.clone();
    let mut committees = Committees::of(&world.genesis);
    committees.follow(&handover(&world, 1)).unwrap();
    assert!(
        committees
            .verify(&world.finalized(0, header.height))
            .is_ok()
    );
    let forged = FinalizedHeader {
        certificate: certify_by(world.genesis.committee(), &header),
        header: header.clone(),
        link: Vec::new(),
    };
    assert!(committees.verify(&forged).is_err());
    // Nobody gets the key again.
    assert_eq!(
        world.send(0, ALL, change([replace(0, 100)])),
        Outcome::Refused(Rule::OperatorKeyUsed)
    );
    // Neither does its owner govern with it, nor anybody else.
    assert_eq!(
        world.send(0, &[100, COLD, COLD + 1], grant(STRANGER)),
        Outcome::Refused(Rule::QuorumMissing)
    );
}

#[test]
fn o8_a_retired_committee_delivers_nothing_once_its_shard_has_told_of_the_next_one() {
    let mut world = World::new();
    world.apply(
        0,
        ALL,
        change([replace(0, NEW_VOTE), replace(1, NEW_VOTE + 1)]),
    );
    world.cross_all();
    // The next receipts of shard 0, as if it were still in its first epoch.
    world.apply(0, ALL, grant(STRANGER));
    let Some(CheckedEntry::Delivery(checked)) = world.delivery(0, 1) else {
        unreachable!("a role was granted");
    };
    let mut forged = checked.delivery().clone();
    forged.finalized.header.epoch = 0;
    forged.finalized.certificate = certify_by(world.genesis.committee(), &forged.finalized.header);
    let forged = world.check_delivery(forged, 1).unwrap();
    assert_eq!(
        world.block(1, vec![CheckedEntry::Delivery(forged)]),
        Err(ExecuteError::RetiredCommittee(0, ShardId(0), 0))
    );
    world.settle();
    assert!(world.state(1).has_role(who(STRANGER), Role::Workshop));
}

#[test]
fn receipts_of_an_epoch_wait_until_its_committee_is_known() {
    let mut world = World::new();
    world.apply(0, JOINING, change([add(NEW)]));
    world.cross(0);
    world.deliver(0, 2);
    world.cross(2);
    // Shard 1 has not heard of the change yet; shard 2 tells it from the next epoch.
    let blocks = &world.shards[&ShardId(2)].sent;
    let delivery = world.unchecked_delivery(2, 1, 0).unwrap();
    assert_eq!(blocks.last().unwrap().0.epoch, 1);
    let early = world.check_delivery(delivery.clone(), 1).unwrap_err();
    assert_eq!(early, DeliveryError::Early(1));
    world.deliver(0, 1);
    let checked = world.check_delivery(delivery, 1).unwrap();
    world
        .block(1, vec![CheckedEntry::Delivery(checked)])
        .unwrap();
    assert_eq!(world.state(1).shard_epoch(ShardId(2)), 1);
}

#[test]
fn l15_one_operator_gets_no_second_seat_and_no_vote_without_a_quorum() {
    let mut world = World::new();
    let before = world.state(0).root();
    let alone = [
        (Rule::QuorumMissing, vec![add(NEW)]),
        (Rule::QuorumMissing, vec![add(NEW), add(NEW + 1)]),
        (Rule::QuorumMissing, vec![replace(0, NEW_VOTE)]),
        (Rule::QuorumMissing, vec![remove(1)]),
    ];
    let mine = [COLD, NEW, NEW + 1];
    for (rule, seats) in alone {
        assert_eq!(world.send(0, &mine, change(seats)), Outcome::Refused(rule));
    }
    assert_ne!(world.state(0).root(), before, "its nonces are used");
    // With everybody's leave it still has one seat: no key counts twice, in one change or in two.
    let twice = [add(NEW), add(NEW)];
    assert_eq!(
        world.send(0, JOINING, change(twice)),
        Outcome::Refused(Rule::OperatorKeyUsed)
    );
    world.apply(0, JOINING, change([add(NEW)]));
    // Nothing has changed yet, but for governance.
    let epoch = world.state(0).epoch_state(&world.genesis);
    assert_eq!(epoch.committee, *world.genesis.committee());
    let header = world.shards[&ShardId(0)].header.clone();
    assert_eq!(header.epoch, 0);
    world.cross_all();
    let epoch = world.state(0).epoch_state(&world.genesis);
    assert_eq!(
        (epoch.committee.keys().len(), epoch.committee.quorum()),
        (5, 4)
    );
    assert_eq!(
        world.send(0, JOINING, change([add(NEW)])),
        Outcome::Refused(Rule::OperatorKeyUsed)
    );
}

#[test]
fn l5_whoever_votes_twice_in_a_later_epoch_is_named_by_its_key_of_then() {
    let mut world = World::new();
    world.apply(0, ALL, change([replace(3, NEW_VOTE)]));
    world.cross_all();
    let report = double_vote(&world, 1, NEW_VOTE);
    // The index is one into the committee of that epoch, where it need not be the operator's own.
    world.apply(0, &[COLD], report.clone());
    world.settle();
    for shard in 0..3 {
        for operator in 0..4 {
            let misconduct = world.state(shard).operator(operator).unwrap().misconduct;
            assert_eq!(misconduct, u32::from(operator == 3));
        }
    }
    let mut forged = report;
    forged.misconduct.second.signature = forged.misconduct.first.signature;
    assert_eq!(
        world.send(0, &[COLD], forged),
        Outcome::Refused(Rule::MisconductUnproven)
    );
}

#[test]
fn committees_follow_each_other_and_nobody_else_follows_them() {
    let mut world = World::new();
    world.apply(0, JOINING, change([add(NEW)]));
    world.cross_all();
    world.apply(0, JOINING, change([remove(0)]));
    world.cross_all();
    let mut committees = Committees::of(&world.genesis);
    assert_eq!(
        committees.follow(&handover(&world, 2)),
        Err(HandoverError::Finality(FinalityError::Epoch(1)))
    );
    committees.follow(&handover(&world, 1)).unwrap();
    committees.follow(&handover(&world, 2)).unwrap();
    for shard in 0..3 {
        let height = world.shards[&ShardId(shard)].header.height;
        for height in [1, height] {
            assert!(committees.verify(&world.finalized(shard, height)).is_ok());
        }
    }
    let keys = committees.committee(2).unwrap().keys();
    assert!(!keys.contains(&world.genesis.operators[0].vote_key));
    assert_eq!(
        world.state(1).operator(0).unwrap().status,
        OperatorStatus::Left
    );
}

/// The last header of the epoch before, which names the committee of an epoch.
pub(super) fn handover(world: &World, epoch: u64) -> Handover {
    let blocks = &world.shards[&ShardId(0)].blocks;
    let mut headers = blocks.iter().map(|(block, _)| &block.header);
    let last = headers.rfind(|header| header.epoch + 1 == epoch).unwrap();
    let state = world.state_at(0, last.height);
    Handover::of(world.finalized(0, last.height), &state).unwrap()
}

fn grant(key: u8) -> GrantRole {
    GrantRole {
        key: who(key),
        role: Role::Workshop,
        name: label("somebody"),
    }
}

pub(super) fn change(seats: impl IntoIterator<Item = SeatChange>) -> ChangeCommittee {
    ChangeCommittee {
        seats: seats.into_iter().collect(),
    }
}

/// The operator with this cold key, and the vote key 100 below it.
pub(super) fn add(cold: u8) -> SeatChange {
    add_with(cold, cold - 100)
}

pub(super) fn add_with(cold: u8, vote: u8) -> SeatChange {
    SeatChange::Add(AddOperator {
        name: label("newcomer"),
        cold_key: who(cold),
        vote_key: who(vote),
        address: "127.0.0.1:5000".to_owned(),
    })
}

pub(super) fn replace(operator: u16, vote: u8) -> SeatChange {
    SeatChange::Replace(ReplaceSeat {
        vote_key: Some(who(vote)),
        ..keep(operator)
    })
}

fn keep(operator: u16) -> ReplaceSeat {
    ReplaceSeat {
        operator,
        vote_key: None,
        address: None,
    }
}

pub(super) fn remove(operator: u16) -> SeatChange {
    SeatChange::Remove(RemoveOperator { operator })
}

/// The index of the operator with a cold key.
fn index(world: &World, cold: u8) -> u16 {
    let mut operators = world.state(0).operators();
    operators
        .find(|(_, it)| it.cold_key == who(cold))
        .unwrap()
        .0
}

/// Two blocks that the holder of a vote key made final in one view of an epoch of shard 1.
fn double_vote(world: &World, epoch: u64, vote: u8) -> ReportMisconduct {
    let committee = world.state(0).committee(&world.genesis, epoch);
    let member = committee.map_or(Some(0), |committee| committee.index(&account(vote)));
    let votes = [1, 2].map(|payload| {
        let given = Vote::Finalize(Proposal {
            epoch,
            view: 7,
            parent_view: 6,
            payload: Digest::from_bytes([payload; 32]),
        });
        let bytes = given.to_signed_bytes(world.genesis.chain(), ShardId(1));
        SignedVote {
            signer: member.unwrap(),
            vote: given,
            signature: key(vote).sign_raw(&bytes),
        }
    });
    let [one, other] = votes;
    ReportMisconduct {
        misconduct: Misconduct::new(ShardId(1), one, other),
    }
}

/// The cold key of the first operator in the sample.
const COLD: u8 = 200;
const QUORUM: &[u8] = &[COLD, COLD + 1, COLD + 2];
const ALL: &[u8] = &[COLD, COLD + 1, COLD + 2, COLD + 3];
/// The cold key of whoever joins.
const NEW: u8 = 220;
/// Its vote key.
const NEW_VOTE: u8 = 120;
const JOINING: &[u8] = &[COLD, COLD + 1, COLD + 2, COLD + 3, NEW];
