use std::{collections::BTreeSet, time::Duration};

use super::town::{GROUP, Plan, Town};
use crate::{
    issuing::{
        Body, OperatorRefusal, Seat,
        dissolve::{DEPOSITS_MAX, OPEN_MAX},
    },
    security::Slot,
};

const PATIENCE: Duration = Duration::from_secs(60);
const SLOT: Duration = Duration::from_secs(300);

#[test]
fn slots_that_pass_while_members_are_away_cost_the_others_nothing() {
    let mut town = Town::new(&Plan::default()).with_cars(1);
    town.down.extend([2, 3]);
    let (passing, later) = (town.slot(0), town.slot(5));
    town.ask(0, &[passing, later]);
    town.run(PATIENCE);

    town.now = town.now.after(SLOT * 3);
    town.down.clear();
    town.run(PATIENCE);
    town.collect();

    let slots: Vec<Slot> = tickets(&town, 0);
    assert_eq!(slots, [later]);
    assert_eq!(town.cars[0].failed, [passing]);
    assert!(deals(&town) <= 2, "custodians have room for few deals");
}

#[test]
fn slots_that_are_over_are_not_asked_for_after_a_restart() {
    let mut town = Town::new(&Plan::default()).with_cars(1);
    town.down.insert(1);
    let passing = town.slot(0);
    town.ask(0, &[passing]);
    town.run(PATIENCE);

    town.now = town.now.after(SLOT * 3);
    town.restart(Seat::first(0));
    town.down.clear();
    town.run(PATIENCE);
    town.collect();

    assert_eq!(heard(&town, 1, |it| matches!(it, Body::Link(_))), 0);
    assert_eq!(town.cars[0].failed, [passing]);
}

#[test]
fn what_too_many_members_refuse_is_dealt_anew_more_and_more_rarely() {
    let mut town = Town::new(&Plan::default()).with_cars(1);
    town.meddle = Some(|by, body| {
        if let (3 | 4, Body::Taken(_)) = (by.operator, &*body) {
            *body = Body::Refused(OperatorRefusal::BadLinkage);
        }
    });
    town.ask(0, &[town.slot(5)]);
    town.run(Duration::from_secs(600));
    let dealt = deals(&town);
    assert!((3..=8).contains(&dealt), "{dealt} times in ten minutes");

    town.meddle = None;
    town.run(Duration::from_secs(600));
    town.collect();
    assert_eq!(town.cars[0].tickets.len(), 1);
}

#[test]
fn one_member_that_refuses_everything_costs_no_slot_while_another_is_away() {
    let mut town = Town::new(&Plan::default()).with_cars(2);
    town.down.insert(4);
    town.meddle = Some(|by, body| {
        if let (3, Body::Taken(taken)) = (by.operator, body) {
            taken.tickets.clear();
        }
    });
    town.ask(0, &[town.slot(5)]);
    town.ask(1, &[town.slot(6)]);
    town.run(PATIENCE);
    assert!(deals(&town) <= 2, "nobody else is asked in vain");

    town.down.clear();
    town.run(PATIENCE);
    town.collect();
    for car in &town.cars {
        assert_eq!((car.tickets.len(), car.failed.len()), (1, 0));
    }
}

#[test]
fn while_a_peer_is_away_few_batches_wait_for_it() {
    let mut town = Town::new(&Plan::default()).with_cars(60);
    town.down.insert(1);
    for car in 0..60 {
        town.ask(car, &[town.slot(1)]);
        while town.step() {}
    }
    let desk = town.desks.get_mut(&Seat::first(0)).unwrap();
    let open = desk.enrolment(GROUP).unwrap().open_batches(0);
    assert!(open <= OPEN_MAX, "{open} batches");

    town.down.clear();
    town.run(PATIENCE);
    town.collect();
    assert!(town.cars.iter().all(|car| car.tickets.len() == 1));
}

#[test]
fn deposits_for_a_custodian_that_stays_away_are_let_go_of() {
    let mut town = Town::new(&Plan::default()).with_cars(1);
    town.down.insert(4);
    for ahead in 0..80 {
        town.ask(0, &[town.slot(ahead)]);
        while town.step() {}
    }
    let desk = town.desks.get_mut(&Seat::first(0)).unwrap();
    let kept = desk.enrolment(GROUP).unwrap().batches.0.len();
    assert!(kept <= DEPOSITS_MAX, "{kept} batches");
    town.collect();
    assert_eq!(town.cars[0].tickets.len(), 80);
}

fn tickets(town: &Town, car: usize) -> Vec<Slot> {
    let tickets = town.cars[car].tickets.iter();
    tickets.map(|it| it.ticket().slot()).collect()
}

/// How often the seeds of the ticket that was dealt most were.
fn deals(town: &Town) -> usize {
    let mut batches = BTreeSet::new();
    for bytes in town.seen.get(&Seat::first(2)).unwrap() {
        if let Ok(Body::Deposit(deposit)) = borsh::from_slice(bytes) {
            batches.insert(deposit.batch);
        }
    }
    batches.len()
}

/// How many such messages an operator has read.
fn heard(town: &Town, operator: u16, is_such: impl Fn(&Body) -> bool) -> usize {
    let seen = town.seen.get(&Seat::first(operator)).unwrap().iter();
    let bodies = seen.map(|it| borsh::from_slice(it).unwrap());
    bodies.filter(|it| is_such(it)).count()
}
