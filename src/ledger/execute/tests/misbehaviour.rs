use std::time::Duration;

use super::{Case, hold, offices::*, world::*};
use crate::{
    evidence::{Evidence, sample::Drive},
    ledger::{
        AccusedStation, OrderKind, OrderState, Outcome, ReportMisbehaviour, Rule, StateView,
        sample::key,
    },
    security::{Credential, LinkageAuthority},
};

pub(super) const CASES: &[Case] = &[
    (Rule::MisbehaviourUnproven, |world| {
        offices(world);
        let report = report(&drive(world).truth());
        world.send(0, &[EA], report)
    }),
    (Rule::MisbehaviourUnproven, |world| {
        offices(world);
        let evidence = b"it lied, believe me".to_vec();
        world.send(0, &[EA], ReportMisbehaviour { evidence })
    }),
    (Rule::IssuingSignatureMissing, |world| {
        offices(world);
        let report = report(&drive(world).lie());
        world.send(0, &[MAKER], report)
    }),
    (Rule::NotGovernanceShard, |world| {
        offices(world);
        let report = report(&drive(world).lie());
        world.send(1, QUORUM, report)
    }),
    (Rule::AccusedAlready, |world| {
        offices(world);
        let report = report(&drive(world).lie());
        world.apply(0, &[EA], report.clone());
        world.send(0, &[LA], report)
    }),
    (Rule::AccusedAlready, |world| {
        offices(world);
        let report = report(&drive(world).lie());
        world.apply(0, &[EA], report.clone());
        assert_eq!(lift(world, 0), Outcome::Applied);
        world.send(0, &[LA], report)
    }),
    (Rule::TicketNotIssued, |world| {
        offices(world);
        let forged = ticket_by(world, 99, slot(world));
        let report = report(&drive_with(world, &forged).lie());
        world.send(0, &[EA], report)
    }),
    (Rule::TicketOutOfTime, |world| {
        offices(world);
        let report = report(&drive(world).lie());
        world.wait(SLOT + Duration::from_secs(3_700));
        world.send(0, &[EA], report)
    }),
];

fn report(evidence: &Evidence) -> ReportMisbehaviour {
    ReportMisbehaviour {
        evidence: evidence.to_bytes().to_vec(),
    }
}

/// What the vehicle says in this slot.
fn drive(world: &World) -> Drive {
    drive_with(world, &ticket_by(world, TICKET_KEY, slot(world)))
}

fn drive_with(world: &World, ticket: &crate::security::Ticket) -> Drive {
    let slots = world.state(0).ticket_policy().unwrap().slots();
    let credential = Credential::new(ticket.clone(), key(PSEUDONYM)).unwrap();
    Drive::new(credential, slots, world.time)
}

#[test]
fn m22_accusations_are_refused_by_the_rule_that_stops_them() {
    hold(CASES);
}

#[test]
fn m8_a_liar_is_suspended_for_a_day_on_the_word_of_its_own_messages() {
    let mut world = World::new();
    offices(&mut world);
    let accused = ticket_by(&world, TICKET_KEY, slot(&world));
    let lie = report(&drive(&world).lie());
    world.apply(0, &[EA], lie);
    let order = 0;
    let given = world.state(0).order(order).unwrap();
    let until = given.ordered.saturating_add(DAY);
    assert_eq!(given.kind, OrderKind::Suspend { until });
    assert_eq!(given.state, OrderState::Open);
    assert!(given.evidence.is_some());
    let station = AccusedStation::from(&accused);
    assert_eq!(world.state(0).accusation(station), Some(&order));
    // From here on it is an order like any other.
    for member in [TA, TB] {
        world.apply(0, &[member], name(order, 1));
    }
    for (operator, authority) in [EA, LA].into_iter().zip(LinkageAuthority::BOTH) {
        let revealed = reveal(&world, order, authority, false);
        world.apply(0, &[operator], revealed);
    }
    let ended = world.state(0).order(order).unwrap();
    assert_eq!(ended.state, OrderState::Listed { entry: 0 });
    assert_eq!(lift(&mut world, order), Outcome::Applied);
}

#[test]
fn m22_a_flood_of_accusations_stops_no_honest_car_and_no_true_accusation() {
    let mut world = World::new();
    offices(&mut world);
    let honest = report(&drive(&world).truth());
    for _ in 0..100 {
        let refused = world.send(0, &[LA], honest.clone());
        assert_eq!(refused, Outcome::Refused(Rule::MisbehaviourUnproven));
    }
    assert!(world.state(0).order(0).is_none());
    let lie = report(&drive(&world).lie());
    world.apply(0, &[EA], lie);
    assert!(world.state(0).order(0).is_some());
}

#[test]
fn what_is_remembered_of_an_accusation_goes_with_its_order() {
    let mut world = World::new();
    offices(&mut world);
    let accused = ticket_by(&world, TICKET_KEY, slot(&world));
    let lie = report(&drive(&world).lie());
    world.apply(0, &[EA], lie);
    assert_eq!(lift(&mut world, 0), Outcome::Applied);
    world.wait(2 * DAY);
    ordered(&mut world, OrderKind::Revoke);
    assert!(world.state(0).order(0).is_none());
    let station = AccusedStation::from(&accused);
    assert_eq!(world.state(0).accusation(station), None);
}
