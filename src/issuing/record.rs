use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    BatchId, SealedTicket, TicketBlob, Token, VehicleHandle,
    body::ESCROW_SHARE_LEN,
    encoding::{decode, encode},
};
use crate::{
    crypto::{Digest, Purpose},
    id::{GroupId, VehicleId},
    ledger::TicketHandle,
    security::Slot,
};

/// What a role has to know after a restart, as its journal keeps it.
///
/// A machine is built from all records that were ever written for it; those of other roles and groups
/// are passed over, so one journal may hold all of a process. What [`compact`](super::LinkageOffice::compact)
/// gives replaces everything written before.
#[derive(BorshDeserialize, BorshSerialize, Clone, PartialEq)]
pub enum Record {
    /// An enrolment authority gives no tickets for slots before this one.
    Floor {
        /// The group.
        group: GroupId,
        /// The slot.
        slot: u32,
    },
    /// An enrolment authority has accepted a request.
    Requested(RequestedTickets),
    /// An enrolment authority has tickets for its cars.
    Minted {
        /// The group.
        group: GroupId,
        /// The key that signed them.
        issuer: u16,
        /// The tickets.
        tickets: Vec<(TicketHandle, SealedTicket)>,
    },
    /// An enrolment authority has given tickets up.
    Failed {
        /// The group.
        group: GroupId,
        /// The tickets.
        handles: Vec<TicketHandle>,
    },
    /// A linkage office has named a vehicle's tickets.
    Linked {
        /// The group.
        group: GroupId,
        /// The tickets.
        slots: Vec<LinkedSlot>,
    },
    /// A member of a ticket authority will sign these bodies under these names, and no others while
    /// their keys count.
    Taken {
        /// The group.
        group: GroupId,
        /// The tickets.
        tickets: Vec<TakenTicket>,
    },
    /// A custodian keeps shares of seeds.
    Kept {
        /// With which batch they came.
        batch: BatchId,
        /// The shares.
        seeds: Vec<KeptSeed>,
    },
}

/// A request that was accepted.
#[derive(BorshDeserialize, BorshSerialize, Clone, PartialEq)]
pub struct RequestedTickets {
    pub(super) group: GroupId,
    pub(super) token: Token,
    pub(super) digest: Digest,
    pub(super) vehicle: VehicleId,
    pub(super) generation: u32,
    pub(super) response_key: [u8; 32],
    pub(super) members: Vec<u16>,
    pub(super) used: Vec<u32>,
    pub(super) tickets: Vec<RequestedTicket>,
}

/// One ticket of it; its blobs are gone once it is signed.
#[derive(BorshDeserialize, BorshSerialize, Clone, PartialEq)]
pub struct RequestedTicket {
    pub(super) handle: TicketHandle,
    pub(super) slot: u32,
    pub(super) blobs: Vec<TicketBlob>,
}

/// A ticket that a linkage office has named.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, PartialEq)]
pub struct LinkedSlot {
    pub(super) handle: TicketHandle,
    pub(super) vehicle: VehicleHandle,
    pub(super) slot: u32,
}

/// A ticket that a member signs.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, PartialEq)]
pub struct TakenTicket {
    pub(super) handle: TicketHandle,
    pub(super) slot: u32,
    /// Under which key.
    pub(super) issuer: u16,
    /// Of all of the ticket but its signature.
    pub(super) body: Digest,
}

/// A custodian's shares of a ticket's seeds, First and Second.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, PartialEq)]
pub struct KeptSeed {
    pub(super) handle: TicketHandle,
    pub(super) slot: u32,
    pub(super) shares: [[u8; ESCROW_SHARE_LEN]; 2],
}

/// Bytes are no record.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("not a record of issuing, or a damaged one")]
pub struct RecordError;

impl Record {
    /// That an enrolment authority gives no tickets for slots before `slot`: written first where a
    /// journal begins, or is taken back to an older one, although the group may have issued before.
    /// What was given is not known then.
    pub fn floor(group: GroupId, slot: Slot) -> Self {
        Self::Floor {
            group,
            slot: slot.number(),
        }
    }

    pub(super) fn linked(group: GroupId, slots: Vec<LinkedSlot>) -> Vec<Self> {
        let chunks = slots.chunks(RECORD_ENTRIES_MAX);
        let record = |slots: &[LinkedSlot]| Self::Linked {
            group,
            slots: slots.to_vec(),
        };
        chunks.map(record).collect()
    }

    pub(super) fn kept(batch: BatchId, seeds: Vec<KeptSeed>) -> Vec<Self> {
        let chunks = seeds.chunks(RECORD_ENTRIES_MAX);
        let record = |seeds: &[KeptSeed]| Self::Kept {
            batch,
            seeds: seeds.to_vec(),
        };
        chunks.map(record).collect()
    }

    pub(super) fn taken(group: GroupId, tickets: Vec<TakenTicket>) -> Vec<Self> {
        let chunks = tickets.chunks(RECORD_ENTRIES_MAX);
        let record = |tickets: &[TakenTicket]| Self::Taken {
            group,
            tickets: tickets.to_vec(),
        };
        chunks.map(record).collect()
    }

    /// The last slot that it is about: once [`Facts::kept_from`](super::Facts::kept_from) is later,
    /// nobody needs it any more. `None` for one that is kept for good.
    pub fn last_slot(&self) -> Option<Slot> {
        let last = match self {
            Self::Floor { .. } => return None,
            Self::Requested(request) => request.tickets.iter().map(|it| it.slot).max(),
            // They do not say, and are of no use without the request, which does.
            Self::Minted { .. } | Self::Failed { .. } => return None,
            Self::Linked { slots, .. } => slots.iter().map(|it| it.slot).max(),
            Self::Taken { tickets, .. } => tickets.iter().map(|it| it.slot).max(),
            Self::Kept { seeds, .. } => seeds.iter().map(|it| it.slot).max(),
        };
        Some(Slot::from_number(last.unwrap_or(0)))
    }

    /// The bytes to store: version 2, a check value 8, then what is kept. Some hold shares of secrets.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let content = Zeroizing::new(encode(self));
        let check = Digest::of(Purpose::IssuingRecord, &[&content]).prefix();
        Zeroizing::new([[VERSION].as_slice(), &check, &content].concat())
    }

    /// Reads what [`Self::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let (version, rest) = bytes.split_first().ok_or(RecordError)?;
        let (check, content) = rest.split_first_chunk::<8>().ok_or(RecordError)?;
        let is_whole = Digest::of(Purpose::IssuingRecord, &[content]).prefix() == *check;
        if *version != VERSION || !is_whole {
            return Err(RecordError);
        }
        decode(content, RECORD_LENGTH_MAX).map_err(|_| RecordError)
    }
}

/// Says what kind it is, and nothing of what it holds.
impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Floor { .. } => "Floor",
            Self::Requested(_) => "Requested",
            Self::Minted { .. } => "Minted",
            Self::Failed { .. } => "Failed",
            Self::Linked { .. } => "Linked",
            Self::Taken { .. } => "Taken",
            Self::Kept { .. } => "Kept",
        })
    }
}

/// How many tickets one record holds at most.
pub(super) const RECORD_ENTRIES_MAX: usize = 2_048;
/// Bytes of the longest one: a request with all its blobs.
pub const RECORD_LENGTH_MAX: usize = 512 * 1024;
const VERSION: u8 = 2;
