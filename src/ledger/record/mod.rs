//! What a shard's state holds: under each [`Key`] one [`Value`] of the kind that belongs to it.
//!
//! The layouts are frozen, since proofs and snapshots are over their bytes. Lists in values have a
//! bound, so that every transaction costs little whatever came before it.

mod account;
mod chain;
mod claim;
mod epoch;
mod key;
mod part;
mod tag;
mod value;
mod vehicle;
mod wear;

pub use account::{Account, NonceWindow, RoleHolder};
pub use chain::{ChainState, ChannelIn, ChannelOut, NextRules, OperatorState, ShardState};
pub use claim::{Claim, ClaimState, Policy, Recall, Remedy, SERVICES_MAX, Service, Services};
pub use epoch::{EPOCH_LAG, EpochState, NextEpoch, Seat, SeatFact};
pub use key::Key;
pub use part::{Part, PartState, Transit};
pub use tag::{Alarm, Tag, TagClaim};
pub use value::Value;
pub use vehicle::{
    Blocks, Custody, Grant, HistoryHead, Odometer, TRIPS_MAX, Tombstone, TripSpan, Trips, Vehicle,
    VehicleStatus,
};
pub use wear::{Battery, Wear};

#[cfg(test)]
mod tests;
