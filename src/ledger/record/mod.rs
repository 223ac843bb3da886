//! What a shard's state holds: under each [`Key`] one [`Value`] of the kind that belongs to it.
//!
//! The layouts are frozen, since proofs and snapshots are over their bytes. Lists in values have a
//! bound, so that every transaction costs little whatever came before it.

mod account;
mod case;
mod chain;
mod claim;
mod enrolment;
mod epoch;
mod issuing;
mod key;
mod part;
mod revocation;
mod tag;
mod value;
mod vehicle;
mod wear;

pub use account::{Account, NonceWindow, RoleHolder};
pub use case::{CASES_MAX, Case, Cases, WitnessNote};
pub use chain::{ChainState, ChannelIn, ChannelOut, NextRules, OperatorState, ShardState};
pub use claim::{Claim, ClaimState, Policy, Recall, Remedy, SERVICES_MAX, Service, Services};
pub use enrolment::{Enrolment, EnrolmentVoice};
pub use epoch::{EPOCH_LAG, EpochState, NextEpoch, Seat, SeatFact};
pub use issuing::{
    Group, Issued, IssuerEntry, Issuers, IssuingKey, IssuingKeyOwner, IssuingSeat, KeyBoard,
    NextReplicas, TicketPolicy,
};
pub use key::Key;
pub use part::{Part, PartState, Transit};
pub use revocation::{
    AgreedHandle, Failure, GivenSeed, NamedHandle, Order, OrderFailure, OrderState, Orders,
    RevocationEntry, RevocationHead,
};
pub use tag::{Alarm, Tag, TagClaim};
pub use value::Value;
pub use vehicle::{
    Blocks, Custody, Grant, HistoryHead, Odometer, TRIPS_MAX, Tombstone, TripSpan, Trips, Vehicle,
    VehicleStatus,
};
pub use wear::{Battery, Wear};

#[cfg(test)]
mod tests;
