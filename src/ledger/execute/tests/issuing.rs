use super::{Case, hold, offices::*, world::*};
use crate::{
    id::{GroupId, ShardId},
    ledger::{
        Group, IssuingFacts, OperatorStatus, Outcome, PostKeyPart, ReplaceOperatorKey, Rule,
        SetGroup, SetOperator, SetTicketPolicy, StateView, WithdrawTicketKey, sample::genesis,
    },
    security::Slot,
};

pub(super) const CASES: &[Case] = &[
    (Rule::QuorumMissing, |world| {
        rules(world);
        world.send(0, &[COLD, COLD + 1], policy())
    }),
    (Rule::TicketPolicyMissing, |world| {
        rules(world);
        world.send(0, QUORUM, group())
    }),
    (Rule::TicketPolicyFixed, |world| {
        policy_only(world);
        let longer = SetTicketPolicy {
            slot_length_s: 600,
            ..policy()
        };
        world.send(0, QUORUM, longer)
    }),
    (Rule::TicketPolicyOutOfRange, |world| {
        rules(world);
        let none = SetTicketPolicy {
            preload_slots: 0,
            ..policy()
        };
        world.send(0, QUORUM, none)
    }),
    (Rule::NothingChanges, |world| {
        policy_only(world);
        world.send(0, QUORUM, policy())
    }),
    (Rule::GroupUnknown, |world| {
        offices(world);
        let elsewhere = PostKeyPart {
            group: GroupId(1),
            ..part(1, 1)
        };
        world.send(0, &[TA], elsewhere)
    }),
    (Rule::GroupNumberSkipped, |world| {
        policy_only(world);
        let skipped = SetGroup {
            group: GroupId(1),
            ..group()
        };
        world.send(0, QUORUM, skipped)
    }),
    (Rule::AuthoritiesJoined, |world| {
        policy_only(world);
        let joined = SetGroup {
            linkage: 0,
            ..group()
        };
        world.send(0, QUORUM, joined)
    }),
    (Rule::AuthoritiesJoined, |world| {
        policy_only(world);
        let joined = SetGroup {
            members: vec![1, 2, 3],
            ..group()
        };
        world.send(0, QUORUM, joined)
    }),
    (Rule::ThresholdInvalid, |world| {
        policy_only(world);
        let alone = SetGroup {
            threshold: 1,
            ..group()
        };
        world.send(0, QUORUM, alone)
    }),
    (Rule::ThresholdInvalid, |world| {
        policy_only(world);
        let unsorted = SetGroup {
            members: vec![3, 2],
            ..group()
        };
        world.send(0, QUORUM, unsorted)
    }),
    (Rule::OperatorInactive, |world| {
        policy_only(world);
        let status = OperatorStatus::Suspended;
        world.apply(
            0,
            QUORUM,
            SetOperator {
                operator: 3,
                status,
            },
        );
        let all: Vec<_> = (COLD..COLD + 4).collect();
        world.send(0, &all, group())
    }),
    (Rule::OperatorUnknown, |world| {
        policy_only(world);
        let unknown = SetGroup {
            linkage: 4,
            ..group()
        };
        world.send(0, QUORUM, unknown)
    }),
    (Rule::GroupFixed, |world| {
        offices(world);
        let other = SetGroup {
            linkage: 2,
            members: vec![1, 3],
            ..group()
        };
        world.send(0, QUORUM, other)
    }),
    (Rule::ReplicasChanging, |world| {
        offices(world);
        world.apply(0, QUORUM, replicas(2));
        world.send(0, QUORUM, replicas(3))
    }),
    (Rule::ReplicaInvalid, |world| {
        policy_only(world);
        world.send(0, QUORUM, replicas(17))
    }),
    (Rule::ReplicaInvalid, |world| {
        offices(world);
        let (skipped, cold) = (certify(world, 0, 2, 80), cold_key(world, 0));
        world.send(0, &[cold], skipped)
    }),
    (Rule::ColdKeySignatureMissing, |world| {
        policy_only(world);
        let (certified, cold) = (certify(world, 0, 0, 80), cold_key(world, 1));
        world.send(0, &[cold], certified)
    }),
    (Rule::IssuingKeyUsed, |world| {
        offices(world);
        let (certified, cold) = (certify(world, 0, 1, LA), cold_key(world, 0));
        world.send(0, &[cold], certified)
    }),
    (Rule::KeySpanInvalid, |world| {
        policy_only(world);
        let (mut certified, cold) = (certify(world, 0, 0, 80), cold_key(world, 0));
        certified.until = certified.until.saturating_add(3 * DAY);
        world.send(0, &[cold], certified)
    }),
    (Rule::KeySpanInvalid, |world| {
        offices(world);
        let mut over = confirm(world, 1, 80);
        over.until = over.from;
        world.send(0, &[TA], over)
    }),
    (Rule::NewKeySignatureMissing, |world| {
        rules(world);
        let signers = others(world, 0);
        world.send(0, &signers, replaced(0, 80))
    }),
    (Rule::QuorumMissing, |world| {
        rules(world);
        // The operator itself is one of the three.
        let mut signers = others(world, 0);
        signers.pop();
        signers.extend([cold_key(world, 0), 80]);
        world.send(0, &signers, replaced(0, 80))
    }),
    (Rule::OperatorKeyUsed, |world| {
        rules(world);
        let signers = others(world, 0);
        let used = replaced(0, signers[0]);
        world.send(0, &signers, used)
    }),
    (Rule::IssuingSignatureMissing, |world| {
        offices(world);
        world.send(0, &[EA], part(1, 1))
    }),
    (Rule::IssuingSignatureMissing, |world| {
        offices(world);
        // Not even its cold key speaks about tickets.
        let cold = cold_key(world, 2);
        world.send(0, &[cold], part(1, 1))
    }),
    (Rule::CeremonyDiffers, |world| {
        offices(world);
        world.send(0, &[TA], part(3, 1))
    }),
    (Rule::CeremonyDiffers, |world| {
        offices(world);
        let again = confirm(world, 0, TICKET_KEY);
        world.send(0, &[TA], again)
    }),
    (Rule::KeyPartPosted, |world| {
        offices(world);
        world.apply(0, &[TA], part(1, 1));
        world.send(0, &[TA], part(1, 1))
    }),
    (Rule::KeyPartEarly, |world| {
        offices(world);
        world.apply(0, &[TA], part(1, 1));
        world.send(0, &[TA], part(1, 2))
    }),
    (Rule::KeyPartEarly, |world| {
        offices(world);
        world.send(0, &[TA], part(1, 0))
    }),
    (Rule::TicketKeysFull, |world| {
        offices(world);
        for ceremony in 1..256 {
            for member in [TA, TB] {
                let confirmed = confirm(world, ceremony, 80);
                world.apply(0, &[member], confirmed);
            }
        }
        let confirmed = confirm(world, 256, 80);
        world.apply(0, &[TA], confirmed.clone());
        world.send(0, &[TB], confirmed)
    }),
    (Rule::TicketKeyUnknown, |world| {
        offices(world);
        world.send(0, QUORUM, WithdrawTicketKey { id: 1 })
    }),
    (Rule::OperatorsMissing, |world| {
        offices(world);
        world.send(0, &[EA, LA], WithdrawTicketKey { id: 0 })
    }),
    (Rule::OperatorsMissing, |world| {
        offices(world);
        // Two keys of one operator count once.
        let cold = cold_key(world, 0);
        world.send(0, &[EA, LA, cold], WithdrawTicketKey { id: 0 })
    }),
    (Rule::SlotsInvalid, |world| {
        offices(world);
        let late = slot(world).number() + PRELOAD + 2;
        world.send(0, &[TA], commit(&[(late, 1)]))
    }),
    (Rule::SlotsInvalid, |world| {
        offices(world);
        let now = slot(world).number();
        world.send(0, &[TA], commit(&[(now, 1), (now, 1)]))
    }),
    (Rule::NotGovernanceShard, |world| {
        offices(world);
        world.send(1, &[TA], part(1, 1))
    }),
];

