//! An operator that keeps to the rules, and puts all it has into a program that links tickets.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use super::town::{GROUP, Plan, Town, issuing_keys};
use crate::{
    issuing::{
        Body, LinkageSecret, Record, Seat, TicketBatch, VehicleHandle,
        body::{EscrowedSeed, LinkedTicket, SealOf, Sealed},
        chains::Chains,
        encoding::encode,
    },
    ledger::TicketHandle,
    security::{LinkageAuthority, LinkageShare, Slot, Ticket},
};

const CARS: u16 = 64;
const SLOTS: u32 = 8;
/// What is shared by more rows than this says nothing about one vehicle, which has 8 tickets.
const COMMON: usize = 6 * SLOTS as usize;

/// What one or several operators have: each row is what belongs to one ticket, at the finest that can be
/// read from disks and messages, and linkage values that can be joined with others.
#[derive(Default)]
struct Knowledge {
    rows: Vec<Vec<u8>>,
    shares: Vec<(u32, [u8; 12])>,
}

/// A ticket on the road, its slot, and whose it is, which no program may see.
struct Heard {
    ticket: Ticket,
    slot: u32,
    car: usize,
}

#[test]
fn o5_no_single_role_links_tickets_better_than_by_guessing() {
    let (town, heard) = town();
    let guessing = 1.0 / f64::from(CARS);
    let roles: [(&str, &[u16]); 4] = [
        ("enrolment authority", &[0]),
        ("linkage office", &[1]),
        ("member that coordinates", &[2]),
        ("another member", &[3]),
    ];
    for (name, operators) in roles {
        let known = knowledge(&town, operators);
        assert!(
            known.rows.len() >= heard.len(),
            "{name} has something to go by"
        );
        let linked = linked(&known, &heard);
        assert!(
            linked - guessing <= 0.01,
            "{name} links {linked:.4}, by guessing {guessing:.4}"
        );
        let placed = placed(&known, &heard);
        assert!(
            placed - guessing <= 0.01,
            "{name} links {placed:.4} by the order of what it has"
        );
    }
}

#[test]
fn o5_two_roles_together_do_link() {
    let (town, heard) = town();
    for (name, operators) in [
        ("enrolment authority and member", [0, 2]),
        ("linkage office and member", [1, 3]),
        ("both linkage authorities", [0, 1]),
    ] {
        let linked = linked(&knowledge(&town, &operators), &heard);
        assert!(linked > 0.99, "{name} link {linked:.4}");
    }
    // Two members know no more than one.
    let members = linked(&knowledge(&town, &[2, 3, 4]), &heard);
    assert!(members - 1.0 / f64::from(CARS) <= 0.01, "{members:.4}");
}

/// As many cars as a batch has at least ask for the same slots, and speak on the road.
fn town() -> (Town, Vec<Heard>) {
    let plan = Plan {
        batch_vehicles_min: CARS.into(),
        batch_wait: Duration::from_secs(60),
        ..Plan::default()
    };
    let mut town = Town::new(&plan).with_cars(CARS);
    let slots: Vec<Slot> = (0..SLOTS).map(|ahead| town.slot(ahead)).collect();
    for car in 0..usize::from(CARS) {
        town.ask(car, &slots);
    }
    town.run(Duration::from_secs(50));
    town.collect();
    let of_car = |(car, it): (usize, &super::town::Car)| {
        let heard = it.tickets.iter().map(move |credential| {
            let ticket = credential.ticket().clone();
            let slot = ticket.slot().number();
            Heard { ticket, slot, car }
        });
        heard.collect::<Vec<_>>()
    };
    let heard: Vec<_> = town.cars.iter().enumerate().flat_map(of_car).collect();
    assert_eq!(heard.len(), usize::from(CARS) * slots.len());
    assert_eq!(town.committed, 1, "all in one batch");
    (town, heard)
}

/// How often the program names the right ticket of a vehicle in another slot.
fn linked(known: &Knowledge, heard: &[Heard]) -> f64 {
    let graph = Graph::new(known, heard);
    let mut random = 1_u64;
    let mut right = 0_u32;
    let mut trials = 0_u32;
    for (own, of) in heard.iter().enumerate() {
        let all = [&graph.strong, &graph.weak].map(|joins| Graph::distances(joins, own));
        for slot in (first_slot(heard)..).take(SLOTS as usize) {
            if slot == of.slot {
                continue;
            }
            let candidates = heard.iter().enumerate().filter(|(_, it)| it.slot == slot);
            let near = |place: usize| all.each_ref().map(|distances| distances[place]);
            let nearest = candidates.clone().map(|(place, _)| near(place)).min();
            let best: Vec<_> = candidates
                .filter(|(place, _)| Some(near(*place)) == nearest)
                .collect();
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let chosen = usize::try_from(random >> 33).unwrap() % best.len();
            trials += 1;
            right += u32::from(best[chosen].1.car == of.car);
        }
    }
    f64::from(right) / f64::from(trials)
}

