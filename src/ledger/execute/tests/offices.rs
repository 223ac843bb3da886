//! A ledger that issues tickets: its operators' offices, keys, tickets and seeds, from fixed seeds.

use std::time::Duration;

use super::world::*;
use crate::{
    crypto::Digest,
    id::{DomainId, GroupId, ShardId, VehicleId},
    ledger::{
        AccusedTicket, CertifyIssuingKey, CommitTickets, ConfirmTicketKey, Enrol, FinalizedHeader,
        IssuingFacts, LiftRevocation, NameHandle, OrderKind, OrderRevocation, Outcome, PostKeyPart,
        RULES, RevealSeed, RevealedSeed, ScheduleRules, SetEnrolment, SetGroup, SetTicketPolicy,
        SlotCount, State, StateView, TicketHandle,
        sample::{account, key},
    },
    security::{
        Class, Issuer, LinkageAuthority, LinkageSeed, Permissions, Slot, Ticket, TicketOrder,
    },
};

/// The cold key of the first operator in the sample.
pub(super) const COLD: u8 = 200;
/// All but one of four.
pub(super) const QUORUM: &[u8] = &[COLD, COLD + 1, COLD + 2];
/// The issuing key of the operator with index `n` is `ISSUING + n`.
pub(super) const ISSUING: u8 = 60;
/// The operator that enrols.
pub(super) const EA: u8 = ISSUING;
/// The second linkage authority.
pub(super) const LA: u8 = ISSUING + 1;
/// A member of the ticket authority.
pub(super) const TA: u8 = ISSUING + 2;
/// The other member.
pub(super) const TB: u8 = ISSUING + 3;
/// Signs tickets.
pub(super) const TICKET_KEY: u8 = 70;
/// The key of a ticket.
pub(super) const PSEUDONYM: u8 = 71;
pub(super) const GROUP: GroupId = GroupId(0);
pub(super) const SLOT: Duration = Duration::from_secs(300);
/// How many slots vehicles have tickets for in advance.
pub(super) const PRELOAD: u32 = 4;
/// The vehicle's seeds in the first slot of the tests.
const SEEDS: [[u8; 32]; 2] = [[31; 32], [32; 32]];

/// A ledger where everything is ready to issue tickets.
pub(super) fn offices(world: &mut World) {
    policy_only(world);
    world.apply(0, QUORUM, group());
    for operator in 0..4 {
        let certified = certify(world, operator, 0, ISSUING + operator);
        let cold = cold_key(world, operator);
        world.apply(0, &[cold], certified);
    }
    for member in [TA, TB] {
        let confirmed = confirm(world, 0, TICKET_KEY);
        world.apply(0, &[member], confirmed);
    }
    world.settle();
}

/// The same without groups, seats and keys.
pub(super) fn policy_only(world: &mut World) {
    rules(world);
    world.apply(0, QUORUM, policy());
}

/// A ledger that knows who issues tickets, in all shards.
pub(super) fn rules(world: &mut World) {
    for shard in 0..3 {
        let scheduled = ScheduleRules {
            shard: ShardId(shard),
            rules: RULES,
            height: 0,
        };
        world.apply(0, QUORUM, scheduled);
    }
    world.settle();
    for shard in 0..3 {
        world.block(shard, Vec::new()).unwrap();
        assert_eq!(world.state(shard).chain().unwrap().rules, RULES);
    }
}

pub(super) fn policy() -> SetTicketPolicy {
    SetTicketPolicy {
        domain: DomainId(7),
        slot_length_s: 300,
        preload_slots: PRELOAD,
        batch_vehicles_min: 64,
        batch_wait_ms: 60_000,
    }
}

pub(super) fn group() -> SetGroup {
    SetGroup {
        group: GROUP,
        enrolment: 0,
        linkage: 1,
        members: vec![2, 3],
        threshold: 2,
        replicas: 1,
    }
}

/// The number of the cold key of the operator with an index.
pub(super) fn cold_key(world: &World, operator: u8) -> u8 {
    let state = world.state(0).operator(operator.into()).unwrap();
    let mut numbers = (COLD..=255).chain(80..100);
    numbers
        .find(|number| who(*number) == state.cold_key)
        .unwrap()
}

/// All operators' cold keys but one's.
pub(super) fn others(world: &World, operator: u8) -> Vec<u8> {
    let left_out = cold_key(world, operator);
    (COLD..COLD + 4).filter(|it| *it != left_out).collect()
}

pub(super) fn certify(world: &World, operator: u8, replica: u16, number: u8) -> CertifyIssuingKey {
    CertifyIssuingKey {
        operator: operator.into(),
        replica,
        key: who(number),
        door: "127.0.0.1:7446".to_owned(),
        from: world.time,
        until: world.time.saturating_add(90 * DAY),
    }
}

pub(super) fn confirm(world: &World, ceremony: u32, number: u8) -> ConfirmTicketKey {
    // A moment that does not depend on when a member confirms.
    let from = world.genesis.created;
    ConfirmTicketKey {
        group: GROUP,
        ceremony,
        key: who(number),
        from,
        until: from.saturating_add(60 * DAY),
    }
}

pub(super) fn part(ceremony: u32, round: u8) -> PostKeyPart {
    PostKeyPart {
        group: GROUP,
        ceremony,
        round,
        part: vec![round; 100],
    }
}

