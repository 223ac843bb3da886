use std::{collections::BTreeSet, time::Duration};

use super::town::{GROUP, Plan, Town};
use crate::{
    issuing::{
        Body, CarAnswer, ReleaseOrder, Seat, SeatKey, SeatKeys, SeedRecovery, TicketRefusal,
    },
    ledger::TicketHandle,
    security::{LinkageAuthority, RevokedSeries, Slot, Ticket},
};

const PATIENCE: Duration = Duration::from_secs(5);

#[test]
fn tickets_come_the_whole_way() {
    let mut town = Town::new(&Plan::default()).with_cars(2);
    let slots = [town.slot(0), town.slot(1), town.slot(2)];
    town.ask(0, &slots);
    town.ask(1, &slots);

    town.run(PATIENCE);
    town.collect();

    for car in &town.cars {
        let of: Vec<Slot> = car.tickets.iter().map(|it| it.ticket().slot()).collect();
        assert_eq!(
            of, slots,
            "one ticket for each slot, believed by the domain"
        );
    }
    assert!(town.committed > 0);
    let linkage: BTreeSet<_> = town
        .cars
        .iter()
        .flat_map(|car| car.tickets.iter().map(|it| it.ticket().linkage()))
        .collect();
    assert_eq!(linkage.len(), 6, "no two tickets look alike");
}

#[test]
fn a_member_that_signs_alone_makes_the_same_tickets() {
    let plan = Plan {
        members: 1,
        threshold: 1,
        ..Plan::default()
    };
    let mut town = Town::new(&plan).with_cars(1);
    town.ask(0, &[town.slot(0), town.slot(5)]);

    town.run(PATIENCE);
    town.collect();

    assert_eq!(town.cars[0].tickets.len(), 2);
}

#[test]
fn revealed_seeds_tell_all_later_tickets_of_the_vehicle_and_no_others() {
    let mut town = Town::new(&Plan::default()).with_cars(2);
    let slots: Vec<Slot> = (0..4).map(|ahead| town.slot(ahead)).collect();
    town.ask(0, &slots);
    town.ask(1, &slots);
    town.run(PATIENCE);
    town.collect();
    let accused = town.cars[0].tickets[1].ticket().clone();

    let handle = named(&town, &accused);
    let (facts, now) = (&town.facts, town.now);
    let first = town.desks.get_mut(&Seat::first(0)).unwrap();
    let (slot, first) = first.first_seed(handle, facts, now).unwrap();
    let second = town.desks.get_mut(&Seat::first(1)).unwrap();
    let (_, second) = second.second_seed(handle, facts, now).unwrap();

    assert_eq!(slot, accused.slot());
    let series = RevokedSeries {
        slot_from: slot,
        slot_until: town.slot(10),
        seeds: [*first.to_bytes(), *second.to_bytes()],
    };
    for (car, is_accused) in [(0, true), (1, false)] {
        for credential in &town.cars[car].tickets {
            let ticket = credential.ticket();
            let is_told = series.linkage_at(ticket.slot()) == Some(ticket.linkage());
            let is_later = ticket.slot() >= slot;
            assert_eq!(is_told, is_accused && is_later, "{ticket:?}");
        }
    }
}

#[test]
fn l19_custodians_give_back_seeds_that_both_authorities_refuse() {
    let mut town = Town::new(&Plan::default()).with_cars(1);
    town.ask(0, &[town.slot(0)]);
    town.run(PATIENCE);
    town.collect();
    let accused = town.cars[0].tickets[0].ticket().clone();
    let handle = named(&town, &accused);
    let orders = [false, true].map(|is_second| ReleaseOrder { handle, is_second });

    // Before the ledger orders it, nobody releases anything.
    let asker = Seat::first(3);
    for order in orders {
        town.desks
            .get_mut(&asker)
            .unwrap()
            .ask_release(order, &town.facts);
    }
    town.run(PATIENCE);
    assert!(
        town.desks
            .get_mut(&asker)
            .unwrap()
            .poll_released()
            .is_none()
    );

    // One of five is away, and one lies: four of five would do, so the lie has to be found.
    for desk in town.desks.values_mut() {
        desk.handle_orders(orders.into());
    }
    let recovered = |town: &mut Town| {
        for order in orders {
            let desk = town.desks.get_mut(&asker).unwrap();
            desk.ask_release(order, &town.facts);
        }
        town.run(PATIENCE);
        let mut recovery = SeedRecovery::new(&accused, [None, None]);
        let mut came = 0;
        while let Some((from, released)) = town.desks.get_mut(&asker).unwrap().poll_released() {
            came += 1;
            recovery.handle_released(from, &released);
        }
        (recovery.find(), came)
    };
    town.down.insert(4);
    let (found, came) = recovered(&mut town);
    assert_eq!(came, 8, "four custodians, two seeds");
    let [first, second] = found.expect("four of five shares are enough");
    let joined = first
        .share(LinkageAuthority::First, accused.slot())
        .join(&second.share(LinkageAuthority::Second, accused.slot()));
    assert_eq!(joined, accused.linkage());

    town.down.insert(2);
    let (found, came) = recovered(&mut town);
    assert_eq!(
        (found.is_none(), came),
        (true, 6),
        "three of five say nothing"
    );

    town.down.clear();
    town.meddle = Some(|by, body| {
        if let (2, Body::Released(released)) = (by.operator, body) {
            for (_, share) in &mut released.shares {
                share[7] ^= 1;
            }
        }
    });
    let (found, came) = recovered(&mut town);
    assert_eq!(came, 10);
    assert!(found.is_some(), "a false share among five is passed over");
}