#[test]
fn l14_offices_are_refused_by_the_rule_that_stops_them() {
    hold(CASES);
}

#[test]
fn one_operator_holds_all_offices_in_a_ledger_for_development_alone() {
    let mut world = World::of(genesis(1));
    let scheduled = crate::ledger::ScheduleRules {
        shard: ShardId(0),
        rules: 3,
        height: 0,
    };
    world.apply(0, &[COLD], scheduled);
    world.apply(0, &[COLD], policy());
    let alone = SetGroup {
        linkage: 0,
        members: vec![0],
        threshold: 1,
        ..group()
    };
    world.apply(0, &[COLD], alone);
    let certified = certify(&world, 0, 0, EA);
    world.apply(0, &[COLD], certified);
    let confirmed = confirm(&world, 0, TICKET_KEY);
    world.apply(0, &[EA], confirmed);
    assert_eq!(world.state(0).issuers().unwrap().entries.len(), 1);
}

#[test]
fn everything_that_other_shards_need_reaches_them() {
    let mut world = World::new();
    offices(&mut world);
    let (mut certified, cold) = (certify(&world, 0, 0, 80), cold_key(&world, 0));
    certified.door = "[::1]:7446".to_owned();
    world.apply(0, &[cold], certified);
    world.settle();
    let of = |shard| {
        let state = world.state(shard);
        let seats: Vec<_> = (0..4)
            .flat_map(|operator| state.issuing_seats(operator))
            .collect();
        (
            *state.ticket_policy().unwrap(),
            state.groups().collect::<Vec<_>>(),
            seats,
        )
    };
    for shard in 1..3 {
        assert_eq!(of(shard), of(0));
        for key in [EA, LA, TA, TB, 80] {
            assert!(world.state(shard).account(who(key)).is_some());
        }
    }
}

