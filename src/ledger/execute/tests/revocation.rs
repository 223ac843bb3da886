use std::{collections::BTreeSet, time::Duration};

use proptest::{collection, prelude::*};

use super::{Case, hold, offices::*, world::*};
use crate::{
    crypto::Digest,
    ledger::{
        AppealRevocation, Failure, OrderFailure, OrderKind, OrderRevocation, OrderState, Outcome,
        RevocationEntry, Rule, StateView,
    },
    security::{LinkageAuthority, Slot},
};

pub(super) const CASES: &[Case] = &[
    (Rule::OperatorsMissing, |world| {
        offices(world);
        let order = accuse(world, OrderKind::Revoke);
        world.send(0, &[EA, LA], order)
    }),
    (Rule::NotGovernanceShard, |world| {
        offices(world);
        let order = accuse(world, OrderKind::Revoke);
        world.send(1, QUORUM, order)
    }),
    (Rule::TicketNotIssued, |world| {
        offices(world);
        let forged = ticket_by(world, 99, slot(world));
        world.send(0, QUORUM, accuse_ticket(&forged, OrderKind::Revoke))
    }),
    (Rule::TicketOutOfTime, |world| {
        offices(world);
        let later = Slot::from_number(slot(world).number() + 2);
        let ticket = ticket_by(world, TICKET_KEY, later);
        world.send(0, QUORUM, accuse_ticket(&ticket, OrderKind::Revoke))
    }),
    (Rule::TicketOutOfTime, |world| {
        offices(world);
        let ticket = ticket_by(world, TICKET_KEY, slot(world));
        world.wait(SLOT * (PRELOAD + 2));
        world.send(0, QUORUM, accuse_ticket(&ticket, OrderKind::Revoke))
    }),
    (Rule::SuspensionInvalid, |world| {
        offices(world);
        let until = world.time.saturating_add(8 * DAY);
        let order = accuse(world, OrderKind::Suspend { until });
        world.send(0, QUORUM, order)
    }),
    (Rule::OrderUnknown, |world| {
        offices(world);
        world.send(0, &[TA], name(0, 1))
    }),
    (Rule::OrderUnknown, |world| {
        offices(world);
        let order = ordered(world, OrderKind::Revoke);
        world.wait(SLOT * (PRELOAD + 3));
        world.send(0, &[TA], name(order, 1))
    }),
    (Rule::OrderClosed, |world| {
        offices(world);
        let order = listed(world, OrderKind::Revoke);
        world.send(0, &[TA], name(order, 1))
    }),
    (Rule::OrderClosed, |world| {
        offices(world);
        let order = ordered(world, OrderKind::Revoke);
        assert_eq!(lift(world, order), Outcome::Applied);
        lift(world, order)
    }),
    (Rule::IssuingSignatureMissing, |world| {
        offices(world);
        let order = ordered(world, OrderKind::Revoke);
        world.send(0, &[EA], name(order, 1))
    }),
    (Rule::HandleNamed, |world| {
        offices(world);
        let order = ordered(world, OrderKind::Revoke);
        world.apply(0, &[TA], name(order, 1));
        world.send(0, &[TA], name(order, 2))
    }),
    (Rule::HandleNamed, |world| {
        offices(world);
        let order = named(world, OrderKind::Revoke);
        world.send(0, &[TB], name(order, 2))
    }),
    (Rule::HandleMissing, |world| {
        offices(world);
        let order = ordered(world, OrderKind::Revoke);
        world.apply(0, &[TA], name(order, 1));
        let seed = reveal(world, order, LinkageAuthority::First, false);
        world.send(0, &[EA], seed)
    }),
    (Rule::IssuingSignatureMissing, |world| {
        offices(world);
        let order = named(world, OrderKind::Revoke);
        let seed = reveal(world, order, LinkageAuthority::First, false);
        world.send(0, QUORUM, seed)
    }),
    (Rule::SeedEarly, |world| {
        offices(world);
        let order = named(world, OrderKind::Revoke);
        let seed = reveal(world, order, LinkageAuthority::First, false);
        world.send(0, &[LA], seed)
    }),
    (Rule::SeedGiven, |world| {
        offices(world);
        let order = named(world, OrderKind::Revoke);
        let seed = reveal(world, order, LinkageAuthority::First, true);
        world.apply(0, &[EA], seed);
        let seed = reveal(world, order, LinkageAuthority::First, false);
        world.send(0, &[EA], seed)
    }),
    (Rule::AccusedSignatureMissing, |world| {
        offices(world);
        let order = ordered(world, OrderKind::Revoke);
        world.send(0, &[EA], appeal(order))
    }),
    (Rule::AppealMade, |world| {
        offices(world);
        let order = ordered(world, OrderKind::Revoke);
        world.apply(0, &[EA, PSEUDONYM], appeal(order));
        world.send(0, &[EA, PSEUDONYM], appeal(order))
    }),
    (Rule::OperatorsMissing, |world| {
        offices(world);
        let order = ordered(world, OrderKind::Revoke);
        world.send(0, &[EA, LA], crate::ledger::LiftRevocation { order })
    }),
];

