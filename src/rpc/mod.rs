//! The words of the gRPC interface, and their meaning in values.
//!
//! A driving stack speaks SI floats, names and optional fields; everything behind this door is
//! integers that cannot hold nonsense. Whatever comes in is converted once, here, by a `TryFrom`
//! that refuses what is not finite, out of range or missing, and names the field; nothing is
//! clamped or guessed. Whatever goes out is converted by a `From` that cannot fail. Refusals become
//! `google.rpc` details in one place ([`refusal`], [`FieldError`]), so that every error of every
//! service has a reason that a program can read.
//!
//! What the words mean is written in `proto/wayside/types/v1/types.proto`. The packages are frozen:
//! a test holds every field against `proto/frozen.txt`, which may only grow.

mod area;
mod danger;
mod error;
mod event;
mod feed;
mod field;
mod generated;
mod name;
mod object;
mod on_ledger;
mod sensed;
mod state;
mod statement;
mod time;
mod traffic;
mod vehicle_record;

pub use area::area_filter;
pub use danger::{to_wire_hazard, to_wire_own_hazard};
pub use error::{
    ERROR_DOMAIN, FieldError, FieldProblem, RefusalReason, reason_of, refusal, retry_later,
};
pub use event::required_event;
pub use feed::{Moment, to_wire_hazard_event, to_wire_world_event};
pub use generated::{
    agent, hazard, issuing, ledger, record, replay, road, telemetry, types, world,
};
pub use name::{parse_hazard_id, parse_request_id, parse_station, required_action};
pub use object::to_wire_object;
pub use on_ledger::{
    parse_account, parse_shard, parse_transaction, parse_vehicle, to_wire_finalized,
    to_wire_outcome, to_wire_tip, to_wire_vehicle,
};
pub use sensed::parse_sighted;
pub use time::{
    from_wire_duration, from_wire_time, to_wire_duration, to_wire_duration_ms, to_wire_time,
};
pub use traffic::{parse_traffic_report, traffic_report};
pub use vehicle_record::{RecordContext, required_record};

#[cfg(test)]
mod tests;

/// Every schema that is compiled in, as an encoded `google.protobuf.FileDescriptorSet`; what the
/// reflection service answers from.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
