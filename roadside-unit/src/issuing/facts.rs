use std::collections::BTreeMap;

use wayside::{
    id::VehicleId,
    issuing::{Enrolment, Seat},
    ledger::{IssuingFacts, IssuingSeat, State, StateView as _},
    time::Timestamp,
};

use super::Place;

/// What the state of a vehicle's home shard says about its tickets; `None` for one that is not enrolled.
pub(super) fn to_enrolment(state: &State, vehicle: VehicleId, now: Timestamp) -> Option<Enrolment> {
    let key = state.vehicle(vehicle)?.enrolment_key;
    Enrolment::of(state.enrolment(vehicle)?, key, now)
}

/// The doors of all who issue, with the keys by which their operators certify them.
pub(super) fn to_places(facts: &IssuingFacts) -> BTreeMap<Seat, Place> {
    let place = |((operator, replica), seat): (&(u16, u16), &IssuingSeat)| {
        let named = Seat {
            operator: *operator,
            replica: *replica,
        };
        let place = Place {
            operator: *operator,
            door: seat.door.clone(),
            cold_key: *facts.operators.get(operator)?.cold_key.as_bytes(),
        };
        Some((named, place))
    };
    facts.seats.iter().filter_map(place).collect()
}