#[test]
fn an_issuing_key_counts_in_its_time_and_after_its_successor_began() {
    let mut world = World::new();
    offices(&mut world);
    let cold = cold_key(&world, 2);
    let renewed = certify(&world, 2, 0, 80);
    world.apply(0, &[cold], renewed);
    // Both speak for the same operator.
    world.apply(0, &[TA], part(1, 1));
    let outcome = world.send(0, &[80], part(1, 1));
    assert_eq!(outcome, Outcome::Refused(Rule::KeyPartPosted));
    world.wait(90 * DAY);
    let outcome = world.send(0, &[TA], part(1, 2));
    assert_eq!(outcome, Outcome::Refused(Rule::IssuingSignatureMissing));
    let facts = IssuingFacts::of_state(world.state(0), &world.genesis).unwrap();
    assert!(!facts.key_counts_at(2, who(TA), world.time));
    let before = world.genesis.created.saturating_add(2 * DAY);
    assert!(facts.key_counts_at(2, who(TA), before));
    assert!(facts.key_counts_at(2, who(80), before));
    assert_eq!(facts.speaker(who(80), before), Some((2, 0)));
    assert!(
        !facts.key_counts_at(3, who(80), before),
        "another operator's"
    );
    let seat = facts.seat(2, 0).unwrap();
    assert_eq!(seat.key_at(before), Some(who(80)));
}

#[test]
fn no_slot_ever_has_two_writers() {
    let mut world = World::new();
    offices(&mut world);
    let writers = |world: &World, from: u32, count: u32| -> Vec<u16> {
        let group = world.state(0).group(GROUP).unwrap();
        let slots = (from..from + count).map(Slot::from_number);
        slots
            .map(|slot| group.writer(&vehicle_id(1, 5), slot))
            .collect()
    };
    for count in [3, 2, 5] {
        // Tickets of all these slots may be out.
        let now = slot(&world).number();
        let settled = writers(&world, now, PRELOAD + 1);
        world.apply(0, QUORUM, replicas(count));
        assert_eq!(writers(&world, now, PRELOAD + 1), settled);
        let later = writers(&world, now + PRELOAD + 2, 1);
        assert_eq!(later, [expected_writer(count)]);
        let outcome = world.send(0, QUORUM, replicas(count + 1));
        assert_eq!(outcome, Outcome::Refused(Rule::ReplicasChanging));
        world.wait(SLOT * (PRELOAD + 2));
    }
}

