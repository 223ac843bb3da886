use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::{
    crypto::Digest,
    ledger::{AccusedTicket, Label, RevealedSeed, TicketHandle},
    security::LinkageAuthority,
    time::Timestamp,
};

/// All tickets of the vehicle that has this one shall count no more, from this one's slot on.
///
/// In shard 0, signed by a quorum of operators with cold or issuing keys.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OrderRevocation {
    /// A ticket of the vehicle, as it was seen on the road.
    pub ticket: AccusedTicket,
    /// For how long.
    pub kind: OrderKind,
    /// Why.
    pub reason: Label,
    /// A digest of what shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Digest>,
}

/// For how long a vehicle's tickets do not count.
///
/// The order is part of the format: new kinds are added at the end.
#[derive(
    BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize,
)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OrderKind {
    /// As long as it can have any.
    Revoke,
    /// Until a moment.
    Suspend {
        /// The moment, which is at most a week away.
        #[serde(rename = "until_unix_ms")]
        until: Timestamp,
    },
}

/// Names the handle under which the accused ticket was signed.
///
/// In shard 0, signed with an issuing key of a member of the ticket authority. It is settled once as
/// many members as sign a ticket name the same, so that no single one of them can accuse another
/// vehicle.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NameHandle {
    /// The order's number.
    pub order: u64,
    /// The handle.
    pub handle: TicketHandle,
}

/// Reveals the seed of the accused ticket's slot, by which one of the authorities links the vehicle's
/// tickets.
///
/// In shard 0, signed with an issuing key of that authority; 60 s after the handle was settled, with
/// any operator's issuing key, by whoever has put it together from what the authority left in escrow.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RevealSeed {
    /// The order's number.
    pub order: u64,
    /// Whose seed it is.
    pub authority: LinkageAuthority,
    /// The seed.
    pub seed: RevealedSeed,
}

/// The accused says that it was wronged.
///
/// In shard 0, sent by whoever has an account there and agreed to with the accused ticket's own key, so
/// that the vehicle stays as pseudonymous as it was.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AppealRevocation {
    /// The order's number.
    pub order: u64,
    /// A digest of what the accused says.
    pub statement: Digest,
}

/// Takes an order back, after an appeal or without one.
///
/// In shard 0, signed by a quorum of operators with cold or issuing keys.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LiftRevocation {
    /// The order's number.
    pub order: u64,
}