#[test]
fn l14_orders_are_refused_by_the_rule_that_stops_them() {
    hold(CASES);
}

#[test]
fn m14_two_honest_authorities_list_the_vehicle_and_nobody_is_named() {
    let mut world = World::new();
    offices(&mut world);
    let first = slot(&world);
    let order = listed(&mut world, OrderKind::Revoke);
    let state = world.state(0);
    let ended = state.order(order).unwrap();
    assert_eq!(ended.state, OrderState::Listed { entry: 0 });
    assert_eq!(ended.failures, []);
    let series = state.revocation(0).unwrap().series().unwrap();
    assert_eq!(series.slot_from, first);
    assert_eq!(series.slot_until.number(), first.number() + PRELOAD + 1);
    for number in first.number()..=series.slot_until.number() {
        let at = Slot::from_number(number);
        assert_eq!(series.linkage_at(at), Some(linkage(&world, at)));
    }
    let before = Slot::from_number(first.number() - 1);
    assert_eq!(
        series.linkage_at(before),
        None,
        "what was before stays unlinked"
    );
}

#[test]
fn l19_whoever_lies_about_its_seed_loses_and_is_named() {
    for liar in LinkageAuthority::BOTH {
        let mut world = World::new();
        offices(&mut world);
        let order = named(&mut world, OrderKind::Revoke);
        for (operator, authority) in [EA, LA].into_iter().zip(LinkageAuthority::BOTH) {
            let seed = reveal(&world, order, authority, authority == liar);
            world.apply(0, &[operator], seed);
        }
        assert_eq!(world.state(0).order(order).unwrap().state, OrderState::Open);
        // The others put the seed together from its escrow, one of them wrongly.
        let early = reveal(&world, order, liar, false);
        let outcome = world.send(0, &[TB], early);
        assert_eq!(outcome, Outcome::Refused(Rule::SeedEarly));
        world.wait(LATE);
        let mut wrong = reveal(&world, order, liar, true);
        wrong.seed = crate::ledger::RevealedSeed::from_bytes([98; 32]);
        world.apply(0, &[TB], wrong);
        let recovered = reveal(&world, order, liar, false);
        world.apply(0, &[TA], recovered);
        let ended = world.state(0).order(order).unwrap();
        assert_eq!(ended.state, OrderState::Listed { entry: 0 });
        let failure = Failure::OtherSeed { authority: liar };
        let own = if liar == LinkageAuthority::First {
            0
        } else {
            1
        };
        let expected = [own, 3].map(|operator| OrderFailure { operator, failure });
        assert_eq!(ended.failures, expected);
        let series = world.state(0).revocation(0).unwrap().series().unwrap();
        assert_eq!(
            series.linkage_at(slot(&world)),
            Some(linkage(&world, slot(&world)))
        );
    }
}

