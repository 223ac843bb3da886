use super::{Case, hold, offices::*, world::*};
use crate::{
    evidence::sample::{Drive, at},
    ledger::{
        AccusedStation, BelieveWitnesses, IssuingFacts, OrderKind, Outcome, Rule, StateView,
        Testify, sample::key,
    },
    security::{Class, Credential, Issuer, Permissions, Ticket, TicketOrder},
};

pub(super) const CASES: &[Case] = &[
    (Rule::WitnessKnown, |world| {
        offices(world);
        testify(world, 1, ACCUSED);
        let again = testimony(world, 1, ACCUSED);
        world.send(0, &[LA], again)
    }),
    (Rule::WitnessOverQuota, |world| {
        offices(world);
        (0..3).for_each(|other| testify(world, 1, ACCUSED + other));
        let fourth = testimony(world, 1, ACCUSED + 3);
        world.send(0, &[LA], fourth)
    }),
    (Rule::WitnessesMissing, |world| {
        offices(world);
        (1..=2).for_each(|witness| testify(world, witness, ACCUSED));
        let belief = belief(world);
        world.send(0, &[LA], belief)
    }),
    (Rule::WitnessesBelieved, |world| {
        offices(world);
        (1..=3).for_each(|witness| testify(world, witness, ACCUSED));
        let belief = belief(world);
        world.apply(0, &[LA], belief.clone());
        world.send(0, &[LA], belief)
    }),
    (Rule::MisbehaviourUnproven, |world| {
        offices(world);
        let itself = testimony(world, ACCUSED, ACCUSED);
        world.send(0, &[EA], itself)
    }),
    (Rule::IssuingSignatureMissing, |world| {
        offices(world);
        let testimony = testimony(world, 1, ACCUSED);
        world.send(0, &[MAKER], testimony)
    }),
    (Rule::AccusedAlready, |world| {
        offices(world);
        (1..=3).for_each(|witness| testify(world, witness, ACCUSED));
        let belief = belief(world);
        world.apply(0, &[LA], belief.clone());
        world.apply(0, &[EA], belief.clone());
        world.send(0, &[TA], belief)
    }),
];

const ACCUSED: u8 = 20;

fn ticket(world: &World, vehicle: u8) -> Ticket {
    let facts = IssuingFacts::of_state(world.state(0), &world.genesis).unwrap();
    let domain = facts.trust_domain().unwrap();
    Issuer::new(key(TICKET_KEY), 0, &domain).issue(&TicketOrder {
        class: Class::Car,
        permissions: Permissions::TELEMETRY,
        slot: slot(world),
        linkage: [vehicle; 12],
        key: key(100 + vehicle).verifying_key(),
    })
}

fn drive(world: &World, vehicle: u8) -> Drive {
    let slots = world.state(0).ticket_policy().unwrap().slots();
    let credential = Credential::new(ticket(world, vehicle), key(100 + vehicle)).unwrap();
    Drive::new(credential, slots, world.time)
}

fn testimony(world: &World, witness: u8, accused: u8) -> Testify {
    let said = drive(world, accused).say(at(0.0, 20.0));
    let testimony = drive(world, witness).testimony(&ticket(world, accused), &said);
    Testify {
        testimony: testimony.to_bytes().to_vec(),
    }
}

fn testify(world: &mut World, witness: u8, accused: u8) {
    let testimony = testimony(world, witness, accused);
    world.apply(0, &[EA], testimony);
}

fn belief(world: &World) -> BelieveWitnesses {
    let accused = AccusedStation::from(&ticket(world, ACCUSED));
    BelieveWitnesses { accused }
}

#[test]
fn m22_testimony_is_refused_by_the_rule_that_stops_it() {
    hold(CASES);
}

#[test]
fn m22_three_vehicles_of_one_slot_and_more_operators_than_may_be_false_suspend() {
    let mut world = World::new();
    offices(&mut world);
    (1..=3).for_each(|witness| testify(&mut world, witness, ACCUSED));
    let belief = belief(&world);
    world.apply(0, &[LA], belief.clone());
    assert!(
        world.state(0).order(0).is_none(),
        "one of four may be false"
    );
    world.apply(0, &[EA], belief);
    let order = world.state(0).order(0).unwrap();
    assert!(matches!(order.kind, OrderKind::Suspend { .. }));
    assert!(world.state(0).cases().unwrap().0.is_empty());
    assert_eq!(lift(&mut world, 0), Outcome::Applied);
}

#[test]
fn m22_witnesses_of_other_minutes_do_not_add_up() {
    let mut world = World::new();
    offices(&mut world);
    for witness in 1..=3 {
        testify(&mut world, witness, ACCUSED);
        world.wait(std::time::Duration::from_secs(40));
    }
    let belief = belief(&world);
    let refused = world.send(0, &[LA], belief);
    assert_eq!(refused, Outcome::Refused(Rule::WitnessesMissing));
}

#[test]
fn m22_a_liars_flood_of_testimony_pushes_out_no_case_that_others_share() {
    let mut world = World::new();
    offices(&mut world);
    (1..=3).for_each(|witness| testify(&mut world, witness, ACCUSED));
    for witness in 30..60 {
        (60..63).for_each(|accused| {
            testify(&mut world, witness, accused + (witness - 30) % 10 * 3);
        });
    }
    let belief = belief(&world);
    world.apply(0, &[LA], belief.clone());
    world.apply(0, &[EA], belief);
    assert!(world.state(0).order(0).is_some());
}