/// The same for a program that goes by the order in which things stand: it takes the ticket of another
/// slot that is named at the same place among those of its slot.
fn placed(known: &Knowledge, heard: &[Heard]) -> f64 {
    let keys = heard.iter().enumerate();
    let keys: BTreeMap<_, _> = keys
        .map(|(place, it)| (it.ticket.key_bytes(), place))
        .collect();
    let mut order: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for row in &known.rows {
        for window in row.windows(32) {
            if let Some(place) = keys.get(<&[u8; 32]>::try_from(window).unwrap()) {
                let places = order.entry(heard[*place].slot).or_default();
                if !places.contains(place) {
                    places.push(*place);
                }
            }
        }
    }
    let (mut right, mut trials) = (0_u32, 0_u32);
    for (slot, places) in &order {
        for (other, others) in &order {
            if slot == other {
                continue;
            }
            for (own, other) in places.iter().zip(others) {
                trials += 1;
                right += u32::from(heard[*own].car == heard[*other].car);
            }
        }
    }
    f64::from(right) / f64::from(trials.max(1))
}

fn first_slot(heard: &[Heard]) -> u32 {
    heard.iter().map(|it| it.slot).min().unwrap()
}

/// Rows and tickets, joined wherever two have eight bytes in common that are not common to many.
///
/// Where many runs are common, the join is no chance; others are tried where such ones lead nowhere.
struct Graph {
    /// Tickets first, in their order; then rows.
    strong: Vec<Vec<usize>>,
    weak: Vec<Vec<usize>>,
}

impl Graph {
    fn new(known: &Knowledge, heard: &[Heard]) -> Self {
        let of_ticket = |it: &Heard| {
            let ticket = &it.ticket;
            [ticket.as_bytes().as_slice(), ticket.digest().as_bytes()].concat()
        };
        let mut nodes: Vec<Vec<u8>> = heard.iter().map(of_ticket).collect();
        nodes.extend(known.rows.iter().cloned());
        let mut windows = windows(&nodes, 0);
        // What a ticket's linkage value leaves when one authority's half is taken out of it, where
        // that is found again.
        let first_joined = nodes.len();
        for it in heard {
            for (_, share) in known.shares.iter().filter(|(slot, _)| *slot == it.slot) {
                let half = LinkageShare::from_bytes(*share);
                let rest = half.join(&LinkageShare::from_bytes(it.ticket.linkage()));
                let (start, _) = rest.split_first_chunk::<8>().unwrap();
                let start = u64::from_be_bytes(*start);
                if windows.binary_search_by_key(&start, |it| it.0).is_ok() {
                    nodes.push([rest.as_slice(), share, &it.ticket.key_bytes()].concat());
                }
            }
        }
        windows.extend(self::windows(&nodes, first_joined));
        windows.sort_unstable();
        windows.dedup();
        let mut neighbours = vec![Vec::new(); nodes.len()];
        for group in windows.chunk_by(|a, b| a.0 == b.0) {
            if !(2..=COMMON).contains(&group.len()) {
                continue;
            }
            for (_, one) in group {
                for (_, other) in group {
                    if one != other {
                        neighbours[*one].push(*other);
                    }
                }
            }
        }
        let mut strong = Vec::new();
        for of_node in &mut neighbours {
            of_node.sort_unstable();
            let often = of_node.chunk_by(|a, b| a == b).filter(|it| it.len() >= 4);
            strong.push(often.map(|it| it[0]).collect());
            of_node.dedup();
        }
        let weak = neighbours;
        Self { strong, weak }
    }

    /// How many joins each ticket is away from one.
    fn distances(joins: &[Vec<usize>], from: usize) -> Vec<u32> {
        let mut distances = vec![u32::MAX; joins.len()];
        let mut open = VecDeque::from([from]);
        distances[from] = 0;
        while let Some(node) = open.pop_front() {
            let next = distances[node] + 1;
            if next > 8 {
                break;
            }
            for other in &joins[node] {
                if distances[*other] == u32::MAX {
                    distances[*other] = next;
                    open.push_back(*other);
                }
            }
        }
        distances
    }
}

/// All runs of eight bytes of the nodes from `first` on, sorted.
fn windows(nodes: &[Vec<u8>], first: usize) -> Vec<(u64, usize)> {
    let mut windows = Vec::new();
    for (node, bytes) in nodes.iter().enumerate().skip(first) {
        for window in bytes.windows(8) {
            windows.push((u64::from_be_bytes(window.try_into().unwrap()), node));
        }
    }
    windows.sort_unstable();
    windows
}

/// All that some operators have.
fn knowledge(town: &Town, operators: &[u16]) -> Knowledge {
    let mut known = Knowledge::default();
    for seat in town
        .desks
        .keys()
        .filter(|it| operators.contains(&it.operator))
    {
        for record in town.records(*seat) {
            rows_of_record(&record, &mut known.rows);
        }
        for bytes in town.seen.get(seat).unwrap() {
            let body: Body = borsh::from_slice(bytes).unwrap();
            rows_of_body(town, *seat, &body, &mut known);
        }
        seeds_of(town, *seat, &mut known);
    }
    known
}