#[test]
fn a_key_that_begins_while_tickets_are_made_signs_them() {
    for steps in [0, 3, 8, 12] {
        let mut town = Town::new(&Plan::default()).with_cars(1);
        town.ask(0, &[town.slot(0), town.slot(1)]);
        for _ in 0..steps {
            town.step();
        }
        town.add_issuer();
        town.run(Duration::from_secs(60));
        town.collect();
        assert_eq!(town.cars[0].tickets.len(), 2, "after {steps} steps");
    }
}

#[test]
fn m9_a_withdrawn_key_s_tickets_are_made_anew_once_and_no_others() {
    let mut town = Town::new(&Plan::default()).with_cars(1);
    let slot = town.slot(5);
    town.ask(0, &[slot]);
    town.run(PATIENCE);
    town.collect();
    let old = town.cars[0].tickets.remove(0).ticket().clone();

    // Another key is there, and the first one counts still.
    town.add_issuer();
    assert_eq!(refused(&mut town, slot), Some(TicketRefusal::Used));

    town.facts.issuers.remove(0);
    assert!(town.domain().admit(&old).is_err());
    town.ask(0, &[slot, town.slot(6)]);
    assert_eq!(refused(&mut town, slot), Some(TicketRefusal::Used));
    town.run(PATIENCE);
    town.collect();
    let slots = town.cars[0].tickets.iter();
    let slots: Vec<_> = slots.map(|it| it.ticket().slot()).collect();
    assert_eq!(slots, [slot, town.slot(6)]);
    let new = town.cars[0].tickets[0].ticket().clone();
    assert!(town.domain().admit(&new).is_ok());
    assert_eq!(
        new.linkage(),
        old.linkage(),
        "one vehicle to whoever hears both"
    );
    assert_eq!(named(&town, &new), named(&town, &old));

    // Neither a restart nor compaction lets anybody forget it.
    for seat in [0, 1, 2, 3, 4].map(Seat::first) {
        town.restart(seat);
        let (facts, now) = (&town.facts, town.now);
        let records = town.desks.get_mut(&seat).unwrap().compact(facts, now);
        let bytes = records.iter().map(|it| it.to_bytes().to_vec());
        town.journals.insert(seat, bytes.collect());
        town.restart(seat);
    }
    assert_eq!(refused(&mut town, slot), Some(TicketRefusal::Used));
    assert_eq!(named(&town, &new), named(&town, &old));
}

#[test]
fn one_operator_without_a_key_that_counts_stops_nothing() {
    for lapsed in [2, 3, 4] {
        let mut town = Town::new(&Plan::default()).with_cars(2);
        let keys = town.facts.seats.remove(&Seat::first(lapsed)).unwrap();
        let ended = SeatKeys(
            keys.0
                .iter()
                .map(|it| SeatKey {
                    until: it.from,
                    ..*it
                })
                .collect(),
        );
        town.facts.seats.insert(Seat::first(lapsed), ended);
        town.ask(0, &[town.slot(0)]);
        town.facts.seats.insert(Seat::first(lapsed), keys);
        town.ask(1, &[town.slot(1)]);
        town.run(Duration::from_secs(60));
        town.collect();
        let count: usize = town.cars.iter().map(|it| it.tickets.len()).sum();
        assert_eq!(count, 2, "{lapsed} had no key while the first car asked");

        let mut town = Town::new(&Plan::default()).with_cars(1);
        town.facts.seats.remove(&Seat::first(lapsed));
        town.ask(0, &[town.slot(0)]);
        town.run(PATIENCE);
        town.collect();
        assert_eq!(town.cars[0].tickets.len(), 1, "without {lapsed}");
    }
}

#[test]
fn custodians_are_those_whose_keys_count_while_only_few_have_none() {
    let mut town = Town::new(&Plan::default());
    let named = |town: &Town| {
        let custodians = town.facts.custodians(town.now.timestamp)?;
        Some(custodians.iter().map(|(it, _)| *it).collect::<Vec<_>>())
    };
    assert_eq!(named(&town), Some(vec![0, 1, 2, 3, 4]));

    let end = |town: &mut Town, operator| {
        let keys = town.facts.seats.get_mut(&Seat::first(operator)).unwrap();
        keys.0.clear();
    };
    end(&mut town, 3);
    assert_eq!(named(&town), Some(vec![0, 1, 2, 4]));
    end(&mut town, 2);
    assert_eq!(named(&town), None, "three of five are too few");
}

/// Why a car gets no ticket of a slot.
fn refused(town: &mut Town, slot: Slot) -> Option<TicketRefusal> {
    let draft = town.draft(0, &[slot]).remove(0);
    let answer = town.request(draft.to, &draft.sealed).unwrap();
    let answer = draft.secrets.open(town.facts.chain, draft.token, &answer);
    match answer.unwrap() {
        CarAnswer::Refused(refusal) => Some(refusal),
        CarAnswer::Accepted { .. } | CarAnswer::Collected { .. } => None,
    }
}

/// What all members that signed a ticket call it.
fn named(town: &Town, ticket: &Ticket) -> TicketHandle {
    let names = town.desks.values().filter_map(|it| it.handle_of(ticket));
    let names: Vec<_> = names.collect();
    assert!(names.len() >= 2, "as many as sign know it");
    assert!(names.iter().all(|it| it == &names[0]));
    assert!(town.facts.groups.contains_key(&GROUP));
    names[0]
}