#[test]
fn o2_a_stolen_cold_key_is_replaced_by_the_others() {
    let mut world = World::new();
    offices(&mut world);
    let (stolen, rest) = (cold_key(&world, 0), others(&world, 0));
    let signers: Vec<_> = rest.iter().copied().chain([90]).collect();
    world.apply(0, &signers, replaced(0, 90));
    world.settle();
    for shard in 0..3 {
        let state = world.state(shard);
        assert_eq!(state.operator(0).unwrap().cold_key, who(90));
        assert_eq!(state.issuing_seats(0).count(), 0);
        assert_eq!(state.issuing_operator(who(EA), world.time), None);
        assert!(state.account(who(90)).is_some());
    }
    // Whoever has the old key speaks for nobody any more.
    let thief = certify(&world, 0, 0, 95);
    let outcome = world.send(0, &[stolen], thief);
    assert_eq!(outcome, Outcome::Refused(Rule::ColdKeySignatureMissing));
    let again = certify(&world, 0, 0, EA);
    let outcome = world.send(0, &[90], again);
    assert_eq!(outcome, Outcome::Refused(Rule::IssuingKeyUsed));
    let fresh = certify(&world, 0, 0, 95);
    world.apply(0, &[90], fresh);
    let facts = IssuingFacts::of_state(world.state(0), &world.genesis).unwrap();
    assert!(facts.key_counts_at(0, who(95), world.time));
    assert!(!facts.key_counts_at(0, who(EA), world.time));
    // It governs as before, and the old key does not.
    let other = SetTicketPolicy {
        batch_wait_ms: 1,
        ..policy()
    };
    let with = |last| [rest[0], rest[1], last];
    let outcome = world.send(0, &with(stolen), other.clone());
    assert_eq!(outcome, Outcome::Refused(Rule::QuorumMissing));
    world.apply(0, &with(90), other);
}

#[test]
fn an_operator_that_left_speaks_for_no_group() {
    let mut world = World::new();
    offices(&mut world);
    let status = OperatorStatus::Left;
    world.apply(
        0,
        QUORUM,
        SetOperator {
            operator: 2,
            status,
        },
    );
    let outcome = world.send(0, &[TA], part(1, 1));
    assert_eq!(outcome, Outcome::Refused(Rule::IssuingSignatureMissing));
    let facts = IssuingFacts::of_state(world.state(0), &world.genesis).unwrap();
    assert_eq!(facts.custodians(), [0, 1, 3]);
    assert!(!facts.key_counts_at(2, who(TA), world.time));
}

#[test]
fn the_facts_say_what_the_state_does() {
    let mut world = World::new();
    policy_only(&mut world);
    let facts = IssuingFacts::of_state(world.state(0), &world.genesis).unwrap();
    assert!(facts.groups.is_empty() && facts.seats.is_empty() && facts.issuers.is_empty());
    let mut world = World::new();
    offices(&mut world);
    let facts = IssuingFacts::of_state(world.state(0), &world.genesis).unwrap();
    let expected = Group {
        enrolment: 0,
        linkage: 1,
        members: vec![2, 3],
        threshold: 2,
        replicas: 1,
        next_replicas: None,
    };
    assert_eq!(facts.group(GROUP), Some(&expected));
    assert_eq!(facts.seats.len(), 4);
    assert_eq!(facts.custodians(), [0, 1, 2, 3]);
    let now = slot(&world);
    assert_eq!(facts.writer(GROUP, &vehicle_id(1, 5), now), Some((0, 0)));
    assert_eq!(facts.issuer_for(GROUP, now).unwrap().key, who(TICKET_KEY));
    let long_past = Slot::from_number(1);
    assert_eq!(facts.issuer_for(GROUP, long_past), None);
    assert_eq!(
        facts.policy.horizon(world.time).number(),
        now.number() + PRELOAD
    );
}

fn replicas(replicas: u16) -> SetGroup {
    SetGroup {
        replicas,
        ..group()
    }
}

/// The writer for a vehicle whose commitment consists of fives.
fn expected_writer(replicas: u16) -> u16 {
    u16::try_from(0x0505_0505_0505_0505 % u64::from(replicas)).unwrap()
}

fn replaced(operator: u16, number: u8) -> ReplaceOperatorKey {
    ReplaceOperatorKey {
        operator,
        cold_key: who(number),
    }
}
