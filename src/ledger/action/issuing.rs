use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::{
    crypto::Digest,
    id::{DomainId, GroupId},
    ledger::AccountKey,
    time::Timestamp,
};

/// Says what tickets are like on this ledger.
///
/// In shard 0, signed by a quorum of operators with their cold keys. The domain and the length of a
/// slot are settled by the first one for ever, and so is the slot in which linkage chains begin: the
/// one of its block.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SetTicketPolicy {
    /// The trust domain of all tickets.
    pub domain: DomainId,
    /// How long a slot is.
    pub slot_length_s: u32,
    /// How many slots after the current one a vehicle may have tickets for.
    pub preload_slots: u32,
    /// How many vehicles at least are in a batch of tickets, unless it waited long enough.
    pub batch_vehicles_min: u32,
    /// How long a batch waits for more vehicles.
    pub batch_wait_ms: u32,
}

/// Founds an issuing group, or changes one.
///
/// In shard 0, signed by a quorum of operators with their cold keys. The two authorities of a group
/// never change, since its linkage chains are theirs.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SetGroup {
    /// The group; a new one has the number after the last.
    pub group: GroupId,
    /// The operator that enrols vehicles, and is the first linkage authority.
    pub enrolment: u16,
    /// The operator that is the second linkage authority.
    pub linkage: u16,
    /// The operators that sign tickets, sorted.
    pub members: Vec<u16>,
    /// How many of them it takes to sign.
    pub threshold: u16,
    /// How many replicas of the enrolment authority there are; another number counts from the first
    /// slot on for which no vehicle can have a ticket yet.
    pub replicas: u16,
}

/// Certifies the key by which an operator's replica speaks about tickets.
///
/// In shard 0, signed with the operator's cold key. The key before it counts until its own end.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CertifyIssuingKey {
    /// The operator's index.
    pub operator: u16,
    /// Which of its replicas, from 0; a new one has the number after the last.
    pub replica: u16,
    /// The key, which nobody used before; or the replica's own again.
    pub key: AccountKey,
    /// Where the replica is reached, as `host:port`.
    pub door: String,
    /// From when on it counts.
    #[serde(rename = "from_unix_ms")]
    pub from: Timestamp,
    /// Until when it counts.
    #[serde(rename = "until_unix_ms")]
    pub until: Timestamp,
}

/// Gives an operator another cold key, because the one it had is lost or stolen.
///
/// In shard 0, signed with the new key and by a quorum of operators with their cold keys, of whom the
/// operator itself is none. Its issuing keys count no more.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReplaceOperatorKey {
    /// The operator's index.
    pub operator: u16,
    /// Its key for governance from now on, which no operator ever had.
    pub cold_key: AccountKey,
}

/// Tells the other members of a group's ticket authority what they need for their common key.
///
/// In shard 0, signed with a member's issuing key.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PostKeyPart {
    /// The group.
    pub group: GroupId,
    /// Which key of the group is being made; the number after the current one begins anew, and only
    /// with round 1.
    pub ceremony: u32,
    /// The round, from 1 to [`KEY_ROUNDS_MAX`]; only once all members have posted theirs of the one
    /// before.
    pub round: u8,
    /// What is told, at most [`KEY_PART_BYTES_MAX`] bytes. As text, hexadecimal digits.
    #[serde(with = "super::hexadecimal")]
    pub part: Vec<u8>,
}

/// Says which key a ceremony has made; once all members say the same, it signs tickets.
///
/// In shard 0, signed with a member's issuing key.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmTicketKey {
    /// The group.
    pub group: GroupId,
    /// Which key of the group it is.
    pub ceremony: u32,
    /// The key that signs tickets.
    pub key: AccountKey,
    /// The first moment at which a slot that it signs for may begin.
    #[serde(rename = "from_unix_ms")]
    pub from: Timestamp,
    /// The last moment at which a slot that it signs for may begin.
    #[serde(rename = "until_unix_ms")]
    pub until: Timestamp,
}

/// Tickets under a key count no more.
///
/// In shard 0, signed by a quorum of operators, with cold or issuing keys.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WithdrawTicketKey {
    /// The key's id in tickets.
    pub id: u16,
}

/// Commits a ticket authority to the tickets that it signed together.
///
/// In shard 0, signed with a member's issuing key.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CommitTickets {
    /// The group.
    pub group: GroupId,
    /// How many tickets for which slot, sorted by slot; at most [`SLOTS_MAX`].
    pub slots: Vec<SlotCount>,
    /// A digest over all of them.
    pub root: Digest,
}

/// How many tickets there are for a slot.
#[derive(
    BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize,
)]
#[serde(deny_unknown_fields)]
pub struct SlotCount {
    /// The slot's number.
    pub slot: u32,
    /// How many.
    pub tickets: u32,
}

/// The most bytes of one part of a key.
pub const KEY_PART_BYTES_MAX: usize = 8 << 10;
/// The most rounds in which a key is made.
pub const KEY_ROUNDS_MAX: u8 = 3;
/// The most slots of a batch of tickets.
pub const SLOTS_MAX: usize = 2_048;
/// The version of the rules since which a ledger knows who issues tickets.
pub(in crate::ledger) const ISSUING_RULES: u16 = 3;
