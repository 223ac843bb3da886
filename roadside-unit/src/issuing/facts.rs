use std::collections::BTreeMap;
use std::time::Duration;

use wayside::{
    id::VehicleId,
    issuing::{
        Enrolment, EnrolmentStatus, Facts, IssuingGroup, Seat, SeatKey, SeatKeys, TicketIssuer,
    },
    ledger::{self, IssuingFacts, IssuingKey, IssuingSeat, OperatorStatus, State, StateView as _},
    security::Slot,
    time::Timestamp,
};

/// What the ledger says, in the form in which the offices need it; keys that nobody may sign with, which
/// the ledger takes from nobody, are passed over.
pub(super) fn to_facts(facts: &IssuingFacts) -> Facts {
    let policy = &facts.policy;
    let takes_part = |operator: u16| {
        let operator = facts.operators.get(&operator);
        operator.is_some_and(|it| it.status == OperatorStatus::Active)
    };
    let seats = facts.seats.iter().filter(|((it, _), _)| takes_part(*it));
    let groups = facts.groups.iter();
    Facts {
        chain: facts.chain,
        domain: policy.domain,
        slots: policy.slots(),
        origin: policy.origin(),
        preload_slots: policy.preload_slots,
        batch_vehicles_min: policy.batch_vehicles_min,
        batch_wait: Duration::from_millis(policy.batch_wait_ms.into()),
        groups: groups.map(|(id, group)| (*id, to_group(group))).collect(),
        seats: seats.map(to_seat).collect(),
        issuers: facts.issuers.iter().filter_map(to_issuer).collect(),
    }
}

fn to_group(group: &ledger::Group) -> IssuingGroup {
    let next = group.next_replicas.as_ref();
    let next = next.map(|it| (Slot::from_number(it.from_slot), it.replicas));
    let now = (Slot::from_number(0), group.replicas);
    IssuingGroup {
        enrolment: group.enrolment,
        linkage: group.linkage,
        replicas: [now].into_iter().chain(next).collect(),
    }
}

fn to_seat((place, seat): (&(u16, u16), &IssuingSeat)) -> (Seat, SeatKeys) {
    let (operator, replica) = *place;
    let keys = [Some(seat.current), seat.previous].into_iter().flatten();
    let keys = keys.filter_map(|IssuingKey { key, from, until }| {
        let key = key.admit().ok()?;
        Some(SeatKey { key, from, until })
    });
    (Seat { operator, replica }, SeatKeys(keys.collect()))
}

fn to_issuer(issuer: &ledger::IssuerEntry) -> Option<TicketIssuer> {
    Some(TicketIssuer {
        id: issuer.id,
        group: issuer.group,
        key: issuer.key.admit().ok()?,
        from: issuer.from,
        until: issuer.until,
        members: issuer.members.clone(),
        threshold: issuer.threshold,
    })
}

/// What the state of a vehicle's home shard says about its tickets; `None` for one that is not enrolled.
pub(super) fn to_enrolment(state: &State, vehicle: VehicleId, now: Timestamp) -> Option<Enrolment> {
    let enrolment = state.enrolment(vehicle)?;
    let status = match enrolment.status_at(now) {
        ledger::EnrolmentStatus::Active => EnrolmentStatus::Active,
        ledger::EnrolmentStatus::Suspended { .. } => EnrolmentStatus::Suspended,
        ledger::EnrolmentStatus::Revoked => EnrolmentStatus::Revoked,
    };
    Some(Enrolment {
        key: state.vehicle(vehicle)?.enrolment_key.admit().ok()?,
        group: enrolment.group,
        status,
        first_slot: Slot::from_number(enrolment.first_slot),
        generation: enrolment.generation_at(now),
    })
}

/// The doors of all who issue, with the keys by which their operators certify them.
pub(super) fn to_places(facts: &IssuingFacts) -> BTreeMap<Seat, super::Place> {
    let place = |((operator, replica), seat): (&(u16, u16), &IssuingSeat)| {
        let cold_key = facts.operators.get(operator)?.cold_key;
        let place = super::Place {
            operator: *operator,
            door: seat.door.clone(),
            cold_key: *cold_key.as_bytes(),
        };
        Some((
            Seat {
                operator: *operator,
                replica: *replica,
            },
            place,
        ))
    };
    facts.seats.iter().filter_map(place).collect()
}
