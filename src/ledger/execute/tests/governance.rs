use super::{Case, hold, offices::policy, world::*};
use crate::{
    crypto::Digest,
    id::ShardId,
    ledger::{
        ExecuteError, GrantRole, Inadmissible, Misconduct, OperatorStatus, Outcome, Proposal,
        ReportMisconduct, RevokeRole, Role, Rule, ScheduleRules, SetOperator, SetShard, SignedVote,
        StateView, Vote,
        sample::{account, key},
    },
};

pub(super) const CASES: &[Case] = &[
    (Rule::QuorumMissing, |world| {
        world.send(0, &[COLD, COLD + 1], grant(STRANGER, Role::Workshop))
    }),
    (Rule::NotGovernanceShard, |world| {
        world.send(1, QUORUM, grant(STRANGER, Role::Workshop))
    }),
    (Rule::RoleHeld, |world| {
        world.send(0, QUORUM, grant(WORKSHOP, Role::Workshop))
    }),
    (Rule::RoleNotHeld, |world| {
        world.send(0, QUORUM, revoke(WORKSHOP, Role::Maker))
    }),
    (Rule::OperatorUnknown, |world| {
        world.send(0, QUORUM, set_operator(4, OperatorStatus::Left))
    }),
    (Rule::NothingChanges, |world| {
        world.send(0, QUORUM, set_operator(0, OperatorStatus::Active))
    }),
    (Rule::TooFewOperators, |world| {
        let all = &[COLD, COLD + 1, COLD + 2, COLD + 3];
        for operator in 0..3 {
            world.apply(0, all, set_operator(operator, OperatorStatus::Left));
        }
        world.send(0, all, set_operator(3, OperatorStatus::Left))
    }),
    (Rule::ShardUnknown, |world| {
        world.send(0, QUORUM, set_shard(9, 1))
    }),
    (Rule::NoOpenShard, |world| {
        world.apply(0, QUORUM, set_shard(0, 0));
        world.send(0, QUORUM, set_shard(1, 0))
    }),
    (Rule::RulesBackward, |world| {
        world.send(0, QUORUM, schedule(0, 1))
    }),
    (Rule::MisconductKnown, |world| {
        let report = report(world, 2);
        world.apply(0, &[COLD], report.clone());
        world.send(0, &[COLD + 1], report)
    }),
    (Rule::RulesTooOld, |world| {
        // In the last block before the version begins.
        let begins = ScheduleRules {
            height: 3,
            ..schedule(0, 3)
        };
        world.apply(0, QUORUM, begins);
        world.send(0, QUORUM, policy())
    }),
];

#[test]
fn l14_governance_is_refused_by_the_rule_that_stops_it() {
    hold(CASES);
}

#[test]
fn a_role_reaches_every_shard_and_leaves_it_again() {
    let mut world = World::new();
    world.apply(0, QUORUM, grant(STRANGER, Role::Workshop));
    world.settle();
    for shard in 0..3 {
        assert!(world.state(shard).has_role(who(STRANGER), Role::Workshop));
        assert!(world.state(shard).account(who(STRANGER)).is_some());
    }
    world.apply(0, QUORUM, revoke(STRANGER, Role::Workshop));
    world.settle();
    for shard in 0..3 {
        assert!(!world.state(shard).has_role(who(STRANGER), Role::Workshop));
    }
}

#[test]
fn a_shard_that_opens_takes_vehicles() {
    let mut world = World::new();
    world.apply(0, QUORUM, set_shard(2, 5));
    world.settle();
    world.car(2, 1);
}

#[test]
fn a_suspended_operator_does_not_count() {
    let mut world = World::new();
    world.apply(0, QUORUM, set_operator(1, OperatorStatus::Suspended));
    let index = |cold: u8| {
        let mut operators = world.genesis.operators.iter();
        operators
            .position(|it| it.cold_key == account(cold))
            .unwrap()
    };
    let suspended = (COLD..COLD + 4).find(|cold| index(*cold) == 1).unwrap();
    let others: Vec<_> = (COLD..COLD + 4).filter(|it| *it != suspended).collect();
    let short = [suspended, others[0], others[1]];
    assert_eq!(
        world.send(0, &short, grant(STRANGER, Role::Workshop)),
        Outcome::Refused(Rule::QuorumMissing)
    );
    world.apply(0, &others, grant(STRANGER, Role::Workshop));
}