#[test]
fn l19_whoever_is_late_is_named_and_keeps_nobody_from_being_listed() {
    for late in LinkageAuthority::BOTH {
        let mut world = World::new();
        offices(&mut world);
        let order = named(&mut world, OrderKind::Revoke);
        let (own, other) = match late {
            LinkageAuthority::First => (0, LinkageAuthority::Second),
            LinkageAuthority::Second => (1, LinkageAuthority::First),
        };
        let seed = reveal(&world, order, other, false);
        world.apply(0, &[ISSUING + 1 - own], seed);
        world.wait(LATE);
        let recovered = reveal(&world, order, late, false);
        world.apply(0, &[TB], recovered);
        let ended = world.state(0).order(order).unwrap();
        assert_eq!(ended.state, OrderState::Listed { entry: 0 });
        let expected = OrderFailure {
            operator: own.into(),
            failure: Failure::Late { authority: late },
        };
        assert_eq!(ended.failures, [expected]);
    }
}

#[test]
fn l19_both_authorities_gone_are_replaced_by_the_others() {
    let mut world = World::new();
    offices(&mut world);
    let order = named(&mut world, OrderKind::Revoke);
    world.wait(LATE);
    for authority in LinkageAuthority::BOTH {
        let recovered = reveal(&world, order, authority, false);
        world.apply(0, &[TB], recovered);
    }
    let ended = world.state(0).order(order).unwrap();
    assert_eq!(ended.state, OrderState::Listed { entry: 0 });
    assert_eq!(ended.failures.len(), 2);
}

#[test]
fn one_member_alone_accuses_nobody_by_another_handle() {
    let mut world = World::new();
    offices(&mut world);
    let order = ordered(&mut world, OrderKind::Revoke);
    world.apply(0, &[TA], name(order, 9));
    world.apply(0, &[TB], name(order, 1));
    let stuck = world.state(0).order(order).unwrap();
    assert_eq!(stuck.handle, None);
    assert_eq!(stuck.named.len(), 2, "both stand on the ledger for ever");
}

#[test]
fn m15_an_appeal_is_pseudonymous_and_a_lifted_order_is_listed_as_such() {
    let mut world = World::new();
    offices(&mut world);
    let order = listed(&mut world, OrderKind::Revoke);
    assert!(world.state(0).account(pseudonym()).is_none());
    world.apply(0, &[TA, PSEUDONYM], appeal(order));
    assert!(
        world.state(0).account(pseudonym()).is_none(),
        "it stays a pseudonym"
    );
    assert_eq!(lift(&mut world, order), Outcome::Applied);
    let state = world.state(0);
    let ended = state.order(order).unwrap();
    assert_eq!(ended.state, OrderState::Lifted { entry: Some(1) });
    assert!(ended.appeal.is_some());
    assert_eq!(
        state.revocation(1),
        Some(&RevocationEntry::Lift { number: 0 })
    );
}

#[test]
fn an_order_lifted_in_time_lists_nothing() {
    let mut world = World::new();
    offices(&mut world);
    let order = named(&mut world, OrderKind::Revoke);
    assert_eq!(lift(&mut world, order), Outcome::Applied);
    let seed = reveal(&world, order, LinkageAuthority::First, false);
    let outcome = world.send(0, &[EA], seed);
    assert_eq!(
        outcome,
        Outcome::Refused(Rule::OrderClosed),
        "no seed needs to be given away"
    );
    assert_eq!(world.state(0).revocation_head(), None);
}

#[test]
fn a_suspension_is_over_at_its_end() {
    let mut world = World::new();
    offices(&mut world);
    let until = world.time.saturating_add(SLOT * 2);
    let order = listed(&mut world, OrderKind::Suspend { until });
    let state = world.state(0);
    assert!(matches!(
        state.order(order).unwrap().state,
        OrderState::Listed { .. }
    ));
    let series = state.revocation(0).unwrap().series().unwrap();
    let last = slot(&world).number() + 2;
    assert_eq!(series.slot_until.number(), last);
    assert_eq!(series.linkage_at(Slot::from_number(last + 1)), None);
}

