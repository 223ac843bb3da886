use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::town::{GROUP, Plan, Town};
use crate::{
    crypto::random_bytes,
    issuing::{
        CarAnswer, OpenedRequest, Record, SealedRequest, Seat, TicketRefusal, Token,
        request::{REQUEST_VERSION, TicketRequest, WantedTicket},
    },
    security::Slot,
};

const CARS: u16 = 100;
const SLOTS: u32 = 10;
const REQUESTS: u32 = 100_000;
/// Nobody opens what is sealed to it.
const RESPONSE_KEY: [u8; 32] = [9; 32];
const PATIENCE: Duration = Duration::from_secs(5);

/// Every car asks again and again for the same slots, with other keys each time, at both processes of
/// the enrolment authority, while these talk to the others and are started anew.
#[test]
fn m9_one_ticket_a_slot_of_a_hundred_thousand_requests_at_two_processes() {
    let plan = Plan {
        replicas: 2,
        members: 2,
        batch_vehicles_min: 8,
        batch_wait: Duration::from_secs(1),
        ..Plan::default()
    };
    let mut town = Town::new(&plan).with_cars(CARS);
    let first = town.slot(0).number();
    let wanted: Vec<_> = (0..usize::from(CARS))
        .map(|car| wanted(&town, car))
        .collect();
    let mut answers: BTreeMap<&str, u32> = BTreeMap::new();
    for number in 0..REQUESTS {
        let car = town.draw(usize::from(CARS));
        let with_other_keys = town.draw(4);
        let of_car = wanted
            .get(car)
            .and_then(|it| it.get(with_other_keys))
            .unwrap();
        let start = town.draw(of_car.len());
        let count = 1 + town.draw(2);
        let slots: Vec<_> = of_car.iter().skip(start).take(count).cloned().collect();
        let to = Seat {
            operator: 0,
            replica: u16::try_from(town.draw(2)).unwrap(),
        };
        let answer = ask(&mut town, car, to, slots);
        let answer = answer.map_or_else(|refusal| refusal.name(), |_| "accepted");
        *answers.entry(answer).or_default() += 1;
        if number % 16 == 0 {
            town.step();
        }
        if number % 5_000 == 0 {
            let replica = u16::try_from(town.draw(2)).unwrap();
            town.restart(Seat {
                operator: 0,
                replica,
            });
        }
    }
    town.run(PATIENCE);

    let signed = signed(&town);
    let pairs: u32 = u32::from(CARS) * SLOTS;
    assert!(answers.contains_key("accepted"), "{answers:?}");
    assert!(
        answers
            .get("other_writer")
            .is_some_and(|it| *it > REQUESTS / 3),
        "{answers:?}"
    );
    assert!(
        answers.get("used").is_some_and(|it| *it > REQUESTS / 3),
        "{answers:?}"
    );
    for slots in signed.values() {
        let distinct: BTreeSet<_> = slots.iter().collect();
        assert_eq!(distinct.len(), slots.len(), "never two tickets for a slot");
    }
    let count: usize = signed.values().map(Vec::len).sum();
    assert_eq!(count, pairs as usize, "and none was lost");
    at_most_two_at_an_instant(&town, &signed, first);
}

/// An enrolment authority that was put back to an older state, or runs twice, gives tickets away that it
/// gave before; the other linkage authority remembers.
#[test]
fn m9_a_forked_enrolment_authority_mints_no_second_ticket() {
    let mut town = Town::new(&Plan::default()).with_cars(1);
    let seat = Seat::first(0);
    let backup = town.journals.get(&seat).unwrap().clone();
    let slots = [town.slot(0), town.slot(1)];
    town.ask(0, &slots);
    town.run(PATIENCE);
    town.collect();
    assert_eq!(town.cars[0].tickets.len(), 2);

    town.journals.insert(seat, backup.clone());
    town.restart(seat);
    town.ask(0, &[town.slot(0), town.slot(1), town.slot(2)]);
    town.run(PATIENCE);
    town.collect();

    let slots: Vec<_> = town.cars[0]
        .tickets
        .iter()
        .map(|it| it.ticket().slot())
        .collect();
    assert_eq!(slots, [town.slot(0), town.slot(1), town.slot(2)]);
    assert_eq!(town.cars[0].failed, [town.slot(0), town.slot(1)]);

    // Whoever knows that it was put back says so, and nothing is asked of the other.
    let floor = Record::floor(GROUP, town.slot(3));
    let mut journal = backup;
    journal.push(floor.to_bytes().to_vec());
    town.journals.insert(seat, journal);
    town.restart(seat);
    let draft = town.draft(0, &[town.slot(2)]).remove(0);
    let answer = town.request(seat, &draft.sealed).unwrap();
    let answer = draft.secrets.open(town.facts.chain, draft.token, &answer);
    assert!(matches!(
        answer,
        Ok(CarAnswer::Refused(TicketRefusal::OutOfWindow))
    ));
}