#[test]
fn l5_an_operator_that_votes_twice_is_named_in_every_shard() {
    let mut world = World::new();
    let report = report(&world, 2);
    let culprit = report.misconduct.first.signer;
    // Whoever saw both votes reports them with its own vote key.
    world.apply(0, &[100], report);
    world.settle();
    for shard in 0..3 {
        let state = world.state(shard);
        for index in 0..4 {
            let misconduct = state.operator(index).unwrap().misconduct;
            assert_eq!(misconduct, u32::from(index == culprit));
        }
    }
}

#[test]
fn another_version_of_the_rules_begins_at_its_height() {
    let mut world = World::new();
    world.apply(0, QUORUM, schedule(1, 2));
    world.deliver(0, 1);
    let chain = world.state(1).chain().unwrap();
    assert_eq!((chain.rules_at(19), chain.rules_at(20)), (1, 2));
}

#[test]
fn scheduled_version_is_taken_back_since_version_two() {
    let mut world = World::new();
    let at = |rules, height| ScheduleRules {
        height,
        ..schedule(0, rules)
    };
    world.apply(0, QUORUM, at(2, 3));
    // Version 1 is followed still.
    let refused = world.send(0, QUORUM, at(1, 3));
    assert_eq!(refused, Outcome::Refused(Rule::RulesBackward));
    let refused = world.send(0, QUORUM, at(2, 3));
    assert_eq!(refused, Outcome::Refused(Rule::NothingChanges));

    world.apply(0, QUORUM, at(3, 90));
    assert_eq!(world.state(0).chain().unwrap().rules_at(90), 3);
    world.apply(0, QUORUM, at(2, 0));
    let chain = world.state(0).chain().unwrap();
    assert_eq!((chain.rules, chain.next_rules), (2, None));
    let refused = world.send(0, QUORUM, at(1, 0));
    assert_eq!(refused, Outcome::Refused(Rule::RulesBackward));
}

#[test]
fn what_older_programs_cannot_read_is_in_no_block_of_theirs() {
    let mut world = World::new();
    let transaction = world.transaction(0, QUORUM, policy());
    let entries = vec![entry(transaction)];
    let refused = world.block(0, entries.clone()).unwrap_err();
    let reason = Inadmissible::RulesTooOld(3);
    assert_eq!(refused, ExecuteError::Inadmissible(0, reason));
    for _ in 0..2 {
        world.block(0, Vec::new()).unwrap();
    }
    assert!(world.block(0, entries).is_err());
}

fn grant(key: u8, role: Role) -> GrantRole {
    GrantRole {
        key: who(key),
        role,
        name: label("somebody"),
    }
}

fn revoke(key: u8, role: Role) -> RevokeRole {
    RevokeRole {
        key: who(key),
        role,
    }
}

fn set_operator(operator: u16, status: OperatorStatus) -> SetOperator {
    SetOperator { operator, status }
}

fn set_shard(shard: u16, weight: u32) -> SetShard {
    SetShard {
        shard: ShardId(shard),
        weight,
    }
}

fn schedule(shard: u16, rules: u16) -> ScheduleRules {
    ScheduleRules {
        shard: ShardId(shard),
        rules,
        height: 20,
    }
}

/// Two blocks that one operator made final in one view of shard 1.
fn report(world: &World, number: u8) -> ReportMisconduct {
    let signer = world.genesis.committee().index(&account(100 + number));
    let votes = [1, 2].map(|payload| {
        let vote = Vote::Finalize(Proposal {
            epoch: 0,
            view: 7,
            parent_view: 6,
            payload: Digest::from_bytes([payload; 32]),
        });
        let bytes = vote.to_signed_bytes(world.genesis.chain(), ShardId(1));
        SignedVote {
            signer: signer.unwrap(),
            vote,
            signature: key(100 + number).sign_raw(&bytes),
        }
    });
    let [one, other] = votes;
    ReportMisconduct {
        misconduct: Misconduct::new(ShardId(1), one, other),
    }
}

/// The cold key of the first operator in the sample.
const COLD: u8 = 200;
/// All but one of four.
const QUORUM: &[u8] = &[COLD, COLD + 1, COLD + 2];