#[test]
fn orders_and_entries_that_are_over_are_forgotten() {
    let mut world = World::new();
    offices(&mut world);
    for round in 0..30 {
        let order = listed(&mut world, OrderKind::Revoke);
        assert_eq!(order, round);
        if round % 3 == 0 {
            assert_eq!(lift(&mut world, order), Outcome::Applied);
        }
        let state = world.state(0);
        let (orders, head) = (
            state.order_numbers().unwrap(),
            state.revocation_head().unwrap(),
        );
        let most = u64::from(PRELOAD) + 6;
        assert!(orders.next - orders.first <= most);
        assert!(head.next - head.first <= 2 * most);
        let stored = state.iter().filter(|(key, _)| {
            matches!(
                key,
                crate::ledger::Key::Order(_) | crate::ledger::Key::Revocation(_)
            )
        });
        let numbered = orders.next - orders.first + head.next - head.first;
        assert_eq!(u64::try_from(stored.count()).unwrap(), numbered);
        world.wait(SLOT);
    }
    assert_eq!(world.state(0).revocation_head().unwrap().next, 40);
}

#[test]
fn old_bytes_of_an_order_accuse_no_other_ticket() {
    let mut world = World::new();
    offices(&mut world);
    let order = accuse(&world, OrderKind::Revoke);
    let bytes = *order.ticket.as_bytes();
    for index in 1..bytes.len() {
        let mut changed = bytes;
        changed[index] ^= 1;
        let ticket = crate::ledger::AccusedTicket::from_bytes(changed);
        if ticket.ticket().is_err() {
            continue;
        }
        let changed = OrderRevocation {
            ticket,
            ..order.clone()
        };
        let outcome = world.send(0, QUORUM, changed);
        assert_eq!(
            outcome,
            Outcome::Refused(Rule::TicketNotIssued),
            "byte {index}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    // Whoever reveals what, in whatever order, the truth is listed as soon as all of it is there, and
    // nothing else ever; those who told it are not named.
    #[test]
    fn l19_no_order_of_lies_lists_another_vehicle_or_names_an_honest_operator(
        told in collection::vec((0_u8..4, any::<bool>(), any::<bool>()), 1..12),
    ) {
        let mut world = World::new();
        offices(&mut world);
        let order = named(&mut world, OrderKind::Revoke);
        world.wait(LATE);
        let (mut truths, mut liars, mut given) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (operator, is_first, lies) in told {
            let authority = LinkageAuthority::BOTH[usize::from(!is_first)];
            if truths.len() == 2 || !given.insert((operator, authority)) {
                continue;
            }
            let seed = reveal(&world, order, authority, lies);
            world.apply(0, &[ISSUING + operator], seed);
            if lies {
                liars.insert((operator, authority));
            } else {
                truths.insert(authority);
            }
            let now = world.state(0).order(order).unwrap();
            prop_assert_eq!(now.state != OrderState::Open, truths.len() == 2);
        }
        let ended = world.state(0).order(order).unwrap();
        if truths.len() < 2 {
            prop_assert!(world.state(0).revocation_head().is_none());
            return Ok(());
        }
        let series = world.state(0).revocation(0).unwrap().series().unwrap();
        let at = slot(&world);
        prop_assert_eq!(series.linkage_at(at), Some(linkage(&world, at)));
        let silent = (0..).zip(LinkageAuthority::BOTH).filter(|it| !given.contains(it));
        let failure = |(operator, authority): (u8, LinkageAuthority), lies| OrderFailure {
            operator: operator.into(),
            failure: if lies {
                Failure::OtherSeed { authority }
            } else {
                Failure::Late { authority }
            },
        };
        let late = silent.map(|it| failure(it, false));
        let expected: Vec<_> = liars.iter().map(|it| failure(*it, true)).chain(late).collect();
        prop_assert_eq!(ended.failures.len(), expected.len());
        prop_assert!(expected.iter().all(|it| ended.failures.contains(it)));
    }
}

fn appeal(order: u64) -> AppealRevocation {
    AppealRevocation {
        order,
        statement: Digest::from_bytes([6; 32]),
    }
}

/// As long as an authority has to give its own seed.
const LATE: Duration = Duration::from_secs(60);
