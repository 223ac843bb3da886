use std::{collections::BTreeSet, time::Duration};

use super::town::{GROUP, Plan, Town, issuing_keys};
use crate::{
    crypto::Signature,
    issuing::{
        Body, MintOrder, Minted, OperatorRefusal, Prepare, SealedTicket, Seat, Session, SignOrder,
        Signing, TicketCoordinator, approval::ApprovalOf,
    },
};

const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn any_one_of_three_members_may_be_down() {
    for down in [2, 3, 4] {
        let mut town = Town::new(&Plan::default()).with_cars(2);
        town.down.insert(down);
        let slots = [town.slot(0), town.slot(1)];
        town.ask(0, &slots);
        town.ask(1, &slots);

        town.run(PATIENCE);
        town.collect();

        let count: usize = town.cars.iter().map(|it| it.tickets.len()).sum();
        assert_eq!(count, 4, "without {down}");
    }
}

#[test]
fn a_member_may_go_at_any_moment() {
    for steps in 0..20 {
        for down in [2, 3, 4] {
            let mut town = Town::new(&Plan::default()).with_cars(1);
            town.ask(0, &[town.slot(1)]);
            for _ in 0..steps {
                town.step();
            }
            town.down.insert(down);
            town.run(PATIENCE);
            town.collect();
            assert_eq!(town.cars[0].tickets.len(), 1, "{down} after {steps} steps");
        }
    }
}

#[test]
fn without_the_other_linkage_authority_or_two_members_nothing_is_signed() {
    for down in [[1, 1], [2, 3], [3, 4], [2, 4]] {
        let mut town = Town::new(&Plan::default()).with_cars(1);
        town.down.extend(down);
        town.ask(0, &[town.slot(0)]);
        town.run(PATIENCE);
        assert_eq!(town.committed, 0, "without {down:?}");

        town.down.clear();
        town.run(PATIENCE);
        town.collect();
        assert_eq!(town.cars[0].tickets.len(), 1, "and nothing is lost");
    }
}

#[test]
fn one_member_alone_cannot_mint() {
    let (mut town, order) = offered();
    let member = town.desks.get_mut(&Seat::first(2)).unwrap();
    let member = member.member(GROUP).unwrap();

    // As coordinator of itself.
    let alone = MintOrder {
        holders: vec![2],
        ..order
    };
    let mut signing = Signing {
        member: &mut *member,
        keys: &issuing_keys(Seat::first(2)),
        facts: &town.facts,
        now: town.now,
    };
    let coordinator = TicketCoordinator::begin(&alone, &mut signing).unwrap();
    assert_eq!(
        coordinator.result().and_then(|it| it.clone().err()),
        Some(OperatorRefusal::Busy)
    );

    // With its own commitments alone, and with its own in another member's name.
    for others in [&[2_u16][..], &[2, 3]] {
        let prepare = prepare(&order);
        let prepared = member.handle_prepare(&prepare).unwrap();
        let commitments = others.iter().map(|it| (*it, prepared.commitments.clone()));
        let sign = SignOrder {
            group: GROUP,
            batch: order.batch,
            session: prepare.session,
            commitments: commitments.collect(),
        };
        let signed = member.handle_sign(&sign);
        match others.len() {
            1 => assert_eq!(signed.err(), Some(OperatorRefusal::BadCommitments)),
            // Its own share of a signature, which is none without the other's.
            _ => assert_eq!(signed.unwrap().shares.len(), 1),
        }
    }
}

#[test]
fn false_shares_are_named_and_the_tickets_come_with_the_rest() {
    let mut town = Town::new(&Plan::default()).with_cars(2);
    town.meddle = Some(|by, body| {
        if let (3, Body::Signed(signed)) = (by.operator, body) {
            signed.shares[0][0] ^= 1;
        }
    });
    let slots = [town.slot(0), town.slot(1)];
    town.ask(0, &slots);
    town.ask(1, &slots);

    town.run(PATIENCE);
    town.collect();

    let count: usize = town.cars.iter().map(|it| it.tickets.len()).sum();
    assert_eq!(count, 4);
    assert!(
        town.culprits.is_empty() || town.culprits == BTreeSet::from([3]),
        "nobody else is blamed: {:?}",
        town.culprits
    );
}