pub(super) fn commit(slots: &[(u32, u32)]) -> CommitTickets {
    let slots = slots.iter();
    CommitTickets {
        group: GROUP,
        slots: slots
            .map(|(slot, tickets)| SlotCount {
                slot: *slot,
                tickets: *tickets,
            })
            .collect(),
        root: Digest::from_bytes([5; 32]),
    }
}

/// The slot of the next block.
pub(super) fn slot(world: &World) -> Slot {
    let policy = world.state(0).ticket_policy().unwrap();
    policy.slot_at(world.time)
}

/// A seed of the vehicle in a slot.
pub(super) fn seed(world: &World, authority: LinkageAuthority, at: Slot) -> LinkageSeed {
    let origin = world.state(0).ticket_policy().unwrap().origin();
    let [first, second] = SEEDS;
    let first = match authority {
        LinkageAuthority::First => first,
        LinkageAuthority::Second => second,
    };
    let first = LinkageSeed::from_bytes(first);
    first.advanced(authority, origin, at).unwrap()
}

/// The linkage value of the vehicle's ticket of a slot.
pub(super) fn linkage(world: &World, at: Slot) -> [u8; 12] {
    let [first, second] =
        LinkageAuthority::BOTH.map(|authority| seed(world, authority, at).share(authority, at));
    first.join(&second)
}

/// A ticket of the vehicle, signed with the key of a number under the id 0.
pub(super) fn ticket_by(world: &World, number: u8, at: Slot) -> Ticket {
    let facts = IssuingFacts::of_state(world.state(0), &world.genesis).unwrap();
    let domain = facts.trust_domain().unwrap();
    Issuer::new(key(number), 0, &domain).issue(&TicketOrder {
        class: Class::Car,
        permissions: Permissions::TELEMETRY,
        slot: at,
        linkage: linkage(world, at),
        key: key(PSEUDONYM).verifying_key(),
    })
}

/// An order against the vehicle, whose ticket is of the current slot.
pub(super) fn accuse(world: &World, kind: OrderKind) -> OrderRevocation {
    accuse_ticket(&ticket_by(world, TICKET_KEY, slot(world)), kind)
}

pub(super) fn accuse_ticket(ticket: &Ticket, kind: OrderKind) -> OrderRevocation {
    OrderRevocation {
        ticket: AccusedTicket::from(ticket),
        kind,
        reason: label("jammer"),
        evidence: Some(Digest::from_bytes([8; 32])),
    }
}

pub(super) fn name(order: u64, handle: u8) -> NameHandle {
    NameHandle {
        order,
        handle: TicketHandle::from_bytes([handle; 16]),
    }
}

/// The true seed for an order, or another one.
pub(super) fn reveal(
    world: &World,
    order: u64,
    authority: LinkageAuthority,
    lie: bool,
) -> RevealSeed {
    let at = accused(world, order).slot();
    let seed = *seed(world, authority, at).to_bytes();
    let seed = if lie { [99; 32] } else { seed };
    RevealSeed {
        order,
        authority,
        seed: RevealedSeed::from_bytes(seed),
    }
}

pub(super) fn accused(world: &World, order: u64) -> Ticket {
    world
        .state(0)
        .order(order)
        .unwrap()
        .ticket
        .ticket()
        .unwrap()
}

/// Orders that the vehicle's tickets count no more; returns the order's number.
pub(super) fn ordered(world: &mut World, kind: OrderKind) -> u64 {
    let order = accuse(world, kind);
    world.apply(0, QUORUM, order);
    world.state(0).order_numbers().unwrap().next - 1
}

/// The same, with the handle settled.
pub(super) fn named(world: &mut World, kind: OrderKind) -> u64 {
    let order = ordered(world, kind);
    for member in [TA, TB] {
        world.apply(0, &[member], name(order, 1));
    }
    order
}

/// The same, with the tickets listed; each is of a slot of its own.
pub(super) fn listed(world: &mut World, kind: OrderKind) -> u64 {
    let order = named(world, kind);
    for (operator, authority) in [EA, LA].into_iter().zip(LinkageAuthority::BOTH) {
        let revealed = reveal(world, order, authority, false);
        world.apply(0, &[operator], revealed);
    }
    order
}

pub(super) fn lift(world: &mut World, order: u64) -> Outcome {
    world.send(0, QUORUM, LiftRevocation { order })
}

/// Vehicle 1 of shard 1, enrolled.
pub(super) fn enrolled(world: &mut World) -> VehicleId {
    let vehicle = world.car(1, 1);
    world.apply(
        1,
        &[CAR + 1, EA],
        Enrol {
            vehicle,
            group: GROUP,
        },
    );
    vehicle
}

pub(super) fn set(vehicle: VehicleId, status: crate::ledger::EnrolmentStatus) -> SetEnrolment {
    SetEnrolment { vehicle, status }
}

/// The newest state of shard 0, with its header.
pub(super) fn newest(world: &World) -> (State, FinalizedHeader) {
    let height = world.shards[&ShardId(0)].header.height;
    (world.state_at(0, height), world.finalized(0, height))
}

pub(super) fn pseudonym() -> crate::ledger::AccountKey {
    account(PSEUDONYM)
}