fn rows_of_record(record: &Record, rows: &mut Vec<Vec<u8>>) {
    match record {
        Record::Floor { .. } | Record::Failed { .. } => {}
        Record::Requested(request) => {
            for ticket in &request.tickets {
                let of_car = (request.token, request.vehicle, request.response_key);
                rows.push(encode(&(of_car, ticket)));
            }
        }
        Record::Minted { tickets, .. } => rows.extend(tickets.iter().map(encode)),
        Record::Linked { slots, .. } => rows.extend(slots.iter().map(encode)),
        Record::Taken { tickets, .. } => rows.extend(tickets.iter().map(encode)),
        Record::Kept { seeds, .. } => rows.extend(seeds.iter().map(encode)),
    }
}

fn rows_of_body(town: &Town, seat: Seat, body: &Body, known: &mut Knowledge) {
    let rows = &mut known.rows;
    match body {
        Body::Link(request) => rows.extend(request.tickets.iter().map(encode)),
        Body::Deposit(deposit) => {
            let of = SealOf {
                chain: town.facts.chain,
                group: deposit.group,
                batch: deposit.batch,
            };
            rows.extend(deposit.first.iter().map(encode));
            let keys = issuing_keys(seat);
            let office = town.facts.seats.get(&deposit.second.from).unwrap();
            let senders = office.at(town.now.timestamp);
            let own = (seat.operator, &keys);
            let second: Option<Vec<EscrowedSeed>> =
                deposit.second.open(of, Sealed::Escrow, senders, own);
            rows.extend(second.unwrap().iter().map(encode));
        }
        Body::Batch(batch) => rows_of_batch(town, seat, batch, known),
        Body::Minted(minted) => rows.extend(minted.tickets.iter().map(encode)),
        Body::Prepared(prepared) => {
            let of_place = (0_u32..).zip(&prepared.commitments);
            rows.extend(of_place.map(|it| encode(&it)));
        }
        Body::Sign(order) => {
            for (_, commitments) in &order.commitments {
                rows.extend((0_u32..).zip(commitments).map(|it| encode(&it)));
            }
        }
        Body::Signed(signed) => rows.extend((0_u32..).zip(&signed.shares).map(|it| encode(&it))),
        Body::Taken(taken) => rows.extend(taken.tickets.iter().map(encode)),
        Body::Approve(order) => {
            let signatures = (0_u32..).zip(&order.signatures);
            rows.extend(signatures.map(|it| encode(&it)));
        }
        Body::Linked(_)
        | Body::Deposited(_)
        | Body::Approved(_)
        | Body::Mint(_)
        | Body::Minting(_)
        | Body::Received(_)
        | Body::Prepare(_)
        | Body::Release(_)
        | Body::Released(_)
        | Body::Refused(_) => {}
    }
}

/// What a member opens of a batch, with the ticket that follows from it.
fn rows_of_batch(town: &Town, seat: Seat, batch: &TicketBatch, known: &mut Knowledge) {
    let of = SealOf {
        chain: town.facts.chain,
        group: GROUP,
        batch: batch.batch,
    };
    let keys = issuing_keys(seat);
    let office = town.facts.seats.get(&batch.second.from).unwrap();
    let own = (seat.operator, &keys);
    let senders = office.at(town.now.timestamp);
    let second: Option<Vec<LinkedTicket>> = batch.second.open(of, Sealed::Linkage, senders, own);
    for (ticket, second) in batch.tickets.iter().zip(second.unwrap()) {
        let wish = ticket
            .blob
            .open(of.chain, GROUP, seat.operator, &keys)
            .unwrap();
        known.rows.push(encode(&(ticket, &second, &wish)));
        known.shares.push((ticket.slot, ticket.share));
        known.shares.push((ticket.slot, second.share));
    }
}

/// What a linkage authority makes of its secret for all handles that it knows.
fn seeds_of(town: &Town, seat: Seat, known: &mut Knowledge) {
    let (authority, secret) = match seat.operator {
        0 => (LinkageAuthority::First, [1; 32]),
        1 => (LinkageAuthority::Second, [2; 32]),
        _ => return,
    };
    let mut chains = Chains::new(authority, LinkageSecret::from_bytes(secret));
    let mut named: BTreeSet<(TicketHandle, VehicleHandle, u32)> = BTreeSet::new();
    // The enrolment authority makes the handles that the office keeps.
    for record in town.records(Seat::first(1)) {
        if let Record::Linked { slots, .. } = record {
            named.extend(slots.iter().map(|it| (it.handle, it.vehicle, it.slot)));
        }
    }
    let origin = town.facts.origin;
    for (handle, vehicle, number) in named {
        let slot = Slot::from_number(number);
        let seed = chains.seed(vehicle, slot, (origin, origin)).unwrap();
        let share = *seed.share(authority, slot).as_bytes();
        known.shares.push((number, share));
        let row = encode(&(handle, vehicle, *seed.to_bytes(), share));
        known.rows.push(row);
    }
}