/// For four sets of keys, what a car would ask for each slot.
fn wanted(town: &Town, car: usize) -> Vec<Vec<WantedTicket>> {
    let slots: Vec<Slot> = (0..SLOTS).map(|ahead| town.slot(ahead)).collect();
    let of_keys = |_| {
        let opened: Vec<_> = town.draft(car, &slots);
        let wanted = opened.iter().flat_map(|draft| {
            let sealed = SealedRequest::from_bytes(&draft.sealed).unwrap();
            let keys = super::town::issuing_keys(draft.to);
            sealed.open(town.facts.chain, &keys).unwrap().request.wanted
        });
        wanted.collect()
    };
    (0..4).map(of_keys).collect()
}

/// Asks a process for tickets, with a token of its own; one of a hundred requests is sealed, too.
fn ask(
    town: &mut Town,
    car: usize,
    to: Seat,
    wanted: Vec<WantedTicket>,
) -> Result<Token, TicketRefusal> {
    let is_sealed = town.draw(100) == 0;
    let of_car = town.cars.get(car).unwrap();
    let token = Token::from_bytes(random_bytes());
    let request = TicketRequest {
        version: REQUEST_VERSION,
        chain: town.facts.chain,
        group: GROUP,
        to,
        token,
        vehicle: of_car.vehicle,
        time: town.now.timestamp,
        response_key: RESPONSE_KEY,
        members: town.facts.issuers[0].members.clone(),
        wanted,
    };
    let opened = if is_sealed {
        let key = town.facts.sealing_key(to, town.now.timestamp).unwrap();
        let sealed = SealedRequest::seal(request, &of_car.key, &key).unwrap();
        let keys = town.desks.get(&to).unwrap().keys();
        sealed.open(town.facts.chain, keys).unwrap()
    } else {
        OpenedRequest::signed(request, &of_car.key)
    };
    let enrolment = town.enrolments.get(&opened.vehicle()).copied();
    let (facts, now) = (&town.facts, town.now);
    let authority = town.desks.get_mut(&to).unwrap().enrolment(GROUP).unwrap();
    let staged = authority.accept(&opened, enrolment.as_ref(), facts, now)?;
    town.keep(to, staged);
    Ok(token)
}

/// The slots of all bodies that the ticket authority will ever sign, by vehicle.
fn signed(town: &Town) -> BTreeMap<[u8; 16], Vec<u32>> {
    let mut vehicles = BTreeMap::new();
    for record in town.records(Seat::first(1)) {
        if let Record::Linked { slots, .. } = record {
            for slot in slots {
                vehicles.insert(slot.handle, *slot.vehicle.as_bytes());
            }
        }
    }
    let mut signed: BTreeMap<[u8; 16], BTreeMap<_, u32>> = BTreeMap::new();
    for seat in town.desks.keys().filter(|seat| seat.operator >= 2) {
        for record in town.records(*seat) {
            if let Record::Taken { tickets, .. } = record {
                for ticket in tickets {
                    let vehicle = vehicles.get(&ticket.handle).unwrap();
                    let of_vehicle = signed.entry(*vehicle).or_default();
                    of_vehicle.insert(ticket.body, ticket.slot);
                }
            }
        }
    }
    let slots =
        |(vehicle, bodies): (_, BTreeMap<_, u32>)| (vehicle, bodies.into_values().collect());
    signed.into_iter().map(slots).collect()
}

fn at_most_two_at_an_instant(town: &Town, signed: &BTreeMap<[u8; 16], Vec<u32>>, first: u32) {
    let slots = town.facts.slots;
    let begin = slots.start(Slot::from_number(first));
    for second in (0..u64::from(SLOTS) * 300).step_by(10) {
        let at = begin.saturating_add(Duration::from_secs(second));
        for of_vehicle in signed.values() {
            let valid = of_vehicle.iter().map(|it| Slot::from_number(*it));
            let valid =
                valid.filter(|it| (slots.valid_from(*it)..=slots.valid_until(*it)).contains(&at));
            assert!(valid.count() <= 2, "{second} s");
        }
    }
}