#[test]
fn tickets_that_a_coordinator_spoils_or_keeps_back_come_from_another() {
    let garbage = |handle| {
        (
            handle,
            borsh::from_slice::<SealedTicket>(&[7; 168]).unwrap(),
        )
    };
    for keeps_back in [false, true] {
        let mut town = Town::new(&Plan::default()).with_cars(1);
        town.ask(0, &[town.slot(0)]);
        let (bad, enrolment) = (Seat::first(2), Seat::first(0));
        let order = loop {
            assert!(town.step(), "it is asked to coordinate at last");
            let mut seen = town.seen.get(&bad).unwrap().iter();
            let order = seen.find_map(|it| match borsh::from_slice(it) {
                Ok(Body::Mint(order)) => Some(order),
                _ => None,
            });
            if let Some(order) = order {
                break order;
            }
        };
        let handles = town.records(enrolment).into_iter();
        let handles = handles.flat_map(|it| it.known()).map(|it| it.handle);
        let handles = handles.filter(|_| !keeps_back);
        let tickets: Vec<_> = handles.map(garbage).collect();
        let approval = |by| {
            let of = ApprovalOf {
                chain: town.facts.chain,
                group: GROUP,
                batch: order.batch,
                by,
            };
            (by, of.sign(&tickets, &issuing_keys(bad)))
        };
        let approvals = vec![approval(2), approval(2), approval(3)];
        let minted = Body::Minted(Minted {
            batch: order.batch,
            tickets: tickets.clone(),
            approvals,
        });
        let desk = town.desks.get_mut(&enrolment).unwrap();
        let authority = desk.enrolment(GROUP).unwrap();
        let staged = authority.handle_answer(bad, &minted, &town.facts, town.now);
        assert!(staged.records().is_empty(), "nobody else approves them");

        town.down.insert(2);
        town.run(Duration::from_secs(1));
        town.collect();

        assert_eq!(town.cars[0].tickets.len(), 1, "at once, from another");
    }
}

#[test]
fn a_member_that_approves_nothing_is_left_out() {
    let mut town = Town::new(&Plan::default()).with_cars(2);
    town.meddle = Some(|by, body| {
        if let (3, Body::Approved(approval)) = (by.operator, body) {
            approval.signature = Signature::from_bytes([7; 64]);
        }
    });
    town.ask(0, &[town.slot(0)]);
    town.ask(1, &[town.slot(1)]);

    town.run(PATIENCE);
    town.collect();

    let count: usize = town.cars.iter().map(|it| it.tickets.len()).sum();
    assert_eq!(count, 2);
}

#[test]
fn o8_nonces_are_used_once_and_forgotten_at_a_restart() {
    let (mut town, order) = offered();
    let seats = [2, 3].map(Seat::first);
    let prepare = prepare(&order);
    let mut prepared = Vec::new();
    for seat in seats {
        let member = town.desks.get_mut(&seat).unwrap().member(GROUP).unwrap();
        let of_member = member.handle_prepare(&prepare).unwrap();
        prepared.push((seat.operator, of_member.commitments));
    }
    let sign = SignOrder {
        group: GROUP,
        batch: order.batch,
        session: prepare.session,
        commitments: prepared,
    };
    let first = Seat::first(2);
    let member = town.desks.get_mut(&first).unwrap().member(GROUP).unwrap();
    member.handle_sign(&sign).unwrap();
    assert_eq!(
        member.handle_sign(&sign),
        Err(OperatorRefusal::NoSession),
        "the same attempt again"
    );

    // Another message under the same nonces would give the share away: nothing of them is left.
    let other = Seat::first(3);
    town.restart(other);
    let member = town.desks.get_mut(&other).unwrap().member(GROUP).unwrap();
    assert_eq!(member.handle_sign(&sign), Err(OperatorRefusal::NoSession));
    let journal: Vec<u8> = town.journals.get(&other).unwrap().concat();
    let nonces = sign.commitments.iter().flat_map(|(_, it)| it.iter());
    for commitment in nonces {
        let is_kept = journal.windows(32).any(|it| it == &commitment[..32]);
        assert!(!is_kept, "nothing of an attempt is written down");
    }
}

#[test]
fn every_process_may_be_started_anew_between_any_two_steps() {
    let mut town = Town::new(&Plan::default()).with_cars(4);
    town.restarts = true;
    for ahead in 0..4 {
        for car in 0..4 {
            town.ask(car, &[town.slot(ahead), town.slot(ahead + 10)]);
            town.step();
        }
    }
    town.run(Duration::from_secs(600));
    town.restarts = false;
    town.run(PATIENCE);
    town.collect();

    for car in &town.cars {
        assert_eq!(car.failed, []);
        let slots: BTreeSet<_> = car.tickets.iter().map(|it| it.ticket().slot()).collect();
        assert_eq!((slots.len(), car.tickets.len()), (8, 8));
    }
}

/// A batch of one ticket that all members have taken, and that nobody has signed yet.
fn offered() -> (Town, MintOrder) {
    let mut town = Town::new(&Plan::default()).with_cars(1);
    town.ask(0, &[town.slot(0)]);
    loop {
        assert!(town.step(), "the batch is offered at last");
        for seat in town.desks.keys() {
            for bytes in town.seen.get(seat).unwrap() {
                if let Ok(Body::Batch(batch)) = borsh::from_slice(bytes) {
                    let all = [2, 3, 4].map(Seat::first).into_iter();
                    let have = all.filter(|seat| {
                        let seen = town.seen.get(seat).unwrap();
                        seen.iter()
                            .any(|it| matches!(borsh::from_slice(it), Ok(Body::Batch(_))))
                    });
                    if have.count() == 3 {
                        let order = MintOrder {
                            group: GROUP,
                            batch: batch.batch,
                            holders: vec![2, 3, 4],
                        };
                        return (town, order);
                    }
                }
            }
        }
    }
}

fn prepare(order: &MintOrder) -> Prepare {
    Prepare {
        group: GROUP,
        batch: order.batch,
        session: Session::from_bytes([5; 16]),
    }
}
